//! The queues that share a dead-letter queue, and which of them a message comes from.

use std::collections::BTreeMap;

use redrive_core::ids::QueueArn;
use redrive_core::letters::policy::Policy;
use redrive_core::message::decode::{Inspected, Reading};
use redrive_core::message::envelope::Envelope;
use redrive_core::message::foreign::StatedReason;
use redrive_core::message::source::Source;
use redrive_core::processing::mask::Redaction;
use tracing::warn;

use super::run::DrainMemory;

/// A queue whose dead letters are in the dead-letter queue, and what is known of its consumer.
#[derive(Debug)]
pub struct IndexedSource<R> {
    /// The ledger of its consumer.
    pub ledger: R,
    /// Reading of the messages: the processor's own settings, or the keys would differ.
    pub reading: Reading,
    /// Policy by which a letter may be replayed.
    pub policy: Policy,
    /// Redaction of the texts that messages bring with them; those in the ledger were redacted before.
    pub redaction: Redaction,
}

impl<R> IndexedSource<R> {
    /// Reason that a message gives by itself about its death, fit to be stored.
    fn stated_reason(&self, dead: &Inspected) -> Option<StatedReason> {
        let stated = StatedReason::of(&dead.envelope, dead.record.as_ref())?;
        Some(self.redacted(stated, dead))
    }

    /// The same reason without what is to be masked of the message.
    pub(super) fn redacted(&self, stated: StatedReason, dead: &Inspected) -> StatedReason {
        if stated.in_our_words() {
            return stated;
        }
        let text = self.redaction.apply(&stated.text, dead.json.as_ref().ok());
        StatedReason { text, ..stated }
    }
}

/// A dead message of a source, before anything was looked up.
pub(super) struct DeadToIndex {
    pub(super) inspected: Inspected,
    /// True if only its attribute says that it is of that source.
    pub(super) claimed: bool,
    /// Failure that it states by itself, its text redacted.
    pub(super) stated: Option<StatedReason>,
}

/// Place of a source, and its messages.
pub(super) type OfOne = (usize, Vec<DeadToIndex>);

/// Sorts messages by the queue that they come from. One of no queue here stays where it is, and is counted.
pub(super) fn sorted<R>(sources: &[IndexedSource<R>], fresh: Vec<Envelope>, run: &DrainMemory) -> Vec<OfOne> {
    let readings: Vec<_> = sources.iter().map(|source| &source.reading).collect();
    let mut of_each: BTreeMap<usize, Vec<DeadToIndex>> = BTreeMap::new();
    for dead in fresh {
        let (place, claimed) = match Source::of(&dead, &readings) {
            Source::Known(place) => (place, false),
            Source::Claimed(place) => (place, true),
            Source::Unlisted => {
                run.count_unlisted(dead.moved_from.as_deref());
                continue;
            }
            Source::Unsaid => {
                run.count_unlisted(None);
                continue;
            }
        };
        let inspected = Inspected::of_dead(dead, readings[place]);
        let stated = sources[place].stated_reason(&inspected);
        of_each.entry(place).or_default().push(DeadToIndex { inspected, claimed, stated });
    }
    of_each.into_iter().collect()
}

/// Says which queues' messages stay, a line for each.
pub(super) fn tell(unlisted_sources: BTreeMap<Option<String>, usize>) {
    for (from, count) in unlisted_sources {
        let Some(from) = from else {
            warn!(
                count,
                "messages stay in the dead-letter queue: several queues share it, and nothing says whose they are"
            );
            continue;
        };
        let parsed = QueueArn::parse(&from);
        let from = parsed.as_ref().map_or("what is no ARN of a queue", QueueArn::as_str);
        warn!(count, from, "messages stay in the dead-letter queue: SQS moved them from a queue that is not listed");
    }
}
