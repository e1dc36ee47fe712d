//! The queue that letters come from, as replay writes to it.

use std::time::Duration;

use lapin::options::QueueDeclareOptions;
use lapin::types::{FieldTable, ShortString};
use redrive_core::ids::MessageId;
use redrive_core::ports::{Outbox, Unavailable};
use redrive_core::replay::Outgoing;

use tokio::time::timeout;

use crate::broker::{Broker, NO_ANSWER, code};
use crate::publishing::send;

/// Time for the answer about the queue.
const ANSWER: Duration = Duration::from_secs(5);

/// Queue that letters go back to. It is of the configuration: what a message says of a queue chooses none.
#[derive(Clone)]
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

    /// Number of messages that wait in the queue: not those in flight, and not those that wait in delay queues.
    ///
    /// # Errors
    /// [`Unavailable`] if the broker cannot be reached, or has no such queue.
    pub async fn waiting(&self) -> Result<u64, Unavailable> {
        let unavailable = |why| Unavailable { service: "RabbitMQ", action: "say how much waits", why };
        let open = self.broker.channel().await.map_err(unavailable)?;
        // Without it the queue would be made where there is none.
        let options = QueueDeclareOptions { passive: true, ..QueueDeclareOptions::default() };
        let name = ShortString::try_new(self.queue.as_str()).map_err(|_| unavailable("QueueNameTooLong".to_owned()))?;
        let answer = timeout(ANSWER, open.channel.queue_declare(name, options, FieldTable::default())).await;
        let queue =
            answer.map_err(|_| unavailable(NO_ANSWER.to_owned()))?.map_err(|error| unavailable(code(&error)))?;
        Ok(queue.message_count().into())
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
