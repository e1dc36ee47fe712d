//! Moves of messages by SQS itself between a queue and its dead-letter queue.

use std::sync::Arc;

use redrive_core::ids::MessageId;

use super::message::Held;
use super::{ModelMessage, ModelQueue, State};
use crate::journal::What;
use crate::lock;

impl ModelQueue {
    /// The redrive policy: the message keeps its age, in a standard queue, and its receives.
    pub(super) fn move_to_dead_letters(&self, state: &mut State, message: &Arc<ModelMessage>) {
        let Some((dead_letters, _)) = state.redrive.clone() else { return };
        let Some(held) = take(state, &message.id) else { return };
        let renamed = state.chance(state.quirks.new_id_on_move);
        let mut there = lock(&dead_letters.state);
        there.sent += 1;
        let id = if renamed { dead_letters.id(there.sent) } else { message.id.clone() };
        let (sent_at, sequence) = if there.fifo {
            (self.faults.clock().now(), Some(there.sent))
        } else {
            (message.sent_at, message.sequence)
        };
        let moved = ModelMessage { id, sent_at, sequence, from: Some(self.arn()), ..(**message).clone() };
        self.arrive(&dead_letters, &mut there, &message.id, moved, held.receives);
    }

    /// SQS's own redrive of a dead-letter queue (`StartMessageMoveTask`): up to `at_most` of what is visible here goes to
    /// the queue of `to` that it was moved from, or else to the first of them. Each message goes as one that was enqueued just
    /// now and never received, under a new id or, by chance, its own. Its attributes stay. How many went.
    ///
    /// <https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-configure-dead-letter-queue-redrive.html>
    pub fn move_messages(&self, to: &[&Self], at_most: usize) -> usize {
        let now = self.faults.clock().now();
        let mut state = lock(&self.state);
        self.expire(&mut state, now);
        let visible = state.held.iter().filter(|held| held.visible_at <= now);
        let ids: Vec<_> = visible.take(at_most).map(|held| held.message.id.clone()).collect();
        let mut taken = Vec::with_capacity(ids.len());
        let chance = state.quirks.same_id_on_return;
        for id in &ids {
            let same_id = state.chance(chance);
            taken.extend(take(&mut state, id).map(|held| (held.message, same_id)));
        }
        drop(state);
        for (message, same_id) in taken {
            let source = to.iter().find(|queue| message.from.as_ref() == Some(&queue.arn())).or(to.first());
            let Some(to) = source else { return 0 };
            let mut there = lock(&to.state);
            there.sent += 1;
            let id = if same_id { message.id.clone() } else { to.id(there.sent) };
            let sequence = there.fifo.then_some(there.sent);
            let moved = ModelMessage { id, sent_at: now, sequence, from: None, ..(*message).clone() };
            self.arrive(to, &mut there, &message.id, moved, 0);
        }
        ids.len()
    }

    fn arrive(&self, to: &Self, there: &mut State, id: &MessageId, message: ModelMessage, receives: u32) {
        let message = Arc::new(message);
        to.put(there, Arc::clone(&message), receives, self.faults.clock().now());
        let (from, to) = (Arc::clone(&self.name), Arc::clone(&to.name));
        self.faults.record(What::Moved { from, to, id: id.clone(), message });
    }
}

fn take(state: &mut State, id: &MessageId) -> Option<Held> {
    let at = state.held.iter().position(|held| held.message.id == *id)?;
    Some(state.held.remove(at))
}
