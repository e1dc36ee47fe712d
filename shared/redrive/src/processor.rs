use std::panic::{AssertUnwindSafe, catch_unwind};

use redrive_aws::{AwsClients, LedgerTable, SqsMainQueue, SqsOutbox};
use redrive_core::ids::QueueArn;
use redrive_core::message::message_type::MessageTypes;
use redrive_core::ports::Ledger;
use redrive_core::processing::handler::Dispatch;
use redrive_core::processing::outcome::{OutageBrake, Rules};
use redrive_engine::{Order, ProcessSettings, Processor, trace};
use redrive_lambda::config::{ProcessorConfig, environment};
use redrive_lambda::run::{Flow, Invocation, InvocationFailure, ServeError, serve};
use redrive_lambda::{System, event, telemetry};
use serde_json::Value;
use serde_json::value::RawValue;
use tokio::runtime::{Builder, Handle};

use crate::error::{both, log};
use crate::meter::{self, Meter};
use crate::traced::Traced;
use crate::{Aws, Error};

/// Runs the processor with the handler that `build` makes, or with several behind [`Routes`](crate::Routes), until Lambda
/// ends the process.
///
/// `build` is called once, before the first batch. Configuration is refused first: whatever is wrong with it, the
/// handler's own settings included, is told in one log line, and the process ends.
///
/// # Errors
/// [`Error`], for `main` to return.
pub fn run<H, B>(build: B) -> Result<(), Error>
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
    let config = match ProcessorConfig::read(environment) {
        Ok(config) => config,
        Err(refused) => return both::<(), _>(Err(refused.into()), tried(build)).map(drop),
    };
    let function = config.function.clone();
    serve(&function, |handlers| async { processing(config, handlers, build).await.map(Traced) })
}

/// Reports problems of the constructor's own settings, where ours are refused already. The clients are not connected; a
/// constructor that panics for that is left out.
pub(crate) fn tried<H>(build: impl FnOnce(&Aws) -> Result<H, Error>) -> Result<(), Error> {
    let runtime = Builder::new_current_thread().enable_all().build().map_err(ServeError::Threads)?;
    let _inside = runtime.enter();
    let built = catch_unwind(AssertUnwindSafe(|| build(&Aws::unconnected(environment)).map(drop)));
    built.unwrap_or(Ok(()))
}

async fn processing<H, B>(config: ProcessorConfig, handlers: Handle, build: B) -> Result<Processing<H>, Error>
where
    H: Dispatch,
    B: FnOnce(&Aws) -> Result<H, Error>,
    LedgerTable: Ledger<H::Effects>,
{
    let (handler, ours) = handler_and_clients(&handlers, config.reading.types.as_ref(), build).await?;
    let source = config.reading.source.clone();
    let meter = Meter::new(config.function.name.clone(), config.main_queue_name.clone());
    let ledger = ours.ledger(config.ledger_table.clone());
    let ledger = match config.powertools.clone() {
        Some((table, keys)) => ledger.honouring(table, keys),
        None => ledger,
    };
    let queue = ours.main_queue(config.main_queue_url.clone());
    let brake = config.outage_brake;
    let direct = config.dead_letters.as_ref().map(|url| ours.outbox(url.clone()));
    let processor = Processor::with_dead_letters(handler, ledger, queue, direct, System, settings(config), handlers);
    Ok(Processing { processor, source, meter, brake })
}

/// Makes the handler, and clients for the rest.
///
/// Two sets of clients: a connection is driven by the runtime that opened it, and a handler that blocks its runtime must not
/// hold up the ledger.
pub(crate) async fn handler_and_clients<H, B>(
    handlers: &Handle,
    types: Option<&MessageTypes>,
    build: B,
) -> Result<(H, AwsClients), Error>
where
    H: Dispatch,
    B: FnOnce(&Aws) -> Result<H, Error>,
{
    let ours = AwsClients::load(trace::current).await;
    let theirs = handlers.spawn(AwsClients::load(trace::current)).await.map_err(Error::handler)?;
    let handler = {
        let _on_their_runtime = handlers.enter();
        build(&Aws::new(theirs, environment))?
    };
    same_types(&handler, types)?;
    Ok((handler, ours))
}

/// Checks that the routes are those of the configuration: a type without a handler would die, and a handler without its
/// type never run.
fn same_types<H: Dispatch>(handler: &H, configured: Option<&MessageTypes>) -> Result<(), Error> {
    let Some(routes) = handler.types() else { return Ok(()) };
    let configured: Vec<_> = configured.into_iter().flat_map(MessageTypes::names).collect();
    if routes == configured {
        return Ok(());
    }
    let (routes, configured) = (routes.join(","), configured.join(","));
    Err(Error::handler(format!(
        "routes are for the types {routes:?}, and MESSAGE_TYPES names {configured:?}; name the same"
    )))
}

fn settings(config: ProcessorConfig) -> ProcessSettings {
    ProcessSettings {
        reading: config.reading,
        order: if config.fifo { Order::Groups } else { Order::Keys },
        rules: Rules { schedule: config.schedule, max_receives: config.max_receive_count },
        handler_timeout: config.handler_timeout,
        claim_hold: config.claim_hold,
        masks: config.masks,
        concurrency: config.concurrency,
        retention: config.ledger_retention,
        settle_reserve: config.settle_reserve,
        clock_skew: config.clock_skew,
        brake: config.outage_brake,
    }
}

struct Processing<H>
where
    H: Dispatch,
    LedgerTable: Ledger<H::Effects>,
{
    processor: Processor<(H, LedgerTable, SqsMainQueue, System, SqsOutbox)>,
    source: QueueArn,
    meter: Meter,
    brake: OutageBrake,
}

impl<H> Flow for Processing<H>
where
    H: Dispatch,
    LedgerTable: Ledger<H::Effects>,
{
    type Event = Box<RawValue>;

    async fn invoke(&self, invocation: Invocation<Box<RawValue>>) -> Result<Value, InvocationFailure> {
        let Invocation { payload, origin, deadline, .. } = invocation;
        let records = event::records(payload.get(), &self.source)
            .map_err(|why| InvocationFailure::new("EventNotUnderstood", why))?;
        // The records have what is needed of it, and it may be megabytes.
        drop(payload);
        let report = self
            .processor
            .process(records, origin, deadline)
            .await
            .map_err(|why| InvocationFailure::new("NoMessageId", why))?;
        meter::emit(&self.meter.batch(&report.counts));
        if let Some(outage) = report.outage.filter(|_| self.brake.signals()) {
            return Err(InvocationFailure::new(
                "OutageBrake",
                format_args!("{outage}; its messages stay invisible for longer, and the invocation fails as a signal"),
            ));
        }
        serde_json::to_value(report.response).map_err(|why| InvocationFailure::new("NoAnswer", why))
    }
}
