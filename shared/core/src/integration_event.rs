//! Integration events: notices for other systems about letters and jobs, with nothing that stood in a message.
//!
//! An event follows from a write to the dead-letter table alone ([`IntegrationEvent::of_letter`], [`IntegrationEvent::of_job`]), so
//! that it is the same whoever made that write. docs/events.md says what each means, docs/events has a JSON schema for each.

use serde::Serialize;
use serde_json::Value;
use uuid::Uuid;

use crate::ids::QueueArn;
use crate::letters::letter::{Event, EventKind, Letter, LetterWrite, Status, is_function};
use crate::replay::Selection;
use crate::replay::job::{Disposition, Job, JobState, Stop};
use crate::time::Timestamp;

/// Source of every event, as rules on a bus name it.
pub const SOURCE: &str = "redrive";
/// Version of the details' form. It grows when a field goes or changes its meaning, and not when one is added.
pub const FORM: u32 = 1;

/// Kind of an event, called `detail-type` on a bus.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum DetailType {
    /// A message became a letter.
    LetterCreated,
    /// The effect of a letter happened.
    LetterResolved,
    /// A person gave a letter up, erased it while it waited, or had it put back into the dead-letter queue.
    LetterDiscarded,
    /// A person took a discard back.
    LetterRestored,
    /// A job ended by itself, because it went badly.
    JobStopped,
    /// A job came to its end.
    JobDone,
}

impl DetailType {
    /// Every detail type, letters' first.
    pub const ALL: [Self; 6] = [
        Self::LetterCreated,
        Self::LetterResolved,
        Self::LetterDiscarded,
        Self::LetterRestored,
        Self::JobStopped,
        Self::JobDone,
    ];

    /// Returns the words that stand on the bus.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::LetterCreated => "Letter Created",
            Self::LetterResolved => "Letter Resolved",
            Self::LetterDiscarded => "Letter Discarded",
            Self::LetterRestored => "Letter Restored",
            Self::JobStopped => "Job Stopped",
            Self::JobDone => "Job Done",
        }
    }
}

/// Event for other systems.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IntegrationEvent {
    /// Kind of the event.
    pub detail_type: DetailType,
    /// Time of what happened.
    pub at: Timestamp,
    /// Queue that it is about; `None`: a job that names letters by their ids.
    pub queue: Option<QueueArn>,
    /// Detail as JSON text.
    pub detail: String,
}

/// Detail of an event about a letter.
#[derive(Debug, Serialize)]
struct LetterDetail<'a> {
    form: u32,
    event_id: Uuid,
    at: String,
    /// Part of Redrive that did it, or `person`.
    by: &'static str,
    letter_id: String,
    queue: &'a str,
    queue_name: &'a str,
    scope: &'a str,
    message_id: &'a str,
    status: &'static str,
    class: &'static str,
    cause: &'a str,
    attempts: u32,
    deaths: u32,
    replays: u32,
    first_failed_at: String,
    last_failed_at: String,
}

/// Detail of an event about a job.
#[derive(Debug, Serialize)]
struct JobDetail<'a> {
    form: u32,
    event_id: Uuid,
    at: String,
    job_id: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    queue: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    queue_name: Option<&'a str>,
    created_at: String,
    /// Kind of the reason for a stop, and its numbers.
    #[serde(skip_serializing_if = "Option::is_none")]
    stop: Option<&'a Stop>,
    #[serde(skip_serializing_if = "Option::is_none")]
    letters: Option<u32>,
    counted: Counted,
}

/// Letters of a job whose outcomes are final.
#[derive(Debug, Serialize)]
struct Counted {
    total: u32,
    sent: u32,
    succeeded: u32,
    failed: u32,
    unknown: u32,
}

impl IntegrationEvent {
    /// Returns what a letter's write means for others, in the order in which it happened: at most two events. A letter that is
    /// created as done is created, then resolved, so that each letter has one creation.
    #[must_use]
    pub fn of_letter(write: &LetterWrite) -> Vec<Self> {
        let LetterWrite { letter, replaces } = write;
        let indexed = letter.history.iter().find(|event| event.what == EventKind::Indexed);
        let created = indexed.filter(|_| replaces.is_none()).map(|event| (DetailType::LetterCreated, event));
        let changed = changed(letter);
        created.into_iter().chain(changed).map(|(kind, event)| Self::of_change(kind, letter, event)).collect()
    }

