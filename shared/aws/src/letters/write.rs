//! Write of one letter: one item where that is enough, else one transaction.

use std::time::Duration;

use aws_sdk_dynamodb::operation::put_item::PutItemError;
use aws_sdk_dynamodb::operation::transact_write_items::TransactWriteItemsError;
use aws_sdk_dynamodb::types::ReturnValuesOnConditionCheckFailure;
use redrive_core::ids::LetterId;
use redrive_core::letters::letter::{Letter, LetterWrite};
use redrive_core::ports::{Unavailable, WriteError};
use tokio::sync::Semaphore;

use super::edited::EditedPlace;
use super::handle::TableHandle;
use super::item::{HEAD, HeadItem};
use super::place::{BodyPlace, is_large};
use super::plan::{LAYOUT, Layout, Plan};
use super::read::LetterReader;
use super::{SERVICE, chunks, not_ours};
use crate::failure::{Failure, unavailable};
use crate::item::Item;
use crate::ledger::commit::{Cancelled, cancelled};

const ACTION: &str = "write a letter";
/// Number of tries of a write: another transaction may be in the way, and a body may be laid out otherwise than
/// expected.
const TRIES: u32 = 5;
/// First wait for another transaction; each further one is twice as long.
const WAIT: Duration = Duration::from_millis(20);

/// Result of one try.
enum LetterWriteResult {
    Written,
    /// The head's condition failed; this was there instead.
    Head(Option<Item>),
    /// A chunk is not there any more.
    Chunk,
    /// The write did not happen, for want of capacity or because of another transaction.
    InTheWay(Unavailable),
}

/// Writer of single letters.
#[derive(Debug, Clone, Copy)]
pub(super) struct LetterWriter<'a> {
    pub(super) table: &'a TableHandle,
    /// Turns of large letters.
    pub(super) large: &'a Semaphore,
}

