use std::collections::BTreeSet;
use std::time::Duration;

use redrive_core::ids::{JobId, LetterId};
use redrive_core::ports::{Clock, Gauges, Jobs, Unavailable, WriteError};
use redrive_core::replay::job::{Job, JobBatch, JobCursor, JobState, Readings};
use tokio::time::Instant;
use tracing::{info, warn};

use super::groups::{Ahead, Queueing};
use super::{JobView, Ports, ReplayReport, Replayer};
use crate::roll;

/// How many open jobs a run knows. It begins with any of them, so that paused ones do not keep it from one that runs.
const OPEN: usize = 10_000;
/// How long a run waits before it looks again whether outcomes have come.
const POLL: Duration = Duration::from_secs(2);
/// How often a run has trouble with its jobs before those that have it wait for the next run.
const TROUBLES: usize = 5;
/// How many batches a job sends before the others have their turn.
const BATCHES_A_TURN: usize = 20;

/// What a job's turn came to.
enum Turn {
    /// Something was written: there may be more to do.
    Moved,
    /// Nothing to do before this is over.
    Waits(Duration),
    /// Nothing to do, whatever happens.
    Rests,
}

impl<P: Ports> Replayer<P> {
    /// Which jobs are open.
    pub(super) async fn open_jobs(&self) -> Result<Vec<JobId>, Unavailable> {
        self.letters.jobs(true, OPEN).await
    }

    /// Works on these jobs, one turn of each after the other, until nothing is left to do or `deadline` nears.
    pub(super) async fn work(&self, jobs: Vec<JobId>, deadline: Instant, report: &mut ReplayReport) {
        let (mut open, mut troubles) = (jobs, 0);
        let first = usize::try_from(roll(&self.world)).unwrap_or(0) % open.len().max(1);
        open.rotate_left(first);
        while !open.is_empty() {
            let (mut moved, mut wait, mut still) = (false, POLL, Vec::with_capacity(open.len()));
            for id in open {
                if !self.time_left(deadline) {
                    report.more = true;
                    return;
                }
                match tokio::time::timeout_at(deadline, self.turn(id, deadline, report)).await {
                    Ok(Ok(Turn::Rests)) => continue,
                    Ok(Ok(Turn::Moved)) => moved = true,
                    Ok(Ok(Turn::Waits(time))) => wait = wait.min(time),
                    Ok(Err(error)) => {
                        warn!(job_id = %id, %error, "job could not be worked on");
                        report.unavailable += 1;
                        troubles += 1;
                        if troubles > TROUBLES {
                            continue;
                        }
                    }
                    Err(_) => {
                        report.more = true;
                        return;
                    }
                }
                still.push(id);
            }
            open = still;
            if !moved && !open.is_empty() {
                let wake = Instant::now() + wait;
                if !self.time_left(deadline) || wake + self.settings.reserve > deadline {
                    report.more = true;
                    return;
                }
                tokio::time::sleep_until(wake).await;
            }
        }
    }

