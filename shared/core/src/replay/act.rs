//! Act of a person, as it is written into the log: by whom, and why.

use super::{Change, Request, Selection};

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
}
