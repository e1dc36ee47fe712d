//! Requests to replay or discard letters, and the message that a letter becomes again.

use serde::Deserialize;
use serde_json::Value;
use sha2::{Digest, Sha256};
use thiserror::Error;

use crate::decode::{Inspected, Reading};
use crate::envelope::{Attribute, Attributes};
use crate::foreign;
use crate::ids::{LetterId, Life, Number, QueueArn, Scope};
use crate::key::Key;
use crate::letter::{ErrorType, Letter, NoBody, Status};
use crate::redrive::{ATTRIBUTE, Redrive};
use crate::time::Timestamp;

/// SQS's limit of message attributes.
const ATTRIBUTE_LIMIT: usize = 10;
/// SQS's limit of a message, attributes included.
const BYTE_LIMIT: usize = 1024 * 1024;
/// The longest note that is kept.
const NOTE_LIMIT: usize = 1_024;

/// What replay is asked to do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Request {
    /// What the policy allows and is due.
    Schedule,
    /// What a person chose, whatever the policy says.
    Replay {
        /// Which letters.
        selection: Selection,
        /// Who asks.
        by: String,
    },
    /// Give up what a person chose.
    Discard {
        /// Which letters.
        selection: Selection,
        /// Why.
        note: String,
        /// Who asks.
        by: String,
    },
    /// Put what a person chose back into its dead-letter queue, for native tools or before the queue is given up.
    Eject {
        /// Which letters.
        selection: Selection,
        /// Who asks.
        by: String,
    },
    /// Remove the bodies of what a person chose, for ever.
    Erase {
        /// Which letters: by id also RESOLVED and DISCARDED ones.
        selection: Selection,
        /// Why.
        note: String,
        /// Who asks.
        by: String,
    },
}

/// Which letters. Only PENDING ones are ever touched, or erased by a filter.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Selection {
    /// These.
    Ids(Vec<LetterId>),
    /// All that fit the filter.
    Filter(Filter),
}

/// All the given fields must fit; at least one is given.
#[derive(Debug, Clone, PartialEq, Eq, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Filter {
    /// The letter's `error_type`.
    pub error_type: Option<ErrorType>,
    /// Its `error_code`.
    pub error_code: Option<String>,
    /// Its cause.
    pub fingerprint: Option<String>,
    /// The queue that it came from.
    pub source_topic: Option<QueueArn>,
}

/// What an index knows of a letter.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Candidate {
    /// Which letter.
    pub id: LetterId,
    /// When it is due.
    pub due: Timestamp,
    /// Why it died.
    pub error_type: ErrorType,
    /// The fault's code.
    pub error_code: Option<String>,
    /// Its cause.
    pub fingerprint: String,
    /// Its idempotency key, to find out in the ledger whether it is done by now.
    pub key: Option<Key>,
    /// The ledger's scope.
    pub scope: Scope,
    /// The queue that it came from.
    pub source: QueueArn,
}

impl Filter {
    /// Whether a candidate fits.
    #[must_use]
    pub fn fits(&self, candidate: &Candidate) -> bool {
        self.error_type.is_none_or(|wanted| wanted == candidate.error_type)
            && self.error_code.as_ref().is_none_or(|wanted| candidate.error_code.as_ref() == Some(wanted))
            && self.fingerprint.as_ref().is_none_or(|wanted| *wanted == candidate.fingerprint)
            && self.source_topic.as_ref().is_none_or(|wanted| *wanted == candidate.source)
    }

    fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

/// A request that is not understood. Nothing was touched.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error(
    "replay input is not understood: {0}; expected {{\"redrive\":\"schedule\"}}, or an action \"replay\", \"eject\", \
     \"discard\" or \"erase\" with \"ids\" or \"select\" (error_type, error_code, fingerprint, source_topic), \"by\", and for \
     the last two a \"note\""
)]
pub struct BadRequest(String);

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Wire {
    redrive: Option<String>,
    action: Option<String>,
    ids: Option<Vec<String>>,
    select: Option<Filter>,
    note: Option<String>,
    by: Option<String>,
}

