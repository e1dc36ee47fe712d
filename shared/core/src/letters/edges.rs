//! Edges of a letter: the only ways to its next version, one function each, in files by what is done to the letter.
//!
//! An edge takes the letter as it was read, and returns it as it would be, to be written if the one in the table is still
//! the one that was read. The table of docs/protocol.md names all of them.

mod death;
mod edit;
mod eject;
mod erase;
mod outcome;
mod remark;
mod send;

use thiserror::Error;

use super::letter::{Form, HEAD_LIMIT, Letter, Reason, Status};
use super::policy::Policy;
use crate::ids::{OwnerToken, ReplayNumber};
use crate::time::Timestamp;

pub use death::{add_copy, add_death, add_withdrawn_copy};
pub(super) use death::{open, remark_death};
pub use edit::{prepare_edit, restore_edit};
pub use eject::{claim_to_eject, mark_ejected};
pub use erase::erase;
pub use outcome::{resolve, return_without_outcome};
pub use remark::{discard, note, note_freeing, restore};
pub use send::{ClaimTerms, claim, hold_back, mark_not_sent, mark_sent, return_in_doubt};

/// The letter does not stand where this step starts: it changed meanwhile, or it never did.
///
/// Rule R28 of docs/protocol.md.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("letter is {0}, and this cannot be done to it there")]
pub struct NotThisEdge(pub Status);

/// Next version of a letter, or the refusal of an edge.
pub type Edge = Result<Letter, NotThisEdge>;

fn next(letter: &Letter) -> Letter {
    Letter { version: letter.version + 1, ..letter.clone() }
}

/// Returns the next version of a letter in one of these statuses.
fn only(letter: &Letter, allowed: &[Status]) -> Edge {
    if allowed.contains(&letter.status) { Ok(next(letter)) } else { Err(NotThisEdge(letter.status)) }
}

/// Returns the next version of a letter whose claim has this token and number.
fn held_by(letter: &Letter, token: OwnerToken, number: ReplayNumber) -> Edge {
    let held = letter.token == Some(token) && letter.number == number;
    if held { only(letter, &[Status::Replaying]) } else { Err(NotThisEdge(letter.status)) }
}

/// Starts the time until deletion: the body's first, where that is shorter.
fn expiring(mut letter: Letter, policy: &Policy, now: Timestamp) -> Letter {
    let sooner = policy.body_retention < policy.resolved_retention;
    letter.body = letter.body.with_until(sooner.then(|| now.after(policy.body_retention).whole_seconds()));
    letter.expires = Some(now.after(policy.resolved_retention).whole_seconds());
    letter
}

/// Returns the time at which the policy may replay a letter that died of this. It is never, if a copy may be in
/// another queue, or if there is no message.
fn due_by_policy(letter: &Letter, policy: &Policy, reason: &Reason, now: Timestamp) -> Timestamp {
    let never = letter.sends.any_to_destination() || letter.form == Form::NoMessage;
    if never { Timestamp::NEVER } else { policy.due(reason, letter.deaths, now) }
}

/// Forgets what is oldest until the letter fits into its item, attempts first: a letter that could not be written could
/// never move again.
fn trimmed(mut letter: Letter) -> Letter {
    while letter.head_bytes() > HEAD_LIMIT {
        let forgotten =
            letter.history.forget_an_attempt() || letter.history.forget_an_event() || letter.sends.forget_one();
        if !forgotten {
            break;
        }
    }
    letter
}

#[cfg(test)]
mod tests;
