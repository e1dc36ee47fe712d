use super::*;
use crate::fault::Class;
use crate::ids::{LetterId, MessageId, ReplayNumber};
use crate::message::envelope::{Attribute, Record};
use crate::message::message_type::TypeAt;
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
    let deep = format!("{}{}", "[".repeat(128), "]".repeat(128));
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
        (r#"{"order_id":" ","amount":3}"#, "no-key"),
        (r#"{"order_id":"o-1","amount":1,"amount":3}"#, "name-twice"),
        (r#""{\"order_id\":\"o-1\",\"amount\":3}""#, "encoded-twice"),
        ("\u{feff}{}", "byte-order-mark"),
        (r#"{"order_id":"\ud800"}"#, "lone-surrogate"),
        (deep.as_str(), "nested-too-deep"),
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
fn a_message_whose_claim_was_taken_back_is_decoded_again_from_what_was_seen_of_it() {
    let wrapped = Reading { wrapping: Wrapping::Sns, ..reading(Some("/order_id")) };
    let order = r#"{"order_id":"o-1","amount":3}"#;
    let around = serde_json::json!({"Type": "Notification", "MessageId": "x", "Message": order}).to_string();
    for (body, reading) in [(order, &reading(Some("/order_id"))), (&around, &wrapped)] {
        let seen = Inspected::new(envelope(body, &[]), reading).without_tree();
        let first = seen.decode(|_, content| typed::<Order>(content)).unwrap();
        let again = first.inspected.clone().decode(|_, content| typed::<Order>(content)).unwrap();
        assert_eq!((again.payload.amount, &again.entry, again.inspected.hash), (3, &first.entry, first.inspected.hash));
    }
}

#[test]
fn the_key_is_the_attribute_else_the_pointer_else_the_message_id() {
    let body = r#"{"order_id":"o-1","amount":3}"#;
    let by = |key_from, attribute: &str| {
        let reading = Reading { key_from, ..reading(Some("/order_id")) };
        let seen = Inspected::new(envelope(body, &[("idempotency-key", attribute)]), &reading);
        seen.key.map_or_else(|why| why.to_string(), String::from)
    };
    assert_eq!(by(KeyFrom::Attribute, "k-9"), "k-9");
    assert_eq!(by(KeyFrom::Pointer, "k-9"), "o-1");
    assert_eq!(by(KeyFrom::Both, "o-1"), "o-1");
    let different = "attribute idempotency-key and the configured key pointer lead to different keys";
    assert_eq!(by(KeyFrom::default(), "k-9"), different, "a squatted key is never taken unless it is asked for");
    assert_eq!(code(body, &[("idempotency-key", "k-9")], Some("/order_id")), "no-key");
    assert_eq!(code(body, &[("idempotency-key", "")], Some("/order_id")), "no-key");
    assert_eq!(code(body, &[("idempotency-key", "k-9")], None), "key k-9");
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
        number: ReplayNumber(1),
        key: Key::new("m-0").ok(),
        scope: reading.scope.clone(),
        origin,
        sent_at: Timestamp::from_millis(1),
        died: None,
        trace: None,
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
            number: ReplayNumber(1),
            key: Key::new("o-1").ok(),
            scope: Scope::new(scope).unwrap(),
            origin: origin.clone(),
            sent_at: Timestamp::from_millis(1),
            died: None,
            trace: None,
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

#[test]
fn a_name_that_stands_twice_is_told_if_it_is_configured_and_the_last_value_counts_where_that_is_allowed() {
    let body = r#"{"order_id":"o-1","SECRET":1,"amount":1,"amount":3,"SECRET":2}"#;
    let told = |body: &str| {
        let malformed = Inspected::new(envelope(body, &[]), &reading(Some("/order_id")));
        malformed.decode(|_, content| typed::<Order>(content)).unwrap_err().fault.text
    };
    let place = "twice (again at line 1, column 50), and readers may take either value";
    assert_eq!(told(body), format!("body has a name {place}"));
    assert!(told(r#"{"order_id":"a","order_id":"b"}"#).starts_with(r#"body has the name "order_id" twice"#));
    let lenient = Reading { names_twice: NamesTwice::Last, ..reading(Some("/order_id")) };
    let read = Inspected::new(envelope(body, &[]), &lenient).decode(|_, content| typed::<Order>(content));
    assert_eq!(read.unwrap().payload.amount, 3);
    // The key and the hash stay what they were, so that what is done is known as done.
    let strict = Inspected::new(envelope(body, &[]), &reading(Some("/order_id")));
    assert_eq!(strict.key.unwrap().as_str(), "o-1");
    assert!(
        strict.hash.is_same(&PayloadHash::of_json(&r#"{"SECRET":2,"amount":3,"order_id":"o-1"}"#.parse().unwrap()))
    );
}

#[test]
fn a_json_string_that_contains_json_is_named_with_and_without_a_key_pointer() {
    let body = r#""{\"order_id\":\"SECRET\"}""#;
    for pointer in [None, Some("/order_id")] {
        let seen = Inspected::new(envelope(body, &[]), &reading(pointer)).without_tree();
        let fault = seen.decode(|_, content| typed::<Order>(content)).unwrap_err().fault;
        assert_eq!(&*fault.code, "encoded-twice");
        assert!(fault.text.contains("a JSON string that contains JSON") && !fault.text.contains("SECRET"));
    }
    // Whoever takes a string takes this one, too.
    let seen = Inspected::new(envelope(body, &[]), &reading(None));
    assert!(seen.decode(|_, content| typed::<String>(content)).is_ok());
}

#[derive(Debug, Deserialize)]
#[expect(dead_code, reason = "only its shape matters")]
struct Cart {
    id: String,
    items: Vec<Item>,
    prices: std::collections::BTreeMap<String, u32>,
}

#[derive(Debug, Deserialize)]
#[expect(dead_code, reason = "only its shape matters")]
struct Item {
    sku: u32,
}

#[test]
fn a_mismatch_is_told_with_its_field_and_never_with_a_name_or_value_of_the_body() {
    for (body, text) in [
        (r#"{"id":"c","items":[]}"#, "missing field `prices`"),
        (r#"{"items":[],"prices":{},"id":7}"#, "id: invalid type: integer, expected a string"),
        (
            r#"{"id":"c", "items":[{"sku":1}, {"sku":"SECRET"}],"prices":{}}"#,
            "items: invalid type: string, expected u32",
        ),
        (r#"{"id":"c","items":[{"SECRET":1}],"prices":{}}"#, "items: missing field `sku`"),
        ("{\"id\":\"c\",\n\"items\":[],\"prices\":{\"SECRET\":-1}}", "prices: invalid value: integer, expected u32"),
        (r#"{"id":"c","items":{"SECRET":1},"prices":{}}"#, "items: invalid type: map, expected a sequence"),
        ("[1]", "invalid type: integer, expected a string"),
    ] {
        let fault = typed::<Cart>(body).unwrap_err();
        assert_eq!(fault.text, text, "{body}");
    }
}
