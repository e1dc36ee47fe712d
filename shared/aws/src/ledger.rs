//! Store of ledger entries: the ledger table.

mod by_arn;
pub(crate) mod commit;
mod group;
mod item;
mod powertools;
mod puts;
mod statements;
mod withdraw;

use std::sync::Arc;
use std::time::SystemTime;

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::operation::transact_write_items::TransactWriteItemsError;
use aws_sdk_dynamodb::types::CancellationReason;
use futures_util::StreamExt;
use redrive_core::message::key::LedgerKey;
use redrive_core::ports::{CommitError, Ledger, LedgerReader, Unavailable, WriteError};
use redrive_core::processing::ledger::{Entry, EntryWrite};
use redrive_core::processing::powertools::{PowertoolsKeys, PowertoolsMessage, PowertoolsState};
use redrive_core::time::Timestamp;

use crate::failure::Failure;
use crate::writes::Writes;
use commit::Cancelled;
use group::Group;
use powertools::PowertoolsTable;
use puts::{Puts, found};
use statements::Statements;

const SERVICE: &str = "ledger table";
/// Limit of puts of one `write` that are under way at once.
const WIDTH: usize = 64;

type EntryResult = Result<(), WriteError<Entry>>;

/// The ledger as a DynamoDB table: partition key `pk`, time-to-live attribute `expires`.
///
/// Writes without effects that come close together share a call; see `ledger/group.rs` and `ledger/statements.rs`.
#[derive(Debug, Clone)]
pub struct LedgerTable {
    puts: Puts,
    group: Option<Group<Statements>>,
    /// Table of an earlier consumer, if it is honoured.
    powertools: Option<Arc<PowertoolsTable>>,
}

impl LedgerTable {
    /// The ledger in the table of this name, or of this ARN: then each entry has a call of its own, because a statement takes no ARN.
    #[must_use]
    pub fn new(client: Client, table: impl Into<String>) -> Self {
        let puts = Puts { client, table: table.into() };
        let group = crate::partiql::takes(&puts.table).then(|| Group::new(Statements::new(puts.clone())));
        Self { puts, group, powertools: None }
    }

    /// The same, which honours what Powertools' table of this name says of messages. That table is only read.
    #[must_use]
    pub fn honouring(self, table: impl Into<String>, keys: PowertoolsKeys) -> Self {
        let powertools = PowertoolsTable { client: self.puts.client.clone(), table: table.into(), keys };
        Self { powertools: Some(Arc::new(powertools)), ..self }
    }

    async fn ask_powertools(&self, messages: &[PowertoolsMessage]) -> Result<Vec<PowertoolsState>, Unavailable> {
        match &self.powertools {
            Some(table) => table.look(messages, time_of_day).await,
            None => Ok(vec![PowertoolsState::Free; messages.len()]),
        }
    }

    /// The same, with a call of its own for every entry: ten times the calls, and no permission for
    /// PartiQL. `make bench` measures one against the other.
    #[must_use]
    pub fn one_by_one(self) -> Self {
        Self { group: None, ..self }
    }

    /// Writes entries, each under its own condition: the one place that knows how many calls that takes.
    async fn write_all(&self, writes: Vec<EntryWrite>) -> Vec<EntryResult> {
        if let Some(group) = &self.group {
            return group.write(writes).await;
        }
        let puts = futures_util::stream::iter(writes).map(|write| self.puts.put(write));
        puts.buffered(WIDTH).collect().await
    }

    /// A completion without effects is one write.
    async fn complete(&self, write: EntryWrite) -> Result<(), CommitError> {
        match self.write_all(vec![write]).await.pop() {
            Some(Err(WriteError::Condition(found))) => Err(CommitError::Condition(found)),
            Some(Err(WriteError::Unavailable(why))) => Err(CommitError::Unavailable(why)),
            Some(Ok(())) => Ok(()),
            None => Err(CommitError::Unavailable(group::lost())),
        }
    }

