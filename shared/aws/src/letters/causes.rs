//! Causes, beside the letters: partition key `causes#` and the queue's ARN, sort key the fingerprint. The indexes do not know
//! them.

use std::collections::{BTreeSet, HashMap};

use aws_sdk_dynamodb::operation::put_item::PutItemError;
use aws_sdk_dynamodb::operation::update_item::UpdateItemError;
use aws_sdk_dynamodb::types::{AttributeValue, ReturnValue};
use futures_util::StreamExt;
use redrive_core::ids::{LetterId, QueueArn};
use redrive_core::letters::cause::{Cause, Recorded, forgotten};
use redrive_core::letters::letter::{ERASED, ErrorType};
use redrive_core::letters::schema::Rfc3339;
use redrive_core::ports::{Causes, Unavailable};
use redrive_core::time::Timestamp;
use serde::{Deserialize, Serialize};

use super::handle::TableHandle;
use super::{LetterTable, SERVICE, WIDTH};
use crate::failure::unavailable;
use crate::item::{Item, decode, encode, number, text};

const ACTION: &str = "write a cause";
const VERSIONS: &str = "versions";
/// Limit of tries while other runs make and unmake a cause.
const TRIES: usize = 4;

/// A cause's item. Times are RFC 3339; `expires` is the table's time-to-live attribute. Beside these the item has `versions`, a
/// set of strings, if any are known.
#[derive(Serialize, Deserialize)]
struct CauseItem {
    pk: String,
    sk: String,
    source_topic: QueueArn,
    error_type: ErrorType,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    error_code: Option<String>,
    error_message: String,
    example: LetterId,
    first_seen: Rfc3339,
    last_seen: Rfc3339,
    seen: u64,
    expires: u64,
}

fn partition(source: &QueueArn) -> String {
    format!("causes#{source}")
}

fn key(cause: &Cause) -> Item {
    Item::from([("pk".to_owned(), text(partition(&cause.source))), ("sk".to_owned(), text(&cause.fingerprint))])
}

fn set(versions: impl IntoIterator<Item = String>) -> AttributeValue {
    AttributeValue::Ss(versions.into_iter().collect())
}

fn to_item(cause: &Cause) -> Result<Item, String> {
    let mut item = encode(CauseItem {
        pk: partition(&cause.source),
        sk: cause.fingerprint.clone(),
        source_topic: cause.source.clone(),
        error_type: cause.error_type,
        error_code: cause.error_code.clone(),
        error_message: cause.error_message.clone(),
        example: cause.example,
        first_seen: cause.first_seen.into(),
        last_seen: cause.last_seen.into(),
        seen: cause.seen,
        expires: cause.expires.as_secs(),
    })?;
    // An empty set cannot be stored.
    if !cause.versions.is_empty() {
        item.insert(VERSIONS.to_owned(), set(cause.versions.clone()));
    }
    Ok(item)
}

fn from_item(mut item: Item) -> Result<Cause, String> {
    let versions = versions_of(item.remove(VERSIONS));
    let stored: CauseItem = decode(item)?;
    Ok(Cause {
        source: stored.source_topic,
        fingerprint: stored.sk,
        error_type: stored.error_type,
        error_code: stored.error_code,
        error_message: stored.error_message,
        example: stored.example,
        first_seen: stored.first_seen.into(),
        last_seen: stored.last_seen.into(),
        versions,
        seen: stored.seen,
        expires: Timestamp::from_millis(stored.expires.saturating_mul(1_000)),
    })
}

fn versions_of(stored: Option<AttributeValue>) -> BTreeSet<String> {
    match stored {
        Some(AttributeValue::Ss(versions)) => versions.into_iter().collect(),
        _ => BTreeSet::new(),
    }
}

/// Writer of the causes' items.
#[derive(Debug, Clone, Copy)]
struct CauseWriter<'a> {
    table: &'a TableHandle,
}

