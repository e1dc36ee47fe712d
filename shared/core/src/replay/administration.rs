//! Requests that only administrators make, and the functions that carry them out (R45).

use std::fmt;

use thiserror::Error;

use super::Request;

/// Kind of request that takes more than an operator's right: its effect cannot be taken back, or a person wrote its message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Administration {
    /// Removal of bodies and error texts, for ever.
    Erase,
    /// Dead enqueues of a key that the ledger forgets, so that their copies may run.
    Free,
    /// Messages that leave the table for their dead-letter queue.
    Eject,
    /// Bodies other than those that producers sent: an edit or a patch, at once or by a job.
    Edit,
}

impl fmt::Display for Administration {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Erase => "erase",
            Self::Free => "free",
            Self::Eject => "eject",
            Self::Edit => "edit or patch",
        })
    }
}

impl Request {
    /// Returns why the request is an administrator's; `None` if operators may make it. A dry run touches and sends nothing, and
    /// its answer has no body: an operator may try a patch, and have an administrator send it.
    #[must_use]
    pub const fn administration(&self) -> Option<Administration> {
        // Without a wildcard: a new request does not compile before somebody has decided whose it is.
        match self {
            Self::Erase(_) => Some(Administration::Erase),
            Self::Free(_) => Some(Administration::Free),
            Self::Eject { .. } => Some(Administration::Eject),
            Self::Replay { options, .. } if options.edit.is_some() => Some(Administration::Edit),
            Self::Job(job) if job.edit.is_some() => Some(Administration::Edit),
            Self::AddToList { edited: true, .. } => Some(Administration::Edit),
            Self::Schedule
            | Self::Work
            | Self::Replay { .. }
            | Self::DryRun { .. }
            | Self::Discard(_)
            | Self::Restore(_)
            | Self::Note(_)
            | Self::Job(_)
            | Self::AddToList { .. }
            | Self::Change { .. }
            | Self::Show { .. }
            | Self::Jobs { .. } => None,
        }
    }
}

/// Requests that a function carries out. IAM cannot see into a request: it knows functions, so there are two.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum AllowedActions {
    /// Everything but what [`Administration`] names.
    Replay,
    /// Everything, as a function of a stack without the other one must.
    #[default]
    All,
}

/// Request that this function does not carry out. Nothing was touched.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error(
    "{0} is an administrator's, and ALLOWED_ACTIONS of this function is replay: invoke the stack's administration function \
     (output AdministrationFunctionName), which takes lambda:InvokeFunction on it (output AdministratorPolicyArn)"
)]
pub struct NotAllowedHere(pub Administration);

impl AllowedActions {
    /// Reads the setting: `replay` or `all`.
    #[must_use]
    pub fn parse(word: &str) -> Option<Self> {
        match word {
            "replay" => Some(Self::Replay),
            "all" => Some(Self::All),
            _ => None,
        }
    }

    /// Finds out whether a function with this setting carries out the request.
    ///
    /// # Errors
    /// [`NotAllowedHere`] names what the request is, and the function to ask.
    pub fn check(self, request: &Request) -> Result<(), NotAllowedHere> {
        match (self, request.administration()) {
            (Self::Replay, Some(administration)) => Err(NotAllowedHere(administration)),
            (Self::Replay | Self::All, _) => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    const ID: &str = "9f1b3c1e-8a51-5c65-9d3e-111111111111";

    fn read(request: &Value) -> Request {
        Request::parse(request).unwrap()
    }

    fn part(edited: bool) -> Value {
        json!({"action": "add", "job": ID, "part": 0, "letters": [[ID, 3]], "edited": edited, "by": "ann"})
    }

    fn administrators() -> Vec<(Value, Administration)> {
        let patch = json!([{"op": "remove", "path": "/x"}]);
        vec![
            (json!({"action": "erase", "ids": [ID], "note": "n", "by": "ann"}), Administration::Erase),
            (json!({"action": "free", "ids": [ID], "note": "n", "by": "ann"}), Administration::Free),
            (json!({"action": "eject", "ids": [ID], "by": "ann"}), Administration::Eject),
            (json!({"action": "replay", "ids": [ID], "by": "ann", "edit": "{}"}), Administration::Edit),
            (json!({"action": "replay", "ids": [ID], "by": "ann", "patch": patch}), Administration::Edit),
            (json!({"action": "job", "ids": [ID], "by": "ann", "edit": "{}"}), Administration::Edit),
            (json!({"action": "job", "ids": [ID], "by": "ann", "patch": patch}), Administration::Edit),
            (part(true), Administration::Edit),
        ]
    }

    #[test]
    fn what_destroys_and_what_a_person_wrote_is_an_administrators_and_always_an_act() {
        for (request, expected) in administrators() {
            let request = read(&request);
            assert_eq!(request.administration(), Some(expected), "{request:?}");
            assert_eq!(AllowedActions::Replay.check(&request), Err(NotAllowedHere(expected)));
            assert_eq!(AllowedActions::All.check(&request), Ok(()));
            assert!(request.act().is_some(), "whoever is refused is written down: {request:?}");
        }
    }

    #[test]
    fn everything_else_is_an_operators_and_so_is_trying_a_patch() {
        let mut requests = vec![
            json!({"redrive": "schedule"}),
            json!({"redrive": "work"}),
            json!({"action": "replay", "ids": [ID], "by": "ann"}),
            json!({"action": "replay", "ids": [ID], "by": "ann", "edit": "{}", "dry_run": true}),
            json!({"action": "job", "ids": [ID], "by": "ann"}),
            part(false),
            json!({"action": "show", "job": ID}),
            json!({"action": "jobs"}),
        ];
        requests.extend(
            ["discard", "restore", "note"]
                .map(|action| json!({"action": action, "ids": [ID], "note": "n", "by": "ann"})),
        );
        requests.extend(["pause", "resume", "cancel"].map(|action| json!({"action": action, "job": ID, "by": "ann"})));
        for request in requests {
            assert_eq!(read(&request).administration(), None, "{request}");
            assert_eq!(AllowedActions::Replay.check(&read(&request)), Ok(()));
        }
    }

    #[test]
    fn the_refusal_names_the_variable_the_function_and_the_permission() {
        let text = NotAllowedHere(Administration::Erase).to_string();
        for named in ["erase", "ALLOWED_ACTIONS", "AdministrationFunctionName", "lambda:InvokeFunction"] {
            assert!(text.contains(named), "{named}: {text}");
        }
        let words = ["replay", "all", "erase"].map(AllowedActions::parse);
        assert_eq!(words, [Some(AllowedActions::Replay), Some(AllowedActions::All), None]);
        assert_eq!(AllowedActions::default(), AllowedActions::All, "a stack from before keeps working");
    }
}
