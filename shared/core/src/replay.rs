//! Requests to replay or discard letters, and the message that a letter becomes again.

mod act;
mod administration;
mod cannot_edit;
pub(crate) mod consent;
mod dead_record;
mod edit;
mod fifo;
mod filter;
pub mod job;
mod order;
mod patch;
pub mod ramp;
mod request;
mod selection;
mod sent_record;
mod turn;

use std::sync::Arc;

use sha2::{Digest, Sha256};
use thiserror::Error;

use crate::hex::hex;
use crate::ids::{Enqueue, LetterId, ReplayNumber};
use crate::letters::letter::{Letter, NoBody, Status};
use crate::message::broker_record::BrokerRecord;
use crate::message::decode::{Inspected, Reading};
use crate::message::envelope::{Attribute, Attributes};
use crate::message::foreign;
use crate::message::key::Key;
use crate::message::redrive::{ATTRIBUTE, Redrive};

use sent_record::record_of;

pub use act::{Act, ActRecord};
pub use administration::{Administration, AllowedActions, NotAllowedHere};
pub use cannot_edit::{CannotEdit, KeyChange};
pub use consent::{Consent, ConsentTerms, KeyStatus, consent};
pub use dead_record::sendable;
pub use edit::{Edit, EditTerms, Prepared};
pub use fifo::{GroupRules, Parted, TurnStep, first_of_groups};
pub use filter::{Filter, IN_FLIGHT, RECENT};
pub use order::{GroupLeaders, is_fifo};
pub use patch::{BadPatch, Patch};
pub use request::{BadRequest, Change, JOB_EDIT_LIMIT, Remark, ReplayOptions, Request};
pub use selection::{LIST_LIMIT, LIST_PART, LetterList, Selection, Shown};

pub use crate::letters::candidate::{Candidate, Look};
pub use turn::{Entered, Entering, GroupTurn, REST, has_rested};

/// SQS's limit of message attributes.
const ATTRIBUTE_LIMIT: usize = 10;
/// SQS's limit of a message, body and attributes; a queue's own `MaximumMessageSize` may be less.
pub const MESSAGE_LIMIT: usize = 1024 * 1024;
/// Room for redrive's own attribute in bytes, without the key in it.
const REDRIVE_BYTES: usize = 512;

/// A letter as a message again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Outgoing {
    /// The claim that it belongs to.
    pub letter: LetterId,
    /// Number of the claim.
    pub number: ReplayNumber,
    /// The body, verbatim, or as it was edited.
    pub body: String,
    /// The original attributes and `redrive`.
    pub attributes: Attributes,
    /// `MessageGroupId`: a standard queue's fairness is kept.
    pub group: Option<String>,
    /// `MessageDeduplicationId`, for a FIFO queue: another one with every number and every death, or SQS would take the
    /// message and drop it.
    pub deduplication: String,
    /// Record to send instead of all this, to Kafka or RabbitMQ.
    pub record: Option<Arc<BrokerRecord>>,
}

/// Returns the deduplication id, of at most 128 characters: the same whenever the same message is sent for the same
/// reason.
fn deduplication(letter: LetterId, number: ReplayNumber, died: Option<&Enqueue>) -> String {
    let died = died.map(Enqueue::to_string).unwrap_or_default();
    hex(&Sha256::digest(format!("{letter}#{number}#{died}").as_bytes()))
}

/// Reason for which a letter cannot become a message. Found before the letter is claimed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum CannotSend {
    /// The letter is not PENDING any more.
    #[error("letter is {0} by now")]
    Status(Status),
    /// The letter has no room: all ten attributes are taken, or the message has its full size. And its key is only its
    /// old message id.
    #[error(
        "letter has no room for redrive's own attribute (SQS takes {ATTRIBUTE_LIMIT}, and 1 MiB), and no stable key"
    )]
    NoAttributeSlot,
    /// The letter has no body to send any more.
    #[error(transparent)]
    NoBody(#[from] NoBody),
}

/// Answer of a queue's `MaximumMessageSize` to a letter.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fit {
    /// The queue takes the message.
    Fits,
    /// The queue takes the message, but not with redrive's own attribute, and its key is not stable.
    NoSlot,
    /// The queue does not take the message, whatever is left out of it.
    TooLarge {
        /// Size of body and attributes.
        bytes: usize,
    },
}

