//! Idempotency keys and the ledger's own keys.

use std::fmt;

use serde::{Deserialize, Serialize};
use serde_json::Value;
use sha2::{Digest, Sha256};
use thiserror::Error;

use crate::ids::{LetterId, Life, Scope, SendId};

/// The message attribute that carries a producer's own key.
pub const ATTRIBUTE: &str = "idempotency-key";
/// The most bytes of a key (a DynamoDB partition key holds 2,048, scope included).
pub const LIMIT: usize = 1024;

/// An idempotency key: two messages with one key are meant to have one effect.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Key(String);

/// Why there is no key. The message is SCHEMA, code `no-key`: the handler never runs ungated.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum NoKey {
    /// Empty text.
    #[error("idempotency key is empty")]
    Empty,
    /// More than [`LIMIT`] bytes.
    #[error("idempotency key has {0} bytes, and at most {LIMIT} are allowed")]
    TooLong(usize),
    /// The pointer leads nowhere, or the body is not JSON.
    #[error("the configured key pointer does not lead to anything in the body")]
    Unresolved,
    /// What stands there is no text, and no whole number of at most 64 bits.
    #[error("the configured key pointer leads to something that is neither text nor a whole number of 64 bits")]
    NotText,
}

impl Key {
    /// A key of 1 to [`LIMIT`] bytes.
    ///
    /// # Errors
    /// [`NoKey::Empty`] or [`NoKey::TooLong`].
    pub fn new(text: impl Into<String>) -> Result<Self, NoKey> {
        let text = text.into();
        match text.len() {
            0 => Err(NoKey::Empty),
            1..=LIMIT => Ok(Self(text)),
            more => Err(NoKey::TooLong(more)),
        }
    }

    /// The mark that stays of the key of an erased letter: the same for the same key, nowhere else the same.
    #[must_use]
    pub fn erased(&self, letter: LetterId) -> Self {
        let hash = Sha256::digest(format!("{letter}#{}", self.0).as_bytes());
        let hex: String = hash.iter().take(16).map(|byte| format!("{byte:02x}")).collect();
        Self(format!("erased-{hex}"))
    }

    /// The text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl TryFrom<String> for Key {
    type Error = NoKey;
    fn try_from(text: String) -> Result<Self, NoKey> {
        Self::new(text)
    }
}

impl From<Key> for String {
    fn from(key: Key) -> Self {
        key.0
    }
}

/// Where in the body the key stands: an RFC 6901 JSON pointer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pointer(String);

/// A pointer that is not one.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("{0:?} is not a JSON pointer: it must start with '/', like /order_id (RFC 6901)")]
pub struct BadPointer(String);

impl Pointer {
    /// Reads a pointer.
    ///
    /// # Errors
    /// [`BadPointer`] if it does not start with `/` or has a `~` that is neither `~0` nor `~1`.
    pub fn parse(text: &str) -> Result<Self, BadPointer> {
        let escapes_well = !text.replace("~0", "").replace("~1", "").contains('~');
        if text.starts_with('/') && escapes_well { Ok(Self(text.to_owned())) } else { Err(BadPointer(text.to_owned())) }
    }

    /// What stands there.
    #[must_use]
    pub fn find<'a>(&self, body: &'a Value) -> Option<&'a Value> {
        body.pointer(&self.0)
    }

    /// The key that stands there.
    ///
    /// # Errors
    /// [`NoKey`] says why there is none.
    pub fn resolve(&self, body: Option<&Value>) -> Result<Key, NoKey> {
        match body.and_then(|body| self.find(body)) {
            None => Err(NoKey::Unresolved),
            Some(Value::String(text)) => Key::new(text.clone()),
            // A number that is not whole, or over 64 bits, is read as a double: two of them may look alike.
            Some(Value::Number(number)) if !number.is_f64() => Key::new(number.to_string()),
            Some(_) => Err(NoKey::NotText),
        }
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

    /// Where the outcome of a send is recorded that does not own its key. The payload's hash belongs to it: whoever forges a
    /// `redrive` attribute knows letter and number, and sends another body.
    #[must_use]
    pub fn of_send(send: SendId, hash: &PayloadHash) -> Self {
        Self(format!("!send#{}#{}#{hash}", send.letter, send.number))
    }

    /// Where such an outcome was recorded by processors that did not have the hash in it.
    #[must_use]
    pub fn of_send_without_hash(send: SendId) -> Self {
        Self(format!("!send#{}#{}", send.letter, send.number))
    }

    /// Where the outcome of a message is recorded that does not own a key.
    #[must_use]
    pub fn ownerless(send: Option<(SendId, &PayloadHash)>, life: &Life) -> Self {
        match send {
            Some((send, hash)) => Self::of_send(send, hash),
            None => Self(format!("!life#{life}")),
        }
    }

    /// The text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// A short name for logs: keys may hold personal data, so they are never written out.
    #[must_use]
    pub fn log_hash(&self) -> String {
        Sha256::digest(self.0.as_bytes()).iter().take(8).map(|byte| format!("{byte:02x}")).collect()
    }
}

