//! A batch as Lambda's event source mapping sends it.
//!
//! Read by hand and tolerantly: a typed event would fail the whole batch for one field of one record. Here a record
//! keeps whatever can be read of it, and core decides what that is good for. The text is read in one pass: only what is asked for is
//! copied out of it.

mod lenient;

use std::borrow::Cow;
use std::collections::BTreeMap;

use base64::Engine;
use base64::engine::general_purpose::STANDARD as BASE64;
use redrive_core::ids::QueueArn;
use redrive_core::message::envelope::{Attribute, AttributeValue, Attributes, Record};
use redrive_core::{message::key, message::redrive};
use serde::de::MapAccess;
use thiserror::Error;
use tracing::warn;

use lenient::{AnyList, AnyObject, AsText, Leniently, TakeMembers, pass, value};

/// The event is no batch of this function's queue. The invocation fails, and Lambda deletes nothing.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum NotABatch {
    /// The event has no list of records.
    #[error(
        "event is not understood: it has no list \"Records\"; expected an SQS event, as Lambda's event source mapping \
         sends it"
    )]
    NoRecords,
    /// The event is JSON by its grammar alone, such as a text with half of a surrogate pair.
    #[error("event cannot be read at column {column} of line {line}: a text or a number there stands for nothing")]
    Unreadable {
        /// Line of the event, counted from 1.
        line: usize,
        /// Column of that line in bytes, counted from 1.
        column: usize,
    },
    /// The messages are another queue's: their visibility could not be set, and their letters would get wrong ids. What the event
    /// says is not quoted: whoever may invoke may write anything there.
    #[error(
        "record {index} came from another queue than MAIN_QUEUE_ARN, {expected}: see the function's event source mappings"
    )]
    OtherQueue {
        /// Index of the record.
        index: usize,
        /// ARN of the configured queue.
        expected: QueueArn,
    },
}

/// The records of an event, in order. Nothing about a single record is an error here; one without a message id is
/// left for [`redrive_core::message::batch::Batch::open`] to refuse.
///
/// # Errors
/// [`NotABatch`].
pub fn records(event: &str, source: &QueueArn) -> Result<Vec<Record>, NotABatch> {
    let Leniently(AnyObject(event)) = serde_json::from_str::<Leniently<AnyObject<EventMembers<'_>>>>(event)
        .map_err(|why| NotABatch::Unreadable { line: why.line(), column: why.column() })?;
    let list = event.and_then(|event| event.records.0).ok_or(NotABatch::NoRecords)?;
    list.into_iter().enumerate().map(|(index, AnyObject(fields))| record(index, fields, source)).collect()
}

#[derive(Default)]
struct EventMembers<'a> {
    records: AnyList<AnyObject<RecordMembers<'a>>>,
}

impl<'de> TakeMembers<'de> for EventMembers<'de> {
    fn take<A: MapAccess<'de>>(&mut self, name: Cow<'de, str>, object: &mut A) -> Result<(), A::Error> {
        match &*name {
            "Records" => self.records = value(object)?,
            _ => pass(object)?,
        }
        Ok(())
    }
}

/// Members of a record, as far as one of them is asked for.
#[derive(Default)]
struct RecordMembers<'a> {
    from: Option<Cow<'a, str>>,
    message_id: Option<Cow<'a, str>>,
    receipt_handle: Option<Cow<'a, str>>,
    body: AsText,
    system: AnyObject<SystemAttributes>,
    attributes: AnyObject<ReadAttributes<'a>>,
}

impl<'de> TakeMembers<'de> for RecordMembers<'de> {
    fn take<A: MapAccess<'de>>(&mut self, name: Cow<'de, str>, object: &mut A) -> Result<(), A::Error> {
        match &*name {
            "eventSourceARN" => self.from = value(object)?,
            "messageId" => self.message_id = value(object)?,
            "receiptHandle" => self.receipt_handle = value(object)?,
            "body" => self.body = value(object)?,
            "attributes" => self.system = value(object)?,
            "messageAttributes" => self.attributes = value(object)?,
            _ => pass(object)?,
        }
        Ok(())
    }
}

/// SQS's own attributes; one that is null is none.
#[derive(Default)]
struct SystemAttributes(BTreeMap<String, String>);

impl<'de> TakeMembers<'de> for SystemAttributes {
    fn take<A: MapAccess<'de>>(&mut self, name: Cow<'de, str>, object: &mut A) -> Result<(), A::Error> {
        match value(object)? {
            AsText(Some(text)) => self.0.insert(name.into_owned(), text),
            AsText(None) => self.0.remove(&*name),
        };
        Ok(())
    }
}

/// The producer's attributes by their names; `None` is one that cannot be read.
#[derive(Default)]
struct ReadAttributes<'a>(BTreeMap<Cow<'a, str>, Option<Attribute>>);

