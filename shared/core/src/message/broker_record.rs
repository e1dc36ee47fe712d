//! Records of Kafka and RabbitMQ as their brokers have them: bytes, exact, and nothing understood yet. SQS has none of
//! these: its message is the envelope itself.

mod kafka;
mod rabbitmq;

use std::borrow::Cow;

use base64::Engine;
use base64::engine::general_purpose::STANDARD as BASE64;
use sha2::{Digest, Sha256};

pub use kafka::{KafkaHeader, KafkaPosition, KafkaRecord, TimestampType};
pub use rabbitmq::{AmqpTable, AmqpValue, RabbitMessage, RabbitProperties, RabbitQueue};

use crate::hex::hex;
use crate::ids::MessageId;
use crate::message::redrive_name::REDRIVE;

/// Beginning of a body that stands for bytes which are no text (RFC 2397). No JSON begins so.
const DATA_URL: &str = "data:application/octet-stream;base64,";

/// A record as its broker has it. Kept beside the envelope, so that whatever is sent on is exact.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum BrokerRecord {
    /// A record of a Kafka topic.
    Kafka(KafkaRecord),
    /// A message of a RabbitMQ queue.
    RabbitMq(Box<RabbitMessage>),
}

/// Mistake for which no handler is given a record. The record dies as SCHEMA, with all of it that could be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Flaw {
    /// Code of the fault: `not-utf8` or `event-record`.
    pub code: &'static str,
    /// Text of the fault, without anything of the record.
    pub text: &'static str,
}

impl BrokerRecord {
    /// Body as text: UTF-8 as it is, other bytes as a data URL. Kafka's null value, a tombstone, is JSON's `null`, so that a
    /// handler of `Option` is given `None`.
    #[must_use]
    pub fn body(&self) -> Cow<'_, str> {
        match self {
            Self::Kafka(KafkaRecord { value: None, .. }) => Cow::Borrowed("null"),
            Self::Kafka(KafkaRecord { value: Some(bytes), .. }) => text_of(bytes),
            Self::RabbitMq(message) => text_of(&message.body),
        }
    }

    /// Mistake of the record, if it has one.
    #[must_use]
    pub fn flaw(&self) -> Option<Flaw> {
        const NOT_UTF8: Flaw = Flaw { code: "not-utf8", text: "value is not UTF-8, and so no JSON" };
        let (flaw, bytes) = match self {
            Self::Kafka(record) => (record.flaw, record.value.as_deref().unwrap_or_default()),
            Self::RabbitMq(message) => (message.flaw, message.body.as_slice()),
        };
        let unreadable = |text| Flaw { code: "event-record", text };
        flaw.map(unreadable).or_else(|| std::str::from_utf8(bytes).err().map(|_| NOT_UTF8))
    }

    /// Id under which attempts are counted: the same with every delivery of the record, and no other record's.
    ///
    /// | broker | id |
    /// |---|---|
    /// | Kafka | topic, partition, offset |
    /// | RabbitMQ | property `message-id`, if there is one, and a hash of queue, body and header `redrive` |
    ///
    /// RabbitMQ gives no id of its own. Two messages of one queue with the same `message-id` and the same body are one, but for a
    /// replay, which says by `redrive` which of them it is.
    #[must_use]
    pub fn message_id(&self) -> MessageId {
        match self {
            Self::Kafka(record) => record.position.message_id(),
            Self::RabbitMq(message) => {
                let id = message.properties.message_id.as_deref().unwrap_or_default();
                MessageId::joined(id, '~', hash_of(message))
            }
        }
    }
}

/// Text of bytes: themselves, if they are UTF-8, else a data URL.
fn text_of(bytes: &[u8]) -> Cow<'_, str> {
    std::str::from_utf8(bytes).map_or_else(|_| format!("{DATA_URL}{}", BASE64.encode(bytes)).into(), Cow::Borrowed)
}

/// Bytes that a text stands for, as [`BrokerRecord::body`] writes it. A producer's own data URL of this kind, which is text,
/// becomes the bytes in it: whoever must tell them apart has the record.
#[must_use]
pub fn bytes_of(text: &str) -> Vec<u8> {
    let encoded = text.strip_prefix(DATA_URL).and_then(|encoded| BASE64.decode(encoded).ok());
    encoded.unwrap_or_else(|| text.as_bytes().to_vec())
}

