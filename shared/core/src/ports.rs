//! Ports: the flows' interfaces to the world, implemented by `shared/aws` in Lambda and by `shared/testkit` in tests.
//!
//! Writes are conditional everywhere, and a failed condition brings along what was found: the flows decide again, with the same
//! pure function. A write whose answer did not come ([`WriteError::Unavailable`]) may have happened.

mod event_bus;

mod screens;

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use thiserror::Error;

use crate::fault::Fault;
use crate::ids::{JobId, LetterId, MessageId, QueueArn, ReceiptHandle};
use crate::letters::candidate::Candidate;
use crate::letters::cause::{Cause, Recorded};
use crate::letters::letter::{Letter, LetterWrite};
use crate::letters::listing::{Cursor, Listing, Page};
use crate::message::broker_record::BrokerRecord;
use crate::message::envelope::Record;
use crate::message::key::{Key, LedgerKey};
use crate::processing::ledger::{Entry, EntryWrite};
use crate::processing::powertools::{PowertoolsMessage, PowertoolsState};
use crate::replay::job::{AlarmState, Job, JobBatch, ListPart};
use crate::replay::{GroupTurn, Look, MESSAGE_LIMIT, Outgoing};
use crate::time::Timestamp;

pub use event_bus::{EVENTS_A_CALL, EventBus};
pub use screens::{Acts, Summaries};

/// States of messages in Powertools' table, in their order.
pub type PowertoolsStates = Result<Vec<PowertoolsState>, Unavailable>;

/// Number of writes that one call to a table carries: DynamoDB's limit of statements in a `BatchExecuteStatement`.
pub const WRITES_A_CALL: usize = 25;

/// The service could not be asked, or did not answer: throttled, denied, cut off, gone.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("{service} did not {action}: {why}")]
pub struct Unavailable {
    /// Service, and its resource.
    pub service: &'static str,
    /// Action that was asked of it.
    pub action: &'static str,
    /// Answer of the service; never anything of a message.
    pub why: String,
}

/// Reason for which a conditional write did not succeed.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum WriteError<T> {
    /// The condition failed; this was there instead.
    #[error("what was read has changed meanwhile")]
    Condition(Option<Box<T>>),
    /// No answer, so it may have happened.
    #[error(transparent)]
    Unavailable(#[from] Unavailable),
}

/// Reason for which a completion was not committed together with its effects.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum CommitError {
    /// The ledger's own condition failed; this was there instead. No effect happened.
    #[error("what was read has changed meanwhile")]
    Condition(Option<Box<Entry>>),
    /// Another transaction touched one of the items. No effect happened; try again.
    #[error("another transaction touched the same items")]
    Conflict,
    /// The effects can never be committed as they are: the store refused them. No effect happened.
    #[error("effects were refused: {0}")]
    Refused(Fault),
    /// No answer, so it may have happened.
    #[error(transparent)]
    Unavailable(#[from] Unavailable),
}

/// The ledger, as the processor writes it. `E` is what a handler hands over to be committed with its completion.
pub trait Ledger<E>: Send + Sync + 'static {
    /// Writes entries, each under its own condition. One answer for each, in order.
    fn write(&self, writes: Vec<EntryWrite>) -> impl Future<Output = Vec<Result<(), WriteError<Entry>>>> + Send;

    /// Writes a completion and its effects, both or neither.
    fn commit(&self, write: EntryWrite, effects: &E) -> impl Future<Output = Result<(), CommitError>> + Send;

    /// Looks at entries, consistently, before they are claimed: for messages that were received before, whose entries are
    /// probably there. One answer for each key, in order.
    fn look(&self, keys: &[LedgerKey]) -> impl Future<Output = Result<Vec<Option<Entry>>, Unavailable>> + Send;

    /// Returns true if Powertools' table of an earlier consumer is read before a handler runs.
    fn honours_powertools(&self) -> bool {
        false
    }

    /// Looks at messages in the idempotency table of Powertools, consistently. One answer for each, in order.
    fn look_at_powertools(&self, of: &[PowertoolsMessage]) -> impl Future<Output = PowertoolsStates> + Send {
        std::future::ready(Ok(vec![PowertoolsState::Free; of.len()]))
    }
}

