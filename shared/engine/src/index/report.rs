use std::collections::BTreeMap;

use redrive_core::admission::Leave;
use redrive_core::letter::{Happening, Letter, Status};
use redrive_core::time::Timestamp;
use serde::Serialize;

/// What became of the messages of one drain.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct DrainReport {
    /// Messages received.
    pub received: usize,
    /// New letters.
    pub created: usize,
    /// Of these and of the changed ones: PENDING, by error type.
    pub pending: BTreeMap<&'static str, usize>,
    /// New letters that are RESOLVED at once, and old ones that came to it.
    pub resolved: usize,
    /// Letters that died again, or whose copy did.
    pub changed: usize,
    /// Messages deleted from the queue.
    pub deleted: usize,
    /// Messages that should have been deleted and were not; the next drain knows them.
    pub delete_failures: usize,
    /// Left in the queue: somebody still runs them.
    pub lease_live: usize,
    /// Left in the queue: a table did not answer, or not in time.
    pub unavailable: usize,
    /// Receives that the queue did not answer.
    pub failed_receives: usize,
    /// Left in the queue: without an id, a receipt handle, a body or a timestamp.
    pub skipped: usize,
    /// Left in the queue: seen before in this drain.
    pub repeated: usize,
    /// Causes that nobody had seen before.
    pub new_fingerprints: usize,
    /// Causes whose record was not written; their letters were.
    pub unrecorded_causes: usize,
    /// When the oldest of the messages that were received and left was sent, as the dead-letter queue reckons it: its retention
    /// counts from there.
    #[serde(skip)]
    pub oldest_left: Option<Timestamp>,
}

impl DrainReport {
    pub(super) fn count(&mut self, letter: &Letter, new: bool) {
        let resolved_now = letter.history.last().is_some_and(|event| event.what == Happening::Resolved);
        if new {
            self.created += 1;
        } else {
            self.changed += 1;
        }
        match letter.status {
            Status::Pending => *self.pending.entry(letter.reason.error_type.as_str()).or_default() += 1,
            Status::Resolved if resolved_now => self.resolved += 1,
            _ => {}
        }
    }

    pub(super) const fn leave(&mut self, why: Leave) {
        match why {
            Leave::LeaseLive => self.lease_live += 1,
        }
    }

    pub(super) fn left(&mut self, sent_at: Option<Timestamp>) {
        self.oldest_left = [self.oldest_left, sent_at].into_iter().flatten().min();
    }

    /// Both together.
    #[must_use]
    pub fn and(mut self, other: Self) -> Self {
        let Self { received, created, pending, resolved, changed, deleted, delete_failures, lease_live, .. } = other;
        let Self { unavailable, failed_receives, skipped, repeated, new_fingerprints, unrecorded_causes, .. } = other;
        pending.into_iter().for_each(|(error_type, count)| *self.pending.entry(error_type).or_default() += count);
        self.received += received;
        self.created += created;
        self.resolved += resolved;
        self.changed += changed;
        self.deleted += deleted;
        self.delete_failures += delete_failures;
        self.lease_live += lease_live;
        self.unavailable += unavailable;
        self.failed_receives += failed_receives;
        self.skipped += skipped;
        self.repeated += repeated;
        self.new_fingerprints += new_fingerprints;
        self.unrecorded_causes += unrecorded_causes;
        self.left(other.oldest_left);
        self
    }

    /// What was received and is in no other count was cut off by the deadline.
    pub(super) fn closed(mut self) -> Self {
        let known = self.deleted + self.delete_failures + self.lease_live + self.skipped + self.repeated;
        let open = self.received.saturating_sub(known);
        self.unavailable = self.unavailable.max(open);
        self
    }
}
