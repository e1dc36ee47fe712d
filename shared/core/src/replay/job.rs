//! A replay job: one request to replay a selection, carefully. First a few letters (the canary), then, when their
//! outcomes are known, the others at a rate that ramps up; and it stops by itself when that goes badly.
//!
//! A job is a head ([`Job`]) and batches of at most a hundred letters ([`JobBatch`]), each an item of its own. Every step
//! ([`steps`]) returns the next version of one of them, to be written if the one in the table is still the one that was read; so
//! a job can be carried on after any crash, and by two runs at once:
//!
//! 1. A batch is planned: written with the letters that it means and the place in the index where it ends, if there is
//!    no batch of that number; then the head takes that place over and pays for it from its [`crate::replay::ramp::Bucket`].
//! 2. Each letter is claimed *for this job*, sent and marked. A letter that has a send of this job is never claimed for
//!    it again, but to take over a claim that ran out.
//!    One that SQS refuses for now (throttled, or without permission) is retried after a while, and not for ever.
//! 3. What became of each is written into its line, until every line of the batch is final.
//! 4. The head counts final batches in their order, each once, and forgets them.

mod account;
mod batch;
mod fifo;
mod guard;
mod list;
mod pace;
mod refusal;
pub mod steps;

use serde::{Deserialize, Serialize};

use crate::ids::{JobId, QueueArn};
use crate::letters::candidate::Candidate;
use crate::letters::letter::{Event, EventKind, Letter, Status};
use crate::letters::listing::{Cursor, Place};
use crate::letters::policy::Policy;
use crate::replay::ramp::{Bucket, STEPS};
use crate::replay::{Edit, Filter, Selection};
use crate::time::Timestamp;

pub use account::{Account, Disposition};
pub use batch::{BATCH, JobBatch, JobEntry, SendOutcome, SentLetter, outcome, seen_again};
pub use fifo::{GroupHead, GroupQueue};
pub use guard::{AlarmState, Guard, Readings, Stop};
pub use list::{ListPart, add_part};
pub use pace::send_goal;
pub use refusal::{TRIES, passes};

/// The most letters that a job may name by their ids: they stand in its head.
pub const IDS: usize = 1_000;
/// Limit of events that a job remembers.
const HISTORY: usize = 50;

/// Stage that a job has reached.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "is", rename_all = "SCREAMING_SNAKE_CASE")]
pub enum JobState {
    /// Waits for its list of letters to be whole.
    Listing {
        /// Number of parts that were handed over.
        parts: u32,
    },
    /// Sends the first few, and waits for their outcomes.
    Canary,
    /// Sends at a step of its rate.
    Ramping {
        /// Index of the step in [`STEPS`].
        step: u8,
        /// Time at which the step began.
        since: Timestamp,
    },
    /// Sends nothing until it is resumed, and then goes on as it was.
    Paused {
        /// Step of the ramp before the pause; `None` if it was in its canary.
        step: Option<u8>,
    },
    /// Ended by a person.
    Cancelled,
    /// Ended by itself, because it went badly.
    Stopped {
        /// Reason for the stop.
        why: Stop,
    },
    /// Came to its end.
    Done,
}

impl JobState {
    /// Returns true if the job may send, and takes over its claims that ran out.
    #[must_use]
    pub const fn runs(&self) -> bool {
        matches!(self, Self::Canary | Self::Ramping { .. })
    }

    /// Returns the state in one word.
    #[must_use]
    pub const fn as_str(&self) -> &'static str {
        match self {
            Self::Listing { .. } => "LISTING",
            Self::Canary => "CANARY",
            Self::Ramping { .. } => "RAMPING",
            Self::Paused { .. } => "PAUSED",
            Self::Cancelled => "CANCELLED",
            Self::Stopped { .. } => "STOPPED",
            Self::Done => "DONE",
        }
    }
}