    async fn transact(
        &self,
        EntryWrite { key, entry, expect, .. }: EntryWrite,
        effects: &Writes,
    ) -> Result<(), CommitError> {
        let first = self.puts.first(&key, entry, &expect)?;
        if let Some(group) = &self.group {
            group.settled(1);
        }
        let items = std::iter::once(first).chain(effects.items().cloned()).collect();
        let Err(error) = self.puts.client.transact_write_items().set_transact_items(Some(items)).send().await else {
            return Ok(());
        };
        match error.as_service_error() {
            Some(TransactWriteItemsError::TransactionCanceledException(failed)) => {
                let reasons = failed.cancellation_reasons();
                Err(refused(&key, reasons, effects, &Failure::of(&error))?)
            }
            _ => Err(commit::failed(effects, &Failure::of(&error), SERVICE)),
        }
    }
}

/// The time of day, by which Powertools' items expire.
fn time_of_day() -> Timestamp {
    let millis = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).map_or(0, |since| since.as_millis());
    Timestamp::from_millis(u64::try_from(millis).unwrap_or(u64::MAX))
}

/// Explains a cancelled transaction, with the entry that was there instead if the entry was the reason.
fn refused(
    key: &LedgerKey,
    reasons: &[CancellationReason],
    effects: &Writes,
    failure: &Failure,
) -> Result<CommitError, Unavailable> {
    let codes: Vec<&str> = reasons.iter().map(|reason| reason.code().unwrap_or("None")).collect();
    Ok(match commit::cancelled(&codes) {
        Cancelled::Entry => CommitError::Condition(found(key, reasons.first().and_then(|first| first.item.clone()))?),
        Cancelled::InTheWay => CommitError::Conflict,
        Cancelled::Condition(at) => commit::condition_failed(effects, at),
        Cancelled::Invalid(at, code) => commit::invalid(effects, at, &code),
        Cancelled::Unknown => commit::failed(effects, failure, SERVICE),
    })
}

impl Ledger<()> for LedgerTable {
    async fn write(&self, writes: Vec<EntryWrite>) -> Vec<EntryResult> {
        self.write_all(writes).await
    }

    async fn commit(&self, write: EntryWrite, (): &()) -> Result<(), CommitError> {
        self.complete(write).await
    }

    async fn look(&self, keys: &[LedgerKey]) -> Result<Vec<Option<Entry>>, Unavailable> {
        self.puts.read(keys).await
    }

    fn honours_powertools(&self) -> bool {
        self.powertools.is_some()
    }

    async fn look_at_powertools(&self, messages: &[PowertoolsMessage]) -> Result<Vec<PowertoolsState>, Unavailable> {
        self.ask_powertools(messages).await
    }
}

impl Ledger<Writes> for LedgerTable {
    async fn write(&self, writes: Vec<EntryWrite>) -> Vec<EntryResult> {
        self.write_all(writes).await
    }

    async fn commit(&self, write: EntryWrite, effects: &Writes) -> Result<(), CommitError> {
        match effects.len() {
            0 => self.complete(write).await,
            1..=commit::EFFECTS => self.transact(write, effects).await,
            _ => Err(commit::too_many(effects)),
        }
    }

    async fn look(&self, keys: &[LedgerKey]) -> Result<Vec<Option<Entry>>, Unavailable> {
        self.puts.read(keys).await
    }

    fn honours_powertools(&self) -> bool {
        self.powertools.is_some()
    }

    async fn look_at_powertools(&self, messages: &[PowertoolsMessage]) -> Result<Vec<PowertoolsState>, Unavailable> {
        self.ask_powertools(messages).await
    }
}

impl LedgerReader for LedgerTable {
    async fn read(&self, keys: &[LedgerKey]) -> Result<Vec<Option<Entry>>, Unavailable> {
        self.puts.read(keys).await
    }

    async fn read_eventually(&self, keys: &[LedgerKey]) -> Result<Vec<Option<Entry>>, Unavailable> {
        self.puts.read_eventually(keys).await
    }
}
