//! Queues of one test on a real broker, and a way to it that can be cut.

use std::sync::Arc;
use std::time::Duration;

use futures_util::StreamExt;
use lapin::message::Delivery;
use lapin::options::{BasicConsumeOptions, QueueDeclareOptions, QueueDeleteOptions};
use lapin::types::{AMQPValue, FieldTable};
use lapin::uri::{AMQPUri, AMQPUserInfo};
use lapin::{Channel, Connection, ConnectionProperties};
use redrive_core::ids::{LetterId, MessageId, ReplayNumber};
use redrive_core::login::Login;
use redrive_core::message::broker_record::{BrokerRecord, RabbitMessage, RabbitQueue};
use redrive_core::ports::DelayedCopy;
use redrive_core::rabbit_endpoint::RabbitEndpoint;
use redrive_core::replay::Outgoing;
use redrive_rabbitmq::{Broker, DelayStep};

pub(crate) mod way;

/// Time within which everything that is awaited happens: a broker tries a copy again after three minutes.
const PATIENCE: Duration = Duration::from_secs(240);

/// Broker that the tests use, with its login.
fn given() -> AMQPUri {
    let text = std::env::var("REDRIVE_TEST_AMQP").expect("REDRIVE_TEST_AMQP is not set: make test-rabbitmq sets it");
    text.parse().expect("REDRIVE_TEST_AMQP must be like amqp://guest:guest@127.0.0.1:5672")
}

/// Address of the broker that the tests use.
pub(crate) fn endpoint() -> RabbitEndpoint {
    let AMQPUri { authority, .. } = given();
    RabbitEndpoint { encrypted: false, host: authority.host, port: authority.port }
}

pub(crate) fn login() -> Login {
    let AMQPUserInfo { username, password } = given().authority.userinfo;
    Login { user: username, password }
}

/// Broker of the code under test.
pub(crate) fn broker(at: &RabbitEndpoint) -> Broker {
    Broker::new(at, "/", &login())
}

/// Queues with names of their own, which go with the bench.
pub(crate) struct Bench {
    name: String,
    connection: Connection,
}

impl Bench {
    pub(crate) async fn start() -> Self {
        let uri = AMQPUri { vhost: "/".to_owned(), ..given() };
        let connection = Connection::connect_uri(uri, ConnectionProperties::default()).await.unwrap();
        Self { name: format!("test-{}", uuid::Uuid::new_v4()), connection }
    }

    /// Name of a queue of this test.
    pub(crate) fn queue(&self, name: &str) -> String {
        format!("{}.{name}", self.name)
    }

    pub(crate) async fn channel(&self) -> Channel {
        self.connection.create_channel().await.unwrap()
    }

    /// Declares a queue with these arguments, and returns its name.
    pub(crate) async fn declare(&self, name: &str, arguments: &[(&str, AMQPValue)]) -> String {
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
    pub(crate) async fn ready(&self, queue: &str) -> Option<u32> {
        let options = QueueDeclareOptions { passive: true, ..QueueDeclareOptions::default() };
        let found = self.channel().await.queue_declare(queue.into(), options, FieldTable::default()).await;
        found.ok().map(|queue| queue.message_count())
    }

    /// Takes so many messages of a queue, in their order. Waits for them.
    pub(crate) async fn take(&self, queue: &str, count: usize) -> Vec<Delivery> {
        let options = BasicConsumeOptions { no_ack: true, ..BasicConsumeOptions::default() };
        let channel = self.channel().await;
        let consumer =
            channel.basic_consume(queue.into(), "test".into(), options, FieldTable::default()).await.unwrap();
        let messages = consumer.take(count).map(Result::unwrap).collect();
        tokio::time::timeout(PATIENCE, messages).await.expect("messages of the queue")
    }

    /// Deletes a queue. Returns how many messages it had.
    pub(crate) async fn delete(&self, queue: &str) -> u32 {
        self.channel().await.queue_delete(queue.into(), QueueDeleteOptions::default()).await.unwrap()
    }

    /// Deletes every queue of the test, so that the broker has nothing of it.
    pub(crate) async fn end(self) {
        for name in ["main", "dead", "other"].map(|name| self.queue(name)) {
            for step in DelayStep::all() {
                self.delete(&step.queue(&name)).await;
            }
            self.delete(&name).await;
        }
    }
}

/// Message that a producer has sent to the main queue.
pub(crate) fn message(body: &[u8]) -> RabbitMessage {
    RabbitMessage { body: body.to_vec(), ..RabbitMessage::of(RabbitQueue::parse("main::/")) }
}

pub(crate) fn outgoing(record: Option<BrokerRecord>) -> Outgoing {
    Outgoing {
        letter: LetterId::parse("9f1b3c1e-8a51-5c65-9d3e-111111111111").unwrap(),
        number: ReplayNumber(0),
        body: String::new(),
        attributes: Default::default(),
        group: None,
        deduplication: String::new(),
        record: record.map(Arc::new),
    }
}

/// Messages with these bodies, on their way.
pub(crate) fn outgoing_with(bodies: &[&str]) -> Vec<Outgoing> {
    let record = |body: &&str| outgoing(Some(BrokerRecord::RabbitMq(Box::new(message(body.as_bytes())))));
    bodies.iter().map(record).collect()
}

/// Copies of messages with these bodies, whose ids are the bodies, and the seconds that they wait for.
pub(crate) fn copies(bodies: &[(&str, u64)]) -> Vec<DelayedCopy> {
    let copy = |(body, seconds): &(&str, u64)| copy_of(message(body.as_bytes()), body, *seconds);
    bodies.iter().map(copy).collect()
}

pub(crate) fn copy_of(message: RabbitMessage, id: &str, seconds: u64) -> DelayedCopy {
    DelayedCopy {
        message_id: MessageId::new(id).unwrap(),
        record: Arc::new(BrokerRecord::RabbitMq(Box::new(message))),
        delay: Duration::from_secs(seconds),
    }
}

/// Bodies of messages as texts.
pub(crate) fn bodies(messages: &[Delivery]) -> Vec<String> {
    messages.iter().map(|message| String::from_utf8(message.data.clone()).unwrap()).collect()
}
