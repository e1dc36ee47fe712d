//! Names of things. Each is its own type, so that one cannot stand where another belongs.

use std::fmt;

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::time::Timestamp;

/// Gives an id that is a UUID its text: the hyphenated form.
macro_rules! uuid_text {
    ($name:ident) => {
        impl $name {
            /// Reads the hyphenated form.
            #[must_use]
            pub fn parse(text: &str) -> Option<Self> {
                Uuid::try_parse(text).ok().map(Self)
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.hyphenated().fmt(f)
            }
        }
    };
}

macro_rules! text_id {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name(String);

        impl $name {
            /// `None` for empty text.
            #[must_use]
            pub fn new(text: impl Into<String>) -> Option<Self> {
                let text = text.into();
                (!text.is_empty()).then_some(Self(text))
            }

            /// Returns the id as text.
            #[must_use]
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }
    };
}

text_id! {
    /// SQS's message id. Never empty: an empty item identifier makes Lambda fail the whole batch.
    MessageId
}
text_id! {
    /// Receipt handle of one receive in SQS, another one with each receive.
    ReceiptHandle
}
text_id! {
    /// The ARN of a queue. For a source that has none, an address of the same use: `kafka://shop/orders`,
    /// `rabbitmq://shop/orders`.
    QueueArn
}

/// Beginning of a Kafka topic's address.
const KAFKA: &str = "kafka://";
/// Beginning of a RabbitMQ queue's address.
const RABBITMQ: &str = "rabbitmq://";
/// Most bytes of the name of a RabbitMQ queue: AMQP's short string.
const RABBITMQ_NAME: usize = 255;

impl MessageId {
    /// Id of two parts, never empty because of the mark between them: for sources whose broker assigns none.
    #[must_use]
    pub fn joined(name: &str, mark: char, rest: impl fmt::Display) -> Self {
        Self(format!("{name}{mark}{rest}"))
    }
}

/// Stands for the handle of a source that has no handles.
impl From<&MessageId> for ReceiptHandle {
    fn from(id: &MessageId) -> Self {
        Self(id.0.clone())
    }
}

impl QueueArn {
    /// Reads the ARN of an SQS queue, and nothing else.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let fits = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-');
        let is_name = |name: &str| {
            let stem = name.strip_suffix(".fifo").unwrap_or(name);
            name.len() <= 80 && !stem.is_empty() && stem.bytes().all(fits)
        };
        let place = |part: &str| !part.is_empty() && part.bytes().all(fits);
        match text.split(':').collect::<Vec<_>>()[..] {
            ["arn", partition, "sqs", region, account, name]
                if [partition, region, account].into_iter().all(place) && is_name(name) =>
            {
                Self::new(text)
            }
            _ => None,
        }
    }

    /// Reads the ARN of an SQS queue, or the address of a Kafka topic or a RabbitMQ queue: `kafka://CLUSTER/TOPIC`,
    /// `rabbitmq://BROKER/QUEUE`.
    #[must_use]
    pub fn parse_source(text: &str) -> Option<Self> {
        let fits = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-' | b'.');
        let is_name = |name: &str, most: usize| (1..=most).contains(&name.len()) && name.bytes().all(fits);
        let parts = |scheme: &str| text.strip_prefix(scheme).and_then(|rest| rest.split_once('/'));
        let is_source = match (parts(KAFKA), parts(RABBITMQ)) {
            (Some((cluster, topic)), _) => is_name(cluster, 64) && is_name(topic, 249),
            (None, Some((broker, queue))) => is_name(broker, 64) && is_rabbitmq_name(queue),
            (None, None) => return Self::parse(text),
        };
        if is_source { Self::new(text) } else { None }
    }

    /// Returns the queue of a RabbitMQ address; `None` of any other source.
    #[must_use]
    pub fn rabbitmq_queue(&self) -> Option<&str> {
        self.as_str().strip_prefix(RABBITMQ)?.split_once('/').map(|(_, queue)| queue)
    }

    /// Returns true for a source that is not of SQS.
    #[must_use]
    pub fn is_of_broker(&self) -> bool {
        self.kafka_topic().or_else(|| self.rabbitmq_queue()).is_some()
    }

    /// Returns the topic of a Kafka address; `None` of a queue.
    #[must_use]
    pub fn kafka_topic(&self) -> Option<&str> {
        self.as_str().strip_prefix(KAFKA)?.split_once('/').map(|(_, topic)| topic)
    }

    /// Returns the name of the queue or topic.
    #[must_use]
    pub fn name(&self) -> &str {
        let last = || self.as_str().rsplit(':').next().unwrap_or_default();
        self.kafka_topic().or_else(|| self.rabbitmq_queue()).unwrap_or_else(last)
    }
}

