//! Functions of a Kafka topic: the processor here, indexer and replay of its dead letters beside it.

mod indexer;
mod replay;

pub use indexer::run_kafka_indexer;
pub use replay::run_kafka_replay;

use redrive_aws::{AwsClients, LedgerTable};
use redrive_core::message::batch::Batch;
use redrive_core::message::broker_envelope::KafkaOrder;
use redrive_core::message::envelope::Envelope;
use redrive_core::message::kafka_response::KafkaResponse;
use redrive_core::ports::Ledger;
use redrive_core::processing::handler::Dispatch;
use redrive_core::processing::outcome::OutageBrake;
use redrive_engine::{Order, Processor};
use redrive_kafka::{Brokers, DeadLetterTopic, Partitions};
use redrive_lambda::config::{KafkaAnswer, KafkaConfig, environment};
use redrive_lambda::kafka_event::kafka_records;
use redrive_lambda::run::{Flow, Invocation, InvocationFailure, serve};
use redrive_lambda::{System, telemetry};
use serde_json::Value;
use tokio::runtime::Handle;

use crate::broker_settings::process_settings;
use crate::error::{both, log};
use crate::meter::{self, Meter};
use crate::processor::{handler_and_clients, tried};
use crate::traced::Traced;
use crate::{Aws, Error};

/// Runs the processor of a Kafka topic with the handler that `build` makes, the same as [`run`](crate::run) takes, until Lambda
/// ends the process. Needs the feature `kafka`.
///
/// The event source mapping is one of MSK or of self-managed Kafka. A dead record is written to the dead letter topic first.
///
/// # Errors
/// [`Error`], for `main` to return.
pub fn run_kafka<H, B>(build: B) -> Result<(), Error>
where
    H: Dispatch,
    B: FnOnce(&Aws) -> Result<H, Error>,
    LedgerTable: Ledger<H::Effects>,
{
    telemetry::init(environment);
    let ended = start(build);
    ended.inspect_err(log)
}

fn start<H, B>(build: B) -> Result<(), Error>
where
    H: Dispatch,
    B: FnOnce(&Aws) -> Result<H, Error>,
    LedgerTable: Ledger<H::Effects>,
{
    let config = match KafkaConfig::read(environment) {
        Ok(config) => config,
        Err(refused) => return both::<(), _>(Err(refused.into()), tried(build)).map(drop),
    };
    let function = config.function.clone();
    serve(&function, |handlers| async { processing(config, handlers, build).await.map(Traced) })
}

async fn processing<H, B>(config: KafkaConfig, handlers: Handle, build: B) -> Result<KafkaProcessing<H>, Error>
where
    H: Dispatch,
    B: FnOnce(&Aws) -> Result<H, Error>,
    LedgerTable: Ledger<H::Effects>,
{
    let (handler, ours): (H, AwsClients) =
        handler_and_clients(&handlers, config.processing.reading.types.as_ref(), build).await?;
    let meter = Meter::new(config.function.name.clone(), config.topics.first().cloned().unwrap_or_default());
    let (topics, order, answer) = (config.topics.clone(), config.order, config.answer);
    let ledger = ours.ledger(config.processing.ledger_table.clone());
    let brokers = Brokers::new(&config.bootstrap_servers, &config.security);
    let dead = Some(DeadLetterTopic::new(&config.dead_letter_topic, brokers));
    let lines = if order == KafkaOrder::None { Order::Keys } else { Order::Groups };
    // A partition waits in the invocation already.
    let settings = process_settings(config.processing, lines, OutageBrake::Off);
    let processor = Processor::with_dead_letters(handler, ledger, Partitions, dead, System, settings, handlers);
    Ok(KafkaProcessing { processor, topics, order, answer, meter })
}

struct KafkaProcessing<H>
where
    H: Dispatch,
    LedgerTable: Ledger<H::Effects>,
{
    processor: Processor<(H, LedgerTable, Partitions, System, DeadLetterTopic)>,
    topics: Vec<String>,
    order: KafkaOrder,
    answer: KafkaAnswer,
    meter: Meter,
}

impl<H> Flow for KafkaProcessing<H>
where
    H: Dispatch,
    LedgerTable: Ledger<H::Effects>,
{
    type Event = Value;

    async fn invoke(&self, invocation: Invocation) -> Result<Value, InvocationFailure> {
        let topics: Vec<_> = self.topics.iter().map(String::as_str).collect();
        let records = kafka_records(invocation.payload, &topics)
            .map_err(|why| InvocationFailure::new("EventNotUnderstood", why))?;
        let envelopes: Vec<_> = records.into_iter().map(|record| Envelope::of_kafka(record, self.order)).collect();
        let batch = Batch::from(envelopes);
        let report = self.processor.process_batch(batch, invocation.origin, invocation.deadline).await;
        meter::emit(&self.meter.batch(&report.counts));
        let response = KafkaResponse::returning(report.response.returned())
            .ok_or_else(|| InvocationFailure::new("NoPosition", "an id of the batch is no place in a partition"))?;
        let undone = response.returned().count();
        if self.answer == KafkaAnswer::Fail && undone > 0 {
            let of = report.counts.received;
            return Err(InvocationFailure::new(
                "RecordsNotDone",
                format_args!(
                    "{undone} of {of} records are not done, so the batch comes again; the others are not run again"
                ),
            ));
        }
        serde_json::to_value(response).map_err(|why| InvocationFailure::new("NoAnswer", why))
    }
}
