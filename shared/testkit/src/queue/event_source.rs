//! The queue as an event source mapping works with it.

use std::sync::Arc;
use std::time::Duration;

use rand::seq::SliceRandom;
use redrive_core::ids::{MessageId, ReceiptHandle};
use redrive_core::message::batch::Response;
use redrive_core::message::envelope::Record;
use tokio::time::Instant;

use super::ModelQueue;
use super::message::Held;
use crate::lock;

impl ModelQueue {
    /// Hands out up to `at_most` messages at once, as an event source mapping takes them. Those whose receives are
    /// used up go to the dead-letter queue instead.
    pub fn receive_batch(&self, at_most: usize) -> Vec<Record> {
        let mut queue = self.locked();
        let now = queue.now();
        queue.expire(now);
        let state = &mut *queue.state;
        let blocked = state.blocked(now);
        let may_come = |held: &Held| {
            held.visible_at <= now && held.message.group.as_deref().is_none_or(|group| !blocked.contains(group))
        };
        let mut visible: Vec<_> = (0..state.held.len()).filter(|at| may_come(&state.held[*at])).collect();
        visible.sort_by_key(|at| state.held[*at].message.sequence);
        if state.quirks.shuffled {
            visible.shuffle(&mut state.random);
        }
        let mut records = Vec::new();
        let mut spent = Vec::new();
        for at in visible {
            let held = &queue.state.held[at];
            if queue.state.redrive.as_ref().is_some_and(|(_, limit)| held.receives >= *limit) {
                spent.push(Arc::clone(&held.message));
            } else if records.len() < at_most {
                records.push(queue.hand_out(at, now));
            }
        }
        for message in spent {
            queue.move_to_dead_letters(&message);
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
                self.locked().remove(&id, &handle);
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
}