impl<'de> TakeMembers<'de> for ReadAttributes<'de> {
    fn take<A: MapAccess<'de>>(&mut self, name: Cow<'de, str>, object: &mut A) -> Result<(), A::Error> {
        let AnyObject(members) = value::<AnyObject<AttributeMembers>, _>(object)?;
        self.0.insert(name, members.and_then(attribute));
        Ok(())
    }
}

#[derive(Default)]
struct AttributeMembers {
    data_type: AsText,
    string: AsText,
    binary: AsText,
}

impl<'de> TakeMembers<'de> for AttributeMembers {
    fn take<A: MapAccess<'de>>(&mut self, name: Cow<'de, str>, object: &mut A) -> Result<(), A::Error> {
        match &*name {
            "dataType" => self.data_type = value(object)?,
            "stringValue" => self.string = value(object)?,
            "binaryValue" => self.binary = value(object)?,
            _ => pass(object)?,
        }
        Ok(())
    }
}

fn record(index: usize, fields: Option<RecordMembers<'_>>, source: &QueueArn) -> Result<Record, NotABatch> {
    let Some(fields) = fields else { return Ok(Record::default()) };
    if fields.from.is_some_and(|from| from != source.as_str()) {
        return Err(NotABatch::OtherQueue { index, expected: source.clone() });
    }
    let message_id = fields.message_id.map(Cow::into_owned);
    let mut receipt_handle = fields.receipt_handle.map(Cow::into_owned);
    let attributes = attributes(fields.attributes.0.unwrap_or_default()).unwrap_or_else(|attribute| {
        // It may be the idempotency key: without it the message could run under another one. Core leaves a record
        // without a handle as it is.
        let message_id = message_id.as_deref().unwrap_or_default();
        // A name that a producer chose may say anything.
        let ours = [key::ATTRIBUTE, redrive::ATTRIBUTE].into_iter().find(|ours| *ours == attribute);
        let attribute = ours.unwrap_or("one of the producer's own");
        warn!(message_id, attribute, "message attribute cannot be read; the message is returned as it is");
        receipt_handle = None;
        Attributes::new()
    });
    let system = fields.system.0.unwrap_or_default().0;
    Ok(Record { message_id, receipt_handle, body: fields.body.0, system, attributes })
}