/// Progress of a job through its selection.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct JobCursor {
    /// Ids: how many were looked at. A filter: the lane of its listing.
    pub at: u32,
    /// Place of the last letter in that lane that was looked at.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub after: Option<Place>,
    /// True once the end was reached.
    pub ended: bool,
}

impl JobCursor {
    /// Cursor with which the walk through a filter's listing goes on.
    #[must_use]
    pub fn cursor(&self) -> Cursor {
        Cursor::resumed(u8::try_from(self.at).unwrap_or(u8::MAX), self.after)
    }

    /// The walk through a filter's listing, to go on from there; `None`: it came to the end.
    #[must_use]
    pub fn on(self, next: Option<Cursor>) -> Self {
        match next {
            Some(next) => Self { at: u32::from(next.lane()), after: next.after(), ended: false },
            None => Self { after: None, ended: true, ..self },
        }
    }
}

/// Event in a job's history.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct JobEvent {
    /// Time of the event.
    pub at: Timestamp,
    /// State that the job entered.
    pub became: String,
    /// Person who caused it, or the job itself.
    pub who: String,
    /// Reason for the change.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub why: Option<String>,
    /// Version of the job that the event brought; 0 for its creation, and in jobs of older versions.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub version: u64,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde hands out references")]
const fn is_zero(version: &u64) -> bool {
    *version == 0
}

/// Job as stored in one item; its batches stand beside it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Job {
    /// Id of the job.
    pub id: JobId,
    /// Letters to replay. A filter means the letters that had been indexed at its `as_of`, or at `asked_at`, when the job was
    /// created, if whoever asked gave none.
    pub selection: Selection,
    /// Number of letters in the selection when the job was created; `None`: nobody counted them, as in jobs of older versions.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub letters: Option<u32>,
    /// The queue that its letters go to, if that is not the one that they came from.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub to: Option<QueueArn>,
    /// Person who asked for the job.
    pub by: String,
    /// Reason for the replay.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub why: Option<String>,
    /// Time of the job's creation.
    pub created_at: Timestamp,
    /// Limits and checks of the job.
    pub guard: Guard,
    /// Edit of the bodies that are sent, if there is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub edit: Option<Edit>,
    /// Stage that the job has reached.
    pub state: JobState,
    /// Progress through the selection.
    pub walk: JobCursor,
    /// Number of batches planned so far.
    pub batches: u32,
    /// Number of these that are counted: the first ones, in order.
    pub counted: u32,
    /// Outcomes of the letters in the counted batches.
    pub account: Account,
    /// Token bucket that limits what may be sent now.
    pub bucket: Bucket,
    /// Last events of the job.
    pub history: Vec<JobEvent>,
    /// Time at which every outcome was known; open until then.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub closed_at: Option<Timestamp>,
    /// Time of deletion: never, unless closed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires: Option<Timestamp>,
    /// Version, incremented by every write.
    pub version: u64,
}

/// Request for a new job.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewJob {
    /// Id, if the caller has chosen one.
    pub id: Option<JobId>,
    /// Selection of letters to replay.
    pub selection: Selection,
    /// Destination, if it is not the letters' own queue.
    pub to: Option<QueueArn>,
    /// Limits and checks of the job.
    pub guard: Guard,
    /// Person who asks for the job.
    pub by: String,
    /// Reason for the replay.
    pub why: Option<String>,
    /// Edit of the bodies that are sent, if there is one.
    pub edit: Option<Edit>,
}

