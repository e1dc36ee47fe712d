//! Envelopes of Kafka's and RabbitMQ's records: what the engine works on, whatever the source.
//!
//! | field | Kafka | RabbitMQ |
//! |---|---|---|
//! | `message_id` | topic, partition, offset | `message-id` and a hash of queue and body |
//! | `enqueue` | the same, undated | the same, undated |
//! | `group` | the partition, if order is kept | – |
//! | `sent_at` | the record's timestamp, for display | 0: the event tells it only as a local text |
//! | `receive_count` | 1: nobody counts | 1, or 2 if `redelivered` |

use std::sync::Arc;

use crate::hex::hex;
use crate::ids::ReceiptHandle;
use crate::message::broker_record::{AmqpValue, BrokerRecord, KafkaHeader, KafkaRecord, RabbitMessage};
use crate::message::envelope::{Attribute, AttributeValue, Attributes, Envelope};
use crate::time::Timestamp;

/// Order in which the records of a topic run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum KafkaOrder {
    /// Records of a partition run one after the other, as Kafka's own consumers have it.
    #[default]
    Partition,
    /// Records of one key in a partition run one after the other; a record without a key waits for none.
    Key,
    /// As they come: only records with one idempotency key wait for each other.
    None,
}

impl KafkaOrder {
    /// Reads the configured word.
    #[must_use]
    pub fn parse(word: &str) -> Option<Self> {
        match word {
            "partition" => Some(Self::Partition),
            "key" => Some(Self::Key),
            "none" => Some(Self::None),
            _ => None,
        }
    }

    /// Group that a record waits in; none if it waits for its idempotency key alone.
    fn group(self, record: &KafkaRecord) -> Option<String> {
        let partition = record.position.topic_partition();
        match (self, &record.key) {
            (Self::Partition, _) => Some(partition),
            (Self::Key, Some(key)) => Some(format!("{partition}/{}", hex(key))),
            (Self::Key, None) | (Self::None, _) => None,
        }
    }
}

impl Envelope {
    /// Envelope of a Kafka record.
    #[must_use]
    pub fn of_kafka(record: KafkaRecord, order: KafkaOrder) -> Self {
        let attributes = of_headers(&record.headers);
        let (group, sent_at) = (order.group(&record), record.timestamp);
        let sequence = Some(record.position.offset.to_string());
        Self { group, sequence, ..Self::of_broker(BrokerRecord::Kafka(record), sent_at, 1, attributes) }
    }

    /// Envelope of a RabbitMQ message. Tables and arrays among its headers are no attributes.
    #[must_use]
    pub fn of_rabbitmq(message: RabbitMessage) -> Self {
        let values = message.headers.0.iter().filter_map(|(name, value)| {
            let attribute = match value {
                AmqpValue::Bytes(bytes) => attribute(bytes),
                AmqpValue::Int(number) => Attribute::text(number.to_string()),
                AmqpValue::Real(number) => Attribute::text(number),
                AmqpValue::Bool(truth) => Attribute::text(truth.to_string()),
                AmqpValue::Null | AmqpValue::Array(_) | AmqpValue::Table(_) => return None,
            };
            Some((name.as_str(), attribute))
        });
        let (attributes, receives) = (by_name(values), 1 + u32::from(message.redelivered));
        Self::of_broker(BrokerRecord::RabbitMq(Box::new(message)), None, receives, attributes)
    }

    /// Envelope of a record, with attributes of its own, and without an order.
    pub(crate) fn of_broker(
        record: BrokerRecord,
        at: Option<Timestamp>,
        receive_count: u32,
        attributes: Attributes,
    ) -> Self {
        let message_id = record.message_id();
        Self {
            receipt_handle: ReceiptHandle::from(&message_id),
            message_id,
            body: record.body().into_owned(),
            sent_at: at.unwrap_or(Self::UNDATED),
            receive_count,
            group: None,
            sequence: None,
            moved_from: None,
            deduplication: None,
            trace: None,
            attributes,
            broker: Some(Arc::new(record)),
        }
    }
}

/// Headers of a Kafka record as attributes; a null is empty.
pub(crate) fn of_headers(headers: &[KafkaHeader]) -> Attributes {
    let value = |header: &KafkaHeader| attribute(header.value.as_deref().unwrap_or_default());
    by_name(headers.iter().map(|header| (header.name.as_str(), value(header))))
}

/// A header's value: text where it is UTF-8.
fn attribute(value: &[u8]) -> Attribute {
    match std::str::from_utf8(value) {
        Ok(text) => Attribute::text(text),
        Err(_) => binary(value.to_vec()),
    }
}

fn binary(value: Vec<u8>) -> Attribute {
    Attribute { data_type: "Binary".to_owned(), value: AttributeValue::Binary(value) }
}

