//! Messages on their way, and copies that shall wait.

use std::sync::Arc;
use std::time::Duration;

use lapin::message::Delivery;
use redrive_core::ids::{LetterId, MessageId, ReplayNumber};
use redrive_core::message::broker_record::{BrokerRecord, RabbitMessage, RabbitQueue};
use redrive_core::ports::DelayedCopy;
use redrive_core::replay::Outgoing;

/// Message that a producer has sent to the main queue.
pub(crate) fn message(body: &[u8]) -> RabbitMessage {
    RabbitMessage { body: body.to_vec(), ..RabbitMessage::of(RabbitQueue::parse("main::/")) }
}

pub(crate) fn outgoing(record: Option<BrokerRecord>) -> Outgoing {
    Outgoing {
        letter: LetterId::parse("9f1b3c1e-8a51-5c65-9d3e-111111111111").unwrap(),
        number: ReplayNumber(0),
        body: String::new(),
        attributes: Default::default(),
        group: None,
        deduplication: String::new(),
        record: record.map(Arc::new),
    }
}

/// Messages with these bodies, on their way.
pub(crate) fn outgoing_with(bodies: &[&str]) -> Vec<Outgoing> {
    let record = |body: &&str| outgoing(Some(BrokerRecord::RabbitMq(Box::new(message(body.as_bytes())))));
    bodies.iter().map(record).collect()
}

/// Copies of messages with these bodies, whose ids are the bodies, and the seconds that they wait for.
pub(crate) fn copies(bodies: &[(&str, u64)]) -> Vec<DelayedCopy> {
    let copy = |(body, seconds): &(&str, u64)| copy_of(message(body.as_bytes()), body, *seconds);
    bodies.iter().map(copy).collect()
}

pub(crate) fn copy_of(message: RabbitMessage, id: &str, seconds: u64) -> DelayedCopy {
    DelayedCopy {
        message_id: MessageId::new(id).unwrap(),
        record: Arc::new(BrokerRecord::RabbitMq(Box::new(message))),
        delay: Duration::from_secs(seconds),
    }
}

/// Bodies of messages as texts.
pub(crate) fn bodies(messages: &[Delivery]) -> Vec<String> {
    messages.iter().map(|message| String::from_utf8(message.data.clone()).unwrap()).collect()
}
