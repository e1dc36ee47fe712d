//! Configuration of the indexer of a RabbitMQ dead letter queue, and of the replay to its queue.

use redrive_core::login::Login;
use redrive_core::message::broker_record::RabbitQueue;
use redrive_core::rabbit_endpoint::RabbitEndpoint;

use super::{dead_letter_queue, endpoint_and_login, needs_id, queue_and_source};
use crate::config::{BrokerIndexing, BrokerReplaying, ConfigError, FunctionIdentity, Reader, fields};

/// Configuration of the indexer of a RabbitMQ dead letter queue.
#[derive(Debug, Clone)]
pub struct RabbitIndexerConfig {
    /// Identity of this function.
    pub function: FunctionIdentity,
    /// Queue whose messages die there. Letters are named after it.
    pub queue: RabbitQueue,
    /// Queue whose messages become letters, of the same virtual host.
    pub dead_letter_queue: RabbitQueue,
    /// True if the processor refuses a message that has neither `message-id` nor a key.
    pub needs_id: bool,
    /// Settings by which messages become letters.
    pub indexing: BrokerIndexing,
}

impl RabbitIndexerConfig {
    /// Reads the configuration from the environment.
    ///
    /// # Errors
    /// [`ConfigError`] lists everything that is wrong.
    pub fn read(lookup: impl Fn(&str) -> Option<String>) -> Result<Self, ConfigError> {
        let mut reader = Reader::new(&lookup);
        let function = fields::function(&mut reader);
        let (queue, source) = queue_and_source(&mut reader);
        let dead = dead_letter_queue(&mut reader, queue.as_ref());
        let needs_id = needs_id(&mut reader);
        let indexing = BrokerIndexing::read(&mut reader, source.as_ref());
        reader.finish(|| {
            let queue = queue?;
            Some(Self {
                function: function?,
                dead_letter_queue: RabbitQueue { vhost: queue.vhost.clone(), name: dead? },
                queue,
                needs_id: needs_id?,
                indexing: indexing?,
            })
        })
    }
}

/// Configuration of the replay to a RabbitMQ queue.
#[derive(Debug, Clone)]
pub struct RabbitReplayConfig {
    /// Identity of this function.
    pub function: FunctionIdentity,
    /// Queue that letters go back to: no message names another.
    pub queue: RabbitQueue,
    /// Address of the broker.
    pub endpoint: RabbitEndpoint,
    /// User of the broker, with the password.
    pub login: Login,
    /// Settings by which letters go back.
    pub replaying: BrokerReplaying,
}

impl RabbitReplayConfig {
    /// Reads the configuration from the environment.
    ///
    /// # Errors
    /// [`ConfigError`] lists everything that is wrong.
    pub fn read(lookup: impl Fn(&str) -> Option<String>) -> Result<Self, ConfigError> {
        let mut reader = Reader::new(&lookup);
        let function = fields::function(&mut reader);
        let (queue, source) = queue_and_source(&mut reader);
        let (endpoint, login) = endpoint_and_login(&mut reader);
        let replaying = BrokerReplaying::read(&mut reader, source.as_ref());
        reader.finish(|| {
            Some(Self { function: function?, queue: queue?, endpoint: endpoint?, login: login?, replaying: replaying? })
        })
    }
}