/// The ledger, as indexer and replay read it.
pub trait LedgerReader: Send + Sync + 'static {
    /// Reads entries, consistently; one answer for each key, in order.
    fn read(&self, keys: &[LedgerKey]) -> impl Future<Output = Result<Vec<Option<Entry>>, Unavailable>> + Send;

    /// The same, perhaps as it was a moment ago, for half the price: for whoever reads anew before acting on it.
    fn read_eventually(
        &self,
        keys: &[LedgerKey],
    ) -> impl Future<Output = Result<Vec<Option<Entry>>, Unavailable>> + Send {
        self.read(keys)
    }

    /// Returns true if there is a ledger at all: a consumer may be written without one.
    fn is_kept(&self) -> bool {
        true
    }
}

/// No ledger, if `None`: every key is absent.
impl<L: LedgerReader> LedgerReader for Option<L> {
    async fn read(&self, keys: &[LedgerKey]) -> Result<Vec<Option<Entry>>, Unavailable> {
        match self {
            Some(ledger) => ledger.read(keys).await,
            None => Ok(keys.iter().map(|_| None).collect()),
        }
    }

    async fn read_eventually(&self, keys: &[LedgerKey]) -> Result<Vec<Option<Entry>>, Unavailable> {
        match self {
            Some(ledger) => ledger.read_eventually(keys).await,
            None => Ok(keys.iter().map(|_| None).collect()),
        }
    }

    fn is_kept(&self) -> bool {
        self.as_ref().is_some_and(LedgerReader::is_kept)
    }
}

/// The ledger, as replay marks it before an edited letter is sent, and where a key is freed: see [`crate::processing::ledger::withdraw`] and
/// [`crate::processing::ledger::free`].
pub trait LedgerMarker: LedgerReader {
    /// Writes withdrawals, each under its own condition. Where nothing is expected they leave a tombstone, and are refused also
    /// if what is there has expired; of an entry that is there they write `enqueues`, `dead_enqueues`,
    /// `withdrawn`, `version` and `expires`. No two
    /// of one key. One answer for each, in order.
    fn withdraw(&self, writes: Vec<EntryWrite>) -> impl Future<Output = Vec<Result<(), WriteError<Entry>>>> + Send;
}

/// No ledger has nothing to mark.
impl<L: LedgerMarker> LedgerMarker for Option<L> {
    async fn withdraw(&self, writes: Vec<EntryWrite>) -> Vec<Result<(), WriteError<Entry>>> {
        match self {
            Some(ledger) => ledger.withdraw(writes).await,
            None => {
                let none = || Unavailable { service: "ledger", action: "be marked", why: "there is none".to_owned() };
                writes.iter().map(|_| Err(none().into())).collect()
            }
        }
    }
}

/// Store of letters: the dead-letter table.
pub trait Letters: Send + Sync + 'static {
    /// Reads letters whole, consistently; one answer for each id, in order. A letter whose body is not there as it was written
    /// says so ([`Body::Missing`](crate::letters::letter::Body::Missing)); it is never cut short.
    fn read(&self, ids: &[LetterId]) -> impl Future<Output = Result<Vec<Option<Letter>>, Unavailable>> + Send;

    /// Looks at letters without their bodies, consistently; one answer for each id, in order.
    fn look(&self, ids: &[LetterId]) -> impl Future<Output = Result<Vec<Option<Look>>, Unavailable>> + Send {
        async move { Ok(self.read(ids).await?.into_iter().map(|letter| letter.as_ref().map(Look::of)).collect()) }
    }

    /// Writes letters, each under its own condition and with its body, both or neither. One answer for each, in order.
    fn write(&self, writes: Vec<LetterWrite>) -> impl Future<Output = Vec<Result<(), WriteError<Letter>>>> + Send;

    /// Reads one page of a listing, at most `limit` letters. An index lags: these are candidates, and only the table's own
    /// condition decides.
    fn scan(
        &self,
        listing: Listing<'_>,
        from: Cursor,
        limit: usize,
    ) -> impl Future<Output = Result<Page, Unavailable>> + Send;

    /// Starts of the lanes of every listing, at least one. Walks from each of them meet what a walk from [`Cursor::START`]
    /// meets, no letter twice, and may go on side by side.
    fn lanes(&self) -> Vec<Cursor>;

    /// Reads a listing from a place to its end, `limit` letters at a time, and hands over each.
    fn scan_all(
        &self,
        listing: Listing<'_>,
        from: Cursor,
        limit: usize,
        mut each: impl FnMut(Candidate) + Send,
    ) -> impl Future<Output = Result<(), Unavailable>> + Send {
        async move {
            let mut next = Some(from);
            while let Some(from) = next {
                let page = self.scan(listing, from, limit).await?;
                page.candidates.into_iter().for_each(&mut each);
                next = page.next;
            }
            Ok(())
        }
    }
}

