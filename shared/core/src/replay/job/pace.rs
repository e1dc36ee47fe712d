//! Pace of a job: how many letters it may send now, and when it may send more.

use std::time::Duration;

use super::{Account, BATCH, Disposition, Job, JobBatch, JobState};
use crate::replay::ramp::Rate;
use crate::time::Timestamp;

/// Limits of planned batches that are not counted, and of their letters: a run reads all of them again and again, and a job
/// that is so far ahead of its outcomes goes blindly.
const BATCHES_AHEAD: usize = 500;
const LETTERS_AHEAD: usize = 5_000;

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
}
