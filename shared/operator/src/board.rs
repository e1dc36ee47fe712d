//! Board of a stack: queues, alarms, waiting letters, open jobs.

use futures_util::future::{join3, try_join3};
use redrive_core::ids::QueueArn;
use redrive_core::letters::letter::Status;
use redrive_core::ports::{Causes, Jobs, LedgerReader, Letters, Summaries, Unavailable};
use redrive_core::replay::{Candidate, Filter};
use redrive_core::time::Timestamp;
use serde_json::{Value, json};

use crate::acts::{self, RecentAct};
use crate::alarms;
use crate::causes::CauseRow;
use crate::done::done;
use crate::expiry::{self, Expiry, LedgerMemory};
use crate::jobs::{self, JobOverview};
use crate::policies::Policies;
use crate::readings::{AlarmStatus, Depths};
use crate::waiting::{self, WaitingCount, WaitingLook};
use crate::walk::Wanted;

/// Number of causes that are named.
pub const TOP: usize = 3;
/// Limit of sent letters about which the ledger is asked: a job of more is followed by its own account.
const JOINED: usize = 2_000;

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
    /// PENDING letters by cause.
    pub waiting: WaitingCount,
    /// Time for which the ledger knows the first of them; `None`: there is no ledger, or nothing that it would forget.
    pub memory: Option<LedgerMemory>,
    /// Number of letters that are being sent.
    pub replaying: u64,
    /// Number of letters that were sent and have no outcome yet, the done ones apart.
    pub replayed: u64,
    /// Number of letters under way that the ledger shows as done: replay notes it with its next run.
    pub done: u64,
    /// Jobs that are open.
    pub jobs: Vec<JobOverview>,
    /// Acts of persons on jobs and letters within the last hour, the latest first.
    pub acts: Vec<RecentAct>,
}

/// Status of the whole stack.
#[derive(Debug, Clone)]
pub struct Board {
    /// The stack's name, if it is known.
    pub stack: Option<String>,
    /// Topic of Kafka or queue of RabbitMQ that letters come from; `None` of a stack of SQS.
    pub broker_source: Option<QueueArn>,
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

/// Letters that were sent, counted, and the first of them kept to ask the ledger about.
#[derive(Default)]
struct SentLetters {
    letters: u64,
    first: Vec<Candidate>,
}

impl SentLetters {
    fn add(&mut self, found: Candidate) {
        self.letters += 1;
        if self.first.len() < JOINED {
            self.first.push(found);
        }
    }

    fn joined(lanes: Vec<Self>) -> Self {
        let mut all = Self::default();
        for lane in lanes {
            all.letters += lane.letters;
            all.first.extend(lane.first);
        }
        all.first.truncate(JOINED);
        all
    }
}

/// Reads what the tables say.
///
/// # Errors
///
/// The tables'.
pub async fn of_table<L: Letters + Jobs + Causes + Summaries, R: LedgerReader>(
    letters: &L,
    ledger: &R,
    policies: &Policies,
    look: WaitingLook<'_>,
) -> Result<TableStatus, Unavailable> {
    let every = |status| Wanted { filter: Filter::default(), statuses: vec![status] };
    let [replaying, replayed] = [Status::Replaying, Status::Replayed].map(every);
    let all = waiting::all();
    let walks = try_join3(
        waiting::gather((letters, ledger), &all, policies, look),
        replaying.sums(letters, SentLetters::add),
        replayed.sums(letters, SentLetters::add),
    );
    let (walked, jobs, on_letters) =
        join3(walks, jobs::gather_recent(letters, look.now), acts::on_letters(letters, look.now)).await;
    let (waiting, replaying, replayed) = walked?;
    let mut jobs = jobs?;
    let acts = acts::latest_first([acts::on_jobs(&jobs, acts::lately(look.now)), on_letters?].concat());
    jobs.retain(|overview| overview.job.is_open());
    let [replaying, replayed] = [replaying, replayed].map(SentLetters::joined);
    let done = done(letters, ledger, &replayed.first, look.now).await?.len() as u64;
    let memory = expiry::memory(letters, ledger, waiting.first_in_ledger, look.now).await?;
    let replayed = replayed.letters.saturating_sub(done);
    Ok(TableStatus { waiting, memory, replaying: replaying.letters, replayed, done, jobs, acts })
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
            "letters": table.waiting.letters(),
            "as_of": table.waiting.basis.as_of().map(Timestamp::to_rfc3339),
            "oldest_failed_at": table.waiting.oldest().map(Timestamp::to_rfc3339),
            "ledger_forgets_at": match table.memory {
                Some(LedgerMemory::Until(at)) => json!(at.to_rfc3339()),
                Some(LedgerMemory::Gone) | None => Value::Null,
            },
            "forgotten": table.memory == Some(LedgerMemory::Gone),
            "next_steps": table.waiting.steps().json(),
            "error_type": table.waiting.by_class(),
            "causes": table.waiting.causes.iter().take(TOP).map(CauseRow::json).collect::<Vec<_>>(),
        },
        "replaying": table.replaying,
        "replayed": table.replayed,
        "done_by_ledger": table.done,
        "jobs": table.jobs.iter().map(jobs::document).collect::<Vec<_>>(),
        "acts_of_the_last_hour": table.acts.iter().map(RecentAct::json).collect::<Vec<_>>(),
    })
}
