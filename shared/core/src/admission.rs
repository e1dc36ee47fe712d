//! What the indexer does with a dead message. The questions stand in an order, and the order matters: each closes
//! a way to lose a message or to bring a finished one back.

use crate::decode::{Inspected, Reading};
use crate::ids::{LetterId, Life, Number};
use crate::key::PayloadHash;
use crate::ledger::{Entry, State};
use crate::letter::{ErrorType, Letter, NEW_LIMIT, Reason, Status};
use crate::policy::Policy;
use crate::redrive::Redrive;
use crate::text::capped;
use crate::time::Timestamp;

const WHO: &str = "indexer";
/// The most bytes of a trace header that a history keeps.
const TRACE_LIMIT: usize = 256;

/// What the tables say about a dead message. Read just now, consistently; a read that failed is no finding.
#[derive(Debug, Clone, Default)]
pub struct Findings {
    /// The ownerless entry of this send or life.
    pub ownerless: Option<Entry>,
    /// The entry of its key.
    pub owned: Option<Entry>,
    /// The letter that its `redrive` attribute names.
    pub named: Option<Letter>,
    /// The letter of its own message id.
    pub own: Option<Letter>,
}

impl Findings {
    /// A write found this in place of what was read: decide again with it. `id` is the letter's that was written.
    pub fn saw(&mut self, dead: &Inspected, id: LetterId, found: Option<Letter>) {
        if dead.send().is_some_and(|send| send.letter == id) {
            self.named = found;
        } else {
            self.own = found;
        }
    }
}

/// Which letters may be the one of this message: the one that it names, and the one of its own id.
#[must_use]
pub fn letter_ids(dead: &Inspected, reading: &Reading) -> (Option<LetterId>, LetterId) {
    (dead.send().map(|send| send.letter), LetterId::derive(&reading.source, &dead.envelope.message_id))
}

/// What to do with a dead message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Admission {
    /// Write this new letter if there is none, then delete the message.
    Create(Box<Letter>),
    /// Write this next version of a letter if it is still as it was read, then delete the message.
    Change(Box<Letter>),
    /// Everything is known already: delete the message.
    Delete,
    /// It stays in the DLQ for now.
    Leave(Leave),
}

/// Why a dead message stays in the DLQ.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Leave {
    /// Somebody still runs it.
    LeaseLive,
    /// Its letter would not fit into an item.
    TooLarge,
}

/// Decides.
#[must_use]
pub fn admit(dead: &Inspected, found: &Findings, reading: &Reading, policy: &Policy, now: Timestamp) -> Admission {
    let live = |entry: &Option<Entry>| entry.clone().filter(|entry| !entry.expired(now));
    let (ownerless, owned) = (live(&found.ownerless), live(&found.owned));
    // An entry of this send that another body left there is a forgery's.
    let ownerless = ownerless.filter(|entry| entry.hash == dead.hash);
    let named = found.named.as_ref();
    let redrive = dead.redrive.as_ref().filter(|redrive| named.is_some_and(|letter| is_send_of(dead, redrive, letter)));
    let letter = if redrive.is_some() { named } else { found.own.as_ref() };

    if let Some(entry) = &owned
        && entry.state == State::Completed
        && entry.hash == dead.hash
    {
        return completed(dead, letter, reading, policy, now);
    }
    let reason = match reason(dead, ownerless.as_ref(), owned.as_ref(), now) {
        Ok(reason) => reason,
        Err(leave) => return Admission::Leave(leave),
    };
    let admission = match (redrive, letter) {
        (_, None) => create(dead, reason, reading, policy, now),
        (Some(redrive), Some(letter)) => returned(dead, redrive, letter, reason, policy, now),
        (None, Some(letter)) => met_again(dead, letter, reason, policy, now),
    };
    match &admission {
        Admission::Create(letter) if letter.bytes() > NEW_LIMIT => Admission::Leave(Leave::TooLarge),
        _ => admission,
    }
}

/// Whether a message is what its attribute says: a send of this letter, with its number, body and key. An attribute that
/// was forged, or copied to another message, says nothing: that message stands for itself, or it would be deleted as a
/// copy of something else. Neither does one whose letter is not there: the letter made from a forgery would later swallow
/// the message that it names.
fn is_send_of(dead: &Inspected, redrive: &Redrive, letter: &Letter) -> bool {
    let send = letter.sends.iter().rev().find(|send| send.number == redrive.number);
    let key = send.map_or(letter.key.as_ref(), |send| send.key.as_ref());
    redrive.number <= letter.number && letter.is_effect(&dead.hash) && redrive.key.as_ref() == key
}

/// Question (a): the effect happened, only the acknowledgement was lost.
fn completed(
    dead: &Inspected,
    letter: Option<&Letter>,
    reading: &Reading,
    policy: &Policy,
    now: Timestamp,
) -> Admission {
    let note = "acknowledgement was lost: the ledger shows it completed";
    let Some(letter) = letter else {
        let nothing = Reason { error_type: ErrorType::Unknown, error_code: None, ..never_ran(note, now) };
        let Admission::Create(letter) = create(dead, nothing, reading, policy, now) else {
            return Admission::Delete;
        };
        if letter.bytes() > NEW_LIMIT {
            return Admission::Leave(Leave::TooLarge);
        }
        return match letter.resolved(&dead.hash, note, WHO, policy, now) {
            Ok(resolved) => Admission::Create(Box::new(Letter { version: 1, ..resolved })),
            Err(_) => Admission::Delete,
        };
    };
    match letter.resolved(&dead.hash, note, WHO, policy, now) {
        Ok(resolved) => Admission::Change(Box::new(resolved)),
        // On its way, or final: the copy adds nothing, its effect is in the ledger.
        Err(_) => Admission::Delete,
    }
}

