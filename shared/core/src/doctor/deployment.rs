//! What was seen of a deployment: plain facts, gathered elsewhere, each either read or not.

use thiserror::Error;

use super::document::Document;
use super::processor::Processor;

/// Something that was looked for: what it is, or why nobody can say.
pub type Fact<T> = Result<T, Unread>;

/// Why a fact is not known. It is never taken for a good sign.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Error)]
pub enum Unread {
    /// The service says that there is no such thing.
    #[error("it is not there")]
    Absent,
    /// It was refused, or there was no answer that could be read.
    #[error("{0}")]
    Because(String),
}

/// All that the rules look at.
#[derive(Debug, Clone, PartialEq)]
pub struct Deployment {
    /// The queues with their dead-letter queues.
    pub pairs: Vec<Pair>,
    /// The alarms of the account and region.
    pub alarms: Fact<Alarms>,
    /// The topics that alarms of these queues and functions publish to.
    pub topics: Vec<Topic>,
    /// Indexer and replay, where they are ours.
    pub installation: Option<Installation>,
}

/// A queue, what becomes of its dead, and who consumes both.
#[derive(Debug, Clone, PartialEq)]
pub struct Pair {
    /// Where producers send.
    pub source: Queue,
    /// What its redrive policy names; `None` if it names nothing, or could not be read.
    pub dead: Option<Queue>,
    /// The event source mappings of the source.
    pub consumers: Fact<Vec<Consumer>>,
    /// Tasks that are moving messages out of the dead-letter queue now, whoever started them.
    pub moves: Fact<Vec<MoveTask>>,
    /// The functions that a mapping gives the dead letters to.
    pub dead_consumers: Fact<Vec<String>>,
    /// Every queue whose redrive policy names this dead-letter queue.
    pub dead_sources: Fact<Vec<DeadSource>>,
    /// Whether our indexer empties the dead-letter queue.
    pub custody: bool,
}

/// A queue whose dead letters come to a dead-letter queue.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeadSource {
    /// Its ARN.
    pub arn: String,
    /// Whether our indexer is told of it, and empties its dead-letter queue.
    pub custody: bool,
}

/// A running task of `StartMessageMoveTask`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MoveTask {
    /// Where it moves messages to: an ARN, or `None` for the queue that each came from.
    pub to: Option<String>,
    /// Messages moved by now, about.
    pub moved: u64,
    /// What it is cancelled by.
    pub handle: String,
}

/// One queue.
#[derive(Debug, Clone, PartialEq)]
pub struct Queue {
    /// Its ARN.
    pub arn: String,
    /// Its URL; empty where SQS did not tell it.
    pub url: String,
    /// What SQS says of it.
    pub attributes: Fact<Attributes>,
    /// CloudWatch's latest `ApproximateAgeOfOldestMessage`, in seconds; `None` if the queue was idle.
    pub oldest: Fact<Option<u64>>,
}

impl Queue {
    /// The last part of the ARN.
    #[must_use]
    pub fn name(&self) -> &str {
        name_of(&self.arn)
    }

    /// Whether it is a FIFO queue: SQS takes the suffix for no other.
    #[must_use]
    pub fn is_fifo(&self) -> bool {
        self.arn.ends_with(".fifo")
    }
}

/// The last part of an ARN.
pub(super) fn name_of(arn: &str) -> &str {
    arn.rsplit(':').next().unwrap_or(arn)
}

/// What SQS says of a queue. Times are in seconds.
#[derive(Debug, Clone, PartialEq)]
pub struct Attributes {
    /// How long a received message stays invisible.
    pub visibility: u64,
    /// How long a message is kept.
    pub retention: u64,
    /// The most bytes of a message, if it was told (`MaximumMessageSize`).
    pub largest: Option<u64>,
    /// Where the dead go.
    pub redrive: Option<Redrive>,
    /// Which queues may name this one in theirs.
    pub allow: Allow,
    /// How messages are encrypted at rest.
    pub encryption: Encryption,
    /// Its policy, if it has one.
    pub policy: Option<Fact<Document>>,
    /// Messages that could be received, about.
    pub visible: u64,
    /// Messages that were received and are neither deleted nor back, about; delayed retries among them.
    pub in_flight: u64,
}

