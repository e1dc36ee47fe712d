use std::time::Duration;

use thiserror::Error;

use super::{Event, EventKind, Form, HISTORY, Letter, Reason, Send, Status};
use crate::ids::{Enqueue, JobId, MessageId, Number, OwnerToken};
use crate::letters::policy::Policy;
use crate::message::key::{Key, PayloadHash};
use crate::time::Timestamp;

/// The letter does not stand where this step starts: it changed meanwhile, or it never did.
///
/// Rule R28 of docs/protocol.md.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("letter is {0}, and this cannot be done to it there")]
pub struct NotThisEdge(pub Status);

pub(super) type Edge = Result<Letter, NotThisEdge>;

impl Letter {
    fn next(&self) -> Self {
        let mut letter = self.clone();
        letter.version += 1;
        letter
    }

    pub(super) fn only(&self, allowed: &[Status]) -> Result<Self, NotThisEdge> {
        if allowed.contains(&self.status) { Ok(self.next()) } else { Err(NotThisEdge(self.status)) }
    }

    pub(super) fn held_by(&self, token: OwnerToken, number: Number) -> Result<Self, NotThisEdge> {
        let held = self.token == Some(token) && self.number == number;
        if held { self.only(&[Status::Replaying]) } else { Err(NotThisEdge(self.status)) }
    }

    /// PENDING → REPLAYING, or an expired REPLAYING taken over: the number goes up, the send is written down.
    ///
    /// Rule R34 of docs/protocol.md.
    ///
    /// `key` is the key that the message will bring by itself, as messages are read today: a letter that died for want of
    /// a key, or under another configuration, is sent with the key that it will be claimed by.
    ///
    /// A claim that is taken over stays the claim of its job. An edited letter is sent with its edited body.
    ///
    /// # Errors
    /// [`NotThisEdge`] in any other status, for a claim that has not run out, that was made to eject the letter or to send it
    /// to another queue, and for a letter without its body.
    pub fn claim(&self, token: OwnerToken, key: Option<Key>, who: &str, lease: Duration, now: Timestamp) -> Edge {
        self.check_body().map_err(|_| NotThisEdge(self.status))?;
        let lapsed = self.is_lapsed(now);
        if lapsed && (self.is_ejecting() || self.destination().is_some()) {
            return Err(NotThisEdge(self.status));
        }
        let mut letter = if lapsed { self.next() } else { self.only(&[Status::Pending])? };
        letter.status = Status::Replaying;
        letter.number = self.number.next();
        if let Some(key) = key {
            letter.key = Some(key);
            letter.key_is_stable = true;
        }
        letter.token = Some(token);
        letter.due = now.after(lease);
        letter.sends.push(Send {
            number: letter.number,
            key: letter.key.clone(),
            hash: letter.hash_now().clone(),
            message_id: None,
            at: now,
            job: self.claimed_for().filter(|_| lapsed),
            edited: letter.edited.as_ref().map(|edited| edited.whole.clone()),
            to: None,
        });
        if letter.sends.len() > HISTORY {
            letter.forget_a_send();
        }
        letter.note(now, if lapsed { EventKind::TakenOver } else { EventKind::Claimed }, who, None);
        Ok(letter.trimmed())
    }

    /// The claim just made, as a job's.
    #[must_use]
    pub fn for_job(mut self, job: Option<JobId>) -> Self {
        if let (Some(send), Some(job)) = (self.sends.last_mut(), job) {
            send.job = Some(job);
        }
        self
    }

    /// The step just made, with a remark for whoever reads the history.
    #[must_use]
    pub fn remarked(mut self, remark: &str) -> Self {
        if let Some(event) = self.history.last_mut() {
            event.note = Some(remark.to_owned());
        }
        self
    }

    /// REPLAYING, expired → PENDING: nobody takes the claim over, because its job was paused or ended, because the
    /// destination has no ledger of ours that would swallow a second copy, or because it was made to eject the letter. It
    /// waits for a person.
    ///
    /// # Errors
    /// [`NotThisEdge`] in any other status, and for a claim that has not run out.
    pub fn in_doubt(&self, why: &str, who: &str, now: Timestamp) -> Edge {
        let mut letter = self.only(&[Status::Replaying])?;
        if !self.is_lapsed(now) {
            return Err(NotThisEdge(self.status));
        }
        letter.status = Status::Pending;
        letter.token = None;
        letter.due = Timestamp::NEVER;
        letter.note(now, EventKind::InDoubt, who, Some(why.to_owned()));
        Ok(letter.trimmed())
    }

    /// Adds a note of a person. The status stays.
    #[must_use]
    pub fn noted(&self, note: &str, who: &str, now: Timestamp) -> Self {
        let mut letter = self.next();
        letter.note(now, EventKind::Noted, who, Some(note.to_owned()));
        letter.trimmed()
    }

