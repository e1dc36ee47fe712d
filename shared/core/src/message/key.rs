//! Idempotency keys and the ledger's own keys.

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use thiserror::Error;

use crate::hex::hex;
use crate::ids::{Enqueue, LetterId, Scope, SendId};
use crate::json::Json;
use crate::json::shape::Shape;
use crate::message::broker_record::BrokerRecord;

pub use crate::message::hashing::PayloadHash;
pub use crate::message::pointer::{BadPointer, Pointer};

/// The message attribute that carries a producer's own key.
pub const ATTRIBUTE: &str = "idempotency-key";
/// The most bytes of a key (a DynamoDB partition key holds 2,048, scope included).
pub const LIMIT: usize = 1024;

/// An idempotency key: two messages with one key are meant to have one effect.
///
/// Rule R3 of docs/protocol.md.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Key(String);

/// Reason for which there is no key. The message is SCHEMA, code `no-key`: the handler never runs ungated.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum NoKey {
    /// Empty text, or nothing but blanks.
    #[error("idempotency key is empty, or nothing but blanks")]
    Empty,
    /// The key has more than [`LIMIT`] bytes.
    #[error("idempotency key has {0} bytes, and at most {LIMIT} are allowed")]
    TooLong(usize),
    /// The pointer leads nowhere, or the body is not JSON.
    #[error("nothing stands at the configured key pointer {0}: the body is {1}")]
    Unresolved(Pointer, Shape),
    /// The value there is neither a text nor a whole number.
    #[error("the configured key pointer leads to something that is neither text nor a whole number")]
    NotText,
    /// The attribute is binary.
    #[error("attribute {ATTRIBUTE} is no text")]
    NotTextual,
    /// A RabbitMQ message has neither a key nor the property `message-id`, and a hash of its body is not to be used.
    #[error("message has no property message-id, and the hash of its body is not to be its key")]
    NoMessageId,
    /// The attribute says another key than the body.
    #[error("attribute {ATTRIBUTE} and the configured key pointer lead to different keys")]
    Disagree,
}

/// Source of a message's key, on a queue with a key pointer. Processor, indexer and replay must be configured with the
/// same.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum KeyFrom {
    /// The attribute `idempotency-key` where a message has it, else the pointer. Whoever may send to the queue can choose
    /// any key, or a new one for each copy.
    Attribute,
    /// The pointer alone: the attribute says nothing.
    Pointer,
    /// The pointer; and where a message has the attribute, too, both must be the same.
    #[default]
    Both,
}

impl KeyFrom {
    /// Reads the configured word.
    #[must_use]
    pub fn parse(word: &str) -> Option<Self> {
        match word {
            "attribute" => Some(Self::Attribute),
            "pointer" => Some(Self::Pointer),
            "both" => Some(Self::Both),
            _ => None,
        }
    }

    /// The key of what the attribute and the pointer say; without a pointer the attribute decides.
    pub(crate) fn choose(self, attribute: Option<Found>, pointed: Option<Found>) -> Option<Found> {
        match (self, attribute, pointed) {
            (_, attribute, None) => attribute,
            (Self::Attribute, Some(attribute), _) => Some(attribute),
            (Self::Both, Some(attribute), Some(pointed)) => Some(attribute.and_then(|attribute| {
                let pointed = pointed?;
                if attribute == pointed { Ok(pointed) } else { Err(NoKey::Disagree) }
            })),
            (_, _, pointed) => pointed,
        }
    }
}

/// A key, or why there is none where it should stand.
pub(crate) type Found = Result<Key, NoKey>;

impl Key {
    /// A key of 1 to [`LIMIT`] bytes, that is more than blanks. Keys that differ in a blank are different keys.
    ///
    /// # Errors
    /// [`NoKey::Empty`] or [`NoKey::TooLong`].
    pub fn new(text: impl Into<String>) -> Result<Self, NoKey> {
        let text = text.into();
        match text.len() {
            _ if text.trim().is_empty() => Err(NoKey::Empty),
            1..=LIMIT => Ok(Self(text)),
            more => Err(NoKey::TooLong(more)),
        }
    }

    /// The key that stands at this place of a body.
    ///
    /// # Errors
    /// [`NoKey`] says why there is none.
    pub fn at(pointer: &Pointer, body: Option<&Json>) -> Result<Self, NoKey> {
        match body.and_then(|body| pointer.find(body)) {
            None => Err(NoKey::Unresolved(pointer.clone(), Shape::of(body))),
            Some(Json::Text(text)) => Self::new(text.clone()),
            Some(Json::Number(number)) if number.is_integer() => Self::new(number.as_str()),
            Some(_) => Err(NoKey::NotText),
        }
    }

    /// The mark that stays of the key of an erased letter: the same for the same key, nowhere else the same.
    #[must_use]
    pub fn erased(&self, letter: LetterId) -> Self {
        let hash = Sha256::digest(format!("{letter}#{}", self.0).as_bytes());
        Self(format!("erased-{}", hex(&hash[..16])))
    }

