//! Requests by which letters are sent: as a guarded job, or at once.

use redrive_core::ids::{JobId, QueueArn};
use redrive_core::replay::job::Guard;
use redrive_core::replay::{Edit, Selection};
use redrive_operator::request::{add_edit, add_guard};
use serde_json::{Value, json};

use crate::act::request;

/// Letters of a replay, their destination and edit.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Way<'a> {
    pub(crate) selection: &'a Selection,
    /// Destination, if it is not the letters' own queue.
    pub(crate) to: Option<&'a QueueArn>,
    /// Edit of the bodies that are sent, if there is one.
    pub(crate) edit: Option<&'a Edit>,
}

/// The request for a guarded job of that id, so that asking twice makes one job.
pub(crate) fn job(way: Way<'_>, guard: &Guard, id: JobId, by: &str, why: Option<&str>) -> Value {
    let mut request = request("job", way.selection, by);
    request["job"] = json!(id);
    for (name, value) in [("to", json!(way.to)), ("why", json!(why))] {
        if !value.is_null() {
            request[name] = value;
        }
    }
    add_guard(&mut request, guard);
    add_edit(&mut request, way.edit);
    request
}

/// The request that sends at once, or only tells what would be sent.
pub(crate) fn at_once(way: Way<'_>, guard: &Guard, by: &str, dry_run: bool) -> Value {
    let mut request = request("replay", way.selection, by);
    if let Some(to) = way.to {
        request["to"] = json!(to);
    }
    request["forgotten_ok"] = json!(guard.forgotten_ok);
    request["as_new"] = json!(guard.as_new);
    request["after_replayed"] = json!(guard.after_replayed);
    request["allow_key_change"] = json!(guard.allow_key_change);
    request["dry_run"] = json!(dry_run);
    add_edit(&mut request, way.edit);
    request
}
