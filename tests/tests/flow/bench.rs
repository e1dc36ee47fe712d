//! A processor over model stores, invoked with JSON as Lambda invokes it.

use std::future::Future;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use redrive_core::ids::{Enqueue, MessageId, QueueArn, Scope};
use redrive_core::message::decode::Reading;
use redrive_core::message::key::{Key, LedgerKey, Pointer};
use redrive_core::message::wrapping::Wrapping;
use redrive_core::ports::{Ledger, MainQueue, VisibilityChange};
use redrive_core::processing::backoff::Schedule;
use redrive_core::processing::handler::Dispatch;
use redrive_core::processing::ledger::{Entry, Origin};
use redrive_core::processing::mask::Masks;
use redrive_core::processing::outcome::{Outage, OutageBrake, Rules};
use redrive_core::time::Timestamp;
use redrive_engine::{Order, ProcessReport, ProcessSettings, Processor};
use redrive_testkit::ModelQueue;
use redrive_testkit::clock::{VirtualClock, VirtualWorld};
use redrive_testkit::faults::Faults;
use redrive_testkit::handlers::Scripted;
use redrive_testkit::journal::What;
use redrive_testkit::store::{Effects, ModelLedger};
use serde_json::{Value, json};
use tokio::runtime::Handle;
use tokio::time::Instant;

pub(crate) const SOURCE: &str = "arn:aws:sqs:us-east-1:000000000000:redrive-main";
pub(crate) const SENT_AT: u64 = 1_763_787_600_123;

/// Makes a record as Lambda writes it.
pub(crate) fn record(id: &str, body: &str) -> Value {
    json!({
        "messageId": id,
        "receiptHandle": format!("handle-of-{id}"),
        "body": body,
        "attributes": {
            "ApproximateReceiveCount": "1",
            "SentTimestamp": SENT_AT.to_string(),
            "SenderId": "AIDAEXAMPLE",
            "ApproximateFirstReceiveTimestamp": (SENT_AT + 9).to_string(),
        },
        "messageAttributes": {},
        "md5OfBody": "not checked",
        "eventSource": "aws:sqs",
        "eventSourceARN": SOURCE,
        "awsRegion": "us-east-1",
    })
}

/// The same record, received for the so-many-th time.
pub(crate) fn received(times: u32, mut record: Value) -> Value {
    record["attributes"]["ApproximateReceiveCount"] = json!(times.to_string());
    record
}

pub(crate) fn event(records: &[Value]) -> Value {
    json!({ "Records": records })
}

pub(crate) fn settings() -> ProcessSettings {
    let pointer = Some(Pointer::parse("/order_id").unwrap());
    ProcessSettings {
        reading: Reading { pointer, ..Reading::new(QueueArn::new(SOURCE).unwrap(), Scope::new("main").unwrap()) },
        order: Order::Keys,
        rules: Rules { schedule: Schedule::parse("1s,8s,40s").unwrap(), max_receives: 9 },
        handler_timeout: Duration::from_secs(3),
        claim_hold: Duration::from_millis(375),
        masks: Masks::default(),
        concurrency: 8,
        retention: Duration::from_secs(30 * 24 * 3600),
        settle_reserve: Duration::from_secs(1),
        clock_skew: Duration::from_secs(5),
        brake: OutageBrake::default(),
    }
}

/// A queue that remembers what it was told.
#[derive(Clone, Default)]
pub(crate) struct RecordingQueue(Arc<Mutex<Vec<VisibilityChange>>>, Arc<AtomicU64>);

impl MainQueue for RecordingQueue {
    fn change_visibility(
        &self,
        changes: Vec<VisibilityChange>,
    ) -> impl Future<Output = Vec<(MessageId, String)>> + Send {
        self.0.lock().unwrap().extend(changes);
        std::future::ready(Vec::new())
    }

    fn in_flight(&self) -> impl Future<Output = Option<u64>> + Send {
        std::future::ready(Some(self.1.load(Ordering::SeqCst)))
    }
}

/// Everything that one processor works with.
pub(crate) struct Bench<H = Scripted, L = ModelLedger>
where
    H: Dispatch,
    L: Ledger<H::Effects>,
{
    processor: Processor<(H, L, RecordingQueue, VirtualWorld, ModelQueue)>,
    store: ModelLedger,
    faults: Faults,
    told: RecordingQueue,
}

impl Bench {
    pub(crate) fn new(handler: Scripted) -> Self {
        Self::with_faults(handler, Faults::none())
    }

    /// The queue's bodies are wrapped.
    pub(crate) fn wrapped(handler: Scripted, wrapping: Wrapping) -> Self {
        Self::wrapped_with(handler, ModelLedger::new(), wrapping)
    }

    /// `faults` strike the ledger's calls; the handler's runs are written into its journal.
    pub(crate) fn with_faults(handler: Scripted, faults: Faults) -> Self {
        let store = ModelLedger::new().with_faults(faults.clone());
        Self::build(handler.with_faults(faults.clone()), store.clone(), store, faults, Handle::current())
    }

    /// Of a queue like this; `direct` is where the dead are sent.
    pub(crate) fn of(handler: Scripted, settings: ProcessSettings, direct: Option<ModelQueue>) -> Self {
        let faults = Faults::none();
        let store = ModelLedger::new().with_faults(faults.clone());
        let handler = handler.with_faults(faults.clone());
        Self::complete(handler, store.clone(), store, faults, Handle::current(), settings, direct)
    }
}