impl Request {
    /// Reads an invocation's payload.
    ///
    /// # Errors
    /// [`BadRequest`] says what is wrong with it.
    pub fn parse(input: &Value) -> Result<Self, BadRequest> {
        let bad = |why: &str| Err(BadRequest(why.to_owned()));
        let wire = Wire::deserialize(input).map_err(|error| BadRequest(error.to_string()))?;
        match (wire.redrive.as_deref(), wire.action.as_deref()) {
            (Some("schedule"), None) => Ok(Self::Schedule),
            (None, Some("replay")) if wire.note.is_some() => bad("a replay takes no note"),
            (None, Some("replay")) => {
                Ok(Self::Replay { selection: selection(wire.ids, wire.select)?, by: who(wire.by)? })
            }
            (None, Some("eject")) if wire.note.is_some() => bad("an ejection takes no note"),
            (None, Some("eject")) => {
                Ok(Self::Eject { selection: selection(wire.ids, wire.select)?, by: who(wire.by)? })
            }
            (None, Some("discard")) => {
                let note = why(wire.note)?;
                Ok(Self::Discard { selection: selection(wire.ids, wire.select)?, note, by: who(wire.by)? })
            }
            (None, Some("erase")) => {
                let note = why(wire.note)?;
                Ok(Self::Erase { selection: selection(wire.ids, wire.select)?, note, by: who(wire.by)? })
            }
            _ => bad("it names neither the schedule nor one known action"),
        }
    }
}

fn why(note: Option<String>) -> Result<String, BadRequest> {
    note.filter(|note| (1..=NOTE_LIMIT).contains(&note.trim().len()))
        .ok_or_else(|| BadRequest("\"note\" must say why, in 1 to 1,024 bytes".to_owned()))
}

fn who(by: Option<String>) -> Result<String, BadRequest> {
    by.filter(|by| (1..=256).contains(&by.trim().len()))
        .ok_or_else(|| BadRequest("\"by\" must say who asks, in 1 to 256 bytes".to_owned()))
}

fn selection(ids: Option<Vec<String>>, select: Option<Filter>) -> Result<Selection, BadRequest> {
    let bad = |why: &str| Err(BadRequest(why.to_owned()));
    match (ids, select) {
        (Some(ids), None) if ids.is_empty() => bad("\"ids\" is empty"),
        (Some(ids), None) => ids
            .iter()
            .map(|id| LetterId::parse(id).ok_or_else(|| BadRequest("an id is not a UUID".to_owned())))
            .collect::<Result<_, _>>()
            .map(Selection::Ids),
        (None, Some(filter)) if filter.is_empty() => bad("\"select\" is empty, and so would choose every letter"),
        (None, Some(filter)) => Ok(Selection::Filter(filter)),
        _ => bad("it must have either \"ids\" or \"select\""),
    }
}

/// A letter as a message again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Outgoing {
    /// The claim that it belongs to.
    pub letter: LetterId,
    /// Of that claim.
    pub number: Number,
    /// The body, verbatim.
    pub body: String,
    /// The original attributes and `redrive`.
    pub attributes: Attributes,
    /// `MessageGroupId`: a standard queue's fairness is kept.
    pub group: Option<String>,
    /// `MessageDeduplicationId`, for a FIFO queue: another one with every number and every death, or SQS would take the
    /// message and drop it.
    pub deduplication: String,
}

