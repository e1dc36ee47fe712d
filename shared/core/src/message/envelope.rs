//! Message as SQS delivers it, read but not yet understood.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use thiserror::Error;

use crate::ids::{Enqueue, MessageId, ReceiptHandle};
use crate::message::broker_record::BrokerRecord;
use crate::time::Timestamp;

/// A message attribute, kept exactly as it came: replay sends it again.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Attribute {
    /// SQS's data type, custom suffix included (`String`, `Number.int`, `Binary.png`).
    pub data_type: String,
    /// Value of the attribute.
    pub value: AttributeValue,
}

/// The value of a message attribute.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum AttributeValue {
    /// `String` and `Number` types.
    Text(String),
    /// Value of a `Binary` type.
    Binary(Vec<u8>),
}

impl Attribute {
    /// An attribute of data type `String`.
    #[must_use]
    pub fn text(value: impl Into<String>) -> Self {
        Self { data_type: "String".to_owned(), value: AttributeValue::Text(value.into()) }
    }

    /// The value, if it is text.
    #[must_use]
    pub fn as_text(&self) -> Option<&str> {
        match &self.value {
            AttributeValue::Text(text) => Some(text),
            AttributeValue::Binary(_) => None,
        }
    }
}

/// Message attributes by name.
pub type Attributes = BTreeMap<String, Attribute>;

/// Record as it came from an event or a receive. Every field may be missing.
#[derive(Debug, Clone, Default)]
pub struct Record {
    /// Field `messageId` of the record.
    pub message_id: Option<String>,
    /// Field `receiptHandle` of the record.
    pub receipt_handle: Option<String>,
    /// Field `body` of the record.
    pub body: Option<String>,
    /// SQS's system attributes (`SentTimestamp`, `ApproximateReceiveCount`, …).
    pub system: BTreeMap<String, String>,
    /// The producer's message attributes.
    pub attributes: Attributes,
}

/// A record that can be worked on: it has an enqueue, a handle and a body.
#[derive(Debug, Clone)]
pub struct Envelope {
    /// Message id that SQS assigned.
    pub message_id: MessageId,
    /// The handle of this receive.
    pub receipt_handle: ReceiptHandle,
    /// The body, verbatim; empty if there was none.
    pub body: String,
    /// Time at which SQS enqueued it.
    pub sent_at: Timestamp,
    /// `ApproximateReceiveCount`: 1 at the first receive.
    pub receive_count: u32,
    /// `MessageGroupId`: FIFO's order, or a standard queue's fairness.
    pub group: Option<String>,
    /// `SequenceNumber`: only a FIFO queue gives one.
    pub sequence: Option<String>,
    /// `DeadLetterQueueSourceArn`: the queue whose redrive policy moved it. Absent if it was sent to where it is, and on
    /// emulators that do not say it.
    pub moved_from: Option<String>,
    /// `MessageDeduplicationId`: only a message of a FIFO queue has one.
    pub deduplication: Option<String>,
    /// `AWSTraceHeader`: whose work it was. It is never sent again: a replay is not a part of that work.
    ///
    /// Rule R43 of docs/protocol.md.
    pub trace: Option<String>,
    /// The producer's message attributes.
    pub attributes: Attributes,
    /// Record as Kafka or RabbitMQ has it, exact; none of SQS.
    pub broker: Option<Arc<BrokerRecord>>,
}

/// Reason for which a record with an id cannot be worked on. It is returned to the queue, untouched.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("record lacks a usable {0}; it was returned to the queue as it is")]
pub struct Unreadable(pub &'static str);

impl Envelope {
    /// Reads a record whose id is known.
    ///
    /// # Errors
    /// [`Unreadable`] names what is missing: without a receipt handle nothing can be done to the message, without
    /// `SentTimestamp` it has no enqueue that attempts could be counted against.
    pub fn read(message_id: MessageId, record: Record) -> Result<Self, Unreadable> {
        let number = |name: &str| record.system.get(name).and_then(|text| text.parse::<u64>().ok());
        let sent_at = number("SentTimestamp").ok_or(Unreadable("SentTimestamp"))?;
        let receive_count = number("ApproximateReceiveCount").unwrap_or(1);
        let receipt_handle = record.receipt_handle.and_then(ReceiptHandle::new).ok_or(Unreadable("receiptHandle"))?;
        Ok(Self {
            message_id,
            receipt_handle,
            body: record.body.unwrap_or_default(),
            sent_at: Timestamp::from_millis(sent_at),
            receive_count: u32::try_from(receive_count).unwrap_or(u32::MAX).max(1),
            group: record.system.get("MessageGroupId").cloned(),
            sequence: record.system.get("SequenceNumber").filter(|text| !text.is_empty()).cloned(),
            moved_from: record.system.get("DeadLetterQueueSourceArn").cloned(),
            deduplication: record.system.get("MessageDeduplicationId").cloned(),
            trace: record.system.get("AWSTraceHeader").cloned(),
            attributes: record.attributes,
            broker: None,
        })
    }

    /// Time of a record whose broker tells none.
    pub const UNDATED: Timestamp = Enqueue::UNDATED;

    /// The enqueue that this receive belongs to. A FIFO queue stamps a message anew when it moves it to the dead-letter
    /// queue, so there the message id alone is the enqueue ([`Enqueue::UNDATED`]); and so it is of Kafka and RabbitMQ.
    ///
    /// Rule R1 of docs/protocol.md.
    #[must_use]
    pub fn enqueue(&self) -> Enqueue {
        let undated = self.sequence.is_some() || self.broker.is_some();
        let sent_at = if undated { Enqueue::UNDATED } else { self.sent_at };
        Enqueue { message_id: self.message_id.clone(), sent_at }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record(system: &[(&str, &str)]) -> Record {
        Record {
            receipt_handle: Some("handle".to_owned()),
            system: system.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect(),
            ..Record::default()
        }
    }

    #[test]
    fn a_record_without_a_timestamp_or_handle_is_unreadable_and_says_which() {
        let id = || MessageId::new("m").unwrap();
        assert_eq!(Envelope::read(id(), record(&[])).unwrap_err(), Unreadable("SentTimestamp"));
        let mut no_handle = record(&[("SentTimestamp", "5")]);
        no_handle.receipt_handle = Some(String::new());
        assert_eq!(Envelope::read(id(), no_handle).unwrap_err(), Unreadable("receiptHandle"));
    }

    #[test]
    fn an_enqueue_on_a_fifo_queue_stays_the_same_when_it_is_stamped_anew() {
        let id = || MessageId::new("m").unwrap();
        let read = |sent_at: &str, more: &[(&str, &str)]| {
            let system: Vec<_> = [("SentTimestamp", sent_at)].iter().chain(more).copied().collect();
            Envelope::read(id(), record(&system)).unwrap().enqueue()
        };
        let fifo = [("SequenceNumber", "18850")];
        assert_eq!(read("5", &fifo), read("9", &fifo));
        assert_ne!(read("5", &[]), read("9", &[]));
    }

    #[test]
    fn absurd_receive_counts_are_read_as_the_nearest_sane_number() {
        let id = || MessageId::new("m").unwrap();
        for (text, count) in [("0", 1), ("99999999999", u32::MAX), ("many", 1), ("7", 7)] {
            let read = record(&[("SentTimestamp", "5"), ("ApproximateReceiveCount", text)]);
            assert_eq!(Envelope::read(id(), read).unwrap().receive_count, count, "{text}");
        }
    }
}
