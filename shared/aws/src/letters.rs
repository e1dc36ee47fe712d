//! Store of letters: the dead-letter table.

mod body;
mod causes;
mod chunks;
mod edited;
mod item;
mod jobs;
mod parts;
mod place;
mod plan;
mod read;
mod statements;
mod write;

use std::sync::Arc;

use aws_sdk_dynamodb::Client;
use redrive_core::ids::LetterId;
use redrive_core::letters::letter::{Letter, LetterWrite, Status};
use redrive_core::ports::{Cursor, Letters, Page, Unavailable, WriteError};
use redrive_core::replay::{Candidate, Look};
use redrive_core::time::Timestamp;
use tokio::sync::Semaphore;

use crate::failure::unavailable;
use crate::item::{Item, number, text};
use item::HEAD;

const SERVICE: &str = "dead-letter table";
/// Limit of calls of one `write` that are under way at once.
const WIDTH: usize = 16;
/// Limit of large letters among these: each is in memory several times while it is packed, split and sent.
const LARGE: usize = 2;
/// The status index: partition key `status_shard`, sort key `due`.
const BY_STATUS: &str = "by-status";
/// The index by cause: partition key `fingerprint_shard`, sort key `first_failed_at`.
const BY_CAUSE: &str = "by-fingerprint";

/// The letters as a DynamoDB table: keys `pk` and `sk`, indexes `by-status` and `by-fingerprint`, time-to-live
/// attribute `expires`.
///
/// Its causes stand beside them; see `letters/causes.rs`.
///
/// A letter is one item, `head`, unless its body is large or is deleted before it: then that stands beside it, in `chunk#0`
/// and so on, written in the same transaction; so does a large edited body, in `edited#0` and so on. New letters of one item share a call; see `letters/statements.rs`.
#[derive(Debug, Clone)]
pub struct LetterTable {
    client: Client,
    table: String,
    large: Arc<Semaphore>,
}

impl LetterTable {
    /// The letters in the table of this name.
    #[must_use]
    pub fn new(client: Client, table: impl Into<String>) -> Self {
        Self { client, table: table.into(), large: Arc::new(Semaphore::new(LARGE)) }
    }
}

fn not_ours(action: &'static str, why: &str, id: &str) -> Unavailable {
    Unavailable { service: SERVICE, action, why: format!("{why} (letter {id})") }
}

/// Returns the start key of a page of the status index.
fn start(status_shard: &str, after: Cursor) -> Item {
    let mut key = chunks::key(after.id, HEAD);
    key.insert("status_shard".to_owned(), text(status_shard));
    key.insert("due".to_owned(), number(after.due.as_millis()));
    key
}

/// Returns the start key of a page of the index by cause.
fn start_of_cause(fingerprint_shard: &str, after: Cursor) -> Item {
    let mut key = chunks::key(after.id, HEAD);
    key.insert("fingerprint_shard".to_owned(), text(fingerprint_shard));
    key.insert("first_failed_at".to_owned(), text(after.due.to_rfc3339()));
    key
}

/// A page of an index, and where the next one starts: after the last one of this, if DynamoDB says that it stopped
/// there. `place` is the sort key of the index.
fn page(items: Vec<Item>, more: bool, place: fn(&Candidate) -> Timestamp) -> Result<Page, Unavailable> {
    let candidates = items
        .into_iter()
        .map(|item| {
            let id = crate::item::text_of(&item, "pk").unwrap_or("without a pk").to_owned();
            item::to_candidate(item).map_err(|why| not_ours("list letters of ours", &why, &id))
        })
        .collect::<Result<Vec<_>, _>>()?;
    let last = candidates.last().filter(|_| more);
    let next = last.map(|last| Cursor { id: last.id, due: place(last) });
    Ok(Page { candidates, next })
}

impl Letters for LetterTable {
    async fn read(&self, ids: &[LetterId]) -> Result<Vec<Option<Letter>>, Unavailable> {
        self.read_all(ids).await
    }

    async fn look(&self, ids: &[LetterId]) -> Result<Vec<Option<Look>>, Unavailable> {
        self.look_at(ids).await
    }

    async fn write(&self, writes: Vec<LetterWrite>) -> Vec<Result<(), WriteError<Letter>>> {
        self.write_all(writes).await
    }

    async fn candidates(
        &self,
        status: Status,
        shard: u8,
        due_by: Timestamp,
        after: Option<Cursor>,
        limit: usize,
    ) -> Result<Page, Unavailable> {
        let status_shard = Letter::status_shard(status, shard);
        let query = self.client.query().table_name(&self.table).index_name(BY_STATUS);
        let query = query
            .key_condition_expression("#status_shard = :status_shard AND #due <= :due")
            .expression_attribute_names("#status_shard", "status_shard")
            .expression_attribute_names("#due", "due")
            .expression_attribute_values(":status_shard", text(&status_shard))
            .expression_attribute_values(":due", number(due_by.as_millis()))
            .limit(i32::try_from(limit.max(1)).unwrap_or(i32::MAX))
            .set_exclusive_start_key(after.map(|after| start(&status_shard, after)));
        let answer = query.send().await.map_err(|error| unavailable(SERVICE, "list candidates", &error))?;
        let more = answer.last_evaluated_key.as_ref().is_some_and(|key| !key.is_empty());
        page(answer.items.unwrap_or_default(), more, |candidate| candidate.due)
    }

    async fn of_cause(
        &self,
        fingerprint: &str,
        shard: u8,
        after: Option<Cursor>,
        limit: usize,
    ) -> Result<Page, Unavailable> {
        let fingerprint_shard = Letter::fingerprint_shard(fingerprint, shard);
        let query = self.client.query().table_name(&self.table).index_name(BY_CAUSE);
        let query = query
            .key_condition_expression("#fingerprint_shard = :fingerprint_shard")
            .expression_attribute_names("#fingerprint_shard", "fingerprint_shard")
            .expression_attribute_values(":fingerprint_shard", text(&fingerprint_shard))
            .limit(i32::try_from(limit.max(1)).unwrap_or(i32::MAX))
            .set_exclusive_start_key(after.map(|after| start_of_cause(&fingerprint_shard, after)));
        let answer = query.send().await.map_err(|error| unavailable(SERVICE, "list letters of a cause", &error))?;
        let more = answer.last_evaluated_key.as_ref().is_some_and(|key| !key.is_empty());
        page(answer.items.unwrap_or_default(), more, |candidate| candidate.first_failed_at)
    }
}
