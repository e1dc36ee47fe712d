//! A RabbitMQ queue with a delay queue for each step, and Lambda's mapping of it: a batch is acknowledged whole, or comes again whole.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use redrive_core::ids::MessageId;
use redrive_core::message::broker_record::{BrokerRecord, RabbitMessage, RabbitQueue};
use redrive_core::ports::{DelayBy, DelayedCopy, MainQueue, Outbox, Unavailable, VisibilityChange};
use redrive_core::replay::{Outgoing, sendable};
use redrive_core::time::Timestamp;

use crate::faults::{Faults, Trouble};
use crate::lock;

/// A queue. Clones share it.
///
/// A process takes its own view of it by [`Self::with_faults`].
#[derive(Debug, Clone)]
pub struct ModelRabbitQueue {
    queue: RabbitQueue,
    state: Arc<Mutex<Vec<QueuedMessage>>>,
    faults: Faults,
}

#[derive(Debug)]
struct QueuedMessage {
    message: RabbitMessage,
    ready_at: Timestamp,
    in_flight: bool,
}

impl ModelRabbitQueue {
    /// An empty queue of the default virtual host.
    #[must_use]
    pub fn new(name: &str) -> Self {
        Self { queue: RabbitQueue::parse(name), state: Arc::default(), faults: Faults::none() }
    }

    /// The same queue, as the process of `faults` sees it.
    #[must_use]
    pub fn with_faults(self, faults: Faults) -> Self {
        Self { faults, ..self }
    }

    /// A producer publishes a message.
    pub fn publish(&self, message_id: Option<&str>, body: &[u8]) {
        let mut message = RabbitMessage { body: body.to_vec(), ..RabbitMessage::of(self.queue.clone()) };
        message.properties.message_id = message_id.map(str::to_owned);
        self.add(message, Duration::ZERO);
    }

    /// Returns every message that the queue or its delay queues have, in flight or not.
    #[must_use]
    pub fn messages(&self) -> Vec<RabbitMessage> {
        lock(&self.state).iter().map(|held| held.message.clone()).collect()
    }

    /// Takes a batch of at most so many messages, whose delay is over.
    #[must_use]
    pub fn take(&self, at_most: usize) -> Vec<RabbitMessage> {
        let now = self.faults.clock().now();
        let mut state = lock(&self.state);
        let ready = state.iter_mut().filter(|held| !held.in_flight && held.ready_at <= now).take(at_most);
        let hand_out = |held: &mut QueuedMessage| {
            held.in_flight = true;
            held.message.clone()
        };
        ready.map(hand_out).collect()
    }

    /// Ends the batch that is in flight: acknowledges all of it, or puts all of it back.
    pub fn settle(&self, acknowledged: bool) {
        let mut state = lock(&self.state);
        if acknowledged {
            state.retain(|held| !held.in_flight);
        }
        for held in state.iter_mut().filter(|held| held.in_flight) {
            (held.in_flight, held.message.redelivered) = (false, true);
        }
    }

    /// Takes a message with all of its headers, as a client that publishes to the queue.
    pub fn add(&self, message: RabbitMessage, delay: Duration) {
        let ready_at = self.faults.clock().now().after(delay);
        let message = RabbitMessage { queue: self.queue.clone(), ..message };
        lock(&self.state).push(QueuedMessage { message, ready_at, in_flight: false });
    }
}

impl MainQueue for ModelRabbitQueue {
    const DELAY: DelayBy = DelayBy::Copy;

    async fn change_visibility(&self, changes: Vec<VisibilityChange>) -> Vec<(MessageId, String)> {
        changes.into_iter().map(|change| (change.message_id, "NoVisibility".to_owned())).collect()
    }

    async fn delay(&self, copies: Vec<DelayedCopy>) -> Vec<(MessageId, String)> {
        let (queue, sent) = (self.clone(), copies.clone());
        let publish = move |trouble: Trouble| {
            let publish = |(index, copy): (usize, &DelayedCopy)| {
                let BrokerRecord::RabbitMq(message) = &*copy.record else { return Some("another broker's") };
                if trouble.refuses(index) {
                    return Some("nack");
                }
                queue.add(sendable(message), copy.delay);
                None
            };
            let refused = sent.iter().enumerate().map(publish).zip(&sent);
            let refused = refused.filter_map(|(code, copy)| Some((copy.message_id.clone(), code?.to_owned())));
            refused.collect::<Vec<_>>()
        };
        let answer = self.faults.call("delay queue", "publish copies", publish).await;
        answer.unwrap_or_else(|error| copies.into_iter().map(|copy| (copy.message_id, error.why.clone())).collect())
    }
}

impl Outbox for ModelRabbitQueue {
    async fn send(&self, messages: Vec<Outgoing>) -> Result<Vec<Result<MessageId, String>>, Unavailable> {
        let queue = self.clone();
        let publish = move |trouble: Trouble| {
            let send = |(index, message): (usize, &Outgoing)| match message.record.as_deref() {
                Some(record @ BrokerRecord::RabbitMq(message)) if !trouble.refuses(index) => {
                    let id = record.message_id();
                    queue.add((**message).clone(), Duration::ZERO);
                    Ok(id)
                }
                Some(_) => Err("nack".to_owned()),
                None => Err("another broker's".to_owned()),
            };
            messages.iter().enumerate().map(send).collect::<Vec<_>>()
        };
        self.faults.call("dead letter queue", "publish messages", publish).await
    }
}
