//! How things stand: queues, what waits in the table, what is under way.

use std::collections::BTreeMap;
use std::fmt::Write;

use redrive_core::job::AlarmState;
use redrive_core::letter::Status;
use redrive_core::ports::{Gauges, Jobs, Letters};
use redrive_core::replay::Filter;
use redrive_core::time::Timestamp;
use serde::Serialize;
use serde_json::{Value, json};

use crate::aws::Desk;
use crate::causes::{self, Cause};
use crate::ended::Error;
use crate::jobs::{self, Seen};
use crate::text::{ago, count, fit, queue_name, shown, table};
use crate::walk::Wanted;

/// How many causes are named.
const TOP: usize = 5;
/// The queues of a stack, and what stands for each in JSON.
const QUEUES: [(&str, &str); 3] = [
    ("MainQueueUrl", "main_queue"),
    ("DeadLetterQueueUrl", "dead_letter_queue"),
    ("FailedInvocationsQueueUrl", "failed_invocations_queue"),
];

/// About how many messages a queue has; `None`: it did not say.
#[derive(Debug, Clone, Copy, Default, Serialize)]
pub(crate) struct Depths {
    pub(crate) visible: Option<u64>,
    pub(crate) in_flight: Option<u64>,
    pub(crate) delayed: Option<u64>,
}

impl Depths {
    /// All of them, as far as it said.
    pub(crate) fn all(&self) -> u64 {
        [self.visible, self.in_flight, self.delayed].into_iter().flatten().sum()
    }
}

/// One queue of the stack.
#[derive(Debug, Clone)]
pub(crate) struct Queue {
    pub(crate) role: &'static str,
    pub(crate) name: String,
    pub(crate) depths: Depths,
}

/// What the table says.
#[derive(Debug, Clone)]
pub(crate) struct Table {
    /// PENDING.
    pub(crate) waiting: Vec<Cause>,
    pub(crate) replaying: u64,
    pub(crate) replayed: u64,
    /// The open ones.
    pub(crate) jobs: Vec<Seen>,
}

/// All of it.
#[derive(Debug, Clone)]
pub(crate) struct Board {
    pub(crate) queues: Vec<Queue>,
    /// The depth alarm: its name and state; no state if CloudWatch could not be asked.
    pub(crate) alarm: Option<(String, Option<AlarmState>)>,
    pub(crate) table: Table,
}

/// Reads what the table says.
pub(crate) async fn of_table<L: Letters + Jobs>(letters: &L) -> Result<Table, Error> {
    let every = |status| Wanted { filter: Filter::default(), statuses: vec![status] };
    let waiting = causes::gather(letters, &every(Status::Pending)).await?;
    let mut under_way = [0, 0];
    for (n, status) in [Status::Replaying, Status::Replayed].into_iter().enumerate() {
        let counts: Vec<u64> = every(status).sums(letters, |sum: &mut u64, _| *sum += 1).await?;
        under_way[n] = counts.iter().sum();
    }
    let [replaying, replayed] = under_way;
    Ok(Table { waiting, replaying, replayed, jobs: jobs::gather(letters, true).await? })
}

/// Reads everything.
pub(crate) async fn gather(desk: &Desk) -> Result<Board, Error> {
    let mut queues = Vec::new();
    for (output, role) in QUEUES {
        if let Some(url) = desk.stack.get(output) {
            queues.push(Queue { role, name: queue_name(url).to_owned(), depths: desk.depths(url).await? });
        }
    }
    let alarm = match desk.stack.get("DepthAlarmName") {
        // Not worth failing for: everything else is known.
        Some(name) => Some((name.to_owned(), desk.gauges()?.alarm(name).await.ok())),
        None => None,
    };
    Ok(Board { queues, alarm, table: of_table(&desk.letters()?).await? })
}

fn by_class(waiting: &[Cause]) -> BTreeMap<&'static str, u64> {
    let mut classes = BTreeMap::new();
    waiting.iter().for_each(|cause| *classes.entry(cause.class.as_str()).or_default() += cause.letters);
    classes
}

const fn word(state: Option<AlarmState>) -> &'static str {
    match state {
        Some(AlarmState::Ringing) => "ALARM",
        Some(AlarmState::Quiet) => "quiet",
        Some(AlarmState::Missing) => "missing",
        None => "unknown",
    }
}

pub(crate) fn document(board: &Board) -> Value {
    let table = &board.table;
    let queues = board.queues.iter().map(|queue| {
        let Depths { visible, in_flight, delayed } = queue.depths;
        json!({"role": queue.role, "name": queue.name, "visible": visible, "in_flight": in_flight, "delayed": delayed})
    });
    json!({
        "queues": queues.collect::<Vec<_>>(),
        "alarm": board.alarm.as_ref().map(|(name, state)| json!({"name": name, "state": word(*state)})),
        "waiting": {
            "letters": causes::total(&table.waiting),
            "oldest_failed_at": oldest(&table.waiting).map(Timestamp::to_rfc3339),
            "error_type": by_class(&table.waiting),
            "causes": table.waiting.iter().take(TOP).map(Cause::json).collect::<Vec<_>>(),
        },
        "replaying": table.replaying,
        "replayed": table.replayed,
        "jobs": table.jobs.iter().map(jobs::document).collect::<Vec<_>>(),
    })
}

fn oldest(waiting: &[Cause]) -> Option<Timestamp> {
    waiting.iter().map(Cause::first).min()
}

pub(crate) fn render(board: &Board, now: Timestamp, width: usize) -> String {
    let mut text = queues(board, width);
    let table = &board.table;
    let letters = causes::total(&table.waiting);
    let _ = writeln!(text, "\nWAITING: {letters}");
    if let Some(oldest) = oldest(&table.waiting) {
        let classes: Vec<_> = by_class(&table.waiting).iter().map(|(class, n)| format!("{n} {class}")).collect();
        let line = format!("  {}; the oldest failed {}", classes.join(", "), ago(now, oldest));
        let _ = writeln!(text, "{}", fit(&line, width));
        let digits = letters.to_string().len();
        for cause in table.waiting.iter().take(TOP) {
            let line = format!("  {:>digits$}  {}", cause.letters, shown(&cause.fingerprint));
            let _ = writeln!(text, "{}", fit(&line, width));
        }
        if let Some(more) = table.waiting.len().checked_sub(TOP).filter(|more| *more > 0) {
            let _ = writeln!(text, "  and {}: `redrive causes`", count(more as u64, "more cause", "more causes"));
        }
    }
    let _ = writeln!(text, "\nUNDER WAY: {}", table.replaying + table.replayed);
    if table.replaying + table.replayed > 0 {
        let _ = writeln!(text, "  {} being sent, {} sent, without an outcome yet", table.replaying, table.replayed);
    }
    let _ = writeln!(text, "\nOPEN JOBS: {}", table.jobs.len());
    if !table.jobs.is_empty() {
        text.push_str(&jobs::render(&table.jobs, width));
    }
    text
}

fn queues(board: &Board, width: usize) -> String {
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
    if let Some((name, state)) = &board.alarm {
        let _ = writeln!(text, "{}", fit(&format!("Depth alarm {}: {}", shown(name), word(*state)), width));
    }
    text
}
