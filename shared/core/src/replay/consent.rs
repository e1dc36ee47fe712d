//! Consent to send a letter now, or the reason against it.

use std::time::Duration;

use super::Outgoing;
use crate::letters::letter::{Letter, Status};
use crate::letters::policy::{Policy, Verdict};
use crate::message::key::PayloadHash;
use crate::time::Timestamp;

/// Terms of a request that decide about consent.
#[derive(Debug, Clone, Copy)]
pub struct ConsentTerms {
    /// Time until which a letter must be due; [`Timestamp::NEVER`]: whatever the policy says of the time.
    pub due_by: Timestamp,
    /// True if each letter was named by its id: then even a policy of `never` is overruled.
    pub named: bool,
    /// Allows letters that the ledger may have forgotten.
    pub forgotten_ok: bool,
    /// Allows a letter to go as a new message that has neither room for redrive's own attribute nor a stable key.
    pub as_new: bool,
}

/// State of a letter's key in the ledger.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeyStatus {
    /// True if there is a ledger.
    pub kept: bool,
    /// Time for which it remembers a key.
    pub retention: Duration,
    /// True if there is an entry.
    pub entry: bool,
    /// The payload of this letter that was completed, if one was.
    pub effect: Option<PayloadHash>,
    /// Number of enqueues of the key that may still die, where few are left: see
    /// [`Entry::few_enqueues_left`](crate::processing::ledger::Entry::few_enqueues_left).
    pub few_enqueues_left: Option<usize>,
}

/// Consent to a send, or the reason for a refusal.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Consent {
    /// The letter may be claimed and sent.
    Send,
    /// A claim of it ran out. Whoever holds it decides whether it is sent again under the next number, or waits for a
    /// person in doubt; without a ledger of ours it always waits.
    Lapsed,
    /// The effect has happened: RESOLVED instead.
    Done(PayloadHash),
    /// The letter is not PENDING any more, or not due.
    NotNow,
    /// The policy says never.
    Never,
    /// The letter is older than the ledger's memory, and there is no entry: its effect may have happened.
    Forgotten,
    /// No room for redrive's own attribute, and no stable key either.
    NoRoom,
    /// The body was erased, has expired, is lost, or is a record without the message.
    NoBody,
    /// The key has so many dead enqueues that the copy would be refused; or that the policy leaves those that are left to
    /// a person.
    TooManyEnqueues,
}

/// Decides if a letter may be sent now.
///
/// Rule R39 of docs/protocol.md.
#[must_use]
pub fn consent(letter: &Letter, known: &KeyStatus, terms: ConsentTerms, policy: &Policy, now: Timestamp) -> Consent {
    if letter.due > terms.due_by {
        return Consent::NotNow;
    }
    match (letter.status, &known.effect) {
        (Status::Replaying, _) if letter.is_lapsed(now) => return Consent::Lapsed,
        (Status::Pending, Some(hash)) => return Consent::Done(hash.clone()),
        (Status::Pending, None) => {}
        _ => return Consent::NotNow,
    }
    let forgettable = known.kept && !known.entry && letter.sent_at.after(known.retention) < now;
    match policy.verdict(&letter.reason) {
        Verdict::Never if !terms.named => Consent::Never,
        _ if letter.check_body().is_err() => Consent::NoBody,
        _ if known.few_enqueues_left.is_some_and(|left| left == 0 || terms.due_by != Timestamp::NEVER) => {
            Consent::TooManyEnqueues
        }
        _ if forgettable && !terms.forgotten_ok => Consent::Forgotten,
        _ if Outgoing::check(letter).is_err() && !terms.as_new => Consent::NoRoom,
        _ => Consent::Send,
    }
}

#[cfg(test)]
pub(crate) mod tests;
