//! Turn of a job: looks what became of what was sent, judges, and sends what may be sent now.

use std::time::Duration;

use futures_util::StreamExt;
use futures_util::stream::FuturesUnordered;
use redrive_core::ids::JobId;
use redrive_core::ports::Jobs;
use redrive_core::replay::is_fifo;
use redrive_core::replay::job::{GroupQueue, Job, JobBatch, JobEntry, JobState, Readings, steps};
use tokio::time::Instant;
use tracing::warn;

use super::advance::{Advance, BatchWork};
use super::await_alongside::await_alongside;
use super::blocked::{Ahead, Looked, ahead, heads_of};
use super::guard::{GuardReadings, read_for_guard};
use super::next_batch::{NextBatch, next_batch, write_planned};
use super::write::{Halt, write_head};
use crate::replay::context::PairContext;
use crate::replay::letter_update::LetterUpdate;
use crate::replay::ports::ReplayPorts;
use crate::replay::report::JobView;

/// Time after which it is looked again whether outcomes have come.
pub(super) const POLL: Duration = Duration::from_secs(2);
/// Shortest wait for the rate to allow another letter.
const LEAST: Duration = Duration::from_millis(10);
/// Number of batches that a job sends before the others have their turn.
const BATCHES_A_TURN: usize = 20;
/// Number of batches that are worked on at once.
const AT_ONCE: usize = 4;

/// Pace at which a job goes on after a turn.
#[derive(Debug)]
pub(super) enum Pace {
    /// Something was written: there may be more to do.
    Moved,
    /// Nothing to do before this is over.
    Waits(Duration),
    /// Nothing to do, whatever happens.
    Rests,
}

/// A job in its turn.
pub(super) struct Drive<'a, P: ReplayPorts> {
    context: PairContext<'a, P>,
    job: Job,
    /// Batches that are not counted.
    open: Vec<JobBatch>,
    updates: Vec<LetterUpdate>,
    view: Option<JobView>,
}

impl<'a, P: ReplayPorts> Drive<'a, P> {
    /// Reads a job for its turn; `None` if it has none: it is gone, closed, or of another queue.
    pub(super) async fn read(context: PairContext<'a, P>, id: JobId) -> Result<Option<Self>, Halt> {
        let Some(mut job) = context.letters.job(id).await?.filter(Job::is_open) else { return Ok(None) };
        if job.selection.source().is_some_and(|source| source != context.pair.source()) {
            warn!(job_id = %id, "job is of a queue that is not configured; it was left alone");
            return Ok(None);
        }
        let mut open = context.letters.batches(id, job.counted).await?;
        // A batch that was written before its head was: the head follows, if the job still runs.
        if let Some(orphan) = open.iter().find(|batch| batch.n == job.batches)
            && let Ok(next) = steps::plan(&job, orphan, context.now())
        {
            job = write_head(context.letters, next).await?;
        }
        open.retain(|batch| batch.n < job.batches);
        Ok(Some(Self { context, job, open, updates: Vec::new(), view: None }))
    }

    /// Takes the job's turn.
    pub(super) async fn turn(&mut self) -> Result<Pace, Halt> {
        let mut moved = self.advance_all().await?;
        let GuardReadings { readings, complete } = read_for_guard(self.context, &self.job).await;
        let before = self.job.version;
        self.settle(readings).await?;
        moved |= self.job.version != before;
        if complete {
            moved |= self.plan().await?;
        }
        self.view = Some(JobView::new(self.job.clone(), &self.open));
        Ok(self.pace(moved))
    }

    /// Outcome of letters in the turn, and the job as it stands if the turn came to its end.
    pub(super) fn report(self) -> (Vec<LetterUpdate>, Option<JobView>) {
        (self.updates, self.view)
    }

    fn pace(&self, moved: bool) -> Pace {
        let (job, now) = (&self.job, self.context.now());
        // Paused, and everything is known that is on its way: somebody must resume it, or hand over the rest of its list.
        let rests = || match job.state {
            JobState::Listing { .. } => true,
            JobState::Paused { .. } => self.open.iter().all(JobBatch::rests),
            _ => false,
        };
        if !job.is_open() {
            Pace::Rests
        } else if moved {
            Pace::Moved
        } else if rests() {
            Pace::Rests
        } else if job.plans() && job.allowance(&self.open, now) == 0 {
            let next = job.until_next(now);
            // Where it is not the rate, outcomes are waited for.
            Pace::Waits(if next.is_zero() { POLL } else { next.clamp(LEAST, POLL) })
        } else {
            Pace::Waits(POLL)
        }
    }

