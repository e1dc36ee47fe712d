//! Fields of a request to the replay function: which letters, and with what body. `docs/requests.md` has them all.

use redrive_core::replay::job::Guard;
use redrive_core::replay::{Edit, Selection};
use serde_json::{Value, json};

/// Adds a selection to a request.
pub fn add_selection(request: &mut Value, selection: &Selection) {
    match selection {
        Selection::Ids(ids) => request["ids"] = json!(ids),
        Selection::Listed(listed) => request["listed"] = json!(listed),
        Selection::Filter(filter) => request["select"] = json!(filter),
        Selection::Shown(shown) => {
            request["shown"] = json!(shown.letters);
            request["named"] = json!(shown.named);
        }
    }
}

/// Adds an edit to a request; a patch goes as text, so that each of its numbers keeps its digits.
pub fn add_edit(request: &mut Value, edit: Option<&Edit>) {
    match edit {
        None => {}
        Some(Edit::Body(body)) => request["edit"] = json!(body),
        Some(Edit::Patch(patch)) => request["patch"] = json!(patch.as_str()),
    }
}

/// Adds all limits and checks of a job to a request. A limit that is off is null.
pub fn add_guard(request: &mut Value, guard: &Guard) {
    let guard = json!(guard);
    for (name, value) in guard.as_object().into_iter().flatten() {
        request[name] = value.clone();
    }
}
