//! Functions that the command invokes, and what it takes to be let in.

use redrive_core::replay::Request;
use serde_json::Value;

use crate::completion::Error;
use crate::stack::Stack;

/// Function of a stack that persons invoke.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct InvokedFunction {
    /// Output of the stack with the function's name.
    pub(super) output: &'static str,
    /// Words for it in errors.
    pub(super) what: &'static str,
    /// Output of the stack with the policy that lets persons invoke it.
    policy: &'static str,
}

/// Carries out what operators may do.
const REPLAY: InvokedFunction =
    InvokedFunction { output: "ReplayFunctionName", what: "the replay function", policy: "OperatorPolicyArn" };
/// Carries out what only administrators may do.
const ADMINISTRATION: InvokedFunction = InvokedFunction {
    output: "AdministrationFunctionName",
    what: "the administration function",
    policy: "AdministratorPolicyArn",
};
/// Empties the dead-letter queues.
pub(super) const INDEXER: InvokedFunction =
    InvokedFunction { output: "IndexerFunctionName", what: "the indexer", policy: "OperatorPolicyArn" };

impl InvokedFunction {
    /// Chooses the function for a request, as the functions themselves classify requests. A stack of an earlier version has
    /// one function for everything, and what cannot be read is for a function to refuse.
    pub(super) fn by(request: &Value, stack: &Stack) -> Self {
        let administration = Request::parse(request).is_ok_and(|request| request.administration().is_some());
        if administration && stack.get(ADMINISTRATION.output).is_some() { ADMINISTRATION } else { REPLAY }
    }

    /// Adds the permission and its policy to an error of a caller who may not invoke the function.
    pub(super) fn explained(&self, function: &str, error: Error) -> Error {
        match error {
            Error::Service(why) if why.contains("AccessDenied") => Error::Service(format!(
                "{why}; it takes lambda:InvokeFunction on {function}, as the policy of output {} has it",
                self.policy
            )),
            other => other,
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn stack(outputs: &[&str]) -> Stack {
        Stack::new(outputs.iter().map(|name| ((*name).to_owned(), "f".to_owned())).collect())
    }

    #[test]
    fn a_request_goes_to_the_function_that_carries_it_out() {
        let id = "9f1b3c1e-8a51-5c65-9d3e-111111111111";
        let here = stack(&["ReplayFunctionName", "AdministrationFunctionName"]);
        let erase = json!({"action": "erase", "ids": [id], "note": "n", "by": "ann"});
        let edit = json!({"action": "job", "ids": [id], "by": "ann", "edit": "{}"});
        for request in [&erase, &edit] {
            assert_eq!(InvokedFunction::by(request, &here), ADMINISTRATION, "{request}");
            assert_eq!(
                InvokedFunction::by(request, &stack(&["ReplayFunctionName"])),
                REPLAY,
                "a stack of an earlier version"
            );
        }
        let operators =
            [json!({"action": "job", "ids": [id], "by": "ann"}), json!({"action": "jobs"}), json!({"x": 1})];
        assert!(operators.iter().all(|request| InvokedFunction::by(request, &here) == REPLAY));
    }

    #[test]
    fn who_may_not_invoke_is_told_the_permission_the_function_and_the_policy() {
        let denied =
            Error::Service("the administration function could not be invoked: AccessDeniedException: no".to_owned());
        let text = ADMINISTRATION.explained("orders-Administration-1", denied).to_string();
        for named in ["lambda:InvokeFunction", "orders-Administration-1", "AdministratorPolicyArn"] {
            assert!(text.contains(named), "{text}");
        }
        let other = Error::Service("the replay function could not be invoked: timeout".to_owned());
        assert!(!REPLAY.explained("f", other).to_string().contains("lambda:InvokeFunction"));
    }
}
