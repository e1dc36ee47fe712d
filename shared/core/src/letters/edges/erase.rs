//! Erasure of a letter: the body goes, and everything else that was taken from the message or may repeat a part of it.
//! Hashes stay, and who did what, when and why.

use super::{Edge, NotThisEdge, discard, only, trimmed};
use crate::letters::letter::{Body, ERASED, EventKind, Letter, Status};
use crate::letters::policy::Policy;
use crate::time::Timestamp;

/// RESOLVED and DISCARDED stay, PENDING → DISCARDED: its body is removed at once and for ever, and so are its attributes,
/// its edit, its group, and the texts of its errors. Of its key a mark stays, and of its body the hash: a copy that dies
/// later is still known. Who did it, when and why stays with the letter.
///
/// # Errors
/// [`NotThisEdge`] while it is REPLAYING or REPLAYED, since a copy is under way that may come back to it; and if it was
/// erased before.
pub fn erase(letter: &Letter, note: &str, who: &str, policy: &Policy, now: Timestamp) -> Edge {
    // A version before this one took the body alone: what it left goes now, and who erased it first stays.
    let again = matches!(letter.body, Body::Erased { .. });
    if again && letter.reason.error_message == ERASED {
        return Err(NotThisEdge(letter.status));
    }
    let erased = if letter.status == Status::Pending {
        discard(letter, note, who, policy, now)?
    } else {
        only(letter, &[Status::Resolved, Status::Discarded])?
    };
    let body = Body::Erased { at: now, by: who.to_owned(), note: note.to_owned() };
    let mut erased = without_head(if again { erased } else { without_body(erased, body) });
    erased.history.record(now, EventKind::Erased, who, None);
    Ok(trimmed(erased))
}

/// The letter without payload, attributes and edit.
fn without_body(mut letter: Letter, body: Body) -> Letter {
    letter.payload.clear();
    letter.attributes.clear();
    letter.edited = None;
    letter.body = body;
    letter
}

/// The letter without what its head repeats of the message.
fn without_head(mut letter: Letter) -> Letter {
    let id = letter.id;
    let keys = letter.sends.iter_mut().map(|send| &mut send.key).chain([&mut letter.key]);
    keys.flatten().for_each(|key| *key = key.erased(id));
    letter.group = None;
    letter.reason.error_message = ERASED.to_owned();
    letter.reason.attempts.clear();
    for attempt in letter.history.iter_mut().filter_map(|event| event.attempt.as_mut()) {
        attempt.text = ERASED.to_owned();
    }
    letter
}