impl LetterWriter<'_> {
    /// Writes one letter. A plain put is tried first where the body most likely is in the head; if it is not, the refusal
    /// says how it is kept, at no cost.
    pub(super) async fn write_one(&self, write: &LetterWrite) -> Result<(), WriteError<Letter>> {
        let id = write.letter.id;
        // Held until the end; it is never closed.
        let _turn = if is_large(&write.letter) { self.large.acquire().await.ok() } else { None };
        let (place, edited) = (BodyPlace::of(&write.letter), EditedPlace::of(&write.letter));
        let mut layout = Layout::default();
        if let Some(version) = write.replaces
            && (place.is_apart_by_now(&write.letter.body) || edited != EditedPlace::Head)
        {
            match self.layout(id).await? {
                Some((found, kept)) if found == version => layout = kept,
                _ => return Err(self.instead(id).await),
            }
        }
        let mut why = None;
        for round in 0..TRIES {
            let plan = Plan::of(write, (&place, &edited), &layout);
            let plan = plan.map_err(|why| not_ours("write", &why, &id.to_string()))?;
            match self.carry_out(plan).await? {
                LetterWriteResult::Written => return Ok(()),
                LetterWriteResult::Head(found) => match self.otherwise(write, found, &layout).await? {
                    Some(kept) => layout = kept,
                    None => return Err(self.instead(id).await),
                },
                LetterWriteResult::Chunk => return Err(self.instead(id).await),
                LetterWriteResult::InTheWay(error) => {
                    why = Some(error);
                    tokio::time::sleep(WAIT * (1 << round)).await;
                }
            }
        }
        let why = why.unwrap_or_else(|| not_ours(ACTION, "its body is kept in another way each time", &id.to_string()));
        Err(why.into())
    }

    /// Returns the layout of the version that was meant, after the head's condition failed, if the layout was the
    /// reason. `None`: another version is there.
    async fn otherwise(
        &self,
        write: &LetterWrite,
        found: Option<Item>,
        thought: &Layout,
    ) -> Result<Option<Layout>, WriteError<Letter>> {
        let id = write.letter.id;
        let Some(item) = found.filter(|item| !item.is_empty()) else { return Err(WriteError::Condition(None)) };
        let damaged = |why: String| not_ours("give a letter of ours", &why, &id.to_string());
        let (version, kept) = Layout::of_head(item.clone()).map_err(damaged)?;
        if Some(version) == write.replaces && kept != *thought {
            return Ok(Some(kept));
        }
        let head = HeadItem::read(item).map_err(damaged)?;
        // What stands apart must be read.
        if head.is_apart() { Ok(None) } else { Err(WriteError::Condition(Some(Box::new(head.letter)))) }
    }

    /// The letter that is there instead of the one that was expected.
    async fn instead(&self, id: LetterId) -> WriteError<Letter> {
        let reader = LetterReader { table: self.table };
        match reader.read_all(&[id]).await {
            Ok(found) => WriteError::Condition(found.into_iter().next().flatten().map(Box::new)),
            Err(error) => error.into(),
        }
    }

    /// A letter's version, and how its body is kept.
    async fn layout(&self, id: LetterId) -> Result<Option<(u64, Layout)>, Unavailable> {
        let get = self.table.client.get_item().table_name(&self.table.name).set_key(Some(chunks::key(id, HEAD)));
        let names = LAYOUT.iter().map(|name| (format!("#{name}"), (*name).to_owned())).collect();
        let names_of_parts = LAYOUT.map(|name| format!("#{name}")).join(", ");
        let get =
            get.projection_expression(names_of_parts).set_expression_attribute_names(Some(names)).consistent_read(true);
        let answer = get.send().await.map_err(|error| unavailable(SERVICE, "read a letter's head", &error))?;
        let Some(item) = answer.item else { return Ok(None) };
        let layout = Layout::of_head(item).map_err(|why| not_ours("give a letter of ours", &why, &id.to_string()))?;
        Ok(Some(layout))
    }

    async fn carry_out(&self, plan: Plan) -> Result<LetterWriteResult, Unavailable> {
        if plan.beside.is_empty() { self.put(plan).await } else { self.transact(plan).await }
    }

    async fn put(&self, plan: Plan) -> Result<LetterWriteResult, Unavailable> {
        let values = Some(plan.condition.values).filter(|values| !values.is_empty());
        let put = self
            .table
            .client
            .put_item()
            .table_name(&self.table.name)
            .set_item(Some(plan.head))
            .condition_expression(plan.condition.expression)
            .set_expression_attribute_names(Some(plan.condition.names))
            .set_expression_attribute_values(values)
            .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld);
        let Err(error) = put.send().await else { return Ok(LetterWriteResult::Written) };
        if let Some(PutItemError::ConditionalCheckFailedException(failed)) = error.as_service_error() {
            return Ok(LetterWriteResult::Head(failed.item.clone()));
        }
        let failure = Failure::of(&error);
        in_the_way(failure.is_conflict(), failure.unavailable(SERVICE, ACTION))
    }

    /// The SDK sends a token of its own; nothing rests on it: a second try of what has happened fails the head's condition,
    /// and finds what it meant to write.
    async fn transact(&self, plan: Plan) -> Result<LetterWriteResult, Unavailable> {
        let items = plan.transaction(&self.table.name);
        let Err(error) = self.table.client.transact_write_items().set_transact_items(Some(items)).send().await else {
            return Ok(LetterWriteResult::Written);
        };
        let failure = Failure::of(&error);
        let Some(TransactWriteItemsError::TransactionCanceledException(failed)) = error.as_service_error() else {
            return in_the_way(failure.is_conflict(), failure.unavailable(SERVICE, ACTION));
        };
        let reasons = failed.cancellation_reasons();
        let codes: Vec<&str> = reasons.iter().map(|reason| reason.code().unwrap_or("None")).collect();
        match cancelled(&codes) {
            Cancelled::Entry => Ok(LetterWriteResult::Head(reasons.first().and_then(|head| head.item.clone()))),
            Cancelled::Condition(_) => Ok(LetterWriteResult::Chunk),
            Cancelled::InTheWay => Ok(LetterWriteResult::InTheWay(failure.unavailable(SERVICE, ACTION))),
            Cancelled::Invalid(..) | Cancelled::Unknown => Err(failure.unavailable(SERVICE, ACTION)),
        }
    }
}

fn in_the_way(is: bool, why: Unavailable) -> Result<LetterWriteResult, Unavailable> {
    if is { Ok(LetterWriteResult::InTheWay(why)) } else { Err(why) }
}
