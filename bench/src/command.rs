//! The command over many waiting letters: its time and its memory.

use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use redrive_core::ids::{Enqueue, MessageId, QueueArn, Scope};
use redrive_core::letters::letter::{ErrorType, Letter, LetterWrite, Reason, Status};
use redrive_core::letters::listing::{Cursor, Listing};
use redrive_core::message::key::Key;
use redrive_core::ports::{Clock, Letters};
use redrive_core::time::Timestamp;
use redrive_testkit::letters::waiting;

use crate::Error;
use crate::counting::{Memory, memory_kb};
use crate::lab::{Now, config, tables};
use crate::server::Server;

/// Number of letters that are written at once.
const WRITES: u64 = 500;
const ACTS: [&[&str]; 5] =
    [&["causes"], &["list", "--limit", "100"], &["status"], &["find", "o-77"], &["find", "no such text"]];
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
        for act in ACTS {
            let (seconds, peak_mb) = measure(command, &outputs, act)?;
            println!("{letters:>7}  {:<22} {:>8.2} {peak_mb:>8.1}", act.join(" "), seconds.as_secs_f64());
        }
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

/// Runs the command once. Returns its time, and the most memory that it was seen to have.
#[allow(clippy::cast_precision_loss, reason = "figures for people")]
fn measure(command: &str, outputs: &Path, act: &[&str]) -> Result<(Duration, f64), Error> {
    let start = Instant::now();
    let mut child = Command::new(command)
        .args(act)
        .arg("--outputs")
        .arg(outputs)
        .envs([("AWS_ACCESS_KEY_ID", "test"), ("AWS_SECRET_ACCESS_KEY", "test"), ("NO_PROXY", "127.0.0.1")])
        .stdout(Stdio::null())
        .spawn()?;
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