    fn of_change(detail_type: DetailType, letter: &Letter, event: &Event) -> Self {
        let detail = LetterDetail {
            form: FORM,
            event_id: event_id(detail_type, &letter.id.to_string(), event.at),
            at: event.at.to_rfc3339(),
            by: by(&event.who),
            letter_id: letter.id.to_string(),
            queue: letter.source.as_str(),
            queue_name: letter.source.name(),
            scope: letter.scope.as_str(),
            message_id: letter.origin.as_str(),
            status: letter.status.as_str(),
            class: letter.reason.error_type.as_str(),
            cause: &letter.fingerprint,
            attempts: letter.reason.attempt_count,
            deaths: letter.deaths,
            replays: letter.number.0,
            first_failed_at: letter.reason.first_failed_at.to_rfc3339(),
            last_failed_at: letter.reason.last_failed_at.to_rfc3339(),
        };
        Self { detail_type, at: event.at, queue: Some(letter.source.clone()), detail: text(&detail) }
    }

    /// Returns what a job's write means for others. Of a job that ended before versions stood in its history, nothing.
    #[must_use]
    pub fn of_job(job: &Job) -> Option<Self> {
        let (last, before) = job.history.split_last()?;
        // An event may be of the same state: the edit of a job that has ended is erased.
        let entered = last.version == job.version && before.last().is_none_or(|event| event.became != last.became);
        let (detail_type, stop) = match &job.state {
            JobState::Stopped { why } => (DetailType::JobStopped, Some(why)),
            JobState::Done => (DetailType::JobDone, None),
            _ => return None,
        };
        if !entered {
            return None;
        }
        let queue = match &job.selection {
            Selection::Filter(filter) => filter.source_topic.as_ref(),
            Selection::Listed(listed) => Some(&listed.source_topic),
            Selection::Ids(_) | Selection::Shown(_) => None,
        };
        let account = &job.account;
        let detail = JobDetail {
            form: FORM,
            event_id: event_id(detail_type, &job.id.to_string(), last.at),
            at: last.at.to_rfc3339(),
            job_id: job.id.to_string(),
            queue: queue.map(QueueArn::as_str),
            queue_name: queue.map(QueueArn::name),
            created_at: job.created_at.to_rfc3339(),
            stop,
            letters: job.letters,
            counted: Counted {
                total: account.total(),
                sent: account.sent(),
                succeeded: account.succeeded(),
                failed: account.failed(),
                unknown: account.of(Disposition::Unknown),
            },
        };
        Some(Self { detail_type, at: last.at, queue: queue.cloned(), detail: text(&detail) })
    }

    /// Returns the detail as JSON.
    #[must_use]
    pub fn detail(&self) -> Value {
        serde_json::from_str(&self.detail).unwrap_or_default()
    }
}

/// Returns the end or the return that a letter's last version brought, if it brought one. One write may record several events of one
/// instant: an erasure discards, too.
fn changed(letter: &Letter) -> Option<(DetailType, &Event)> {
    let last = letter.history.last()?;
    let of_this_write = letter.history.iter().rev().take_while(|event| event.at == last.at);
    let kind = |event: &Event| match (letter.status, event.what) {
        (Status::Resolved, EventKind::Resolved) => Some(DetailType::LetterResolved),
        (Status::Discarded, EventKind::Discarded | EventKind::Ejected) => Some(DetailType::LetterDiscarded),
        (Status::Pending, EventKind::Restored) => Some(DetailType::LetterRestored),
        _ => None,
    };
    let mut kinds = of_this_write.map(|event| Some((kind(event)?, event)));
    match last.what {
        EventKind::Erased => kinds.find_map(|found| found),
        _ => kinds.next().flatten(),
    }
}

/// Returns an id that is the same whenever the same change is told again.
fn event_id(detail_type: DetailType, of: &str, at: Timestamp) -> Uuid {
    let name = format!("{SOURCE}/{}/{of}/{}", detail_type.as_str(), at.as_millis());
    Uuid::new_v5(&Uuid::NAMESPACE_URL, name.as_bytes())
}

/// Returns the part of Redrive that acted, or that a person did. Persons' names stay with the letter, and in the log.
fn by(who: &str) -> &'static str {
    match who.split_whitespace().next() {
        Some("indexer") => "indexer",
        Some("reconciler") => "reconciler",
        Some("schedule") => "schedule",
        Some("job") => "job",
        _ if is_function(who) => "replay",
        _ => "person",
    }
}

fn text(detail: &impl Serialize) -> String {
    serde_json::to_string(detail).unwrap_or_default()
}
