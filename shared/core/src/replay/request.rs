//! Requests to the replay function.

mod actions;
mod selecting;

use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};
use thiserror::Error;

use super::{Edit, LIST_PART, Patch, Selection};
use crate::ids::{JobId, LetterId, QueueArn};
use crate::json::member;
use crate::letters::letter::{FUNCTIONS, is_function};
use crate::message::decode::without_data;
use crate::replay::job::{Guard, IDS, NewJob};
use actions::{ACTIONS, GUARD, SELECT, SELECTING, WAYS_IN};

/// The longest note that is kept.
const NOTE_LIMIT: usize = 1_024;
/// The longest name of whoever asks.
const NAME_LIMIT: usize = 256;

/// Limit of a patch in bytes.
const PATCH_LIMIT: usize = 64 * 1024;
/// The largest edit of a job: it stands in the job's head, beside the ids.
pub const JOB_EDIT_LIMIT: usize = 128 * 1024;

/// Request to the replay function.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Request {
    /// Replays what the policy allows and is due; then works on the open jobs.
    Schedule,
    /// The open jobs, and nothing else.
    Work,
    /// Replays what a person chose, at once and without a guard. The schedule goes on with what it leaves behind.
    Replay {
        /// Selection of letters to replay.
        selection: Selection,
        /// Person who asks for it.
        by: String,
        /// Consents and options of the replay.
        options: ReplayOptions,
    },
    /// Tells what would become of the letters that a person chose. Nothing is touched.
    DryRun {
        /// Letters to look at.
        selection: Selection,
        /// Consents and options of the replay.
        options: ReplayOptions,
    },
    /// Give up what a person chose.
    Discard(Remark),
    /// Takes a discard back.
    Restore(Remark),
    /// Write something down about letters.
    Note(Remark),
    /// Put what a person chose back into its dead-letter queue, for native tools or before the queue is given up.
    Eject {
        /// Selection of letters to eject.
        selection: Selection,
        /// Person who asks for it.
        by: String,
    },
    /// Remove their bodies, for ever: by id also of RESOLVED and DISCARDED ones.
    Erase(Remark),
    /// Forget the dead enqueues of the keys of letters that wait, where there are too many: see [`crate::processing::ledger::free`].
    Free(Remark),
    /// Replay what a person chose, carefully.
    Job(Box<NewJob>),
    /// Hand over the next part of a job's list.
    AddToList {
        /// Id of the job.
        job: JobId,
        /// Number of the part: 0 for the first.
        part: u32,
        /// Letters in the order in which they are sent, each in the version that was shown.
        letters: Vec<(LetterId, u64)>,
        /// True if the job sends edited bodies. Who chooses its letters then chooses what is edited.
        edited: bool,
        /// Person who asks for it.
        by: String,
    },
    /// Pause, resume or cancel a job.
    Change {
        /// Id of the job.
        job: JobId,
        /// Change to make to it.
        to: Change,
        /// Person who asks for it.
        by: String,
        /// Reason for the change.
        why: Option<String>,
    },
    /// Tell of a job.
    Show {
        /// Id of the job.
        job: JobId,
        /// Number of the first batch whose letters are told.
        from: u32,
    },
    /// Tell which jobs there are.
    Jobs {
        /// The open ones, or the closed ones.
        open: bool,
    },
}

/// Letters with a note on them, and its author.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Remark {
    /// Letters that the note is about.
    pub selection: Selection,
    /// Text of the note.
    pub note: String,
    /// Author of the note.
    pub by: String,
}

/// Consents and options of a replay that would be refused without them: see [`super::ConsentTerms`].
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ReplayOptions {
    /// A letter may go that the ledger may have forgotten.
    pub forgotten_ok: bool,
    /// A letter may go as a new message.
    pub as_new: bool,
    /// Edit of the bodies that are sent, if there is one.
    pub edit: Option<Edit>,
    /// The edited body may have another key: it is another message then.
    pub allow_key_change: bool,
    /// Allows a letter of a FIFO queue to go once the one before it was sent, whatever becomes of that.
    pub after_replayed: bool,
    /// Destination, if it is not the letters' own queue: one of those that are listed for it.
    pub to: Option<QueueArn>,
}

/// Steering of a job by a person.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Change {
    /// Send nothing until it is resumed.
    Pause,
    /// Lets a paused job go on.
    Resume,
    /// Ends the job for good.
    Cancel,
}

/// A request that is not understood. Nothing was touched.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("replay input is not understood: {why}; expected {expected}")]
pub struct BadRequest {
    why: String,
    expected: String,
}

/// An action's fields, as they came.
struct ActionFields<'a> {
    action: &'static str,
    given: &'a Map<String, Value>,
}

type FieldResult<T> = Result<T, BadRequest>;