/// At most 128 characters, and the same whenever the same message is sent for the same reason.
fn deduplication(letter: LetterId, number: Number, died: Option<&Life>) -> String {
    let died = died.map(Life::to_string).unwrap_or_default();
    Sha256::digest(format!("{letter}#{number}#{died}").as_bytes()).iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Why a letter cannot become a message. Found before it is claimed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum CannotSend {
    /// It is not PENDING any more.
    #[error("letter is {0} by now")]
    Status(Status),
    /// All ten attributes are taken.
    #[error("letter has {ATTRIBUTE_LIMIT} message attributes, and SQS takes no eleventh for redrive's own")]
    NoAttributeSlot,
    /// There is nothing to send any more.
    #[error(transparent)]
    NoBody(#[from] NoBody),
}

impl Outgoing {
    /// Whether this letter can be sent at all.
    ///
    /// # Errors
    /// [`CannotSend::NoBody`] and [`CannotSend::NoAttributeSlot`].
    pub fn check(letter: &Letter) -> Result<(), CannotSend> {
        letter.body.check()?;
        let ours = [ATTRIBUTE, foreign::ATTRIBUTE];
        let others = letter.attributes.keys().filter(|name| !ours.contains(&name.as_str())).count();
        if others < ATTRIBUTE_LIMIT { Ok(()) } else { Err(CannotSend::NoAttributeSlot) }
    }

    /// The message of a claimed letter. `None` unless it is REPLAYING and has its body: nothing else is ever sent.
    #[must_use]
    pub fn of_claimed(letter: &Letter) -> Option<Self> {
        if letter.status != Status::Replaying || letter.is_ejecting() || letter.body.check().is_err() {
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
        };
        let mut attributes = letter.attributes.clone();
        // Why it died before is not why it will die again.
        attributes.remove(foreign::ATTRIBUTE);
        attributes.insert(ATTRIBUTE.to_owned(), Attribute::text(redrive.encode()));
        Some(Self {
            letter: letter.id,
            number: letter.number,
            body: letter.payload.clone(),
            attributes,
            group: letter.group.clone(),
            deduplication: deduplication(letter.id, letter.number, None),
        })
    }

    /// A message at the end of its life, on its way to the dead-letter queue.
    ///
    /// # Errors
    /// [`CannotSend::NoAttributeSlot`]: it would arrive there without its past. SQS's own redrive policy can still move it.
    pub fn of_dead(dead: &Inspected, reading: &Reading) -> Result<Self, CannotSend> {
        let mut attributes = dead.envelope.attributes.clone();
        attributes.remove(ATTRIBUTE);
        if attributes.len() >= ATTRIBUTE_LIMIT {
            return Err(CannotSend::NoAttributeSlot);
        }
        let redrive = Redrive::of_dead(dead, &reading.source, &reading.scope);
        attributes.insert(ATTRIBUTE.to_owned(), Attribute::text(redrive.encode()));
        Ok(Self {
            letter: redrive.letter,
            number: redrive.number,
            body: dead.envelope.body.clone(),
            attributes,
            group: dead.envelope.group.clone(),
            deduplication: deduplication(redrive.letter, redrive.number, redrive.died.as_ref()),
        })
    }

    /// The message of a letter that is claimed to be ejected: body and attributes verbatim. Why it died goes along by the
    /// attribute of [`foreign`] where there is a slot and room for it, and nobody else wrote one. `None` unless the letter is
    /// claimed for this and has its body.
    #[must_use]
    pub fn of_ejected(letter: &Letter) -> Option<Self> {
        if !letter.is_ejecting() || letter.body.check().is_err() {
            return None;
        }
        let plain = Self {
            letter: letter.id,
            number: letter.number,
            body: letter.payload.clone(),
            attributes: letter.attributes.clone(),
            group: letter.group.clone(),
            deduplication: deduplication(letter.id, letter.number, None),
        };
        if plain.attributes.contains_key(foreign::ATTRIBUTE) {
            return Some(plain);
        }
        let mut with_reason = plain.clone();
        let reason = Attribute::text(foreign::told(&letter.reason));
        with_reason.attributes.insert(foreign::ATTRIBUTE.to_owned(), reason);
        let fits = with_reason.attributes.len() <= ATTRIBUTE_LIMIT && with_reason.bytes() <= BYTE_LIMIT;
        Some(if fits { with_reason } else { plain })
    }

    /// What it counts against SQS's limit of a batch: body and attributes, names and types included.
    #[must_use]
    pub fn bytes(&self) -> usize {
        let attributes: usize = self
            .attributes
            .iter()
            .map(|(name, attribute)| {
                let value = match &attribute.value {
                    crate::envelope::AttributeValue::Text(text) => text.len(),
                    crate::envelope::AttributeValue::Binary(bytes) => bytes.len(),
                };
                name.len() + attribute.data_type.len() + value
            })
            .sum();
        self.body.len() + attributes
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ids::MessageId;
    use serde_json::json;

    #[test]
    fn a_deduplication_id_is_anothers_with_every_number_and_every_death() {
        let letter = LetterId::parse("9f1b3c1e-8a51-5c65-9d3e-111111111111").unwrap();
        let life = |id: &str| Life { message_id: MessageId::new(id).unwrap(), sent_at: Timestamp::from_millis(1) };
        let ids = [
            deduplication(letter, Number(1), None),
            deduplication(letter, Number(2), None),
            deduplication(letter, Number(1), Some(&life("a"))),
            deduplication(letter, Number(1), Some(&life("b"))),
        ];
        let different: std::collections::BTreeSet<_> = ids.iter().collect();
        assert!(different.len() == 4 && ids.iter().all(|id| id.len() <= 128));
        assert_eq!(ids[0], deduplication(letter, Number(1), None));
    }

    #[test]
    fn every_way_in_is_understood() {
        assert_eq!(Request::parse(&json!({"redrive": "schedule"})), Ok(Request::Schedule));
        let id = "9f1b3c1e-8a51-5c65-9d3e-111111111111";
        assert!(matches!(
            Request::parse(&json!({"action": "replay", "ids": [id], "by": "ann"})),
            Ok(Request::Replay { selection: Selection::Ids(ids), .. }) if ids.len() == 1
        ));
        assert!(matches!(
            Request::parse(&json!({"action": "discard", "select": {"error_type": "SCHEMA"}, "note": "n", "by": "ann"})),
            Ok(Request::Discard { selection: Selection::Filter(_), .. })
        ));
        let of_a_queue =
            json!({"action": "eject", "select": {"source_topic": "arn:aws:sqs:us-east-1:1:q"}, "by": "ann"});
        assert!(matches!(
            Request::parse(&of_a_queue),
            Ok(Request::Eject { selection: Selection::Filter(Filter { source_topic: Some(_), .. }), .. })
        ));
        assert!(matches!(
            Request::parse(&json!({"action": "erase", "ids": [id], "note": "n", "by": "ann"})),
            Ok(Request::Erase { selection: Selection::Ids(ids), .. }) if ids.len() == 1
        ));
    }

    #[test]
    fn an_input_that_is_not_understood_says_what_is_expected() {
        for input in [
            json!(null),
            json!(7),
            json!([]),
            json!({}),
            json!({"redrive": "everything"}),
            json!({"action": "replay"}),
            json!({"action": "replay", "ids": [], "by": "ann"}),
            json!({"action": "replay", "ids": ["x"], "by": "ann"}),
            json!({"action": "replay", "select": {}, "by": "ann"}),
            json!({"action": "replay", "select": {"error_typo": "SCHEMA"}, "by": "ann"}),
            json!({"action": "replay", "select": {"error_type": "SCHEMA"}}),
            json!({"action": "replay", "select": {"error_type": "SCHEMA"}, "ids": ["x"], "by": "ann"}),
            json!({"action": "discard", "select": {"error_type": "SCHEMA"}, "by": "ann"}),
            json!({"action": "discard", "select": {"error_type": "SCHEMA"}, "note": " ", "by": "ann"}),
            json!({"action": "eject", "by": "ann"}),
            json!({"action": "eject", "ids": [], "by": "ann"}),
            json!({"action": "eject", "select": {"error_type": "SCHEMA"}, "note": "n", "by": "ann"}),
            json!({"action": "erase", "ids": ["x"]}),
            json!({"action": "erase", "select": {"error_type": "SCHEMA"}, "by": "ann"}),
            json!({"action": "forget", "select": {"error_type": "SCHEMA"}, "note": "n", "by": "ann"}),
        ] {
            let error = Request::parse(&input).unwrap_err().to_string();
            assert!(error.contains("expected {\"redrive\":\"schedule\"}"), "{input}: {error}");
        }
    }
}