/// Index of letters by their idempotency keys, and by ids of their messages.
pub trait KeyIndex: Letters {
    /// Finds the letters of a key, in every scope and status. `None`: the table has no such index yet. An index lags.
    fn of_key(&self, key: &Key) -> impl Future<Output = Result<Option<Vec<LetterId>>, Unavailable>> + Send;

    /// Finds the letter that a write brought this message id to ([`LetterWrite::new_message_ids`]). `None`: it is none of these, is
    /// older than they are kept, or could not be kept.
    fn of_message(&self, id: &MessageId) -> impl Future<Output = Result<Option<LetterId>, Unavailable>> + Send;
}

/// The causes of dead letters: a record for each of a queue's, beside the letters.
pub trait Causes: Send + Sync + 'static {
    /// Adds sightings to what is known of their causes (no two of one cause); one answer for each, in order. One that expired
    /// before `now` is known no more. Of many who see a new cause at once, one is told so.
    fn record(
        &self,
        sightings: Vec<Cause>,
        now: Timestamp,
    ) -> impl Future<Output = Vec<Result<Recorded, Unavailable>>> + Send;

    /// Takes the text away that a cause has of this letter, if the letter is its example: it was erased.
    fn erase_example(
        &self,
        source: &QueueArn,
        fingerprint: &str,
        letter: LetterId,
    ) -> impl Future<Output = Result<(), Unavailable>> + Send;

    /// Reads a queue's causes in the order of their fingerprints: those after `after`, at most `limit`, and whether
    /// there are more. Expired ones may be among them.
    fn causes(
        &self,
        source: &QueueArn,
        after: Option<String>,
        limit: usize,
    ) -> impl Future<Output = Result<(Vec<Cause>, bool), Unavailable>> + Send;
}

/// Turns of the groups of FIFO queues, in the dead-letter table under keys of their own.
pub trait Turns: Send + Sync + 'static {
    /// Reads whose turn it is in a FIFO queue's group, consistently.
    fn turn(
        &self,
        source: &QueueArn,
        group: &str,
    ) -> impl Future<Output = Result<Option<GroupTurn>, Unavailable>> + Send;

    /// Writes that: the first version if there is none, any other if the one before it is still there.
    fn write_turn(&self, turn: GroupTurn) -> impl Future<Output = Result<(), WriteError<GroupTurn>>> + Send;
}

/// Replay jobs, in the dead-letter table under keys of their own.
pub trait Jobs: Turns {
    /// Reads a job's head, consistently.
    fn job(&self, id: JobId) -> impl Future<Output = Result<Option<Job>, Unavailable>> + Send;

    /// Reads a job's batches from number `from` on, consistently and in their order.
    fn batches(&self, id: JobId, from: u32) -> impl Future<Output = Result<Vec<JobBatch>, Unavailable>> + Send;

    /// The jobs that are open, or the closed ones, the latest `limit` first. An index lags.
    fn jobs(&self, open: bool, limit: usize) -> impl Future<Output = Result<Vec<JobId>, Unavailable>> + Send;

    /// Writes a head: the first version if there is none, any other if the one before it is still there.
    fn write_job(&self, job: Job) -> impl Future<Output = Result<(), WriteError<Job>>> + Send;

    /// Writes a batch, under the same condition.
    fn write_batch(&self, batch: JobBatch) -> impl Future<Output = Result<(), WriteError<JobBatch>>> + Send;

    /// Reads a part of a job's list, consistently.
    fn list_part(&self, id: JobId, n: u32) -> impl Future<Output = Result<Option<ListPart>, Unavailable>> + Send;

    /// Writes a part of a job's list, if there is none of that number.
    fn write_list_part(&self, part: ListPart) -> impl Future<Output = Result<(), WriteError<ListPart>>> + Send;
}

