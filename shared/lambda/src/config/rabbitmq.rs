//! Configuration of the functions of RabbitMQ: the processor here, indexer and replay beside it.

mod letters;

use redrive_core::ids::QueueArn;
use redrive_core::login::Login;
use redrive_core::message::broker_record::RabbitQueue;
use redrive_core::rabbit_endpoint::RabbitEndpoint;

use super::fields::{self, QueueSetting};
use super::{BrokerProcessing, ConfigError, FunctionIdentity, Reader};

pub use letters::{RabbitIndexerConfig, RabbitReplayConfig};

const QUEUE: &str = "RABBITMQ_QUEUE";
const VIRTUAL_HOST: &str = "RABBITMQ_VIRTUAL_HOST";
const BROKER: &str = "RABBITMQ_BROKER";
const ENDPOINT: &str = "RABBITMQ_ENDPOINT";
const USER: &str = "RABBITMQ_USER";
const PASSWORD: &str = "RABBITMQ_PASSWORD";
const DEAD_LETTERS: &str = "RABBITMQ_DEAD_LETTER_QUEUE";
const WITHOUT_ID: &str = "RABBITMQ_WITHOUT_ID";

/// Limit of a virtual host's name in bytes, as AMQP has it.
const VIRTUAL_HOST_LIMIT: usize = 255;
/// Limit of a queue's name in bytes: AMQP's, less what the names of its delay queues have behind it.
const QUEUE_LIMIT: usize = 235;

/// Configuration of the processor of a RabbitMQ queue.
#[derive(Debug, Clone)]
pub struct RabbitConfig {
    /// Identity of this function.
    pub function: FunctionIdentity,
    /// Queue whose messages are taken.
    pub queue: RabbitQueue,
    /// Address of the broker.
    pub endpoint: RabbitEndpoint,
    /// User of the broker, with the password.
    pub login: Login,
    /// Queue that dead messages are published to; not `queue` itself.
    pub dead_letter_queue: String,
    /// True if a message without `message-id` may not use the hash of its body for a key.
    pub needs_id: bool,
    /// Settings by which handlers run.
    pub processing: BrokerProcessing,
}

impl RabbitConfig {
    /// Reads the configuration from the environment.
    ///
    /// # Errors
    /// [`ConfigError`] lists everything that is wrong.
    pub fn read(lookup: impl Fn(&str) -> Option<String>) -> Result<Self, ConfigError> {
        let mut reader = Reader::new(&lookup);
        let function = fields::function(&mut reader);
        let (queue, source) = queue_and_source(&mut reader);
        let (endpoint, login) = endpoint_and_login(&mut reader);
        let dead_letter_queue = dead_letter_queue(&mut reader, queue.as_ref());
        let needs_id = needs_id(&mut reader);
        let processing = BrokerProcessing::read(&mut reader, source.as_ref());
        reader.finish(|| {
            Some(Self {
                function: function?,
                queue: queue?,
                endpoint: endpoint?,
                login: login?,
                dead_letter_queue: dead_letter_queue?,
                needs_id: needs_id?,
                processing: processing?,
            })
        })
    }
}

/// Reads the queue, and the source that letters are named after: `rabbitmq://BROKER/QUEUE`.
fn queue_and_source(reader: &mut Reader<'_>) -> (Option<RabbitQueue>, Option<QueueSetting>) {
    let name = reader.required(QUEUE, queue_name);
    let vhost = reader.optional(VIRTUAL_HOST, "/", |text| match text.len() {
        1..=VIRTUAL_HOST_LIMIT => Ok(text.to_owned()),
        _ => Err(format!("the name of a virtual host, of at most {VIRTUAL_HOST_LIMIT} bytes")),
    });
    let broker = reader.required(BROKER, fields::scope_name);
    let source = broker.zip(name.clone()).and_then(|(broker, name)| {
        let arn = QueueArn::new(format!("rabbitmq://{}/{name}", broker.as_str()))?;
        Some(QueueSetting { arn, name })
    });
    let queue = name.zip(vhost).map(|(name, vhost)| RabbitQueue { vhost, name });
    (queue, source)
}

/// Reads the address of the broker and the login. Neither a user nor a password is ever repeated.
fn endpoint_and_login(reader: &mut Reader<'_>) -> (Option<RabbitEndpoint>, Option<Login>) {
    let text = reader.text(ENDPOINT);
    let endpoint = RabbitEndpoint::parse(text.as_deref().unwrap_or_default());
    let wrong = if text.is_some() { "is no address of a broker" } else { "is not set" };
    let endpoint = endpoint.map_err(|allowed| reader.refuse(ENDPOINT, wrong, allowed.to_string())).ok();
    let mut secret = |variable: &str| {
        let text = reader.text(variable);
        if text.is_none() {
            reader.refuse(variable, "is not set", "the login of a user of the broker");
        }
        text
    };
    let (user, password) = (secret(USER), secret(PASSWORD));
    (endpoint, user.zip(password).map(|(user, password)| Login { user, password }))
}

/// Reads the dead letter queue. Were it the queue itself, or one of its delay queues, each dead message would come back, and die again.
fn dead_letter_queue(reader: &mut Reader<'_>, main: Option<&RabbitQueue>) -> Option<String> {
    let dead = reader.required(DEAD_LETTERS, queue_name)?;
    let comes_back = |main: &RabbitQueue| {
        let behind = dead.strip_prefix(&main.name);
        behind.is_some_and(|behind| behind.is_empty() || behind.starts_with(".delay."))
    };
    if main.is_some_and(comes_back) {
        let wrong = format!("is {dead:?}, from where messages go to {QUEUE}");
        reader.refuse(DEAD_LETTERS, wrong, "a queue that is neither that nor one of its delay queues");
    }
    Some(dead)
}

/// Reads what becomes of a message without `message-id`.
fn needs_id(reader: &mut Reader<'_>) -> Option<bool> {
    reader.optional(WITHOUT_ID, "hash", |word| match word {
        "hash" => Ok(false),
        "refuse" => Ok(true),
        _ => Err("hash (equal bodies are one message), or refuse (it is dead, unless its body or a header has a key)"
            .to_owned()),
    })
}

/// Name of a queue that is named in letters and in the names of its delay queues.
fn queue_name(text: &str) -> Result<String, String> {
    let fits = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_' | b'-' | b':' | b'@');
    let of_the_broker = text.starts_with("amq.");
    match text.len() {
        1..=QUEUE_LIMIT if text.bytes().all(fits) && !of_the_broker => Ok(text.to_owned()),
        _ => Err(format!(
            "the name of a queue: 1 to {QUEUE_LIMIT} letters, digits and . _ - : @, not of the broker's own (amq.)"
        )),
    }
}
