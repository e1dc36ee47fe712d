//! Act of a person, as it is written into the log: by whom, and why.

use serde::{Deserialize, Serialize};

use super::{Change, Request, Selection};
use crate::time::Timestamp;

/// An act of a person, for the audit. Whoever only looks does nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Act<'a> {
    /// Action, as the request names it.
    pub action: &'static str,
    /// Person who asks for it.
    pub by: &'a str,
    /// Reason, as far as it was given.
    pub why: Option<&'a str>,
    /// Number of letters named by their ids; `None` if they were selected, or the act is about a job.
    pub named: Option<usize>,
}

/// Act of a person on letters that was carried out, as screens show it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ActRecord {
    /// Time at which it was carried out.
    pub at: Timestamp,
    /// Name of the person.
    pub who: String,
    /// Action, as the request names it.
    pub action: String,
    /// Number of letters that it changed.
    pub letters: u64,
    /// Reason that was given.
    pub why: Option<String>,
}

impl Act<'_> {
    /// Makes the record of this act, which changed so many letters. `None` for an act on a job, whose history has it, and for one that
    /// changed nothing.
    #[must_use]
    pub fn record(&self, at: Timestamp, letters: usize) -> Option<ActRecord> {
        let on_a_job = matches!(self.action, "job" | "add" | "pause" | "resume" | "cancel");
        (letters > 0 && !on_a_job).then(|| ActRecord {
            at,
            who: self.by.to_owned(),
            action: self.action.to_owned(),
            letters: letters as u64,
            why: self.why.map(str::to_owned),
        })
    }
}

impl Request {
    /// The act that is asked for; `None` for the schedule, the work, and what only looks.
    #[must_use]
    pub fn act(&self) -> Option<Act<'_>> {
        let named = Selection::count;
        let remark_of = |action, remark: &'_ super::Remark| (action, named(&remark.selection));
        let (action, by, why, named) = match self {
            Self::Schedule | Self::Work | Self::DryRun { .. } | Self::Show { .. } | Self::Jobs { .. } => return None,
            Self::Replay { selection, by, options } => {
                (if options.edit.is_some() { "edit" } else { "replay" }, by, None, named(selection))
            }
            Self::Eject { selection, by } => ("eject", by, None, named(selection)),
            Self::Discard(remark)
            | Self::Restore(remark)
            | Self::Note(remark)
            | Self::Erase(remark)
            | Self::Free(remark) => {
                let (action, named) = match self {
                    Self::Discard(_) => remark_of("discard", remark),
                    Self::Restore(_) => remark_of("restore", remark),
                    Self::Erase(_) => remark_of("erase", remark),
                    Self::Free(_) => remark_of("free", remark),
                    _ => remark_of("note", remark),
                };
                (action, &remark.by, Some(remark.note.as_str()), named)
            }
            Self::Job(job) => ("job", &job.by, job.why.as_deref(), named(&job.selection)),
            Self::AddToList { letters, by, .. } => ("add", by, None, Some(letters.len())),
            Self::Change { to, by, why, .. } => {
                let action = match to {
                    Change::Pause => "pause",
                    Change::Resume => "resume",
                    Change::Cancel => "cancel",
                };
                (action, by, why.as_deref(), None)
            }
        };
        Some(Act { action, by, why, named })
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn act(request: &Value) -> Option<(&'static str, String, Option<String>, Option<usize>)> {
        let request = Request::parse(request).unwrap();
        request.act().map(|act| (act.action, act.by.to_owned(), act.why.map(str::to_owned), act.named))
    }

    #[test]
    fn every_action_that_changes_anything_is_an_act_with_its_caller_and_its_reason() {
        let id = "9f1b3c1e-8a51-5c65-9d3e-111111111111";
        for action in ["discard", "restore", "note", "erase", "free"] {
            let asked = json!({"action": action, "ids": [id], "note": "told", "by": "ann"});
            assert_eq!(act(&asked), Some((action, "ann".to_owned(), Some("told".to_owned()), Some(1))));
        }
        for action in ["replay", "eject"] {
            let asked = json!({"action": action, "select": {"error_code": "c"}, "by": "ann"});
            assert_eq!(act(&asked), Some((action, "ann".to_owned(), None, None)));
        }
        let edit = json!({"action": "replay", "ids": [id], "by": "ann", "edit": "{}"});
        assert_eq!(act(&edit).unwrap().0, "edit");
        for action in ["pause", "resume", "cancel"] {
            let asked = json!({"action": action, "job": id, "by": "ann", "why": "late"});
            assert_eq!(act(&asked), Some((action, "ann".to_owned(), Some("late".to_owned()), None)));
        }
        let job = json!({"action": "job", "ids": [id], "by": "ann", "why": "fixed"});
        assert_eq!(act(&job), Some(("job", "ann".to_owned(), Some("fixed".to_owned()), Some(1))));
        for looking in [json!({"redrive": "schedule"}), json!({"action": "jobs"}), json!({"action": "show", "job": id})]
        {
            assert_eq!(act(&looking), None);
        }
    }

    #[test]
    fn an_act_on_letters_is_recorded_if_it_changed_any_and_one_on_a_job_is_not() {
        let id = "9f1b3c1e-8a51-5c65-9d3e-111111111111";
        let at = Timestamp::from_millis(7);
        let record = |request: &Value, letters| Request::parse(request).unwrap().act()?.record(at, letters);
        let noted = json!({"action": "note", "ids": [id], "note": "told", "by": "ann"});
        let who = "ann".to_owned();
        let expected = ActRecord { at, who, action: "note".to_owned(), letters: 1, why: Some("told".to_owned()) };
        assert_eq!((record(&noted, 1), record(&noted, 0)), (Some(expected), None));
        let job = json!({"action": "job", "ids": [id], "by": "ann", "why": "fixed"});
        let paused = json!({"action": "pause", "job": id, "by": "ann", "why": "late"});
        assert_eq!((record(&job, 1), record(&paused, 1)), (None, None));
    }
}
