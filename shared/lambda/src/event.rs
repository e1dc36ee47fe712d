//! A batch as Lambda's event source mapping sends it.
//!
//! Read by hand and tolerantly: a typed event would fail the whole batch for one field of one record. Here a record
//! keeps whatever can be read of it, and core decides what that is good for.

use base64::Engine;
use base64::engine::general_purpose::STANDARD as BASE64;
use redrive_core::ids::QueueArn;
use redrive_core::message::envelope::{Attribute, AttributeValue, Attributes, Record};
use redrive_core::{message::key, message::redrive};
use serde_json::{Map, Value};
use thiserror::Error;
use tracing::warn;

/// The event is no batch of this function's queue. The invocation fails, and Lambda deletes nothing.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum NotABatch {
    /// The event has no list of records.
    #[error(
        "event is not understood: it has no list \"Records\"; expected an SQS event, as Lambda's event source mapping \
         sends it"
    )]
    NoRecords,
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
pub fn records(mut event: Value, source: &QueueArn) -> Result<Vec<Record>, NotABatch> {
    let Some(Value::Array(list)) = event.get_mut("Records").map(Value::take) else {
        return Err(NotABatch::NoRecords);
    };
    list.into_iter().enumerate().map(|(index, value)| record(index, value, source)).collect()
}

fn record(index: usize, value: Value, source: &QueueArn) -> Result<Record, NotABatch> {
    let Value::Object(mut fields) = value else { return Ok(Record::default()) };
    if let Some(Value::String(from)) = fields.remove("eventSourceARN")
        && from != source.as_str()
    {
        return Err(NotABatch::OtherQueue { index, expected: source.clone() });
    }
    let message_id = name(fields.remove("messageId"));
    let mut receipt_handle = name(fields.remove("receiptHandle"));
    let attributes = attributes(object(fields.remove("messageAttributes"))).unwrap_or_else(|attribute| {
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
    let system = object(fields.remove("attributes"));
    Ok(Record {
        message_id,
        receipt_handle,
        body: fields.remove("body").and_then(text),
        system: system.into_iter().filter_map(|(name, value)| Some((name, text(value)?))).collect(),
        attributes,
    })
}

/// Attributes by name, or the name of the first that cannot be read.
fn attributes(map: Map<String, Value>) -> Result<Attributes, String> {
    map.into_iter()
        .map(|(name, value)| match attribute(object(Some(value))) {
            Some(attribute) => Ok((name, attribute)),
            None => Err(name),
        })
        .collect()
}

fn attribute(mut fields: Map<String, Value>) -> Option<Attribute> {
    let data_type = fields.remove("dataType").and_then(text);
    let string = fields.remove("stringValue").and_then(text);
    let binary = fields.remove("binaryValue").and_then(text);
    let is_binary = match &data_type {
        Some(data_type) => data_type.starts_with("Binary"),
        None => string.is_none(),
    };
    let value =
        if is_binary { AttributeValue::Binary(BASE64.decode(binary?).ok()?) } else { AttributeValue::Text(string?) };
    let data_type = data_type.unwrap_or_else(|| if is_binary { "Binary" } else { "String" }.to_owned());
    Some(Attribute { data_type, value })
}

fn object(value: Option<Value>) -> Map<String, Value> {
    match value {
        Some(Value::Object(map)) => map,
        _ => Map::new(),
    }
}

/// An id or a handle: text, or nothing. Another type's text would not be what Lambda knows the message by.
fn name(value: Option<Value>) -> Option<String> {
    match value {
        Some(Value::String(text)) => Some(text),
        _ => None,
    }
}

/// Text, or what stands where text should be, as text.
fn text(value: Value) -> Option<String> {
    match value {
        Value::Null => None,
        Value::String(text) => Some(text),
        other => Some(other.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use redrive_core::message::batch::{Batch, NoMessageId};
    use serde_json::json;

    use super::*;

    fn queue() -> QueueArn {
        QueueArn::new("arn:aws:sqs:us-east-1:1:orders").unwrap()
    }

    fn read(event: Value) -> Vec<Record> {
        records(event, &queue()).unwrap()
    }

    fn whole(id: &str) -> Value {
        json!({"messageId": id, "receiptHandle": "h", "body": "{}", "attributes": {"SentTimestamp": "5"}})
    }

    #[test]
    fn no_list_of_records_is_an_error_that_says_what_was_expected() {
        for event in [json!(null), json!(7), json!([]), json!({}), json!({"Records": null}), json!({"Records": {}})] {
            let error = records(event.clone(), &queue()).unwrap_err();
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
        let error = records(json!({"Records": [whole("m-0"), foreign]}), &queue()).unwrap_err().to_string();
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
    fn a_message_whose_attribute_cannot_be_read_is_returned_and_never_run_without_it() {
        for broken in [json!({"binaryValue": "!", "dataType": "Binary"}), json!({"dataType": "String"}), json!(7)] {
            let mut record = whole("m-1");
            record["messageAttributes"] = json!({"idempotency-key": broken});
            let batch = Batch::open(read(json!({"Records": [record, whole("m-2")]}))).unwrap();
            assert_eq!((batch.unreadable.len(), batch.envelopes.len()), (1, 1), "{broken}");
        }
    }
}
