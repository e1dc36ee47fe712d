//! A record of a Kafka topic.

use std::fmt;

use crate::ids::MessageId;
use crate::time::Timestamp;

/// Place of a record in its cluster. No other record has it, and none ever gets it again, unless the topic is made anew.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct KafkaPosition {
    /// Name of the topic.
    pub topic: String,
    /// Number of the partition.
    pub partition: i32,
    /// Offset in the partition.
    pub offset: i64,
}

impl KafkaPosition {
    /// Reads what [`Self::message_id`] wrote. `None` for anything else.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let (partition, offset) = text.rsplit_once('@')?;
        let (topic, partition) = partition.rsplit_once('-')?;
        let position = Self { topic: topic.to_owned(), partition: number(partition)?, offset: number(offset)? };
        (!topic.is_empty()).then_some(position)
    }

    /// Id of the record at this place.
    #[must_use]
    pub fn message_id(&self) -> MessageId {
        MessageId::joined(&self.topic_partition(), '@', self.offset)
    }

    /// Topic and partition as Lambda names them in an event and wants them in an answer: `orders-0`.
    #[must_use]
    pub fn topic_partition(&self) -> String {
        format!("{}-{}", self.topic, self.partition)
    }
}

/// Parses a number that is not negative, written as only one text can be.
fn number<N: std::str::FromStr + fmt::Display>(text: &str) -> Option<N> {
    let is_plain = text.bytes().all(|byte| byte.is_ascii_digit());
    text.parse::<N>().ok().filter(|number| is_plain && number.to_string() == text)
}

impl fmt::Display for KafkaPosition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{}@{}", self.topic, self.partition, self.offset)
    }
}

/// A header of a record: names may repeat, and a value may be null.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct KafkaHeader {
    /// Name of the header.
    pub name: String,
    /// Bytes of its value; `None` is Kafka's null.
    pub value: Option<Vec<u8>>,
}

impl KafkaHeader {
    /// A header whose value is text.
    #[must_use]
    pub fn text(name: &str, value: impl fmt::Display) -> Self {
        Self { name: name.to_owned(), value: Some(value.to_string().into_bytes()) }
    }
}

/// Meaning of a record's timestamp.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum TimestampType {
    /// Time that the producer gave.
    #[default]
    CreateTime,
    /// The broker's time of writing.
    LogAppendTime,
}

/// A record of a Kafka topic, exact.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KafkaRecord {
    /// Place of the record.
    pub position: KafkaPosition,
    /// Time of the record; `None` where the broker has none (-1).
    pub timestamp: Option<Timestamp>,
    /// Meaning of that time.
    pub timestamp_type: TimestampType,
    /// Bytes of the key; `None` is null, by which a producer leaves the partition to chance.
    pub key: Option<Vec<u8>>,
    /// Bytes of the value; `None` is a tombstone.
    pub value: Option<Vec<u8>>,
    /// Headers in their order, with repeats.
    pub headers: Vec<KafkaHeader>,
    /// Part of the event's record that could not be read. The rest of the record is exact.
    pub flaw: Option<&'static str>,
}

impl KafkaRecord {
    /// An empty record at this place: no key, a tombstone, no headers.
    #[must_use]
    pub const fn at(position: KafkaPosition) -> Self {
        let timestamp_type = TimestampType::CreateTime;
        Self { position, timestamp: None, timestamp_type, key: None, value: None, headers: Vec::new(), flaw: None }
    }

    /// Bytes of a record that count against `max.message.bytes`: key, value, headers, and some for the frame of each.
    #[must_use]
    pub fn bytes(&self) -> usize {
        let len = |bytes: &Option<Vec<u8>>| bytes.as_ref().map_or(0, Vec::len);
        let headers: usize = self.headers.iter().map(|header| header.name.len() + len(&header.value) + 10).sum();
        len(&self.key) + len(&self.value) + headers + 100
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_place_is_read_from_its_id_and_from_nothing_else() {
        for junk in ["", "@", "orders", "orders-0", "orders@1", "-0@1", "orders-0@-1", "orders-+1@2", "orders-01@2"] {
            assert_eq!(KafkaPosition::parse(junk), None, "{junk}");
        }
    }

    proptest! {
        #[test]
        fn any_place_is_one_id_and_any_text_is_read_without_a_panic(
            topic in "[a-zA-Z0-9._-]{1,249}", partition in 0..=i32::MAX, offset in 0..=i64::MAX, text in any::<String>()
        ) {
            let position = KafkaPosition { topic, partition, offset };
            let id = position.message_id();
            prop_assert_eq!(KafkaPosition::parse(id.as_str()), Some(position.clone()));
            prop_assert_eq!(position.to_string(), id.as_str());
            let _ = KafkaPosition::parse(&text);
        }
    }
}
