//! The queue while it is locked: every change of its messages, each written into the journal.

use std::sync::{Arc, MutexGuard};
use std::time::Duration;

use rand::RngExt;
use redrive_core::ids::{MessageId, ReceiptHandle};
use redrive_core::message::envelope::{Attributes, Record};
use redrive_core::time::Timestamp;

use super::message::Held;
use super::{ModelMessage, ModelQueue, State};
use crate::journal::What;

/// Time for which a FIFO queue takes a second message with one deduplication id, and drops it.
const DEDUPLICATION: Duration = Duration::from_secs(5 * 60);

/// A queue, and its messages for as long as nobody else may touch them.
pub(super) struct LockedQueue<'a> {
    pub(super) queue: &'a ModelQueue,
    pub(super) state: MutexGuard<'a, State>,
}

impl LockedQueue<'_> {
    /// Takes a message; one with a deduplication id that was taken lately is confirmed, and is not there.
    pub(super) fn accept(
        &mut self,
        body: String,
        attributes: Attributes,
        group: Option<String>,
        once: Option<String>,
    ) -> MessageId {
        let now = self.now();
        let before = once.as_ref().and_then(|once| self.state.taken.get(once));
        if let Some((id, _)) = before.filter(|(_, at)| at.after(DEDUPLICATION) > now) {
            let id = id.clone();
            self.record(What::Note(format!("a FIFO queue dropped a second {id}")));
            return id;
        }
        let id = self.next_id();
        let deduplication = once.clone();
        self.state.taken.extend(once.map(|once| (once, (id.clone(), now))));
        let (sequence, id_of) = (self.state.fifo.then_some(self.state.sent), id.clone());
        let message =
            ModelMessage { id: id_of, sent_at: now, body, attributes, group, sequence, deduplication, from: None };
        let message = Arc::new(message);
        self.put(Arc::clone(&message), 0, now);
        self.record(What::Sent { queue: Arc::clone(&self.queue.name), message });
        id
    }

    /// Id of the next message that the queue takes.
    #[expect(clippy::expect_used, reason = "the text is not empty")]
    pub(super) fn next_id(&mut self) -> MessageId {
        self.state.sent += 1;
        MessageId::new(format!("{}-{}", self.queue.name, self.state.sent)).expect("an id")
    }

    pub(super) fn put(&mut self, message: Arc<ModelMessage>, receives: u32, visible_at: Timestamp) {
        self.state.held.push(Held { message, visible_at, receives, handles: Vec::new() });
        self.queue.news.notify_waiters();
    }

    pub(super) fn expire(&mut self, now: Timestamp) {
        let retention = self.state.retention;
        let is_over = |held: &mut Held| held.message.sent_at.after(retention) <= now;
        let expired: Vec<_> = self.state.held.extract_if(.., is_over).map(|held| held.message.id.clone()).collect();
        for id in expired {
            self.record(What::Expired { queue: Arc::clone(&self.queue.name), id });
        }
    }

    /// Deletes by a handle. SQS confirms it whatever becomes of it, as long as the handle was one of the message's.
    pub(super) fn remove(&mut self, id: &MessageId, handle: &ReceiptHandle) {
        let state = &mut *self.state;
        let Some(at) = state.held.iter().position(|held| held.message.id == *id) else { return };
        let handles = &state.held[at].handles;
        if !handles.iter().any(|(known, _)| known == handle) {
            return;
        }
        let newest = handles.last().is_some_and(|(newest, _)| newest == handle);
        let gone = if newest {
            !state.chance(state.quirks.delete_does_not_stick)
        } else {
            state.chance(state.quirks.stale_delete_works)
        };
        if gone {
            state.held.remove(at);
            self.queue.news.notify_waiters();
        }
        self.record(What::Deleted { queue: Arc::clone(&self.queue.name), id: id.clone(), gone });
    }

    /// Sets a visibility; SQS's code if it refuses.
    pub(super) fn set_visibility(
        &mut self,
        id: &MessageId,
        handle: &ReceiptHandle,
        delay: Duration,
    ) -> Result<(), &'static str> {
        let now = self.now();
        let held = self.state.held.iter_mut().find(|held| held.message.id == *id);
        let result = held.ok_or("InvalidParameterValue").and_then(|held| held.change_visibility(handle, delay, now));
        let (queue, refused) = (Arc::clone(&self.queue.name), result.err());
        self.record(What::Hidden { queue, id: id.clone(), delay, refused });
        self.queue.news.notify_waiters();
        result
    }

    /// Hands out the message at this place.
    pub(super) fn hand_out(&mut self, at: usize, now: Timestamp) -> Record {
        let state = &mut *self.state;
        state.receives += 1;
        let again = state.chance(state.quirks.delivered_twice).then(|| state.random.random_range(0..5_000));
        let hidden = again.map_or(state.visibility, Duration::from_millis);
        let number = state.receives;
        let held = &mut state.held[at];
        held.receives += 1;
        held.visible_at = now.after(hidden);
        let record = held.hand_out(&format!("{}-receive-{number}", self.queue.name), now);
        let (id, count) = (held.message.id.clone(), held.receives);
        if let Some(handle) = record.receipt_handle.clone().and_then(ReceiptHandle::new) {
            self.record(What::Received { queue: Arc::clone(&self.queue.name), id, handle, count });
        }
        if again.is_some() {
            self.queue.news.notify_waiters();
        }
        record
    }

    pub(super) fn take(&mut self, id: &MessageId) -> Option<Held> {
        let at = self.state.held.iter().position(|held| held.message.id == *id)?;
        Some(self.state.held.remove(at))
    }

    pub(super) fn now(&self) -> Timestamp {
        self.queue.faults.clock().now()
    }

    pub(super) fn record(&self, what: What) {
        self.queue.faults.record(what);
    }
}