impl CauseWriter<'_> {
    /// Records one cause. Most are known, so that adding is tried first.
    async fn record_one(&self, cause: Cause, now: Timestamp) -> Result<Recorded, Unavailable> {
        for _ in 0..TRIES {
            if self.add(&cause, now).await? {
                return Ok(Recorded::Known);
            }
            if self.create(&cause, now).await? {
                return Ok(Recorded::New);
            }
        }
        let why = format!("it changed {TRIES} times in a row");
        Err(Unavailable { service: SERVICE, action: ACTION, why })
    }

    /// Adds to a cause. Returns true if it was there. With two runs at once `last_seen` may be off by as much as the
    /// later one saw it earlier.
    async fn add(&self, cause: &Cause, now: Timestamp) -> Result<bool, Unavailable> {
        let adds = if cause.versions.is_empty() { "ADD #seen :seen" } else { "ADD #seen :seen, #versions :versions" };
        let mut names = vec!["expires", "last_seen", "seen"];
        let mut values = HashMap::from([
            (":last_seen".to_owned(), text(cause.last_seen.to_rfc3339())),
            (":expires".to_owned(), number(cause.expires.as_secs())),
            (":now".to_owned(), number(now.as_secs())),
            (":seen".to_owned(), number(cause.seen)),
        ]);
        if !cause.versions.is_empty() {
            names.push(VERSIONS);
            values.insert(":versions".to_owned(), set(cause.versions.clone()));
        }
        let names = names.into_iter().map(|name| (format!("#{name}"), name.to_owned())).collect();
        let update = self
            .table
            .client
            .update_item()
            .table_name(&self.table.name)
            .set_key(Some(key(cause)))
            .update_expression(format!("SET #last_seen = :last_seen, #expires = :expires {adds}"))
            // What is not there has no `expires`.
            .condition_expression("#expires >= :now")
            .set_expression_attribute_names(Some(names))
            .set_expression_attribute_values(Some(values))
            .return_values(ReturnValue::UpdatedNew);
        match update.send().await {
            Ok(answer) => {
                let versions = answer.attributes.and_then(|mut item| item.remove(VERSIONS));
                self.forget(cause, forgotten(&versions_of(versions))).await;
                Ok(true)
            }
            Err(error) => match error.as_service_error() {
                Some(UpdateItemError::ConditionalCheckFailedException(_)) => Ok(false),
                _ => Err(unavailable(SERVICE, ACTION, &error)),
            },
        }
    }

    /// Creates a cause. Returns true if it was new.
    async fn create(&self, cause: &Cause, now: Timestamp) -> Result<bool, Unavailable> {
        let item = to_item(cause).map_err(|why| Unavailable { service: SERVICE, action: ACTION, why })?;
        let put = self
            .table
            .client
            .put_item()
            .table_name(&self.table.name)
            .set_item(Some(item))
            .condition_expression("attribute_not_exists(#pk) OR #expires < :now")
            .expression_attribute_names("#pk", "pk")
            .expression_attribute_names("#expires", "expires")
            .expression_attribute_values(":now", number(now.as_secs()));
        let Err(error) = put.send().await else { return Ok(true) };
        match error.as_service_error() {
            Some(PutItemError::ConditionalCheckFailedException(_)) => Ok(false),
            _ => Err(unavailable(SERVICE, ACTION, &error)),
        }
    }

    /// Keeps the set of versions small. Whoever comes next tries again.
    async fn forget(&self, cause: &Cause, versions: Vec<String>) {
        if versions.is_empty() {
            return;
        }
        let update = self.table.client.update_item().table_name(&self.table.name).set_key(Some(key(cause)));
        let update =
            update.update_expression("DELETE #versions :versions").condition_expression("attribute_exists(#pk)");
        let update = update.expression_attribute_names("#versions", VERSIONS).expression_attribute_names("#pk", "pk");
        drop(update.expression_attribute_values(":versions", set(versions)).send().await);
    }
}

impl Causes for LetterTable {
    async fn record(&self, sightings: Vec<Cause>, now: Timestamp) -> Vec<Result<Recorded, Unavailable>> {
        let causes = CauseWriter { table: &self.table };
        let sighted = futures_util::stream::iter(sightings).map(|cause| causes.record_one(cause, now));
        sighted.buffered(WIDTH).collect().await
    }

    async fn erase_example(&self, source: &QueueArn, fingerprint: &str, letter: LetterId) -> Result<(), Unavailable> {
        let pk = ("pk".to_owned(), text(partition(source)));
        let update = self.table.client.update_item().table_name(&self.table.name);
        let update = update
            .set_key(Some(Item::from([pk, ("sk".to_owned(), text(fingerprint))])))
            .update_expression("SET #error_message = :erased")
            .condition_expression("#example = :example")
            .expression_attribute_names("#error_message", "error_message")
            .expression_attribute_names("#example", "example")
            .expression_attribute_values(":erased", text(ERASED))
            .expression_attribute_values(":example", text(letter.to_string()));
        let Err(error) = update.send().await else { return Ok(()) };
        match error.as_service_error() {
            // Another letter's, or there is no such cause.
            Some(UpdateItemError::ConditionalCheckFailedException(_)) => Ok(()),
            _ => Err(unavailable(SERVICE, "erase an example", &error)),
        }
    }

    async fn causes(
        &self,
        source: &QueueArn,
        after: Option<String>,
        limit: usize,
    ) -> Result<(Vec<Cause>, bool), Unavailable> {
        let pk = partition(source);
        let from = after.map(|sk| Item::from([("pk".to_owned(), text(&pk)), ("sk".to_owned(), text(sk))]));
        let query = self.table.client.query().table_name(&self.table.name).key_condition_expression("#pk = :pk");
        let query = query.expression_attribute_names("#pk", "pk").expression_attribute_values(":pk", text(&pk));
        let query = query.limit(i32::try_from(limit.max(1)).unwrap_or(i32::MAX)).set_exclusive_start_key(from);
        let answer = query.send().await.map_err(|error| unavailable(SERVICE, "list causes", &error))?;
        let more = answer.last_evaluated_key.as_ref().is_some_and(|key| !key.is_empty());
        let damaged = |why| Unavailable { service: SERVICE, action: "give a cause of ours", why };
        let causes = answer.items.unwrap_or_default().into_iter().map(|item| from_item(item).map_err(damaged));
        Ok((causes.collect::<Result<_, _>>()?, more))
    }
}
