use std::time::Duration;

use redrive_aws::{AwsClients, LedgerTable, LetterTable};
use redrive_core::message::kafka_response::KafkaResponse;
use redrive_core::ports::Clock;
use redrive_core::processing::mask::Redaction;
use redrive_engine::{Announced, DrainReport, IndexedRecords, IndexedSource, RecordIndexer};
use redrive_lambda::config::{KafkaAnswer, KafkaIndexerConfig, environment};
use redrive_lambda::dead_topic_event::dead_records;
use redrive_lambda::run::{Flow, Invocation, InvocationFailure, serve};
use redrive_lambda::{System, telemetry};
use serde_json::Value;

use crate::Error;
use crate::announcing::{Announcing, announcer};
use crate::error::log;
use crate::meter::{self, Meter};
use crate::traced::Traced;

/// Runs the indexer of a dead letter topic until Lambda ends the process. Needs the feature `kafka`.
///
/// The event source mapping is one of MSK or of self-managed Kafka, on the dead letter topic. A letter is written first, and the
/// record answered second.
///
/// # Errors
/// [`Error`], for `main` to return.
pub fn run_kafka_indexer() -> Result<(), Error> {
    telemetry::init(environment);
    let ended = start();
    ended.inspect_err(log)
}

fn start() -> Result<(), Error> {
    let config = KafkaIndexerConfig::read(environment)?;
    let function = config.function.clone();
    serve(&function, |_| async { Ok::<_, Error>(Traced(indexing(config).await)) })
}

async fn indexing(config: KafkaIndexerConfig) -> Announcing<KafkaIndexing> {
    let aws = AwsClients::load(redrive_engine::trace::current).await;
    let KafkaIndexerConfig { function, topics, dead_letter_topic, answer, ledger_table, letter_table, .. } = config;
    let announcer = announcer(&aws, config.event_bus);
    let letters = Announced::new(aws.letters(letter_table), announcer.clone());
    let source = IndexedSource {
        ledger: ledger_table.map(|table| aws.ledger(table)),
        reading: config.reading,
        policy: config.policy,
        redaction: Redaction::new(config.masks),
    };
    let meter = Meter::new(function.name.clone(), topics.first().cloned().unwrap_or_default());
    let indexer = RecordIndexer::new(letters, System, source);
    let name = function.name;
    let flow = KafkaIndexing { function: name.clone(), indexer, topics, dead_letter_topic, answer, meter };
    Announcing { flow, function: name, announcer }
}

struct KafkaIndexing {
    function: String,
    indexer: RecordIndexer<Option<LedgerTable>, Announced<LetterTable>, System>,
    topics: Vec<String>,
    dead_letter_topic: String,
    answer: KafkaAnswer,
    meter: Meter,
}

impl KafkaIndexing {
    /// Writes the metrics of a batch. How long its records are kept is the topic's own matter.
    fn emit(&self, report: &DrainReport) {
        let (kept, now) = (Duration::ZERO, System.now());
        meter::emit(&self.meter.drain(report, kept, now));
        meter::emit(&[meter::whole_drain(&self.function, [(report, kept)].into_iter(), now)]);
    }
}

impl Flow for KafkaIndexing {
    type Event = Value;

    async fn invoke(&self, invocation: Invocation) -> Result<Value, InvocationFailure> {
        let topics: Vec<_> = self.topics.iter().map(String::as_str).collect();
        let records = dead_records(invocation.payload, &self.dead_letter_topic, &topics)
            .map_err(|why| InvocationFailure::new("EventNotUnderstood", why))?;
        let IndexedRecords { report, left } = self.indexer.index(records, invocation.deadline).await;
        self.emit(&report);
        let response = KafkaResponse::returning(&left)
            .ok_or_else(|| InvocationFailure::new("NoPosition", "an id of the batch is no place in a partition"))?;
        if self.answer == KafkaAnswer::Fail && !left.is_empty() {
            return Err(InvocationFailure::new("RecordsNotIndexed", not_indexed(&report, left.len())));
        }
        serde_json::to_value(response).map_err(|why| InvocationFailure::new("NoAnswer", why))
    }
}

/// Says how many records are no letters yet, and what was in the way.
fn not_indexed(report: &DrainReport, left: usize) -> String {
    let (of, busy) = (report.received, report.lease_live);
    format!(
        "{left} of {of} records are no letters yet, so the batch comes again, and what is a letter stays one: {busy} are still \
         being run, for the others a table did not answer in time"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failure_says_how_many_records_are_left_and_why() {
        let report = DrainReport { received: 5, lease_live: 1, ..DrainReport::default() };
        let text = not_indexed(&report, 3);
        assert!(text.starts_with("3 of 5 records") && text.contains("1 are still being run"), "{text}");
    }
}
