//! The topic that letters come from, as replay writes to it.

use redrive_core::ids::MessageId;
use redrive_core::message::broker_record::KafkaRecord;
use redrive_core::ports::{Outbox, Unavailable};
use redrive_core::replay::Outgoing;

use crate::brokers::Brokers;
use crate::topic_writer::TopicWriter;

/// Partition of a record whose key is null.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum NullKey {
    /// Any, as a producer has it.
    #[default]
    Any,
    /// The one where it stood at first, where that is known.
    Original,
}

/// Topic that letters go back to. It is of the configuration: what a record says of a topic chooses none.
pub struct SourceTopic {
    topic: String,
    null_key: NullKey,
    writer: TopicWriter,
}

impl SourceTopic {
    /// Topic of this name in this cluster. Connects to nothing yet.
    #[must_use]
    pub fn new(topic: &str, brokers: Brokers, null_key: NullKey) -> Self {
        Self { topic: topic.to_owned(), null_key, writer: TopicWriter::new(topic, brokers) }
    }

    /// Partition of a record; `None`: its key chooses it, or chance.
    fn partition(&self, record: &KafkaRecord) -> Option<i32> {
        let asked_for = self.null_key == NullKey::Original && record.key.is_none();
        (asked_for && record.position.topic == self.topic).then_some(record.position.partition)
    }
}

impl Outbox for SourceTopic {
    /// Writes records, and waits until each is answered. If one of them may be written all the same, nothing is known of the
    /// batch: each letter of it is in doubt, and the ledger finds out which of them have run.
    async fn send(&self, messages: Vec<Outgoing>) -> Result<Vec<Result<MessageId, String>>, Unavailable> {
        let answers = self.writer.write(&messages, |record| self.partition(record)).await?;
        let doubtful = answers.iter().filter_map(|answer| answer.as_ref().err()).find(|why| why.possibly_written);
        if let Some(why) = doubtful {
            return Err(Unavailable { service: "Kafka", action: "answer about records", why: why.code.clone() });
        }
        Ok(answers.into_iter().map(|answer| answer.map(|at| at.message_id()).map_err(|why| why.code)).collect())
    }
}