/// Readings for a job's guard from outside the tables.
pub trait Gauges: Send + Sync + 'static {
    /// Returns false if nothing tells how much waits, as of a topic: a guard then does without it.
    fn tells_backlog(&self) -> bool {
        true
    }

    /// Returns roughly how many messages wait in the main queue, delayed ones apart.
    fn backlog(&self) -> impl Future<Output = Result<u64, Unavailable>> + Send;

    /// The most bytes of a message that the queue takes.
    fn limit(&self) -> impl Future<Output = Result<usize, Unavailable>> + Send {
        std::future::ready(Ok(MESSAGE_LIMIT))
    }

    /// The state of an alarm.
    fn alarm(&self, name: &str) -> impl Future<Output = Result<AlarmState, Unavailable>> + Send;
}

/// New visibility of one message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VisibilityChange {
    /// Id of the message.
    pub message_id: MessageId,
    /// Receipt handle of this receive.
    pub receipt_handle: ReceiptHandle,
    /// Delay in whole seconds, at most 12 hours less what has elapsed.
    pub delay: Duration,
}

/// Means by which a source has a message come again later.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DelayBy {
    /// The message stays in its queue, invisible: SQS.
    Visibility,
    /// A copy waits elsewhere, and once it is there the message itself is acknowledged: RabbitMQ.
    Copy,
    /// Nothing but the invocation itself can wait, and whatever is behind the message waits with it: a partition of Kafka.
    Waiting,
}

/// A copy of a message that shall come after a delay.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DelayedCopy {
    /// Id of the message.
    pub message_id: MessageId,
    /// Record of the message, exact.
    pub record: Arc<BrokerRecord>,
    /// Time until it comes again, at least.
    pub delay: Duration,
}

/// The main queue, as the processor changes it.
pub trait MainQueue: Send + Sync + 'static {
    /// Means by which a message of this queue is delayed.
    const DELAY: DelayBy = DelayBy::Visibility;

    /// Has copies wait elsewhere, of a queue that delays so. Returns those that are not known to be there, with the broker's code:
    /// their messages are not acknowledged.
    fn delay(&self, copies: Vec<DelayedCopy>) -> impl Future<Output = Vec<(MessageId, String)>> + Send {
        let none = |copy: DelayedCopy| (copy.message_id, "NoCopies".to_owned());
        std::future::ready(copies.into_iter().map(none).collect())
    }

    /// Sets visibilities, in as few calls as SQS allows. Returns those that were not set, with SQS's code.
    fn change_visibility(
        &self,
        changes: Vec<VisibilityChange>,
    ) -> impl Future<Output = Vec<(MessageId, String)>> + Send;

    /// Returns roughly how many of its messages are in flight, delayed ones included; `None` if it does not say.
    fn in_flight(&self) -> impl Future<Output = Option<u64>> + Send {
        std::future::ready(None)
    }
}

/// The dead-letter queue, as the indexer empties it.
pub trait DeadLetterQueue: Send + Sync + 'static {
    /// Receives up to ten messages, waiting for at most `wait`.
    fn receive(&self, wait: Duration) -> impl Future<Output = Result<Vec<Record>, Unavailable>> + Send;

    /// Deletes up to ten messages. Returns those that were not deleted, with SQS's code.
    fn delete(
        &self,
        messages: Vec<(MessageId, ReceiptHandle)>,
    ) -> impl Future<Output = Vec<(MessageId, String)>> + Send;
}

/// Queue to which replay sends.
pub trait Outbox: Send + Sync + 'static {
    /// Sends up to ten messages of together at most 1 MiB. One answer for each, in order: the new message id, or
    /// SQS's code for refusing it. `Unavailable` if nothing is known: each may have been sent.
    fn send(
        &self,
        messages: Vec<Outgoing>,
    ) -> impl Future<Output = Result<Vec<Result<MessageId, String>>, Unavailable>> + Send;
}

/// Clock for the time of day.
pub trait Clock: Send + Sync + 'static {
    /// Returns the present time.
    fn now(&self) -> Timestamp;
}

/// Source of random bits.
pub trait Entropy: Send + Sync + 'static {
    /// Returns 128 random bits.
    fn bits(&self) -> u128;
}
