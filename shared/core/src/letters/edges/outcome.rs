//! Outcome of a letter, as the ledger shows it or fails to.

use super::{Edge, NotThisEdge, expiring, only, trimmed};
use crate::letters::letter::{EventKind, Letter, Status};
use crate::letters::policy::Policy;
use crate::message::key::PayloadHash;
use crate::time::Timestamp;

/// PENDING or REPLAYED → RESOLVED: the ledger shows the key COMPLETED with the payload `effect`.
///
/// # Errors
/// [`NotThisEdge`] in any other status, and if that payload is none of this letter's.
pub fn resolve(letter: &Letter, effect: &PayloadHash, note: &str, who: &str, policy: &Policy, now: Timestamp) -> Edge {
    let mut resolved = only(letter, &[Status::Pending, Status::Replayed])?;
    if !letter.is_effect(effect) {
        return Err(NotThisEdge(letter.status));
    }
    resolved.status = Status::Resolved;
    resolved.due = now;
    resolved.resolution_note = Some(note.to_owned());
    resolved.history.record(now, EventKind::Resolved, who, Some(note.to_owned()));
    Ok(trimmed(expiring(resolved, policy, now)))
}

/// REPLAYED → PENDING: the deadline passed without an outcome. The letter waits for a person.
///
/// # Errors
/// [`NotThisEdge`] in any other status, before the deadline, and if it went to another queue: there it is final.
pub fn return_without_outcome(letter: &Letter, who: &str, now: Timestamp) -> Edge {
    let mut back = only(letter, &[Status::Replayed])?;
    if now <= letter.due || letter.destination().is_some() {
        return Err(NotThisEdge(letter.status));
    }
    back.status = Status::Pending;
    back.due = Timestamp::NEVER;
    back.history.record(now, EventKind::NoOutcome, who, None);
    Ok(trimmed(back))
}
