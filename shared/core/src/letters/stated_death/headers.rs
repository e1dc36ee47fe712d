//! Values of Kafka headers, as those who write them have them.

use crate::message::broker_record::{KafkaHeader, KafkaPosition};
use crate::text::capped;
use crate::time::Timestamp;

/// The most bytes of a text that are kept.
const TEXT: usize = 1_024;
/// Kafka's limit of a topic's name (`Topic.java`, `MAX_NAME_LENGTH`).
const TOPIC: usize = 249;

/// Headers of a record.
#[derive(Clone, Copy)]
pub(super) struct Headers<'a>(pub(super) &'a [KafkaHeader]);

impl<'a> Headers<'a> {
    /// Place of the last header of this name.
    pub(super) fn place_of(self, name: &str) -> Option<usize> {
        self.0.iter().rposition(|header| header.name == name)
    }

    /// Bytes of the last header of this name, as Kafka's `lastHeader` has it.
    pub(super) fn last(self, name: &str) -> Option<&'a [u8]> {
        self.0.iter().rev().find(|header| header.name == name)?.value.as_deref()
    }

    /// Bytes of the first one.
    pub(super) fn first(self, name: &str) -> Option<&'a [u8]> {
        self.0.iter().find(|header| header.name == name)?.value.as_deref()
    }

    /// Text of the last one, cut to what is kept; `None` if it is empty, or no UTF-8.
    pub(super) fn text(self, name: &str) -> Option<String> {
        text(self.last(name)?)
    }

    /// Number of the last one, written as decimal text.
    pub(super) fn number(self, name: &str) -> Option<u64> {
        decimal(self.last(name)?)
    }
}

/// Text of bytes, cut to what is kept.
pub(super) fn text(bytes: &[u8]) -> Option<String> {
    let text = std::str::from_utf8(bytes).ok()?.trim();
    (!text.is_empty()).then(|| capped(text, TEXT))
}

/// Number of decimal text.
pub(super) fn decimal(bytes: &[u8]) -> Option<u64> {
    std::str::from_utf8(bytes).ok()?.trim().parse().ok()
}

/// Number of Java's big-endian bytes: an `int` of four, a `long` of eight. `None` if it is negative, or of another length.
pub(super) fn big_endian(bytes: &[u8]) -> Option<u64> {
    let number = match bytes.len() {
        4 => i64::from(i32::from_be_bytes(bytes.try_into().ok()?)),
        8 => i64::from_be_bytes(bytes.try_into().ok()?),
        _ => return None,
    };
    u64::try_from(number).ok()
}

/// A place, if all three parts can be one.
pub(super) fn position(topic: Option<&[u8]>, partition: Option<u64>, offset: Option<u64>) -> Option<KafkaPosition> {
    let topic = std::str::from_utf8(topic?).ok()?;
    let legal = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_' | b'-');
    let is_topic = (1..=TOPIC).contains(&topic.len()) && topic.bytes().all(legal);
    is_topic.then_some(())?;
    let (partition, offset) = (i32::try_from(partition?).ok()?, i64::try_from(offset?).ok()?);
    Some(KafkaPosition { topic: topic.to_owned(), partition, offset })
}

/// Time of milliseconds after 1970.
pub(super) fn time(millis: Option<u64>) -> Option<Timestamp> {
    millis.map(Timestamp::from_millis)
}
