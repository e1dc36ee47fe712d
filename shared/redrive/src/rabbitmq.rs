//! Functions of a RabbitMQ queue: the processor here, indexer and replay of its dead letters beside it.

mod indexer;
mod replay;

pub use indexer::run_rabbitmq_indexer;
pub use replay::run_rabbitmq_replay;

use redrive_aws::{AwsClients, LedgerTable};
use redrive_core::message::batch::Batch;
use redrive_core::message::broker_record::{RabbitMessage, RabbitQueue};
use redrive_core::message::envelope::Envelope;
use redrive_core::ports::Ledger;
use redrive_core::processing::handler::Dispatch;
use redrive_core::processing::outcome::OutageBrake;
use redrive_engine::{Order, Processor};
use redrive_lambda::config::{RabbitConfig, environment};
use redrive_lambda::rabbitmq_event::rabbit_messages;
use redrive_lambda::run::{Flow, Invocation, InvocationFailure, serve};
use redrive_lambda::{System, telemetry};
use redrive_rabbitmq::{Broker, DelayQueues, RabbitOutbox};
use serde_json::Value;
use tokio::runtime::Handle;

use crate::broker_settings::process_settings;
use crate::error::{both, log};
use crate::meter::{self, Meter};
use crate::processor::{handler_and_clients, tried};
use crate::traced::Traced;
use crate::{Aws, Error};

/// Runs the processor of a RabbitMQ queue with the handler that `build` makes, the same as [`run`](crate::run) takes, until Lambda
/// ends the process. Needs the feature `rabbitmq`.
///
/// The event source mapping is one of Amazon MQ. A message that is put off, or dead, stands in another queue before its batch is
/// acknowledged.
///
/// # Errors
/// [`Error`], for `main` to return.
pub fn run_rabbitmq<H, B>(build: B) -> Result<(), Error>
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
    let config = match RabbitConfig::read(environment) {
        Ok(config) => config,
        Err(refused) => return both::<(), _>(Err(refused.into()), tried(build)).map(drop),
    };
    let function = config.function.clone();
    serve(&function, |handlers| async { processing(config, handlers, build).await.map(Traced) })
}

async fn processing<H, B>(config: RabbitConfig, handlers: Handle, build: B) -> Result<RabbitProcessing<H>, Error>
where
    H: Dispatch,
    B: FnOnce(&Aws) -> Result<H, Error>,
    LedgerTable: Ledger<H::Effects>,
{
    let RabbitConfig { function, queue, endpoint, login, dead_letter_queue, needs_id, processing } = config;
    let (handler, ours): (H, AwsClients) =
        handler_and_clients(&handlers, processing.reading.types.as_ref(), build).await?;
    let meter = Meter::new(function.name, queue.name.clone());
    let ledger = ours.ledger(processing.ledger_table.clone());
    // One connection for both.
    let broker = Broker::new(&endpoint, &queue.vhost, &login);
    let dead = Some(RabbitOutbox::new(&dead_letter_queue, broker.clone()));
    let delays = DelayQueues::new(&queue.name, broker);
    // An invocation that fails as a signal would bring the batch again, which waits as copies already.
    let settings = process_settings(processing, Order::Keys, OutageBrake::Quiet);
    let processor = Processor::with_dead_letters(handler, ledger, delays, dead, System, settings, handlers);
    Ok(RabbitProcessing { processor, queue, needs_id, meter })
}

struct RabbitProcessing<H>
where
    H: Dispatch,
    LedgerTable: Ledger<H::Effects>,
{
    processor: Processor<(H, LedgerTable, DelayQueues, System, RabbitOutbox)>,
    queue: RabbitQueue,
    needs_id: bool,
    meter: Meter,
}

impl<H> Flow for RabbitProcessing<H>
where
    H: Dispatch,
    LedgerTable: Ledger<H::Effects>,
{
    type Event = Value;

    async fn invoke(&self, invocation: Invocation) -> Result<Value, InvocationFailure> {
        let messages = rabbit_messages(invocation.payload, &self.queue)
            .map_err(|why| InvocationFailure::new("EventNotUnderstood", why))?;
        let envelope = |message| Envelope::of_rabbitmq(RabbitMessage { needs_id: self.needs_id, ..message });
        let batch = Batch::from(messages.into_iter().map(envelope).collect::<Vec<_>>());
        let report = self.processor.process_batch(batch, invocation.origin, invocation.deadline).await;
        meter::emit(&self.meter.batch(&report.counts));
        match report.response.returned().count() {
            // Lambda reads nothing but that there is an answer.
            0 => Ok(Value::Null),
            undone => {
                let of = report.counts.received;
                Err(InvocationFailure::new(
                    "MessagesNotSettled",
                    format_args!(
                        "{undone} of {of} messages are neither done nor known to stand in another queue, so the batch comes again; \
                         what is done is not run again"
                    ),
                ))
            }
        }
    }
}
