//! Remarks of a person about a letter: discarded, restored, noted, or its key's dead enqueues freed.

use super::{Edge, NotThisEdge, expiring, next, only, trimmed};
use crate::letters::letter::{EventKind, Letter, Status};
use crate::letters::policy::Policy;
use crate::time::Timestamp;

/// PENDING → DISCARDED: no further send begins.
///
/// Rule R42 of docs/protocol.md.
///
/// # Errors
/// [`NotThisEdge`] in any other status.
pub fn discard(letter: &Letter, note: &str, who: &str, policy: &Policy, now: Timestamp) -> Edge {
    let mut discarded = only(letter, &[Status::Pending])?;
    discarded.status = Status::Discarded;
    discarded.due = now;
    discarded.resolution_note = Some(note.to_owned());
    discarded.history.record(now, EventKind::Discarded, who, Some(note.to_owned()));
    Ok(trimmed(expiring(discarded, policy, now)))
}

/// DISCARDED → PENDING. The letter and its body stay without end, and it waits for a person.
///
/// # Errors
/// [`NotThisEdge`] in any other status, once letter or body has expired, without a body, and for a letter that was
/// ejected: its message is in the dead-letter queue.
pub fn restore(letter: &Letter, note: &str, who: &str, now: Timestamp) -> Edge {
    let mut restored = only(letter, &[Status::Discarded])?;
    if letter.history.has(EventKind::Ejected) {
        return Err(NotThisEdge(letter.status));
    }
    let expired = letter.body_expires().is_some_and(|expires| expires < now);
    if expired || letter.check_kept().is_err() {
        return Err(NotThisEdge(letter.status));
    }
    restored.status = Status::Pending;
    restored.due = Timestamp::NEVER;
    restored.body = restored.body.with_until(None);
    restored.expires = None;
    restored.resolution_note = None;
    restored.history.record(now, EventKind::Restored, who, Some(note.to_owned()));
    Ok(trimmed(restored))
}

/// Adds a note of a person. The status stays.
#[must_use]
pub fn note(letter: &Letter, note: &str, who: &str, now: Timestamp) -> Letter {
    let mut letter = next(letter);
    letter.history.record(now, EventKind::Noted, who, Some(note.to_owned()));
    trimmed(letter)
}

/// PENDING stays: a person is about to have the dead enqueues of its key forgotten.
///
/// # Errors
/// [`NotThisEdge`] in any other status.
pub fn note_freeing(letter: &Letter, note: &str, who: &str, now: Timestamp) -> Edge {
    let mut letter = only(letter, &[Status::Pending])?;
    letter.history.record(now, EventKind::Freed, who, Some(note.to_owned()));
    Ok(trimmed(letter))
}
