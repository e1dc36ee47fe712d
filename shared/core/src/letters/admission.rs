//! Decision of the indexer about a dead message. The questions stand in an order, and the order matters: each closes a
//! way to lose a message or to bring a finished one back.

mod reason;

use crate::ids::{Enqueue, LetterId, MessageId, QueueArn, ReplayNumber};
use crate::letters::dead_record::first_place;
use crate::letters::edges;
use crate::letters::letter::{AttributesHash, Body, Edited, ErrorType, Form, History, Letter, Reason, Sends, Status};
use crate::letters::place_note::place_note;
use crate::letters::policy::Policy;
use crate::message::decode::{Inspected, Reading};
use crate::message::foreign::StatedReason;
use crate::message::hashing::Hashing;
use crate::message::key::{LedgerKey, PayloadHash};
use crate::message::redrive::{ATTRIBUTE, Redrive};
use crate::message::trace_context::TraceContext;
use crate::processing::ledger::{Entry, EntryState};
use crate::text::capped;
use crate::time::Timestamp;

use reason::{hidden, never_ran, reason, unknown};

const WHO: &str = "indexer";
/// The most bytes of a trace header that a history keeps.
const TRACE_LIMIT: usize = 256;

/// State of the ledger at the time of the decision.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum LedgerView {
    /// The ledger was read: an absent entry says that nothing was attempted.
    #[default]
    Read,
    /// The queue pair has none: nothing is known of its consumer's attempts, and only a person may replay.
    None,
}

/// Facts about a dead message from the tables and from the message itself. All were read just now, consistently; a read
/// that failed is no finding.
#[derive(Debug, Clone, Default)]
pub struct Findings {
    /// Tells if the entries below were looked for. Without a ledger they are ignored.
    pub ledger: LedgerView,
    /// Failure that the message states by itself, its text redacted.
    pub stated: Option<StatedReason>,
    /// The keyless entry of this send or enqueue: see [`keyless_key`], then [`old_keyless_key`].
    pub keyless: Option<Entry>,
    /// The entry of its key.
    pub owned: Option<Entry>,
    /// The letter that its `redrive` attribute names.
    pub named: Option<Letter>,
    /// The letter of its own message id.
    pub own: Option<Letter>,
    /// True if only the attribute tells the source queue: see [`crate::message::source::Source::Claimed`].
    pub claimed: bool,
}

impl Findings {
    /// Returns the letter of this id, if it was found.
    #[must_use]
    pub fn letter(&self, id: LetterId) -> Option<&Letter> {
        [&self.named, &self.own].into_iter().flatten().find(|letter| letter.id == id)
    }

    /// A write found this in place of what was read: decide again with it. `id` is the letter's that was written.
    pub fn saw(&mut self, dead: &Inspected, id: LetterId, found: Option<Letter>) {
        if dead.redrive.as_ref().is_some_and(|redrive| redrive.letter == id) {
            self.named = found;
        } else {
            self.own = found;
        }
    }
}

/// Returns the ids under which the letter of this message may stand: the one that its attribute names, and its own.
#[must_use]
pub fn letter_ids(dead: &Inspected, reading: &Reading) -> (Option<LetterId>, LetterId) {
    (dead.redrive.as_ref().map(|redrive| redrive.letter), LetterId::derive(&reading.source, &dead.envelope.message_id))
}

/// Returns the keyless entry that may hold the reason of a death: under the send of the message, else under the enqueue
/// that ended.
#[must_use]
pub fn keyless_key(dead: &Inspected) -> LedgerKey {
    match stated_enqueue(dead) {
        Some(died) => LedgerKey::keyless(dead.send().map(|send| (send, &dead.hash)), died),
        None => dead.keyless(),
    }
}

/// Returns the keyless entry of a send as earlier processors named it: without the payload's hash.
#[must_use]
pub fn old_keyless_key(dead: &Inspected) -> Option<LedgerKey> {
    dead.send().map(LedgerKey::of_send_without_hash)
}

/// The enqueue that ended, as a message says that claims to have been sent here by the processor.
fn stated_enqueue(dead: &Inspected) -> Option<&Enqueue> {
    // What SQS moved is in its own enqueue, whatever it carries from an earlier one.
    dead.redrive.as_ref().filter(|_| dead.envelope.moved_from.is_none())?.died.as_ref()
}

/// Identity of a dead message: the enqueue that ended, and the id and time of its first enqueue.
struct Identity {
    enqueue: Enqueue,
    origin: MessageId,
    sent_at: Timestamp,
    /// True if the ledger proves the death that the message tells of.
    proven: bool,
}

