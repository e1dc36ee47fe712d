//! One entry, one call: a conditional PutItem, alone or as the first item of a transaction.

use std::collections::HashMap;

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::operation::put_item::PutItemError;
use aws_sdk_dynamodb::types::{AttributeValue, Put, ReturnValuesOnConditionCheckFailure, TransactWriteItem};
use redrive_core::key::LedgerKey;
use redrive_core::ledger::{Entry, EntryWrite, Expect};
use redrive_core::ports::{Unavailable, WriteError};

use super::{SERVICE, Written, item};
use crate::batch_get::batch_get;
use crate::failure::unavailable;
use crate::item::{Item, number, text};

/// The ledger's table and who calls it.
#[derive(Debug, Clone)]
pub(super) struct Puts {
    pub(super) client: Client,
    pub(super) table: String,
}

impl Puts {
    pub(super) async fn put(&self, EntryWrite { key, entry, expect }: EntryWrite) -> Written {
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

    /// Reads entries, consistently; one answer for each key, in order.
    pub(super) async fn read(&self, keys: &[LedgerKey]) -> Result<Vec<Option<Entry>>, Unavailable> {
        let pks = keys.iter().map(|key| key.as_str().to_owned()).collect();
        let whole_key = |pk: &str| Item::from([("pk".to_owned(), text(pk))]);
        let items = batch_get(&self.client, (SERVICE, &self.table), pks, whole_key).await?;
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
