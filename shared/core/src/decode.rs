//! From an envelope to a message that may be claimed, or to the reason why it never will be.

use std::panic::{AssertUnwindSafe, catch_unwind};

use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::envelope::{Attributes, Envelope};
use crate::fault::Fault;
use crate::hashing::Hashing;
use crate::ids::{Life, QueueArn, Scope, SendId};
use crate::key::{self, Key, LedgerKey, NoKey, PayloadHash, Pointer};
use crate::message_type::{Kind, MessageTypes, NoType};
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
    /// The types of its messages, where it has more than one; each has a scope of its own.
    pub types: Option<MessageTypes>,
    /// What of a payload is hashed.
    pub hashing: Hashing,
}

impl Reading {
    /// Bodies as the producer wrote them, of one type, hashed whole; the key is the message id, or the attribute.
    #[must_use]
    pub const fn new(source: QueueArn, scope: Scope) -> Self {
        Self { source, scope, wrapping: Wrapping::None, pointer: None, types: None, hashing: Hashing::Canonical }
    }

    /// Whether the ledger's scope is one that is configured here.
    #[must_use]
    pub fn has(&self, scope: &Scope) -> bool {
        self.types.as_ref().map_or(*scope == self.scope, |types| types.has(scope))
    }

    /// Every scope of the ledger that its messages' keys may be in.
    #[must_use]
    pub fn scopes(&self) -> Vec<&Scope> {
        self.types.as_ref().map_or_else(|| vec![&self.scope], |types| types.scopes().collect())
    }

    /// What a message is whose body and attributes are these, and the key that it brings: `None` if it brings none and
    /// none is asked of it.
    pub fn identify(&self, body: &str, attributes: &Attributes) -> (Result<Kind, NoType>, Option<Result<Key, NoKey>>) {
        let content = self.wrapping.open(body).ok();
        (self.kind_of(content.as_ref(), attributes), key_in(content.as_ref(), attributes, self))
    }

    /// What the producer wrote, if it can be read.
    #[must_use]
    pub fn content_of(&self, body: &str) -> Option<Value> {
        self.wrapping.open(body).ok().map(|content| content.value)
    }

    /// The whole payload's hash, whatever is configured to be hashed.
    #[must_use]
    pub fn fingerprint_of(&self, body: &str) -> PayloadHash {
        self.wrapping
            .open(body)
            .map_or_else(|_| PayloadHash::of_text(body), |content| PayloadHash::of_json(&content.value))
    }

    fn kind_of(&self, content: Option<&Content>, attributes: &Attributes) -> Result<Kind, NoType> {
        match &self.types {
            Some(types) => types.of(content, attributes),
            None => Ok(Kind { name: None, scope: self.scope.clone() }),
        }
    }
}

/// What can be known of a message without its type.
#[derive(Debug, Clone)]
pub struct Inspected {
    /// As it came.
    pub envelope: Envelope,
    /// What the producer wrote, unwrapped, or why it cannot be read.
    pub json: Result<Value, Unread>,
    /// Its type and scope, or why they are not known.
    pub kind: Result<Kind, NoType>,
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
            Ok(content) => reading.hashing.of(&content.value),
            Err(_) => PayloadHash::of_text(&envelope.body),
        };
        let kind = reading.kind_of(content.as_ref().ok(), &envelope.attributes);
        let own = key_in(content.as_ref().ok(), &envelope.attributes, reading);
        let carried = attribute(&envelope, redrive::ATTRIBUTE).and_then(|text| Redrive::decode(text, &reading.source));
        let redrive = carried.filter(|redrive| {
            let its_scope =
                kind.as_ref().map_or_else(|_| reading.has(&redrive.scope), |own| own.scope == redrive.scope);
            its_scope && !matches!(&own, Some(Ok(key)) if redrive.key.as_ref() != Some(key))
        });
        let carried_key = redrive.as_ref().and_then(|redrive| redrive.key.clone());
        let key_is_stable = own.is_some();
        let key = match (own, carried_key) {
            (Some(Ok(key)), _) | (Some(Err(NoKey::Unresolved)) | None, Some(key)) => Ok(key),
            (Some(Err(error)), _) => Err(error),
            (None, None) => Key::new(envelope.message_id.as_str()),
        };
        let json = content.map(|content| content.value);
        Self { envelope, json, kind, key, key_is_stable, hash, redrive }
    }

    /// Which send of which letter this is, if it is one.
    #[must_use]
    pub fn send(&self) -> Option<SendId> {
        self.redrive.as_ref().and_then(Redrive::send)
    }

    /// The entry of its key: `None` if it has no key, or no scope that it could be owned in.
    #[must_use]
    pub fn owned(&self) -> Option<LedgerKey> {
        let (kind, key) = (self.kind.as_ref().ok()?, self.key.as_ref().ok()?);
        Some(LedgerKey::owned(&kind.scope, key))
    }

    /// Where the outcome is recorded if this message owns no key.
    #[must_use]
    pub fn ownerless(&self) -> LedgerKey {
        LedgerKey::ownerless(self.send(), &self.envelope.life())
    }

    /// Decodes the body with `decode`, which is given the message's type.
    ///
    /// # Errors
    /// A SCHEMA fault (`not-json`, `no-type`, `no-key`, `decode`, ...): the handler never runs for it.
    pub fn decode<P>(
        mut self,
        decode: impl FnOnce(Option<&str>, &Value) -> Result<P, Fault>,
    ) -> Result<Message<P>, Box<Malformed>> {
        let decoded = match (&self.json, &self.kind, &self.key) {
            (Err(unread), ..) => Err(Fault::schema(unread.code, &unread.text)),
            (_, Err(reason), _) => Err(Fault::schema(reason.code(), reason)),
            (.., Err(reason)) => Err(Fault::schema("no-key", reason)),
            (Ok(body), Ok(kind), Ok(key)) => decode(kind.name.as_deref(), body)
                .map(|payload| (payload, key.clone(), LedgerKey::owned(&kind.scope, key))),
        };
        match decoded {
            Ok((payload, key, entry)) => {
                // The tree of a body is larger than the body, and has done its work.
                self.json = Ok(Value::Null);
                Ok(Message { payload, key, entry, inspected: self })
            }
            Err(fault) => Err(Box::new(Malformed { fault, inspected: self })),
        }
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

/// A body as a handler's type. The user's own decoding may panic; its panic is this record's, not the batch's.
pub(crate) fn typed<M: DeserializeOwned>(body: &Value) -> Result<M, Fault> {
    let text = match catch_unwind(AssertUnwindSafe(|| M::deserialize(body))) {
        Ok(Ok(payload)) => return Ok(payload),
        Ok(Err(error)) => without_data(&error.to_string()),
        Err(_) => "decoding the body panicked; the place is in the function's log".to_owned(),
    };
    Err(Fault::schema("decode", text))
}

fn key_in(content: Option<&Content>, attributes: &Attributes, reading: &Reading) -> Option<Result<Key, NoKey>> {
    if let Some(attribute) = attributes.get(key::ATTRIBUTE) {
        return Some(attribute.as_text().map_or(Err(NoKey::NotText), Key::new));
    }
    if let Some(key) = content.and_then(|content| content.attribute(key::ATTRIBUTE)) {
        return Some(Key::new(key));
    }
    reading.pointer.as_ref().map(|pointer| pointer.resolve(content.map(|content| &content.value)))
}

fn attribute<'a>(envelope: &'a Envelope, name: &str) -> Option<&'a str> {
    envelope.attributes.get(name).and_then(|attribute| attribute.as_text())
}