/// A redrive policy.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Redrive {
    /// The dead-letter queue's ARN.
    pub target: String,
    /// `maxReceiveCount`.
    pub receives: u32,
}

/// A redrive allow policy.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Allow {
    /// There is none, or it says `allowAll`.
    All,
    /// `denyAll`.
    Nobody,
    /// `byQueue`, with these ARNs.
    Queues(Vec<String>),
}

/// How a queue is encrypted at rest.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Encryption {
    /// It is not.
    None,
    /// With SQS's own keys.
    Sqs,
    /// With this key of KMS: an id, an alias or an ARN.
    Key(String),
}

/// An event source mapping, and the function that it invokes.
#[derive(Debug, Clone, PartialEq)]
pub struct Consumer {
    /// The mapping's id.
    pub mapping: String,
    /// `Enabled`, `Disabled`, or on the way to one of them.
    pub state: String,
    /// What came of the last poll, in Lambda's words.
    pub last_result: String,
    /// The most messages of one invocation.
    pub batch_size: u32,
    /// How long a batch may gather, in seconds.
    pub window: u64,
    /// Whether `ReportBatchItemFailures` is on.
    pub partial_responses: bool,
    /// `MaximumConcurrency`.
    pub maximum_concurrency: Option<u32>,
    /// The most pollers, if they are provisioned, which takes the place of a maximum concurrency.
    pub pollers: Option<u32>,
    /// Executions that the whole account may have at once in this region.
    pub account_concurrency: Fact<u32>,
    /// Whom it invokes.
    pub function: Function,
}

/// One function.
#[derive(Debug, Clone, PartialEq)]
pub struct Function {
    /// Its name.
    pub name: String,
    /// What Lambda says of it.
    pub settings: Fact<Settings>,
    /// Its reserved concurrency, if it has any.
    pub reserved: Fact<Option<u32>>,
    /// `Errors` of the last hour.
    pub errors: Fact<u64>,
    /// `Throttles` of the last hour.
    pub throttles: Fact<u64>,
    /// `RecursiveInvocationsDropped` of the last hour.
    pub dropped: Fact<u64>,
    /// Where failed asynchronous invocations go; asked of indexer and replay only.
    pub failure_destination: Fact<Option<String>>,
    /// What its role was asked about.
    pub permissions: Fact<Vec<Permission>>,
}

/// The configuration of a function.
#[derive(Debug, Clone, PartialEq)]
pub struct Settings {
    /// Time of one invocation, in seconds.
    pub timeout: u64,
    /// `Active`, `Pending`, `Inactive` or `Failed`.
    pub state: String,
    /// `Successful`, `InProgress` or `Failed`.
    pub last_update: String,
    /// ARN of its role.
    pub role: String,
    /// What it is told, if it is a processor of ours; a secret environment may hide that.
    pub processor: Fact<Option<Processor>>,
}

/// Whether a role may do something, as IAM's simulator says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Permission {
    /// Like `sqs:ReceiveMessage`.
    pub action: String,
    /// An ARN.
    pub resource: String,
    /// The answer.
    pub allowed: Fact<bool>,
}

/// The alarms of an account and region.
#[derive(Debug, Clone, PartialEq)]
pub struct Alarms {
    /// Those on metrics.
    pub metric: Vec<Alarm>,
    /// Those on other alarms.
    pub composite: Vec<Composite>,
    /// The rules that mute alarms, those that have ended apart.
    pub mutes: Fact<Vec<Mute>>,
}

impl Default for Alarms {
    fn default() -> Self {
        Self { metric: Vec::new(), composite: Vec::new(), mutes: Ok(Vec::new()) }
    }
}

/// A mute rule: while it is active its alarms change their states, and do nothing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mute {
    /// Its name.
    pub name: String,
    /// Whether it mutes now; else it will.
    pub active: bool,
    /// When it mutes, in CloudWatch's words: `cron(...)` or `at(...)`.
    pub when: String,
    /// The names of the alarms that it mutes.
    pub alarms: Vec<String>,
}

