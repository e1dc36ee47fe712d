//! Remarks on a message of another framework, or one whose body stands elsewhere: what a person must know before it is
//! sent again.

use redrive_core::letters::letter::Letter;
use redrive_core::message::foreign::{ClaimCheck, Layer, Task, layers};
use redrive_core::time::Timestamp;

use super::{TextPage, body};
use crate::text::{ago, count, instant, shown};

const MAY_BE_GONE: &str =
    "The message only points there: the object may be gone before the letter, and an edit cannot reach it.";
const NO_ATTRIBUTE: &str = "It has no attribute by which its consumer's library would fetch it.";

/// Tells which task a message is, and where its body stands.
pub(super) fn framework_remarks(page: &mut TextPage, letter: &Letter, now: Timestamp) {
    if let Some(check) = ClaimCheck::of(letter.payload_now(), &letter.attributes) {
        page.heading("BODY IN S3");
        page.under(2, &shown(&format!("bucket {}, key {}", check.bucket, check.key)));
        match (check.attribute, check.bytes) {
            (Some(name), Some(bytes)) => page.under(2, &format!("{} ({name})", count(bytes, "byte", "bytes"))),
            (Some(name), None) => page.under(2, &format!("of a size that {name} does not state")),
            (None, _) => page.under(2, NO_ATTRIBUTE),
        }
        page.under(2, MAY_BE_GONE);
    }
    if let Some(task) = Task::of(letter.payload_now(), &letter.attributes) {
        page.heading("TASK");
        page.under(2, &shown(&task.description()));
        if let Some(expires) = task.expires {
            let what = if task.is_dropped(now) {
                "its worker drops it now, without a run"
            } else {
                "its worker drops it then"
            };
            page.under(2, &format!("expires {} ({}): {what}", instant(expires), ago(now, expires)));
        }
        if let Some(eta) = task.eta {
            let what = if eta < now { "it runs at once" } else { "its worker holds it until then" };
            page.under(2, &format!("eta {} ({}): {what}", instant(eta), ago(now, eta)));
        }
    }
}

/// Tells the texts in a payload under base64.
pub(super) fn decoded(page: &mut TextPage, payload: &str) {
    for Layer { what, text } in layers(payload) {
        page.heading(&format!("{what}: {} BYTES", text.len()));
        body(page, &text);
    }
}
