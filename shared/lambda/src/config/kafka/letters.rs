//! Configuration of the indexer of a dead letter topic, and of the replay to its topic.

use std::time::Duration;

use redrive_core::kafka_security::KafkaSecurity;
use redrive_core::letters::policy::Policy;
use redrive_core::message::decode::Reading;
use redrive_core::processing::mask::Masks;
use redrive_core::replay::AllowedActions;
use redrive_core::settings;

use super::{
    ANSWER, BROKERS, DEAD_LETTERS, KafkaAnswer, NULL_KEY, another_topic, answer, brokers, security, topic,
    topics_and_source,
};
use crate::config::{ConfigError, FunctionIdentity, Reader, fields};

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
    /// The ledger, if the consumer keeps one.
    pub ledger_table: Option<String>,
    /// Table of the letters.
    pub letter_table: String,
    /// Configuration by which records are read: the processor's own, or the keys would differ.
    pub reading: Reading,
    /// Policy of the letters. Without a ledger only a person replays.
    pub policy: Policy,
    /// Values that are masked out of the reasons that records bring with them.
    pub masks: Masks,
    /// ARN of the bus on which other systems are told of letters, if there is one.
    pub event_bus: Option<String>,
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
        let ledger_table = fields::ledger(&mut reader);
        let letter_table = fields::table(&mut reader, "DEAD_LETTER_TABLE_NAME");
        let reading = fields::reading(&mut reader, source.as_ref());
        let policy = policy(&mut reader, ledger_table.as_ref());
        let masks = fields::masks(&mut reader);
        let event_bus = fields::event_bus(&mut reader);
        reader.finish(|| {
            Some(Self {
                function: function?,
                topics: topics?,
                dead_letter_topic: dead_letter_topic?,
                answer: answer?,
                ledger_table: ledger_table?,
                letter_table: letter_table?,
                reading: reading?,
                policy: policy?,
                masks: masks?,
                event_bus: event_bus?,
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
    /// The ledger, if the consumer keeps one.
    pub ledger_table: Option<String>,
    /// Time for which the ledger remembers a key.
    pub ledger_retention: Duration,
    /// Table of the letters.
    pub letter_table: String,
    /// Configuration by which records are read.
    pub reading: Reading,
    /// Policy of the letters. Without a ledger only a person replays.
    pub policy: Policy,
    /// Requests that this function carries out.
    pub allowed_actions: AllowedActions,
    /// ARN of the bus on which other systems are told of letters and jobs, if there is one.
    pub event_bus: Option<String>,
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
        let ledger_table = fields::ledger(&mut reader);
        let retention = reader.number(&settings::LEDGER_RETENTION_DAYS);
        let letter_table = fields::table(&mut reader, "DEAD_LETTER_TABLE_NAME");
        let reading = fields::reading(&mut reader, source.as_ref());
        let policy = policy(&mut reader, ledger_table.as_ref());
        let allowed_actions = fields::allowed_actions(&mut reader);
        let event_bus = fields::event_bus(&mut reader);
        reader.finish(|| {
            Some(Self {
                function: function?,
                topic: topics?.into_iter().next()?,
                null_key_to_original: null_key_to_original?,
                bootstrap_servers: bootstrap_servers?,
                security: security?,
                ledger_table: ledger_table?,
                ledger_retention: fields::days(retention?),
                letter_table: letter_table?,
                reading: reading?,
                policy: policy?,
                allowed_actions: allowed_actions?,
                event_bus: event_bus?,
            })
        })
    }
}

/// Policy of the letters of a topic, which asks where there is no ledger.
fn policy(reader: &mut Reader<'_>, ledger: Option<&Option<String>>) -> Option<Policy> {
    let policy = fields::policy(reader)?;
    Some(if ledger?.is_some() { policy } else { policy.asking() })
}
