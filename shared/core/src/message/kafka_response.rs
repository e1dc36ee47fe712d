//! Answer to Lambda's event source mapping of Kafka: the records that are not done.

use serde::Serialize;

use crate::ids::MessageId;
use crate::message::broker_record::KafkaPosition;

/// Partial batch response of a Kafka function. An identifier is an object, and not a text as SQS's is:
/// `{"partition": "orders-0", "offset": 15}` (aws-powertools/powertools-lambda-python, `utilities/batch`, `_collect_kafka_failures`).
///
/// Every record that is not done is named, those behind a failed one of their partition as well. So the answer is right whether
/// Lambda delivers again only what is named, or everything from the lowest offset on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Default)]
#[serde(rename_all = "camelCase")]
pub struct KafkaResponse {
    batch_item_failures: Vec<RecordFailure>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
struct RecordFailure {
    item_identifier: RecordIdentifier,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
struct RecordIdentifier {
    partition: String,
    offset: i64,
}

impl KafkaResponse {
    /// Names the records that are not done, in the order of their places. `None` if an id is no record's place: then the whole
    /// invocation must fail.
    #[must_use]
    pub fn returning<'a>(ids: impl IntoIterator<Item = &'a MessageId>) -> Option<Self> {
        let mut positions = ids.into_iter().map(|id| KafkaPosition::parse(id.as_str())).collect::<Option<Vec<_>>>()?;
        positions.sort();
        let failure = |position: KafkaPosition| {
            let item_identifier = RecordIdentifier { partition: position.topic_partition(), offset: position.offset };
            RecordFailure { item_identifier }
        };
        Some(Self { batch_item_failures: positions.into_iter().map(failure).collect() })
    }

    /// Partition, as Lambda names it, and offset of each record that is not done.
    pub fn returned(&self) -> impl Iterator<Item = (&str, i64)> {
        self.batch_item_failures.iter().map(|RecordFailure { item_identifier: id }| (id.partition.as_str(), id.offset))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_identifier_is_an_object_and_places_come_in_their_order() {
        let ids = ["orders-1@7", "orders-0@15", "orders-0@9"].map(|id| MessageId::new(id).unwrap());
        let json = serde_json::to_string(&KafkaResponse::returning(&ids).unwrap()).unwrap();
        let expected = concat!(
            r#"{"batchItemFailures":[{"itemIdentifier":{"partition":"orders-0","offset":9}},"#,
            r#"{"itemIdentifier":{"partition":"orders-0","offset":15}},"#,
            r#"{"itemIdentifier":{"partition":"orders-1","offset":7}}]}"#
        );
        assert_eq!(json, expected);
        assert_eq!(serde_json::to_string(&KafkaResponse::default()).unwrap(), r#"{"batchItemFailures":[]}"#);
        assert_eq!(KafkaResponse::returning(&[MessageId::new("m-1").unwrap()]), None);
    }
}