impl Outgoing {
    /// Checks that this letter can be sent as itself: with redrive's own attribute, or, where there is no room for it,
    /// under a stable key, by which the ledger knows it all the same.
    ///
    /// # Errors
    ///
    /// [`CannotSend::NoBody`] and [`CannotSend::NoAttributeSlot`].
    pub fn check(letter: &Letter) -> Result<(), CannotSend> {
        letter.check_body()?;
        let room = Self::has_room(letter, letter.payload_now(), letter.key.as_ref());
        if room || letter.key_is_stable { Ok(()) } else { Err(CannotSend::NoAttributeSlot) }
    }

    /// Returns true if a message of this letter with this body and key has room for redrive's own attribute.
    #[must_use]
    pub fn has_room(letter: &Letter, body: &str, key: Option<&Key>) -> bool {
        Self::has_room_within(letter, body, key, MESSAGE_LIMIT)
    }

    /// The same for a queue that takes so many bytes.
    #[must_use]
    pub fn has_room_within(letter: &Letter, body: &str, key: Option<&Key>, limit: usize) -> bool {
        if letter.source.is_of_broker() {
            return true;
        }
        let ours = [ATTRIBUTE, foreign::ATTRIBUTE];
        let others = letter.attributes.keys().filter(|name| !ours.contains(&name.as_str())).count();
        let bytes = bytes(body, &letter.attributes) + REDRIVE_BYTES + key_bytes(key);
        others < ATTRIBUTE_LIMIT && bytes <= limit
    }

    /// Says whether a queue that takes so many bytes takes this letter. `as_new`: nobody asks for redrive's own attribute; otherwise
    /// it goes with that, or without it under a stable key, as [`Self::check`] has it for the largest queues.
    #[must_use]
    pub fn fit(letter: &Letter, limit: usize, as_new: bool) -> Fit {
        if letter.source.is_of_broker() {
            return Fit::Fits;
        }
        let (plain, own) = (plain_bytes(letter.payload_now(), letter), REDRIVE_BYTES + key_bytes(letter.key.as_ref()));
        if plain > limit {
            Fit::TooLarge { bytes: plain }
        } else if as_new || letter.key_is_stable || plain + own <= limit {
            Fit::Fits
        } else {
            Fit::NoSlot
        }
    }

    /// Says whether a dead-letter queue that takes so many bytes takes this letter back as it came.
    #[must_use]
    pub fn fit_to_eject(letter: &Letter, limit: usize) -> Fit {
        let bytes = bytes(letter.payload_of_dead(), &letter.attributes);
        if bytes > limit { Fit::TooLarge { bytes } } else { Fit::Fits }
    }

    /// The same message for a queue that takes so many bytes: without redrive's own attribute where it has no room for it.
    #[must_use]
    pub fn within(mut self, limit: usize) -> Self {
        if self.bytes() > limit {
            self.attributes.remove(ATTRIBUTE);
        }
        self
    }

    /// The message of a claimed letter. `None` unless it is REPLAYING and has its body: nothing else is ever sent.
    #[must_use]
    pub fn of_claimed(letter: &Letter) -> Option<Self> {
        if letter.status != Status::Replaying || letter.is_ejecting() || letter.check_body().is_err() {
            return None;
        }
        let redrive = Redrive {
            letter: letter.id,
            number: letter.number,
            key: letter.key.clone(),
            scope: letter.scope.clone(),
            origin: letter.origin.clone(),
            sent_at: letter.sent_at,
            died: None,
            trace: letter.trace,
        };
        let record = record_of(letter, &redrive).map(Arc::new);
        let mut attributes = letter.attributes.clone();
        // Why it died before is not why it will die again.
        attributes.remove(foreign::ATTRIBUTE);
        let to = letter.destination();
        // At another queue it would name a letter that is none of that queue's: there the message stands for itself.
        let own = if to.is_none() { with_redrive(&attributes, letter.payload_now(), redrive) } else { None };
        let attributes = own.unwrap_or(attributes);
        Some(Self {
            letter: letter.id,
            number: letter.number,
            body: letter.payload_now().to_owned(),
            attributes,
            // A FIFO queue's groups mean nothing to a standard one, but that their messages wait for each other.
            group: letter.group.clone().filter(|_| to.is_none_or(|to| is_fifo(to) == is_fifo(&letter.source))),
            deduplication: deduplication(letter.id, letter.number, None),
            record,
        })
    }

