//! Steps of a job: the only ways to its next version, one function each. A step takes the head as it was read, and returns
//! it as it would be, to be written if the one in the table is still the one that was read.

use std::time::Duration;

use thiserror::Error;

use super::pace::{FLOOR, first_step};
use super::{
    Account, Disposition, HISTORY, Job, JobBatch, JobCursor, JobEvent, JobState, Readings, Stop, guard::AlarmState,
};
use crate::letters::policy::Policy;
use crate::replay::Edit;
use crate::replay::ramp::{Bucket, STEPS};
use crate::time::Timestamp;

/// Time in which a job's list must be handed over.
pub(super) const LISTING: Duration = Duration::from_secs(3_600);

/// The job does not stand where this step starts.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("job is {0}, and this cannot be done to it there")]
pub struct NotThisStep(pub &'static str);

/// Next version of a job, or the refusal of a step.
pub type JobStep = Result<Job, NotThisStep>;

fn next(job: &Job) -> Job {
    Job { version: job.version + 1, ..job.clone() }
}

/// Returns true if the list of a job should have been whole by now.
fn is_abandoned(job: &Job, now: Timestamp) -> bool {
    matches!(job.state, JobState::Listing { .. }) && now > job.created_at.after(LISTING)
}

fn refused(job: &Job) -> NotThisStep {
    NotThisStep(job.state.as_str())
}

pub(super) fn becomes(job: &Job, state: JobState, who: &str, why: Option<String>, now: Timestamp) -> Job {
    let mut job = next(job);
    let became = state.as_str().to_owned();
    job.state = state;
    let version = job.version;
    job.history.push(JobEvent { at: now, became, who: who.to_owned(), why, version });
    if job.history.len() > HISTORY {
        job.history.remove(0);
    }
    job
}

/// The job's bucket after so many letters more were paid for.
fn without(job: &Job, letters: usize, now: Timestamp) -> Bucket {
    job.bucket.filled(job.rate(), now).without(u32::try_from(letters).unwrap_or(u32::MAX))
}

/// The head before so many letters are sent that have stood behind others: it has paid for them.
#[must_use]
pub fn pay(job: &Job, letters: usize, now: Timestamp) -> Job {
    Job { bucket: without(job, letters, now), ..next(job) }
}

/// The head after its next batch was written: it goes on from there, and has paid for it.
///
/// # Errors
/// [`NotThisStep`] if it plans nothing, or if the batch is not its next one.
pub fn plan(job: &Job, batch: &JobBatch, now: Timestamp) -> JobStep {
    if !job.plans() || batch.n != job.batches {
        return Err(refused(job));
    }
    let bucket = without(job, batch.lines.len(), now);
    Ok(Job { batches: job.batches + 1, walk: batch.walk, bucket, ..next(job) })
}

/// The head after a look at more of the selection that found nothing to plan.
#[must_use]
pub fn walk(job: &Job, walk: JobCursor) -> Job {
    Job { walk, ..next(job) }
}

/// The head with the final ones of these batches counted, if there are any: in their order, each once.
#[must_use]
pub fn count(job: &Job, open: &[JobBatch]) -> Option<Job> {
    let mut counted = next(job);
    while let Some(batch) = open.iter().find(|batch| batch.n == counted.counted && batch.n < counted.batches) {
        if !batch.is_final() {
            break;
        }
        counted.account = counted.account.and(batch.lines.iter().map(|line| line.disposition));
        counted.counted += 1;
    }
    (counted.counted > job.counted).then_some(counted)
}

/// Returns the job after a step that it takes by itself: it stops, goes up a step, or ends. `None` if nothing
/// changes.
#[must_use]
pub fn judge(job: &Job, open: &[JobBatch], readings: Readings, now: Timestamp) -> Option<Job> {
    if is_abandoned(job, now) {
        let why = Some("its list of letters was not handed over within an hour".to_owned());
        return Some(becomes(job, JobState::Cancelled, &job.name(), why, now));
    }
    if !job.state.runs() {
        return None;
    }
    let known = job.known(open);
    if let Some(why) = danger(job, &known, readings) {
        return Some(stop(job, why, now));
    }
    if job.walk.ended && job.counted == job.batches {
        return Some(becomes(job, JobState::Done, &job.name(), None, now));
    }
    match job.state {
        JobState::Canary => {
            let enough = known.sent() >= job.guard.canary || job.walk.ended;
            (enough && known.awaited() == 0).then(|| ramp(job, first_step(job), now))
        }
        JobState::Ramping { step, since } => {
            let last = usize::from(step) + 1 >= STEPS.len();
            // Most of what was sent has an outcome: whoever climbs faster than outcomes come, climbs blindly.
            let known_enough = known.awaited() * 2 <= known.sent();
            let over = now >= since.after(job.guard.step());
            (!last && over && known_enough).then(|| ramp(job, step + 1, now))
        }
        _ => None,
    }
}

fn ramp(job: &Job, step: u8, now: Timestamp) -> Job {
    let ramping = becomes(job, JobState::Ramping { step, since: now }, &job.name(), None, now);
    Job { bucket: Bucket::empty(now), ..ramping }
}

fn danger(job: &Job, known: &Account, readings: Readings) -> Option<Stop> {
    let (failed, with_outcome) = (known.failed(), known.failed() + known.succeeded());
    // The first one that fails is not yet all of one: what is under way counts, as far as the canary goes.
    let under_way = known.sent() + known.of(Disposition::Behind);
    let of = with_outcome.max(under_way.min(job.guard.canary.max(FLOOR)));
    if u64::from(failed) * 100 > u64::from(of) * u64::from(job.guard.max_failed_percent) {
        return Some(Stop::FailedAgain { failed, of });
    }
    if known.of(Disposition::Unknown) > 0 {
        return Some(Stop::Unknown { letters: known.of(Disposition::Unknown) });
    }
    if let (Some(limit), Some(messages)) = (job.guard.max_backlog, readings.backlog)
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
pub fn stop(job: &Job, why: Stop, now: Timestamp) -> Job {
    let reason = why.to_string();
    becomes(job, JobState::Stopped { why }, &job.name(), Some(reason), now)
}

/// Closed, once it has ended and everything about it is known.
#[must_use]
pub fn close(job: &Job, policy: &Policy, now: Timestamp) -> Option<Job> {
    let ended = matches!(job.state, JobState::Done | JobState::Cancelled | JobState::Stopped { .. });
    (ended && job.is_open() && job.counted == job.batches).then(|| {
        let expires = Some(now.after(policy.resolved_retention).whole_seconds());
        Job { closed_at: Some(now), expires, ..next(job) }
    })
}

/// The job without what it edits letters with, of which one was erased. `None`: there is nothing to take away.
///
/// # Errors
/// [`NotThisStep`] while other letters may still be sent with the patch: without it they would go unedited.
pub fn erase_edit(job: &Job, who: &str, now: Timestamp) -> Result<Option<Job>, NotThisStep> {
    let patch = match &job.edit {
        None => return Ok(None),
        Some(Edit::Patch(_)) => true,
        Some(Edit::Body(_)) => false,
    };
    if patch && job.is_open() {
        return Err(refused(job));
    }
    let erased = becomes(job, job.state.clone(), who, Some("its edit was erased with a letter".to_owned()), now);
    Ok(Some(Job { edit: None, ..erased }))
}

/// CANARY or RAMPING → PAUSED.
///
/// # Errors
/// [`NotThisStep`] in any other state.
pub fn pause(job: &Job, who: &str, why: Option<String>, now: Timestamp) -> JobStep {
    if !job.state.runs() {
        return Err(refused(job));
    }
    Ok(becomes(job, JobState::Paused { step: job.step() }, who, why, now))
}

/// PAUSED → as it was, with nothing saved up meanwhile.
///
/// # Errors
/// [`NotThisStep`] in any other state.
pub fn resume(job: &Job, who: &str, why: Option<String>, now: Timestamp) -> JobStep {
    let JobState::Paused { step } = job.state else { return Err(refused(job)) };
    let state = step.map_or(JobState::Canary, |step| JobState::Ramping { step, since: now });
    let resumed = becomes(job, state, who, why, now);
    Ok(Job { bucket: Bucket { tokens: job.bucket.tokens, at: now }, ..resumed })
}

/// LISTING, CANARY, RAMPING or PAUSED → CANCELLED. What was sent stays sent.
///
/// # Errors
/// [`NotThisStep`] in any other state.
pub fn cancel(job: &Job, who: &str, why: Option<String>, now: Timestamp) -> JobStep {
    if !job.state.runs() && !matches!(job.state, JobState::Paused { .. } | JobState::Listing { .. }) {
        return Err(refused(job));
    }
    Ok(becomes(job, JobState::Cancelled, who, why, now))
}
