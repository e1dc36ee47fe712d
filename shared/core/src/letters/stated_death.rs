//! Death that a dead letter topic or queue tells of in headers: ours, and other frameworks'.
//!
//! Whoever may write to the topic can forge every word of it. So nothing here is believed: a count is shown, a place is a
//! proposal, and no letter is replayed earlier for it.
//!
//! | who | marks | numbers | source |
//! |---|---|---|---|
//! | Redrive | `original-topic`, `original-queue`, ... | text | [`headers_of`], [`table_of`] |
//! | Spring Kafka | `kafka_dlt-*` | big-endian bytes | `KafkaHeaders.java`, `DeadLetterPublishingRecoverer.java` |
//! | Kafka Connect | `__connect.errors.*` | text | `DeadLetterQueueReporter.java` |
//! | Kafka Streams (KIP-1034) | `__streams.errors.*` | text | `ExceptionHandlerUtils.java` |
//! | share groups (KIP-1191) | `__dlq.errors.*` | text | `ShareGroupDLQRecordHelper.java` |
//! | Lambda | the value is a record around the record | JSON | Developer Guide, "Record format for a Kafka destination" |
//! | RabbitMQ | `x-death` | AMQP | `rabbit_dead_letter.erl`, and seen on 3.10, 4.0 and 4.3 |

mod frameworks;
mod headers;
mod lambda;
mod ours;
mod rabbitmq;
mod x_death;

pub use lambda::{FailedRecord, failed_record};
pub use ours::{HEADERS, Written, headers_of, own_headers};
pub use rabbitmq::{WrittenInQueue, own_table, queue_of_death, table_of};
pub use x_death::{BROKER_HEADERS, XDeath, x_death};

use headers::Headers;

use crate::error_type::ErrorType;
use crate::message::broker_record::{KafkaHeader, KafkaPosition};
use crate::message::foreign::{self, ReasonSource, StatedReason};
use crate::time::Timestamp;

/// The most attempts that are shown.
const MOST_ATTEMPTS: u64 = 1_000_000;

/// Author of a statement about a death.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum DeathAuthor {
    /// Processor of Redrive itself.
    Redrive,
    /// Consumer with Spring Kafka's `DeadLetterPublishingRecoverer`.
    Spring,
    /// A sink connector of Kafka Connect.
    Connect,
    /// Kafka Streams, from 4.2 on.
    Streams,
    /// A broker, for a share group.
    ShareGroup,
    /// Lambda's event source mapping.
    Lambda,
    /// Broker of RabbitMQ itself.
    RabbitMq,
}

impl DeathAuthor {
    /// Name as people know the author.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Redrive => "Redrive",
            Self::Spring => "Spring Kafka",
            Self::Connect => "Kafka Connect",
            Self::Streams => "Kafka Streams",
            Self::ShareGroup => "Kafka share group",
            Self::Lambda => "Lambda",
            Self::RabbitMq => "RabbitMQ",
        }
    }
}

/// Statement of a dead record about its death. Every member but the author may be missing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StatedDeath {
    /// Author of the statement.
    pub by: DeathAuthor,
    /// Place at which the record died.
    pub origin: Option<KafkaPosition>,
    /// Time of the record there.
    pub at: Option<Timestamp>,
    /// Name of the exception's class, or another stable name.
    pub class: Option<String>,
    /// Text for a person, at most 1 KB.
    pub text: Option<String>,
    /// Number of attempts that it tells: to be shown, and never believed.
    pub attempts: Option<u64>,
    /// Consumer group, share group or connector that gave up.
    pub consumer: Option<String>,
}

/// Reads the headers of one author.
type DeathReader = fn(Headers<'_>) -> StatedDeath;

impl StatedDeath {
    const fn by(by: DeathAuthor) -> Self {
        Self { by, origin: None, at: None, class: None, text: None, attempts: None, consumer: None }
    }

    /// Reads the headers of a record in a dead letter topic. Of several authors the one counts whose marks stand last: a record
    /// that was replayed keeps the marks of its former death before its new ones.
    #[must_use]
    pub fn of_kafka(headers: &[KafkaHeader]) -> Option<Self> {
        let headers = Headers(headers);
        let readers: [(&str, DeathReader); 5] = [
            (ours::MARK, ours::read),
            (frameworks::SPRING, frameworks::spring),
            (frameworks::CONNECT, frameworks::connect),
            (frameworks::STREAMS, frameworks::streams),
            (frameworks::SHARE_GROUP, frameworks::share_group),
        ];
        let marked = readers.into_iter().filter_map(|(mark, read)| Some((headers.place_of(mark)?, read)));
        marked.max_by_key(|(place, _)| *place).map(|(_, read)| read(headers))
    }

    /// The same as a reason to be shown. Its kind is UNKNOWN, whoever states it: by such a reason no schedule replays.
    #[must_use]
    pub fn reason(&self) -> StatedReason {
        let class = self.class.as_deref();
        // A Java class may be longer than a code: then its own name tells the causes apart.
        let last = |class: &str| class.rsplit(['.', '$']).next().and_then(foreign::code);
        let text = self.text.as_deref().or(class).unwrap_or("does not say why");
        StatedReason {
            by: ReasonSource::DeadRecord,
            error_type: ErrorType::Unknown,
            code: class.and_then(|class| foreign::code(class).or_else(|| last(class))),
            text: format!("{}: {text}", self.by.as_str()),
            attempts: u32::try_from(self.attempts.unwrap_or_default().min(MOST_ATTEMPTS)).unwrap_or_default(),
        }
    }
}

#[cfg(test)]
mod tests;
