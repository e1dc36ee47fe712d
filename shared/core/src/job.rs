//! A replay job: one request to replay a selection, carefully. First a few letters (the canary), then, when their
//! outcomes are known, the others at a rate that ramps up; and it stops by itself when that goes badly.
//!
//! A job is a head ([`Job`]) and batches of at most ten letters ([`Batch`]), each an item of its own. Every step
//! returns the next version of one of them, to be written if the one in the table is still the one that was read; so
//! a job can be carried on after any crash, and by two runs at once:
//!
//! 1. A batch is planned: written with the letters that it means and the place in the index where it ends, if there is
//!    no batch of that number; then the head takes that place over and pays for it from its [`crate::ramp::Bucket`].
//! 2. Each letter is claimed *for this job*, sent and marked. A letter that has a send of this job is never claimed for
//!    it again, but to take over a claim that ran out.
//!    One that SQS refuses for now (throttled, or without permission) is retried after a while, and not for ever.
//! 3. What became of each is written into its line, until every line of the batch is final.
//! 4. The head counts final batches in their order, each once, and forgets them.

mod account;
mod batch;
mod guard;
mod refusal;
mod steps;

use serde::{Deserialize, Serialize};

use crate::ids::{JobId, QueueArn};
use crate::letter::{Letter, Status};
use crate::policy::Policy;
use crate::ports::Cursor;
use crate::ramp::{Bucket, STEPS};
use crate::replay::{Candidate, Edit, Filter, Selection};
use crate::time::Timestamp;

pub use account::{Account, Fate};
pub use batch::{BATCH, Batch, Line, Outcome, Sent, outcome, seen_again};
pub use guard::{AlarmState, Guard, Readings, Stop};
pub use refusal::{TRIES, passes};
pub use steps::NotThisStep;

/// The most letters that a job may name by their ids: they stand in its head.
pub const IDS: usize = 1_000;
/// How many events a job remembers.
const HISTORY: usize = 50;

/// Where a job stands.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "is", rename_all = "SCREAMING_SNAKE_CASE")]
pub enum State {
    /// Sends the first few, and waits for their outcomes.
    Canary,
    /// Sends at a step of its rate.
    Ramping {
        /// Which one of [`STEPS`].
        step: u8,
        /// Since when.
        since: Timestamp,
    },
    /// Sends nothing until it is resumed, and then goes on as it was.
    Paused {
        /// How it was: the step of its ramp, if it had come so far.
        step: Option<u8>,
    },
    /// Ended by a person.
    Cancelled,
    /// Ended by itself, because it went badly.
    Stopped {
        /// What went badly.
        why: Stop,
    },
    /// Came to its end.
    Done,
}

impl State {
    /// Whether it may send, and takes over its claims that ran out.
    #[must_use]
    pub const fn runs(&self) -> bool {
        matches!(self, Self::Canary | Self::Ramping { .. })
    }

    /// Its word.
    #[must_use]
    pub const fn as_str(&self) -> &'static str {
        match self {
            Self::Canary => "CANARY",
            Self::Ramping { .. } => "RAMPING",
            Self::Paused { .. } => "PAUSED",
            Self::Cancelled => "CANCELLED",
            Self::Stopped { .. } => "STOPPED",
            Self::Done => "DONE",
        }
    }
}

/// How far a job has looked through its selection.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Walk {
    /// Ids: how many were looked at. A filter: the shard of the index.
    pub at: u32,
    /// Where in that shard.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub after: Option<Cursor>,
    /// Whether it came to the end.
    pub ended: bool,
}

/// One line of a job's history.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct JobEvent {
    /// When.
    pub at: Timestamp,
    /// What it became.
    pub became: String,
    /// Who made it so: a person, or the job itself.
    pub who: String,
    /// Why.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub why: Option<String>,
}

/// A job's head.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Job {
    /// Which one.
    pub id: JobId,
    /// What is to be replayed. A filter means the letters that had been indexed at its `as_of`: when the job was created, if
    /// whoever asked did not say.
    pub selection: Selection,
    /// The queue that its letters go to, if that is not the one that they came from.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub to: Option<QueueArn>,
    /// Who asked for it.
    pub by: String,
    /// Why.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub why: Option<String>,
    /// When.
    pub created_at: Timestamp,
    /// How carefully.
    pub guard: Guard,
    /// What its letters are sent with instead of their bodies.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub edit: Option<Edit>,
    /// Where it stands.
    pub state: State,
    /// How far it has looked.
    pub walk: Walk,
    /// How many batches it has planned.
    pub batches: u32,
    /// How many of these are counted: the first ones, in order.
    pub counted: u32,
    /// What became of the letters of those.
    pub account: Account,
    /// What it may send now.
    pub bucket: Bucket,
    /// What happened to it, the last events.
    pub history: Vec<JobEvent>,
    /// When everything about it was known; open until then.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub closed_at: Option<Timestamp>,
    /// When it is deleted: never, unless closed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires: Option<Timestamp>,
    /// One more with every write.
    pub version: u64,
}