/// SHA-256 of a message's canonical body: tells a duplicate from a key that was used for something else.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct PayloadHash(String);

impl PayloadHash {
    /// Of a body that is JSON: object members sorted, white space gone. Numbers compare as they are read
    /// (whole numbers exactly to 64 bits, others as doubles).
    #[must_use]
    pub fn of_json(body: &Value) -> Self {
        Self::of_text(&body.to_string())
    }

    /// Of any other body: its bytes.
    #[must_use]
    pub fn of_text(body: &str) -> Self {
        Self(Sha256::digest(body.as_bytes()).iter().map(|byte| format!("{byte:02x}")).collect())
    }

    /// Reads a stored hash.
    #[must_use]
    pub const fn from_stored(hex: String) -> Self {
        Self(hex)
    }
}

impl fmt::Display for PayloadHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_key_has_1_to_1024_bytes() {
        assert_eq!(Key::new(""), Err(NoKey::Empty));
        assert!(Key::new("k".repeat(LIMIT)).is_ok());
        assert_eq!(Key::new("k".repeat(10_240)), Err(NoKey::TooLong(10_240)));
    }

    #[test]
    fn a_pointer_finds_text_and_numbers_and_says_why_it_found_nothing() {
        let pointer = Pointer::parse("/order_id").unwrap();
        let at = |body: Value| pointer.resolve(Some(&body)).map(String::from);
        assert_eq!(at(json!({"order_id": "o-1"})).as_deref(), Ok("o-1"));
        assert_eq!(at(json!({"order_id": 17})).as_deref(), Ok("17"));
        assert_eq!(at(json!({"order_id": ""})), Err(NoKey::Empty));
        assert_eq!(at(json!({"order_id": null})), Err(NoKey::NotText));
        assert_eq!(at(json!({"order_id": 1.5})), Err(NoKey::NotText));
        let beyond_64_bits = serde_json::from_str(r#"{"order_id": 100000000000000000001}"#).unwrap();
        assert_eq!(at(beyond_64_bits), Err(NoKey::NotText));
        assert_eq!(at(json!({"id": "o-1"})), Err(NoKey::Unresolved));
        assert_eq!(at(json!(null)), Err(NoKey::Unresolved));
        assert_eq!(pointer.resolve(None), Err(NoKey::Unresolved));
    }

    #[test]
    fn a_bad_pointer_is_refused_with_the_mend() {
        for bad in ["", "order_id", "$.order_id", "/a~2b"] {
            let error = Pointer::parse(bad).unwrap_err();
            assert!(error.to_string().contains("must start with '/'"), "{error}");
        }
    }

    #[test]
    fn member_order_and_white_space_do_not_change_the_hash_and_values_do() {
        let of = |text: &str| PayloadHash::of_json(&serde_json::from_str(text).unwrap());
        assert_eq!(of(r#"{"a":1,"b":[2,3]}"#), of("{ \"b\" : [2, 3],\n \"a\" : 1 }"));
        assert_ne!(of(r#"{"a":1,"b":[2,3]}"#), of(r#"{"a":1,"b":[3,2]}"#));
        assert_ne!(of("9007199254740993"), of("9007199254740992"));
    }
}
