//! Record of Kafka as a letter keeps it beside its payload: exact, so that a replay sends the same bytes.
//!
//! | where in the letter | what |
//! |---|---|
//! | payload | value: UTF-8 as it is, other bytes as a data URL, `null` of a tombstone |
//! | attributes | headers by their names, without those of a death by our hand: a key and a type are looked for there |
//! | attribute [`EXACT`] | key, kind of the value, and every header in its order |
//!
//! So whatever stores, compresses, exports or erases a letter's body needs no form of its own for Kafka.

use base64::Engine;
use base64::engine::general_purpose::STANDARD as BASE64;
use serde::{Deserialize, Serialize};

use crate::ids::QueueArn;
use crate::message::broker_record::{KafkaHeader, KafkaRecord, bytes_of};
use crate::message::envelope::{Attribute, Attributes};

/// Name of the attribute. SQS takes no colon in one, so that no message of a queue has it.
pub const EXACT: &str = "kafka:record";

/// Kind of a record's value, which its text alone does not tell: a text may look like either of the others.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ValueKind {
    /// Kafka's null, a tombstone.
    Null,
    /// Value that is UTF-8.
    Text,
    /// Bytes that are no UTF-8.
    Bytes,
}

/// Everything of a record but the bytes of its value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ExactRecord {
    /// Bytes of the key; `None` is null.
    pub key: Option<Vec<u8>>,
    /// Kind of the value.
    pub value: ValueKind,
    /// Every header, in its order.
    pub headers: Vec<KafkaHeader>,
}

/// The same as JSON, with bytes in base64.
#[derive(Serialize, Deserialize)]
struct ExactFields {
    key: Option<String>,
    value: ValueKind,
    headers: Vec<(String, Option<String>)>,
}

impl ExactRecord {
    /// Takes everything but the value.
    #[must_use]
    pub fn of(record: &KafkaRecord) -> Self {
        let value = match &record.value {
            None => ValueKind::Null,
            Some(bytes) if std::str::from_utf8(bytes).is_ok() => ValueKind::Text,
            Some(_) => ValueKind::Bytes,
        };
        Self { key: record.key.clone(), value, headers: record.headers.clone() }
    }

    /// Returns the attribute that holds it.
    #[must_use]
    pub fn to_attribute(&self) -> Attribute {
        let text = |bytes: &Option<Vec<u8>>| bytes.as_ref().map(|bytes| BASE64.encode(bytes));
        let headers = self.headers.iter().map(|header| (header.name.clone(), text(&header.value)));
        let fields = ExactFields { key: text(&self.key), value: self.value, headers: headers.collect() };
        Attribute::text(serde_json::to_string(&fields).unwrap_or_default())
    }

    /// Reads it from the attributes of a letter. `None` of a letter that is not of a topic, and of attributes that are not as
    /// they were written.
    #[must_use]
    pub fn of_letter(source: &QueueArn, attributes: &Attributes) -> Option<Self> {
        source.kafka_topic()?;
        let ExactFields { key, value, headers } = serde_json::from_str(attributes.get(EXACT)?.as_text()?).ok()?;
        let bytes =
            |text: Option<String>| text.map(|text| BASE64.decode(text).ok()).map_or(Some(None), |read| read.map(Some));
        let header = |(name, value)| Some(KafkaHeader { name, value: bytes(value)? });
        Some(Self { key: bytes(key)?, value, headers: headers.into_iter().map(header).collect::<Option<_>>()? })
    }

    /// Bytes of the value that stands as this text in the letter.
    #[must_use]
    pub fn value_of(&self, payload: &str) -> Option<Vec<u8>> {
        match self.value {
            ValueKind::Null => None,
            ValueKind::Text => Some(payload.as_bytes().to_vec()),
            ValueKind::Bytes => Some(bytes_of(payload)),
        }
    }

    /// Key as a person reads it: text where it is UTF-8, else bytes in hex; `None` of null.
    #[must_use]
    pub fn shown_key(&self) -> Option<String> {
        let key = self.key.as_ref()?;
        Some(std::str::from_utf8(key).map_or_else(|_| format!("0x{}", crate::hex::hex(key)), str::to_owned))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::message::broker_record::{BrokerRecord, KafkaPosition};

    fn topic() -> QueueArn {
        QueueArn::new("kafka://shop/orders").unwrap()
    }

    fn bytes() -> impl Strategy<Value = Option<Vec<u8>>> {
        prop::option::of(prop::collection::vec(any::<u8>(), 0..24))
    }

    proptest! {
        #[test]
        fn any_record_is_the_same_again(
            key in bytes(), value in bytes(), headers in prop::collection::vec((any::<String>(), bytes()), 0..6)
        ) {
            let headers = headers.into_iter().map(|(name, value)| KafkaHeader { name, value }).collect();
            let place = KafkaPosition { topic: "orders".to_owned(), partition: 0, offset: 1 };
            let record = KafkaRecord { key, value, headers, ..KafkaRecord::at(place) };
            let exact = ExactRecord::of(&record);
            let kept = [(EXACT.to_owned(), exact.to_attribute())].into();
            prop_assert_eq!(ExactRecord::of_letter(&topic(), &kept), Some(exact.clone()));
            let body = BrokerRecord::Kafka(record.clone()).body().into_owned();
            prop_assert_eq!(exact.value_of(&body), record.value);
        }
    }

    #[test]
    fn a_text_that_looks_like_a_tombstone_or_like_bytes_stays_a_text() {
        for text in ["null", "data:application/octet-stream;base64,103/"] {
            let place = KafkaPosition { topic: "orders".to_owned(), partition: 0, offset: 1 };
            let record = KafkaRecord { value: Some(text.as_bytes().to_vec()), ..KafkaRecord::at(place) };
            assert_eq!(ExactRecord::of(&record).value_of(text).as_deref(), Some(text.as_bytes()));
        }
    }

    #[test]
    fn a_queues_letter_has_none_whatever_its_attributes_say_and_what_is_damaged_is_none() {
        let exact = ExactRecord { key: None, value: ValueKind::Text, headers: Vec::new() };
        let kept: Attributes = [(EXACT.to_owned(), exact.to_attribute())].into();
        let queue = QueueArn::new("arn:aws:sqs:us-east-1:1:orders").unwrap();
        assert_eq!(ExactRecord::of_letter(&queue, &kept), None);
        for damaged in ["", "{}", r#"{"key":"!","value":"text","headers":[]}"#] {
            let kept = [(EXACT.to_owned(), Attribute::text(damaged))].into();
            assert_eq!(ExactRecord::of_letter(&topic(), &kept), None, "{damaged}");
        }
    }

    #[test]
    fn a_key_is_shown_as_text_or_in_hex() {
        let of = |key: Option<&[u8]>| {
            let key = key.map(<[u8]>::to_vec);
            ExactRecord { key, value: ValueKind::Null, headers: Vec::new() }.shown_key()
        };
        assert_eq!(of(Some(b"o-1")).as_deref(), Some("o-1"));
        assert_eq!(of(Some(&[0xfe, 1])).as_deref(), Some("0xfe01"));
        assert_eq!(of(None), None);
    }
}
