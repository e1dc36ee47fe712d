//! The dead letter topic, as the processor writes to it.

use redrive_core::ids::MessageId;
use redrive_core::ports::{Outbox, Unavailable};
use redrive_core::replay::Outgoing;

use crate::brokers::Brokers;
use crate::topic_writer::TopicWriter;

/// Topic for the dead. The connection is made with the first of them: most invocations have none.
pub struct DeadLetterTopic(TopicWriter);

impl DeadLetterTopic {
    /// Topic of this name in this cluster. Connects to nothing yet.
    #[must_use]
    pub fn new(topic: &str, brokers: Brokers) -> Self {
        Self(TopicWriter::new(topic, brokers))
    }
}

impl Outbox for DeadLetterTopic {
    /// Writes records, and waits until each is read as written. What timed out may be written all the same: it is answered as
    /// refused, and comes again.
    async fn send(&self, messages: Vec<Outgoing>) -> Result<Vec<Result<MessageId, String>>, Unavailable> {
        let answers = self.0.write(&messages, |_| None).await?;
        Ok(answers.into_iter().map(|answer| answer.map(|at| at.message_id()).map_err(|why| why.code)).collect())
    }
}
