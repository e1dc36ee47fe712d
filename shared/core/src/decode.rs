//! From an envelope to a message that may be claimed, or to the reason why it never will be.

use std::panic::{AssertUnwindSafe, catch_unwind};

use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::envelope::{Attributes, Envelope};
use crate::fault::Fault;
use crate::ids::{Life, QueueArn, Scope, SendId};
use crate::key::{self, Key, LedgerKey, NoKey, PayloadHash, Pointer};
use crate::redrive::{self, Redrive};
use crate::wrapping::{Content, Unread, Wrapping};

/// What is configured about reading messages. Processor and indexer are given the same, so that they arrive at
/// the same keys without the user's code.
#[derive(Debug, Clone)]
pub struct Reading {
    /// The main queue.
    pub source: QueueArn,
    /// The ledger's namespace for it.
    pub scope: Scope,
    /// What bodies are wrapped in.
    pub wrapping: Wrapping,
    /// Where the key stands in what the producer wrote, if anywhere.
    pub pointer: Option<Pointer>,
}

/// What can be known of a message without its type.
#[derive(Debug, Clone)]
pub struct Inspected {
    /// As it came.
    pub envelope: Envelope,
    /// What the producer wrote, unwrapped, or why it cannot be read.
    pub json: Result<Value, Unread>,
    /// The idempotency key, or why there is none.
    pub key: Result<Key, NoKey>,
    /// False if the key is only the message id: it then covers redelivery and our own replay, but no re-send.
    pub key_is_stable: bool,
    /// Of the canonical body.
    pub hash: PayloadHash,
    /// The `redrive` attribute, if it is there and valid.
    pub redrive: Option<Redrive>,
}

impl Inspected {
    /// Looks at a message.
    #[must_use]
    pub fn new(envelope: Envelope, reading: &Reading) -> Self {
        let content = reading.wrapping.open(&envelope.body);
        let hash = match &content {
            Ok(content) => PayloadHash::of_json(&content.value),
            Err(_) => PayloadHash::of_text(&envelope.body),
        };
        let carried = attribute(&envelope, redrive::ATTRIBUTE)
            .and_then(|text| Redrive::decode(text, &reading.source, &reading.scope));
        let own = key_in(content.as_ref().ok(), &envelope.attributes, reading);
        let redrive = carried.filter(|redrive| match &own {
            Some(Ok(key)) => redrive.key.as_ref() == Some(key),
            Some(Err(_)) | None => true,
        });
        let carried_key = redrive.as_ref().and_then(|redrive| redrive.key.clone());
        let key_is_stable = own.is_some();
        let key = match (own, carried_key) {
            (Some(Ok(key)), _) | (Some(Err(NoKey::Unresolved)) | None, Some(key)) => Ok(key),
            (Some(Err(error)), _) => Err(error),
            (None, None) => Key::new(envelope.message_id.as_str()),
        };
        let json = content.map(|content| content.value);
        Self { envelope, json, key, key_is_stable, hash, redrive }
    }

    /// Which send of which letter this is, if it is one.
    #[must_use]
    pub fn send(&self) -> Option<SendId> {
        self.redrive.as_ref().map(Redrive::send)
    }

    /// Where the outcome is recorded if this message owns no key.
    #[must_use]
    pub fn ownerless(&self) -> LedgerKey {
        LedgerKey::ownerless(self.send(), &self.envelope.life())
    }

    /// Decodes the body into the handler's type.
    ///
    /// # Errors
    /// A SCHEMA fault (`not-json`, `no-key`, `decode`): the handler never runs for it.
    pub fn decode<M: DeserializeOwned>(self, reading: &Reading) -> Result<Message<M>, Box<Malformed>> {
        let fault = match (&self.json, &self.key) {
            (Err(unread), _) => Fault::schema(unread.code, &unread.text),
            (Ok(_), Err(reason)) => Fault::schema("no-key", reason),
            (Ok(value), Ok(key)) => match decoded(value) {
                Ok(payload) => {
                    let entry = LedgerKey::owned(&reading.scope, key);
                    return Ok(Message { payload, key: key.clone(), entry, inspected: self });
                }
                Err(reason) => Fault::schema("decode", reason),
            },
        };
        Err(Box::new(Malformed { fault, inspected: self }))
    }
}

/// A message with a key and a payload: it may be claimed.
#[derive(Debug, Clone)]
pub struct Message<M> {
    /// The decoded body.
    pub payload: M,
    /// Its idempotency key.
    pub key: Key,
    /// The key of its ledger entry.
    pub entry: LedgerKey,
    /// Everything that was seen of it.
    pub inspected: Inspected,
}

impl<M> Message<M> {
    /// The life that this receive belongs to.
    #[must_use]
    pub fn life(&self) -> Life {
        self.inspected.envelope.life()
    }
}

