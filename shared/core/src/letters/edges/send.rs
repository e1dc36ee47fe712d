//! Claim of a letter in order to send it, and what becomes of the claim.

use std::time::Duration;

use super::edit::without_unsent_edit;
use super::{Edge, NotThisEdge, due_by_policy, held_by, next, only, trimmed};
use crate::ids::{JobId, MessageId, OwnerToken, QueueArn, ReplayNumber};
use crate::letters::letter::{EventKind, Letter, Send, Status};
use crate::letters::policy::Policy;
use crate::message::key::Key;
use crate::time::Timestamp;

/// Terms of a claim: what is sent, for whom and to where.
#[derive(Debug, Clone, Default)]
pub struct ClaimTerms<'a> {
    /// The key that the message will bring by itself, as messages are read today: a letter that died for want of a key, or
    /// under another configuration, is sent with the key that it will be claimed by.
    pub key: Option<Key>,
    /// Job that claims it. A claim that is taken over stays the claim of its job.
    pub job: Option<JobId>,
    /// Queue that it goes to, if that is not the one that it came from.
    pub to: Option<&'a QueueArn>,
    /// Remark for whoever reads the history.
    pub remark: Option<String>,
}

/// PENDING → REPLAYING, or an expired REPLAYING taken over: the number goes up, the send is written down.
///
/// Rule R34 of docs/protocol.md. An edited letter is sent with its edited body.
///
/// # Errors
/// [`NotThisEdge`] in any other status, for a claim that has not run out, that was made to eject the letter or to send it
/// to another queue, and for a letter without its body.
pub fn claim(
    letter: &Letter,
    token: OwnerToken,
    terms: ClaimTerms<'_>,
    who: &str,
    lease: Duration,
    now: Timestamp,
) -> Edge {
    letter.check_body().map_err(|_| NotThisEdge(letter.status))?;
    let lapsed = letter.is_lapsed(now);
    if lapsed && (letter.is_ejecting() || letter.destination().is_some()) {
        return Err(NotThisEdge(letter.status));
    }
    let ClaimTerms { key, job, to, remark } = terms;
    let mut claimed = if lapsed { next(letter) } else { only(letter, &[Status::Pending])? };
    claimed.status = Status::Replaying;
    claimed.number = letter.number.next();
    if let Some(key) = key {
        claimed.key = Some(key);
        claimed.key_is_stable = true;
    }
    claimed.token = Some(token);
    claimed.due = now.after(lease);
    claimed.sends.push(Send {
        number: claimed.number,
        key: claimed.key.clone(),
        hash: claimed.hash_now().clone(),
        message_id: None,
        at: now,
        job: job.or_else(|| letter.sends.last_job().filter(|_| lapsed)),
        edited: claimed.edited.as_ref().map(|edited| edited.whole.clone()),
        to: to.cloned(),
    });
    let what = if lapsed { EventKind::TakenOver } else { EventKind::Claimed };
    claimed.history.record(now, what, who, remark);
    Ok(trimmed(claimed))
}

/// REPLAYING → REPLAYED, by whoever holds the claim, after SQS said that it took the message.
///
/// # Errors
/// [`NotThisEdge`] for another's claim: nothing may be marked then.
pub fn mark_sent(
    letter: &Letter,
    (token, number): (OwnerToken, ReplayNumber),
    message: MessageId,
    who: &str,
    policy: &Policy,
    now: Timestamp,
) -> Edge {
    let mut sent = held_by(letter, token, number)?;
    if letter.is_ejecting() {
        return Err(NotThisEdge(letter.status));
    }
    sent.status = Status::Replayed;
    sent.token = None;
    sent.due = if letter.destination().is_some() { Timestamp::NEVER } else { now.after(policy.outcome_after) };
    if let Some(send) = sent.sends.iter_mut().rev().find(|send| send.number == number) {
        send.message_id = Some(message);
    }
    sent.history.record(now, EventKind::Sent, who, None);
    Ok(trimmed(sent))
}

/// REPLAYING → PENDING, by whoever holds the claim, after SQS said that it did not take the message. An edit that no other
/// send carries goes with it: what was never sent was never edited.
///
/// # Errors
/// [`NotThisEdge`] for another's claim.
pub fn mark_not_sent(
    letter: &Letter,
    (token, number): (OwnerToken, ReplayNumber),
    why: &str,
    who: &str,
    policy: &Policy,
    now: Timestamp,
) -> Edge {
    let mut back = held_by(letter, token, number)?;
    back.status = Status::Pending;
    back.token = None;
    let claimed_at = back.sends.iter().find(|send| send.number == number).map_or(now, |send| send.at);
    // What SQS refused once it may refuse again: never at once.
    let rested = now.after(policy.cool_down);
    back.history.retain(|event| event.at != claimed_at || event.what != EventKind::Claimed);
    back.sends.retain(|send| send.number != number);
    let mut back = without_unsent_edit(back);
    back.due = due_by_policy(&back, policy, &back.reason, now).max(rested);
    back.history.record(now, EventKind::NotSent, who, Some(why.to_owned()));
    Ok(trimmed(back))
}

/// REPLAYING, expired → PENDING: nobody takes the claim over, because its job was paused or ended, because the
/// destination has no ledger of ours that would swallow a second copy, or because it was made to eject the letter. It
/// waits for a person.
///
/// # Errors
/// [`NotThisEdge`] in any other status, and for a claim that has not run out.
pub fn return_in_doubt(letter: &Letter, why: &str, who: &str, now: Timestamp) -> Edge {
    let mut back = only(letter, &[Status::Replaying])?;
    if !letter.is_lapsed(now) {
        return Err(NotThisEdge(letter.status));
    }
    back.status = Status::Pending;
    back.token = None;
    back.due = Timestamp::NEVER;
    back.history.record(now, EventKind::InDoubt, who, Some(why.to_owned()));
    Ok(trimmed(back))
}

/// PENDING stays, and waits for a person: the policy does not use up the last enqueues of a key.
///
/// # Errors
/// [`NotThisEdge`] in any other status, and for a letter that waits for a person already.
pub fn hold_back(letter: &Letter, why: &str, who: &str, now: Timestamp) -> Edge {
    let mut held = only(letter, &[Status::Pending])?;
    if held.due == Timestamp::NEVER {
        return Err(NotThisEdge(letter.status));
    }
    held.due = Timestamp::NEVER;
    held.history.record(now, EventKind::HeldBack, who, Some(why.to_owned()));
    Ok(trimmed(held))
}
