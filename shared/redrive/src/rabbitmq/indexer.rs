use redrive_core::message::broker_record::RabbitQueue;
use redrive_core::ports::Clock;
use redrive_engine::IndexedRecords;
use redrive_lambda::config::{RabbitIndexerConfig, environment};
use redrive_lambda::dead_queue_event::dead_messages;
use redrive_lambda::run::{Flow, Invocation, InvocationFailure, serve};
use redrive_lambda::{System, telemetry};
use serde_json::Value;

use crate::Error;
use crate::announcing::Announcing;
use crate::broker_letters::{RecordIndexing, not_indexed};
use crate::error::log;
use crate::traced::Traced;

/// Runs the indexer of a RabbitMQ dead letter queue until Lambda ends the process. Needs the feature `rabbitmq`.
///
/// The event source mapping is one of Amazon MQ, on the dead letter queue. All letters of a batch are written before it is acknowledged.
///
/// # Errors
/// [`Error`], for `main` to return.
pub fn run_rabbitmq_indexer() -> Result<(), Error> {
    telemetry::init(environment);
    let ended = start();
    ended.inspect_err(log)
}

fn start() -> Result<(), Error> {
    let config = RabbitIndexerConfig::read(environment)?;
    let function = config.function.clone();
    serve(&function, |_| async { Ok::<_, Error>(Traced(indexing(config).await)) })
}

async fn indexing(config: RabbitIndexerConfig) -> Announcing<RabbitIndexing> {
    let RabbitIndexerConfig { function, queue, dead_letter_queue, needs_id, indexing } = config;
    let flow = |indexing| RabbitIndexing { indexing, dead_letter_queue, needs_id };
    RecordIndexing::load(function, &queue.name, indexing, flow).await
}

struct RabbitIndexing {
    indexing: RecordIndexing,
    dead_letter_queue: RabbitQueue,
    needs_id: bool,
}

impl Flow for RabbitIndexing {
    type Event = Value;

    async fn invoke(&self, invocation: Invocation) -> Result<Value, InvocationFailure> {
        let messages = dead_messages(invocation.payload, &self.dead_letter_queue, self.needs_id, System.now())
            .map_err(|why| InvocationFailure::new("EventNotUnderstood", why))?;
        let IndexedRecords { report, left } = self.indexing.index(messages, invocation.deadline).await;
        // Lambda reads nothing but that there is an answer.
        if left.is_empty() { Ok(Value::Null) } else { Err(not_indexed(&report, left.len())) }
    }
}
