//! Message ids that lead to their letters: partition key `message#<id>`, sort key `letter`, in the dead-letter table. The indexes do not
//! know these items.
//!
//! They are written beside the letters, in calls of their own: a letter never waits for its message ids, and none is refused because
//! of them. An id that could not be written is found by reading letters, as those from before this was kept.

use std::time::Duration;

use aws_sdk_dynamodb::types::{AttributeValue, BatchStatementErrorCodeEnum as Code, BatchStatementRequest};
use futures_util::StreamExt;
use redrive_core::ids::{LetterId, MessageId};
use redrive_core::letters::letter::LetterWrite;
use redrive_core::ports::{Unavailable, WRITES_A_CALL};
use tracing::warn;

use super::handle::TableHandle;
use super::{SERVICE, WIDTH};
use crate::failure::unavailable;
use crate::item::{Item, number, text, text_of};
use crate::partiql::{found_no_room, insert};

const PREFIX: &str = "message#";
const SK: &str = "letter";
/// Attribute that holds the id of the letter.
const LETTER: &str = "letter";
/// Limit in bytes of a partition key.
const LONGEST: usize = 2_048;
/// Number of tries of a statement that finds no capacity.
const TRIES: u32 = 3;
/// First wait for capacity; each further one is twice as long.
const WAIT: Duration = Duration::from_millis(20);

/// Message ids in the dead-letter table, each with its letter.
#[derive(Debug, Clone, Copy)]
pub(super) struct MessageIds<'a> {
    pub(super) table: &'a TableHandle,
}

impl MessageIds<'_> {
    /// Statements for the message ids that these writes of letters bring.
    pub(super) fn statements(&self, writes: &[LetterWrite]) -> Vec<BatchStatementRequest> {
        writes
            .iter()
            .flat_map(|write| write.new_message_ids().into_iter().map(move |id| (id, write)))
            .filter_map(|(id, write)| self.statement(id, write))
            .collect()
    }

    fn statement(&self, id: &MessageId, write: &LetterWrite) -> Option<BatchStatementRequest> {
        let mut item = key(id)?;
        item.insert(LETTER.to_owned(), text(write.letter.id));
        item.insert("expires".to_owned(), number(write.message_ids_expire().as_secs()));
        let mut attributes: Vec<(String, AttributeValue)> = item.into_iter().collect();
        attributes.sort_unstable_by(|(one, _), (other, _)| one.cmp(other));
        let (statement, parameters) = insert(&self.table.name, attributes);
        BatchStatementRequest::builder().statement(statement).set_parameters(Some(parameters)).build().ok()
    }

    /// Writes message ids. Logs how many could not be written.
    pub(super) async fn enter(&self, statements: Vec<BatchStatementRequest>) {
        let parcels: Vec<_> = statements.chunks(WRITES_A_CALL).map(<[_]>::to_vec).collect();
        let calls = futures_util::stream::iter(parcels).map(|parcel| self.execute(parcel));
        let mut calls = std::pin::pin!(calls.buffer_unordered(WIDTH));
        while let Some(lost) = calls.next().await {
            if let Some((count, why)) = lost {
                warn!(count, why, "message ids were not kept; a search of all letters finds them");
            }
        }
    }

    /// Makes one call, and repeats what found no capacity. Returns the number of ids that are not known to be there, and why.
    async fn execute(&self, mut open: Vec<BatchStatementRequest>) -> Option<(usize, String)> {
        let mut lost = None;
        for round in 0..TRIES {
            let call = self.table.client.batch_execute_statement().set_statements(Some(open.clone()));
            let answers = match call.send().await {
                Ok(answer) => answer.responses.unwrap_or_default(),
                Err(error) => return Some((open.len(), unavailable(SERVICE, "keep message ids", &error).to_string())),
            };
            if answers.len() != open.len() {
                return Some((open.len(), format!("{} statements have {} answers", open.len(), answers.len())));
            }
            let codes = answers.into_iter().map(|answer| answer.error.map(|error| error.code));
            let refused: Vec<_> = open.into_iter().zip(codes).filter_map(|(one, code)| Some((one, code?))).collect();
            // One that is there is the same: SQS gives no id twice.
            let refused: Vec<_> = refused.into_iter().filter(|(_, code)| *code != Some(Code::DuplicateItem)).collect();
            let (_, code) = refused.first()?;
            let why = code.as_ref().map_or("an error without a code", Code::as_str).to_owned();
            lost = Some((refused.len(), why));
            if !refused.iter().all(|(_, code)| code.as_ref().is_some_and(found_no_room)) {
                break;
            }
            open = refused.into_iter().map(|(one, _)| one).collect();
            tokio::time::sleep(WAIT * (1 << round)).await;
        }
        lost
    }

    pub(super) async fn find(&self, id: &MessageId) -> Result<Option<LetterId>, Unavailable> {
        const ACTION: &str = "find a letter by a message id";
        let Some(key) = key(id) else { return Ok(None) };
        let get = self.table.client.get_item().table_name(&self.table.name).set_key(Some(key));
        let answer = get.send().await.map_err(|error| unavailable(SERVICE, ACTION, &error))?;
        let Some(item) = answer.item else { return Ok(None) };
        let strange = || Unavailable { service: SERVICE, action: ACTION, why: "its item names no letter".to_owned() };
        text_of(&item, LETTER).and_then(LetterId::parse).map(Some).ok_or_else(strange)
    }
}

/// Key of a message id's item; `None` if it is longer than any message id, as a text may be that somebody looks for.
fn key(id: &MessageId) -> Option<Item> {
    let pk = format!("{PREFIX}{id}");
    (pk.len() <= LONGEST).then(|| Item::from([("pk".to_owned(), text(pk)), ("sk".to_owned(), text(SK))]))
}
