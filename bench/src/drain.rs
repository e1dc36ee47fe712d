//! The indexer beside a plain drain with boto3: one queue, one table, one run.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use aws_config::{BehaviorVersion, Region, SdkConfig};
use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::config::Credentials;
use aws_sdk_dynamodb::types::{
    AttributeDefinition, BillingMode, GlobalSecondaryIndex, KeySchemaElement, KeyType, Projection, ProjectionType,
    ScalarAttributeType,
};
use redrive_core::decode::Reading;
use redrive_core::ids::{QueueArn, Scope};
use redrive_core::key::Pointer;
use redrive_core::policy::Policy;
use redrive_core::ports::Clock;
use redrive_core::time::Timestamp;
use redrive_engine::{IndexSettings, Indexer};
use serde_json::Value;

use crate::Error;
use crate::server::Server;

const ARN: &str = "arn:aws:sqs:us-east-1:000000000000:bench";
/// What the functions set in `shared/redrive/src/indexer.rs`.
const POLLERS: usize = 4;
const DAY: Duration = Duration::from_secs(86_400);

/// Who drains.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Contender {
    Redrive,
    Boto3,
}

/// One measurement.
#[derive(Clone, Copy)]
struct Case {
    messages: u64,
    delay: u64,
}

struct Figures {
    seconds: f64,
    peak_mb: f64,
    calls: Value,
}

/// Measures both, each in a process of its own, with this Python for boto3.
pub(crate) fn run(python: Option<&str>, messages: u64) -> Result<(), Error> {
    let server = Server::start("serve-drain")?;
    let speed = [0, 5].map(|delay| Case { messages, delay });
    println!("draining {messages} messages of 300 bytes: the indexer, with {POLLERS} pollers, and a plain boto3 loop");
    println!("(receive ten, put_item each, delete ten; it reads no ledger, and its writes are unconditional)");
    println!("{HEADER}");
    for case in speed {
        let ours = measure(&server, Contender::Redrive, case, python)?;
        println!("{}", line("redrive", case, &ours, None));
        if python.is_some() {
            let theirs = measure(&server, Contender::Boto3, case, python)?;
            println!("{}", line("boto3", case, &theirs, Some(&ours)));
        }
    }
    println!("memory of the draining process, at its peak");
    for messages in [1_000, 10_000, 100_000] {
        let case = Case { messages, delay: 0 };
        println!("{}", line("redrive", case, &measure(&server, Contender::Redrive, case, python)?, None));
    }
    Ok(())
}

const HEADER: &str =
    "            messages  ms a call     msg/s  receives   deletes    writes     reads  (calls a message)  peak MB";

#[allow(clippy::cast_precision_loss, reason = "figures for people")]
fn line(who: &str, case: Case, figures: &Figures, ours: Option<&Figures>) -> String {
    let calls = |names: &[&str]| {
        names.iter().filter_map(|name| figures.calls[*name].as_u64()).sum::<u64>() as f64 / case.messages as f64
    };
    let (receives, deletes) = (calls(&["ReceiveMessage"]), calls(&["DeleteMessageBatch"]));
    let writes = calls(&["PutItem", "UpdateItem", "BatchExecuteStatement", "TransactWriteItems"]);
    let reads = calls(&["GetItem", "BatchGetItem"]);
    let speed = case.messages as f64 / figures.seconds;
    let slower = ours.map(|ours| format!("  1/{:.1} of the speed", figures.seconds / ours.seconds));
    format!(
        "{who:<10} {:>9} {:>10} {speed:>9.0} {receives:>9.3} {deletes:>9.3} {writes:>9.3} {reads:>9.3} {:>27.1}{}",
        case.messages,
        case.delay,
        figures.peak_mb,
        slower.unwrap_or_default()
    )
}

fn measure(server: &Server, who: Contender, case: Case, python: Option<&str>) -> Result<Figures, Error> {
    let table = format!("bench-{}", uuid::Uuid::new_v4());
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async { create(&Client::new(&config(&server.endpoint).await), &table).await })?;
    ask(&server.endpoint, &format!("/reset?{},{}", case.messages, case.delay))?;
    let mut command = match (who, python) {
        (Contender::Boto3, Some(python)) => {
            let mut command = Command::new(python);
            command.arg(concat!(env!("CARGO_MANIFEST_DIR"), "/drain_boto3.py"));
            command
        }
        _ => {
            let mut command = Command::new(std::env::current_exe()?);
            command.arg("drain-once");
            command
        }
    };
    let ended = command.args([&server.endpoint, &table]).stderr(Stdio::inherit()).output()?;
    let said: Value = serde_json::from_slice(&ended.stdout)?;
    let told = ask(&server.endpoint, "/")?;
    if told["deleted"].as_u64() != Some(case.messages) {
        return Err(format!("of {} messages {} were deleted", case.messages, told["deleted"]).into());
    }
    let of = |name: &str| said[name].as_f64().ok_or("a contender did not say how it went");
    Ok(Figures { seconds: of("seconds")?, peak_mb: of("peak_kb")? / 1024.0, calls: told["calls"].clone() })
}

