//! Store of letters: the dead-letter table.

mod acts;
mod body;
mod causes;
mod chunks;
mod edited;
mod handle;
mod index;
mod item;
mod jobs;
mod message_ids;
mod parts;
mod place;
mod plan;
mod read;
mod shards;
mod statements;
mod summary;
mod write;

use std::sync::Arc;

use aws_sdk_dynamodb::Client;
use redrive_core::ids::{LetterId, MessageId};
use redrive_core::letters::letter::{Letter, LetterWrite};
use redrive_core::letters::listing::{Cursor, Listing, Page};
use redrive_core::message::key::Key;
use redrive_core::ports::{KeyIndex, Letters, Unavailable, WriteError};
use redrive_core::replay::Look;
use tokio::sync::Semaphore;

use handle::TableHandle;
use index::LetterIndex;
use item::HEAD;
use message_ids::MessageIds;
use read::LetterReader;
use statements::BatchWriter;
use write::LetterWriter;

const SERVICE: &str = "dead-letter table";
/// Limit of calls of one `write` that are under way at once.
const WIDTH: usize = 16;
/// Limit of large letters among these: each is in memory several times while it is packed, split and sent.
const LARGE: usize = 2;

/// The letters as a DynamoDB table: keys `pk` and `sk`, indexes `by-status`, `by-fingerprint` and `by-key`, time-to-live
/// attribute `expires`.
///
/// Its causes stand beside them; see `letters/causes.rs`. So do ids of messages that lead to a letter; see `letters/message_ids.rs`, and people's acts; see `letters/acts.rs`.
///
/// A letter is one item, `head`, unless its body is large or is deleted before it: then that stands beside it, in `chunk#0`
/// and so on, written in the same transaction; so does a large edited body, in `edited#0` and so on. New letters of one item share a call; see `letters/statements.rs`.
///
/// Each kind of its items has a type of its own, which borrows the table's handle: the letters' index, reads and writes, the
/// causes, and the jobs. This one is the ports' door to them.
#[derive(Debug, Clone)]
pub struct LetterTable {
    table: TableHandle,
    /// Turns of large letters, of all writes that are under way.
    large: Arc<Semaphore>,
}

impl LetterTable {
    /// The letters in the table of this name.
    #[must_use]
    pub fn new(client: Client, table: impl Into<String>) -> Self {
        Self { table: TableHandle { client, name: table.into() }, large: Arc::new(Semaphore::new(LARGE)) }
    }
}

fn not_ours(action: &'static str, why: &str, id: &str) -> Unavailable {
    Unavailable { service: SERVICE, action, why: format!("{why} (letter {id})") }
}

impl KeyIndex for LetterTable {
    async fn of_key(&self, key: &Key) -> Result<Option<Vec<LetterId>>, Unavailable> {
        LetterIndex { table: &self.table }.query_key(key).await
    }

    async fn of_message(&self, id: &MessageId) -> Result<Option<LetterId>, Unavailable> {
        MessageIds { table: &self.table }.find(id).await
    }
}

impl Letters for LetterTable {
    async fn read(&self, ids: &[LetterId]) -> Result<Vec<Option<Letter>>, Unavailable> {
        LetterReader { table: &self.table }.read_all(ids).await
    }

    async fn look(&self, ids: &[LetterId]) -> Result<Vec<Option<Look>>, Unavailable> {
        LetterReader { table: &self.table }.look_at(ids).await
    }

    async fn write(&self, writes: Vec<LetterWrite>) -> Vec<Result<(), WriteError<Letter>>> {
        let ids = MessageIds { table: &self.table };
        let brought = ids.statements(&writes);
        let writer = BatchWriter { writer: LetterWriter { table: &self.table, large: &self.large } };
        futures_util::future::join(writer.write_all(writes), ids.enter(brought)).await.0
    }

    async fn scan(&self, listing: Listing<'_>, from: Cursor, limit: usize) -> Result<Page, Unavailable> {
        LetterIndex { table: &self.table }.query(listing, from, limit).await
    }

    fn lanes(&self) -> Vec<Cursor> {
        (0..shards::SHARDS).map(Cursor::of_lane).collect()
    }
}
