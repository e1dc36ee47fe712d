//! Status of a stack: queues, alarms, waiting letters, open jobs. It fits a screen.

mod alarms;

use std::fmt::Write;
use std::time::Duration;

use redrive_core::ids::QueueArn;
use redrive_core::time::Timestamp;
use redrive_operator::acts::{ActMatter, RecentAct};
use redrive_operator::alarms::own;
use redrive_operator::board::{Board, QueueStatus, TOP, TableStatus, of_table};
use redrive_operator::expiry::{Expiry, LedgerMemory};

use redrive_operator::readings::AlarmStatus;
use redrive_operator::waiting::WaitingLook;
use redrive_operator::who::short;

use crate::causes::{NEW, basis};
use crate::completion::Error;
use crate::jobs;
use crate::stack_port::StackPort;
use crate::text::{ago, count, fit, hanging, lines, queue_name, shown, table};

/// The queues of a stack, and what stands for each in JSON.
const QUEUES: [(&str, &str); 3] = [
    ("MainQueueUrl", "main_queue"),
    ("DeadLetterQueueUrl", "dead_letter_queue"),
    ("FailedInvocationsQueueUrl", "failed_invocations_queue"),
];

/// Facts of a stack that stand beside its tables.
pub(crate) struct Outside {
    pub(crate) queues: Vec<QueueStatus>,
    pub(crate) expiry: Option<Expiry>,
    pub(crate) alarms: Option<Vec<AlarmStatus>>,
}

/// Reads queues and alarms.
pub(crate) async fn outside<S: StackPort>(access: &S, now: Timestamp) -> Result<Outside, Error> {
    let mut queues = Vec::new();
    for (output, role) in QUEUES {
        if let Some(url) = access.stack().get(output) {
            queues.push(QueueStatus {
                role,
                name: queue_name(url).to_owned(),
                depths: access.queue_depths(url).await?,
            });
        }
    }
    // What CloudWatch does not say is not worth failing for: everything else is known.
    let alarms = match access.stack().name() {
        Some(name) => access.alarms(name).await.ok().map(|all| own(name, all)),
        None => None,
    };
    let expiry = first_expiry(access, &queues, now).await;
    Ok(Outside { queues, expiry, alarms })
}

/// Reads the status of everything.
pub(crate) async fn gather<S: StackPort>(access: &S, look: WaitingLook<'_>) -> Result<Board, Error> {
    let now = look.now;
    let Outside { queues, expiry, alarms } = outside(access, now).await?;
    let moving = match access.stack().get("DeadLetterQueueArn") {
        Some(arn) => access.moving(arn).await,
        None => None,
    };
    Ok(Board {
        stack: access.stack().name().map(str::to_owned),
        broker_source: access.stack().main_queue().filter(QueueArn::is_of_broker),
        queues,
        expiry,
        moving,
        alarms,
        table: of_table(&access.letters()?, &access.ledger(), &access.policies().await, look).await?,
    })
}

async fn first_expiry<S: StackPort>(access: &S, queues: &[QueueStatus], now: Timestamp) -> Option<Expiry> {
    let of = |role| queues.iter().find(|queue| queue.role == role);
    let (main, dead) = (of(QUEUES[0].1), of(QUEUES[1].1)?);
    if dead.depths.all() == 0 {
        return None;
    }
    let measured = access.first_expiry(now).await.ok().flatten();
    let age = match access.stack().get(QUEUES[1].0) {
        Some(url) if measured.is_none() => access.age(url, now).await.ok().flatten(),
        _ => None,
    };
    let fifo = dead.name.ends_with(".fifo");
    let before = if fifo { Some(Duration::ZERO) } else { main.and_then(|main| main.depths.retention) };
    Expiry::of(&dead.depths, before, measured, age, now)
}