/// Headers by their names. One that stands twice with different values has no one value: it is binary and empty, so that
/// nothing takes either for a key or a type. The record keeps both.
fn by_name<'a>(headers: impl Iterator<Item = (&'a str, Attribute)>) -> Attributes {
    let mut attributes = Attributes::new();
    for (name, attribute) in headers {
        let differs = attributes.get(name).is_some_and(|former| *former != attribute);
        attributes.insert(name.to_owned(), if differs { binary(Vec::new()) } else { attribute });
    }
    attributes
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ids::{QueueArn, Scope};
    use crate::message::broker_record::{AmqpTable, KafkaPosition, RabbitProperties, RabbitQueue};
    use crate::message::decode::{Inspected, Reading};

    fn record(value: &[u8], headers: &[(&str, &[u8])]) -> KafkaRecord {
        let position = KafkaPosition { topic: "orders".to_owned(), partition: 3, offset: 17 };
        let headers =
            headers.iter().map(|(name, value)| KafkaHeader { name: (*name).to_owned(), value: Some(value.to_vec()) });
        KafkaRecord { value: Some(value.to_vec()), headers: headers.collect(), ..KafkaRecord::at(position) }
    }

    fn message(id: Option<&str>) -> RabbitMessage {
        let properties = RabbitProperties { message_id: id.map(str::to_owned), ..RabbitProperties::default() };
        RabbitMessage { properties, body: b"{}".to_vec(), ..RabbitMessage::of(RabbitQueue::parse("orders::/")) }
    }

    fn inspected(envelope: Envelope) -> Inspected {
        let source = QueueArn::new("kafka://shop/orders").unwrap();
        Inspected::new(envelope, &Reading::new(source, Scope::new("orders").unwrap()))
    }

    #[test]
    fn an_enqueue_is_the_place_alone_whatever_the_time() {
        let at = |millis| KafkaRecord { timestamp: Some(Timestamp::from_millis(millis)), ..record(b"{}", &[]) };
        let enqueue = |record| Envelope::of_kafka(record, KafkaOrder::Partition).enqueue();
        assert_eq!(enqueue(at(5)), enqueue(at(9)));
        assert_eq!(enqueue(at(5)).to_string(), "orders-3@17#0");
    }

    #[test]
    fn records_wait_by_partition_by_key_or_not_at_all() {
        let group = |order, key: Option<&[u8]>| {
            let record = KafkaRecord { key: key.map(<[u8]>::to_vec), ..record(b"{}", &[]) };
            Envelope::of_kafka(record, order).group
        };
        assert_eq!(group(KafkaOrder::Partition, None).as_deref(), Some("orders-3"));
        assert_eq!(group(KafkaOrder::Key, Some(b"k\xff")).as_deref(), Some("orders-3/6bff"));
        assert_eq!([group(KafkaOrder::Key, None), group(KafkaOrder::None, Some(b"k"))], [None, None]);
    }

    #[test]
    fn without_a_configured_key_the_place_is_an_unstable_one_and_a_producers_message_id_a_stable_one() {
        let kafka = inspected(Envelope::of_kafka(record(b"{}", &[]), KafkaOrder::Partition));
        assert_eq!((kafka.key.unwrap().as_str(), kafka.key_is_stable), ("orders-3@17", false));
        let rabbit = inspected(Envelope::of_rabbitmq(message(Some("m-1"))));
        assert_eq!((rabbit.key.unwrap().as_str(), rabbit.key_is_stable), ("m-1", true));
        let hashed = inspected(Envelope::of_rabbitmq(message(None)));
        assert!(hashed.key.unwrap().as_str().starts_with('~') && !hashed.key_is_stable);
        let refused = RabbitMessage { needs_id: true, ..message(None) };
        assert!(inspected(Envelope::of_rabbitmq(refused)).key.unwrap_err().to_string().contains("message-id"));
    }

    #[test]
    fn a_header_is_an_attribute_and_one_that_says_two_things_says_nothing() {
        let headers: [(&str, &[u8]); 4] =
            [("idempotency-key", b"a"), ("type", b"charge"), ("type", b"charge"), ("seal", &[0xff])];
        let envelope = Envelope::of_kafka(record(b"{}", &headers), KafkaOrder::Partition);
        assert_eq!(envelope.attributes["type"], Attribute::text("charge"));
        assert_eq!(envelope.attributes["seal"], binary(vec![0xff]));
        assert_eq!(inspected(envelope).key.unwrap().as_str(), "a");
        let two = Envelope::of_kafka(
            record(b"{}", &[("idempotency-key", b"a"), ("idempotency-key", b"b")]),
            KafkaOrder::None,
        );
        let seen = inspected(two);
        assert!(seen.key.is_err(), "either may be the right one");
        assert!(
            matches!(seen.envelope.broker.as_deref(), Some(BrokerRecord::Kafka(record)) if record.headers.len() == 2)
        );
    }

    #[test]
    fn what_is_no_text_or_could_not_be_read_is_malformed_and_keeps_its_place() {
        let flawed = KafkaRecord { flaw: Some("header cannot be read"), ..record(b"{}", &[]) };
        for (record, code) in [(record(&[0xff], &[]), "not-utf8"), (flawed, "event-record")] {
            let seen = inspected(Envelope::of_kafka(record, KafkaOrder::Partition));
            let malformed = seen.decode(|_, _| Ok(())).unwrap_err();
            assert_eq!(
                (&*malformed.fault.code, malformed.inspected.envelope.message_id.as_str()),
                (code, "orders-3@17")
            );
        }
    }

    #[test]
    fn numbers_and_truths_among_rabbit_headers_are_text_and_tables_are_none() {
        let value = |name: &str, value| (name.to_owned(), value);
        let headers = AmqpTable(vec![
            value("n", AmqpValue::Int(7)),
            value("t", AmqpValue::Bool(true)),
            value("x-death", AmqpValue::Array(vec![])),
            value("v", AmqpValue::Null),
        ]);
        let envelope = Envelope::of_rabbitmq(RabbitMessage { headers, redelivered: true, ..message(Some("m")) });
        assert_eq!(envelope.attributes.keys().collect::<Vec<_>>(), ["n", "t"]);
        assert_eq!((envelope.attributes["n"].as_text(), envelope.receive_count), (Some("7"), 2));
    }
}
