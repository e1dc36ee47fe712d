//! Setup for the comparisons with boto3: one server for both contenders, tables, and each contender in a process of its
//! own.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::process::{Command, Stdio};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use aws_config::{BehaviorVersion, Region, SdkConfig};
use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::config::Credentials;
use aws_sdk_dynamodb::types::{
    AttributeDefinition, BillingMode, GlobalSecondaryIndex, KeySchemaElement, KeyType, Projection, ProjectionType,
    ScalarAttributeType,
};
use redrive_core::ids::{QueueArn, Scope};
use redrive_core::letters::policy::Policy;
use redrive_core::message::decode::Reading;
use redrive_core::message::key::Pointer;
use redrive_core::ports::{Clock, Entropy};
use redrive_core::time::Timestamp;
use serde_json::Value;

use crate::Error;

const ARN: &str = "arn:aws:sqs:us-east-1:000000000000:bench";
pub(crate) const DAY: Duration = Duration::from_secs(86_400);

/// Case of one measurement.
#[derive(Clone, Copy)]
pub(crate) struct Case {
    pub(crate) messages: u64,
    /// Delay added to each call, in milliseconds.
    pub(crate) delay: u64,
}

/// Figures of one run.
pub(crate) struct Figures {
    pub(crate) seconds: f64,
    pub(crate) peak_mb: f64,
    /// CPU time in seconds that the contender took, once it had started.
    pub(crate) cpu: f64,
    /// CPU time in seconds that the server took: queue, tables and all.
    pub(crate) server_cpu: f64,
    pub(crate) calls: Value,
}

impl Figures {
    /// Returns the number of calls of these names for each message.
    #[allow(clippy::cast_precision_loss, reason = "figures for people")]
    pub(crate) fn calls(&self, names: &[&str], case: Case) -> f64 {
        names.iter().filter_map(|name| self.calls[*name].as_u64()).sum::<u64>() as f64 / case.messages as f64
    }

    /// Returns the microseconds of CPU that contender and server took for each message.
    #[allow(clippy::cast_precision_loss, reason = "figures for people")]
    pub(crate) fn cpu_each(&self, case: Case) -> [f64; 2] {
        [self.cpu, self.server_cpu].map(|seconds| seconds * 1e6 / case.messages as f64)
    }

    /// Returns the messages handled each second.
    #[allow(clippy::cast_precision_loss, reason = "figures for people")]
    pub(crate) fn speed(&self, case: Case) -> f64 {
        case.messages as f64 / self.seconds
    }
}

/// Python with a script of this crate, or this program with a command of its own.
pub(crate) fn contender(python: Option<&str>, script: &str, command: &str) -> Result<Command, Error> {
    Ok(match python {
        Some(python) => {
            let mut contender = Command::new(python);
            contender.arg(format!("{}/{script}", env!("CARGO_MANIFEST_DIR")));
            contender
        }
        None => {
            let mut contender = Command::new(std::env::current_exe()?);
            contender.arg(command);
            contender
        }
    })
}

/// Lets a contender do its work, and says how that went: what it told of itself, and the server of its calls.
pub(crate) fn timed(mut contender: Command, endpoint: &str) -> Result<(Figures, Value), Error> {
    let ended = contender.stderr(Stdio::inherit()).output()?;
    let reported: Value = serde_json::from_slice(&ended.stdout)?;
    let server = ask(endpoint, "/")?;
    let of = |name: &str| reported[name].as_f64().ok_or("a contender did not say how it went");
    let figures = Figures {
        seconds: of("seconds")?,
        peak_mb: of("peak_kb")? / 1024.0,
        cpu: of("cpu")?,
        server_cpu: server["cpu"].as_f64().unwrap_or(0.0),
        calls: server["calls"].clone(),
    };
    Ok((figures, server))
}

/// Returns the configuration by which the server's messages are read.
pub(crate) fn reading() -> Result<Reading, Error> {
    let (source, scope) = (QueueArn::new(ARN).ok_or("an ARN")?, Scope::new("bench").ok_or("a scope")?);
    Ok(Reading { pointer: Some(Pointer::parse("/order_id")?), ..Reading::new(source, scope) })
}

pub(crate) fn policy() -> Policy {
    Policy {
        rules: Vec::new(),
        cool_down: DAY,
        max_deaths: 3,
        resolved_retention: 90 * DAY,
        body_retention: 90 * DAY,
        outcome_after: 19 * DAY,
    }
}