impl Identity {
    /// Takes the message's own id and time, or those in its attribute if the ledger proves them. Proven means: that
    /// enqueue is dead there with this very payload, and the ledger knows nothing of the message's enqueue in this queue.
    fn of(dead: &Inspected, named: Option<&Letter>, keyless: Option<&Entry>, owned: Option<&Entry>) -> Self {
        let envelope = &dead.envelope;
        let own = envelope.enqueue();
        let known = owned.is_some_and(|entry| entry.knows(&own));
        let proves = |entry: &&Entry, died: &Enqueue| entry.hash.is_same(&dead.hash) && entry.is_dead(died);
        let same = named.is_none_or(|letter| letter.may_have(&envelope.attributes));
        let proven = stated_enqueue(dead)
            .filter(|died| same && !known && [keyless, owned].iter().flatten().any(|entry| proves(entry, died)))
            .zip(dead.redrive.as_ref());
        match proven {
            Some((died, redrive)) if redrive.send().is_none() => {
                Self { enqueue: died.clone(), origin: redrive.origin.clone(), sent_at: redrive.sent_at, proven: true }
            }
            Some((died, _)) => {
                let origin = envelope.message_id.clone();
                Self { enqueue: died.clone(), origin, sent_at: envelope.sent_at, proven: true }
            }
            None => {
                Self { enqueue: own, origin: envelope.message_id.clone(), sent_at: envelope.sent_at, proven: false }
            }
        }
    }
}

/// Action to take for a dead message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Admission {
    /// Write this new letter if there is none, then delete the message.
    Create(Box<Letter>),
    /// Write this next version of a letter if it is still as it was read, then delete the message.
    Change(Box<Letter>),
    /// The message is known already, and can be deleted.
    Delete,
    /// The message stays in the DLQ for now.
    Leave(Leave),
}

/// Reason for which a dead message stays in the DLQ.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Leave {
    /// A worker still runs the message.
    LeaseLive,
}

/// Decides what becomes of a dead message.
///
/// Rule R31 of docs/protocol.md.
#[must_use]
pub fn admit(dead: &Inspected, found: &Findings, reading: &Reading, policy: &Policy, now: Timestamp) -> Admission {
    let is_read = found.ledger == LedgerView::Read;
    let asking = policy.asking();
    let policy = if is_read { policy } else { &asking };
    let live = |entry: &Option<Entry>| entry.clone().filter(|entry| is_read && !entry.expired(now));
    let (keyless, owned) = (live(&found.keyless), live(&found.owned));
    // An entry of this send that another body left there is a forgery's. It may stand where this one's own outcome would.
    let foreign = keyless.as_ref().is_some_and(|entry| !entry.hash.is_same(&dead.hash));
    let keyless = keyless.filter(|_| !foreign);
    let named = found.named.as_ref();
    let identity = Identity::of(dead, named, keyless.as_ref(), owned.as_ref());
    let is_copy = |redrive: &&Redrive| named.is_some_and(|letter| is_send_of(dead, redrive, letter, reading));
    let redrive = dead.redrive.as_ref().filter(is_copy);
    let is_named = redrive.is_some() || identity.origin != dead.envelope.message_id;
    let letter = if is_named { named } else { found.own.as_ref() };
    // Whoever may send here could have it run in a queue of their choice.
    let policy = if found.claimed && redrive.is_none() && !identity.proven { &asking } else { policy };

    if let Some(entry) = &owned
        && entry.state == EntryState::Completed
        && entry.hash.is_same(&dead.hash)
    {
        return completed(dead, &identity, letter, reading, policy, now);
    }
    let reason = if is_read {
        match reason(dead, &identity.enqueue, found.stated.as_ref(), keyless.as_ref(), owned.as_ref(), now) {
            Ok(reason) if foreign && reason.error_type == ErrorType::NeverRan => hidden(now),
            Ok(reason) => reason,
            Err(leave) => return Admission::Leave(leave),
        }
    } else {
        found
            .stated
            .as_ref()
            .map_or_else(|| unknown(dead, now), |stated| Reason::stated(stated, dead.envelope.sent_at, now))
    };
    let policy = if foreign { &asking } else { policy };
    match (redrive, letter) {
        (_, None) => create(dead, identity, reason, reading, policy, now),
        (Some(redrive), Some(letter)) => {
            let withdrawn = redrive.send().zip(owned.as_ref()).is_some_and(|(send, entry)| entry.withdraws(send));
            let reason = (!withdrawn).then_some(reason);
            with_header(returned(identity.enqueue, redrive, letter, reason, policy, now), dead)
        }
        (None, Some(letter)) => with_header(met_again(identity.enqueue, letter, reason, policy, now), dead),
    }
}

