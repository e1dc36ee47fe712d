//! The queue that letters come from, as replay writes to it.

use redrive_core::ids::MessageId;
use redrive_core::ports::{Outbox, Unavailable};
use redrive_core::replay::Outgoing;

use crate::broker::Broker;
use crate::publishing::send;

/// Queue that letters go back to. It is of the configuration: what a message says of a queue chooses none.
pub struct SourceQueue {
    queue: String,
    broker: Broker,
}

impl SourceQueue {
    /// Queue of this name at this broker. Connects to nothing yet, and declares nothing.
    #[must_use]
    pub fn new(queue: &str, broker: Broker) -> Self {
        Self { queue: queue.to_owned(), broker }
    }
}

impl Outbox for SourceQueue {
    /// Publishes messages, and waits until each is confirmed. If one of them may be there all the same, nothing is known of the batch:
    /// each letter of it is in doubt, and the ledger finds out which of them have run.
    async fn send(&self, messages: Vec<Outgoing>) -> Result<Vec<Result<MessageId, String>>, Unavailable> {
        let answers = send(&self.broker, &self.queue, &messages).await?;
        let doubtful = answers.iter().filter_map(|answer| answer.as_ref().err()).find(|why| why.possibly_taken);
        if let Some(why) = doubtful {
            return Err(Unavailable { service: "RabbitMQ", action: "answer about messages", why: why.code.clone() });
        }
        Ok(answers.into_iter().map(|answer| answer.map_err(|why| why.code)).collect())
    }
}