/// What somebody asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewJob {
    /// Which one, if whoever asks has chosen.
    pub id: Option<JobId>,
    /// Which letters.
    pub selection: Selection,
    /// Another queue that they go to.
    pub to: Option<QueueArn>,
    /// How carefully.
    pub guard: Guard,
    /// Who asks.
    pub by: String,
    /// Why.
    pub why: Option<String>,
    /// What the letters are sent with instead of their bodies.
    pub edit: Option<Edit>,
}

impl Job {
    /// A job as it begins.
    #[must_use]
    pub fn new(id: JobId, asked: NewJob, now: Timestamp) -> Self {
        let NewJob { selection, to, guard, by, why, edit, .. } = asked;
        let selection = selection.as_of(now);
        let state = if guard.canary == 0 { State::Ramping { step: 0, since: now } } else { State::Canary };
        let event = JobEvent { at: now, became: state.as_str().to_owned(), who: by.clone(), why: why.clone() };
        let mut job = Self {
            id,
            selection,
            to,
            by,
            why,
            created_at: now,
            guard,
            edit,
            state,
            walk: Walk::default(),
            batches: 0,
            counted: 0,
            account: Account::default(),
            bucket: Bucket::empty(now),
            history: vec![event],
            closed_at: None,
            expires: None,
            version: 1,
        };
        job.bucket = Bucket::full(job.rate(), now);
        job
    }

    /// Whether it is the job that is asked for: an instant that the request left open is the job's own.
    #[must_use]
    pub fn is_of(&self, asked: &NewJob) -> bool {
        let fixed = match &self.selection {
            Selection::Filter(Filter { as_of: Some(at), .. }) => asked.selection.clone().as_of(*at),
            _ => asked.selection.clone(),
        };
        self.by == asked.by
            && self.selection == fixed
            && self.to == asked.to
            && self.guard == asked.guard
            && self.why == asked.why
            && self.edit == asked.edit
    }

    /// Whether a letter is still one that it means: it waits, fits, and nobody but this job has changed it since it was selected.
    #[must_use]
    pub fn means(&self, letter: &Letter) -> bool {
        let fits = match &self.selection {
            Selection::Filter(filter) => filter.fits(&Candidate::of(letter)),
            Selection::Ids(_) | Selection::Shown(_) => true,
        };
        let unchanged = || self.selection.is_unchanged(letter) || letter.was_just_refused(&self.name());
        fits && letter.status == Status::Pending && unchanged()
    }

    /// As what its claims and edges are written down.
    #[must_use]
    pub fn name(&self) -> String {
        format!("job {} of {}", self.id, self.by)
    }

    /// Whether anything about it may still change by itself.
    #[must_use]
    pub const fn is_open(&self) -> bool {
        self.closed_at.is_none()
    }

    /// Whether it has more to plan.
    #[must_use]
    pub const fn plans(&self) -> bool {
        self.state.runs() && !self.walk.ended
    }

    /// The partition of the status index in which open jobs are listed, or the closed ones.
    #[must_use]
    pub const fn index(open: bool) -> &'static str {
        if open { "JOB#OPEN" } else { "JOB#CLOSED" }
    }

    /// How long the items of a job are kept that are not known to be final: a forgotten job must not stay for ever.
    #[must_use]
    pub fn batch_expires(policy: &Policy, now: Timestamp) -> Timestamp {
        now.after(policy.resolved_retention.saturating_mul(2).max(policy.outcome_after)).whole_seconds()
    }

    const fn step(&self) -> Option<u8> {
        match self.state {
            State::Ramping { step, .. } => Some(step),
            State::Paused { step } => step,
            _ => None,
        }
    }

    fn percent(&self) -> u8 {
        self.step().map_or(100, |step| STEPS.get(usize::from(step)).copied().unwrap_or(100))
    }
}

#[cfg(test)]
mod tests;