    /// Looks at every batch that is not final. Whether anything moved.
    async fn advance_all(&mut self) -> Result<bool, Halt> {
        let Looked { found: heads, updates } = heads_of(self.context, &self.job, &self.open).await?;
        self.updates.extend(updates);
        let mut limit = self.job.may_send(&self.open, self.context.now());
        let queue = GroupQueue::of(&self.job, &self.open, heads);
        let queue = match queue.is_jammed(&self.job) {
            true if limit == 0 => return Ok(false),
            true => self.unjam(queue, limit).await?,
            false => queue,
        };
        let lines = self.open.iter().flat_map(|batch| &batch.lines);
        let paid = lines.filter(|line| queue.has_its_turn(line)).count().min(limit);
        if paid > 0 {
            self.head(steps::pay(&self.job, paid, self.context.now())).await?;
        }
        let places: Vec<_> = (0..self.open.len()).filter(|place| !self.open[*place].is_final()).collect();
        let mut moved = false;
        for some in places.chunks(self.at_once()) {
            if !self.context.time_left() {
                break;
            }
            let work = BatchWork::new(self.context, &self.job);
            let mut advances: FuturesUnordered<_> = some
                .iter()
                .map(|place| work.clone().advance(*place, self.open[*place].clone(), &queue, limit))
                .collect();
            let mut halted = Ok(());
            while let Some(advance) = advances.next().await {
                let (place, before) = (advance.place, self.open[advance.place].clone());
                halted = halted.and(self.take(advance).await);
                limit = limit.saturating_sub(self.open[place].since_behind(&before));
                moved |= self.open[place] != before;
            }
            halted?;
        }
        Ok(moved)
    }

    /// A job that has planned as many letters as it may, all of which stand behind others: its own among these are planned
    /// next, out of turn, and only others' hold it up.
    async fn unjam(&mut self, queue: GroupQueue, limit: usize) -> Result<GroupQueue, Halt> {
        match ahead(self.context, &queue, (&self.job, &self.open)).await? {
            Ahead::Unowned(heads) => Ok(queue.behind_unowned(heads)),
            Ahead::ToPlan(mut next) => {
                next.truncate(limit);
                let next = next.into_iter().map(JobEntry::planned).collect();
                write_planned(self.context, &self.job, next, self.job.walk).await?;
                Err(Halt::ReadAnew)
            }
        }
    }

    /// Counts, judges and closes.
    async fn settle(&mut self, readings: Readings) -> Result<(), Halt> {
        if let Some(counted) = steps::count(&self.job, &self.open) {
            self.head(counted).await?;
        }
        if let Some(judged) = steps::judge(&self.job, &self.open, readings, self.context.now()) {
            self.head(judged).await?;
        }
        if let Some(closed) = steps::close(&self.job, &self.context.pair.policy, self.context.now()) {
            self.head(closed).await?;
        }
        Ok(())
    }

    /// Number of batches that are worked on at once. Of a FIFO queue what goes depends on what has gone before.
    fn at_once(&self) -> usize {
        if is_fifo(self.context.pair.source()) { 1 } else { AT_ONCE }
    }

    /// Takes over what became of a batch.
    async fn take(&mut self, Advance { place, updates, stop, batch }: Advance) -> Result<(), Halt> {
        self.updates.extend(updates);
        self.open[place] = batch?;
        match stop.filter(|_| self.job.state.runs()) {
            Some(why) => self.head(steps::stop(&self.job, why, self.context.now())).await,
            None => Ok(()),
        }
    }

    /// Plans as many batches as may go now, and sends each while the next ones are planned. Whether it looked for any.
    async fn plan(&mut self) -> Result<bool, Halt> {
        let (context, end, queue) = (self.context, Instant::now() + POLL, GroupQueue::planned(&self.job));
        let (mut planned, mut halted, mut sending) = (0, Ok(()), FuturesUnordered::new());
        loop {
            let count = self.job.allowance(&self.open, context.now());
            let time_left = context.time_left() && Instant::now() < end;
            if halted.is_err()
                || count == 0
                || !time_left
                || planned == BATCHES_A_TURN
                || sending.len() == self.at_once()
            {
                let Some(advance) = sending.next().await else { break };
                halted = halted.and(self.take(advance).await);
                continue;
            }
            planned += 1;
            let (next, advances) =
                await_alongside(next_batch(context, &self.job, &self.open, count), &mut sending).await;
            let batch = match next {
                Ok(NextBatch::Planned(job, batch)) => {
                    self.job = job;
                    self.open.push(batch.clone());
                    Some(batch)
                }
                Ok(NextBatch::Walked(job)) => {
                    self.job = job;
                    None
                }
                Ok(NextBatch::End) => {
                    planned = BATCHES_A_TURN;
                    None
                }
                Err(halt) => {
                    halted = halted.and(Err(halt));
                    None
                }
            };
            for advance in advances {
                halted = halted.and(self.take(advance).await);
            }
            // What has ended meanwhile may have stopped the job: then the batch is planned, and not sent.
            if let (Some(batch), Ok(())) = (batch, &halted) {
                let work = BatchWork::new(context, &self.job);
                sending.push(work.advance(self.open.len() - 1, batch, &queue, 0));
            }
        }
        halted.map(|()| planned > 0)
    }

    async fn head(&mut self, next: Job) -> Result<(), Halt> {
        self.job = write_head(self.context.letters, next).await?;
        Ok(())
    }
}