impl Job {
    /// A job as it begins.
    #[must_use]
    pub fn new(id: JobId, request: NewJob, now: Timestamp) -> Self {
        let NewJob { selection, to, guard, by, why, edit, .. } = request;
        let selection = selection.as_of(now);
        let letters = selection.count().map(|letters| u32::try_from(letters).unwrap_or(u32::MAX));
        let state = JobState::Listing { parts: 0 };
        let listed = matches!(selection, Selection::Listed(_));
        let mut job = Self {
            id,
            selection,
            letters,
            to,
            by,
            why,
            created_at: now,
            guard,
            edit,
            state,
            walk: JobCursor::default(),
            batches: 0,
            counted: 0,
            account: Account::default(),
            bucket: Bucket::empty(now),
            history: Vec::new(),
            closed_at: None,
            expires: None,
            version: 1,
        };
        if !listed {
            job.state = job.first_state(now);
        }
        let became = job.state.as_str().to_owned();
        job.history.push(JobEvent { at: now, became, who: job.by.clone(), why: job.why.clone(), version: 0 });
        job.bucket = Bucket::full(job.rate(), now);
        job
    }

    /// The same job as it begins, over so many letters.
    #[must_use]
    pub fn counting(self, letters: Option<u32>, now: Timestamp) -> Self {
        let mut job = Self { letters, ..self };
        if matches!(job.state, JobState::Ramping { .. }) {
            job.state = job.first_state(now);
            job.bucket = Bucket::full(job.rate(), now);
        }
        job
    }

    /// State in which the job begins to send.
    fn first_state(&self, now: Timestamp) -> JobState {
        match self.guard.canary {
            0 => JobState::Ramping { step: pace::first_step(self), since: now },
            _ => JobState::Canary,
        }
    }

    /// Returns true if the job is the one that was asked for. An instant that the request left open is the job's own.
    #[must_use]
    pub fn is_of(&self, request: &NewJob) -> bool {
        let fixed = match &self.selection {
            Selection::Filter(Filter { asked_at: Some(at), .. }) => request.selection.clone().as_of(*at),
            _ => request.selection.clone(),
        };
        self.by == request.by
            && self.selection == fixed
            && self.to == request.to
            && self.guard == request.guard
            && self.why == request.why
            && self.edit == request.edit
    }

    /// Returns true if the job still means a letter: the letter waits, fits, and nobody but this job has changed it
    /// since it was selected. `shown`: version of the letter in the job's list, if it has one.
    #[must_use]
    pub fn means(&self, letter: &Letter, shown: Option<u64>) -> bool {
        let fits = match &self.selection {
            Selection::Filter(filter) => filter.fits(&Candidate::of(letter)),
            Selection::Listed(listed) => listed.source_topic == letter.source && shown.is_some(),
            Selection::Ids(_) | Selection::Shown(_) => true,
        };
        let refused = |event: &Event| event.what == EventKind::NotSent && event.who == self.name();
        let same = || shown.map_or_else(|| self.selection.is_unchanged(letter), |version| version == letter.version);
        // What SQS refused this job, with nothing since, is as it was selected.
        let unchanged = || same() || letter.history.last().is_some_and(refused);
        fits && letter.status == Status::Pending && unchanged()
    }

    /// Returns the name under which its claims and edges are recorded.
    #[must_use]
    pub fn name(&self) -> String {
        format!("job {} of {}", self.id, self.by)
    }

    /// Returns true if anything of the job may still change by itself.
    #[must_use]
    pub const fn is_open(&self) -> bool {
        self.closed_at.is_none()
    }

    /// Returns true if the job has more batches to plan.
    #[must_use]
    pub const fn plans(&self) -> bool {
        self.state.runs() && !self.walk.ended
    }

    /// Returns the expiry of a job's items that are not known to be final: a forgotten job must not stay for ever.
    #[must_use]
    pub fn batch_expires(policy: &Policy, now: Timestamp) -> Timestamp {
        now.after(policy.resolved_retention.saturating_mul(2).max(policy.outcome_after)).whole_seconds()
    }

    const fn step(&self) -> Option<u8> {
        match self.state {
            JobState::Ramping { step, .. } => Some(step),
            JobState::Paused { step } => step,
            _ => None,
        }
    }

    fn percent(&self) -> u8 {
        self.step().map_or(100, |step| STEPS.get(usize::from(step)).copied().unwrap_or(100))
    }
}

#[cfg(test)]
mod tests;
