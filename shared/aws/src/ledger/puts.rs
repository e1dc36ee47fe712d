//! Put of one entry by one call: a conditional PutItem, alone or as the first item of a transaction.

use std::collections::HashMap;
use std::time::Duration;

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::operation::put_item::PutItemError;
use aws_sdk_dynamodb::types::{AttributeValue, Put, ReturnValuesOnConditionCheckFailure, TransactWriteItem};
use redrive_core::message::key::LedgerKey;
use redrive_core::ports::{Unavailable, WriteError};
use redrive_core::processing::ledger::{Entry, EntryWrite, Expect};

use super::{EntryResult, SERVICE, item};
use crate::batch_get::{Projection, batch_get};
use crate::failure::Failure;
use crate::item::{Item, number, text};

/// Number of tries of a put while another transaction is at its entry, and the first wait; each further one is twice as
/// long. A transaction takes some milliseconds.
const TRIES: u32 = 5;
const WAIT: Duration = Duration::from_millis(20);

/// Reason for which one try of a put did not write.
enum NotPut {
    /// The write was refused for a reason that another try would not change.
    Refused(WriteError<Entry>),
    /// Another transaction is at the entry: nothing was written.
    Conflict,
}

/// The ledger's table and who calls it.
#[derive(Debug, Clone)]
pub(super) struct Puts {
    pub(super) client: Client,
    pub(super) table: String,
}

impl Puts {
    /// Puts an entry under its condition.
    ///
    /// While a completion is committed with its effects, DynamoDB refuses every other write of its entry
    /// (`TransactionConflictException`, which the SDK does not repeat). That is no outage: what is there says who has the key. Where
    /// the condition would still hold, the put is tried again, and at last the entry comes back as one that could not be replaced.
    pub(super) async fn put(&self, write: EntryWrite) -> EntryResult {
        let mut found = None;
        for round in 0..TRIES {
            match self.try_put(&write).await {
                Ok(()) => return Ok(()),
                Err(NotPut::Refused(error)) => return Err(error),
                Err(NotPut::Conflict) => {}
            }
            found = self.read(std::slice::from_ref(&write.key)).await?.pop().flatten();
            if !write.expect.holds(found.as_ref()) {
                break;
            }
            tokio::time::sleep(WAIT * (1 << round)).await;
        }
        Err(WriteError::Condition(found.map(Box::new)))
    }

    async fn try_put(&self, EntryWrite { key, entry, expect, .. }: &EntryWrite) -> Result<(), NotPut> {
        let guard = WriteCondition::of(expect);
        let cannot = |why| Unavailable { service: SERVICE, action: "write", why };
        let item = item::to_item(key, entry.clone()).map_err(cannot)?;
        let put = self.client.put_item().table_name(&self.table).set_item(Some(item));
        let put = put.condition_expression(guard.expression).set_expression_attribute_names(Some(guard.names));
        let put = put.set_expression_attribute_values(Some(guard.values));
        let put = put.return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld);
        let Err(error) = put.send().await else { return Ok(()) };
        if let Some(PutItemError::ConditionalCheckFailedException(failed)) = error.as_service_error() {
            return Err(NotPut::Refused(WriteError::Condition(found(key, failed.item.clone())?)));
        }
        let failure = Failure::of(&error);
        if failure.is_conflict() {
            Err(NotPut::Conflict)
        } else {
            Err(failure.unavailable(SERVICE, "write an entry").into())
        }
    }

    /// Reads entries, consistently; one answer for each key, in order.
    pub(super) async fn read(&self, keys: &[LedgerKey]) -> Result<Vec<Option<Entry>>, Unavailable> {
        self.read_as(keys, Projection::WHOLE).await
    }

    /// Reads entries as they were a moment ago, for half the price; one answer for each key, in order.
    pub(super) async fn read_eventually(&self, keys: &[LedgerKey]) -> Result<Vec<Option<Entry>>, Unavailable> {
        self.read_as(keys, Projection { consistent: false, ..Projection::WHOLE }).await
    }

    async fn read_as(&self, keys: &[LedgerKey], reading: Projection<'_>) -> Result<Vec<Option<Entry>>, Unavailable> {
        let pks = keys.iter().map(|key| key.as_str().to_owned()).collect();
        let whole_key = |pk: &str| Item::from([("pk".to_owned(), text(pk))]);
        let items = batch_get(&self.client, (SERVICE, &self.table), pks, whole_key, reading).await?;
        keys.iter().map(|key| items.get(key.as_str()).cloned().map(|item| parse(key, item)).transpose()).collect()
    }

    /// The entry as the first item of a transaction.
    pub(super) fn first(
        &self,
        key: &LedgerKey,
        entry: Entry,
        expect: &Expect,
    ) -> Result<TransactWriteItem, Unavailable> {
        let cannot = |why| Unavailable { service: SERVICE, action: "commit", why };
        let guard = WriteCondition::of(expect);
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

impl From<Unavailable> for NotPut {
    fn from(error: Unavailable) -> Self {
        Self::Refused(error.into())
    }
}

/// The entry that a failed condition brought along.
pub(super) fn found(key: &LedgerKey, item: Option<Item>) -> Result<Option<Box<Entry>>, Unavailable> {
    item.filter(|item| !item.is_empty()).map(|item| parse(key, item).map(Box::new)).transpose()
}

pub(super) fn parse(key: &LedgerKey, item: Item) -> Result<Entry, Unavailable> {
    item::from_item(item).map_err(|why| Unavailable {
        service: SERVICE,
        action: "give an entry of ours",
        why: format!("{why} (key hash {})", key.log_hash()),
    })
}

/// A condition in DynamoDB's words.
pub(super) struct WriteCondition {
    pub(super) expression: &'static str,
    pub(super) names: HashMap<String, String>,
    pub(super) values: HashMap<String, AttributeValue>,
}

impl WriteCondition {
    /// Requires that nothing is there, not even an expired entry.
    pub(super) fn absent() -> Self {
        Self::new("attribute_not_exists(#pk)", &["pk"], Vec::new())
    }

    pub(super) fn of(expect: &Expect) -> Self {
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
