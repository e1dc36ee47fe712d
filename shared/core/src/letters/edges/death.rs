//! Deaths of a letter: the first one, further ones, and copies that died.

use super::{Edge, due_by_policy, next, only, trimmed};
use crate::ids::Enqueue;
use crate::letters::letter::{Event, EventKind, Letter, Reason, Status};
use crate::letters::policy::Policy;
use crate::time::Timestamp;

/// Completes a new letter's reason and history.
pub(in crate::letters) fn open(letter: Letter, who: &str, note: Option<String>, now: Timestamp) -> Letter {
    let reason = letter.reason.clone();
    let mut letter = with_reason(letter, reason, who);
    letter.history.record(now, EventKind::Indexed, who, note);
    letter
}

/// Counts one more death: REPLAYING or REPLAYED → PENDING, PENDING stays.
///
/// # Errors
/// [`NotThisEdge`](super::NotThisEdge) if RESOLVED or DISCARDED: see [`add_copy`].
pub fn add_death(
    letter: &Letter,
    enqueue: &Enqueue,
    reason: Reason,
    who: &str,
    policy: &Policy,
    now: Timestamp,
) -> Edge {
    let mut dead = only(letter, &[Status::Pending, Status::Replaying, Status::Replayed])?;
    dead.status = Status::Pending;
    dead.token = None;
    dead.deaths = letter.deaths.saturating_add(1);
    dead.enqueue = enqueue.clone();
    dead.due = due_by_policy(&dead, policy, &reason, now);
    let mut dead = with_reason(dead, reason, who);
    dead.history.record(now, EventKind::DiedAgain, who, None);
    Ok(trimmed(dead))
}

/// Counts and writes down a copy that died and does not decide where the letter stands: the status stays.
#[must_use]
pub fn add_copy(letter: &Letter, enqueue: &Enqueue, who: &str, note: &str, now: Timestamp) -> Letter {
    let mut letter = next(letter);
    letter.deaths = letter.deaths.saturating_add(1);
    letter.enqueue = enqueue.clone();
    letter.history.record(now, EventKind::DiedAgain, who, Some(note.to_owned()));
    trimmed(letter)
}

/// Counts a copy of the present number that came back from before an edit that was begun and never claimed: it was
/// withdrawn and did not run. Where that was the copy under way, the letter waits for whoever edits it.
#[must_use]
pub fn add_withdrawn_copy(letter: &Letter, enqueue: &Enqueue, who: &str, now: Timestamp) -> Letter {
    let note = "a copy that was withdrawn for an edit came back unrun";
    let mut letter = add_copy(letter, enqueue, who, note, now);
    if matches!(letter.status, Status::Replaying | Status::Replayed) {
        letter.status = Status::Pending;
        letter.token = None;
        letter.due = Timestamp::NEVER;
    }
    letter
}

/// Adds a remark to the death that was counted just now.
pub(in crate::letters) fn remark_death(mut letter: Letter, remark: &str) -> Letter {
    if let Some(event) = letter.history.last_mut().filter(|event| event.what == EventKind::DiedAgain) {
        let note = event.note.take().map_or_else(|| remark.to_owned(), |note| format!("{note}; {remark}"));
        event.note = Some(note);
    }
    trimmed(letter)
}

/// Takes over why the letter died, keeping when it first did.
fn with_reason(mut letter: Letter, reason: Reason, who: &str) -> Letter {
    let first_failed_at = letter.reason.first_failed_at.min(reason.first_failed_at);
    for attempt in &reason.attempts {
        let attempt = attempt.clone();
        let (at, who) = (attempt.at, who.to_owned());
        letter.history.push(Event { at, what: EventKind::AttemptFailed, who, note: None, attempt: Some(attempt) });
    }
    letter.fingerprint = reason.fingerprint();
    // The history has them now.
    letter.reason = Reason { first_failed_at, attempts: Vec::new(), ..reason };
    letter
}
