//! Facts about a deployment, gathered elsewhere. Each is either read or not.

use super::document::PolicyDocument;
pub use super::fact::{Fact, Unread};
use super::processor::ProcessorSettings;

/// Facts that the rules look at.
#[derive(Debug, Clone, PartialEq)]
pub struct Deployment {
    /// The queues with their dead-letter queues.
    pub pairs: Vec<ExaminedPair>,
    /// The alarms of the account and region.
    pub alarms: Fact<Alarms>,
    /// The topics that alarms of these queues and functions publish to.
    pub topics: Vec<Topic>,
    /// Indexer and replay, where they are ours.
    pub installation: Option<Installation>,
}

/// A queue, what becomes of its dead, and who consumes both.
#[derive(Debug, Clone, PartialEq)]
pub struct ExaminedPair {
    /// Queue to which producers send.
    pub source: Queue,
    /// Queue that the redrive policy names; `None` if there is none, or it could not be read.
    pub dead: Option<Queue>,
    /// The event source mappings of the source.
    pub consumers: Fact<Vec<Consumer>>,
    /// Tasks that are moving messages out of the dead-letter queue now, whoever started them.
    pub moves: Fact<Vec<MoveTask>>,
    /// The functions that a mapping gives the dead letters to.
    pub dead_consumers: Fact<Vec<String>>,
    /// Sources that share this dead-letter queue: every queue whose redrive policy names it.
    pub dead_sources: Fact<Vec<DeadSource>>,
    /// True if our indexer empties the dead-letter queue.
    pub custody: bool,
}

/// A queue whose dead letters come to a dead-letter queue.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeadSource {
    /// ARN of the source queue.
    pub arn: String,
    /// True if our indexer lists the queue, and empties its dead-letter queue.
    pub custody: bool,
}

/// A running task of `StartMessageMoveTask`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MoveTask {
    /// Destination of the task: an ARN, or `None` for the queue that each message came from.
    pub to: Option<String>,
    /// Messages moved by now, about.
    pub moved: u64,
    /// Handle by which the task is cancelled.
    pub handle: String,
}

/// SQS queue with its facts.
#[derive(Debug, Clone, PartialEq)]
pub struct Queue {
    /// ARN of the queue.
    pub arn: String,
    /// URL of the queue, empty where SQS did not tell it.
    pub url: String,
    /// Attributes that SQS reports.
    pub attributes: Fact<QueueAttributes>,
    /// CloudWatch's latest `ApproximateAgeOfOldestMessage`, in seconds; `None` if the queue was idle.
    pub oldest: Fact<Option<u64>>,
    /// The function of ours that reads this age and emits the highest of several queues (`MainQueueOldestAge`), if one does.
    pub aged_by: Option<String>,
}

impl Queue {
    /// The last part of the ARN.
    #[must_use]
    pub fn name(&self) -> &str {
        name_of(&self.arn)
    }

    /// Returns true for a FIFO queue: SQS allows the suffix for no other.
    #[must_use]
    pub fn is_fifo(&self) -> bool {
        self.arn.ends_with(".fifo")
    }
}

/// The last part of an ARN.
pub(super) fn name_of(arn: &str) -> &str {
    arn.rsplit(':').next().unwrap_or(arn)
}

/// Attributes of a queue as SQS reports them. Times are in seconds.
#[derive(Debug, Clone, PartialEq)]
pub struct QueueAttributes {
    /// Time for which a received message stays invisible.
    pub visibility: u64,
    /// Time for which a message is kept.
    pub retention: u64,
    /// The most bytes of a message, if it was told (`MaximumMessageSize`).
    pub largest: Option<u64>,
    /// Redrive policy, if there is one.
    pub redrive: Option<RedrivePolicy>,
    /// Queues that may name this one as their dead-letter queue.
    pub allow: Allow,
    /// Encryption of messages at rest.
    pub encryption: Encryption,
    /// Queue policy, if there is one.
    pub policy: Option<Fact<PolicyDocument>>,
    /// Messages that could be received, about.
    pub visible: u64,
    /// Messages that were received and are neither deleted nor back, about; delayed retries among them.
    pub in_flight: u64,
}