/// Attributes by name, or the name of the first that cannot be read.
fn attributes(read: ReadAttributes<'_>) -> Result<Attributes, Cow<'_, str>> {
    let own = |(name, attribute)| match attribute {
        Some(attribute) => Ok((Cow::into_owned(name), attribute)),
        None => Err(name),
    };
    read.0.into_iter().map(own).collect()
}

fn attribute(members: AttributeMembers) -> Option<Attribute> {
    let AttributeMembers { data_type: AsText(data_type), string: AsText(string), binary: AsText(binary) } = members;
    let is_binary = match &data_type {
        Some(data_type) => data_type.starts_with("Binary"),
        None => string.is_none(),
    };
    let value =
        if is_binary { AttributeValue::Binary(BASE64.decode(binary?).ok()?) } else { AttributeValue::Text(string?) };
    let data_type = data_type.unwrap_or_else(|| if is_binary { "Binary" } else { "String" }.to_owned());
    Some(Attribute { data_type, value })
}

#[cfg(test)]
mod tests {
    use redrive_core::message::batch::{Batch, NoMessageId};
    use serde_json::{Value, json};

    use super::*;

    fn queue() -> QueueArn {
        QueueArn::new("arn:aws:sqs:us-east-1:1:orders").unwrap()
    }

    fn read(event: Value) -> Vec<Record> {
        records(&event.to_string(), &queue()).unwrap()
    }

    fn whole(id: &str) -> Value {
        json!({"messageId": id, "receiptHandle": "h", "body": "{}", "attributes": {"SentTimestamp": "5"}})
    }

    #[test]
    fn no_list_of_records_is_an_error_that_says_what_was_expected() {
        for event in [json!(null), json!(7), json!([]), json!({}), json!({"Records": null}), json!({"Records": {}})] {
            let error = records(&event.to_string(), &queue()).unwrap_err();
            assert!(error.to_string().contains("expected an SQS event"), "{event}: {error}");
        }
    }

    #[test]
    fn an_empty_list_is_an_empty_batch() {
        assert!(read(json!({"Records": []})).is_empty());
    }

    #[test]
    fn a_batch_of_another_queue_is_refused_by_the_names_of_its_own_and_of_no_other() {
        let mut foreign = whole("m-1");
        foreign["eventSourceARN"] = json!("arn:aws:sqs:us-east-1:1:refunds");
        let error =
            records(&json!({"Records": [whole("m-0"), foreign]}).to_string(), &queue()).unwrap_err().to_string();
        assert!(error.contains(":orders") && error.contains("record 1") && !error.contains("refunds"), "{error}");
    }

    #[test]
    fn missing_null_and_mistyped_fields_leave_the_record_and_its_batch_readable() {
        let odd = json!({
            "messageId": "m-2", "receiptHandle": "h", "body": null,
            "attributes": {"SentTimestamp": 1_763_787_600_123_u64, "ApproximateReceiveCount": 3, "SenderId": null},
            "messageAttributes": null, "md5OfBody": [], "novel": true,
        });
        let seen = read(json!({"Records": [whole("m-1"), odd, {"messageId": "m-3", "attributes": "x"}]}));
        assert_eq!(seen[1].body, None);
        assert_eq!(seen[1].system["SentTimestamp"], "1763787600123");
        assert!(!seen[1].system.contains_key("SenderId"));
        let batch = Batch::open(seen).unwrap();
        let ids: Vec<_> = batch.envelopes.iter().map(|envelope| envelope.message_id.as_str()).collect();
        assert_eq!(ids, ["m-1", "m-2"]);
        assert_eq!(batch.envelopes[1].receive_count, 3);
        assert_eq!(batch.unreadable.len(), 1);
    }

    #[test]
    fn a_body_that_is_no_text_is_read_as_the_text_it_stands_for() {
        for (body, expected) in
            [(json!(17), "17"), (json!({"a": [1]}), r#"{"a":[1]}"#), (json!("not json"), "not json")]
        {
            assert_eq!(read(json!({"Records": [{"body": body}]}))[0].body.as_deref(), Some(expected));
        }
    }

    #[test]
    fn a_record_without_an_id_is_left_for_the_batch_to_refuse() {
        for odd in [json!(null), json!(7), json!({}), json!({"messageId": null}), json!({"messageId": 7})] {
            let seen = read(json!({"Records": [whole("m-1"), odd]}));
            assert_eq!(Batch::open(seen).unwrap_err(), NoMessageId(1));
        }
    }

    #[test]
    fn attributes_come_as_they_were_sent_binary_ones_decoded() {
        let mut record = whole("m-1");
        record["messageAttributes"] = json!({
            "type": {"stringValue": "charge", "stringListValues": [], "binaryListValues": [], "dataType": "String"},
            "weight": {"stringValue": "17.50", "dataType": "Number.float"},
            "seal": {"binaryValue": "AP8Q", "stringValue": null, "dataType": "Binary.raw"},
            "untyped": {"stringValue": 9},
        });
        let attributes = read(json!({"Records": [record]})).remove(0).attributes;
        assert_eq!(attributes["type"], Attribute::text("charge"));
        assert_eq!(
            (attributes["weight"].data_type.as_str(), attributes["weight"].as_text()),
            ("Number.float", Some("17.50"))
        );
        assert_eq!(attributes["seal"].value, AttributeValue::Binary(vec![0, 255, 16]));
        assert_eq!(attributes["untyped"], Attribute::text("9"));
    }

    #[test]
    fn what_json_allows_and_nobody_can_read_fails_the_batch_and_is_not_quoted() {
        for odd in [r#""SECRET \ud800""#, "1e999"] {
            let event = format!(r#"{{"Records":[{{"messageId":"m-1","body":{odd}}}]}}"#);
            let error = records(&event, &queue()).unwrap_err();
            assert!(matches!(error, NotABatch::Unreadable { line: 1, column: 39.. }), "{error}");
            assert!(!error.to_string().contains("SECRET"));
        }
    }

    #[test]
    fn of_a_name_that_stands_twice_the_last_counts_and_an_escaped_name_is_the_same_name() {
        let event = r#"{"Records":[],"Records":[{"messageId":"m-0","message\u0049d":"m-1","body":"a","body":"b",
            "attributes":{"SentTimestamp":"4"},"attributes":{"SentTimestamp":"5","SentTimestamp":"6","Gone":"1","Gone":null},
            "messageAttributes":{"own":7,"own":{"stringValue":"x"}}}]}"#;
        let record = records(event, &queue()).unwrap().remove(0);
        assert_eq!((record.message_id.as_deref(), record.body.as_deref()), (Some("m-1"), Some("b")));
        assert_eq!(record.system, [("SentTimestamp".to_owned(), "6".to_owned())].into());
        assert_eq!(record.attributes["own"], Attribute::text("x"));
    }

    #[test]
    fn a_message_whose_attribute_cannot_be_read_is_returned_and_never_run_without_it() {
        for broken in [json!({"binaryValue": "!", "dataType": "Binary"}), json!({"dataType": "String"}), json!(7)] {
            let mut record = whole("m-1");
            record["messageAttributes"] = json!({"idempotency-key": broken});
            let batch = Batch::open(read(json!({"Records": [record, whole("m-2")]}))).unwrap();
            assert_eq!((batch.unreadable.len(), batch.envelopes.len()), (1, 1), "{broken}");
        }
    }
}