/// An alarm on a metric, or on metrics put together.
#[derive(Debug, Clone, PartialEq)]
pub struct Alarm {
    /// Its name.
    pub name: String,
    /// Its ARN.
    pub arn: String,
    /// What it looks at.
    pub metrics: Vec<Metric>,
    /// Whether it compares one metric, as it is, with a threshold.
    pub comparison: Option<Comparison>,
    /// What missing data counts as: `missing`, `breaching`, `notBreaching` or `ignore`.
    pub missing_data: String,
    /// Why its state is not to be trusted, in CloudWatch's word: `PARTIAL_DATA`, `EVALUATION_ERROR` or `EVALUATION_FAILURE`.
    pub evaluation: Option<String>,
    /// Whether it is in its warm-up, in which it does nothing.
    pub warming_up: bool,
    /// Whether its actions are done.
    pub actions_enabled: bool,
    /// What is done when it rings: ARNs.
    pub actions: Vec<String>,
}

/// A metric of CloudWatch.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Metric {
    /// Like `AWS/SQS`.
    pub namespace: String,
    /// Its name.
    pub name: String,
    /// Names and values.
    pub dimensions: Vec<(String, String)>,
}

impl Metric {
    /// Whether it is of the one thing that this dimension names.
    pub(super) fn is_of(&self, namespace: &str, dimension: &str, value: &str) -> bool {
        let exact = [(dimension.to_owned(), value.to_owned())];
        self.namespace == namespace && self.dimensions == exact
    }
}

/// When an alarm rings.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Comparison {
    /// Above it.
    Above(f64),
    /// At it or above.
    AtLeast(f64),
    /// Otherwise: below it, say.
    Other,
}

impl Comparison {
    /// Whether this value rings.
    pub(super) fn rings_at(self, value: f64) -> bool {
        match self {
            Self::Above(threshold) => value > threshold,
            Self::AtLeast(threshold) => value >= threshold,
            Self::Other => false,
        }
    }
}

/// An alarm on other alarms.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Composite {
    /// Its ARN.
    pub arn: String,
    /// Its rule, which names those alarms.
    pub rule: String,
    /// Whether its actions are done.
    pub actions_enabled: bool,
    /// What is done when it rings: ARNs.
    pub actions: Vec<String>,
}

/// A topic that alarms publish to.
#[derive(Debug, Clone, PartialEq)]
pub struct Topic {
    /// Its ARN.
    pub arn: String,
    /// The ARNs of those alarms.
    pub alarms: Vec<String>,
    /// What SNS says of it.
    pub attributes: Fact<TopicAttributes>,
}

/// What SNS says of a topic.
#[derive(Debug, Clone, PartialEq)]
pub struct TopicAttributes {
    /// Its policy.
    pub policy: Fact<Document>,
    /// The key that it is encrypted with.
    pub key: TopicKey,
    /// Subscriptions that are confirmed.
    pub subscriptions: u64,
}

/// The key of a topic.
#[derive(Debug, Clone, PartialEq)]
pub enum TopicKey {
    /// It has none.
    None,
    /// AWS manages it: nobody can change its policy.
    Managed,
    /// A customer's, with its policy.
    Customer {
        /// As the topic names it.
        id: String,
        /// Who may use it.
        policy: Fact<Document>,
    },
}

/// The topic that wakes the indexer, and who may invoke that.
#[derive(Debug, Clone, PartialEq)]
pub struct Doorbell {
    /// The topic's ARN.
    pub topic: String,
    /// The indexer's own policy; [`Unread::Absent`] if it has none.
    pub policy: Fact<Document>,
}

/// Indexer and replay.
#[derive(Debug, Clone, PartialEq)]
pub struct Installation {
    /// Turns dead messages into letters.
    pub indexer: Function,
    /// Sends them back.
    pub replay: Function,
    /// The topic that wakes the indexer, if its ARN is known.
    pub doorbell: Option<Doorbell>,
    /// Where failed invocations wait: the queue's name, and how many there are.
    pub failed_invocations: Option<(String, Fact<u64>)>,
}
