//! Turn of a job: looks what became of what was sent, judges, and sends what may be sent now.

use std::time::Duration;

use redrive_core::ids::{JobId, LetterId};
use redrive_core::letters::letter::Letter;
use redrive_core::ports::{Jobs, Letters};
use redrive_core::replay::ReplayOptions;
use redrive_core::replay::job::{
    Disposition, GroupQueue, Job, JobBatch, JobCursor, JobEntry, JobState, Readings, SentLetter, Stop, passes,
};
use tracing::warn;

use super::blocked::{Ahead, Looked, ahead, heads_of, lines_behind};
use super::entries::{ids, line_of, take_over, worn_out};
use super::guard::{GuardReadings, read_for_guard};
use super::observe::{Observed, observe};
use super::write::{Halt, write_batch, write_head};
use crate::replay::context::PairContext;
use crate::replay::letter_update::LetterUpdate;
use crate::replay::ports::ReplayPorts;
use crate::replay::report::JobView;
use crate::replay::scan::job_cursor::{SearchTime, next_letters};
use crate::replay::transfer::request::{JobClaims, TransferRequest};
use crate::replay::transfer::{Transferred, transfer};

/// Time after which it is looked again whether outcomes have come.
pub(super) const POLL: Duration = Duration::from_secs(2);
/// Shortest wait for the rate to allow another letter.
const LEAST: Duration = Duration::from_millis(10);
/// Number of batches that a job sends before the others have their turn.
const BATCHES_A_TURN: usize = 20;

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
    /// Name of the job in histories.
    name: String,
    /// Terms on which its letters are sent.
    said: ReplayOptions,
    told: Vec<LetterUpdate>,
    view: Option<JobView>,
}