    /// PENDING stays: a person is about to have the dead enqueues of its key forgotten.
    ///
    /// # Errors
    /// [`NotThisEdge`] in any other status.
    pub fn freed(&self, note: &str, who: &str, now: Timestamp) -> Edge {
        let mut letter = self.only(&[Status::Pending])?;
        letter.note(now, EventKind::Freed, who, Some(note.to_owned()));
        Ok(letter.trimmed())
    }

    /// PENDING stays, and waits for a person: the policy does not use up the last enqueues of a key.
    ///
    /// # Errors
    /// [`NotThisEdge`] in any other status, and for a letter that waits for a person already.
    pub fn held_back(&self, why: &str, who: &str, now: Timestamp) -> Edge {
        let mut letter = self.only(&[Status::Pending])?;
        if letter.due == Timestamp::NEVER {
            return Err(NotThisEdge(self.status));
        }
        letter.due = Timestamp::NEVER;
        letter.note(now, EventKind::HeldBack, who, Some(why.to_owned()));
        Ok(letter.trimmed())
    }

    /// REPLAYING → REPLAYED, by whoever holds the claim, after SQS said that it took the message.
    ///
    /// # Errors
    /// [`NotThisEdge`] for another's claim: nothing may be marked then.
    pub fn sent(
        &self,
        token: OwnerToken,
        number: Number,
        sent: MessageId,
        who: &str,
        policy: &Policy,
        now: Timestamp,
    ) -> Edge {
        let mut letter = self.held_by(token, number)?;
        if self.is_ejecting() {
            return Err(NotThisEdge(self.status));
        }
        letter.status = Status::Replayed;
        letter.token = None;
        letter.due = if self.destination().is_some() { Timestamp::NEVER } else { now.after(policy.outcome_after) };
        if let Some(send) = letter.sends.iter_mut().rev().find(|send| send.number == number) {
            send.message_id = Some(sent);
        }
        letter.note(now, EventKind::Sent, who, None);
        Ok(letter.trimmed())
    }

    /// REPLAYING → PENDING, by whoever holds the claim, after SQS said that it did not take the message. An edit that no other
    /// send carries goes with it: what was never sent was never edited.
    ///
    /// # Errors
    /// [`NotThisEdge`] for another's claim.
    pub fn not_sent(
        &self,
        token: OwnerToken,
        number: Number,
        why: &str,
        who: &str,
        policy: &Policy,
        now: Timestamp,
    ) -> Edge {
        let mut letter = self.held_by(token, number)?;
        letter.status = Status::Pending;
        letter.token = None;
        let claimed_at = letter.sends.iter().find(|send| send.number == number).map_or(now, |send| send.at);
        // What SQS refused once it may refuse again: never at once.
        let rested = now.after(policy.cool_down);
        letter.history.retain(|event| event.at != claimed_at || event.what != EventKind::Claimed);
        letter.sends.retain(|send| send.number != number);
        letter.take_back_an_unsent_edit();
        letter.due = letter.due_by_policy(policy, &letter.reason, now).max(rested);
        letter.note(now, EventKind::NotSent, who, Some(why.to_owned()));
        Ok(letter.trimmed())
    }

    /// Counts one more death: REPLAYING or REPLAYED → PENDING, PENDING stays.
    ///
    /// # Errors
    /// [`NotThisEdge`] if RESOLVED or DISCARDED: see [`Self::saw_a_copy`].
    pub fn died_again(&self, enqueue: &Enqueue, reason: Reason, who: &str, policy: &Policy, now: Timestamp) -> Edge {
        let mut letter = self.only(&[Status::Pending, Status::Replaying, Status::Replayed])?;
        letter.status = Status::Pending;
        letter.token = None;
        letter.deaths = letter.deaths.saturating_add(1);
        letter.enqueue = enqueue.clone();
        letter.due = letter.due_by_policy(policy, &reason, now);
        letter.set_reason(reason, who);
        letter.note(now, EventKind::DiedAgain, who, None);
        Ok(letter.trimmed())
    }

    /// A copy of it died that does not decide where it stands: counted and written down, the status stays.
    #[must_use]
    pub fn saw_a_copy(&self, enqueue: &Enqueue, who: &str, note: &str, now: Timestamp) -> Self {
        let mut letter = self.next();
        letter.deaths = letter.deaths.saturating_add(1);
        letter.enqueue = enqueue.clone();
        letter.note(now, EventKind::DiedAgain, who, Some(note.to_owned()));
        letter.trimmed()
    }

    /// Returns the time at which the policy may replay a letter that died of this. It is never, if a copy may be in
    /// another queue, or if there is no message.
    fn due_by_policy(&self, policy: &Policy, reason: &Reason, now: Timestamp) -> Timestamp {
        let never = self.went_to_destination() || self.form == Form::NoMessage;
        if never { Timestamp::NEVER } else { policy.due(reason, self.deaths, now) }
    }