/// A new name for tables, and the tables.
pub(crate) fn tables(endpoint: &str) -> Result<String, Error> {
    let table = format!("bench-{}", uuid::Uuid::new_v4());
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async { create(&Client::new(&config(endpoint).await), &table).await })?;
    Ok(table)
}

/// Real time and chance.
pub(crate) struct Now;

impl Clock for Now {
    fn now(&self) -> Timestamp {
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        Timestamp::from_millis(u64::try_from(since.as_millis()).unwrap_or(u64::MAX))
    }
}

impl Entropy for Now {
    fn bits(&self) -> u128 {
        uuid::Uuid::new_v4().as_u128()
    }
}

pub(crate) async fn config(endpoint: &str) -> SdkConfig {
    let keys = Credentials::new("test", "test", None, None, "bench");
    let config = aws_config::defaults(BehaviorVersion::latest()).endpoint_url(endpoint).credentials_provider(keys);
    config.region(Region::new("us-east-1")).load().await
}

/// Attributes that the template's indexes project, keys apart.
const PROJECTED: [&str; 14] = [
    "status",
    "error_type",
    "error_code",
    "error_message",
    "fingerprint",
    "deaths",
    "number",
    "last_failed_at",
    "source_topic",
    "function_version",
    "message_group_id",
    "sequence_number",
    "idempotency_key",
    "scope",
];

/// The tables of the template, as far as draining needs them.
async fn create(client: &Client, table: &str) -> Result<(), Error> {
    let indexes: [(&str, &[&str]); 3] = [
        ("by-status", &["status_shard", "due"]),
        ("by-fingerprint", &["fingerprint_shard", "first_failed_at"]),
        ("by-key", &["idempotency_key"]),
    ];
    create_one(client, table, &["pk", "sk"], &indexes).await?;
    create_one(client, &format!("{table}-ledger"), &["pk"], &[]).await
}

async fn create_one(client: &Client, table: &str, keys: &[&str], indexes: &[(&str, &[&str])]) -> Result<(), Error> {
    let mut create = client.create_table().table_name(table).billing_mode(BillingMode::PayPerRequest);
    create = create.set_key_schema(Some(schema(keys)?));
    for name in keys.iter().copied().chain(indexes.iter().flat_map(|(_, keys)| keys.iter().copied())) {
        let kind = if name == "due" { ScalarAttributeType::N } else { ScalarAttributeType::S };
        let attribute = AttributeDefinition::builder().attribute_name(name).attribute_type(kind);
        create = create.attribute_definitions(attribute.build()?);
    }
    for (name, keys) in indexes {
        let projection = Projection::builder().projection_type(ProjectionType::Include);
        let others = PROJECTED.iter().chain(&["due", "first_failed_at"]).filter(|one| !keys.contains(one));
        let projection = projection.set_non_key_attributes(Some(others.map(|one| (*one).to_owned()).collect())).build();
        let index = GlobalSecondaryIndex::builder().index_name(*name).projection(projection);
        create = create.global_secondary_indexes(index.set_key_schema(Some(schema(keys)?)).build()?);
    }
    create.send().await?;
    Ok(())
}

fn schema(keys: &[&str]) -> Result<Vec<KeySchemaElement>, Error> {
    let parts = keys.iter().zip([KeyType::Hash, KeyType::Range]);
    parts.map(|(key, kind)| Ok(KeySchemaElement::builder().attribute_name(*key).key_type(kind).build()?)).collect()
}

/// Asks the server in front of the tables how a run went, or to begin another.
pub(crate) fn ask(endpoint: &str, path: &str) -> Result<Value, Error> {
    let mut stream = TcpStream::connect(endpoint.trim_start_matches("http://"))?;
    stream.set_read_timeout(Some(Duration::from_secs(5)))?;
    write!(stream, "GET {path} HTTP/1.1\r\nhost: bench\r\n\r\n")?;
    let mut bytes = Vec::new();
    let mut some = [0; 4096];
    loop {
        let count = stream.read(&mut some)?;
        bytes.extend_from_slice(&some[..count]);
        let text = String::from_utf8_lossy(&bytes);
        if let Some(Ok(body)) = text.split_once("\r\n\r\n").map(|(_, body)| serde_json::from_str(body)) {
            return Ok(body);
        }
        if count == 0 {
            return Err("the server did not answer".into());
        }
    }
}