/// Returns true for a name of a RabbitMQ queue that stands in one line: 1 to 255 bytes without blanks and control characters.
fn is_rabbitmq_name(name: &str) -> bool {
    (1..=RABBITMQ_NAME).contains(&name.len()) && !name.contains(|of: char| of.is_whitespace() || of.is_control())
}

/// Enqueue of a message. A redelivery and SQS's own move to the DLQ are the same enqueue; a replay, a native redrive and a
/// producer's re-send are new ones.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Enqueue {
    /// The message id of that enqueue.
    pub message_id: MessageId,
    /// Attribute `SentTimestamp` of SQS.
    pub sent_at: Timestamp,
}

impl Enqueue {
    /// Stand-in for the enqueue time where the message id alone is the enqueue: on FIFO queues.
    pub const UNDATED: Timestamp = Timestamp::from_millis(0);

    /// Returns true for the first enqueue of a message that came as `origin` at `sent_at`.
    #[must_use]
    pub fn is_first(&self, origin: &MessageId, sent_at: Timestamp) -> bool {
        self.message_id == *origin && (self.sent_at == sent_at || self.sent_at == Self::UNDATED)
    }
}

impl fmt::Display for Enqueue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}#{}", self.message_id, self.sent_at.as_millis())
    }
}

/// A letter's identity, the schema's `dlq_message_id`: a UUIDv5 of source queue and origin message id, so that
/// whoever indexes a message again arrives at the same letter.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct LetterId(Uuid);

impl LetterId {
    /// Id before every letter's in the order of ids.
    pub const LEAST: Self = Self(Uuid::nil());

    /// The letter of the message that was `origin` when it first came to `source`.
    ///
    /// Rule R4 of docs/protocol.md.
    #[must_use]
    pub fn derive(source: &QueueArn, origin: &MessageId) -> Self {
        let queue = Uuid::new_v5(&Uuid::NAMESPACE_URL, source.as_str().as_bytes());
        Self(Uuid::new_v5(&queue, origin.as_str().as_bytes()))
    }

    /// The part to which this letter belongs where letters are spread over so many: evenly, since the id is a hash.
    #[must_use]
    pub fn part(self, parts: u8) -> u8 {
        self.0.as_bytes()[15] % parts.max(1)
    }
}

uuid_text!(LetterId);

/// A letter's replay number: 0 before any replay, and one more with every replay claim, takeovers included.
///
/// Rule R5 of docs/protocol.md.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub struct ReplayNumber(pub u32);

impl ReplayNumber {
    /// The number of the next replay.
    #[must_use]
    pub const fn next(self) -> Self {
        Self(self.0.saturating_add(1))
    }
}

impl fmt::Display for ReplayNumber {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// A replay job's identity. Whoever asks for a job may choose it, so that a request whose answer was lost can be
/// repeated without making a second job.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct JobId(Uuid);

impl JobId {
    /// Makes an id from 128 random bits.
    #[must_use]
    pub const fn from_random(bits: u128) -> Self {
        Self(Uuid::from_u128(bits))
    }
}

uuid_text!(JobId);

/// Identity of one send of a letter.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct SendId {
    /// Id of the letter.
    pub letter: LetterId,
    /// Number of the letter at that send.
    pub number: ReplayNumber,
}

/// The ledger's namespace: source queue and message type, so that a refund is not swallowed by its order's charge.
///
/// Rule R2 of docs/protocol.md.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Scope(String);

impl Scope {
    /// Accepts one to 64 letters, digits, `.`, `_` or `-`. Anything else is `None`: `#` and a leading `!` have a
    /// meaning in the ledger's keys.
    #[must_use]
    pub fn new(text: impl Into<String>) -> Option<Self> {
        let text = text.into();
        let fits = (1..=64).contains(&text.len())
            && text.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'_' | b'-'));
        fits.then_some(Self(text))
    }

    /// Returns the scope as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// Owner of a ledger entry or a letter. A token is made once, before the first try of the write that takes it: a failed