/// First half of the SHA-256 of queue, body and replay in hex. Lengths go along, so that no name runs over into the body.
fn hash_of(message: &RabbitMessage) -> String {
    let mut hash = Sha256::new();
    let replay = match message.headers.get(REDRIVE) {
        Some(AmqpValue::Bytes(bytes)) => Some(bytes.as_slice()),
        _ => None,
    };
    let parts = [message.queue.vhost.as_bytes(), message.queue.name.as_bytes(), &message.body];
    for part in parts.into_iter().chain(replay) {
        hash.update(u64::try_from(part.len()).unwrap_or(u64::MAX).to_be_bytes());
        hash.update(part);
    }
    hex(&hash.finalize()[..16])
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn kafka(value: Option<&[u8]>) -> BrokerRecord {
        let position = KafkaPosition { topic: "orders".to_owned(), partition: 3, offset: 17 };
        BrokerRecord::Kafka(KafkaRecord { value: value.map(<[u8]>::to_vec), ..KafkaRecord::at(position) })
    }

    fn rabbit(name: &str, id: Option<&str>, body: &[u8]) -> BrokerRecord {
        let queue = RabbitQueue { vhost: "/".to_owned(), name: name.to_owned() };
        let properties = RabbitProperties { message_id: id.map(str::to_owned), ..RabbitProperties::default() };
        BrokerRecord::RabbitMq(Box::new(RabbitMessage { properties, body: body.to_vec(), ..RabbitMessage::of(queue) }))
    }

    #[test]
    fn a_tombstone_is_null_an_empty_value_is_empty_and_bytes_that_are_no_text_are_no_json() {
        assert_eq!((kafka(None).body(), kafka(None).flaw()), ("null".into(), None));
        assert_eq!((kafka(Some(b"")).body(), kafka(Some(b"")).flaw()), ("".into(), None));
        let binary = kafka(Some(&[0xd7, 0x4d, 0xff]));
        assert_eq!(binary.body(), "data:application/octet-stream;base64,103/");
        assert_eq!(binary.flaw().map(|flaw| flaw.code), Some("not-utf8"));
    }

    #[test]
    fn a_rabbit_message_is_known_by_its_id_queue_and_body() {
        let id = |record: &BrokerRecord| record.message_id();
        let same = rabbit("orders", Some("m-1"), b"{}");
        assert_eq!(id(&same), id(&rabbit("orders", Some("m-1"), b"{}")));
        assert!(id(&same).as_str().starts_with("m-1~"));
        let others = [("orders", Some("m-2"), b"{}"), ("orders", Some("m-1"), b"[]"), ("refunds", Some("m-1"), b"{}")];
        let others = others.map(|(queue, id, body)| rabbit(queue, id, body));
        let without = [rabbit("orders", None, b"{}"), rabbit("orders", None, b"[]"), rabbit("orders{", None, b"}")];
        let all = others.iter().chain(&without).map(id).collect::<std::collections::BTreeSet<_>>();
        assert!(all.len() == 6 && !all.contains(&id(&same)), "{all:?}");
    }

    #[test]
    fn a_replay_is_another_message_than_the_one_that_died_and_every_delivery_of_it_the_same() {
        let replay = |send: &str| {
            let BrokerRecord::RabbitMq(mut message) = rabbit("orders", Some("m-1"), b"{}") else {
                panic!("RabbitMQ's")
            };
            message.headers.set("redrive", AmqpValue::text(send));
            BrokerRecord::RabbitMq(message).message_id()
        };
        assert_ne!(replay("1"), rabbit("orders", Some("m-1"), b"{}").message_id());
        assert!(replay("1") != replay("2") && replay("1") == replay("1"));
    }

    proptest! {
        #[test]
        fn any_bytes_become_text_and_the_same_bytes_again(bytes in prop::collection::vec(any::<u8>(), 0..64)) {
            let record = kafka(Some(&bytes));
            prop_assert_eq!(bytes_of(&record.body()), bytes.clone());
            prop_assert_eq!(record.flaw().is_some(), std::str::from_utf8(&bytes).is_err());
            prop_assert!(record.flaw().is_none() || record.body().parse::<crate::json::Json>().is_err());
            prop_assert!(!rabbit("q", None, &bytes).message_id().as_str().is_empty());
        }
    }
}
