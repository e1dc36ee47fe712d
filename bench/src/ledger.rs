//! The ledger's two ways of writing, side by side.

use std::time::{Duration, Instant};

use aws_config::{BehaviorVersion, Region};
use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::config::{Builder, Credentials};
use aws_sdk_dynamodb::types::{AttributeDefinition, BillingMode, KeySchemaElement, KeyType, ScalarAttributeType};
use redrive_aws::LedgerTable;
use tokio::runtime::Handle;
use uuid::Uuid;

use crate::Error;
use crate::counting::{CallCounts, CallMeter};
use crate::drive::{BenchMessage, batch};
use crate::server::Server;

const BATCH: usize = 10;

/// Mix of messages in a batch.
#[derive(Clone, Copy)]
struct Mix {
    name: &'static str,
    /// Number of messages that failed before and are received again.
    again: usize,
    /// Number of messages that were completed before.
    done: usize,
    /// Number of those that fail when they run.
    failing: usize,
}

const MIXES: [Mix; 4] = [
    Mix { name: "first deliveries", again: 0, done: 0, failing: 0 },
    Mix { name: "redeliveries after a failure", again: 10, done: 0, failing: 0 },
    Mix { name: "redeliveries of what is done", again: 0, done: 10, failing: 0 },
    Mix { name: "mixed (6 new, 3 again, 1 done; 2 fail)", again: 3, done: 1, failing: 2 },
];

/// Measures against `endpoint`, or a server of its own.
pub(crate) fn run(endpoint: Option<String>, rounds: usize) -> Result<(), Error> {
    let server = if endpoint.is_none() { Some(Server::start("serve")?) } else { None };
    let endpoint = endpoint.or_else(|| server.as_ref().map(|server| server.endpoint.clone())).unwrap_or_default();
    let threads = || tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build();
    let (flows, handlers) = (threads()?, threads()?);
    flows.block_on(measure(endpoint, rounds.max(2), handlers.handle().clone()))
}

async fn measure(endpoint: String, rounds: usize, handlers: Handle) -> Result<(), Error> {
    let keys = Credentials::new("test", "test", None, None, "bench");
    let config = aws_config::defaults(BehaviorVersion::latest()).endpoint_url(endpoint).credentials_provider(keys);
    let config = config.region(Region::new("us-east-1")).load().await;
    let meter = CallMeter::default();
    let client = Client::from_conf(Builder::from(&config).interceptor(meter.clone()).build());
    let table = format!("bench-{}", Uuid::new_v4());
    create(&client, &table).await?;

    println!("{rounds} batches of {BATCH} a line, a handler that does nothing; a message:");
    println!("{:<40} {:<10} {:>6} {:>8} {:>8} {:>9} {:>9}", "", "", "calls", "CPU us", "sent B", "recvd B", "batch ms");
    for mix in MIXES {
        for (way, one_by_one) in [("puts", true), ("statements", false)] {
            let ledger = LedgerTable::new(client.clone(), &table);
            let ledger = if one_by_one { ledger.one_by_one() } else { ledger };
            let figures = LedgerFigures::of(&ledger, &meter, &handlers, mix, rounds).await?;
            println!("{:<40} {way:<10} {figures}", mix.name);
        }
    }
    client.delete_table().table_name(&table).send().await?;
    Ok(())
}

struct LedgerFigures {
    before: CallCounts,
    after: CallCounts,
    took: Duration,
    batches: usize,
}

impl LedgerFigures {
    async fn of(
        ledger: &LedgerTable,
        meter: &CallMeter,
        handlers: &Handle,
        mix: Mix,
        rounds: usize,
    ) -> Result<Self, Error> {
        let mut batches = Vec::with_capacity(rounds);
        for _ in 0..rounds {
            let messages = (0..BATCH).map(|_| BenchMessage::new()).collect::<Result<Vec<_>, _>>()?;
            let (again, done) = (&messages[..mix.again], &messages[mix.again..mix.again + mix.done]);
            batch(ledger, handlers, again, again.len()).await?;
            batch(ledger, handlers, done, 0).await?;
            batches.push(messages);
        }
        let (before, start) = (meter.read(), Instant::now());
        for messages in &batches {
            let ran = batch(ledger, handlers, messages, mix.failing).await?;
            assert_eq!(ran, BATCH - mix.done, "whoever may run does");
        }
        Ok(Self { before, after: meter.read(), took: start.elapsed(), batches: batches.len() })
    }
}

impl std::fmt::Display for LedgerFigures {
    #[allow(clippy::cast_precision_loss, reason = "figures for people")]
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let messages = (self.batches * BATCH) as f64;
        let each = |now: u64, before: u64| (now - before) as f64 / messages;
        let cpu = (self.after.cpu - self.before.cpu).as_secs_f64() * 1e6 / messages;
        let took = self.took.as_secs_f64() * 1e3 / self.batches as f64;
        write!(
            f,
            "{:>6.2} {cpu:>8.0} {:>8.0} {:>9.0} {took:>9.2}",
            each(self.after.calls, self.before.calls),
            each(self.after.sent, self.before.sent),
            each(self.after.received, self.before.received),
        )
    }
}

async fn create(client: &Client, table: &str) -> Result<(), Error> {
    let pk = AttributeDefinition::builder().attribute_name("pk").attribute_type(ScalarAttributeType::S).build()?;
    let hash = KeySchemaElement::builder().attribute_name("pk").key_type(KeyType::Hash).build()?;
    let create = client.create_table().table_name(table).billing_mode(BillingMode::PayPerRequest);
    create.attribute_definitions(pk).key_schema(hash).send().await?;
    Ok(())
}
