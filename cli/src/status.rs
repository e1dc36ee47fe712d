//! Status of a stack: queues, alarms, waiting letters, open jobs. It fits a screen.

pub(crate) mod alarms;
pub(crate) mod expiry;

use std::collections::BTreeMap;
use std::fmt::Write;
use std::time::Duration;

use futures_util::future::{join, try_join3};
use redrive_core::letters::letter::Status;
use redrive_core::ports::{Jobs, LedgerReader, Letters};
use redrive_core::replay::{Candidate, Filter};
use redrive_core::time::Timestamp;
use serde_json::{Value, json};

use crate::aws::StackAccess;
use crate::causes::{self, CauseRow};
use crate::completion::Error;
use crate::jobs::{self, JobOverview};
use crate::readings::{AlarmStatus, Depths};
use crate::text::{ago, count, fit, hanging, lines, queue_name, shown, table};
use crate::walk::Wanted;
use expiry::{Expiry, LedgerMemory};

/// Number of causes that are named.
const TOP: usize = 3;
/// The queues of a stack, and what stands for each in JSON.
const QUEUES: [(&str, &str); 3] = [
    ("MainQueueUrl", "main_queue"),
    ("DeadLetterQueueUrl", "dead_letter_queue"),
    ("FailedInvocationsQueueUrl", "failed_invocations_queue"),
];

/// Queue of the stack, with its depth.
#[derive(Debug, Clone)]
pub(crate) struct QueueStatus {
    pub(crate) role: &'static str,
    pub(crate) name: String,
    pub(crate) depths: Depths,
}

/// Status of the dead-letter table.
#[derive(Debug, Clone)]
pub(crate) struct TableStatus {
    /// Causes of the PENDING letters.
    pub(crate) waiting: Vec<CauseRow>,
    /// Time for which the ledger knows the first of them; `None`: there is no ledger, or nothing that it would forget.
    pub(crate) memory: Option<LedgerMemory>,
    pub(crate) replaying: u64,
    pub(crate) replayed: u64,
    /// Jobs that are open.
    pub(crate) jobs: Vec<JobOverview>,
}

