//! Ejection: a letter goes back into its dead-letter queue, and is none of ours any more.

use std::time::Duration;

use super::{Edge, NotThisEdge, expiring, held_by, only, trimmed};
use crate::ids::{MessageId, OwnerToken, ReplayNumber};
use crate::letters::letter::{EventKind, Letter, Status};
use crate::letters::policy::Policy;
use crate::time::Timestamp;

/// PENDING → REPLAYING, in order to put it back into the dead-letter queue: the number goes up, and no send is written
/// down, for what goes there cannot complete.
///
/// # Errors
/// [`NotThisEdge`] in any other status, an expired claim included: what its holder sent is not known, and in the
/// dead-letter queue nothing swallows a second copy. See [`super::return_in_doubt`]. And for a letter without its body.
pub fn claim_to_eject(letter: &Letter, token: OwnerToken, who: &str, lease: Duration, now: Timestamp) -> Edge {
    letter.check_kept().map_err(|_| NotThisEdge(letter.status))?;
    let mut claimed = only(letter, &[Status::Pending])?;
    claimed.status = Status::Replaying;
    claimed.number = letter.number.next();
    claimed.token = Some(token);
    claimed.due = now.after(lease);
    claimed.history.record(now, EventKind::Claimed, who, Some("to eject it".to_owned()));
    Ok(trimmed(claimed))
}

/// REPLAYING → DISCARDED, by whoever holds the claim, after SQS said that the dead-letter queue took the message.
///
/// # Errors
/// [`NotThisEdge`] for another's claim, and for one that was not made to eject it.
pub fn mark_ejected(
    letter: &Letter,
    (token, number): (OwnerToken, ReplayNumber),
    message: &MessageId,
    who: &str,
    policy: &Policy,
    now: Timestamp,
) -> Edge {
    let mut ejected = held_by(letter, token, number)?;
    if !letter.is_ejecting() {
        return Err(NotThisEdge(letter.status));
    }
    let note = format!("ejected to the dead-letter queue as message {message}");
    ejected.status = Status::Discarded;
    ejected.token = None;
    ejected.due = now;
    ejected.resolution_note = Some(note.clone());
    ejected.history.record(now, EventKind::Ejected, who, Some(note));
    Ok(trimmed(expiring(ejected, policy, now)))
}