/// A message that no handler can be given. It dies as it is, without a run.
#[derive(Debug, Clone)]
pub struct Malformed {
    /// SCHEMA, with its code.
    pub fault: Fault,
    /// Everything that was seen of it.
    pub inspected: Inspected,
}

/// The user's own decoding may panic; its panic is this record's, not the batch's.
fn decoded<M: DeserializeOwned>(value: &Value) -> Result<M, String> {
    match catch_unwind(AssertUnwindSafe(|| M::deserialize(value))) {
        Ok(Ok(payload)) => Ok(payload),
        Ok(Err(error)) => Err(without_data(&error.to_string())),
        Err(_) => Err("decoding the body panicked; the place is in the function's log".to_owned()),
    }
}

/// The key that a message with this body and these attributes brings: `None` if it brings none and none is asked of
/// it.
#[must_use]
pub fn own_key(body: &str, attributes: &Attributes, reading: &Reading) -> Option<Result<Key, NoKey>> {
    key_in(reading.wrapping.open(body).as_ref().ok(), attributes, reading)
}

fn key_in(content: Option<&Content>, attributes: &Attributes, reading: &Reading) -> Option<Result<Key, NoKey>> {
    if let Some(attribute) = attributes.get(key::ATTRIBUTE) {
        return Some(attribute.as_text().map_or(Err(NoKey::NotText), Key::new));
    }
    if let Some(key) = content.and_then(|content| content.key.as_ref()) {
        return Some(Key::new(key));
    }
    reading.pointer.as_ref().map(|pointer| pointer.resolve(content.map(|content| &content.value)))
}

fn attribute<'a>(envelope: &'a Envelope, name: &str) -> Option<&'a str> {
    envelope.attributes.get(name).and_then(|attribute| attribute.as_text())
}

