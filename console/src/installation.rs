//! Installation behind a console: the tables of one installation, its replay function, and readings from beside the tables.

use std::future::Future;

use redrive_core::ids::QueueArn;
use redrive_core::message::wrapping::Wrapping;
use redrive_core::ports::{Causes, Jobs, KeyIndex, LedgerReader, Summaries};
use redrive_core::time::Timestamp;
use redrive_operator::board::QueueStatus;
use redrive_operator::expiry::Expiry;
use redrive_operator::policies::Policies;
use serde_json::Value;
use thiserror::Error;

/// Names of an installation, in sight on every page.
#[derive(Debug, Clone, Default)]
pub struct StackPlace {
    /// Name of the stack.
    pub stack: String,
    /// Id of the AWS account; empty if nobody told.
    pub account: String,
    /// Region of AWS that is asked.
    pub region: String,
    /// Operator whose credentials are used, as it is written down with each act.
    pub by: String,
}

/// Permission to change anything from the console.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Changes {
    /// Acts are carried out.
    Allowed,
    /// The console was started without `--allow-changes`.
    ReadOnly,
    /// AWS denies the operator this permission.
    Denied(&'static str),
}

/// Alarm of the installation.
#[derive(Debug, Clone, Default)]
pub struct StackAlarm {
    /// Name in the template.
    pub name: String,
    /// State in CloudWatch's word.
    pub state: String,
    /// Description of the alarm, which names the next step.
    pub step: String,
}

/// Finding of the doctor.
#[derive(Debug, Clone, Default)]
pub struct StackFinding {
    /// Severity in a word.
    pub severity: String,
    /// Queue, function, alarm or topic that it is about.
    pub subject: String,
    /// Values that break the rule.
    pub what: String,
    /// Remedy for the finding.
    pub mend: String,
}

/// Depth of a queue over time.
#[derive(Debug, Clone, Default)]
pub struct QueueCurve {
    /// Name of the queue.
    pub name: String,
    /// Messages that could be received, by the time at which they were counted, the earliest first.
    pub points: Vec<(Timestamp, u64)>,
}

/// Readings from beside the tables. What AWS did not say is absent, and why stands in `unread`.
#[derive(Debug, Clone, Default)]
pub struct StackReadings {
    /// Queues as they are now.
    pub queues: Vec<QueueStatus>,
    /// Depths as CloudWatch has them; empty if it has none.
    pub curves: Vec<QueueCurve>,
    /// Expiry of the first message of the dead-letter queue.
    pub expiry: Option<Expiry>,
    /// Alarms, those that ring first.
    pub alarms: Option<Vec<StackAlarm>>,
    /// Findings of the doctor, the most severe first.
    pub findings: Option<Vec<StackFinding>>,
    /// Reasons for which something could not be read.
    pub unread: Vec<String>,
}

/// Reason for which the replay function did not do what was asked.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum AskError {
    /// The operator has no permission for it.
    #[error("{permission} is denied to you: {why}")]
    Denied {
        /// Permission that is missing.
        permission: &'static str,
        /// Answer of AWS to the request.
        why: String,
    },
    /// The function refused the request; nothing was done.
    #[error("{0}")]
    Refused(String),
    /// No answer came, so it may have been done.
    #[error("{0}")]
    Failed(String),
}

/// Installation of Redrive, as its operator may see it.
pub trait InstallationPort: Send + Sync + 'static {
    /// Type of the dead-letter table.
    type Letters: KeyIndex + Jobs + Causes + Summaries;
    /// Ledger of the consumers.
    type Ledger: LedgerReader;

    /// Returns the names of the installation.
    fn place(&self) -> &StackPlace;

    /// Returns whether acts are allowed.
    fn changes(&self) -> Changes;

    /// Returns the present time.
    fn now(&self) -> Timestamp;

    /// Returns the dead-letter table.
    fn letters(&self) -> &Self::Letters;

    /// Returns the ledger of the consumers.
    fn ledger(&self) -> &Self::Ledger;

    /// Asks the replay function, and waits for its answer.
    fn ask(&self, request: &Value) -> impl Future<Output = Result<Value, AskError>> + Send;

    /// Lets the replay function work on the open jobs now: its schedule would do it a little later.
    fn wake(&self) -> impl Future<Output = ()> + Send;

    /// Returns the policies by which letters are replayed.
    fn policies(&self) -> &Policies;

    /// Returns the queues that letters come from, as far as they are known.
    fn sources(&self) -> Vec<QueueArn>;

    /// Returns how bodies of a queue are wrapped.
    fn wrapping(&self, source: &QueueArn) -> Wrapping;

    /// Returns the name of the consumer's log group, if it is known.
    fn log_group(&self) -> Option<&str>;

    /// Reads queues, alarms and what the doctor finds. The console asks at most every few seconds, and never twice at once.
    fn readings(&self) -> impl Future<Output = StackReadings> + Send;
}
