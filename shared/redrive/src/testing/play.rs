//! Run of a scenario: a world with a queue and a ledger in memory, and processors that take batches until the queue is
//! empty.

use std::sync::Arc;
use std::time::Duration;

use redrive_core::ids::Scope;
use redrive_core::message::decode::Reading;
use redrive_core::message::envelope::Record;
use redrive_core::message::message_type::{MessageTypes, TypeAt};
use redrive_core::processing::handler::Dispatch;
use redrive_core::processing::ledger::Origin;
use redrive_core::processing::mask::Masks;
use redrive_core::processing::outcome::{OutageBrake, Rules};
use redrive_engine::{Order, ProcessSettings, Processor};
use redrive_testkit::clock::ORIGIN;
use redrive_testkit::queue::ModelMessage;
use redrive_testkit::{Call, CallFault, Faults, ModelLedger, ModelQueue, VirtualWorld};
use tokio::runtime::{Builder, Handle};
use tokio::time::{Instant, timeout};

use super::observed::{AttemptLog, Crash, Observed, counter};
use super::outcome::{DeadMessage, Outcome};
use super::scenario::{Build, QueueScript, ScriptedMessage};
use super::test_world::{ServiceCalls, TestWorld, lock};

/// Settle reserve of the template.
const RESERVE: Duration = Duration::from_secs(4);
/// Difference of clocks that a claim allows for.
const CLOCK_SKEW: Duration = Duration::from_secs(5);
/// Messages in a batch, as in the template.
const BATCH: usize = 10;
/// Batches after which a message is taken to stay for ever.
const MOST_BATCHES: usize = 100_000;

/// Run that has ended, and what decides about the next ones.
pub(super) struct Played<E> {
    pub(super) outcome: Outcome<E>,
    pub(super) calls: Vec<Call>,
    /// True if the planned crash of a handler happened.
    pub(super) happened: bool,
    pub(super) service_calls: ServiceCalls,
    /// Calls to services before the first process died.
    pub(super) before_crash: ServiceCalls,
}

struct World<'a, H: Dispatch> {
    handler: &'a Build<H>,
    script: &'a QueueScript,
    reading: Reading,
    faults: Faults,
    main: ModelQueue,
    dead: ModelQueue,
    ledger: ModelLedger,
    services: TestWorld,
    record: Arc<AttemptLog<H::Effects>>,
}

#[expect(clippy::expect_used, reason = "a test without a runtime cannot go on")]
pub(super) fn play<H: Dispatch>(
    handler: &Build<H>,
    script: &QueueScript,
    sends: &[ScriptedMessage],
    fault: Option<(usize, CallFault)>,
    crash: Crash,
) -> Played<H::Effects> {
    let runtime = Builder::new_current_thread().enable_all().start_paused(true).build().expect("a runtime");
    runtime.block_on(async {
        let world = World::new(handler, script, fault, crash);
        for send in sends {
            let (body, attributes) = (send.body.clone(), send.attributes.clone());
            match &send.group {
                Some(group) => world.main.send_to(group, body, attributes),
                None => world.main.send(body, attributes),
            };
        }
        let before_crash = world.work().await;
        world.played(fault, crash, before_crash)
    })
}

#[expect(clippy::expect_used, reason = "a test with a wrong configuration cannot go on")]
fn reading(script: &QueueScript, main: &ModelQueue) -> Reading {
    let scope = Scope::new("orders").expect("a scope");
    let types = script.types.as_ref().map(|(at, names)| {
        let at = TypeAt::parse(at, script.wrapping).expect("a place of types");
        MessageTypes::new(at, &scope, names.iter().map(String::as_str)).expect("types of messages")
    });
    let pointer = script.pointer.clone();
    Reading { wrapping: script.wrapping, pointer, types, ..Reading::new(main.arn(), scope) }
}

impl<'a, H: Dispatch> World<'a, H> {
    fn new(handler: &'a Build<H>, script: &'a QueueScript, fault: Option<(usize, CallFault)>, crash: Crash) -> Self {
        let faults = Faults::script(fault);
        let queue = |name: &str| {
            let queue = ModelQueue::new(name).with_visibility(Duration::from_secs(180)).with_faults(faults.of("SQS"));
            if script.fifo { queue.fifo() } else { queue }
        };
        // On a FIFO queue those behind a failing message are received with it.
        let max_receives = if script.fifo { 1_000 } else { script.max_receives };
        let dead = queue("orders-dead");
        let main = queue("orders").with_redrive_policy(&dead, max_receives);
        Self {
            handler,
            script,
            reading: reading(script, &main),
            ledger: ModelLedger::new().with_faults(faults.clone()),
            services: TestWorld::new(faults.clone()),
            record: Arc::new(AttemptLog::new(crash)),
            faults,
            main,
            dead,
        }
    }

    fn settings(&self) -> ProcessSettings {
        let max_receives = if self.script.fifo { 1_000 } else { self.script.max_receives };
        ProcessSettings {
            reading: self.reading.clone(),
            order: if self.script.fifo { Order::Groups } else { Order::Keys },
            rules: Rules { schedule: self.script.schedule.clone(), max_receives },
            handler_timeout: self.script.handler_timeout,
            claim_hold: self.script.handler_timeout / 8,
            masks: Masks::default(),
            concurrency: BATCH,
            retention: Duration::from_secs(30 * 86_400),
            settle_reserve: RESERVE,
            clock_skew: CLOCK_SKEW,
            brake: OutageBrake::default(),
        }
    }

