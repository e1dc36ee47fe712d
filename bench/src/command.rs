//! The command over many waiting letters, and its console: times and memory. The schedule has kept its summary, as it does every
//! minute.

use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use aws_sdk_dynamodb::types::AttributeValue;
use redrive_core::ids::{Enqueue, MessageId, QueueArn, Scope};
use redrive_core::letters::letter::{ErrorType, Letter, LetterWrite, Reason, Status};
use redrive_core::letters::listing::{Cursor, Listing};
use redrive_core::message::key::Key;
use redrive_core::ports::{Clock, Letters};
use redrive_core::replay::Request;
use redrive_core::time::Timestamp;
use redrive_engine::{QueuePair, ReplaySettings, Replayer};
use redrive_testkit::letters::waiting;

use crate::counting::{Memory, memory_kb};
use crate::lab::{DAY, Now, config, policy, reading, tables};
use crate::server::Server;
use crate::{Error, console};

/// Number of letters that are written at once.
const WRITES: u64 = 500;
const ACTS: [&[&str]; 7] = [
    &["causes"],
    &["status"],
    &["causes", "--exact"],
    &["status", "--exact"],
    &["list", "--limit", "100"],
    &["find", "o-77"],
    &["find", "no such text"],
];
/// Time for one run of the schedule.
const RUN: Duration = Duration::from_secs(300);
/// Number of pages whose time is taken, of which the median counts.
const PAGES: u8 = 5;
const SOURCE: &str = "arn:aws:sqs:us-east-1:000000000000:bench";

/// Runs the command at this path over more and more letters, in a DynamoDB at this address, or in one of this program.
pub(crate) fn run(command: &str, endpoint: Option<String>) -> Result<(), Error> {
    let server = if endpoint.is_some() { None } else { Some(Server::start("serve-drain")?) };
    let endpoint = endpoint.or_else(|| Some(server.as_ref()?.endpoint.clone())).ok_or("no endpoint")?;
    println!("letters  command                 seconds  peak MB");
    for letters in [1_000, 20_000] {
        let table = tables(&endpoint)?;
        fill(&endpoint, &table, letters)?;
        let outputs = std::env::temp_dir().join(format!("{table}.json"));
        let outputs_file = serde_json::json!({
            "DeadLetterTableName": table, "LedgerTableName": format!("{table}-ledger"),
            "MainQueueArn": SOURCE, "endpoint": endpoint, "region": "us-east-1",
        });
        std::fs::write(&outputs, outputs_file.to_string())?;
        let (seconds, bytes) = keep(&endpoint, &table)?;
        println!("{letters:>7}  {:<22} {:>8.2}  summary of {bytes} bytes", "the schedule's run", seconds.as_secs_f64());
        for act in ACTS {
            let (seconds, peak_mb) = measure(command, &outputs, act)?;
            println!("{letters:>7}  {:<22} {:>8.2} {peak_mb:>8.1}", act.join(" "), seconds.as_secs_f64());
        }
        keep(&endpoint, &table)?;
        let console::PageTimes { pages, peak_mb } = console::measure(called(command, &outputs))?;
        for (path, seconds, bytes) in pages {
            println!("{letters:>7}  console {path:<32} {:>8.2}  {bytes} bytes", seconds.as_secs_f64());
        }
        println!("{letters:>7}  {:<31} {peak_mb:>8.1}", "console, peak MB");
        let (found, seconds) = page(&endpoint, &table)?;
        println!("{letters:>7}  {:<22} {:>8.2}", format!("a page of {found}, bare"), seconds.as_secs_f64());
        std::fs::remove_file(&outputs)?;
    }
    Ok(())
}

/// The service's own time for a page of the index, which no command can undercut: the median of some, and its letters.
fn page(endpoint: &str, table: &str) -> Result<(usize, Duration), Error> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        let store = redrive_aws::AwsClients::new(config(endpoint).await).letters(table);
        let mut times = Vec::new();
        for lane in 0..PAGES {
            let start = Instant::now();
            let page = store.scan(Listing::all(Status::Pending), Cursor::of_lane(lane), 2_000).await?;
            times.push((start.elapsed(), page.candidates.len()));
        }
        times.sort();
        let (seconds, found) = times[usize::from(PAGES) / 2];
        Ok((found, seconds))
    })
}

