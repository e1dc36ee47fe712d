//! Run of a request: the passes that a request takes, in their order.

use std::collections::HashMap;

use redrive_core::ids::{LetterId, QueueArn};
use redrive_core::letters::cause::PendingCounts;
use redrive_core::letters::letter::Status;
use redrive_core::ports::{Clock, LedgerReader, Unavailable};
use redrive_core::replay::Selection;
use tokio::time::Instant;

use super::error::ReplayError;
use super::job_requests::work;
use super::pair_states::PairStates;
use super::pass::{over_ids, over_index};
use super::permitted::not_listed;
use super::queue_pairs::QueuePairs;
use super::reports::Reports;
use super::task::{Pass, PassEnd, Passed, ReplayTask};
use crate::replay::job::{JobAnswer, open_jobs};
use crate::replay::ports::ReplayPorts;
use crate::replay::remark::{RemarkKind, RemarkRequest};
use crate::replay::scan::selected_letters::SelectedLetters;
use crate::replay::transfer::request::TransferRequest;
use redrive_core::letters::listing::Listing;

/// Number of queues that are not configured which an answer names.
const UNLISTED_SOURCES: usize = 20;

/// Run of a request, and what became of letters in it.
pub(super) struct Run<'a, P: ReplayPorts> {
    pairs: &'a QueuePairs<P>,
    states: &'a PairStates,
    selected: SelectedLetters<'a>,
    pub(super) deadline: Instant,
    reports: Reports,
    /// Letters of queues that are not configured, and that were left alone.
    unlisted: HashMap<LetterId, QueueArn>,
}

impl<'a, P: ReplayPorts> Run<'a, P> {
    pub(super) fn new(
        pairs: &'a QueuePairs<P>,
        states: &'a PairStates,
        selected: SelectedLetters<'a>,
        deadline: Instant,
    ) -> Self {
        let reports = Reports::none(pairs.pairs.len());
        Self { pairs, states, selected, deadline, reports, unlisted: HashMap::new() }
    }

    /// Reports of the run, with the queues of the letters that were left alone.
    pub(super) fn reports(self) -> Reports {
        let Self { mut reports, unlisted, .. } = self;
        reports.rest.unlisted += unlisted.len();
        let sources = &mut reports.rest.unlisted_sources;
        sources.extend(unlisted.into_values());
        while sources.len() > UNLISTED_SOURCES {
            sources.pop_last();
        }
        reports
    }

    /// The standing job, and then the others that are open, which get half of the time; neither waits for the other's
    /// troubles to be over.
    pub(super) async fn scheduled(&mut self) -> Result<(), Unavailable> {
        let open = open_jobs(&self.pairs.letters).await;
        let others = open.as_ref().is_ok_and(|jobs| !jobs.is_empty());
        let left = self.deadline.saturating_duration_since(Instant::now());
        let done = self.schedule(if others { Instant::now() + left / 2 } else { self.deadline }).await;
        if (0..self.pairs.pairs.len()).any(|place| !self.states.refuses(place)) {
            let worked = work(self.pairs, self.states, open?, self.deadline).await;
            self.reports.add(&worked);
        }
        done
    }

    /// Works on all open jobs.
    pub(super) async fn work(&mut self) -> Result<(), Unavailable> {
        let open = open_jobs(&self.pairs.letters).await?;
        let worked = work(self.pairs, self.states, open, self.deadline).await;
        self.reports.add(&worked);
        Ok(())
    }

    /// Sends first what is due, which gets most of the time; then finds out what became of the others.
    async fn schedule(&mut self, end: Instant) -> Result<(), Unavailable> {
        let now = self.pairs.world.now();
        let left = || end.saturating_duration_since(Instant::now());
        let due = ReplayTask::Transfer(TransferRequest::schedule(now));
        let sending = self.pass(due, Instant::now() + left() * 3 / 5);
        self.index(sending, Listing::due(Status::Replaying, now)).await?;
        self.index(sending, Listing::due(Status::Pending, now)).await?;
        // Where nothing keeps a ledger there is nothing to ask: REPLAYED is final.
        if self.pairs.pairs.iter().any(|pair| pair.ledger.is_kept()) {
            let asking = self.pass(ReplayTask::Reconcile, Instant::now() + left() / 2);
            self.index(asking, Listing::all(Status::Replayed)).await?;
        }
        self.waiting(end).await
    }