/// condition that shows one's own token is a lost answer, not a loss.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct OwnerToken(Uuid);

impl OwnerToken {
    /// Makes a token from 128 random bits.
    #[must_use]
    pub const fn from_random(bits: u128) -> Self {
        Self(Uuid::from_u128(bits))
    }
}

uuid_text!(OwnerToken);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_letter_id_depends_on_queue_and_message_and_nothing_else() {
        let queue = |name: &str| QueueArn::new(format!("arn:aws:sqs:us-east-1:1:{name}")).unwrap();
        let id = |text: &str| MessageId::new(text).unwrap();
        let letter = LetterId::derive(&queue("orders"), &id("m-1"));
        assert_eq!(letter, LetterId::derive(&queue("orders"), &id("m-1")));
        assert_ne!(letter, LetterId::derive(&queue("refunds"), &id("m-1")));
        assert_ne!(letter, LetterId::derive(&queue("orders"), &id("m-2")));
        assert_eq!(LetterId::parse(&letter.to_string()), Some(letter));
    }

    #[test]
    fn only_the_arn_of_a_queue_is_one() {
        for good in ["arn:aws:sqs:eu-west-1:123456789012:orders", "arn:aws-cn:sqs:cn-north-1:1:o_-1.fifo"] {
            assert_eq!(QueueArn::parse(good).unwrap().as_str(), good);
        }
        assert_eq!(QueueArn::parse("arn:aws:sqs:r:1:o.fifo").unwrap().name(), "o.fifo");
        let long = format!("arn:aws:sqs:r:1:{}", "o".repeat(81));
        for bad in
            ["", "orders", "arn:aws:sns:r:1:o", "arn:aws:sqs:r:1", "arn:aws:sqs:r:1:", "arn:aws:sqs:r:1:o:p", &long]
        {
            assert_eq!(QueueArn::parse(bad), None, "{bad:?}");
        }
        for bad in [
            "arn:aws:sqs:r:1:*",
            "arn:aws:sqs::1:o",
            "arn:aws:sqs:r:1:.fifo",
            "arn:aws:sqs:r:1:o p",
            "arn:a*:sqs:r:1:o",
        ] {
            assert_eq!(QueueArn::parse(bad), None, "{bad:?}");
        }
    }

    #[test]
    fn a_topics_address_is_a_source_with_the_topics_name_and_an_arn_is_one_too() {
        let topic = QueueArn::parse_source("kafka://shop/orders.eu").unwrap();
        assert_eq!((topic.kafka_topic(), topic.name()), (Some("orders.eu"), "orders.eu"));
        let queue = QueueArn::parse_source("arn:aws:sqs:eu-west-1:1:orders").unwrap();
        assert_eq!((queue.kafka_topic(), queue.name()), (None, "orders"));
        for bad in
            ["kafka://shop", "kafka:///orders", "kafka://shop/", "kafka://shop/a/b", "kafka://s p/a", "http://a/b"]
        {
            assert_eq!(QueueArn::parse_source(bad), None, "{bad}");
        }
        assert_eq!(QueueArn::parse("kafka://shop/orders"), None, "no queue of SQS");
    }

    #[test]
    fn the_fullest_of_sixteen_parts_holds_less_than_twice_its_share() {
        let queue = QueueArn::new("arn:aws:sqs:us-east-1:1:orders").unwrap();
        let mut counts = [0_u32; 16];
        for n in 0..16_000 {
            let id = LetterId::derive(&queue, &MessageId::new(format!("message-{n}")).unwrap());
            counts[usize::from(id.part(16))] += 1;
        }
        let fullest = counts.iter().max().copied().unwrap();
        assert!(fullest < 1_200, "the fullest part holds {fullest} of 16,000");
    }

    #[test]
    fn a_scope_cannot_forge_the_ledgers_own_keys() {
        for bad in ["", "!life", "a#b", "ä", &"x".repeat(65)] {
            assert_eq!(Scope::new(bad), None, "{bad:?}");
        }
        assert!(Scope::new("orders.charge-v1").is_some());
    }
}
