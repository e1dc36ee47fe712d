//! Snapshot of all waiting letters, summed up by cause: pages answer from it at once.

use std::sync::Arc;
use std::sync::atomic::AtomicU64;

use redrive_core::ports::Unavailable;
use redrive_core::time::Timestamp;
use redrive_operator::causes::CauseRow;

use crate::holder::HOLDERS;
use crate::latest::Latest;
use crate::spread::FailureSpread;

/// Letters of one cause.
#[derive(Debug, Clone)]
pub(crate) struct CauseSum {
    pub(crate) row: CauseRow,
    /// Number of letters by who acts on them.
    pub(crate) holders: [u64; HOLDERS],
    /// Last failures of these letters over time.
    pub(crate) spread: FailureSpread,
}

/// Everything that waits or is under way, as it was at an instant.
#[derive(Debug, Clone)]
pub(crate) struct Snapshot {
    pub(crate) taken_at: Timestamp,
    /// Causes, the largest first.
    pub(crate) causes: Vec<CauseSum>,
    /// Number of letters by who acts on them.
    pub(crate) holders: [u64; HOLDERS],
    /// Time at which the next letter comes back by itself.
    pub(crate) next_due: Option<Timestamp>,
    /// Last failures of these letters over time.
    pub(crate) spread: FailureSpread,
    pub(crate) first: Option<Timestamp>,
}

impl Snapshot {
    pub(crate) fn letters(&self) -> u64 {
        self.causes.iter().map(|cause| cause.row.letters).sum()
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