/// A decoding error's text without anything that stood in the body: serde quotes values and unknown names.
#[must_use]
pub fn without_data(text: &str) -> String {
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
        _ => "it does not have the shape that is expected".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::envelope::{Attribute, Record};
    use crate::fault::Class;
    use crate::ids::{LetterId, MessageId, Number};
    use crate::message_type::TypeAt;
    use crate::time::Timestamp;
    use serde::Deserialize;

    #[derive(Debug, Deserialize)]
    #[expect(dead_code, reason = "only its shape matters")]
    struct Order {
        order_id: String,
        amount: u32,
    }

    fn reading(pointer: Option<&str>) -> Reading {
        let source = QueueArn::new("arn:aws:sqs:us-east-1:1:orders").unwrap();
        let pointer = pointer.map(|text| Pointer::parse(text).unwrap());
        Reading { pointer, ..Reading::new(source, Scope::new("main").unwrap()) }
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
        match Inspected::new(envelope(body, attributes), &reading).decode(|_, body| typed::<Order>(body)) {
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
        assert_eq!(first.decode(|_, body| typed::<Order>(body)).unwrap().payload.amount, 3);
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
            died: None,
        };
        assert_eq!(code(body, &[("redrive", &sent.encode())], None), "key m-0");
        // The body has another key than the attribute claims: not a send of that letter.
        let with_pointer = super::tests::reading(Some("/order_id"));
        let seen = Inspected::new(envelope(body, &[("redrive", &sent.encode())]), &with_pointer);
        assert_eq!((seen.send(), seen.key.unwrap().as_str()), (None, "o-1"));
        sent.origin = MessageId::new("m-x").unwrap();
        assert_eq!(code(body, &[("redrive", &sent.encode())], None), "key m-1");
    }

    #[test]
    fn a_type_of_its_own_is_a_scope_of_its_own_and_a_replay_is_only_its_own_types() {
        let at = TypeAt::Attribute("type".to_owned());
        let plain = reading(Some("/order_id"));
        let types = MessageTypes::new(at, &plain.scope, ["charge", "refund"]).unwrap();
        let reading = Reading { types: Some(types), ..plain };
        let body = r#"{"order_id":"o-1","amount":3}"#;
        let seen = |attributes: &[(&str, &str)]| Inspected::new(envelope(body, attributes), &reading);
        let entry = |name: &str| seen(&[("type", name)]).owned().unwrap();
        assert_ne!(entry("charge"), entry("refund"));
        assert_eq!(seen(&[]).owned(), None);
        let malformed = seen(&[("type", "SECRET")]).decode(|_, body| typed::<Order>(body)).unwrap_err();
        assert_eq!(malformed.fault.code, "unknown-type");
        assert!(!malformed.fault.text.contains("SECRET"));

        let origin = MessageId::new("m-0").unwrap();
        let sent = |scope: &str| {
            let redrive = Redrive {
                letter: LetterId::derive(&reading.source, &origin),
                number: Number(1),
                key: Key::new("o-1").ok(),
                scope: Scope::new(scope).unwrap(),
                origin: origin.clone(),
                sent_at: Timestamp::from_millis(1),
                died: None,
            };
            seen(&[("type", "charge"), ("redrive", &redrive.encode())]).send().is_some()
        };
        assert_eq!(["main.charge", "main.refund", "main"].map(sent), [true, false, false]);
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
        let malformed =
            Inspected::new(envelope("{}", &[]), &reading).decode(|_, body| typed::<Explosive>(body)).unwrap_err();
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
            let malformed =
                Inspected::new(envelope(body, &[]), &reading).decode(|_, body| typed::<Order>(body)).unwrap_err();
            let text = malformed.fault.text;
            assert!(!text.contains("SECRET") && !text.contains("77777"), "{text}");
            assert!(text.contains("expected"), "{text}");
        }
    }
}