    /// One turn: looks what became of what was sent, judges, and sends what may be sent now.
    async fn turn(&self, id: JobId, deadline: Instant, report: &mut ReplayReport) -> Result<Turn, Unavailable> {
        let Some(mut job) = self.letters.job(id).await?.filter(Job::is_open) else { return Ok(Turn::Rests) };
        if job.selection.source().is_some_and(|source| *source != self.settings.reading.source) {
            warn!(job_id = %id, "job is of a queue that is not configured; it was left alone");
            return Ok(Turn::Rests);
        }
        let mut open = self.letters.batches(id, job.counted).await?;
        // A batch that was written before its head was: the head follows, if the job still runs.
        if let Some(orphan) = open.iter().find(|batch| batch.n == job.batches)
            && let Ok(next) = job.planned(orphan, self.world.now())
        {
            let Some(next) = self.head(next).await? else { return Ok(Turn::Moved) };
            job = next;
        }
        open.retain(|batch| batch.n < job.batches);
        let Some((mut job, mut moved)) = self.advance_all(job, &mut open, deadline, report).await? else {
            return Ok(Turn::Moved);
        };
        let (readings, all_read) = self.readings(&job).await;
        let before = job.version;
        let Some(settled) = self.settle(job, &open, readings).await? else { return Ok(Turn::Moved) };
        job = settled;
        moved |= job.version != before;
        if all_read {
            match self.plan(&mut job, &mut open, deadline, report).await? {
                Some(planned) => moved |= planned,
                None => return Ok(Turn::Moved),
            }
        }
        let turn = if !job.is_open() {
            Turn::Rests
        } else if moved {
            Turn::Moved
        } else if matches!(job.state, JobState::Paused { .. }) && open.iter().all(JobBatch::rests) {
            // Everything is known that is on its way: somebody must resume it.
            Turn::Rests
        } else {
            let waits = job.plans() && job.allowance(&open, self.world.now()) == 0;
            let next = job.bucket.filled(job.rate(), self.world.now()).wait(job.rate());
            Turn::Waits(if waits { next.clamp(Duration::from_millis(10), POLL) } else { POLL })
        };
        report.show(JobView::new(job, &open));
        Ok(turn)
    }

    /// Looks at every batch that is not final. The head, and whether anything moved; `None` if somebody else was faster.
    async fn advance_all(
        &self,
        mut job: Job,
        open: &mut [JobBatch],
        deadline: Instant,
        report: &mut ReplayReport,
    ) -> Result<Option<(Job, bool)>, Unavailable> {
        let lines = open.iter().flat_map(|batch| &batch.lines);
        let meant = lines.filter(|line| !line.disposition.is_final()).map(|line| line.letter).collect();
        let heads = self.heads_of(&job, open, report).await?;
        let strangers;
        let mut queueing = Queueing::new(&job, open, &meant, heads.as_deref(), self.world.now());
        if let Some(heads) = heads.as_ref().filter(|_| job.is_held_up(open) && !job.walk.ended) {
            if queueing.limit == 0 {
                return Ok(Some((job, false)));
            }
            match self.heads_ahead(&job, open, heads, &meant).await? {
                Ahead::Strangers(none_of_it) => strangers = none_of_it,
                Ahead::ToPlan(mut next) => {
                    next.truncate(queueing.limit);
                    self.write_planned(&job, next, job.walk).await?;
                    return Ok(None);
                }
            }
            queueing = queueing.behind_strangers(&strangers);
        }
        let lines = open.iter().flat_map(|batch| &batch.lines);
        let paid = lines.filter(|line| queueing.has_its_turn(line)).count().min(queueing.limit);
        if paid > 0 {
            let Some(next) = self.head(job.paid(paid, self.world.now())).await? else { return Ok(None) };
            job = next;
        }
        let mut moved = false;
        for batch in open {
            if batch.is_final() || !self.time_left(deadline) {
                continue;
            }
            let (next, stop) = self.advance(&job, batch, queueing, report).await?;
            moved |= next != *batch;
            queueing.limit = queueing.limit.saturating_sub(next.since_behind(batch));
            *batch = next;
            if let Some(why) = stop.filter(|_| job.state.runs()) {
                let stopped = job.stopped(why, self.world.now());
                let Some(next) = self.head(stopped).await? else { return Ok(None) };
                job = next;
            }
        }
        Ok(Some((job, moved)))
    }

    /// Writes the next batch of a job, and then its head. `None` if somebody else was faster.
    async fn write_planned(
        &self,
        job: &Job,
        letters: Vec<LetterId>,
        walk: JobCursor,
    ) -> Result<Option<(Job, JobBatch)>, Unavailable> {
        let now = self.world.now();
        let expires = Job::batch_expires(&self.settings.policy, now);
        // Somebody else's batch of that number is as good.
        let batch = self.batch(JobBatch::new(job.id, job.batches, letters, walk, expires)).await?;
        let Ok(next) = job.planned(&batch, now) else { return Ok(None) };
        Ok(self.head(next).await?.map(|job| (job, batch)))
    }