    async fn index(&mut self, pass: Pass<'a, P>, listing: Listing<'_>) -> Result<(), Unavailable> {
        let (passed, walked) = over_index(pass, listing, None).await;
        self.keep(passed);
        walked
    }

    /// Finds out what became of the letters that wait. It sees all of them, so that nothing else needs to count them; where
    /// no ledger is kept, counting is all there is to it. Where it does not get through, what it saw is the least that waits;
    /// a walk that saw nothing says nothing.
    async fn waiting(&mut self, end: Instant) -> Result<(), Unavailable> {
        let as_of = self.pairs.world.now();
        let pass = self.pass(ReplayTask::Reconcile, end);
        let (mut passed, walked) = over_index(pass, Listing::all(Status::Pending), None).await;
        let whole = walked.is_ok() && passed.end == PassEnd::Whole;
        for (report, pending) in passed.reports.pairs.iter_mut().zip(std::mem::take(&mut passed.pending)) {
            let counted = PendingCounts { at_least: !whole, ..pending };
            report.pending_counts = Some(counted).filter(|counted| whole || counted.total().pending > 0);
        }
        if whole {
            let summary = std::mem::take(&mut passed.tally).summary(as_of);
            self.pairs.summaries.keep(&self.pairs.letters, summary, end).await;
        }
        self.keep(passed);
        walked
    }

    /// Does what a person says of letters, of whichever queue.
    pub(super) async fn selected(&mut self, selection: &Selection, task: ReplayTask<'a>) -> Result<(), ReplayError> {
        let pass = self.pass(task, self.deadline);
        let filter = match selection {
            Selection::Ids(_) | Selection::Shown(_) => {
                self.keep(over_ids(pass, &selection.ids().unwrap_or_default()).await);
                return Ok(());
            }
            // Only a job has a list, and none of its requests comes here.
            Selection::Listed(_) => return Ok(()),
            Selection::Filter(filter) => filter,
        };
        let listed = filter.source_topic.as_ref().is_none_or(|source| self.pairs.place_of(source).is_some());
        if !listed && !task.is_remark() {
            return Err(not_listed(self.pairs));
        }
        let restores = matches!(task, ReplayTask::Remark(RemarkRequest { kind: RemarkKind::Restore, .. }));
        let status = if restores { Status::Discarded } else { Status::Pending };
        let (passed, walked) = over_index(pass, filter.listing(status), Some(filter)).await;
        self.keep(passed);
        Ok(walked?)
    }

    const fn pass(&self, task: ReplayTask<'a>, deadline: Instant) -> Pass<'a, P> {
        Pass { pairs: self.pairs, states: self.states, task, selected: self.selected, deadline }
    }

    fn keep(&mut self, passed: Passed) {
        self.reports.add(&passed.reports);
        self.reports.rest.more |= passed.end == PassEnd::OutOfTime;
        self.unlisted.extend(passed.unlisted);
    }

    /// Tells what came of a request about a job.
    pub(super) fn answer(&mut self, answer: JobAnswer) {
        let report = self.reports.of_jobs();
        match answer {
            JobAnswer::Shown(views) => views.into_iter().for_each(|view| report.show(view)),
            JobAnswer::NotFound => report.not_found += 1,
            JobAnswer::Unavailable => report.unavailable += 1,
            JobAnswer::Refused { why, job } => {
                report.refused = Some(why);
                job.into_iter().for_each(|view| report.show(*view));
            }
        }
    }
}