/// Drains the queue at this address once, in this process, and says how that went.
pub(crate) fn once(endpoint: &str, table: &str) -> Result<(), Error> {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
    runtime.block_on(async {
        let aws = redrive_aws::Aws::new(config(endpoint).await);
        let queue = aws.dead_letter_queue(format!("{endpoint}/000000000000/bench-dead"));
        let (ledger, letters) = (aws.ledger(format!("{table}-ledger")), aws.letters(table));
        let (source, scope) = (QueueArn::new(ARN).ok_or("an ARN")?, Scope::new("bench").ok_or("a scope")?);
        let settings = IndexSettings {
            reading: Reading { pointer: Some(Pointer::parse("/order_id")?), ..Reading::new(source, scope) },
            policy: Policy {
                rules: Vec::new(),
                cool_down: DAY,
                max_deaths: 3,
                resolved_retention: 90 * DAY,
                body_retention: 90 * DAY,
                outcome_after: 19 * DAY,
            },
            pollers: POLLERS,
            wait: Duration::from_secs(1),
            reserve: Duration::from_secs(3),
        };
        let indexer = Indexer::new(queue, ledger, letters, Now, settings);
        let start = Instant::now();
        let report = indexer.drain(tokio::time::Instant::now() + Duration::from_secs(900)).await;
        let seconds = start.elapsed().as_secs_f64();
        if report.created != report.deleted || report.received != report.deleted {
            return Err(format!("{report:?}").into());
        }
        println!("{}", serde_json::json!({ "seconds": seconds, "peak_kb": peak_kb() }));
        Ok(())
    })
}

/// The most memory that this process ever had.
fn peak_kb() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    line.and_then(|line| line.split_whitespace().next()?.parse().ok()).unwrap_or(0)
}

struct Now;

impl Clock for Now {
    fn now(&self) -> Timestamp {
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        Timestamp::from_millis(u64::try_from(since.as_millis()).unwrap_or(u64::MAX))
    }
}

async fn config(endpoint: &str) -> SdkConfig {
    let keys = Credentials::new("test", "test", None, None, "bench");
    let config = aws_config::defaults(BehaviorVersion::latest()).endpoint_url(endpoint).credentials_provider(keys);
    config.region(Region::new("us-east-1")).load().await
}

/// The tables of the template, as far as draining needs them.
async fn create(client: &Client, table: &str) -> Result<(), Error> {
    let indexes = [("by-status", "status_shard", "due"), ("by-fingerprint", "fingerprint_shard", "first_failed_at")];
    create_one(client, table, &["pk", "sk"], &indexes).await?;
    create_one(client, &format!("{table}-ledger"), &["pk"], &[]).await
}

async fn create_one(client: &Client, table: &str, keys: &[&str], indexes: &[(&str, &str, &str)]) -> Result<(), Error> {
    let mut create = client.create_table().table_name(table).billing_mode(BillingMode::PayPerRequest);
    create = create.set_key_schema(Some(schema(keys)?));
    for name in keys.iter().copied().chain(indexes.iter().flat_map(|(_, hash, range)| [*hash, *range])) {
        let kind = if name == "due" { ScalarAttributeType::N } else { ScalarAttributeType::S };
        let attribute = AttributeDefinition::builder().attribute_name(name).attribute_type(kind);
        create = create.attribute_definitions(attribute.build()?);
    }
    for (name, hash, range) in indexes {
        let all = Projection::builder().projection_type(ProjectionType::All).build();
        let index = GlobalSecondaryIndex::builder().index_name(*name).projection(all);
        create = create.global_secondary_indexes(index.set_key_schema(Some(schema(&[hash, range])?)).build()?);
    }
    create.send().await?;
    Ok(())
}

fn schema(keys: &[&str]) -> Result<Vec<KeySchemaElement>, Error> {
    let parts = keys.iter().zip([KeyType::Hash, KeyType::Range]);
    parts.map(|(key, kind)| Ok(KeySchemaElement::builder().attribute_name(*key).key_type(kind).build()?)).collect()
}

/// Asks the server in front of the tables how a run went, or to begin another.
fn ask(endpoint: &str, path: &str) -> Result<Value, Error> {
    let mut stream = TcpStream::connect(endpoint.trim_start_matches("http://"))?;
    stream.set_read_timeout(Some(Duration::from_secs(5)))?;
    write!(stream, "GET {path} HTTP/1.1\r\nhost: bench\r\n\r\n")?;
    let mut bytes = Vec::new();
    let mut some = [0; 4096];
    loop {
        let count = stream.read(&mut some)?;
        bytes.extend_from_slice(&some[..count]);
        let text = String::from_utf8_lossy(&bytes);
        if let Some(Ok(said)) = text.split_once("\r\n\r\n").map(|(_, body)| serde_json::from_str(body)) {
            return Ok(said);
        }
        if count == 0 {
            return Err("the server said nothing".into());
        }
    }
}
