//! Configuration of the functions of Kafka: the processor here, indexer and replay beside it.

mod letters;

use redrive_core::ids::QueueArn;
use redrive_core::kafka_security::{BadSecurity, KafkaSecurity};
use redrive_core::message::broker_envelope::KafkaOrder;

use super::fields::{self, QueueSetting};
use super::{BrokerProcessing, ConfigError, FunctionIdentity, Reader};

pub use letters::{KafkaIndexerConfig, KafkaReplayConfig};

const TOPICS: &str = "KAFKA_TOPICS";
const CLUSTER: &str = "KAFKA_CLUSTER";
const BROKERS: &str = "KAFKA_BOOTSTRAP_SERVERS";
const DEAD_LETTERS: &str = "KAFKA_DEAD_LETTER_TOPIC";
const SECURITY: &str = "KAFKA_SECURITY";
const USER: &str = "KAFKA_USER";
const PASSWORD: &str = "KAFKA_PASSWORD";
const ORDER: &str = "KAFKA_ORDER";
const ANSWER: &str = "KAFKA_ANSWER";
const NULL_KEY: &str = "KAFKA_NULL_KEY";

/// Answer to Lambda if a record of a batch is not done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum KafkaAnswer {
    /// The invocation fails, and the whole batch comes again: right under every event source mapping.
    Fail,
    /// The records are named. An event source mapping without `ReportBatchItemFailures` reads no names, and commits all of them.
    Partial,
}

/// Configuration of the processor of a Kafka topic.
#[derive(Debug, Clone)]
pub struct KafkaConfig {
    /// Identity of this function.
    pub function: FunctionIdentity,
    /// Topics whose records are taken, at least one. Letters are named after the first.
    pub topics: Vec<String>,
    /// Brokers to begin with, as `host:port,host:port`.
    pub bootstrap_servers: String,
    /// Encryption of the connections, and the login.
    pub security: KafkaSecurity,
    /// Topic that dead records are written to; none of `topics`.
    pub dead_letter_topic: String,
    /// Order in which records run.
    pub order: KafkaOrder,
    /// Answer to Lambda if a record is not done.
    pub answer: KafkaAnswer,
    /// Settings by which handlers run.
    pub processing: BrokerProcessing,
}

impl KafkaConfig {
    /// Reads the configuration from the environment.
    ///
    /// # Errors
    /// [`ConfigError`] lists everything that is wrong.
    pub fn read(lookup: impl Fn(&str) -> Option<String>) -> Result<Self, ConfigError> {
        let mut reader = Reader::new(&lookup);
        let function = fields::function(&mut reader);
        let (topics, source) = topics_and_source(&mut reader);
        let bootstrap_servers = reader.required(BROKERS, brokers);
        let security = security(&mut reader);
        let dead_letter_topic = reader.required(DEAD_LETTERS, topic);
        another_topic(&mut reader, topics.as_deref(), dead_letter_topic.as_deref());
        let order = reader.optional(ORDER, "partition", |word| {
            KafkaOrder::parse(word).ok_or_else(|| "partition, key or none".to_owned())
        });
        let answer = reader.optional(ANSWER, "fail", answer);
        let processing = BrokerProcessing::read(&mut reader, source.as_ref());
        reader.finish(|| {
            Some(Self {
                function: function?,
                topics: topics?,
                bootstrap_servers: bootstrap_servers?,
                security: security?,
                dead_letter_topic: dead_letter_topic?,
                order: order?,
                answer: answer?,
                processing: processing?,
            })
        })
    }
}

/// Topics, and the source that letters are named after.
fn topics_and_source(reader: &mut Reader<'_>) -> (Option<Vec<String>>, Option<QueueSetting>) {
    let topics: Option<Vec<String>> =
        reader.required(TOPICS, |text| text.split(',').map(str::trim).map(topic).collect());
    let cluster = reader.required(CLUSTER, fields::scope_name);
    let source = source(cluster.as_ref().map(|cluster| cluster.as_str()), topics.as_deref());
    (topics, source)
}

/// Address of the source, which stands where a queue has its ARN.
fn source(cluster: Option<&str>, topics: Option<&[String]>) -> Option<QueueSetting> {
    let name = topics?.first()?.clone();
    let arn = QueueArn::new(format!("kafka://{}/{name}", cluster?))?;
    Some(QueueSetting { arn, name })
}

/// Name of a topic, by Kafka's rule.
fn topic(text: &str) -> Result<String, String> {
    let fits = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_' | b'-');
    match text {
        "" | "." | ".." => Err(()),
        name if name.len() <= 249 && name.bytes().all(fits) => Ok(name.to_owned()),
        _ => Err(()),
    }
    .map_err(|()| "names of topics, parted by commas where there may be several".to_owned())
}

fn brokers(text: &str) -> Result<String, String> {
    let is_address = |address: &str| {
        address.trim().rsplit_once(':').is_some_and(|(host, port)| !host.is_empty() && port.parse::<u16>().is_ok())
    };
    match text.split(',').all(is_address) {
        true => Ok(text.to_owned()),
        false => Err("brokers as host:port, parted by commas".to_owned()),
    }
}

fn security(reader: &mut Reader<'_>) -> Option<KafkaSecurity> {
    let (user, password) = (reader.text(USER), reader.text(PASSWORD));
    let read = reader.required(SECURITY, |word| match KafkaSecurity::parse(word, user.clone(), password.clone()) {
        Err(BadSecurity::Word) => Err(KafkaSecurity::WORDS.to_owned()),
        read => Ok(read),
    })?;
    read.map_err(|why| reader.refuse(SECURITY, why.to_string(), format!("{USER} and {PASSWORD} with a mechanism"))).ok()
}

fn answer(word: &str) -> Result<KafkaAnswer, String> {
    match word {
        "fail" => Ok(KafkaAnswer::Fail),
        "partial" => Ok(KafkaAnswer::Partial),
        _ => Err("fail (the whole batch comes again), or partial, if the event source mapping has \
                  ReportBatchItemFailures"
            .to_owned()),
    }
}

/// Refuses a dead letter topic that is read here, too: each dead record would come back, and die again.
fn another_topic(reader: &mut Reader<'_>, topics: Option<&[String]>, dead: Option<&str>) {
    let (Some(topics), Some(dead)) = (topics, dead) else { return };
    if topics.iter().any(|topic| topic == dead) {
        reader.refuse(DEAD_LETTERS, format!("is {dead:?}, which is among {TOPICS}"), "a topic that is not read here");
    }
}