/// A decoding error's text without anything that stood in the body: serde quotes values and unknown names.
pub(crate) fn without_data(text: &str) -> String {
    // These have no ", expected " of serde's own: one that stands there stood in the body.
    for (start, end) in
        [("unknown field `", "`, there are no fields"), ("unknown variant `", "`, there are no variants")]
    {
        if text.starts_with(start) && text.ends_with(end) {
            return format!("{}, {}", start.trim_end_matches(" `"), &end[3..]);
        }
    }
    if text.starts_with("missing field `") || text.starts_with("duplicate field `") {
        return text.to_owned();
    }
    let known = ["invalid type: ", "invalid value: ", "invalid length ", "unknown field ", "unknown variant "];
    match text.rsplit_once(", expected ") {
        Some((found, expected)) if known.iter().any(|start| text.starts_with(start)) => {
            let kind = found.split(['`', '"']).next().unwrap_or_default().trim_end();
            format!("{kind}, expected {expected}")
        }
        _ => "body does not have the shape of the message type".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::envelope::{Attribute, Record};
    use crate::fault::Class;
    use crate::ids::{LetterId, MessageId, Number};
    use crate::time::Timestamp;
    use serde::Deserialize;

    #[derive(Debug, Deserialize)]
    #[expect(dead_code, reason = "only its shape matters")]
    struct Order {
        order_id: String,
        amount: u32,
    }

    fn reading(pointer: Option<&str>) -> Reading {
        Reading {
            source: QueueArn::new("arn:aws:sqs:us-east-1:1:orders").unwrap(),
            scope: Scope::new("main").unwrap(),
            wrapping: Wrapping::None,
            pointer: pointer.map(|text| Pointer::parse(text).unwrap()),
        }
    }

    fn envelope(body: &str, attributes: &[(&str, &str)]) -> Envelope {
        let record = Record {
            receipt_handle: Some("handle".to_owned()),
            body: Some(body.to_owned()),
            system: [("SentTimestamp".to_owned(), "5".to_owned())].into(),
            attributes: attributes.iter().map(|(k, v)| ((*k).to_owned(), Attribute::text(*v))).collect(),
            ..Record::default()
        };
        Envelope::read(MessageId::new("m-1").unwrap(), record).unwrap()
    }

    fn code(body: &str, attributes: &[(&str, &str)], pointer: Option<&str>) -> String {
        let reading = reading(pointer);
        match Inspected::new(envelope(body, attributes), &reading).decode::<Order>(&reading) {
            Ok(message) => format!("key {}", message.key.as_str()),
            Err(malformed) => {
                assert_eq!(malformed.fault.class, Class::Schema);
                malformed.fault.code.into_owned()
            }
        }
    }

    #[test]
    fn bodies_that_cannot_be_read_are_schema_faults_named_by_their_kind() {
        let pointer = Some("/order_id");
        for (body, expected) in [
            ("not json", "not-json"),
            ("", "not-json"),
            ("null", "no-key"),
            ("17", "no-key"),
            (r#"{"amount":3}"#, "no-key"),
            (r#"{"order_id":"","amount":3}"#, "no-key"),
            (r#"{"order_id":"o-1","amount":"three"}"#, "decode"),
            (r#"{"order_id":"o-1"}"#, "decode"),
            (r#"{"order_id":"o-1","amount":3}"#, "key o-1"),
        ] {
            assert_eq!(code(body, &[], pointer), expected, "{body}");
        }
        let huge = format!(r#"{{"order_id":"{}","amount":3}}"#, "k".repeat(10_240));
        assert_eq!(code(&huge, &[], pointer), "no-key");
    }

    #[test]
    fn what_sns_writes_around_an_order_changes_neither_its_key_nor_its_hash() {
        let wrapped = Reading { wrapping: Wrapping::Sns, ..reading(Some("/order_id")) };
        let seen = |message_id: &str| {
            let order = r#"{"order_id":"o-1","amount":3}"#;
            let body = serde_json::json!({"Type": "Notification", "MessageId": message_id, "Message": order});
            Inspected::new(envelope(&body.to_string(), &[]), &wrapped)
        };
        let (first, again) = (seen("x"), seen("y"));
        assert_eq!((first.hash.clone(), first.key.clone()), (again.hash, again.key));
        assert_eq!(first.decode::<Order>(&wrapped).unwrap().payload.amount, 3);
    }

    #[test]
    fn the_key_is_the_attribute_else_the_pointer_else_the_message_id() {
        let body = r#"{"order_id":"o-1","amount":3}"#;
        assert_eq!(code(body, &[("idempotency-key", "k-9")], Some("/order_id")), "key k-9");
        assert_eq!(code(body, &[("idempotency-key", "")], Some("/order_id")), "no-key");
        assert_eq!(code(body, &[], Some("/order_id")), "key o-1");
        assert_eq!(code(body, &[], None), "key m-1");
        let unstable = Inspected::new(envelope(body, &[]), &reading(None));
        assert!(!unstable.key_is_stable);
    }

    #[test]
    fn a_replay_keeps_an_unstable_key_and_a_forged_one_is_ignored() {
        let body = r#"{"order_id":"o-1","amount":3}"#;
        let reading = reading(None);
        let origin = MessageId::new("m-0").unwrap();
        let mut sent = Redrive {
            letter: LetterId::derive(&reading.source, &origin),
            number: Number(1),
            key: Key::new("m-0").ok(),
            scope: reading.scope.clone(),
            origin,
            sent_at: Timestamp::from_millis(1),
        };
        assert_eq!(code(body, &[("redrive", &sent.encode())], None), "key m-0");
        // The body has another key than the attribute claims: not a send of that letter.
        let with_pointer = super::tests::reading(Some("/order_id"));
        let seen = Inspected::new(envelope(body, &[("redrive", &sent.encode())]), &with_pointer);
        assert_eq!((seen.send(), seen.key.unwrap().as_str()), (None, "o-1"));
        sent.origin = MessageId::new("m-x").unwrap();
        assert_eq!(code(body, &[("redrive", &sent.encode())], None), "key m-1");
    }

    #[derive(Debug)]
    struct Explosive;

    impl<'de> Deserialize<'de> for Explosive {
        fn deserialize<D: serde::Deserializer<'de>>(_: D) -> Result<Self, D::Error> {
            std::panic::resume_unwind(Box::new("SECRET"))
        }
    }

    #[test]
    fn a_panic_while_decoding_is_the_records_own_fault() {
        let reading = reading(None);
        let malformed = Inspected::new(envelope("{}", &[]), &reading).decode::<Explosive>(&reading).unwrap_err();
        assert_eq!((malformed.fault.class, &*malformed.fault.code), (Class::Schema, "decode"));
        assert!(malformed.fault.text.contains("panicked") && !malformed.fault.text.contains("SECRET"));
    }

    #[test]
    fn what_stands_in_the_body_cannot_pass_for_what_was_expected() {
        let sly = "unknown field `x`, expected SECRET`, there are no fields";
        assert_eq!(without_data(sly), "unknown field, there are no fields");
        let sly = "unknown variant `x`, there are no variants, expected SECRET`, expected one of `a`, `b`";
        assert_eq!(without_data(sly), "unknown variant, expected one of `a`, `b`");
    }

    #[test]
    fn decoding_errors_never_quote_the_body() {
        for body in [
            r#"{"order_id":"o-1","amount":"SECRET"}"#,
            r#"{"order_id":"o-1","amount":-77777}"#,
            r#"{"order_id":{"SECRET":1},"amount":1}"#,
            r#"{"order_id":"o-1","amount":"late, expected by SECRET at 12 Elm St"}"#,
        ] {
            let reading = reading(None);
            let malformed = Inspected::new(envelope(body, &[]), &reading).decode::<Order>(&reading).unwrap_err();
            let text = malformed.fault.text;
            assert!(!text.contains("SECRET") && !text.contains("77777"), "{text}");
            assert!(text.contains("expected"), "{text}");
        }
    }
}
