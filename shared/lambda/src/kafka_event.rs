//! A batch of Kafka records as Lambda's event source mapping sends it, of MSK and of self-managed Kafka alike.
//!
//! Read by hand and tolerantly, as [`event`](crate::event) reads SQS's: a type would refuse a whole batch, and so block its
//! partitions, for one header of one record. Only a record without a place is an error: nothing could be answered for it.

use base64::Engine;
use base64::engine::general_purpose::STANDARD as BASE64;
use redrive_core::message::broker_record::{KafkaHeader, KafkaPosition, KafkaRecord, TimestampType};
use redrive_core::time::Timestamp;
use serde_json::{Map, Value};
use thiserror::Error;

/// The event is no batch of this function's topics. The invocation fails, and Lambda commits nothing.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum NotAKafkaBatch {
    /// The event has no lists of records.
    #[error(
        "event is not understood: it has no object \"records\"; expected a Kafka event, as Lambda's event source mapping \
         sends it"
    )]
    NoRecords,
    /// A record does not say where it stands, so that nobody could say what became of it.
    #[error("record {0} has no topic, partition or offset; the invocation fails so that nothing is committed")]
    NoPosition(usize),
    /// The records are another topic's. What the event says is not quoted.
    #[error("record {0} is of a topic that is not configured: see the function's event source mappings")]
    OtherTopic(usize),
}

/// The records of an event, each partition's in their order. `topics`: those that the function takes.
///
/// # Errors
/// [`NotAKafkaBatch`].
pub fn kafka_records(mut event: Value, topics: &[&str]) -> Result<Vec<KafkaRecord>, NotAKafkaBatch> {
    let Some(Value::Object(partitions)) = event.get_mut("records").map(Value::take) else {
        return Err(NotAKafkaBatch::NoRecords);
    };
    let mut records = Vec::new();
    for (partition, list) in partitions {
        let Value::Array(list) = list else { return Err(NotAKafkaBatch::NoRecords) };
        for value in list {
            let index = records.len();
            let record = record(value, &partition).ok_or(NotAKafkaBatch::NoPosition(index))?;
            if !topics.contains(&record.position.topic.as_str()) {
                return Err(NotAKafkaBatch::OtherTopic(index));
            }
            records.push(record);
        }
    }
    Ok(records)
}

/// Reads one record of the list that the event calls `topic-partition`.
fn record(value: Value, list: &str) -> Option<KafkaRecord> {
    let Value::Object(mut fields) = value else { return None };
    let (topic, partition) = list.rsplit_once('-').unzip();
    let position = KafkaPosition {
        topic: match fields.remove("topic") {
            Some(Value::String(topic)) if !topic.is_empty() => topic,
            _ => topic.filter(|topic| !topic.is_empty())?.to_owned(),
        },
        partition: match whole(fields.get("partition")) {
            Some(partition) => i32::try_from(partition).ok()?,
            None => partition?.parse().ok()?,
        },
        offset: whole(fields.get("offset"))?,
    };
    (position.partition >= 0 && position.offset >= 0).then_some(())?;
    let mut flaw = None;
    let key = bytes(fields.remove("key")).unwrap_or_else(|raw| {
        flaw = Some("key of the event's record is no base64");
        Some(raw)
    });
    let value = bytes(fields.remove("value")).unwrap_or_else(|raw| {
        flaw = Some("value of the event's record is no base64");
        Some(raw)
    });
    let headers = headers(fields.remove("headers")).unwrap_or_else(|read| {
        flaw = Some("header of the event's record is no list of bytes");
        read
    });
    let timestamp = whole(fields.get("timestamp")).and_then(|millis| u64::try_from(millis).ok());
    let timestamp_type = match fields.get("timestampType").and_then(Value::as_str) {
        Some("LOG_APPEND_TIME") => TimestampType::LogAppendTime,
        _ => TimestampType::CreateTime,
    };
    let timestamp = timestamp.map(Timestamp::from_millis);
    Some(KafkaRecord { position, timestamp, timestamp_type, key, value, headers, flaw })
}

/// A whole number, written as one or as text.
fn whole(value: Option<&Value>) -> Option<i64> {
    match value? {
        Value::Number(number) => number.as_i64(),
        Value::String(text) => text.parse().ok(),
        _ => None,
    }
}

/// Bytes of a base64 text; none of null. What is neither is handed back as it stands in the event.
fn bytes(value: Option<Value>) -> Result<Option<Vec<u8>>, Vec<u8>> {
    match value {
        None | Some(Value::Null) => Ok(None),
        Some(Value::String(text)) => BASE64.decode(&text).map(Some).map_err(|_| text.into_bytes()),
        Some(other) => Err(other.to_string().into_bytes()),
    }
}

/// Headers in their order. If one cannot be read, all that could.
fn headers(value: Option<Value>) -> Result<Vec<KafkaHeader>, Vec<KafkaHeader>> {
    let list = match value {
        None | Some(Value::Null) => return Ok(Vec::new()),
        Some(Value::Array(list)) => list,
        Some(_) => return Err(Vec::new()),
    };
    let (mut headers, mut whole) = (Vec::with_capacity(list.len()), true);
    for entry in list {
        let Value::Object(named) = entry else {
            whole = false;
            continue;
        };
        whole &= add(named, &mut headers);
    }
    if whole { Ok(headers) } else { Err(headers) }
}

