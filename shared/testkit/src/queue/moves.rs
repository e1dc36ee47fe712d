//! Moves of messages by SQS itself between a queue and its dead-letter queue.

use std::sync::Arc;

use redrive_core::ids::MessageId;

use super::locked::LockedQueue;
use super::{ModelMessage, ModelQueue};
use crate::journal::What;

impl LockedQueue<'_> {
    /// The redrive policy: the message keeps its age, in a standard queue, and its receives.
    pub(super) fn move_to_dead_letters(&mut self, message: &Arc<ModelMessage>) {
        let Some((dead_letters, _)) = self.state.redrive.clone() else { return };
        let Some(held) = self.take(&message.id) else { return };
        let state = &mut *self.state;
        let renamed = state.chance(state.quirks.new_id_on_move);
        let mut there = dead_letters.locked();
        let next = there.next_id();
        let id = if renamed { next } else { message.id.clone() };
        let (sent_at, sequence) =
            if there.state.fifo { (self.now(), Some(there.state.sent)) } else { (message.sent_at, message.sequence) };
        let moved = ModelMessage { id, sent_at, sequence, from: Some(self.queue.arn()), ..(**message).clone() };
        arrive(self.queue, &mut there, &message.id, moved, held.receives);
    }
}

impl ModelQueue {
    /// SQS's own redrive of a dead-letter queue (`StartMessageMoveTask`): up to `at_most` of what is visible here goes to
    /// the queue of `to` that it was moved from, or else to the first of them. Each message goes as one that was enqueued just
    /// now and never received, under a new id or, by chance, its own. Its attributes stay. How many went.
    ///
    /// <https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-configure-dead-letter-queue-redrive.html>
    pub fn move_messages(&self, to: &[&Self], at_most: usize) -> usize {
        let mut here = self.locked();
        let now = here.now();
        here.expire(now);
        let visible = here.state.held.iter().filter(|held| held.visible_at <= now);
        let ids: Vec<_> = visible.take(at_most).map(|held| held.message.id.clone()).collect();
        let mut taken = Vec::with_capacity(ids.len());
        let chance = here.state.quirks.same_id_on_return;
        for id in &ids {
            let same_id = here.state.chance(chance);
            taken.extend(here.take(id).map(|held| (held.message, same_id)));
        }
        drop(here);
        for (message, same_id) in taken {
            let source = to.iter().find(|queue| message.from.as_ref() == Some(&queue.arn())).or(to.first());
            let Some(to) = source else { return 0 };
            let mut there = to.locked();
            let next = there.next_id();
            let id = if same_id { message.id.clone() } else { next };
            let sequence = there.state.fifo.then_some(there.state.sent);
            let moved = ModelMessage { id, sent_at: now, sequence, from: None, ..(*message).clone() };
            arrive(self, &mut there, &message.id, moved, 0);
        }
        ids.len()
    }
}

fn arrive(from: &ModelQueue, to: &mut LockedQueue<'_>, id: &MessageId, message: ModelMessage, receives: u32) {
    let message = Arc::new(message);
    to.put(Arc::clone(&message), receives, from.faults.clock().now());
    let (from_name, to_name) = (Arc::clone(&from.name), Arc::clone(&to.queue.name));
    from.faults.record(What::Moved { from: from_name, to: to_name, id: id.clone(), message });
}