    /// Returns the key as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// Takes a stored key as it is, because older versions took keys of blanks.
impl TryFrom<String> for Key {
    type Error = NoKey;
    fn try_from(text: String) -> Result<Self, NoKey> {
        match text.len() {
            0 => Err(NoKey::Empty),
            1..=LIMIT => Ok(Self(text)),
            more => Err(NoKey::TooLong(more)),
        }
    }
}

impl From<Key> for String {
    fn from(key: Key) -> Self {
        key.0
    }
}

/// Key that a producer gives a record by its broker's own means: RabbitMQ's property `message-id`. It goes with the message
/// wherever it is sent, and so is stable. `None`: there is no such means, and the id of the delivery is the last resort.
pub(crate) fn given_by_producer(record: &BrokerRecord) -> Option<Found> {
    let BrokerRecord::RabbitMq(message) = record else { return None };
    match &message.properties.message_id {
        Some(id) => Some(Key::new(id)),
        None => message.needs_id.then_some(Err(NoKey::NoMessageId)),
    }
}

/// The partition key of a ledger entry.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct LedgerKey(String);

impl LedgerKey {
    /// The entry of a key: its owner's.
    #[must_use]
    pub fn owned(scope: &Scope, key: &Key) -> Self {
        Self(format!("{}#{}", scope.as_str(), key.as_str()))
    }

    /// Returns the keyless entry for the outcome of a send that does not own its key. The payload's hash belongs to it:
    /// whoever forges a `redrive` attribute knows letter and number, and sends another body.
    #[must_use]
    pub fn of_send(send: SendId, hash: &PayloadHash) -> Self {
        Self(format!("!send#{}#{}#{hash}", send.letter, send.number))
    }

    /// Returns the keyless entry of a send as earlier processors named it: without the hash.
    #[must_use]
    pub fn of_send_without_hash(send: SendId) -> Self {
        Self(format!("!send#{}#{}", send.letter, send.number))
    }

    /// Returns the keyless entry for the outcome of a message that owns no key: under its send, else under its enqueue.
    ///
    /// Rule R15 of docs/protocol.md.
    #[must_use]
    pub fn keyless(send: Option<(SendId, &PayloadHash)>, enqueue: &Enqueue) -> Self {
        match send {
            Some((send, hash)) => Self::of_send(send, hash),
            None => Self(format!("!life#{enqueue}")),
        }
    }

    /// Returns the key as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// A short name for logs: keys may hold personal data, so they are never written out.
    #[must_use]
    pub fn log_hash(&self) -> String {
        hex(&Sha256::digest(self.0.as_bytes())[..8])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_has_1_to_1024_bytes() {
        for nothing in ["", " ", "\t \n", "\u{a0}\u{3000}"] {
            assert_eq!(Key::new(nothing), Err(NoKey::Empty), "{nothing:?}");
        }
        assert_ne!(Key::new("o-1"), Key::new("o-1 "), "a blank makes another key");
        assert_eq!(serde_json::from_str::<Key>("\" \"").unwrap().as_str(), " ", "what is stored is read");
        assert!(Key::new("k".repeat(LIMIT)).is_ok());
        assert_eq!(Key::new("k".repeat(10_240)), Err(NoKey::TooLong(10_240)));
    }

    #[test]
    fn a_pointer_finds_text_and_numbers_and_says_why_it_found_nothing() {
        let pointer = Pointer::parse("/order_id").unwrap();
        let at = |body: &str| Key::at(&pointer, Some(&body.parse().unwrap())).map(String::from);
        assert_eq!(at(r#"{"order_id": "o-1"}"#).as_deref(), Ok("o-1"));
        assert_eq!(at(r#"{"order_id": 17}"#).as_deref(), Ok("17"));
        assert_eq!(at(r#"{"order_id": 100000000000000000001}"#).as_deref(), Ok("100000000000000000001"));
        assert_eq!(at(r#"{"order_id": ""}"#), Err(NoKey::Empty));
        for neither in ["null", "1.5", "17.0", "-0", "1e2", "[]"] {
            assert_eq!(at(&format!(r#"{{"order_id": {neither}}}"#)), Err(NoKey::NotText), "{neither}");
        }
        let unresolved = |shape| Err(NoKey::Unresolved(pointer.clone(), shape));
        assert_eq!(at(r#"{"id": "o-1"}"#), unresolved(Shape::Object));
        assert_eq!(at("null"), unresolved(Shape::Null));
        assert_eq!(Key::at(&pointer, None).map(String::from), unresolved(Shape::Unreadable));
    }

    #[test]
    fn the_attribute_overrides_the_pointer_says_nothing_or_must_agree() {
        let key = |text: &str| Key::new(text);
        let (a, b) = (|| Some(key("a")), || Some(key("b")));
        for (from, attribute, pointed, chosen) in [
            (KeyFrom::Attribute, a(), b(), a()),
            (KeyFrom::Attribute, None, b(), b()),
            (KeyFrom::Pointer, a(), b(), b()),
            (KeyFrom::Both, a(), b(), Some(Err(NoKey::Disagree))),
            (KeyFrom::Both, b(), b(), b()),
            (KeyFrom::Both, None, b(), b()),
            (KeyFrom::Both, a(), Some(Err(NoKey::NotText)), Some(Err(NoKey::NotText))),
            (KeyFrom::Pointer, a(), Some(Err(NoKey::NotText)), Some(Err(NoKey::NotText))),
            // Without a pointer there is nothing to compare with.
            (KeyFrom::Both, a(), None, a()),
            (KeyFrom::Both, None, None, None),
        ] {
            assert_eq!(from.choose(attribute.clone(), pointed.clone()), chosen, "{from:?} {attribute:?} {pointed:?}");
        }
    }
}