/// Lets the schedule run once over these tables. Returns its time, and the bytes of the summary that it kept.
fn keep(endpoint: &str, table: &str) -> Result<(Duration, usize), Error> {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
    runtime.block_on(async {
        let aws = redrive_aws::AwsClients::new(config(endpoint).await);
        let main = format!("{endpoint}/000000000000/bench");
        let (ledger, gauges) = (aws.ledger(format!("{table}-ledger")), aws.gauges(main.clone()));
        let pair = QueuePair::new(reading()?, policy(), aws.outbox(main), ledger, gauges);
        let settings = ReplaySettings { lease: RUN, ledger_retention: 30 * DAY, reserve: Duration::from_secs(3) };
        let replayer = Replayer::new(aws.letters(table), Now, settings, vec![pair]);
        let start = Instant::now();
        replayer.run(&Request::Schedule, tokio::time::Instant::now() + RUN).await?;
        let seconds = start.elapsed();
        let [pk, sk] = ["summary#PENDING", "causes"].map(|key| AttributeValue::S(key.to_owned()));
        let get = aws.dynamodb().get_item().table_name(table).key("pk", pk).key("sk", sk).send().await?;
        let body = get.item.and_then(|mut item| item.remove("body"));
        Ok((seconds, body.and_then(|body| body.as_b().ok().map(|bytes| bytes.as_ref().len())).unwrap_or(0)))
    })
}

/// Makes the command, over the tables of these outputs.
fn called(command: &str, outputs: &Path) -> Command {
    let mut called = Command::new(command);
    called.arg("--outputs").arg(outputs);
    called.envs([("AWS_ACCESS_KEY_ID", "test"), ("AWS_SECRET_ACCESS_KEY", "test"), ("NO_PROXY", "127.0.0.1")]);
    called
}

/// Runs the command once. Returns its time, and the most memory that it was seen to have.
#[allow(clippy::cast_precision_loss, reason = "figures for people")]
fn measure(command: &str, outputs: &Path, act: &[&str]) -> Result<(Duration, f64), Error> {
    let start = Instant::now();
    let mut child = called(command, outputs).args(act).stdout(Stdio::null()).spawn()?;
    let (process, mut peak) = (child.id().to_string(), 0);
    loop {
        if let Some(ended) = child.try_wait()? {
            // A search that finds nothing says so with 1.
            if !ended.success() && ended.code() != Some(1) {
                return Err(format!("{} ended with {ended}", act.join(" ")).into());
            }
            return Ok((start.elapsed(), peak as f64 / 1024.0));
        }
        peak = peak.max(memory_kb(&process, Memory::Peak));
        std::thread::sleep(Duration::from_millis(2));
    }
}

/// Writes letters that wait, as the indexer does.
fn fill(endpoint: &str, table: &str, letters: u64) -> Result<(), Error> {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
    runtime.block_on(async {
        let store = redrive_aws::AwsClients::new(config(endpoint).await).letters(table);
        let now = Now.now();
        for from in (0..letters).step_by(usize::try_from(WRITES)?) {
            let some = (from..letters.min(from + WRITES)).map(|n| Ok(LetterWrite::create(letter(n, now)?)));
            let written = store.write(some.collect::<Result<_, Error>>()?).await;
            written.into_iter().collect::<Result<Vec<_>, _>>()?;
        }
        Ok(())
    })
}

/// A dead order of some 300 bytes; one cause for every hundred.
fn letter(n: u64, now: Timestamp) -> Result<Letter, Error> {
    let (source, id) = (QueueArn::new(SOURCE).ok_or("an ARN")?, MessageId::new(format!("m-{n}")).ok_or("an id")?);
    let payload = serde_json::json!({ "order_id": format!("o-{n}"), "note": "x".repeat(260) }).to_string();
    let reason = Reason {
        error_type: ErrorType::Permanent,
        error_code: Some(format!("code-{}", n % 100)),
        error_message: format!("order o-{n} was refused by the bank"),
        attempt_count: 1,
        first_failed_at: now,
        last_failed_at: now,
        attempts: Vec::new(),
    };
    let (enqueue, scope) = (Enqueue { message_id: id, sent_at: now }, Scope::new("bench").ok_or("a scope")?);
    let key = Key::new(format!("o-{n}")).ok();
    Ok(Letter { key, key_is_stable: true, ..waiting(source, scope, enqueue, &payload, reason) })
}
