use std::time::Duration;

use thiserror::Error;

use super::{
    Account, BATCH, Disposition, HISTORY, Job, JobBatch, JobEvent, JobState, Readings, Stop, guard::AlarmState,
};
use crate::letters::policy::Policy;
use crate::replay::Edit;
use crate::replay::ramp::{Bucket, Rate, STEPS};
use crate::time::Timestamp;

/// A share is a share of at least so many, if so many were sent: one that fails of two says little.
const FLOOR: u32 = 10;

/// Limits of planned batches that are not counted, and of their letters: a run reads all of them again and again, and a job
/// that is so far ahead of its outcomes goes blindly.
const BATCHES_AHEAD: usize = 500;
const LETTERS_AHEAD: usize = 5_000;

/// Returns true if a job has planned as much as it may before outcomes come.
fn is_far_ahead(open: &[JobBatch]) -> bool {
    open.len() >= BATCHES_AHEAD || open.iter().map(|batch| batch.lines.len()).sum::<usize>() >= LETTERS_AHEAD
}

/// The job does not stand where this step starts.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("job is {0}, and this cannot be done to it there")]
pub struct NotThisStep(pub &'static str);

type JobStep = Result<Job, NotThisStep>;

impl Job {
    fn next(&self) -> Self {
        Self { version: self.version + 1, ..self.clone() }
    }

    fn becomes(&self, state: JobState, who: &str, why: Option<String>, now: Timestamp) -> Self {
        let mut job = self.next();
        let became = state.as_str().to_owned();
        job.state = state;
        job.history.push(JobEvent { at: now, became, who: who.to_owned(), why });
        if job.history.len() > HISTORY {
            job.history.remove(0);
        }
        job
    }

    /// Returns the rate at which the job may send now.
    #[must_use]
    pub fn rate(&self) -> Rate {
        Rate::of(self.guard.rate, self.percent())
    }

    /// Returns the outcomes of all letters: those that are counted, and those in these batches.
    #[must_use]
    pub fn known(&self, open: &[JobBatch]) -> Account {
        let open = open.iter().filter(|batch| batch.n >= self.counted);
        self.account.clone().and(open.flat_map(|batch| &batch.lines).map(|line| line.disposition))
    }

    /// Returns the limit of letters in the next batch; 0 if none is planned now. Letters gather for a moment first: each batch
    /// costs the same calls, however few are in it.
    #[must_use]
    pub fn allowance(&self, open: &[JobBatch], now: Timestamp) -> usize {
        if !self.plans() || is_far_ahead(open) || !self.until_next(now).is_zero() {
            return 0;
        }
        self.may_send(open, now).min(BATCH)
    }

    /// Returns the time until the rate lets the next batch go; zero if it is not the rate that keeps it back.
    #[must_use]
    pub fn until_next(&self, now: Timestamp) -> Duration {
        let (rate, most) = (self.rate(), u32::try_from(BATCH).unwrap_or(u32::MAX));
        let canary = if matches!(self.state, JobState::Canary) { self.guard.canary } else { u32::MAX };
        self.bucket.filled(rate, now).wait(rate, rate.gathered().min(most).min(canary).max(1))
    }

    /// Returns the number of letters that may be sent now: newly planned ones, and planned ones that waited behind
    /// others of their group.
    #[must_use]
    pub fn may_send(&self, open: &[JobBatch], now: Timestamp) -> usize {
        if !self.state.runs() {
            return 0;
        }
        let by_rate = self.bucket.filled(self.rate(), now).whole();
        let by_canary = match self.state {
            JobState::Canary => self.guard.canary.saturating_sub(self.known(open).sent()),
            _ => u32::MAX,
        };
        usize::try_from(by_rate.min(by_canary)).unwrap_or(usize::MAX)
    }

    /// Returns true if all that is left stands behind letters of others: the job looks no further, and none of its
    /// letters is under way.
    #[must_use]
    pub fn is_held_up(&self, open: &[JobBatch]) -> bool {
        let mut left = open.iter().flat_map(|batch| &batch.lines).filter(|line| !line.disposition.is_final());
        self.state.runs()
            && (self.walk.ended || is_far_ahead(open))
            && left.all(|line| line.disposition == Disposition::Behind)
    }

    /// The head before so many letters are sent that have stood behind others: it has paid for them.
    #[must_use]
    pub fn paid(&self, letters: usize, now: Timestamp) -> Self {
        let count = u32::try_from(letters).unwrap_or(u32::MAX);
        Self { bucket: self.bucket.filled(self.rate(), now).without(count), ..self.next() }
    }

    /// The head after its next batch was written: it goes on from there, and has paid for it.
    ///
    /// # Errors
    /// [`NotThisStep`] if it plans nothing, or if the batch is not its next one.
    pub fn planned(&self, batch: &JobBatch, now: Timestamp) -> JobStep {
        if !self.plans() || batch.n != self.batches {
            return Err(NotThisStep(self.state.as_str()));
        }
        let mut job = self.next();
        job.batches += 1;
        job.walk = batch.walk;
        let count = u32::try_from(batch.lines.len()).unwrap_or(u32::MAX);
        job.bucket = self.bucket.filled(self.rate(), now).without(count);
        Ok(job)
    }

    /// The head after a look at more of the selection that found nothing to plan.
    #[must_use]
    pub fn walked(&self, walk: super::JobCursor) -> Self {
        Self { walk, ..self.next() }
    }

    /// The head with the final ones of these batches counted, if there are any: in their order, each once.
    #[must_use]
    pub fn counted(&self, open: &[JobBatch]) -> Option<Self> {
        let mut job = self.next();
        while let Some(batch) = open.iter().find(|batch| batch.n == job.counted && batch.n < job.batches) {
            if !batch.is_final() {
                break;
            }
            job.account = job.account.and(batch.lines.iter().map(|line| line.disposition));
            job.counted += 1;
        }
        (job.counted > self.counted).then_some(job)
    }

    /// Returns the job after a step that it takes by itself: it stops, goes up a step, or ends. `None` if nothing
    /// changes.
    #[must_use]
    pub fn judged(&self, open: &[JobBatch], readings: Readings, now: Timestamp) -> Option<Self> {
        if !self.state.runs() {
            return None;
        }
        let known = self.known(open);
        if let Some(why) = self.danger(&known, readings) {
            return Some(self.stopped(why, now));
        }
        if self.walk.ended && self.counted == self.batches {
            return Some(self.becomes(JobState::Done, &self.name(), None, now));
        }
        match self.state {
            JobState::Canary => {
                let enough = known.sent() >= self.guard.canary || self.walk.ended;
                (enough && known.awaited() == 0).then(|| self.ramping(0, now))
            }
            JobState::Ramping { step, since } => {
                let last = usize::from(step) + 1 >= STEPS.len();
                // Most of what was sent has an outcome: whoever climbs faster than outcomes come, climbs blindly.
                let known_enough = known.awaited() * 2 <= known.sent();
                let over = now >= since.after(self.guard.step());
                (!last && over && known_enough).then(|| self.ramping(step + 1, now))
            }
            _ => None,
        }
    }

    fn ramping(&self, step: u8, now: Timestamp) -> Self {
        let mut job = self.becomes(JobState::Ramping { step, since: now }, &self.name(), None, now);
        job.bucket = Bucket::empty(now);
        job
    }

    fn danger(&self, known: &Account, readings: Readings) -> Option<Stop> {
        let (failed, seen) = (known.failed(), known.failed() + known.succeeded());
        // The first one that fails is not yet all of one: what is under way counts, as far as the canary goes.
        let under_way = known.sent() + known.of(Disposition::Behind);
        let of = seen.max(under_way.min(self.guard.canary.max(FLOOR)));
        if u64::from(failed) * 100 > u64::from(of) * u64::from(self.guard.max_failed_percent) {
            return Some(Stop::FailedAgain { failed, of });
        }
        if known.of(Disposition::Unknown) > 0 {
            return Some(Stop::Unknown { letters: known.of(Disposition::Unknown) });
        }
        if let (Some(limit), Some(messages)) = (self.guard.max_backlog, readings.backlog)
            && messages > limit
        {
            return Some(Stop::Backlog { messages });
        }
        match readings.alarm {
            Some(AlarmState::Ringing) => Some(Stop::Alarm),
            Some(AlarmState::Missing) => Some(Stop::NoSuchAlarm),
            Some(AlarmState::Quiet) | None => None,
        }
    }

    /// Returns the job, stopped by itself.
    #[must_use]
    pub fn stopped(&self, why: Stop, now: Timestamp) -> Self {
        let told = why.to_string();
        self.becomes(JobState::Stopped { why }, &self.name(), Some(told), now)
    }

    /// Closed, once it has ended and everything about it is known.
    #[must_use]
    pub fn closed(&self, policy: &Policy, now: Timestamp) -> Option<Self> {
        let ended = matches!(self.state, JobState::Done | JobState::Cancelled | JobState::Stopped { .. });
        (ended && self.is_open() && self.counted == self.batches).then(|| {
            let expires = Some(now.after(policy.resolved_retention).whole_seconds());
            Self { closed_at: Some(now), expires, ..self.next() }
        })
    }

    /// The job without what it edits letters with, of which one was erased. `None`: there is nothing to take away.
    ///
    /// # Errors
    /// [`NotThisStep`] while other letters may still be sent with the patch: without it they would go unedited.
    pub fn without_edit(&self, who: &str, now: Timestamp) -> Result<Option<Self>, NotThisStep> {
        let patch = match &self.edit {
            None => return Ok(None),
            Some(Edit::Patch(_)) => true,
            Some(Edit::Body(_)) => false,
        };
        if patch && self.is_open() {
            return Err(NotThisStep(self.state.as_str()));
        }
        let job = self.becomes(self.state.clone(), who, Some("its edit was erased with a letter".to_owned()), now);
        Ok(Some(Self { edit: None, ..job }))
    }

    /// CANARY or RAMPING → PAUSED.
    ///
    /// # Errors
    /// [`NotThisStep`] in any other state.
    pub fn paused(&self, who: &str, why: Option<String>, now: Timestamp) -> JobStep {
        if !self.state.runs() {
            return Err(NotThisStep(self.state.as_str()));
        }
        Ok(self.becomes(JobState::Paused { step: self.step() }, who, why, now))
    }

    /// PAUSED → as it was, with nothing saved up meanwhile.
    ///
    /// # Errors
    /// [`NotThisStep`] in any other state.
    pub fn resumed(&self, who: &str, why: Option<String>, now: Timestamp) -> JobStep {
        let JobState::Paused { step } = self.state else { return Err(NotThisStep(self.state.as_str())) };
        let state = step.map_or(JobState::Canary, |step| JobState::Ramping { step, since: now });
        let mut job = self.becomes(state, who, why, now);
        job.bucket = Bucket { tokens: self.bucket.tokens, at: now };
        Ok(job)
    }

    /// CANARY, RAMPING or PAUSED → CANCELLED. What was sent stays sent.
    ///
    /// # Errors
    /// [`NotThisStep`] in any other state.
    pub fn cancelled(&self, who: &str, why: Option<String>, now: Timestamp) -> JobStep {
        if !self.state.runs() && !matches!(self.state, JobState::Paused { .. }) {
            return Err(NotThisStep(self.state.as_str()));
        }
        Ok(self.becomes(JobState::Cancelled, who, why, now))
    }
}
