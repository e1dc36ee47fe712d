use redrive_core::ports::{Causes, Clock, Gauges, Jobs, LedgerMarker, Letters, Outbox, Summaries};
use redrive_core::replay::{Remark, Request, Selection};
use redrive_core::time::Timestamp;
use tokio::time::Instant;

use super::acts;
use super::error::ReplayError;
use super::job_requests::{add_to_list, new_job};
use super::pair_states::PairStates;
use super::permitted::{may_eject, may_send};
use super::queue_pairs::QueuePairs;
use super::reports::Reports;
use super::run::Run;
use super::task::ReplayTask;
use crate::replay::job::{list, show, steer};
use crate::replay::ports::ReplayPorts;
use crate::replay::queue_pair::{QueuePair, ReplaySettings};
use crate::replay::remark::{RemarkKind, RemarkRequest};
use crate::replay::scan::selected_letters::SelectedLetters;
use crate::replay::transfer::request::TransferRequest;
use crate::world::World;

/// Sends letters back to the queues that they came from, and does what else persons ask for.
pub struct Replayer<P: ReplayPorts> {
    pairs: QueuePairs<P>,
}

impl<O, R, T, G, W> Replayer<(O, R, T, G, W)>
where
    O: Outbox,
    R: LedgerMarker,
    T: Letters + Jobs + Causes + Summaries,
    G: Gauges,
    W: World,
{
    /// Replay for queue pairs whose letters are in this table.
    pub fn new(letters: T, world: W, settings: ReplaySettings, pairs: Vec<QueuePair<O, R, G>>) -> Self {
        Self { pairs: QueuePairs::new(letters, world, settings, pairs) }
    }
}

impl<P: ReplayPorts> Replayer<P> {
    /// Carries out one request, until it is done or `deadline` nears. May run twice, late, or beside itself.
    ///
    /// A letter is of the pair of its `source`. One of a queue that is not among them is discarded, restored, noted and erased
    /// like any other; nothing else is done to it, and it is counted. A job is of one queue, and worked on by its pair; the jobs
    /// of several queues beside one another. A pair whose queue refuses, or whose queue or tables do not answer, waits for the
    /// next run; the others go on.
    ///
    /// # Errors
    /// [`ReplayError`]: the request was not begun, or the dead-letter table could not be asked for candidates.
    pub async fn run(&self, request: &Request, deadline: Instant) -> Result<Reports, ReplayError> {
        if self.pairs.pairs.is_empty() {
            return Ok(Reports::none(0));
        }
        let now = self.pairs.world.now();
        if matches!(request.selection(), Some(Selection::Filter(filter)) if filter.chooses_all(now)) {
            return Err(ReplayError::ChoosesAll);
        }
        let states = PairStates::new(self.pairs.pairs.len());
        let fixed = request.selection().map(|selection| selection.clone().as_of(now));
        let selected = SelectedLetters(fixed.as_ref());
        let mut run = Run::new(&self.pairs, &states, selected, deadline);
        let done = self.carry_out(&mut run, request, selected).await;
        let mut reports = run.reports();
        // Also what was done before it failed.
        let at = self.pairs.world.now();
        acts::keep(&self.pairs.letters, request, &reports.together(), (at, deadline)).await;
        done?;
        let as_of = fixed.as_ref().and_then(Selection::instant).filter(|_| !matches!(request, Request::Job(_)));
        reports.rest.as_of = as_of.map(Timestamp::to_rfc3339);
        Ok(reports)
    }

    async fn carry_out<'a>(
        &'a self,
        run: &mut Run<'a, P>,
        request: &'a Request,
        selected: SelectedLetters<'a>,
    ) -> Result<(), ReplayError> {
        let pairs = &self.pairs;
        let remark = |kind, remark: &'a Remark| ReplayTask::Remark(RemarkRequest { kind, remark, selected });
        match request {
            Request::Schedule => run.scheduled().await?,
            Request::Work => run.work().await?,
            Request::Replay { selection, by, options } => {
                may_send(pairs, selection, options.to.as_ref())?;
                run.selected(selection, ReplayTask::Transfer(TransferRequest::person(selection, by, options))).await?;
            }
            Request::DryRun { selection, options } => {
                may_send(pairs, selection, options.to.as_ref())?;
                run.selected(selection, ReplayTask::Preview(TransferRequest::person(selection, "nobody", options)))
                    .await?;
            }
            Request::Eject { selection, by } => {
                may_eject(pairs, selection)?;
                run.selected(selection, ReplayTask::Transfer(TransferRequest::ejection(selection, by))).await?;
            }
            Request::Discard(request) => run.selected(&request.selection, remark(RemarkKind::Discard, request)).await?,
            Request::Restore(request) => run.selected(&request.selection, remark(RemarkKind::Restore, request)).await?,
            Request::Note(request) => run.selected(&request.selection, remark(RemarkKind::Note, request)).await?,
            Request::Erase(request) => {
                run.selected(&request.selection, remark(RemarkKind::Erase, request)).await?;
                // It may quote their errors. The next run of the schedule makes it anew, without them.
                pairs.letters.drop_summary().await?;
            }
            Request::Free(request) => run.selected(&request.selection, ReplayTask::Free(request)).await?,
            Request::Job(job) => run.answer(new_job(pairs, job, run.deadline).await?),
            Request::AddToList { job, part, letters, edited, .. } => {
                run.answer(add_to_list(pairs, (*job, *part), letters, *edited).await?);
            }
            Request::Change { job, to, by, why } => {
                run.answer(steer((&pairs.letters, &pairs.world), *job, *to, by, why.as_ref()).await?);
            }
            Request::Show { job, from } => run.answer(show(&pairs.letters, *job, *from).await?),
            Request::Jobs { open } => run.answer(list(&pairs.letters, *open).await?),
        }
        Ok(())
    }
}