pub(crate) fn render(board: &Board, now: Timestamp, width: usize) -> String {
    let mut text = queues(board, now, width);
    let _ = writeln!(text);
    text.push_str(&alarms::render(board.stack.as_deref(), board.alarms.as_deref(), width));
    let table = &board.table;
    text.push_str(&waiting(table, now, width));
    let under_way = table.replaying + table.replayed + table.done;
    let mut parts = format!(" ({} being sent, {} without an outcome yet", table.replaying, table.replayed);
    if table.done > 0 {
        let _ = write!(parts, ", {} done by the ledger and noted within a minute", table.done);
    }
    parts.push(')');
    let parts = if under_way > 0 { parts.as_str() } else { "" };
    text.push_str(&hanging(&format!("UNDER WAY: {under_way}{parts}"), 2, width));
    let _ = writeln!(text, "OPEN JOBS: {}", table.jobs.len());
    if !table.jobs.is_empty() {
        text.push_str(&jobs::render_rows(&table.jobs, now, width));
    }
    let before = text.lines().count();
    text.push_str(&acts(&table.acts, (now, width), before));
    text
}

/// Lines of a terminal's usual screen, and the most acts that are shown where there is room.
const SCREEN: usize = 24;
const ACTS: usize = 5;

/// Renders what people did within the last hour: the latest act, and as many more as still fit on a screen behind so many lines.
fn acts(acts: &[RecentAct], (now, width): (Timestamp, usize), before: usize) -> String {
    let shown_acts = SCREEN.saturating_sub(before).clamp(1, ACTS);
    let mut text = String::new();
    for (n, act) in acts.iter().take(shown_acts).enumerate() {
        let head = match n {
            0 => format!("LAST HOUR, {}:", count(acts.len() as u64, "act", "acts")),
            _ => " ".to_owned(),
        };
        let job = match act.what {
            ActMatter::Job(id, _) => format!(" ({id})"),
            ActMatter::Letters(..) => String::new(),
        };
        let why = act.why.as_deref().map_or_else(String::new, |why| format!(": {}", shown(why)));
        let (ago, who) = (ago(now, act.at), shown(short(&act.who)));
        text.push_str(&hanging(&format!("{head} {who} {}{job} {ago}{why}", shown(&act.what.words())), 4, width));
    }
    text
}

fn waiting(table: &TableStatus, now: Timestamp, width: usize) -> String {
    let letters = table.waiting.letters();
    let Some(oldest) = table.waiting.oldest() else { return format!("\nWAITING: {letters}\n") };
    let mut text = "\n".to_owned();
    let mut add = |line: &str| text.push_str(&hanging(line, 2, width));
    let classes: Vec<_> = table.waiting.by_class().iter().map(|(class, n)| format!("{n} {class}")).collect();
    add(&format!("WAITING: {letters} ({})", classes.join(", ")));
    add(&format!("  {}", table.waiting.steps().brief(now)));
    let memory = match table.memory {
        Some(LedgerMemory::Until(at)) => format!("; the ledger forgets the first of them {}", ago(now, at)),
        Some(LedgerMemory::Gone) => {
            "; the ledger knows nothing any more of the first of them (--forgotten-ok)".to_owned()
        }
        None => String::new(),
    };
    add(&format!("  the oldest failed {}{memory}", ago(now, oldest)));
    let digits = letters.to_string().len();
    for cause in table.waiting.causes.iter().take(TOP) {
        let new = if cause.is_new(now) { format!("  {NEW}") } else { String::new() };
        add(&format!("  {:>digits$}  {}{new}", cause.letters, shown(&cause.fingerprint)));
    }
    let more = table.waiting.number_of_causes().saturating_sub(TOP as u64);
    if more > 0 {
        add(&format!("  and {}: `redrive causes`", count(more, "more cause", "more causes")));
    }
    if let Some(basis) = basis(table.waiting.basis, now) {
        add(&format!("  {basis}"));
    }
    text
}

fn queues(board: &Board, now: Timestamp, width: usize) -> String {
    if let Some(source) = &board.broker_source {
        let line = format!("SOURCE: {}. Its broker's metrics show what waits there.", shown(source.as_str()));
        return hanging(&line, 2, width);
    }
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
