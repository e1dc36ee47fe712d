//! Record that Lambda's event source mapping writes into a dead letter topic: failure and record in one JSON object.
//!
//! Lambda Developer Guide, "Record format for a Kafka destination". For SQS and SNS the same comes without `payload`; then nothing
//! but the place is told, and [`ServiceRecord`](crate::message::foreign::ServiceRecord) reads it.

use serde::Deserialize;
use serde_json::Value;

use super::headers::{position, text};
use super::{DeathAuthor, StatedDeath};

/// A record that Lambda gave up, with what it says of the failure.
#[derive(Debug, Clone, PartialEq)]
pub struct FailedRecord {
    /// Statement of the mapping.
    pub death: StatedDeath,
    /// The event of Lambda around the one record, to be read as an event is.
    pub event: Value,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct MappingFailure {
    request_context: MappingContext,
    #[serde(rename = "KafkaBatchInfo")]
    batch: Value,
    payload: Value,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct MappingContext {
    condition: String,
    #[serde(default)]
    function_arn: String,
    #[serde(default)]
    approximate_invoke_count: Value,
}

/// Reads the value of a record in a dead letter topic, if Lambda wrote it around exactly one record. `None` for anything else.
#[must_use]
pub fn failed_record(value: &[u8]) -> Option<FailedRecord> {
    let MappingFailure { request_context, batch, payload } = serde_json::from_slice(value).ok()?;
    batch.as_object()?;
    let records = payload.get("records")?.as_object()?;
    let mut all = records.values().filter_map(Value::as_array).flatten();
    let (Some(record), None) = (all.next(), all.next()) else { return None };
    let number = |name: &str| record.get(name).and_then(Value::as_u64);
    let topic = record.get("topic").and_then(Value::as_str);
    let death = StatedDeath {
        origin: position(topic.map(str::as_bytes), number("partition"), number("offset")),
        class: text(request_context.condition.as_bytes()),
        attempts: request_context.approximate_invoke_count.as_u64(),
        consumer: text(request_context.function_arn.as_bytes()),
        ..StatedDeath::by(DeathAuthor::Lambda)
    };
    Some(FailedRecord { death, event: payload })
}
