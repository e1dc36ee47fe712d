//! Configuration of the indexer of a dead letter topic, and of the replay to its topic.

use redrive_core::kafka_security::KafkaSecurity;

use super::{
    ANSWER, BROKERS, DEAD_LETTERS, KafkaAnswer, NULL_KEY, another_topic, answer, brokers, security, topic,
    topics_and_source,
};
use crate::config::{BrokerIndexing, BrokerReplaying, ConfigError, FunctionIdentity, Reader, fields};

/// Configuration of the indexer of a dead letter topic.
#[derive(Debug, Clone)]
pub struct KafkaIndexerConfig {
    /// Identity of this function.
    pub function: FunctionIdentity,
    /// Topics whose records die there, at least one. Letters are named after the first.
    pub topics: Vec<String>,
    /// Topic whose records become letters; none of `topics`.
    pub dead_letter_topic: String,
    /// Answer to Lambda if a record is no letter yet.
    pub answer: KafkaAnswer,
    /// Settings by which records become letters.
    pub indexing: BrokerIndexing,
}

impl KafkaIndexerConfig {
    /// Reads the configuration from the environment.
    ///
    /// # Errors
    /// [`ConfigError`] lists everything that is wrong.
    pub fn read(lookup: impl Fn(&str) -> Option<String>) -> Result<Self, ConfigError> {
        let mut reader = Reader::new(&lookup);
        let function = fields::function(&mut reader);
        let (topics, source) = topics_and_source(&mut reader);
        let dead_letter_topic = reader.required(DEAD_LETTERS, topic);
        another_topic(&mut reader, topics.as_deref(), dead_letter_topic.as_deref());
        let answer = reader.optional(ANSWER, "fail", answer);
        let indexing = BrokerIndexing::read(&mut reader, source.as_ref());
        reader.finish(|| {
            Some(Self {
                function: function?,
                topics: topics?,
                dead_letter_topic: dead_letter_topic?,
                answer: answer?,
                indexing: indexing?,
            })
        })
    }
}

/// Configuration of the replay to a topic.
#[derive(Debug, Clone)]
pub struct KafkaReplayConfig {
    /// Identity of this function.
    pub function: FunctionIdentity,
    /// Topic that letters go back to: the first of those that are configured, and none that a record names.
    pub topic: String,
    /// True if a record with a null key goes to the partition where it stood at first; else to any.
    pub null_key_to_original: bool,
    /// Brokers to begin with, as `host:port,host:port`.
    pub bootstrap_servers: String,
    /// Encryption of the connections, and the login.
    pub security: KafkaSecurity,
    /// Settings by which letters go back.
    pub replaying: BrokerReplaying,
}

impl KafkaReplayConfig {
    /// Reads the configuration from the environment.
    ///
    /// # Errors
    /// [`ConfigError`] lists everything that is wrong.
    pub fn read(lookup: impl Fn(&str) -> Option<String>) -> Result<Self, ConfigError> {
        let mut reader = Reader::new(&lookup);
        let function = fields::function(&mut reader);
        let (topics, source) = topics_and_source(&mut reader);
        let null_key_to_original = reader.optional(NULL_KEY, "any", |word| match word {
            "any" => Ok(false),
            "original" => Ok(true),
            _ => Err("any, or original (the partition where a record stood at first, where that is known)".to_owned()),
        });
        let bootstrap_servers = reader.required(BROKERS, brokers);
        let security = security(&mut reader);
        let replaying = BrokerReplaying::read(&mut reader, source.as_ref());
        reader.finish(|| {
            Some(Self {
                function: function?,
                topic: topics?.into_iter().next()?,
                null_key_to_original: null_key_to_original?,
                bootstrap_servers: bootstrap_servers?,
                security: security?,
                replaying: replaying?,
            })
        })
    }
}
