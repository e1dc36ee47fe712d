//! The dead letter queue, as the processor writes to it.

use redrive_core::ids::MessageId;
use redrive_core::ports::{Outbox, Unavailable};
use redrive_core::replay::Outgoing;

use crate::broker::Broker;
use crate::publishing::send;

/// Queue for the dead. It must be there, and is never declared: a name that is mistyped would be a queue that nobody reads.
pub struct RabbitOutbox {
    queue: String,
    broker: Broker,
}

impl RabbitOutbox {
    /// Queue of this name at this broker. Connects to nothing yet.
    #[must_use]
    pub fn new(queue: &str, broker: Broker) -> Self {
        Self { queue: queue.to_owned(), broker }
    }
}

impl Outbox for RabbitOutbox {
    /// Publishes messages, and waits until each is confirmed. One that was returned, refused or not answered is not there; it may be
    /// there all the same, and comes again.
    async fn send(&self, messages: Vec<Outgoing>) -> Result<Vec<Result<MessageId, String>>, Unavailable> {
        let answers = send(&self.broker, &self.queue, &messages).await?;
        Ok(answers.into_iter().map(|answer| answer.map_err(|why| why.code)).collect())
    }
}
