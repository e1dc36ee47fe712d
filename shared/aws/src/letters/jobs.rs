//! Jobs in the dead-letter table: pk `job#<id>`, sk `head`, `batch#<number>` or `list#<number>`. What a job is stands as one JSON text: it
//! is read and written whole. Beside them whose turn it is in a FIFO queue's group: pk `turn#<queue>#<group>`, sk `head`. The heads are in the status index, under two words that are no status of a letter.

use aws_sdk_dynamodb::operation::put_item::PutItemError;
use aws_sdk_dynamodb::types::ReturnValuesOnConditionCheckFailure;
use redrive_core::ids::{JobId, QueueArn};
use redrive_core::ports::{Jobs, Turns, Unavailable, WriteError};
use redrive_core::replay::GroupTurn;
use redrive_core::replay::job::{Job, JobBatch, ListPart};
use redrive_core::time::Timestamp;
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::handle::TableHandle;
use super::index::LetterIndex;
use super::shards::job_shard;
use super::{HEAD, LetterTable, SERVICE};
use crate::failure::unavailable;
use crate::item::{Item, number, text, text_of};

/// The attribute that holds the JSON text.
const BODY: &str = "body";
/// Prefix of the pk of a job.
const PREFIX: &str = "job#";

fn pk(id: JobId) -> String {
    format!("{PREFIX}{id}")
}

/// A queue's ARN has no `#`; a group's name may.
fn turn_pk(source: &QueueArn, group: &str) -> String {
    format!("turn#{source}#{group}")
}

fn batch_sk(n: u32) -> String {
    format!("batch#{n:010}")
}

fn part_sk(n: u32) -> String {
    format!("list#{n:010}")
}

fn key(pk: &str, sk: &str) -> Item {
    Item::from([("pk".to_owned(), text(pk)), ("sk".to_owned(), text(sk))])
}

fn not_ours(action: &'static str, why: impl ToString) -> Unavailable {
    Unavailable { service: SERVICE, action, why: why.to_string() }
}

/// An item with its JSON text.
fn to_item<T: Serialize>(
    mut item: Item,
    body: &T,
    version: u64,
    expires: Option<Timestamp>,
) -> Result<Item, Unavailable> {
    let json = serde_json::to_string(body).map_err(|error| not_ours("write a job", error))?;
    item.insert(BODY.to_owned(), text(json));
    item.insert("version".to_owned(), number(version));
    if let Some(expires) = expires {
        item.insert("expires".to_owned(), number(expires.as_secs()));
    }
    Ok(item)
}

fn from_item<T: DeserializeOwned>(item: &Item) -> Result<T, Unavailable> {
    let action = "give a job of ours";
    let json = text_of(item, BODY).ok_or_else(|| not_ours(action, "the item lacks its body"))?;
    serde_json::from_str(json).map_err(|error| {
        not_ours(action, format!("its body cannot be read (line {}, column {})", error.line(), error.column()))
    })
}

impl TableHandle {
    /// Puts an item if the version before it is there, or, of the first version, nothing.
    async fn put_version<T: DeserializeOwned>(&self, item: Item, version: u64) -> Result<(), WriteError<T>> {
        let put = self.client.put_item().table_name(&self.name).set_item(Some(item));
        let put = if version <= 1 {
            put.condition_expression("attribute_not_exists(#pk)").expression_attribute_names("#pk", "pk")
        } else {
            put.condition_expression("#version = :version")
                .expression_attribute_names("#version", "version")
                .expression_attribute_values(":version", number(version - 1))
        };
        let put = put.return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld);
        match put.send().await {
            Ok(_) => Ok(()),
            Err(error) => Err(match error.as_service_error() {
                Some(PutItemError::ConditionalCheckFailedException(failed)) => {
                    let found = failed.item.as_ref().filter(|item| !item.is_empty());
                    WriteError::Condition(found.map(from_item).transpose()?.map(Box::new))
                }
                _ => WriteError::Unavailable(unavailable(SERVICE, "write a job", &error)),
            }),
        }
    }
}

impl Turns for LetterTable {
    async fn turn(&self, source: &QueueArn, group: &str) -> Result<Option<GroupTurn>, Unavailable> {
        let get =
            self.table.client.get_item().table_name(&self.table.name).set_key(Some(key(&turn_pk(source, group), HEAD)));
        let answer = get.consistent_read(true).send().await;
        let answer = answer.map_err(|error| unavailable(SERVICE, "read a group's turn", &error))?;
        answer.item.as_ref().map(from_item).transpose()
    }