/// Redrive policy of a queue.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RedrivePolicy {
    /// The dead-letter queue's ARN.
    pub target: String,
    /// Value of `maxReceiveCount` in the policy.
    pub receives: u32,
}

/// A redrive allow policy.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Allow {
    /// No redrive allow policy is set, or it says `allowAll`.
    All,
    /// The redrive allow policy says `denyAll`.
    Nobody,
    /// `byQueue`, with these ARNs.
    Queues(Vec<String>),
}

/// Encryption of a queue at rest.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Encryption {
    /// Messages are not encrypted at rest.
    None,
    /// Messages are encrypted with SQS's own keys.
    Sqs,
    /// Messages are encrypted with this key of KMS: an id, an alias or an ARN.
    Key(String),
}

/// An event source mapping, and the function that it invokes.
#[derive(Debug, Clone, PartialEq)]
pub struct Consumer {
    /// Id of the event source mapping.
    pub mapping: String,
    /// `Enabled`, `Disabled`, or on the way to one of them.
    pub state: String,
    /// Result of the last poll, in Lambda's words.
    pub last_result: String,
    /// The most messages of one invocation.
    pub batch_size: u32,
    /// Batching window, in seconds.
    pub window: u64,
    /// True if `ReportBatchItemFailures` is on.
    pub partial_responses: bool,
    /// Value of `MaximumConcurrency`, if it is set.
    pub maximum_concurrency: Option<u32>,
    /// The most pollers, if they are provisioned, which takes the place of a maximum concurrency.
    pub pollers: Option<u32>,
    /// Executions that the whole account may have at once in this region.
    pub account_concurrency: Fact<u32>,
    /// Function that the mapping invokes.
    pub function: Function,
}

/// Lambda function with its facts.
#[derive(Debug, Clone, PartialEq)]
pub struct Function {
    /// Name of the function.
    pub name: String,
    /// Settings as Lambda reports them.
    pub settings: Fact<Settings>,
    /// Reserved concurrency, if there is any.
    pub reserved: Fact<Option<u32>>,
    /// `Errors` of the last hour.
    pub errors: Fact<u64>,
    /// `Throttles` of the last hour.
    pub throttles: Fact<u64>,
    /// `RecursiveInvocationsDropped` of the last hour.
    pub dropped: Fact<u64>,
    /// Destination of failed asynchronous invocations; asked of indexer and replay only.
    pub failure_destination: Fact<Option<String>>,
    /// Permissions of its role that were looked up.
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
    /// Settings of our processor, if the function is one. A secret environment may hide them.
    pub processor: Fact<Option<ProcessorSettings>>,
}

/// Permission of a role, as IAM's simulator judges it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Permission {
    /// Action such as `sqs:ReceiveMessage`.
    pub action: String,
    /// ARN of the resource.
    pub resource: String,
    /// True if the role may do it.
    pub allowed: Fact<bool>,
}

/// The alarms of an account and region.
#[derive(Debug, Clone, PartialEq)]
pub struct Alarms {
    /// Alarms on single metrics.
    pub metric: Vec<Alarm>,
    /// Alarms on other alarms.
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
    /// Name of the mute rule.
    pub name: String,
    /// True if the rule mutes now; otherwise it will.
    pub active: bool,
    /// Schedule of the rule in CloudWatch's syntax: `cron(...)` or `at(...)`.
    pub when: String,
    /// The names of the alarms that it mutes.
    pub alarms: Vec<String>,
}