/// Adds the headers of one object, which has one as a rule. Whether all of them could be read.
fn add(named: Map<String, Value>, headers: &mut Vec<KafkaHeader>) -> bool {
    let before = headers.len();
    let count = named.len();
    headers.extend(named.into_iter().filter_map(|(name, value)| {
        let value = match value {
            Value::Null => None,
            Value::Array(bytes) => Some(bytes.iter().map(byte).collect::<Option<_>>()?),
            _ => return None,
        };
        Some(KafkaHeader { name, value })
    }));
    headers.len() - before == count
}

/// A byte, signed as Java has it or unsigned.
pub(crate) fn byte(value: &Value) -> Option<u8> {
    let number = value.as_i64().filter(|number| (-128..=255).contains(number))?;
    u8::try_from(number & 0xff).ok()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn event(list: &str, records: Value) -> Value {
        json!({"eventSource": "aws:kafka", "bootstrapServers": "b:9092", "records": {list: records}})
    }

    fn read(records: Value) -> Result<Vec<KafkaRecord>, NotAKafkaBatch> {
        kafka_records(event("orders-0", records), &["orders"])
    }

    fn at(offset: i64) -> Value {
        json!({"topic": "orders", "partition": 0, "offset": offset, "value": "e30="})
    }

    #[test]
    fn an_event_without_lists_of_records_is_an_error_that_says_what_was_expected() {
        for event in
            [json!(null), json!({}), json!({"records": null}), json!({"records": []}), event("orders-0", json!({}))]
        {
            let error = kafka_records(event.clone(), &["orders"]).unwrap_err();
            assert!(error.to_string().contains("expected a Kafka event"), "{event}: {error}");
        }
        assert_eq!(kafka_records(json!({"records": {}}), &["orders"]), Ok(vec![]));
    }

    #[test]
    fn several_partitions_and_topics_come_in_one_event_each_in_its_order() {
        let other = json!([{"topic": "orders.retry", "partition": 1, "offset": 7}]);
        let event = json!({"records": {"orders.retry-1": other, "orders-0": [at(4), at(5)]}});
        let read = kafka_records(event, &["orders", "orders.retry"]).unwrap();
        let seen: Vec<_> = read.iter().map(|record| record.position.to_string()).collect();
        assert_eq!(seen, ["orders-0@4", "orders-0@5", "orders.retry-1@7"]);
    }

    #[test]
    fn a_record_of_another_topic_is_refused_without_a_word_of_it() {
        let foreign = json!({"topic": "SECRET", "partition": 0, "offset": 1});
        let error = read(json!([at(0), foreign])).unwrap_err();
        assert_eq!(error, NotAKafkaBatch::OtherTopic(1));
        assert!(!error.to_string().contains("SECRET"));
    }

    #[test]
    fn a_place_may_stand_in_the_lists_name_and_a_record_without_an_offset_fails_the_invocation() {
        assert_eq!(read(json!([{"offset": "9"}])).unwrap()[0].position.to_string(), "orders-0@9");
        for odd in [
            json!(null),
            json!(7),
            json!({}),
            json!({"offset": -1}),
            json!({"offset": 1.5}),
            json!({"offset": 1, "partition": -1}),
        ] {
            assert_eq!(read(json!([at(0), odd])).unwrap_err(), NotAKafkaBatch::NoPosition(1), "{odd}");
        }
    }

    #[test]
    fn null_and_missing_are_no_key_a_tombstone_no_headers_and_no_time() {
        for record in [
            json!({"offset": 1}),
            json!({"offset": 1, "key": null, "value": null, "headers": null, "timestamp": null}),
            json!({"offset": 1, "headers": [], "timestamp": -1, "timestampType": "NO_TIMESTAMP_TYPE"}),
        ] {
            let read = read(json!([record])).unwrap().remove(0);
            let place = KafkaPosition { topic: "orders".to_owned(), partition: 0, offset: 1 };
            assert_eq!(read, KafkaRecord::at(place));
        }
    }

    #[test]
    fn header_bytes_are_read_signed_or_not_in_their_order_with_repeats_and_nulls() {
        let record = json!({"offset": 1, "key": "/w==", "value": "", "headers": [
            {"b": [104, -1]}, {"a": [104, 255]}, {"b": []}, {"b": null},
        ]});
        let read = read(json!([record])).unwrap().remove(0);
        let header =
            |name: &str, value: Option<&[u8]>| KafkaHeader { name: name.to_owned(), value: value.map(<[u8]>::to_vec) };
        let expected =
            [header("b", Some(b"h\xff")), header("a", Some(b"h\xff")), header("b", Some(b"")), header("b", None)];
        assert_eq!((read.headers.as_slice(), read.flaw), (&expected[..], None));
        assert_eq!((read.key.as_deref(), read.value.as_deref()), (Some(&[0xff][..]), Some(&b""[..])));
    }

    #[test]
    fn what_cannot_be_read_of_a_record_is_its_flaw_and_leaves_the_rest_of_the_batch_alone() {
        for broken in [
            json!({"offset": 1, "value": "!"}),
            json!({"offset": 1, "key": 7}),
            json!({"offset": 1, "headers": [{"a": [1]}, {"b": [256]}]}),
            json!({"offset": 1, "headers": [7]}),
            json!({"offset": 1, "headers": {"a": [1]}}),
            json!({"offset": 1, "headers": [{"a": "text"}]}),
        ] {
            let read = read(json!([broken.clone(), at(2)])).unwrap();
            assert_eq!((read[0].flaw.is_some(), read[1].flaw), (true, None), "{broken}");
        }
    }
}
