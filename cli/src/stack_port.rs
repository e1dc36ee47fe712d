//! Deployed stack, as the commands use it: what they show and ask is written and tested without an SDK.

use std::collections::HashMap;
use std::time::Duration;

use redrive_core::ids::QueueArn;
use redrive_core::ports::{Causes, Jobs, KeyIndex, LedgerReader, Summaries};
use redrive_core::time::Timestamp;
use redrive_operator::policies::Policies;
use redrive_operator::readings::{AlarmStatus, Depths};
use serde_json::Value;

use crate::completion::Error;
use crate::replay_function::ReplayFunction;
use crate::stack::Stack;

/// The indexer, and the queue that it empties.
pub(crate) trait IndexerFunction {
    /// Lets it work, and waits for its answer.
    fn sweep(&self) -> impl Future<Output = Result<Value, Error>>;
    /// Reads the depth of the queue, if the stack names it.
    fn depths(&self) -> impl Future<Output = Result<Option<Depths>, Error>>;
}

/// Stack with its tables to read, its functions to ask, and its queues to measure.
pub(crate) trait StackPort: ReplayFunction + IndexerFunction {
    /// Table of the dead letters.
    type Letters: KeyIndex + Jobs + Causes + Summaries;
    /// Ledger of the consumers, which a stack need not keep.
    type Ledger: LedgerReader;

    /// Returns the outputs of the stack.
    fn stack(&self) -> &Stack;

    /// Returns the dead-letter table.
    fn letters(&self) -> Result<Self::Letters, Error>;

    /// Returns the ledger, or what stands for none.
    fn ledger(&self) -> Self::Ledger;

    /// Lists the queues whose letters are served here, as the indexer is told of them; `None` if that cannot be read.
    fn queues(&self) -> impl Future<Output = Option<Vec<QueueArn>>>;

    /// Lists the queues whose messages letters may be.
    fn sources(&self) -> impl Future<Output = Vec<QueueArn>> {
        async {
            match self.stack().main_queue() {
                Some(queue) => vec![queue],
                None => self.queues().await.unwrap_or_default(),
            }
        }
    }

    /// Reads the environment of the replay function, if it may be read.
    fn replay_environment(&self) -> impl Future<Output = Option<HashMap<String, String>>>;

    /// Reads the policies by which letters are replayed, as far as they can be read.
    fn policies(&self) -> impl Future<Output = Policies> {
        async {
            self.replay_environment().await.map(|variables| Policies::of_environment(&variables)).unwrap_or_default()
        }
    }

    /// Returns the caller's ARN, as AWS knows it.
    fn caller(&self) -> impl Future<Output = Option<String>>;

    /// Lets the replay function work on the open jobs now, without waiting.
    fn wake(&self) -> impl Future<Output = Result<(), Error>>;

    /// Reads roughly how many messages a queue has, and how long it keeps them.
    fn queue_depths(&self, url: &str) -> impl Future<Output = Result<Depths, Error>>;

    /// Counts the messages that a running move task has taken out of a queue; `None` if none runs, or SQS does not say.
    fn moving(&self, arn: &str) -> impl Future<Output = Option<u64>>;

    /// Reads the states of the alarms whose names begin as the stack's do.
    fn alarms(&self, stack: &str) -> impl Future<Output = Result<Vec<AlarmStatus>, Error>>;

    /// Reads when the first message of the dead-letter queue expires, as the indexer has measured it.
    fn first_expiry(&self, now: Timestamp) -> impl Future<Output = Result<Option<Timestamp>, Error>>;

    /// Reads the age of a queue's oldest message.
    fn age(&self, url: &str, now: Timestamp) -> impl Future<Output = Result<Option<Duration>, Error>>;
}