/// Lines that a transfer told of, and the code with which SQS refused a whole batch of it.
#[derive(Debug, Default)]
struct Exchange {
    lines: Vec<JobEntry>,
    refused: Option<String>,
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
            && let Ok(next) = job.planned(orphan, context.now())
        {
            job = write_head(context.letters, next).await?;
        }
        open.retain(|batch| batch.n < job.batches);
        let (name, said) = (job.name(), said_of(&job));
        Ok(Some(Self { context, job, open, name, said, told: Vec::new(), view: None }))
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
        (self.told, self.view)
    }

    fn pace(&self, moved: bool) -> Pace {
        let (job, now) = (&self.job, self.context.now());
        // Paused, and everything is known that is on its way: somebody must resume it.
        let rests = || matches!(job.state, JobState::Paused { .. }) && self.open.iter().all(JobBatch::rests);
        if !job.is_open() {
            Pace::Rests
        } else if moved {
            Pace::Moved
        } else if rests() {
            Pace::Rests
        } else if job.plans() && job.allowance(&self.open, now) == 0 {
            let next = job.bucket.filled(job.rate(), now).wait(job.rate());
            Pace::Waits(next.clamp(LEAST, POLL))
        } else {
            Pace::Waits(POLL)
        }
    }

    /// Looks at every batch that is not final. Whether anything moved.
    async fn advance_all(&mut self) -> Result<bool, Halt> {
        let Looked { found: heads, told } = heads_of(self.context, &self.job, &self.open).await?;
        self.told.extend(told);
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
            self.head(self.job.paid(paid, self.context.now())).await?;
        }
        let mut moved = false;
        for place in 0..self.open.len() {
            if self.open[place].is_final() || !self.context.time_left() {
                continue;
            }
            let (next, stop) = self.advance(place, &queue, limit).await?;
            let batch = &mut self.open[place];
            moved |= next != *batch;
            limit = limit.saturating_sub(next.since_behind(batch));
            *batch = next;
            if let Some(why) = stop.filter(|_| self.job.state.runs()) {
                self.head(self.job.stopped(why, self.context.now())).await?;
            }
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
                self.write_planned(next, self.job.walk).await?;
                Err(Halt::ReadAnew)
            }
        }
    }

    /// Finds out what is known of a batch's letters now; those that are planned are sent, if the job runs, and those again that SQS
    /// refused for now. With what must stop the job, if SQS refused in a way that does not pass, or does not end.
    async fn advance(
        &mut self,
        place: usize,
        queue: &GroupQueue,
        limit: usize,
    ) -> Result<(JobBatch, Option<Stop>), Halt> {
        let (context, job, now) = (self.context, &self.job, self.context.now());
        let mut lines = self.open[place].lines.clone();
        let runs = job.state.runs();
        let mut planned = ids(&lines, |line| line.is_next(now) || line.disposition == Disposition::Retrying && !runs);
        let paid = planned.len();
        // Of what stood behind others at most `limit` may go.
        planned.extend(ids(&lines, |line| queue.concerns(line, job, limit > 0)));
        let limit = limit.saturating_add(paid);
        let mut refused = None;
        if !planned.is_empty() {
            let sent = self.send_planned(&planned, queue, limit).await?;
            refused = sent.refused;
            take_over(&mut lines, sent.lines, now);
        }
        let Observed { lines: mut seen, lapsed } = observe(context, &self.job, &lines).await?;
        if !lapsed.is_empty() {
            let sent = self.send(lapsed, queue, limit).await?;
            refused = sent.refused.or(refused);
            seen.extend(sent.lines);
        }
        take_over(&mut lines, seen, now);
        let batch = &self.open[place];
        let stop = refused.filter(|code| !passes(code)).map(|code| Stop::Refused { code });
        let stop = stop.or_else(|| worn_out(batch, &lines));
        let expires = Job::batch_expires(&context.pair.policy, context.now());
        match batch.with(lines, expires) {
            Some(next) => Ok((write_batch(context.letters, next).await?, stop)),
            None => Ok((batch.clone(), stop)),
        }
    }

    /// Sends the planned letters of a batch that this job has not sent yet.
    async fn send_planned(
        &mut self,
        planned: &[LetterId],
        queue: &GroupQueue,
        mut limit: usize,
    ) -> Result<Exchange, Halt> {
        let letters = self.context.letters.read(planned).await?;
        let (mut lines, mut fresh, job) = (Vec::new(), Vec::new(), &self.job);
        for (id, letter) in planned.iter().zip(letters) {
            let disposition = match letter {
                None => Disposition::NotFound,
                Some(letter) if letter.sent_for(job.id).is_some() => {
                    let sent = SentLetter::of(&letter, job.id);
                    lines.push(JobEntry { disposition: Disposition::Sent, sent, ..JobEntry::planned(*id) });
                    limit = limit.saturating_sub(1);
                    continue;
                }
                Some(letter) if !job.means(&letter) => Disposition::ChangedMeanwhile,
                Some(_) if self.is_over() => Disposition::NotReached,
                Some(letter) if job.state.runs() => {
                    fresh.push(letter);
                    continue;
                }
                Some(_) => continue,
            };
            lines.push(JobEntry { disposition, ..JobEntry::planned(*id) });
        }
        if fresh.is_empty() {
            return Ok(Exchange { lines, refused: None });
        }
        let sent = self.send(fresh, queue, limit).await?;
        lines.extend(sent.lines);
        Ok(Exchange { lines, refused: sent.refused })
    }

    /// Transfers letters in the name of the job.
    async fn send(&mut self, letters: Vec<Letter>, queue: &GroupQueue, limit: usize) -> Result<Exchange, Halt> {
        let Job { id, by, selection, .. } = &self.job;
        let (name, named) = (&self.name, selection.is_named());
        let claims = JobClaims { id: *id, name, by, named, said: &self.said, limit };
        let sent = transfer(self.context, TransferRequest::job(claims), letters).await;
        let Transferred { letters: transferred, refused, cut } = sent;
        let mut lines: Vec<_> = transferred.iter().filter_map(line_of).collect();
        if cut {
            self.told.extend(transferred);
            return Err(Halt::OutOfTime);
        }
        let behind = lines_behind(self.context, queue, &transferred).await;
        self.told.extend(transferred);
        self.told.extend(behind.told);
        lines.extend(behind.found);
        Ok(Exchange { lines, refused })
    }

    /// Returns true if the job has ended so long ago that no run of it can still be sending.
    fn is_over(&self) -> bool {
        let job = &self.job;
        let ended = job.history.last().map_or(job.created_at, |event| event.at);
        let over = !job.state.runs() && !matches!(job.state, JobState::Paused { .. });
        over && self.context.now() > ended.after(self.context.settings.lease)
    }

    /// Counts, judges and closes.
    async fn settle(&mut self, readings: Readings) -> Result<(), Halt> {
        if let Some(counted) = self.job.counted(&self.open) {
            self.head(counted).await?;
        }
        if let Some(judged) = self.job.judged(&self.open, readings, self.context.now()) {
            self.head(judged).await?;
        }
        if let Some(closed) = self.job.closed(&self.context.pair.policy, self.context.now()) {
            self.head(closed).await?;
        }
        Ok(())
    }

    /// Plans and sends as many batches as may go now. Whether it looked for any.
    async fn plan(&mut self) -> Result<bool, Halt> {
        let (context, mut planned) = (self.context, false);
        let time = SearchTime { deadline: context.deadline, reserve: context.settings.reserve };
        for _ in 0..BATCHES_A_TURN {
            let count = self.job.allowance(&self.open, context.now());
            if count == 0 || !context.time_left() {
                break;
            }
            let (source, of) = (context.pair.source(), (&self.job, self.open.as_slice()));
            let (letters, walk) = next_letters(context.letters, source, of, count, time).await?;
            planned = true;
            if letters.is_empty() {
                if walk == self.job.walk {
                    break;
                }
                self.head(self.job.walked(walk)).await?;
                continue;
            }
            let batch = self.write_planned(letters, walk).await?;
            let place = self.open.len();
            self.open.push(batch);
            let (next, stop) = self.advance(place, &GroupQueue::planned(&self.job), 0).await?;
            self.open[place] = next;
            if let Some(why) = stop {
                self.head(self.job.stopped(why, context.now())).await?;
            }
        }
        Ok(planned)
    }

    /// Writes the next batch of the job, and then its head.
    async fn write_planned(&mut self, letters: Vec<LetterId>, walk: JobCursor) -> Result<JobBatch, Halt> {
        let now = self.context.now();
        let expires = Job::batch_expires(&self.context.pair.policy, now);
        // Somebody else's batch of that number is as good.
        let batch = JobBatch::new(self.job.id, self.job.batches, letters, walk, expires);
        let batch = write_batch(self.context.letters, batch).await?;
        let next = self.job.planned(&batch, now).map_err(|_| Halt::ReadAnew)?;
        self.head(next).await?;
        Ok(batch)
    }

    async fn head(&mut self, next: Job) -> Result<(), Halt> {
        self.job = write_head(self.context.letters, next).await?;
        Ok(())
    }
}

/// Terms on which a job's letters are sent.
fn said_of(job: &Job) -> ReplayOptions {
    ReplayOptions {
        forgotten_ok: job.guard.forgotten_ok,
        as_new: job.guard.as_new,
        edit: job.edit.clone(),
        allow_key_change: job.guard.allow_key_change,
        after_replayed: job.guard.after_replayed,
        to: job.to.clone(),
    }
}
