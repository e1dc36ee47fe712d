//! Snapshot of all waiting letters, summed up by cause: pages answer from it at once.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;

use redrive_core::letters::spread::FailureSpread;
use redrive_core::letters::summary::OtherCauses;
use redrive_core::ports::Unavailable;
use redrive_core::time::Timestamp;
use redrive_operator::causes::CauseRow;
use redrive_operator::waiting::{CountBasis, WaitingCount};

use crate::holder::{HOLDERS, Holder};
use crate::latest::Latest;

/// Everything that waits or is under way, as it was at an instant.
#[derive(Debug, Clone)]
pub(crate) struct Snapshot {
    /// Time at which the snapshot was read.
    pub(crate) read_at: Timestamp,
    /// Basis of the letters that wait.
    pub(crate) basis: CountBasis,
    /// Causes that are told apart, the largest first.
    pub(crate) causes: Vec<CauseRow>,
    /// Letters of all other causes.
    pub(crate) others: OtherCauses,
    /// Number of letters by who acts on them, of the causes that are told apart.
    pub(crate) holders: [u64; HOLDERS],
    /// Time at which the next letter comes back by itself.
    pub(crate) next_due: Option<Timestamp>,
    /// Last failures of these letters over time.
    pub(crate) spread: FailureSpread,
    pub(crate) first: Option<Timestamp>,
    /// Number of letters by the class of their error.
    pub(crate) classes: BTreeMap<String, u64>,
}

impl Snapshot {
    /// Sums up what was counted.
    pub(crate) fn of(count: WaitingCount, read_at: Timestamp) -> Self {
        let (steps, first, classes) = (count.steps(), count.oldest(), count.by_class());
        let mut spread = FailureSpread::default();
        count.causes.iter().for_each(|cause| spread.join(cause.spread.clone()));
        Self {
            read_at,
            basis: count.basis,
            causes: count.causes,
            others: count.others,
            holders: Holder::counts(&steps),
            next_due: steps.next.map(|(at, ..)| at),
            spread,
            first,
            classes,
        }
    }

    pub(crate) fn letters(&self) -> u64 {
        self.causes.iter().map(|cause| cause.letters).sum::<u64>() + self.others.letters
    }
}

/// Content that a page has to show.
pub(crate) enum ShownSnapshot {
    /// A snapshot, perhaps of a moment ago.
    Taken(Arc<Snapshot>),
    /// The first reading goes on; so many letters were met by now.
    Reading(u64),
    /// The tables did not answer.
    Failed(Unavailable),
}

/// Place of the latest snapshot, and of the reading that goes on.
#[derive(Default)]
pub(crate) struct Snapshots {
    pub(crate) latest: Latest<Result<Arc<Snapshot>, Unavailable>>,
    pub(crate) met: AtomicU64,
}
