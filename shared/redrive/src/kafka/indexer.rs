use redrive_core::message::kafka_response::KafkaResponse;
use redrive_engine::IndexedRecords;
use redrive_lambda::config::{KafkaAnswer, KafkaIndexerConfig, environment};
use redrive_lambda::dead_topic_event::dead_records;
use redrive_lambda::run::{Flow, Invocation, InvocationFailure, serve};
use redrive_lambda::telemetry;
use serde_json::Value;

use crate::Error;
use crate::announcing::Announcing;
use crate::broker_letters::{RecordIndexing, not_indexed};
use crate::error::log;
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
    let KafkaIndexerConfig { function, topics, dead_letter_topic, answer, indexing } = config;
    let source = topics.first().cloned().unwrap_or_default();
    let flow = |indexing| KafkaIndexing { indexing, topics, dead_letter_topic, answer };
    RecordIndexing::load(function, &source, indexing, flow).await
}

struct KafkaIndexing {
    indexing: RecordIndexing,
    topics: Vec<String>,
    dead_letter_topic: String,
    answer: KafkaAnswer,
}

impl Flow for KafkaIndexing {
    type Event = Value;

    async fn invoke(&self, invocation: Invocation) -> Result<Value, InvocationFailure> {
        let topics: Vec<_> = self.topics.iter().map(String::as_str).collect();
        let records = dead_records(invocation.payload, &self.dead_letter_topic, &topics)
            .map_err(|why| InvocationFailure::new("EventNotUnderstood", why))?;
        let IndexedRecords { report, left } = self.indexing.index(records, invocation.deadline).await;
        let response = KafkaResponse::returning(&left)
            .ok_or_else(|| InvocationFailure::new("NoPosition", "an id of the batch is no place in a partition"))?;
        if self.answer == KafkaAnswer::Fail && !left.is_empty() {
            return Err(not_indexed(&report, left.len()));
        }
        serde_json::to_value(response).map_err(|why| InvocationFailure::new("NoAnswer", why))
    }
}