/// Question (b): the message is a send of a letter.
fn returned(
    dead: &Inspected,
    redrive: &Redrive,
    letter: &Letter,
    reason: Reason,
    policy: &Policy,
    now: Timestamp,
) -> Admission {
    let life = dead.envelope.life();
    if redrive.number < letter.number || letter.life == life {
        return Admission::Delete;
    }
    match letter.died_again(&life, reason, WHO, policy, now) {
        Ok(letter) => Admission::Change(Box::new(letter)),
        Err(_) => Admission::Change(Box::new(letter.saw_a_copy(&life, WHO, "a copy died after the end", now))),
    }
}

/// Questions (c) and (d): the message has been here before under this id.
fn met_again(dead: &Inspected, letter: &Letter, reason: Reason, policy: &Policy, now: Timestamp) -> Admission {
    let life = dead.envelope.life();
    if letter.life == life || letter.origin == life.message_id && letter.sent_at == life.sent_at {
        return Admission::Delete;
    }
    if letter.status == Status::Pending
        && let Ok(letter) = letter.died_again(&life, reason, WHO, policy, now)
    {
        return Admission::Change(Box::new(letter));
    }
    // Only the letter's own number may take it back from a replay.
    Admission::Change(Box::new(letter.saw_a_copy(&life, WHO, "a copy without a number died", now)))
}

fn create(dead: &Inspected, reason: Reason, reading: &Reading, policy: &Policy, now: Timestamp) -> Admission {
    let envelope = &dead.envelope;
    let (origin, sent_at) = (envelope.message_id.clone(), envelope.sent_at);
    let letter = Letter {
        id: LetterId::derive(&reading.source, &origin),
        source: reading.source.clone(),
        partition: None,
        offset: None,
        payload: envelope.body.clone(),
        attributes: envelope.attributes.clone(),
        group: envelope.group.clone(),
        sequence: envelope.sequence.clone(),
        origin,
        sent_at,
        life: envelope.life(),
        hash: dead.hash.clone(),
        key: dead.key.clone().ok(),
        key_is_stable: dead.key_is_stable,
        scope: reading.scope.clone(),
        due: policy.due(&reason, 1, now),
        reason,
        fingerprint: String::new(),
        status: Status::Pending,
        resolution_note: None,
        number: Number(0),
        deaths: 1,
        sends: Vec::new(),
        history: Vec::new(),
        token: None,
        expires: None,
        version: 1,
    };
    let trace = envelope.trace.as_ref().map(|trace| format!("its trace: {}", capped(trace, TRACE_LIMIT)));
    Admission::Create(Box::new(letter.opened(WHO, trace, now)))
}

/// Why it died: what was recorded for this very send or life, then what its key's entry says.
fn reason(dead: &Inspected, ownerless: Option<&Entry>, owned: Option<&Entry>, now: Timestamp) -> Result<Reason, Leave> {
    let life = dead.envelope.life();
    if let Some(entry) = ownerless {
        return Ok(from_entry(entry, &life, now));
    }
    let Some(entry) = owned else { return Ok(never_ran("no attempt was recorded", now)) };
    if entry.state == State::InProgress && entry.lease_until >= now {
        return Err(Leave::LeaseLive);
    }
    if entry.attempts(&life) == 0 {
        return Ok(never_ran("all receives were used up before an attempt could start", now));
    }
    Ok(from_entry(entry, &life, now))
}

fn from_entry(entry: &Entry, life: &Life, now: Timestamp) -> Reason {
    let attempts: Vec<_> = entry.history.iter().filter(|attempt| attempt.life == *life).cloned().collect();
    // An attempt that was started and never reported: its worker is lost. A dead life did report, even if the line of
    // it was forgotten since.
    let reported = u32::try_from(attempts.len()).unwrap_or(u32::MAX);
    let open = entry.state == State::InProgress || attempts.is_empty();
    let lost = open && !entry.is_dead(life) && reported < entry.attempts(life);
    let fault = if lost { None } else { entry.fault_of(life) };
    Reason {
        error_type: fault.as_ref().map_or(ErrorType::Timeout, |fault| fault.class.into()),
        error_code: Some(fault.as_ref().map_or("worker-lost", |fault| &fault.code).to_owned()),
        error_message: fault.map_or_else(|| "the last attempt never reported back".to_owned(), |fault| fault.text),
        attempt_count: entry.attempts(life),
        first_failed_at: attempts.first().map_or(now, |attempt| attempt.at),
        last_failed_at: attempts.last().map_or(now, |attempt| attempt.at),
        attempts,
    }
}

fn never_ran(why: &str, now: Timestamp) -> Reason {
    Reason {
        error_type: ErrorType::NeverRan,
        error_code: Some("no-attempt".to_owned()),
        error_message: why.to_owned(),
        attempt_count: 0,
        first_failed_at: now,
        last_failed_at: now,
        attempts: Vec::new(),
    }
}

/// Whether the ledger shows this letter's effect as done: the payload that was completed, if so.
#[must_use]
pub fn effect_of(letter: &Letter, owned: Option<&Entry>, now: Timestamp) -> Option<PayloadHash> {
    let entry = owned.filter(|entry| !entry.expired(now) && entry.state == State::Completed)?;
    letter.is_effect(&entry.hash).then(|| entry.hash.clone())
}

#[cfg(test)]
mod tests;