impl Request {
    /// The letters that it means, if it means any.
    #[must_use]
    pub const fn selection(&self) -> Option<&Selection> {
        match self {
            Self::Replay { selection, .. } | Self::DryRun { selection, .. } | Self::Eject { selection, .. } => {
                Some(selection)
            }
            Self::Discard(remark)
            | Self::Restore(remark)
            | Self::Note(remark)
            | Self::Erase(remark)
            | Self::Free(remark) => Some(&remark.selection),
            Self::Job(job) => Some(&job.selection),
            Self::Schedule
            | Self::Work
            | Self::AddToList { .. }
            | Self::Change { .. }
            | Self::Show { .. }
            | Self::Jobs { .. } => None,
        }
    }

    /// Reads the text of an invocation's payload: a patch in it keeps the digits of its numbers.
    ///
    /// # Errors
    /// [`BadRequest`] says what is wrong with it, and what the action takes.
    pub fn read(text: &str) -> Result<Self, BadRequest> {
        let bad = |_| BadRequest { why: "it is no JSON".to_owned(), expected: WAYS_IN.to_owned() };
        let mut input: Value = serde_json::from_str(text).map_err(bad)?;
        if let Some(list) = input.get_mut("patch").filter(|patch| patch.is_array())
            && let Some(text) = member(text, "patch").and_then(|place| text.get(place))
        {
            *list = Value::from(text);
        }
        Self::parse(&input)
    }

    /// Reads an invocation's payload that has been read as JSON.
    ///
    /// # Errors
    /// [`BadRequest`] says what is wrong with it, and what the action takes.
    pub fn parse(input: &Value) -> Result<Self, BadRequest> {
        let bad = |why: &str| Err(BadRequest { why: why.to_owned(), expected: WAYS_IN.to_owned() });
        let Some(given) = input.as_object() else { return bad("it is no object") };
        if let Some(way) = given.get("redrive") {
            return match way.as_str() {
                _ if given.len() > 1 => bad("\"redrive\" stands alone"),
                Some("schedule") => Ok(Self::Schedule),
                Some("work") => Ok(Self::Work),
                _ => bad("it names neither the schedule nor the work"),
            };
        }
        let named = given.get("action").and_then(Value::as_str).unwrap_or_default();
        let Some((action, known, _)) = ACTIONS.into_iter().find(|(action, ..)| *action == named) else {
            return bad("it names neither the schedule nor one known action");
        };
        let fields = ActionFields { action, given };
        let selects = known.contains(&"select");
        let takes = |name: &str| {
            known.contains(&name) || selects && SELECTING.contains(&name) || action == "job" && GUARD.contains(&name)
        };
        // Not told by its name: whatever was sent here by mistake may hold anything.
        if given.keys().any(|name| name != "action" && !takes(name)) {
            return fields.bad("it has a field that is not known here");
        }
        fields.request()
    }
}

