//! Withdrawals in a ledger that is named by an ARN, another account's say: an UpdateItem each. A statement's text takes a table's
//! name only; `TableName` takes an ARN, too.

use std::collections::HashMap;

use aws_sdk_dynamodb::operation::update_item::UpdateItemError;
use aws_sdk_dynamodb::types::{AttributeValue, ReturnValuesOnConditionCheckFailure};
use redrive_core::ports::{Unavailable, WriteError};
use redrive_core::processing::ledger::{Entry, EntryWrite, Expect};

use super::puts::{Puts, WriteCondition, found};
use super::withdraw::{ACTION, MARKED, OPTIONAL};
use super::{EntryResult, SERVICE, item};
use crate::failure::unavailable;
use crate::item::Item;

/// An update in DynamoDB's words.
#[derive(Debug, PartialEq)]
struct Update {
    expression: String,
    names: HashMap<String, String>,
    values: HashMap<String, AttributeValue>,
    key: Item,
}

impl Puts {
    /// Marks one entry, or leaves a tombstone where nothing is.
    pub(super) async fn withdraw(&self, write: EntryWrite) -> EntryResult {
        let EntryWrite { key, entry, expect, .. } = write;
        let strange = |why: String| Unavailable { service: SERVICE, action: ACTION, why };
        let guard = match &expect {
            Expect::AbsentOrExpired(_) => WriteCondition::absent(),
            unchanged @ Expect::Unchanged { .. } => WriteCondition::of(unchanged),
        };
        let whole = item::to_item(&key, Entry::clone(&entry)).map_err(strange)?;
        let mut update = update(whole, &expect);
        update.names.extend(guard.names);
        update.values.extend(guard.values);
        let call = self.client.update_item().table_name(&self.table).set_key(Some(update.key));
        let call = call.update_expression(update.expression).condition_expression(guard.expression);
        let call = call.set_expression_attribute_names(Some(update.names));
        let call = call.set_expression_attribute_values(Some(update.values));
        let call = call.return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld);
        match call.send().await {
            Ok(_) => Ok(()),
            Err(error) => Err(match error.as_service_error() {
                Some(UpdateItemError::ConditionalCheckFailedException(failed)) => {
                    WriteError::Condition(found(&key, failed.item.clone())?)
                }
                _ => WriteError::Unavailable(unavailable(SERVICE, ACTION, &error)),
            }),
        }
    }
}

/// Makes the update of an entry: all attributes of a tombstone, or those of an existing entry that a withdrawal marks.
fn update(whole: Item, expect: &Expect) -> Update {
    let (key, mut rest): (Item, Item) = whole.into_iter().partition(|(name, _)| name == "pk");
    let is_there = matches!(expect, Expect::Unchanged { .. });
    rest.retain(|name, _| !is_there || MARKED.contains(&name.as_str()));
    // The condition has `:version` and `:owner`, the former ones: values of the same name would take their place, or theirs ours.
    let mut sets: Vec<_> = rest.keys().map(|name| format!("#{name} = :new_{name}")).collect();
    sets.sort_unstable();
    let absent: Vec<_> = OPTIONAL.into_iter().filter(|name| is_there && !rest.contains_key(*name)).collect();
    let removes: Vec<_> = absent.iter().map(|name| format!("#{name}")).collect();
    let removes = if removes.is_empty() { String::new() } else { format!(" REMOVE {}", removes.join(", ")) };
    let named = rest.keys().map(String::as_str).chain(absent);
    Update {
        expression: format!("SET {}{removes}", sets.join(", ")),
        names: named.map(|name| (format!("#{name}"), name.to_owned())).collect(),
        values: rest.into_iter().map(|(name, value)| (format!(":new_{name}"), value)).collect(),
        key,
    }
}