/// Returns true if a message is the send that its attribute names, with the number, body, attributes and key of that
/// send. A copy that the processor put into the dead-letter queue before any send counts, too. A forged or copied
/// attribute says nothing: the message stands for itself, or it would be deleted as a copy of another one. An attribute
/// whose letter is absent says nothing either: a letter made from a forgery would later swallow the message that it
/// names.
///
/// Rule R6 of docs/protocol.md.
fn is_send_of(dead: &Inspected, redrive: &Redrive, letter: &Letter, reading: &Reading) -> bool {
    let send = letter.sends.iter().rev().find(|send| send.number == redrive.number);
    let key = send.map_or(letter.key.as_ref(), |send| send.key.as_ref());
    // Where not all of a payload is hashed, an equal hash is not yet the same body.
    let same_body = || {
        let whole = reading.fingerprint_of(&dead.envelope.body);
        match send.and_then(|send| send.edited.as_ref()) {
            Some(edited) => edited.is_same(&whole),
            None => whole.is_same(&reading.fingerprint_of(&letter.payload)),
        }
    };
    // What goes elsewhere goes without the attribute.
    send.is_none_or(|send| send.to.is_none())
        && redrive.number <= letter.number
        && letter.is_key(redrive.key.as_ref(), key)
        && letter.may_have(&dead.envelope.attributes)
        && send.map_or_else(|| letter.is_effect(&dead.hash), |send| send.hash.is_same(&dead.hash))
        && (reading.hashing == Hashing::Canonical || same_body())
}

/// Question (a) of rule R31: the effect happened, only the acknowledgement was lost.
fn completed(
    dead: &Inspected,
    identity: &Identity,
    letter: Option<&Letter>,
    reading: &Reading,
    policy: &Policy,
    now: Timestamp,
) -> Admission {
    let note = "acknowledgement was lost: the ledger shows it completed";
    let Some(letter) = letter else {
        let nothing = Reason { error_type: ErrorType::Unknown, error_code: None, ..never_ran(note, now) };
        let identity = Identity { origin: identity.origin.clone(), enqueue: identity.enqueue.clone(), ..*identity };
        let Admission::Create(letter) = create(dead, identity, nothing, reading, policy, now) else {
            return Admission::Delete;
        };
        return match edges::resolve(&letter, &dead.hash, note, WHO, policy, now) {
            Ok(resolved) => Admission::Create(Box::new(Letter { version: 1, ..resolved })),
            Err(_) => Admission::Delete,
        };
    };
    match edges::resolve(letter, &dead.hash, note, WHO, policy, now) {
        Ok(resolved) => Admission::Change(Box::new(resolved)),
        // On its way, or final: the copy adds nothing, its effect is in the ledger.
        Err(_) => Admission::Delete,
    }
}

/// Question (b) of rule R31: the message is a send of a letter. Without a reason it was withdrawn for an edit, and never ran.
fn returned(
    enqueue: Enqueue,
    redrive: &Redrive,
    letter: &Letter,
    reason: Option<Reason>,
    policy: &Policy,
    now: Timestamp,
) -> Admission {
    if redrive.number < letter.number || letter.enqueue == enqueue || enqueue.is_first(&letter.origin, letter.sent_at) {
        return Admission::Delete;
    }
    let Some(reason) = reason else {
        return Admission::Change(Box::new(edges::add_withdrawn_copy(letter, &enqueue, WHO, now)));
    };
    match edges::add_death(letter, &enqueue, reason, WHO, policy, now) {
        Ok(letter) => Admission::Change(Box::new(letter)),
        Err(_) => Admission::Change(Box::new(edges::add_copy(letter, &enqueue, WHO, "a copy died after the end", now))),
    }
}

/// Questions (c) and (d) of rule R31: the message has been here before under this id.
fn met_again(enqueue: Enqueue, letter: &Letter, reason: Reason, policy: &Policy, now: Timestamp) -> Admission {
    if letter.enqueue == enqueue || enqueue.is_first(&letter.origin, letter.sent_at) {
        return Admission::Delete;
    }
    if letter.status == Status::Pending
        && let Ok(letter) = edges::add_death(letter, &enqueue, reason, WHO, policy, now)
    {
        return Admission::Change(Box::new(letter));
    }
    // Only the letter's own number may take it back from a replay.
    Admission::Change(Box::new(edges::add_copy(letter, &enqueue, WHO, "a copy without a number died", now)))
}

