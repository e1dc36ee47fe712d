//! Tasks: what is done with each letter that is found.

use std::collections::HashMap;

use redrive_core::ids::{LetterId, QueueArn};
use redrive_core::letters::cause::PendingCounts;
use redrive_core::letters::summary::CauseTally;
use redrive_core::replay::Remark;
use tokio::time::Instant;

use super::pair_states::PairStates;
use super::queue_pairs::QueuePairs;
use super::reports::Reports;
use crate::replay::ports::ReplayPorts;
use crate::replay::remark::RemarkRequest;
use crate::replay::scan::selected_letters::SelectedLetters;
use crate::replay::transfer::request::TransferRequest;

/// Step that is taken with each letter.
#[derive(Debug, Clone, Copy)]
pub(super) enum ReplayTask<'a> {
    Transfer(TransferRequest<'a>),
    /// Preview of a transfer.
    Preview(TransferRequest<'a>),
    Reconcile,
    Remark(RemarkRequest<'a>),
    Free(&'a Remark),
}

impl ReplayTask<'_> {
    /// Returns true if it sends letters, or would.
    pub(super) const fn sends(self) -> bool {
        matches!(self, Self::Transfer(_) | Self::Preview(_))
    }

    /// Returns true if it needs nothing of the letters' queue.
    pub(super) const fn is_remark(self) -> bool {
        matches!(self, Self::Remark(_))
    }
}

/// Pass over letters with a task.
pub(super) struct Pass<'a, P: ReplayPorts> {
    pub(super) pairs: &'a QueuePairs<P>,
    pub(super) states: &'a PairStates,
    pub(super) task: ReplayTask<'a>,
    pub(super) selected: SelectedLetters<'a>,
    pub(super) deadline: Instant,
}

impl<P: ReplayPorts> Clone for Pass<'_, P> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<P: ReplayPorts> Copy for Pass<'_, P> {}

/// End of a pass.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum PassEnd {
    /// Everything was looked through.
    Whole,
    /// All pairs are left for the next run.
    AllRest,
    /// Time was over before the end.
    OutOfTime,
}

/// Outcome of a pass.
#[derive(Debug)]
pub(super) struct Passed {
    pub(super) reports: Reports,
    /// Letters of queues that are not configured, and that were left alone.
    pub(super) unlisted: HashMap<LetterId, QueueArn>,
    /// Candidates that were seen, by pair.
    pub(super) pending: Vec<PendingCounts>,
    /// Waiting letters that were met to find out what became of them, of whichever queue.
    pub(super) tally: CauseTally,
    pub(super) end: PassEnd,
}

impl Passed {
    pub(super) fn nothing(pairs: usize) -> Self {
        let pending = vec![PendingCounts::default(); pairs];
        Self {
            reports: Reports::none(pairs),
            unlisted: HashMap::new(),
            pending,
            tally: CauseTally::default(),
            end: PassEnd::Whole,
        }
    }

    /// Both together: the end is the worse one.
    pub(super) fn and(mut self, other: Self) -> Self {
        self.reports.add(&other.reports);
        self.unlisted.extend(other.unlisted);
        let pending = self.pending.into_iter().zip(other.pending).map(|(mine, theirs)| mine.and(theirs)).collect();
        Self { pending, tally: self.tally.and(other.tally), end: self.end.max(other.end), ..self }
    }
}