    /// A message at the end of its enqueue, on its way to the dead-letter queue. Where redrive's attribute has no room in it, a FIFO
    /// queue's deduplication id says the same.
    ///
    /// Rule R26 of docs/protocol.md.
    ///
    /// # Errors
    /// [`CannotSend::NoAttributeSlot`]: it would arrive there without its past. SQS's own redrive policy can still move it.
    pub fn of_dead(dead: &Inspected, reading: &Reading) -> Result<Self, CannotSend> {
        let bare = Self::of_dead_bare(dead, reading);
        let redrive = dead.redrive_at_death(&reading.source, &reading.scope);
        match with_redrive(&bare.attributes, &bare.body, redrive.clone()) {
            Some(attributes) => Ok(Self { attributes, ..bare }),
            None => bare.without_attribute(&redrive).ok_or(CannotSend::NoAttributeSlot),
        }
    }

    /// The same message of a FIFO queue without the attribute: for a dead-letter queue that takes no message of its size. `None` if
    /// it has none to leave out, or nothing could say what it says.
    #[must_use]
    pub fn smaller(&self, dead: &Inspected, reading: &Reading) -> Option<Self> {
        let redrive = dead.redrive_at_death(&reading.source, &reading.scope);
        let bare = Self::of_dead_bare(dead, reading);
        if self.attributes.contains_key(ATTRIBUTE) { bare.without_attribute(&redrive) } else { None }
    }

    fn of_dead_bare(dead: &Inspected, reading: &Reading) -> Self {
        let redrive = dead.redrive_at_death(&reading.source, &reading.scope);
        let mut attributes = dead.envelope.attributes.clone();
        attributes.remove(ATTRIBUTE);
        Self {
            letter: redrive.letter,
            number: redrive.number,
            body: dead.envelope.body.clone(),
            attributes,
            group: dead.envelope.group.clone(),
            deduplication: deduplication(redrive.letter, redrive.number, redrive.died.as_ref()),
            record: None,
        }
    }

    fn without_attribute(self, redrive: &Redrive) -> Option<Self> {
        Some(Self { deduplication: redrive.as_deduplication()?, ..self })
    }

    /// The message of a letter that is claimed to be ejected: body and attributes verbatim, a record as it came. Why it died goes along by the
    /// attribute of [`foreign`] where there is a slot and room for it (`limit`: bytes that the queue takes), and nobody else wrote
    /// one. `None` unless the letter is claimed for this and has its body.
    #[must_use]
    pub fn of_ejected(letter: &Letter, limit: usize) -> Option<Self> {
        if !letter.is_ejecting() || letter.check_kept().is_err() {
            return None;
        }
        let plain = Self {
            letter: letter.id,
            number: letter.number,
            body: letter.payload_of_dead().to_owned(),
            attributes: letter.attributes.clone(),
            group: letter.group.clone(),
            deduplication: deduplication(letter.id, letter.number, None),
            record: None,
        };
        if plain.attributes.contains_key(foreign::ATTRIBUTE) {
            return Some(plain);
        }
        let mut with_reason = plain.clone();
        let reason = Attribute::text(letter.reason.to_attribute());
        with_reason.attributes.insert(foreign::ATTRIBUTE.to_owned(), reason);
        let fits = with_reason.attributes.len() <= ATTRIBUTE_LIMIT && with_reason.bytes() <= limit;
        Some(if fits { with_reason } else { plain })
    }

    /// Returns the size in bytes that counts against SQS's limit of a batch: body and attributes, names and types
    /// included.
    #[must_use]
    pub fn bytes(&self) -> usize {
        bytes(&self.body, &self.attributes)
    }
}

/// The attributes with redrive's own, where SQS takes so many and so much. A trace is the first thing to be left out.
fn with_redrive(others: &Attributes, body: &str, redrive: Redrive) -> Option<Attributes> {
    let without = redrive.trace.is_some().then(|| Redrive { trace: None, ..redrive.clone() });
    let with = |redrive: Redrive| {
        let mut attributes = others.clone();
        attributes.insert(ATTRIBUTE.to_owned(), Attribute::text(redrive.encode()));
        let fits = attributes.len() <= ATTRIBUTE_LIMIT && bytes(body, &attributes) <= MESSAGE_LIMIT;
        fits.then_some(attributes)
    };
    with(redrive).or_else(|| with(without?))
}

