//! A letter of Kafka or RabbitMQ as a record again.

use super::dead_record::sendable;
use crate::letters::exact_message::ExactMessage;
use crate::letters::exact_record::ExactRecord;
use crate::letters::letter::Letter;
use crate::letters::stated_death::{own_headers, own_table};
use crate::message::broker_record::{
    AmqpValue, BrokerRecord, KafkaHeader, KafkaPosition, KafkaRecord, RabbitMessage, RabbitQueue,
};
use crate::message::redrive::{ATTRIBUTE, Redrive};

/// The record of a letter: as it was, or with the body as it was edited, and `redrive` says which letter it is. Ours of its death are
/// left out. `None` of a letter of SQS.
pub(super) fn record_of(letter: &Letter, redrive: &Redrive) -> Option<BrokerRecord> {
    if let Some(queue) = letter.source.rabbitmq_queue() {
        return message_of(letter, queue, redrive).map(|message| BrokerRecord::RabbitMq(Box::new(message)));
    }
    kafka_record_of(letter, redrive).map(BrokerRecord::Kafka)
}

/// The message of a letter of a RabbitMQ queue, without a virtual host: whoever sends it has that configured. Its time is left out, which
/// the event tells as a local text alone.
fn message_of(letter: &Letter, queue: &str, redrive: &Redrive) -> Option<RabbitMessage> {
    let exact = ExactMessage::of_letter(&letter.source, &letter.attributes)?;
    let mut headers = own_table(&exact.headers);
    headers.set(ATTRIBUTE, AmqpValue::text(&redrive.encode()));
    let body = match &letter.edited {
        Some(edited) => edited.payload.as_bytes().to_vec(),
        None => exact.body_of(&letter.payload),
    };
    let message = RabbitMessage::of(RabbitQueue { vhost: String::new(), name: queue.to_owned() });
    Some(sendable(&RabbitMessage { properties: exact.properties, headers, body, ..message }))
}

/// The record of a letter of a topic: its key and value. Its time is that of its sending: what is as old as the topic's retention would
/// be deleted at once.
///
/// The place is where it stood at first. A topic's writer may look there for a partition, if it is of that very topic.
fn kafka_record_of(letter: &Letter, redrive: &Redrive) -> Option<KafkaRecord> {
    let exact = ExactRecord::of_letter(&letter.source, &letter.attributes)?;
    let nowhere = || KafkaPosition { topic: String::new(), partition: 0, offset: 0 };
    let position = KafkaPosition::parse(letter.origin.as_str()).unwrap_or_else(nowhere);
    let mut headers = own_headers(&exact.headers);
    headers.retain(|header| header.name != ATTRIBUTE);
    headers.push(KafkaHeader::text(ATTRIBUTE, redrive.encode()));
    let value = match &letter.edited {
        Some(edited) => Some(edited.payload.as_bytes().to_vec()),
        None => exact.value_of(&letter.payload),
    };
    Some(KafkaRecord { key: exact.key, value, headers, ..KafkaRecord::at(position) })
}