    /// Takes batches until no message comes any more. Returns the calls to services before a process died.
    async fn work(&self) -> ServiceCalls {
        let mut before_crash = None;
        let mut process = self.faults.of("processor-0");
        let mut handler = self.process(&process);
        for batch_number in 0..MOST_BATCHES {
            if !self.main.wait(Duration::from_secs(5 * 86_400)).await {
                break;
            }
            let batch = self.main.clone().with_faults(process.clone()).receive_batch(BATCH);
            if batch.is_empty() {
                continue;
            }
            self.invoke(&handler, &process, batch).await;
            if process.is_dead() {
                before_crash = before_crash.or_else(|| Some(self.services.calls()));
                process = self.faults.of(&format!("processor-{}", batch_number + 1));
                handler = self.process(&process);
            }
        }
        assert!(self.main.is_empty(), "a message never left the queue:\n{}", self.faults.journal().story());
        before_crash.unwrap_or_default()
    }

    /// Starts a process with a handler of its own.
    fn process(&self, process: &Faults) -> Running<H> {
        let observed = Observed {
            inner: (self.handler)(&self.services.seen_by(process.clone())),
            process: process.clone(),
            record: Arc::clone(&self.record),
            sockets: self.script.sockets,
        };
        let direct = self.script.fifo.then(|| self.dead.clone().with_faults(process.clone()));
        Processor::with_dead_letters(
            observed,
            self.ledger.clone().with_faults(process.clone()),
            self.main.clone().with_faults(process.clone()),
            direct,
            VirtualWorld::new(self.faults.clock().clone(), 7),
            self.settings(),
            Handle::current(),
        )
    }

    async fn invoke(&self, processor: &Running<H>, process: &Faults, batch: Vec<Record>) {
        let time = self.script.handler_timeout + 2 * RESERVE;
        let origin = Origin { request_id: process.actor().to_string(), ..Origin::default() };
        tokio::select! {
            biased;
            () = process.died() => {}
            answer = timeout(time, processor.process(batch.clone(), origin, Instant::now() + time)) => {
                // A batch without an answer comes back when its visibility timeout has passed.
                if let Ok(Ok(report)) = answer {
                    self.main.clone().with_faults(process.clone()).apply_response(&batch, &report.response);
                }
            }
        }
    }

    fn played(self, fault: Option<(usize, CallFault)>, crash: Crash, before_crash: ServiceCalls) -> Played<H::Effects> {
        let calls = self.faults.calls();
        let fault = match (fault, crash) {
            (Some((index, fault)), _) => {
                let call =
                    calls.get(index).map_or(String::new(), |call| format!(" ({}: {})", call.service, call.action));
                format!("call {index}{call}: {fault:?}")
            }
            (None, Crash::AtAwait(number)) => format!("the process died at await {number} of the handler"),
            (None, Crash::AfterFirstSuccess) => "the process died after the handler's first success".to_owned(),
            (None, Crash::Nowhere) => "nothing went wrong".to_owned(),
        };
        let effects = lock(&self.record.effects);
        let committed = effects.iter().enumerate().flat_map(|(number, (key, effects))| {
            let times = self.ledger.counter(&counter(number));
            (0..times).map(|_| (key.clone(), Arc::clone(effects)))
        });
        let outcome = Outcome {
            fault,
            attempts: lock(&self.record.attempts).clone(),
            committed: committed.collect(),
            dead: self.dead.messages().iter().map(|message| self.dead_message(message)).collect(),
            elapsed: self.last_event().since(ORIGIN),
            service_effects: self.services.service_effects(),
            requests: self.services.requests(),
            story: self.faults.journal().story(),
        };
        let service_calls = self.services.calls();
        let happened = crash != Crash::Nowhere && self.record.has_crashed();
        Played { outcome, calls, happened, service_calls, before_crash }
    }

    fn last_event(&self) -> redrive_core::time::Timestamp {
        self.faults.journal().events().last().map_or(ORIGIN, |event| event.at)
    }

    /// Returns a dead message with the fault that the ledger has for it.
    fn dead_message(&self, message: &ModelMessage) -> DeadMessage {
        let hash = self.reading.fingerprint_of(&message.body);
        let entries = self.ledger.entries();
        let of_message = entries.values().find(|entry| {
            entry.fault.is_some() && entry.enqueues.iter().any(|record| record.enqueue.message_id == message.id)
        });
        // A FIFO queue's dead message was sent under an id of its own.
        let found = of_message.or_else(|| entries.values().find(|entry| entry.fault.is_some() && entry.hash == hash));
        let fault = found.and_then(|entry| entry.fault.clone());
        DeadMessage {
            body: message.body.clone(),
            class: fault.as_ref().map(|fault| fault.class),
            code: fault.map(|fault| fault.code).unwrap_or_default(),
        }
    }
}

/// Processor of one process.
type Running<H> = Processor<(Observed<H>, ModelLedger, ModelQueue, VirtualWorld, ModelQueue)>;
