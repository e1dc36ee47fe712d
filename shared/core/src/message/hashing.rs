//! Hashing of payloads, which tells a duplicate from a key that was used for something else.

mod payload_hash;

use thiserror::Error;

use crate::json::Json;
use crate::message::pointer::{BadPointer, Pointer};

pub use payload_hash::PayloadHash;

/// Part of a payload that is hashed. Processor and indexer must be configured with the same.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum Hashing {
    /// Hash all of the payload, in canonical form.
    #[default]
    Canonical,
    /// Values at these places only: for payloads that carry a time of sending, say, or a trace.
    Pointers(Vec<Pointer>),
    /// Hash nothing: every message with the key is the same message.
    Off,
}

/// A choice that is none.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("{0}; use canonical, off, or JSON pointers like /order_id,/amount")]
pub struct BadHashing(#[from] BadPointer);

impl Hashing {
    /// Reads the configured word, or JSON pointers parted by commas.
    ///
    /// # Errors
    /// [`BadHashing`] names the pointer that is none.
    pub fn parse(text: &str) -> Result<Self, BadHashing> {
        match text.trim() {
            "canonical" => Ok(Self::Canonical),
            "off" => Ok(Self::Off),
            list => {
                let pointers = list.split(',').map(|pointer| Pointer::parse(pointer.trim()));
                Ok(Self::Pointers(pointers.collect::<Result<_, _>>()?))
            }
        }
    }

    /// The hash of a payload that is JSON. A place that holds nothing differs from one that holds `null`.
    ///
    /// Rule R17 of docs/protocol.md.
    #[must_use]
    pub fn of(&self, payload: &Json) -> PayloadHash {
        match self {
            Self::Canonical => PayloadHash::of_json(payload),
            Self::Pointers(pointers) => {
                let part = |pointer: &Pointer| pointer.find(payload).into_iter().cloned().collect();
                PayloadHash::of_json(&Json::Array(pointers.iter().map(part).map(Json::Array).collect()))
            }
            Self::Off => PayloadHash::of_text(""),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn json(text: &str) -> Json {
        text.parse().unwrap()
    }

    #[test]
    fn only_the_named_places_make_a_difference() {
        let hashing = Hashing::parse("/id, /amount").unwrap();
        let of = |payload: &str| hashing.of(&json(payload));
        assert_eq!(of(r#"{"id": 1, "amount": 2, "sent": 3}"#), of(r#"{"sent": 4, "amount": 2, "id": 1}"#));
        assert_ne!(of(r#"{"id": 1, "amount": 2}"#), of(r#"{"id": 1, "amount": 3}"#));
        assert_ne!(of(r#"{"id": 1, "amount": null}"#), of(r#"{"id": 1}"#));
        assert_ne!(of(r#"{"id": 1}"#), of(r#"{"amount": 1}"#));
    }

    #[test]
    fn without_hashing_every_payload_is_alike_and_by_default_none_is() {
        let (one, other) = (json(r#"{"a": 1}"#), json(r#"{"a": 2}"#));
        assert_eq!(Hashing::parse("off").unwrap().of(&one), Hashing::Off.of(&other));
        assert_ne!(Hashing::parse("canonical").unwrap().of(&one), Hashing::default().of(&other));
    }

    #[test]
    fn nonsense_is_refused_with_the_mend() {
        for bad in ["", "sha256", "/a,b"] {
            assert!(Hashing::parse(bad).unwrap_err().to_string().contains("canonical, off"), "{bad:?}");
        }
    }
}