impl<H: Dispatch<Effects = Effects>> Bench<H> {
    /// Any handler whose effects the model ledger can carry out, on a queue whose bodies are wrapped.
    pub(crate) fn wrapped_with(handler: H, ledger: ModelLedger, wrapping: Wrapping) -> Self {
        let faults = ledger.faults().clone();
        let settings = ProcessSettings { reading: Reading { wrapping, ..settings().reading }, ..settings() };
        Self::complete(handler, ledger.clone(), ledger, faults, Handle::current(), settings, None)
    }
}

impl<H, L> Bench<H, L>
where
    H: Dispatch,
    L: Ledger<H::Effects>,
{
    pub(crate) fn build(handler: H, ledger: L, store: ModelLedger, faults: Faults, handlers: Handle) -> Self {
        Self::complete(handler, ledger, store, faults, handlers, settings(), None)
    }

    pub(crate) fn complete(
        handler: H,
        ledger: L,
        store: ModelLedger,
        faults: Faults,
        handlers: Handle,
        settings: ProcessSettings,
        direct: Option<ModelQueue>,
    ) -> Self {
        let told = RecordingQueue::default();
        let world = VirtualWorld::new(VirtualClock::new(), 7);
        let queue = told.clone();
        let processor = Processor::with_dead_letters(handler, ledger, queue, direct, world, settings, handlers);
        Self { processor, store, faults, told }
    }

    /// Invokes the processor with ten seconds to go.
    pub(crate) async fn invoke(&self, event: Value) -> Result<Value, String> {
        self.invoke_within(event, Duration::from_secs(10)).await
    }

    pub(crate) async fn invoke_within(&self, event: Value, time: Duration) -> Result<Value, String> {
        Ok(serde_json::to_value(&self.process(event, time).await?.response).unwrap())
    }

    pub(crate) async fn process(&self, event: Value, time: Duration) -> Result<ProcessReport, String> {
        self.process_text(&event.to_string(), time).await
    }

    /// Processes an event as its text comes from Lambda.
    pub(crate) async fn process_text(&self, event: &str, time: Duration) -> Result<ProcessReport, String> {
        let source = QueueArn::new(SOURCE).unwrap();
        let records = redrive_lambda::event::records(event, &source).map_err(|error| error.to_string())?;
        let origin = Origin { request_id: "request-1".to_owned(), ..Origin::default() };
        let report = self.processor.process(records, origin, Instant::now() + time).await;
        report.map_err(|error| error.to_string())
    }

    /// Returns the kind of outage that an invocation looks like, if it does.
    pub(crate) async fn outage(&self, event: Value) -> Option<Outage> {
        self.process(event, Duration::from_secs(10)).await.unwrap().outage
    }

    /// So many messages are in flight.
    pub(crate) fn crowd(&self, in_flight: u64) {
        self.told.1.store(in_flight, Ordering::SeqCst);
    }

    /// The ids that an invocation returns, sorted.
    pub(crate) async fn returned(&self, event: Value) -> Vec<String> {
        ids(&self.invoke(event).await.unwrap())
    }

    /// Each visibility that was set: message id and seconds, in the order of the messages' ids within a call.
    pub(crate) fn hidden(&self) -> Vec<(String, u64)> {
        let told = self.told.0.lock().unwrap();
        told.iter()
            .map(|change_visibility| (change_visibility.message_id.to_string(), change_visibility.delay.as_secs()))
            .collect()
    }

    pub(crate) fn handles(&self) -> Vec<String> {
        self.told
            .0
            .lock()
            .unwrap()
            .iter()
            .map(|change_visibility| change_visibility.receipt_handle.to_string())
            .collect()
    }

    pub(crate) fn charged(&self, key: &str) -> u64 {
        self.store.counter(&format!("charged:{key}"))
    }

    /// Returns the story of what happened, line by line.
    pub(crate) fn story(&self) -> String {
        self.faults.journal().story()
    }

    /// Returns the number of handler starts for a key.
    pub(crate) fn runs(&self, key: &str) -> usize {
        let events = self.faults.journal().events();
        events.iter().filter(|event| matches!(&event.what, What::Started { key: k, .. } if k.as_str() == key)).count()
    }

    pub(crate) fn entry(&self, key: &str) -> Option<Entry> {
        let key = LedgerKey::owned(&settings().reading.scope, &Key::new(key).unwrap());
        self.store.entry(&key).map(|entry| (*entry).clone())
    }

    /// Puts an entry where the one of this key is.
    pub(crate) fn force(&self, key: &str, entry: Entry) {
        self.store.force(LedgerKey::owned(&settings().reading.scope, &Key::new(key).unwrap()), entry);
    }

    pub(crate) fn keyless(&self, message: &str) -> Option<Entry> {
        let enqueue =
            Enqueue { message_id: MessageId::new(message).unwrap(), sent_at: Timestamp::from_millis(SENT_AT) };
        self.store.entry(&LedgerKey::keyless(None, &enqueue)).map(|entry| (*entry).clone())
    }

    pub(crate) fn store(&self) -> &ModelLedger {
        &self.store
    }
}

pub(crate) fn ids(answer: &Value) -> Vec<String> {
    let failures = answer["batchItemFailures"].as_array().unwrap();
    let mut ids: Vec<_> = failures.iter().map(|one| one["itemIdentifier"].as_str().unwrap().to_owned()).collect();
    ids.sort();
    ids
}

/// Effects that handlers of the tests return.
pub(crate) type TestEffects = Effects;
