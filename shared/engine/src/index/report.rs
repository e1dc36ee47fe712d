use std::collections::BTreeMap;

use redrive_core::ids::QueueArn;
use redrive_core::letters::admission::Leave;
use redrive_core::letters::letter::{EventKind, Letter, Status};
use redrive_core::time::Timestamp;
use serde::Serialize;

/// Outcome of the letters of one queue in one drain.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct OfSource {
    /// Letters that were created.
    pub created: usize,
    /// Of these and of the changed ones: PENDING, by error type.
    pub pending: BTreeMap<&'static str, usize>,
    /// New letters that are RESOLVED at once, and old ones that came to it.
    pub resolved: usize,
    /// Letters that died again, or whose copy did.
    pub changed: usize,
}

/// Outcome of the messages of one drain.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct DrainReport {
    /// Number of messages received.
    pub received: usize,
    /// Letters that were created.
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
    /// Left in the queue: SQS moved them from a queue that is not listed.
    pub unlisted: usize,
    /// Left in the queue: several queues share it, and nobody says from which of them they come.
    pub source_unsaid: usize,
    /// Left in the queue: seen before in this drain.
    pub repeated: usize,
    /// Causes that nobody had seen before.
    pub new_fingerprints: usize,
    /// Causes whose record was not written; their letters were.
    pub unrecorded_causes: usize,
    /// Time at which the oldest of the messages that were received and left was sent, as the dead-letter queue reckons it: its retention
    /// counts from there.
    #[serde(skip)]
    pub oldest_left: Option<Timestamp>,
    /// The letters once more, by the queue that they come from.
    #[serde(skip)]
    pub of_source: BTreeMap<QueueArn, OfSource>,
}

impl OfSource {
    fn count(&mut self, letter: &Letter, new: bool) {
        let resolved_now = letter.history.last().is_some_and(|event| event.what == EventKind::Resolved);
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

    fn add(&mut self, other: &Self) {
        self.created += other.created;
        self.changed += other.changed;
        self.resolved += other.resolved;
        other.pending.iter().for_each(|(error_type, n)| *self.pending.entry(error_type).or_default() += n);
    }
}

impl DrainReport {
    pub(super) fn count(&mut self, letter: &Letter, new: bool) {
        let mut one = OfSource::default();
        one.count(letter, new);
        self.of_source.entry(letter.source.clone()).or_default().add(&one);
        self.created += one.created;
        self.changed += one.changed;
        self.resolved += one.resolved;
        one.pending.into_iter().for_each(|(error_type, n)| *self.pending.entry(error_type).or_default() += n);
    }

    pub(super) const fn leave(&mut self, why: Leave) {
        match why {
            Leave::LeaseLive => self.lease_live += 1,
        }
    }

    pub(super) fn left(&mut self, sent_at: Option<Timestamp>) {
        self.oldest_left = [self.oldest_left, sent_at].into_iter().flatten().min();
    }

    /// Returns both reports together.
    #[must_use]
    pub fn and(mut self, other: Self) -> Self {
        let Self { received, created, pending, resolved, changed, deleted, delete_failures, lease_live, .. } = other;
        let Self { unavailable, failed_receives, skipped, repeated, new_fingerprints, unrecorded_causes, .. } = other;
        let Self { unlisted, source_unsaid, of_source, .. } = other;
        of_source.iter().for_each(|(source, one)| self.of_source.entry(source.clone()).or_default().add(one));
        self.unlisted += unlisted;
        self.source_unsaid += source_unsaid;
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

    /// The same for each of the queues that share the dead-letter queue: the letters of each; what is counted of the dead-letter
    /// queue itself stands with the first.
    #[must_use]
    pub fn shares(&self, sources: &[QueueArn]) -> Vec<Self> {
        let share = |(place, source): (usize, &QueueArn)| {
            let of = self.of_source.get(source).cloned().unwrap_or_default();
            let OfSource { created, pending, resolved, changed } = of;
            let whole = if place == 0 { self.clone() } else { Self::default() };
            Self { created, pending, resolved, changed, ..whole }
        };
        if sources.len() < 2 { vec![self.clone()] } else { sources.iter().enumerate().map(share).collect() }
    }

    /// Report in which everything received that is in no other count was cut off by the deadline.
    pub(super) fn closed(mut self) -> Self {
        let strange = self.skipped + self.unlisted + self.source_unsaid;
        let known = self.deleted + self.delete_failures + self.lease_live + strange + self.repeated;
        let open = self.received.saturating_sub(known);
        self.unavailable = self.unavailable.max(open);
        self
    }
}
