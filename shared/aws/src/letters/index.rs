//! The table's indexes: `by-status` (partition key `status_shard`, sort key `due`) and `by-fingerprint` (`fingerprint_shard`,
//! `first_failed_at`), whose shards are the lanes of a listing; and `by-key` (`idempotency_key`).

use aws_sdk_dynamodb::operation::query::builders::QueryFluentBuilder;
use aws_sdk_dynamodb::types::AttributeValue;
use redrive_core::ids::LetterId;
use redrive_core::letters::listing::{Cursor, Listing, Page};
use redrive_core::message::key::Key;
use redrive_core::ports::Unavailable;

use super::handle::TableHandle;
use super::item::HEAD;
use super::shards::{SHARDS, cause_partition, job_shard, status_partition};
use super::{SERVICE, chunks, item, not_ours};
use crate::failure::{Failure, unavailable};
use crate::item::{Item, number, text, text_of};

const BY_STATUS: &str = "by-status";
const BY_CAUSE: &str = "by-fingerprint";
/// Only heads with a key stand there, and nothing of them but their ids: whoever is erased leaves it.
const BY_KEY: &str = "by-key";

/// Partition of an index, in the order of its sort key.
struct Partition {
    index: &'static str,
    key: (&'static str, String),
    sort: &'static str,
}

impl Partition {
    fn of(listing: Listing<'_>, shard: u8) -> Self {
        match listing {
            Listing::Status { status, .. } => {
                Self { index: BY_STATUS, key: ("status_shard", status_partition(status, shard)), sort: "due" }
            }
            Listing::Cause { fingerprint, .. } => {
                let key = ("fingerprint_shard", cause_partition(fingerprint, shard));
                Self { index: BY_CAUSE, key, sort: "first_failed_at" }
            }
        }
    }

    /// The key after which a page starts.
    fn start(&self, listing: Listing<'_>, from: Cursor) -> Option<Item> {
        let after = from.after()?;
        let place = match listing {
            Listing::Status { .. } => number(after.due.as_millis()),
            Listing::Cause { .. } => text(after.due.to_rfc3339()),
        };
        let mut key = chunks::key(after.id, HEAD);
        key.insert(self.key.0.to_owned(), text(&self.key.1));
        key.insert(self.sort.to_owned(), place);
        Some(key)
    }
}

/// Indexes of the table: letters in the order of a listing, and jobs.
#[derive(Debug, Clone, Copy)]
pub(super) struct LetterIndex<'a> {
    pub(super) table: &'a TableHandle,
}

impl LetterIndex<'_> {
    pub(super) async fn query(&self, listing: Listing<'_>, from: Cursor, limit: usize) -> Result<Page, Unavailable> {
        let partition = Partition::of(listing, from.lane());
        let query = self.partition(partition.index, (partition.key.0, &partition.key.1));
        let query = match listing {
            Listing::Status { due_by, .. } => query
                .key_condition_expression("#shard = :shard AND #due <= :due")
                .expression_attribute_names("#due", partition.sort)
                .expression_attribute_values(":due", number(due_by.as_millis())),
            Listing::Cause { .. } => query.key_condition_expression("#shard = :shard"),
        };
        let query = query
            .limit(i32::try_from(limit.max(1)).unwrap_or(i32::MAX))
            .set_exclusive_start_key(partition.start(listing, from));
        let answer = query.send().await.map_err(|error| unavailable(SERVICE, "list letters", &error))?;
        let more = answer.last_evaluated_key.as_ref().is_some_and(|key| !key.is_empty());
        let read = |item: Item| {
            let id = text_of(&item, "pk").unwrap_or("without a pk").to_owned();
            item::to_candidate(item).map_err(|why| not_ours("list letters of ours", &why, &id))
        };
        let found = answer.items.unwrap_or_default().into_iter().map(read).collect::<Result<Vec<_>, _>>()?;
        Ok(Page::new(listing, from, found, more, SHARDS))
    }

    /// Reads the ids of all letters of a key. A table of an earlier version has no index of keys.
    pub(super) async fn query_key(&self, key: &Key) -> Result<Option<Vec<LetterId>>, Unavailable> {
        const ACTION: &str = "find letters by key";
        let (mut found, mut from) = (Vec::new(), None);
        loop {
            let query = self.table.client.query().table_name(&self.table.name).index_name(BY_KEY);
            let query = query
                .key_condition_expression("#key = :key")
                .expression_attribute_names("#key", "idempotency_key")
                .expression_attribute_values(":key", text(key.as_str()))
                .set_exclusive_start_key(from);
            let answer = match query.send().await.map_err(|error| Failure::of(&error)) {
                Ok(answer) => answer,
                Err(failure) if failure.is_invalid() => return Ok(None),
                Err(failure) => return Err(failure.unavailable(SERVICE, ACTION)),
            };
            let ids = answer.items.iter().flatten().map(|item| text_of(item, "pk").and_then(LetterId::parse));
            let strange = || not_ours(ACTION, "a pk is no letter's", "in the index of keys");
            found.extend(ids.collect::<Option<Vec<_>>>().ok_or_else(strange)?);
            from = answer.last_evaluated_key.filter(|key| !key.is_empty());
            if from.is_none() {
                return Ok(Some(found));
            }
        }
    }

    /// A query of the jobs' partition of the status index.
    pub(super) fn query_jobs(&self, open: bool) -> QueryFluentBuilder {
        self.partition(BY_STATUS, ("status_shard", job_shard(open))).key_condition_expression("#shard = :shard")
    }

    fn partition(&self, index: &str, (name, value): (&str, &str)) -> QueryFluentBuilder {
        let value = AttributeValue::S(value.to_owned());
        let query = self.table.client.query().table_name(&self.table.name).index_name(index);
        query.expression_attribute_names("#shard", name).expression_attribute_values(":shard", value)
    }
}