impl ActionFields<'_> {
    fn bad<T>(&self, why: &str) -> FieldResult<T> {
        let takes = ACTIONS.iter().find(|(action, ..)| *action == self.action).map_or("", |(.., takes)| takes);
        let selects = ["replay", "job", "eject", "discard", "restore", "note", "erase", "free"].contains(&self.action);
        let select = if selects { format!("{SELECT}, ") } else { String::new() };
        Err(BadRequest { why: why.to_owned(), expected: format!("for {:?}: {select}{takes}", self.action) })
    }

    fn request(&self) -> FieldResult<Request> {
        let change = |to| Ok(Request::Change { job: self.job()?, to, by: self.by()?, why: self.text("why")? });
        match self.action {
            "replay" => self.replay(),
            "job" => self.new_job(),
            "add" => self.add_to_list(),
            "pause" => change(Change::Pause),
            "resume" => change(Change::Resume),
            "cancel" => change(Change::Cancel),
            "show" => Ok(Request::Show { job: self.job()?, from: self.field("from")?.unwrap_or(0) }),
            "jobs" => Ok(Request::Jobs { open: !self.flag("closed")? }),
            "eject" => Ok(Request::Eject { selection: self.selection()?, by: self.by()? }),
            "discard" => Ok(Request::Discard(self.remark()?)),
            "restore" => Ok(Request::Restore(self.remark()?)),
            "erase" => Ok(Request::Erase(self.remark()?)),
            "free" => Ok(Request::Free(self.remark()?)),
            _ => Ok(Request::Note(self.remark()?)),
        }
    }

    fn replay(&self) -> FieldResult<Request> {
        let selection = self.selection()?;
        let edit = self.edit(&selection)?;
        let options = ReplayOptions {
            forgotten_ok: self.flag("forgotten_ok")?,
            as_new: self.flag("as_new")?,
            edit,
            allow_key_change: self.flag("allow_key_change")?,
            after_replayed: self.flag("after_replayed")?,
            to: self.to()?,
        };
        Ok(match self.flag("dry_run")? {
            true => Request::DryRun { selection, options },
            false => Request::Replay { selection, by: self.by()?, options },
        })
    }

    fn new_job(&self) -> FieldResult<Request> {
        let guard: Map<String, Value> = self
            .given
            .iter()
            .filter(|(name, _)| GUARD.contains(&name.as_str()))
            .map(|(name, value)| (name.clone(), value.clone()))
            .collect();
        let guard = match Guard::deserialize(Value::Object(guard)) {
            Ok(guard) => guard,
            Err(error) => return self.bad(&without_data(&error.to_string())),
        };
        if let Some((field, allowed)) = guard.wrong() {
            return self.bad(&format!("{field:?} is out of its range ({allowed})"));
        }
        let selection = self.selection()?;
        if let Some(ids) = selection.ids().filter(|ids| ids.len() > IDS) {
            return self.bad(&format!("{} ids are more than a job takes ({IDS})", ids.len()));
        }
        let id = if self.given.contains_key("job") { Some(self.job()?) } else { None };
        let edit = self.edit(&selection)?;
        if edit.as_ref().is_some_and(|edit| edit.bytes() > JOB_EDIT_LIMIT) {
            return self.bad("a job takes an edit of at most 128 KiB; \"replay\" takes a larger one");
        }
        let (to, by, why) = (self.to()?, self.by()?, self.text("why")?);
        Ok(Request::Job(Box::new(NewJob { id, selection, to, guard, by, why, edit })))
    }

    fn add_to_list(&self) -> FieldResult<Request> {
        let read = |(id, version): (String, u64)| Some((LetterId::parse(&id)?, version));
        let letters = self.field::<Vec<(String, u64)>>("letters")?.unwrap_or_default();
        let most = usize::try_from(LIST_PART).unwrap_or(usize::MAX);
        if !(1..=most).contains(&letters.len()) {
            return self.bad(&format!("\"letters\" must be 1 to {LIST_PART} letters, each with its version"));
        }
        let Some(letters) = letters.into_iter().map(read).collect() else { return self.bad("an id is not a UUID") };
        let Some(part) = self.field("part")? else { return self.bad("\"part\" must number the part") };
        let edited = self.flag("edited")?;
        Ok(Request::AddToList { job: self.job()?, part, letters, edited, by: self.by()? })
    }

    fn remark(&self) -> FieldResult<Remark> {
        let note = self.text("note")?.filter(|note| !note.trim().is_empty());
        let Some(note) = note else { return self.bad("a note of 1 to 1,024 bytes must say why") };
        Ok(Remark { selection: self.selection()?, note, by: self.by()? })
    }

    /// A body means one letter, or the same would be sent many times.
    fn edit(&self, selection: &Selection) -> FieldResult<Option<Edit>> {
        let one = selection.is_named() && selection.ids().is_some_and(|ids| ids.len() == 1);
        let patch = match self.given.get("patch") {
            None => None,
            Some(Value::String(text)) => Some(Patch::parse(text)),
            Some(list) => Some(Patch::parse(&list.to_string())),
        };
        let patch = match patch.transpose() {
            Ok(patch) => patch.map(Edit::Patch),
            // Nothing of its values is told.
            Err(why) => return self.bad(&why.to_string()),
        };
        match (self.field::<String>("edit")?, patch) {
            (Some(_), Some(_)) => self.bad("it has both \"edit\" and \"patch\""),
            (Some(_), None) if !one => self.bad("\"edit\" is the body of one letter, named by its id"),
            (Some(body), None) => Ok(Some(Edit::Body(body))),
            (None, Some(patch)) if patch.bytes() > PATCH_LIMIT => self.bad("\"patch\" has more than 64 KiB"),
            (None, patch) => Ok(patch),
        }
    }

    fn field<T: DeserializeOwned>(&self, name: &str) -> FieldResult<Option<T>> {
        match self.given.get(name).map(T::deserialize) {
            None => Ok(None),
            Some(Ok(value)) => Ok(Some(value)),
            Some(Err(error)) => self.bad(&format!("{name:?} cannot be read: {}", without_data(&error.to_string()))),
        }
    }

    fn flag(&self, name: &str) -> FieldResult<bool> {
        Ok(self.field(name)?.unwrap_or(false))
    }

    fn text(&self, name: &str) -> FieldResult<Option<String>> {
        match self.field::<String>(name)? {
            Some(text) if text.len() > NOTE_LIMIT => self.bad(&format!("{name:?} has more than {NOTE_LIMIT} bytes")),
            text => Ok(text),
        }
    }

    fn by(&self) -> FieldResult<String> {
        match self.text("by")?.filter(|by| (1..=NAME_LIMIT).contains(&by.trim().len())) {
            Some(by) if is_function(&by) => self.bad(&format!(
                "\"by\" may not begin with a name that a function acts under ({})",
                FUNCTIONS.join(", ")
            )),
            Some(by) => Ok(by),
            None => self.bad("\"by\" must say who asks, in 1 to 256 bytes"),
        }
    }

    /// Reads a destination. A wrong value is not quoted: it may have been sent here by mistake.
    fn to(&self) -> FieldResult<Option<QueueArn>> {
        match self.text("to")?.map(|text| QueueArn::parse(&text)) {
            Some(None) => self.bad("\"to\" is no ARN of a queue"),
            to => Ok(to.flatten()),
        }
    }

    fn job(&self) -> FieldResult<JobId> {
        match self.text("job")?.as_deref().and_then(JobId::parse) {
            Some(job) => Ok(job),
            None => self.bad("\"job\" is no UUID"),
        }
    }
}

#[cfg(test)]
mod tests;
