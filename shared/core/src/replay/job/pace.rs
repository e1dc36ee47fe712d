//! Pace of a job: how many letters it may send now, and when it may send more.
//!
//! The ramp's slow steps take minutes, so that an alarm or a queue that fills has time to be seen. A job whose letters these steps
//! would all send gains nothing by them but waiting: it goes by outcomes, with no more letters under way than have succeeded.

use std::time::Duration;

use super::{Account, BATCH, Disposition, Guard, Job, JobBatch, JobState};
use crate::replay::ramp::{Rate, STEPS};
use crate::time::Timestamp;

/// Limits of planned batches that are not counted, and of their letters: a run reads all of them again and again, and a job
/// that is so far ahead of its outcomes goes blindly.
const BATCHES_AHEAD: usize = 500;
const LETTERS_AHEAD: usize = 5_000;
/// A share is a share of at least so many, if so many were sent: one that fails of two says little.
pub(super) const FLOOR: u32 = 10;
/// Index of the ramp's last step.
const LAST: usize = STEPS.len() - 1;

/// Returns true if a job has planned as much as it may before outcomes come.
fn is_far_ahead(open: &[JobBatch]) -> bool {
    open.len() >= BATCHES_AHEAD || open.iter().map(|batch| batch.lines.len()).sum::<usize>() >= LETTERS_AHEAD
}

impl Job {
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
        let by_outcomes = match self.state {
            JobState::Canary => self.guard.canary.saturating_sub(self.known(open).sent()),
            JobState::Ramping { since, .. } if self.goes_by_outcomes() => {
                let known = self.known(open);
                send_goal(self, &known, now.since(since)).saturating_sub(known.sent())
            }
            _ => u32::MAX,
        };
        usize::try_from(by_rate.min(by_outcomes)).unwrap_or(usize::MAX)
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

    /// Returns true if the ramp's slow steps would send all letters of the job: then it goes by outcomes, at its whole rate.
    #[must_use]
    pub fn goes_by_outcomes(&self) -> bool {
        self.letters.is_some_and(|letters| self.guard.is_small(u64::from(letters)))
    }
}

impl Guard {
    /// Returns true if the ramp's slow steps would send so many letters.
    #[must_use]
    pub fn is_small(&self, letters: u64) -> bool {
        let percent: u64 = STEPS[..LAST].iter().map(|percent| u64::from(*percent)).sum();
        letters <= u64::from(self.rate) * u64::from(self.step_seconds) * percent / 100
    }
}

/// Index of the step at which the ramp of a job begins.
pub(super) fn first_step(job: &Job) -> u8 {
    if job.goes_by_outcomes() { u8::try_from(LAST).unwrap_or(u8::MAX) } else { 0 }
}

/// Returns the number of letters that a job which goes by outcomes may have sent by now, `ramping` since its canary: twice as
/// many as have succeeded, and never fewer than at the ramp's first step, where outcomes are late or nobody keeps a ledger.
#[must_use]
pub fn send_goal(job: &Job, known: &Account, ramping: Duration) -> u32 {
    let millis = u64::try_from(ramping.as_millis()).unwrap_or(u64::MAX);
    let trickled = millis.saturating_mul(u64::from(job.guard.rate) * u64::from(STEPS[0])) / 100_000;
    let trickled = u32::try_from(trickled).unwrap_or(u32::MAX);
    let first = job.guard.canary.max(FLOOR);
    known.succeeded().saturating_mul(2).max(first.saturating_add(trickled))
}
