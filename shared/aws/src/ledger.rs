//! The ledger's table.

mod commit;
mod item;

use std::collections::HashMap;

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::operation::put_item::PutItemError;
use aws_sdk_dynamodb::operation::transact_write_items::TransactWriteItemsError;
use aws_sdk_dynamodb::types::{
    AttributeValue, CancellationReason, Put, ReturnValuesOnConditionCheckFailure, TransactWriteItem,
};
use futures_util::StreamExt;
use redrive_core::key::LedgerKey;
use redrive_core::ledger::{Entry, EntryWrite, Expect};
use redrive_core::ports::{CommitError, Ledger, LedgerReader, Unavailable, WriteError};

use crate::batch_get::batch_get;
use crate::failure::{Failure, unavailable};
use crate::item::{Item, number, text};
use crate::writes::Writes;
use commit::Cancelled;

const SERVICE: &str = "ledger table";
/// How many puts are under way at once.
const WIDTH: usize = 64;

/// The ledger as a DynamoDB table: partition key `pk`, time-to-live attribute `expires`.
#[derive(Debug, Clone)]
pub struct LedgerTable {
    client: Client,
    table: String,
}

impl LedgerTable {
    /// The ledger in the table of this name.
    #[must_use]
    pub fn new(client: Client, table: impl Into<String>) -> Self {
        Self { client, table: table.into() }
    }

    /// Writes entries, each under its own condition: the one place that knows how many calls that takes.
    async fn put_all(&self, writes: Vec<EntryWrite>) -> Vec<Result<(), WriteError<Entry>>> {
        let puts = futures_util::stream::iter(writes).map(|write| self.put(write));
        puts.buffered(WIDTH).collect().await
    }

    async fn put(&self, EntryWrite { key, entry, expect }: EntryWrite) -> Result<(), WriteError<Entry>> {
        let guard = Guard::of(&expect);
        let item = item::to_item(&key, entry).map_err(|why| Unavailable { service: SERVICE, action: "write", why })?;
        let put = self.client.put_item().table_name(&self.table).set_item(Some(item));
        let put = put.condition_expression(guard.expression).set_expression_attribute_names(Some(guard.names));
        let put = put.set_expression_attribute_values(Some(guard.values));
        let put = put.return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld);
        match put.send().await {
            Ok(_) => Ok(()),
            Err(error) => Err(match error.as_service_error() {
                Some(PutItemError::ConditionalCheckFailedException(failed)) => {
                    WriteError::Condition(found(&key, failed.item.clone())?)
                }
                _ => WriteError::Unavailable(unavailable(SERVICE, "write an entry", &error)),
            }),
        }
    }

    async fn transact(
        &self,
        EntryWrite { key, entry, expect }: EntryWrite,
        effects: &Writes,
    ) -> Result<(), CommitError> {
        let first = self.first(&key, entry, &expect)?;
        let items = std::iter::once(first).chain(effects.items().cloned()).collect();
        let Err(error) = self.client.transact_write_items().set_transact_items(Some(items)).send().await else {
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

    /// The entry as the first item of a transaction.
    fn first(&self, key: &LedgerKey, entry: Entry, expect: &Expect) -> Result<TransactWriteItem, Unavailable> {
        let cannot = |why| Unavailable { service: SERVICE, action: "commit", why };
        let guard = Guard::of(expect);
        let put = Put::builder()
            .table_name(&self.table)
            .set_item(Some(item::to_item(key, entry).map_err(cannot)?))
            .condition_expression(guard.expression)
            .set_expression_attribute_names(Some(guard.names))
            .set_expression_attribute_values(Some(guard.values))
            .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld)
            .build()
            .map_err(|_| cannot("the entry's put is incomplete".to_owned()))?;
        Ok(TransactWriteItem::builder().put(put).build())
    }
}

/// What a cancelled transaction means, with the entry that was there instead if it was the entry.
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

/// The entry that a failed condition brought along.
fn found(key: &LedgerKey, item: Option<Item>) -> Result<Option<Box<Entry>>, Unavailable> {
    item.filter(|item| !item.is_empty()).map(|item| parse(key, item).map(Box::new)).transpose()
}

fn parse(key: &LedgerKey, item: Item) -> Result<Entry, Unavailable> {
    item::from_item(item).map_err(|why| Unavailable {
        service: SERVICE,
        action: "give an entry of ours",
        why: format!("{why} (key hash {})", key.log_hash()),
    })
}

/// A condition in DynamoDB's words.
struct Guard {
    expression: &'static str,
    names: HashMap<String, String>,
    values: HashMap<String, AttributeValue>,
}

impl Guard {
    fn of(expect: &Expect) -> Self {
        match expect {
            Expect::AbsentOrExpired(now) => Self::new(
                "attribute_not_exists(#pk) OR #expires < :now_seconds",
                &["pk", "expires"],
                [(":now_seconds", number(now.as_secs()))].into(),
            ),
            Expect::Unchanged { version, owner } => Self::new(
                "#version = :version AND #owner = :owner",
                &["version", "owner"],
                vec![(":version", number(*version)), (":owner", text(owner))],
            ),
        }
    }

    /// Names go by `#name`: `owner` and others are reserved words.
    fn new(expression: &'static str, names: &[&str], values: Vec<(&str, AttributeValue)>) -> Self {
        Self {
            expression,
            names: names.iter().map(|name| (format!("#{name}"), (*name).to_owned())).collect(),
            values: values.into_iter().map(|(name, value)| (name.to_owned(), value)).collect(),
        }
    }
}

impl Ledger<()> for LedgerTable {
    async fn write(&self, writes: Vec<EntryWrite>) -> Vec<Result<(), WriteError<Entry>>> {
        self.put_all(writes).await
    }

    async fn commit(&self, write: EntryWrite, (): &()) -> Result<(), CommitError> {
        self.put(write).await.map_err(alone)
    }
}

impl Ledger<Writes> for LedgerTable {
    async fn write(&self, writes: Vec<EntryWrite>) -> Vec<Result<(), WriteError<Entry>>> {
        self.put_all(writes).await
    }

    async fn commit(&self, write: EntryWrite, effects: &Writes) -> Result<(), CommitError> {
        match effects.len() {
            0 => self.put(write).await.map_err(alone),
            1..=commit::EFFECTS => self.transact(write, effects).await,
            _ => Err(commit::too_many(effects)),
        }
    }
}

/// A completion without effects is one write.
fn alone(error: WriteError<Entry>) -> CommitError {
    match error {
        WriteError::Condition(found) => CommitError::Condition(found),
        WriteError::Unavailable(why) => CommitError::Unavailable(why),
    }
}

impl LedgerReader for LedgerTable {
    async fn read(&self, keys: &[LedgerKey]) -> Result<Vec<Option<Entry>>, Unavailable> {
        let pks = keys.iter().map(|key| key.as_str().to_owned()).collect();
        let whole_key = |pk: &str| Item::from([("pk".to_owned(), text(pk))]);
        let items = batch_get(&self.client, (SERVICE, &self.table), pks, whole_key).await?;
        keys.iter().map(|key| items.get(key.as_str()).cloned().map(|item| parse(key, item)).transpose()).collect()
    }
}
