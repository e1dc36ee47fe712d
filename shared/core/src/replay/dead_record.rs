//! A dead record of Kafka or RabbitMQ, as it goes to its dead letter topic or queue.

use std::sync::Arc;

use super::Outgoing;
use crate::fault::Fault;
use crate::letters::stated_death::{BROKER_HEADERS, Written, WrittenInQueue, headers_of, table_of};
use crate::message::broker_record::{AmqpTable, AmqpValue, BrokerRecord, KafkaHeader, KafkaRecord, RabbitMessage};
use crate::message::decode::{Inspected, Reading};
use crate::message::envelope::Attributes;
use crate::message::redrive::{ATTRIBUTE, Redrive};

/// Delivery mode of a message that outlives a restart of its broker.
const PERSISTENT: u8 = 2;

impl Outgoing {
    /// A record at the end of its enqueue, on its way to where the dead go. Key, value and headers are as they came; what follows
    /// them says where the record stood, why it died, and what the attribute `redrive` says of SQS's. `None` of a message of SQS.
    ///
    /// `attempts`: 0 where it is not known how many there were.
    #[must_use]
    pub fn of_dead_record(dead: &Inspected, reading: &Reading, fault: &Fault, attempts: u32) -> Option<Self> {
        let redrive = dead.redrive_at_death(&reading.source, &reading.scope);
        let reason = format!("{} {}: {}", fault.class.as_str(), fault.code, fault.text);
        let record = match dead.envelope.broker.as_deref()? {
            BrokerRecord::Kafka(record) => BrokerRecord::Kafka(of_kafka(record, dead, &redrive, &reason, attempts)),
            BrokerRecord::RabbitMq(message) => {
                BrokerRecord::RabbitMq(Box::new(of_rabbitmq(message, &redrive, &reason, attempts)))
            }
        };
        Some(Self {
            letter: redrive.letter,
            number: redrive.number,
            body: String::new(),
            attributes: Attributes::new(),
            group: None,
            deduplication: String::new(),
            record: Some(Arc::new(record)),
        })
    }
}

fn of_kafka(record: &KafkaRecord, dead: &Inspected, redrive: &Redrive, reason: &str, attempts: u32) -> KafkaRecord {
    let own: Vec<_> = record.headers.iter().filter(|header| header.name != ATTRIBUTE).cloned().collect();
    let (origin, at, key) = (&record.position, record.timestamp, dead.key.as_ref().ok());
    let mut headers = headers_of(&own, Written { origin, at, reason, attempts, key });
    headers.push(KafkaHeader::text(ATTRIBUTE, redrive.encode()));
    KafkaRecord { headers, ..record.clone() }
}

fn of_rabbitmq(message: &RabbitMessage, redrive: &Redrive, reason: &str, attempts: u32) -> RabbitMessage {
    let mut copy = sendable(message);
    copy.properties.delivery_mode = Some(PERSISTENT);
    copy.headers = table_of(&message.headers, WrittenInQueue { queue: &message.queue.name, reason, attempts });
    copy.headers.set(ATTRIBUTE, AmqpValue::text(&redrive.encode()));
    copy
}

/// A message as a client may send it again: without the broker's own headers, without a time to live that it would die of, and
/// without a user whose name only that user may send.
#[must_use]
pub fn sendable(message: &RabbitMessage) -> RabbitMessage {
    let mut copy = message.clone();
    let AmqpTable(headers) = &mut copy.headers;
    headers.retain(|(name, _)| !BROKER_HEADERS.contains(&name.as_str()));
    (copy.properties.expiration, copy.properties.user_id) = (None, None);
    copy
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ids::{QueueArn, Scope};
    use crate::letters::stated_death::StatedDeath;
    use crate::message::broker_envelope::KafkaOrder;
    use crate::message::broker_record::{KafkaPosition, RabbitQueue};
    use crate::message::envelope::Envelope;

    fn reading() -> Reading {
        Reading::new(QueueArn::new("kafka://shop/orders").unwrap(), Scope::new("orders").unwrap())
    }

    fn dead(envelope: Envelope) -> Arc<BrokerRecord> {
        let fault = Fault::permanent("currency", "CHF is not supported");
        let inspected = Inspected::new(envelope, &reading());
        Outgoing::of_dead_record(&inspected, &reading(), &fault, 3).unwrap().record.unwrap()
    }

    fn text_of(record: &KafkaRecord, name: &str) -> Option<String> {
        let header = record.headers.iter().find(|header| header.name == name)?;
        String::from_utf8(header.value.clone()?).ok()
    }

    #[test]
    fn a_dead_kafka_record_is_exact_and_says_where_it_stood_and_why_it_died() {
        let position = KafkaPosition { topic: "orders".to_owned(), partition: 3, offset: 17 };
        let header = |name: &str| KafkaHeader { name: name.to_owned(), value: Some(vec![0xff]) };
        let headers = vec![header("a"), header("a"), KafkaHeader { name: "redrive".to_owned(), value: None }];
        let came = KafkaRecord {
            key: Some(vec![0xfe]),
            value: Some(vec![0xff]),
            headers,
            ..KafkaRecord::at(position.clone())
        };
        let record = dead(Envelope::of_kafka(came.clone(), KafkaOrder::Partition));
        let BrokerRecord::Kafka(sent) = &*record else { panic!("another broker's") };
        assert_eq!((&sent.key, &sent.value, &sent.headers[..2]), (&came.key, &came.value, &came.headers[..2]));
        let stated = StatedDeath::of_kafka(&sent.headers).unwrap();
        assert_eq!((stated.origin, stated.attempts), (Some(position), Some(3)));
        assert_eq!(stated.text.as_deref(), Some("PERMANENT currency: CHF is not supported"));
        assert_eq!(text_of(sent, "idempotency-key").as_deref(), Some("orders-3@17"));
        let redrive = Redrive::decode(&text_of(sent, "redrive").unwrap(), &reading().source).unwrap();
        assert_eq!(redrive.died.unwrap().to_string(), "orders-3@17#0");
        assert_eq!(sent.headers.iter().filter(|header| header.name == "redrive").count(), 1, "a forged one is gone");
    }

    #[test]
    fn a_dead_rabbit_message_is_as_it_came_but_for_what_only_the_broker_may_say() {
        let mut came = RabbitMessage { body: b"{}".to_vec(), ..RabbitMessage::of(RabbitQueue::parse("orders::/")) };
        came.properties.expiration = Some("300".to_owned());
        came.properties.user_id = Some("guest".to_owned());
        came.properties.priority = Some(7);
        for (name, value) in
            [("x-death", AmqpValue::Array(vec![])), ("x-delivery-count", AmqpValue::Int(2)), ("own", AmqpValue::Null)]
        {
            came.headers.set(name, value);
        }
        let record = dead(Envelope::of_rabbitmq(came));
        let BrokerRecord::RabbitMq(sent) = &*record else { panic!("another broker's") };
        let names: Vec<_> = sent.headers.0.iter().map(|(name, _)| name.as_str()).collect();
        assert_eq!(names, ["own", "original-queue", "failure-reason", "attempt-count", "redrive"]);
        let properties = &sent.properties;
        assert_eq!(
            (properties.expiration.is_some(), properties.user_id.is_some(), properties.priority),
            (false, false, Some(7))
        );
        assert_eq!(properties.delivery_mode, Some(2));
    }
}