fn key_bytes(key: Option<&Key>) -> usize {
    key.map_or(0, |key| key.as_str().len())
}

fn bytes(body: &str, attributes: &Attributes) -> usize {
    body.len() + attributes.iter().map(of_attribute).sum::<usize>()
}

/// Size of a letter's message without the attributes that redrive writes itself.
fn plain_bytes(body: &str, letter: &Letter) -> usize {
    let others = letter.attributes.iter().filter(|(name, _)| ![ATTRIBUTE, foreign::ATTRIBUTE].contains(&name.as_str()));
    body.len() + others.map(of_attribute).sum::<usize>()
}

fn of_attribute((name, attribute): (&String, &Attribute)) -> usize {
    let value = match &attribute.value {
        crate::message::envelope::AttributeValue::Text(text) => text.len(),
        crate::message::envelope::AttributeValue::Binary(bytes) => bytes.len(),
    };
    name.len() + attribute.data_type.len() + value
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ids::{MessageId, Scope};
    use crate::message::trace_context::TraceContext;
    use crate::time::Timestamp;

    /// The largest that there is, without a key.
    fn largest() -> Redrive {
        let id = MessageId::new("9f1b3c1e-8a51-4c65-9d3e-111111111111").unwrap();
        Redrive {
            letter: LetterId::parse("9f1b3c1e-8a51-5c65-9d3e-111111111111").unwrap(),
            number: ReplayNumber(999_999),
            key: Key::new("k").ok(),
            scope: Scope::new("s".repeat(64)).unwrap(),
            origin: id.clone(),
            sent_at: Timestamp::from_millis(9_999_999_999_999),
            died: Some(Enqueue { message_id: id, sent_at: Timestamp::from_millis(9_999_999_999_999) }),
            trace: TraceContext::parse("00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"),
        }
    }

    #[test]
    fn the_room_that_is_kept_for_redrives_own_attribute_is_enough_with_a_trace_in_it() {
        let own = with_redrive(&Attributes::new(), "", largest()).unwrap();
        assert!((380..=REDRIVE_BYTES).contains(&bytes("", &own)), "{}", bytes("", &own));
    }

    #[test]
    fn where_there_is_no_room_the_trace_is_left_out_first_and_then_the_attribute() {
        let whole = with_redrive(&Attributes::new(), "", largest()).unwrap();
        let body = |left: usize| "b".repeat(MESSAGE_LIMIT - left);
        let carried = |left: usize| {
            let attributes = with_redrive(&Attributes::new(), &body(left), largest())?;
            let text = attributes[ATTRIBUTE].as_text()?;
            Some(serde_json::from_str::<Redrive>(text).unwrap())
        };
        let bytes = bytes("", &whole);
        assert_eq!(carried(bytes), Some(largest()));
        let without = Redrive { trace: None, ..largest() };
        let least = bytes - (largest().encode().len() - without.encode().len());
        assert_eq!([carried(bytes - 1), carried(least)], [Some(without.clone()), Some(without)]);
        assert_eq!(carried(least - 1), None);
    }

    #[test]
    fn a_deduplication_id_is_anothers_with_every_number_and_every_death() {
        let letter = LetterId::parse("9f1b3c1e-8a51-5c65-9d3e-111111111111").unwrap();
        let enqueue =
            |id: &str| Enqueue { message_id: MessageId::new(id).unwrap(), sent_at: Timestamp::from_millis(1) };
        let ids = [
            deduplication(letter, ReplayNumber(1), None),
            deduplication(letter, ReplayNumber(2), None),
            deduplication(letter, ReplayNumber(1), Some(&enqueue("a"))),
            deduplication(letter, ReplayNumber(1), Some(&enqueue("b"))),
        ];
        let different: std::collections::BTreeSet<_> = ids.iter().collect();
        assert!(different.len() == 4 && ids.iter().all(|id| id.len() <= 128));
        assert_eq!(ids[0], deduplication(letter, ReplayNumber(1), None));
    }
}