fn create(
    dead: &Inspected,
    identity: Identity,
    reason: Reason,
    reading: &Reading,
    policy: &Policy,
    now: Timestamp,
) -> Admission {
    let envelope = &dead.envelope;
    let Identity { enqueue, origin, sent_at, proven } = identity;
    // A broker that tells no time leaves none in the record of a death either.
    let sent_at = if sent_at == Enqueue::UNDATED { envelope.sent_at } else { sent_at };
    let mut attributes = envelope.attributes.clone();
    attributes.remove(ATTRIBUTE);
    let attributes_hash = Some(AttributesHash::of(&attributes));
    let place = first_place(&reading.source, origin.as_str());
    let letter = Letter {
        id: LetterId::derive(&reading.source, &origin),
        source: reading.source.clone(),
        moved_from: envelope.moved_from.clone().and_then(QueueArn::new),
        partition: place.as_ref().map(|place| place.partition.to_string()),
        offset: place.map(|place| place.offset.to_string()),
        payload: envelope.body.clone(),
        form: Form::Message,
        attributes,
        attributes_hash,
        body: Body::default(),
        edited: None,
        group: envelope.group.clone(),
        sequence: envelope.sequence.clone(),
        origin,
        sent_at,
        trace: dead.trace.first(dead.redrive.as_ref().filter(|_| proven)),
        enqueue,
        hash: dead.hash.clone(),
        key: dead.key.clone().ok(),
        key_is_stable: dead.key_is_stable,
        scope: dead.kind.as_ref().map_or_else(|_| reading.scope.clone(), |kind| kind.scope.clone()),
        due: policy.due(&reason, 1, now),
        reason,
        fingerprint: String::new(),
        status: Status::Pending,
        resolution_note: None,
        number: ReplayNumber(0),
        deaths: 1,
        sends: Sends::default(),
        history: History::default(),
        token: None,
        expires: None,
        version: 1,
    };
    // A header without a span is no trace to be linked, and one beside the producer's own is of another hop: people search by both.
    let is_told = |header: &str| letter.trace.is_some() && letter.trace == TraceContext::of_xray(header);
    let header = envelope.trace.as_deref().filter(|header| !is_told(header)).map(header_note);
    let letter = of_record(letter, dead, reading, now);
    let notes = dead.record.iter().map(|record| record.note.clone()).chain(header);
    let notes: Vec<_> = notes.chain(place_note(envelope)).collect();
    let notes = (!notes.is_empty()).then(|| notes.join("; "));
    Admission::Create(Box::new(edges::open(letter, WHO, notes, now)))
}

fn header_note(header: &str) -> String {
    format!("its X-Ray header: {}", capped(header, TRACE_LIMIT))
}

/// The same with the header of the copy that died, which names the trace of that send.
fn with_header(admission: Admission, dead: &Inspected) -> Admission {
    match (admission, dead.envelope.trace.as_deref()) {
        (Admission::Change(letter), Some(header)) => {
            Admission::Change(Box::new(edges::remark_death(*letter, &header_note(header))))
        }
        (admission, _) => admission,
    }
}

/// A letter of a record: with the message in it, or as one that is never sent.
fn of_record(letter: Letter, dead: &Inspected, reading: &Reading, now: Timestamp) -> Letter {
    let Some(record) = &dead.record else { return letter };
    let Some(message) = record.message.clone() else {
        return Letter { form: Form::NoMessage, due: Timestamp::NEVER, ..letter };
    };
    // A message that its own consumer could not even read waits for a person.
    let unread = dead.json.is_err() || dead.kind.is_err() || dead.key.is_err();
    let due = if unread { Timestamp::NEVER } else { letter.due };
    let hashes = (dead.hash.clone(), reading.fingerprint_of(&message));
    let edited = Some(Edited::of_record(message, hashes, now));
    Letter { form: Form::Record, edited, hash: reading.hash_of(&letter.payload), due, ..letter }
}

/// Returns the payload that was completed, if the ledger shows this letter's effect as done.
#[must_use]
pub fn effect_of(letter: &Letter, owned: Option<&Entry>, now: Timestamp) -> Option<PayloadHash> {
    let entry = owned.filter(|entry| !entry.expired(now) && entry.state == EntryState::Completed)?;
    letter.is_effect(&entry.hash).then(|| entry.hash.clone())
}

#[cfg(test)]
mod tests;