    async fn write_turn(&self, turn: GroupTurn) -> Result<(), WriteError<GroupTurn>> {
        let item = key(&turn_pk(&turn.source, &turn.group), HEAD);
        self.table.put_version(to_item(item, &turn, turn.version, Some(turn.expires))?, turn.version).await
    }
}

impl Jobs for LetterTable {
    async fn job(&self, id: JobId) -> Result<Option<Job>, Unavailable> {
        let get = self.table.client.get_item().table_name(&self.table.name).set_key(Some(key(&pk(id), HEAD)));
        let answer = get.consistent_read(true).send().await;
        let answer = answer.map_err(|error| unavailable(SERVICE, "read a job", &error))?;
        answer.item.as_ref().map(from_item).transpose()
    }

    async fn batches(&self, id: JobId, from: u32) -> Result<Vec<JobBatch>, Unavailable> {
        let (mut found, mut start) = (Vec::new(), None);
        loop {
            let query = self
                .table
                .client
                .query()
                .table_name(&self.table.name)
                .consistent_read(true)
                .key_condition_expression("#pk = :pk AND #sk BETWEEN :from AND :to")
                .expression_attribute_names("#pk", "pk")
                .expression_attribute_names("#sk", "sk")
                .expression_attribute_values(":pk", text(pk(id)))
                .expression_attribute_values(":from", text(batch_sk(from)))
                .expression_attribute_values(":to", text(batch_sk(u32::MAX)))
                .set_exclusive_start_key(start);
            let answer = query.send().await.map_err(|error| unavailable(SERVICE, "read batches", &error))?;
            for item in answer.items.as_deref().unwrap_or_default() {
                found.push(from_item(item)?);
            }
            start = answer.last_evaluated_key.filter(|key| !key.is_empty());
            if start.is_none() {
                return Ok(found);
            }
        }
    }

    async fn jobs(&self, open: bool, limit: usize) -> Result<Vec<JobId>, Unavailable> {
        let query = LetterIndex { table: &self.table }.query_jobs(open).scan_index_forward(false);
        let id = |item: &Item| JobId::parse(text_of(item, "pk")?.strip_prefix(PREFIX)?);
        let (mut found, mut start) = (Vec::new(), None);
        loop {
            let left = i32::try_from(limit.saturating_sub(found.len()).max(1)).unwrap_or(i32::MAX);
            let page = query.clone().limit(left).set_exclusive_start_key(start).send().await;
            let page = page.map_err(|error| unavailable(SERVICE, "list jobs", &error))?;
            found.extend(page.items.unwrap_or_default().iter().filter_map(id));
            start = page.last_evaluated_key.filter(|key| !key.is_empty());
            if start.is_none() || found.len() >= limit {
                found.truncate(limit);
                return Ok(found);
            }
        }
    }

    async fn write_job(&self, job: Job) -> Result<(), WriteError<Job>> {
        let mut item = key(&pk(job.id), HEAD);
        item.insert("status_shard".to_owned(), text(job_shard(job.is_open())));
        item.insert("due".to_owned(), number(job.closed_at.unwrap_or(job.created_at).as_millis()));
        self.table.put_version(to_item(item, &job, job.version, job.expires)?, job.version).await
    }

    async fn write_batch(&self, batch: JobBatch) -> Result<(), WriteError<JobBatch>> {
        let item = key(&pk(batch.job), &batch_sk(batch.n));
        self.table.put_version(to_item(item, &batch, batch.version, Some(batch.expires))?, batch.version).await
    }

    async fn list_part(&self, id: JobId, n: u32) -> Result<Option<ListPart>, Unavailable> {
        let get = self.table.client.get_item().table_name(&self.table.name).set_key(Some(key(&pk(id), &part_sk(n))));
        let answer = get.consistent_read(true).send().await;
        let answer = answer.map_err(|error| unavailable(SERVICE, "read a part of a job's list", &error))?;
        answer.item.as_ref().map(from_item).transpose()
    }

    async fn write_list_part(&self, part: ListPart) -> Result<(), WriteError<ListPart>> {
        let item = key(&pk(part.job), &part_sk(part.n));
        self.table.put_version(to_item(item, &part, 1, Some(part.expires))?, 1).await
    }
}