/// An alarm on a metric, or on metrics put together.
#[derive(Debug, Clone, PartialEq)]
pub struct Alarm {
    /// Name of the alarm.
    pub name: String,
    /// ARN of the alarm.
    pub arn: String,
    /// Metrics that the alarm reads.
    pub metrics: Vec<Metric>,
    /// Comparison of one unchanged metric with a threshold, if the alarm makes one.
    pub comparison: Option<Comparison>,
    /// Treatment of missing data: `missing`, `breaching`, `notBreaching` or `ignore`.
    pub missing_data: String,
    /// Reason to distrust the state, in CloudWatch's word: `PARTIAL_DATA`, `EVALUATION_ERROR` or `EVALUATION_FAILURE`.
    pub evaluation: Option<String>,
    /// True during the warm-up, in which the alarm does nothing.
    pub warming_up: bool,
    /// True if CloudWatch runs the actions.
    pub actions_enabled: bool,
    /// ARNs of the actions that run when it rings.
    pub actions: Vec<String>,
}

/// A metric of CloudWatch.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Metric {
    /// Namespace such as `AWS/SQS`.
    pub namespace: String,
    /// Name of the metric.
    pub name: String,
    /// Names and values of the dimensions.
    pub dimensions: Vec<(String, String)>,
}

impl Metric {
    /// Returns true if the metric has this namespace, and this dimension and no other.
    pub(super) fn is_of(&self, namespace: &str, dimension: &str, value: &str) -> bool {
        let exact = [(dimension.to_owned(), value.to_owned())];
        self.namespace == namespace && self.dimensions == exact
    }
}

/// Condition under which an alarm rings.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Comparison {
    /// Rings above the threshold.
    Above(f64),
    /// Rings at the threshold or above.
    AtLeast(f64),
    /// Otherwise: below it, say.
    Other,
}

impl Comparison {
    /// Returns true if this value makes the alarm ring.
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
    /// ARN of the alarm.
    pub arn: String,
    /// Rule of the alarm, which names other alarms.
    pub rule: String,
    /// True if CloudWatch runs the actions.
    pub actions_enabled: bool,
    /// ARNs of the actions that run when it rings.
    pub actions: Vec<String>,
}

/// A topic that alarms publish to.
#[derive(Debug, Clone, PartialEq)]
pub struct Topic {
    /// ARN of the topic.
    pub arn: String,
    /// The ARNs of those alarms.
    pub alarms: Vec<String>,
    /// Attributes that SNS reports.
    pub attributes: Fact<TopicAttributes>,
}

/// Attributes of a topic as SNS reports them.
#[derive(Debug, Clone, PartialEq)]
pub struct TopicAttributes {
    /// Access policy of the topic.
    pub policy: Fact<PolicyDocument>,
    /// The key that it is encrypted with.
    pub key: TopicKey,
    /// Subscriptions that are confirmed.
    pub subscriptions: u64,
}

/// The key of a topic.
#[derive(Debug, Clone, PartialEq)]
pub enum TopicKey {
    /// The topic has no key.
    None,
    /// AWS manages it: nobody can change its policy.
    Managed,
    /// A customer's, with its policy.
    Customer {
        /// Id of the key, as the topic names it.
        id: String,
        /// Key policy, which says who may use the key.
        policy: Fact<PolicyDocument>,
    },
}

/// The topic that wakes the indexer, and who may invoke that.
#[derive(Debug, Clone, PartialEq)]
pub struct Doorbell {
    /// ARN of the topic.
    pub topic: String,
    /// The indexer's own policy; [`Unread::Absent`] if it has none.
    pub policy: Fact<PolicyDocument>,
}

/// Installation of our indexer and replay functions.
#[derive(Debug, Clone, PartialEq)]
pub struct Installation {
    /// Turns dead messages into letters.
    pub indexer: Function,
    /// Function that sends letters back.
    pub replay: Function,
    /// The topic that wakes the indexer, if its ARN is known.
    pub doorbell: Option<Doorbell>,
    /// Queue of failed invocations: its name, and the number of messages in it.
    pub failed_invocations: Option<(String, Fact<u64>)>,
}
