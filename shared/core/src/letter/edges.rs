use std::time::Duration;

use thiserror::Error;

use super::{Event, HISTORY, Happening, Letter, Reason, Send, Status};
use crate::fingerprint::fingerprint;
use crate::ids::{Life, MessageId, Number, OwnerToken};
use crate::key::PayloadHash;
use crate::policy::Policy;
use crate::time::Timestamp;

/// The letter does not stand where this step starts: it changed meanwhile, or it never did.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("letter is {0}, and this cannot be done to it there")]
pub struct NotThisEdge(pub Status);

type Edge = Result<Letter, NotThisEdge>;

impl Letter {
    fn next(&self) -> Self {
        let mut letter = self.clone();
        letter.version += 1;
        letter
    }

    fn only(&self, allowed: &[Status]) -> Result<Self, NotThisEdge> {
        if allowed.contains(&self.status) { Ok(self.next()) } else { Err(NotThisEdge(self.status)) }
    }

    fn held_by(&self, token: OwnerToken, number: Number) -> Result<Self, NotThisEdge> {
        let held = self.token == Some(token) && self.number == number;
        if held { self.only(&[Status::Replaying]) } else { Err(NotThisEdge(self.status)) }
    }

    /// PENDING → REPLAYING, or an expired REPLAYING taken over: the number goes up, the send is written down.
    ///
    /// # Errors
    /// [`NotThisEdge`] in any other status, and for a claim that has not run out.
    pub fn claim(&self, token: OwnerToken, who: &str, lease: Duration, now: Timestamp) -> Edge {
        let lapsed = self.status == Status::Replaying && self.due < now;
        let mut letter = if lapsed { self.next() } else { self.only(&[Status::Pending])? };
        letter.status = Status::Replaying;
        letter.number = self.number.next();
        letter.token = Some(token);
        letter.due = now.after(lease);
        letter.sends.push(Send {
            number: letter.number,
            key: letter.key.clone(),
            hash: letter.hash.clone(),
            message_id: None,
            at: now,
        });
        if letter.sends.len() > HISTORY {
            letter.sends.remove(0);
        }
        letter.note(now, if lapsed { Happening::TakenOver } else { Happening::Claimed }, who, None);
        Ok(letter)
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
        letter.status = Status::Replayed;
        letter.token = None;
        letter.due = now.after(policy.outcome_after);
        if let Some(send) = letter.sends.iter_mut().rev().find(|send| send.number == number) {
            send.message_id = Some(sent);
        }
        letter.note(now, Happening::Sent, who, None);
        Ok(letter)
    }

    /// REPLAYING → PENDING, by whoever holds the claim, after SQS said that it did not take the message.
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
        letter.due = policy.due(letter.reason.error_type, letter.deaths, now);
        letter.sends.retain(|send| send.number != number);
        letter.note(now, Happening::NotSent, who, Some(why.to_owned()));
        Ok(letter)
    }

    /// One more death: REPLAYING or REPLAYED → PENDING, PENDING stays.
    ///
    /// # Errors
    /// [`NotThisEdge`] if RESOLVED or DISCARDED: see [`Self::saw_a_copy`].
    pub fn died_again(&self, life: &Life, reason: Reason, who: &str, policy: &Policy, now: Timestamp) -> Edge {
        let mut letter = self.only(&[Status::Pending, Status::Replaying, Status::Replayed])?;
        letter.status = Status::Pending;
        letter.token = None;
        letter.deaths = letter.deaths.saturating_add(1);
        letter.life = life.clone();
        letter.due = policy.due(reason.error_type, letter.deaths, now);
        letter.set_reason(reason, who);
        letter.note(now, Happening::DiedAgain, who, None);
        Ok(letter)
    }

    /// A copy of it died that does not decide where it stands: counted and written down, the status stays.
    #[must_use]
    pub fn saw_a_copy(&self, life: &Life, who: &str, note: &str, now: Timestamp) -> Self {
        let mut letter = self.next();
        letter.deaths = letter.deaths.saturating_add(1);
        letter.life = life.clone();
        letter.note(now, Happening::DiedAgain, who, Some(note.to_owned()));
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
        letter.expires = Some(now.after(policy.resolved_retention));
        letter.resolution_note = Some(note.to_owned());
        letter.note(now, Happening::Resolved, who, Some(note.to_owned()));
        Ok(letter)
    }

    /// REPLAYED → PENDING: its deadline passed without an outcome. It waits for a person.
    ///
    /// # Errors
    /// [`NotThisEdge`] in any other status, and before the deadline.
    pub fn no_outcome(&self, who: &str, now: Timestamp) -> Edge {
        let mut letter = self.only(&[Status::Replayed])?;
        if now <= self.due {
            return Err(NotThisEdge(self.status));
        }
        letter.status = Status::Pending;
        letter.due = Timestamp::NEVER;
        letter.note(now, Happening::NoOutcome, who, None);
        Ok(letter)
    }

    /// PENDING → DISCARDED: no further send begins.
    ///
    /// # Errors
    /// [`NotThisEdge`] in any other status.
    pub fn discarded(&self, note: &str, who: &str, policy: &Policy, now: Timestamp) -> Edge {
        let mut letter = self.only(&[Status::Pending])?;
        letter.status = Status::Discarded;
        letter.due = now;
        letter.expires = Some(now.after(policy.resolved_retention));
        letter.resolution_note = Some(note.to_owned());
        letter.note(now, Happening::Discarded, who, Some(note.to_owned()));
        Ok(letter)
    }

    /// DISCARDED → PENDING. It waits for a person.
    ///
    /// # Errors
    /// [`NotThisEdge`] in any other status, and once it has expired.
    pub fn restored(&self, note: &str, who: &str, now: Timestamp) -> Edge {
        let mut letter = self.only(&[Status::Discarded])?;
        if self.expires.is_some_and(|expires| expires < now) {
            return Err(NotThisEdge(self.status));
        }
        letter.status = Status::Pending;
        letter.due = Timestamp::NEVER;
        letter.expires = None;
        letter.resolution_note = None;
        letter.note(now, Happening::Restored, who, Some(note.to_owned()));
        Ok(letter)
    }

    /// Takes over why it died, keeping when it first did.
    fn set_reason(&mut self, reason: Reason, who: &str) {
        let first_failed_at = self.reason.first_failed_at.min(reason.first_failed_at);
        for attempt in &reason.attempts {
            let event = Event {
                at: attempt.at,
                what: Happening::AttemptFailed,
                who: who.to_owned(),
                note: None,
                attempt: Some(attempt.clone()),
            };
            self.push(event);
        }
        self.fingerprint = fingerprint(reason.error_type.as_str(), reason.error_code.as_deref(), &reason.error_message);
        self.reason = Reason { first_failed_at, ..reason };
    }

    /// Completes a new letter's reason and history.
    pub(crate) fn opened(mut self, who: &str, now: Timestamp) -> Self {
        let reason = self.reason.clone();
        self.set_reason(reason, who);
        self.note(now, Happening::Indexed, who, None);
        self
    }
}