    /// Writes a head. `None` if it is not there any more as it was read: whoever was faster has decided.
    async fn head(&self, next: Job) -> Result<Option<Job>, Unavailable> {
        match self.letters.write_job(next.clone()).await {
            Ok(()) => {
                info!(job_id = %next.id, state = next.state.as_str(), version = next.version, "job goes on");
                Ok(Some(next))
            }
            // A lost answer.
            Err(WriteError::Condition(Some(found))) if *found == next => Ok(Some(next)),
            Err(WriteError::Condition(_)) => Ok(None),
            Err(WriteError::Unavailable(error)) => Err(error),
        }
    }

    /// Writes a batch, or finds what somebody else made of it.
    pub(super) async fn batch(&self, next: JobBatch) -> Result<JobBatch, Unavailable> {
        match self.letters.write_batch(next.clone()).await {
            Ok(()) => Ok(next),
            Err(WriteError::Condition(Some(found))) => Ok(*found),
            Err(WriteError::Condition(None)) => {
                Err(Unavailable { service: "dead-letter table", action: "show a batch", why: "it is gone".to_owned() })
            }
            Err(WriteError::Unavailable(error)) => Err(error),
        }
    }

    /// Counts, judges and closes.
    async fn settle(&self, job: Job, open: &[JobBatch], readings: Readings) -> Result<Option<Job>, Unavailable> {
        let counted = job.counted(open);
        let Some(job) = self.onto(job, counted).await? else { return Ok(None) };
        let judged = job.judged(open, readings, self.world.now());
        let Some(job) = self.onto(job, judged).await? else { return Ok(None) };
        let closed = job.closed(&self.settings.policy, self.world.now());
        self.onto(job, closed).await
    }

    async fn onto(&self, job: Job, next: Option<Job>) -> Result<Option<Job>, Unavailable> {
        match next {
            Some(next) => self.head(next).await,
            None => Ok(Some(job)),
        }
    }

    /// What the guard wants to know, and whether all of it could be read: nothing is sent blindly.
    async fn readings(&self, job: &Job) -> (Readings, bool) {
        let (mut readings, mut all) = (Readings::default(), true);
        if !job.state.runs() {
            return (readings, all);
        }
        if job.guard.max_backlog.is_some() {
            match self.gauges(job.to.as_ref()).backlog().await {
                Ok(messages) => readings.backlog = Some(messages),
                Err(error) => {
                    warn!(job_id = %job.id, %error, "job sends nothing without its guard");
                    all = false;
                }
            }
        }
        if let Some(name) = &job.guard.alarm {
            match self.gauges.alarm(name).await {
                Ok(state) => readings.alarm = Some(state),
                Err(error) => {
                    warn!(job_id = %job.id, %error, "job sends nothing without its guard");
                    all = false;
                }
            }
        }
        (readings, all)
    }

    /// Plans and sends as many batches as may go now. `None` if somebody else was faster.
    async fn plan(
        &self,
        job: &mut Job,
        open: &mut Vec<JobBatch>,
        deadline: Instant,
        report: &mut ReplayReport,
    ) -> Result<Option<bool>, Unavailable> {
        let mut planned = false;
        for _ in 0..BATCHES_A_TURN {
            let count = job.allowance(open, self.world.now());
            if count == 0 || !self.time_left(deadline) {
                break;
            }
            let (letters, walk) = self.next_letters(job, open, count, deadline).await?;
            planned = true;
            if letters.is_empty() {
                if walk == job.walk {
                    break;
                }
                let Some(next) = self.head(job.walked(walk)).await? else { return Ok(None) };
                *job = next;
                continue;
            }
            let Some((next, batch)) = self.write_planned(job, letters, walk).await? else { return Ok(None) };
            *job = next;
            let meant = BTreeSet::new();
            let (batch, stop) = self.advance(job, &batch, Queueing::planned(job, &meant), report).await?;
            open.push(batch);
            if let Some(why) = stop {
                let stopped = job.stopped(why, self.world.now());
                let Some(next) = self.head(stopped).await? else { return Ok(None) };
                *job = next;
            }
        }
        Ok(Some(planned))
    }
}
