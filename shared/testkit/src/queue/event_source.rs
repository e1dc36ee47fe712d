//! The queue as an event source mapping works with it.

use std::sync::Arc;
use std::time::Duration;

use rand::RngExt;
use rand::seq::SliceRandom;
use redrive_core::ids::{MessageId, ReceiptHandle};
use redrive_core::message::batch::Response;
use redrive_core::message::envelope::Record;
use redrive_core::time::Timestamp;
use tokio::time::Instant;

use super::message::Held;
use super::{ModelQueue, State};
use crate::journal::What;
use crate::lock;

impl ModelQueue {
    /// Hands out up to `at_most` messages at once, as an event source mapping takes them. Those whose receives are
    /// used up go to the dead-letter queue instead.
    pub fn receive_batch(&self, at_most: usize) -> Vec<Record> {
        let mut state = lock(&self.state);
        let now = self.faults.clock().now();
        self.expire(&mut state, now);
        let blocked = state.blocked(now);
        let may_come = |held: &Held| {
            held.visible_at <= now && held.message.group.as_deref().is_none_or(|group| !blocked.contains(group))
        };
        let mut visible: Vec<_> = (0..state.held.len()).filter(|at| may_come(&state.held[*at])).collect();
        visible.sort_by_key(|at| state.held[*at].message.sequence);
        if state.quirks.shuffled {
            let State { random, .. } = &mut *state;
            visible.shuffle(random);
        }
        let mut records = Vec::new();
        let mut spent = Vec::new();
        for at in visible {
            if state.redrive.as_ref().is_some_and(|(_, limit)| state.held[at].receives >= *limit) {
                spent.push(Arc::clone(&state.held[at].message));
            } else if records.len() < at_most {
                records.push(self.hand_out(&mut state, at, now));
            }
        }
        for message in spent {
            self.move_to_dead_letters(&mut state, &message);
        }
        records
    }

    /// Applies a batch's answer as Lambda does: deletes the messages that it does not name. If it names one that is not
    /// of this batch, the whole batch has failed, and `false` comes back.
    pub fn apply_response(&self, batch: &[Record], response: &Response) -> bool {
        let id = |record: &Record| record.message_id.clone().unwrap_or_default();
        let returned: Vec<_> = response.returned().map(|id| id.as_str().to_owned()).collect();
        if returned.iter().any(|returned| batch.iter().all(|record| id(record) != *returned)) {
            return false;
        }
        for record in batch.iter().filter(|record| !returned.contains(&id(record))) {
            let handle = record.receipt_handle.clone().and_then(ReceiptHandle::new);
            if let (Some(id), Some(handle)) = (MessageId::new(id(record)), handle) {
                self.remove(&id, &handle);
            }
        }
        true
    }

    /// Waits until a message can be received, at most `at_most`. Whether there is one.
    pub async fn wait(&self, at_most: Duration) -> bool {
        let deadline = Instant::now() + at_most;
        loop {
            let news = self.news.notified();
            tokio::pin!(news);
            news.as_mut().enable();
            let next = lock(&self.state).next_visible(self.faults.clock().now());
            let wake = next.map_or(deadline, |next| self.faults.clock().instant(next).min(deadline));
            if next.is_some_and(|next| next <= self.faults.clock().now()) {
                return true;
            }
            if Instant::now() >= deadline {
                return false;
            }
            let _ = tokio::time::timeout_at(wake, news).await;
        }
    }

    fn hand_out(&self, state: &mut State, at: usize, now: Timestamp) -> Record {
        state.receives += 1;
        let again = state.chance(state.quirks.delivered_twice).then(|| state.random.random_range(0..5_000));
        let hidden = again.map_or(state.visibility, Duration::from_millis);
        let number = state.receives;
        let held = &mut state.held[at];
        held.receives += 1;
        held.visible_at = now.after(hidden);
        let record = held.hand_out(&format!("{}-receive-{number}", self.name), now);
        let (id, count) = (held.message.id.clone(), held.receives);
        if let Some(handle) = record.receipt_handle.clone().and_then(ReceiptHandle::new) {
            self.faults.record(What::Received { queue: Arc::clone(&self.name), id, handle, count });
        }
        if again.is_some() {
            self.news.notify_waiters();
        }
        record
    }
}
