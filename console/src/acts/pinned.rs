//! Letters that were shown, pinned in the form that confirms it: these letters in these versions, and nothing else, are touched.

use redrive_core::ids::JobId;
use redrive_core::replay::job::Guard;
use redrive_core::replay::{Edit, Selection};
use redrive_operator::request::{add_edit, add_guard};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::kind::ActKind;
use crate::fields::Fields;
use crate::wanted::quoted;

/// Number of letters above which the number must be typed.
const TYPED: u64 = 100;
/// Longest reason in bytes that the replay function takes.
const REASON: usize = 1_024;

/// Act as it was shown.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Pinned {
    what: String,
    /// Number of letters that were shown.
    pub(crate) count: u64,
    /// Letters, each in its version, or a filter as of an instant.
    pub(crate) selection: Selection,
    /// Id of the job: who sends the form twice makes one job.
    pub(crate) job: JobId,
    /// Another body, or a patch.
    pub(crate) edit: Option<Edit>,
    /// Selection of letters in words.
    pub(crate) words: String,
    /// Options of the command that choose the same.
    pub(crate) options: String,
    /// Limits and checks of the job, where the form has no field for them.
    pub(crate) guard: Guard,
    /// Job that has ended, and whose rest this is.
    pub(crate) rest: Option<JobId>,
}

impl Pinned {
    pub(crate) fn new(kind: ActKind, count: u64, selection: Selection, edit: Option<Edit>, job: JobId) -> Self {
        let (words, options) = (String::new(), String::new());
        let (guard, rest) = (Guard::default(), None);
        Self { what: kind.name().to_owned(), count, selection, job, edit, words, options, guard, rest }
    }

    /// Reads what a form carries.
    pub(crate) fn read(text: &str) -> Option<Self> {
        let pinned: Self = serde_json::from_str(text).ok()?;
        ActKind::read(&pinned.what).map(|_| pinned)
    }

    pub(crate) fn kind(&self) -> ActKind {
        ActKind::read(&self.what).unwrap_or(ActKind::Note)
    }

    /// Returns the text that a form carries.
    pub(crate) fn text(&self) -> String {
        json!(self).to_string()
    }

    /// Returns true if the number of letters must be typed.
    pub(crate) const fn must_be_typed(&self) -> bool {
        self.count > TYPED
    }

    /// Checks that a person has confirmed it, with a reason.
    pub(crate) fn is_confirmed(&self, fields: &Fields) -> Result<(), String> {
        let why = fields.get("why").unwrap_or_default();
        if why.is_empty() {
            return Err("A reason must be given: it is written down with each letter or the job.".to_owned());
        }
        if why.len() > REASON {
            return Err(format!("The reason must have at most {REASON} bytes."));
        }
        if self.must_be_typed() && fields.get("typed") != Some(self.count.to_string().as_str()) {
            return Err(format!("Type the number of letters, {}, to confirm that you mean all of them.", self.count));
        }
        if self.kind().sends() {
            guard(fields, &self.guard)?;
        }
        Ok(())
    }

    /// Makes the request to the replay function.
    pub(crate) fn request(&self, fields: &Fields, by: &str) -> Result<Value, String> {
        let why = fields.get("why").unwrap_or_default();
        let mut request = json!({"action": self.kind().action(), "by": by});
        if !self.kind().sends() {
            request["note"] = json!(why);
            return Ok(request);
        }
        request["why"] = json!(why);
        request["job"] = json!(self.job);
        add_guard(&mut request, &guard(fields, &self.guard)?);
        add_edit(&mut request, self.edit.as_ref());
        Ok(request)
    }

    /// Returns the command that does the same.
    pub(crate) fn command(&self, why: &str) -> String {
        let why = if why.is_empty() { "YOUR REASON" } else { why };
        if let Some(job) = self.rest {
            return format!("redrive replay --job {job} --rest --why {}", quoted(why));
        }
        // What was chosen by filters is chosen so again, and what was named is named: all of it.
        let ids: String = match self.selection.is_named() {
            true => self.selection.ids().unwrap_or_default().iter().map(|id| format!(" {id}")).collect(),
            false => String::new(),
        };
        let (verb, reason, file) = match self.kind() {
            ActKind::Replay => ("replay", "why", ""),
            ActKind::Edit => ("replay", "why", " --edit body.json"),
            ActKind::Patch => ("replay", "why", " --patch patch.json"),
            ActKind::Discard => ("discard", "note", ""),
            ActKind::Restore => ("restore", "note", ""),
            ActKind::Note => ("note", "note", ""),
        };
        let rest = if ids.is_empty() { self.options.as_str() } else { "" };
        format!("redrive {verb}{ids}{rest}{file} --{reason} {}", quoted(why))
    }
}

/// Reads the guard of a job from its form; what the form has no field for is as usual.
fn guard(fields: &Fields, usual: &Guard) -> Result<Guard, String> {
    let number = |name: &str, usual: u32| match fields.get(name).map(str::parse) {
        None => Ok(usual),
        Some(Ok(number)) => Ok(number),
        Some(Err(_)) => Err(format!("{name} must be a number.")),
    };
    let guard = Guard {
        canary: number("canary", usual.canary)?,
        rate: number("rate", usual.rate)?,
        max_failed_percent: number("max_failed_percent", usual.max_failed_percent)?,
        forgotten_ok: fields.is_ticked("forgotten_ok"),
        as_new: fields.is_ticked("as_new"),
        allow_key_change: fields.is_ticked("allow_key_change"),
        ..usual.clone()
    };
    match guard.wrong() {
        Some((field, allowed)) => Err(format!("{field} is out of its range ({allowed}).")),
        None => Ok(guard),
    }
}