    /// A copy of the number that it has came back from before an edit that was begun and never claimed: it was withdrawn and
    /// did not run. Where that was the copy under way, the letter waits for whoever edits it.
    #[must_use]
    pub fn came_back_withdrawn(&self, enqueue: &Enqueue, who: &str, now: Timestamp) -> Self {
        use Status::{Pending, Replayed, Replaying};
        let mut letter = self.saw_a_copy(enqueue, who, "a copy that was withdrawn for an edit came back unrun", now);
        if matches!(self.status, Replaying | Replayed) {
            letter.status = Pending;
            letter.token = None;
            letter.due = Timestamp::NEVER;
        }
        letter
    }

    /// PENDING or REPLAYED → RESOLVED: the ledger shows the key COMPLETED with the payload `effect`.
    ///
    /// # Errors
    /// [`NotThisEdge`] in any other status, and if that payload is none of this letter's.
    pub fn resolved(&self, effect: &PayloadHash, note: &str, who: &str, policy: &Policy, now: Timestamp) -> Edge {
        let mut letter = self.only(&[Status::Pending, Status::Replayed])?;
        if !self.is_effect(effect) {
            return Err(NotThisEdge(self.status));
        }
        letter.status = Status::Resolved;
        letter.due = now;
        letter.close(policy, now);
        letter.resolution_note = Some(note.to_owned());
        letter.note(now, EventKind::Resolved, who, Some(note.to_owned()));
        Ok(letter.trimmed())
    }

    /// REPLAYED → PENDING: its deadline passed without an outcome. It waits for a person.
    ///
    /// # Errors
    /// [`NotThisEdge`] in any other status, before the deadline, and if it went to another queue: there it is final.
    pub fn no_outcome(&self, who: &str, now: Timestamp) -> Edge {
        let mut letter = self.only(&[Status::Replayed])?;
        if now <= self.due || self.destination().is_some() {
            return Err(NotThisEdge(self.status));
        }
        letter.status = Status::Pending;
        letter.due = Timestamp::NEVER;
        letter.note(now, EventKind::NoOutcome, who, None);
        Ok(letter.trimmed())
    }

    /// PENDING → DISCARDED: no further send begins.
    ///
    /// Rule R42 of docs/protocol.md.
    ///
    /// # Errors
    /// [`NotThisEdge`] in any other status.
    pub fn discarded(&self, note: &str, who: &str, policy: &Policy, now: Timestamp) -> Edge {
        let mut letter = self.only(&[Status::Pending])?;
        letter.status = Status::Discarded;
        letter.due = now;
        letter.close(policy, now);
        letter.resolution_note = Some(note.to_owned());
        letter.note(now, EventKind::Discarded, who, Some(note.to_owned()));
        Ok(letter.trimmed())
    }

    /// DISCARDED → PENDING. It waits for a person.
    ///
    /// # Errors
    /// [`NotThisEdge`] in any other status, once letter or body has expired, without a body, and for a letter that was
    /// ejected: its message is in the dead-letter queue.
    pub fn restored(&self, note: &str, who: &str, now: Timestamp) -> Edge {
        let mut letter = self.only(&[Status::Discarded])?;
        if self.was_ejected() {
            return Err(NotThisEdge(self.status));
        }
        let expired = self.body_expires().is_some_and(|expires| expires < now);
        if expired || self.check_kept().is_err() {
            return Err(NotThisEdge(self.status));
        }
        letter.status = Status::Pending;
        letter.due = Timestamp::NEVER;
        letter.reopen();
        letter.resolution_note = None;
        letter.note(now, EventKind::Restored, who, Some(note.to_owned()));
        Ok(letter.trimmed())
    }

    /// Takes over why it died, keeping when it first did.
    fn set_reason(&mut self, reason: Reason, who: &str) {
        let first_failed_at = self.reason.first_failed_at.min(reason.first_failed_at);
        for attempt in &reason.attempts {
            let event = Event {
                at: attempt.at,
                what: EventKind::AttemptFailed,
                who: who.to_owned(),
                note: None,
                attempt: Some(attempt.clone()),
            };
            self.push(event);
        }
        self.fingerprint = reason.fingerprint();
        // The history has them now.
        self.reason = Reason { first_failed_at, attempts: Vec::new(), ..reason };
    }

    /// Completes a new letter's reason and history.
    pub(crate) fn opened(mut self, who: &str, note: Option<String>, now: Timestamp) -> Self {
        let reason = self.reason.clone();
        self.set_reason(reason, who);
        self.note(now, EventKind::Indexed, who, note);
        self
    }
}

#[cfg(test)]
mod tests;
