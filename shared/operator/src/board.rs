//! Board of a stack: queues, alarms, waiting letters, open jobs.

use std::collections::BTreeMap;

use futures_util::future::{join, try_join3};
use redrive_core::letters::letter::Status;
use redrive_core::ports::{Jobs, LedgerReader, Letters, Unavailable};
use redrive_core::replay::{Candidate, Filter};
use redrive_core::time::Timestamp;
use serde_json::{Value, json};

use crate::alarms;
use crate::causes::{self, CauseRow};
use crate::expiry::{self, Expiry, LedgerMemory};
use crate::jobs::{self, JobOverview};
use crate::readings::{AlarmStatus, Depths};
use crate::walk::Wanted;

/// Number of causes that are named.
pub const TOP: usize = 3;

/// Queue of the stack, with its depth.
#[derive(Debug, Clone)]
pub struct QueueStatus {
    /// Role of the queue, as JSON names it.
    pub role: &'static str,
    /// Name of the queue.
    pub name: String,
    /// Rough numbers of its messages.
    pub depths: Depths,
}

/// Status of the dead-letter table.
#[derive(Debug, Clone)]
pub struct TableStatus {
    /// Causes of the PENDING letters.
    pub waiting: Vec<CauseRow>,
    /// Time for which the ledger knows the first of them; `None`: there is no ledger, or nothing that it would forget.
    pub memory: Option<LedgerMemory>,
    /// Number of letters that are being sent.
    pub replaying: u64,
    /// Number of letters that were sent and have no outcome yet.
    pub replayed: u64,
    /// Jobs that are open.
    pub jobs: Vec<JobOverview>,
}

/// Status of the whole stack.
#[derive(Debug, Clone)]
pub struct Board {
    /// The stack's name, if it is known.
    pub stack: Option<String>,
    /// Queues that the outputs of the stack name.
    pub queues: Vec<QueueStatus>,
    /// Expiry of the first message of the dead-letter queue, if there is one.
    pub expiry: Option<Expiry>,
    /// Messages that a running move task has taken out of the dead-letter queue by now.
    pub moving: Option<u64>,
    /// `None`: CloudWatch could not be asked.
    pub alarms: Option<Vec<AlarmStatus>>,
    /// Status of the dead-letter table.
    pub table: TableStatus,
}

/// Waiting letters, from one walk through the index.
#[derive(Default)]
struct WaitingLetters {
    causes: causes::CauseRows,
    first_forgotten: Option<Candidate>,
}

impl WaitingLetters {
    fn add(&mut self, found: Candidate) {
        self.first_forgotten = expiry::first_forgotten(self.first_forgotten.take(), Some(found.clone()));
        causes::join(&mut self.causes, found);
    }
}

/// Reads what the tables say.
///
/// # Errors
///
/// The tables'.
pub async fn of_table<L: Letters + Jobs, R: LedgerReader>(
    letters: &L,
    ledger: &R,
    now: Timestamp,
) -> Result<TableStatus, Unavailable> {
    let every = |status| Wanted { filter: Filter::default(), statuses: vec![status] };
    let [pending, replaying, replayed] = [Status::Pending, Status::Replaying, Status::Replayed].map(every);
    let count = |sum: &mut u64, _| *sum += 1;
    let walks = try_join3(
        pending.sums(letters, WaitingLetters::add),
        replaying.sums(letters, count),
        replayed.sums(letters, count),
    );
    let (walked, jobs) = join(walks, jobs::gather(letters, true)).await;
    let (sums, replaying, replayed) = walked?;
    let (mut waiting, mut first) = (Vec::new(), None);
    for sum in sums {
        first = expiry::first_forgotten(first, sum.first_forgotten);
        waiting.push(sum.causes);
    }
    let [replaying, replayed] = [replaying, replayed].map(|counts: Vec<u64>| counts.iter().sum());
    let memory = expiry::memory(letters, ledger, first.as_ref(), now).await?;
    let jobs = jobs?;
    Ok(TableStatus { waiting: causes::merged(waiting), memory, replaying, replayed, jobs })
}

/// Counts the waiting letters by the class of their error.
pub fn by_class(waiting: &[CauseRow]) -> BTreeMap<&'static str, u64> {
    let mut classes = BTreeMap::new();
    waiting.iter().for_each(|cause| *classes.entry(cause.class.as_str()).or_default() += cause.letters);
    classes
}

/// Returns the board as JSON.
pub fn document(board: &Board) -> Value {
    let table = &board.table;
    let queues = board.queues.iter().map(|queue| {
        let Depths { visible, in_flight, delayed, .. } = queue.depths;
        json!({"role": queue.role, "name": queue.name, "visible": visible, "in_flight": in_flight, "delayed": delayed})
    });
    json!({
        "queues": queues.collect::<Vec<_>>(),
        "dead_letter_queue_move_task": board.moving.map(|moved| json!({"moved": moved})),
        "dead_letter_queue_expiry": board.expiry.map(|expiry| match expiry {
            Expiry::At(at) => json!({"at": at.to_rfc3339()}),
            Expiry::NotBefore(at) => json!({"not_before": at.to_rfc3339()}),
            Expiry::Unknown => json!({}),
        }),
        "alarms": board.alarms.as_deref().map(alarms::documents),
        "waiting": {
            "letters": causes::total(&table.waiting),
            "oldest_failed_at": oldest(&table.waiting).map(Timestamp::to_rfc3339),
            "ledger_forgets_at": match table.memory {
                Some(LedgerMemory::Until(at)) => json!(at.to_rfc3339()),
                Some(LedgerMemory::Gone) | None => Value::Null,
            },
            "forgotten": table.memory == Some(LedgerMemory::Gone),
            "error_type": by_class(&table.waiting),
            "causes": table.waiting.iter().take(TOP).map(CauseRow::json).collect::<Vec<_>>(),
        },
        "replaying": table.replaying,
        "replayed": table.replayed,
        "jobs": table.jobs.iter().map(jobs::document).collect::<Vec<_>>(),
    })
}

/// Returns the earliest first failure of the waiting letters.
pub fn oldest(waiting: &[CauseRow]) -> Option<Timestamp> {
    waiting.iter().map(|cause| cause.first).min()
}
