//! Queues of one test on a real broker: for tests alone.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "for tests alone")]

use std::time::Duration;

use futures_util::StreamExt;
use lapin::message::Delivery;
use lapin::options::{BasicConsumeOptions, QueueDeclareOptions, QueueDeleteOptions};
use lapin::types::{AMQPValue, FieldTable};
use lapin::uri::AMQPUri;
use lapin::{Channel, Connection, ConnectionProperties};
use redrive_core::login::Login;
use redrive_core::rabbit_endpoint::RabbitEndpoint;

use crate::DelayStep;

/// Time within which everything that is awaited happens: a broker tries a copy again after three minutes.
const PATIENCE: Duration = Duration::from_secs(240);

/// Queues with names of their own, which go with the test.
pub struct RabbitBench {
    uri: AMQPUri,
    name: String,
    connection: Connection,
}

impl RabbitBench {
    /// Connects to the broker of this address, as `make test-rabbitmq` gives it: with a login, like
    /// `amqp://guest:guest@127.0.0.1:5672`.
    ///
    /// # Panics
    /// If there is none, as everything here does whose test cannot go on.
    pub async fn start(address: &str) -> Self {
        let given: AMQPUri = address.parse().expect("an address like amqp://guest:guest@127.0.0.1:5672");
        let uri = AMQPUri { vhost: "/".to_owned(), ..given };
        let connection = Connection::connect_uri(uri.clone(), ConnectionProperties::default()).await.unwrap();
        Self { uri, name: format!("test-{}", uuid::Uuid::new_v4()), connection }
    }

    /// Address of the broker.
    #[must_use]
    pub fn endpoint(&self) -> RabbitEndpoint {
        RabbitEndpoint { encrypted: false, host: self.uri.authority.host.clone(), port: self.uri.authority.port }
    }

    /// Login of the user whom `make test-rabbitmq` gives the rights of a function's, and no other.
    #[must_use]
    pub fn publisher() -> Login {
        Login { user: "publisher".to_owned(), password: "publisher".to_owned() }
    }

    /// Name of a queue of this test: `main`, `dead` or `other`.
    #[must_use]
    pub fn queue(&self, name: &str) -> String {
        format!("{}.{name}", self.name)
    }

    async fn channel(&self) -> Channel {
        self.connection.create_channel().await.unwrap()
    }

    /// Declares a queue with these arguments, and returns its name.
    pub async fn declare(&self, name: &str, arguments: &[(&str, AMQPValue)]) -> String {
        let name = self.queue(name);
        let mut table = FieldTable::default();
        for (name, value) in arguments {
            table.insert((*name).into(), value.clone());
        }
        let options = QueueDeclareOptions { durable: true, ..QueueDeclareOptions::default() };
        self.channel().await.queue_declare(name.as_str().into(), options, table).await.unwrap();
        name
    }

    /// Number of messages that are ready in a queue; `None` if there is no such queue.
    pub async fn ready(&self, queue: &str) -> Option<u32> {
        let options = QueueDeclareOptions { passive: true, ..QueueDeclareOptions::default() };
        let found = self.channel().await.queue_declare(queue.into(), options, FieldTable::default()).await;
        found.ok().map(|queue| queue.message_count())
    }

    /// Takes so many messages of a queue, in their order. Waits for them.
    pub async fn take(&self, queue: &str, count: usize) -> Vec<Delivery> {
        let options = BasicConsumeOptions { no_ack: true, ..BasicConsumeOptions::default() };
        let channel = self.channel().await;
        let consumer =
            channel.basic_consume(queue.into(), "test".into(), options, FieldTable::default()).await.unwrap();
        let messages = consumer.take(count).map(Result::unwrap).collect();
        tokio::time::timeout(PATIENCE, messages).await.expect("messages of the queue")
    }

    /// Deletes every queue of the test, so that the broker has nothing of it.
    pub async fn end(self) {
        let channel = self.channel().await;
        for name in ["main", "dead", "other"].map(|name| self.queue(name)) {
            let delays = DelayStep::all().map(|step| step.queue(&name));
            for queue in delays.chain([name.clone()]) {
                channel.queue_delete(queue.as_str().into(), QueueDeleteOptions::default()).await.unwrap();
            }
        }
    }
}