/// Status of the whole stack.
#[derive(Debug, Clone)]
pub(crate) struct Board {
    /// The stack's name, if it is known.
    pub(crate) stack: Option<String>,
    pub(crate) queues: Vec<QueueStatus>,
    /// Expiry of the first message of the dead-letter queue, if there is one.
    pub(crate) expiry: Option<Expiry>,
    /// Messages that a running move task has taken out of the dead-letter queue by now.
    pub(crate) moving: Option<u64>,
    /// `None`: CloudWatch could not be asked.
    pub(crate) alarms: Option<Vec<AlarmStatus>>,
    pub(crate) table: TableStatus,
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
pub(crate) async fn of_table<L: Letters + Jobs, R: LedgerReader>(
    letters: &L,
    ledger: &R,
    now: Timestamp,
) -> Result<TableStatus, Error> {
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

/// Reads the status of everything.
pub(crate) async fn gather(access: &StackAccess, now: Timestamp) -> Result<Board, Error> {
    let mut queues = Vec::new();
    for (output, role) in QUEUES {
        if let Some(url) = access.stack.get(output) {
            queues.push(QueueStatus { role, name: queue_name(url).to_owned(), depths: access.depths(url).await? });
        }
    }
    let stack = access.stack.name().map(str::to_owned);
    // What CloudWatch does not say is not worth failing for: everything else is known.
    let alarms = match &stack {
        Some(name) => access.alarms(name).await.ok().map(|all| alarms::own(name, all)),
        None => None,
    };
    let expiry = first_expiry(access, &queues, now).await;
    let moving = match access.stack.get("DeadLetterQueueArn") {
        Some(arn) => access.moving(arn).await,
        None => None,
    };
    Ok(Board {
        stack,
        queues,
        expiry,
        moving,
        alarms,
        table: of_table(&access.letters()?, &access.ledger(), now).await?,
    })
}

async fn first_expiry(access: &StackAccess, queues: &[QueueStatus], now: Timestamp) -> Option<Expiry> {
    let of = |role| queues.iter().find(|queue| queue.role == role);
    let (main, dead) = (of(QUEUES[0].1), of(QUEUES[1].1)?);
    if dead.depths.all() == 0 {
        return None;
    }
    let seen = access.first_expiry(now).await.ok().flatten();
    let age = match access.stack.get(QUEUES[1].0) {
        Some(url) if seen.is_none() => access.age(url, now).await.ok().flatten(),
        _ => None,
    };
    let fifo = dead.name.ends_with(".fifo");
    let before = if fifo { Some(Duration::ZERO) } else { main.and_then(|main| main.depths.retention) };
    Expiry::of(&dead.depths, before, seen, age, now)
}

fn by_class(waiting: &[CauseRow]) -> BTreeMap<&'static str, u64> {
    let mut classes = BTreeMap::new();
    waiting.iter().for_each(|cause| *classes.entry(cause.class.as_str()).or_default() += cause.letters);
    classes
}

pub(crate) fn document(board: &Board) -> Value {
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

fn oldest(waiting: &[CauseRow]) -> Option<Timestamp> {
    waiting.iter().map(CauseRow::first).min()
}

pub(crate) fn render(board: &Board, now: Timestamp, width: usize) -> String {
    let mut text = queues(board, now, width);
    let _ = writeln!(text);
    text.push_str(&alarms::render(board.stack.as_deref(), board.alarms.as_deref(), width));
    let table = &board.table;
    text.push_str(&waiting(table, now, width));
    let under_way = table.replaying + table.replayed;
    let parts = format!(" ({} being sent, {} without an outcome yet)", table.replaying, table.replayed);
    let parts = if under_way > 0 { parts.as_str() } else { "" };
    let _ = write!(text, "\n{}", hanging(&format!("UNDER WAY: {under_way}{parts}"), 2, width));
    let _ = writeln!(text, "OPEN JOBS: {}", table.jobs.len());
    if !table.jobs.is_empty() {
        text.push_str(&jobs::render(&table.jobs, width));
    }
    text
}

fn waiting(table: &TableStatus, now: Timestamp, width: usize) -> String {
    let letters = causes::total(&table.waiting);
    let mut text = format!("\nWAITING: {letters}\n");
    let Some(oldest) = oldest(&table.waiting) else { return text };
    let mut add = |line: &str| text.push_str(&hanging(line, 2, width));
    let classes: Vec<_> = by_class(&table.waiting).iter().map(|(class, n)| format!("{n} {class}")).collect();
    add(&format!("  {}; the oldest failed {}", classes.join(", "), ago(now, oldest)));
    match table.memory {
        Some(LedgerMemory::Until(at)) => add(&format!("  the ledger forgets the first of them {}", ago(now, at))),
        Some(LedgerMemory::Gone) => add("  the ledger knows nothing any more of the first of them (--forgotten-ok)"),
        None => {}
    }
    let digits = letters.to_string().len();
    for cause in table.waiting.iter().take(TOP) {
        add(&format!("  {:>digits$}  {}", cause.letters, shown(&cause.fingerprint)));
    }
    if let Some(more) = table.waiting.len().checked_sub(TOP).filter(|more| *more > 0) {
        add(&format!("  and {}: `redrive causes`", count(more as u64, "more cause", "more causes")));
    }
    text
}

fn queues(board: &Board, now: Timestamp, width: usize) -> String {
    let number =
        |n: Option<u64>, head: &str| format!("{:>1$}", n.map_or("?".to_owned(), |n| n.to_string()), head.len());
    let rows = board.queues.iter().map(|queue| {
        let depths = queue.depths;
        vec![
            fit(&shown(&queue.name), 40),
            number(depths.visible, "VISIBLE"),
            number(depths.in_flight, "IN FLIGHT"),
            number(depths.delayed, "DELAYED"),
        ]
    });
    let mut text = table(&["QUEUE", "VISIBLE", "IN FLIGHT", "DELAYED"], &rows.collect::<Vec<_>>(), width);
    let dead = board.queues.iter().find(|queue| queue.role == QUEUES[1].1);
    if let (Some(queue), Some(expiry)) = (dead, board.expiry) {
        let line = format!("The first message of {} {}", shown(&queue.name), expiry.words(now));
        // What stands last is what matters, so nothing of it is cut.
        for line in lines(&line, width) {
            let _ = writeln!(text, "{}", line.trim_end());
        }
    }
    if let (Some(queue), Some(moved)) = (dead, board.moving) {
        let line =
            format!("A message move task empties {} beside the indexer: {moved} moved by now", shown(&queue.name));
        text.push_str(&hanging(&line, 2, width));
    }
    text
}
