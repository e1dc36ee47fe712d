use std::sync::Arc;
use std::thread;
use std::time::Duration;

use redrive_core::fixture::Fixture;
use redrive_core::message::envelope::{Attribute, Attributes};
use redrive_core::message::key::Pointer;
use redrive_core::message::wrapping::Wrapping;
use redrive_core::processing::backoff::Schedule;
use redrive_core::processing::handler::Dispatch;
use redrive_testkit::CallFault;

use super::observed::Crash;
use super::outcome::{Outcome, RunTwice};
use super::play::{Played, play};
use super::test_world::TestWorld;

/// Awaits at which a process may die, at most: a handler that polls for ever would never come to an end.
const MOST_AWAITS: usize = 1_000;

/// Script of a queue, and the handler of its messages. Everything that is not said is as in the template: retries after
/// 1 s, 5 s, 30 s, 2 min and 10 min, 20 s for an attempt, and a dead-letter queue after eleven receives.
pub struct Scenario<H: Dispatch> {
    pub(super) handler: Build<H>,
    pub(super) queue: QueueScript,
    pub(super) sends: Vec<ScriptedMessage>,
}

/// Constructor of a handler, called for each process.
pub(super) type Build<H> = Arc<dyn Fn(&TestWorld) -> H + Send + Sync>;

/// Configuration of the queue and of its processor.
#[derive(Debug, Clone)]
pub(super) struct QueueScript {
    pub(super) pointer: Option<Pointer>,
    pub(super) wrapping: Wrapping,
    pub(super) types: Option<(String, Vec<String>)>,
    pub(super) schedule: Schedule,
    pub(super) handler_timeout: Duration,
    pub(super) max_receives: u32,
    pub(super) fifo: bool,
    pub(super) sockets: bool,
}

/// Message that a producer sends.
#[derive(Debug, Clone)]
pub(super) struct ScriptedMessage {
    pub(super) body: String,
    pub(super) attributes: Attributes,
    pub(super) group: Option<String>,
}

impl<H: Dispatch> Scenario<H> {
    /// Makes a scenario without messages. `handler` is called for each process: at the start, and after each crash.
    ///
    /// # Panics
    /// Never, as the schedule of the template is a valid one.
    #[expect(clippy::expect_used, reason = "the word is a known one")]
    pub fn of(handler: impl Fn(&TestWorld) -> H + Send + Sync + 'static) -> Self {
        let queue = QueueScript {
            pointer: None,
            wrapping: Wrapping::None,
            types: None,
            schedule: Schedule::parse("steps").expect("a schedule"),
            handler_timeout: Duration::from_secs(20),
            max_receives: 11,
            fifo: false,
            sockets: false,
        };
        Self { handler: Arc::new(handler), queue, sends: Vec::new() }
    }

    /// Sets the place of the key in a body (`IdempotencyKeyPointer`), such as `/order_id`. Unsaid, the key is the attribute
    /// `idempotency-key` or the message id.
    ///
    /// # Panics
    /// If it is no JSON pointer.
    #[must_use]
    #[expect(clippy::expect_used, reason = "a test with a wrong pointer cannot go on")]
    pub fn key_at(mut self, pointer: &str) -> Self {
        self.queue.pointer = Some(Pointer::parse(pointer).expect("a JSON pointer"));
        self
    }

    /// Sets the types of the queue's messages, and the place of a message's own (`MessageTypeAt`), such as `attribute:type`.
    #[must_use]
    pub fn types(mut self, at: &str, names: &[&str]) -> Self {
        self.queue.types = Some((at.to_owned(), names.iter().map(|name| (*name).to_owned()).collect()));
        self
    }

    /// Sets the envelope in which bodies are wrapped (`BodyWrapping`).
    #[must_use]
    pub fn wrapped(mut self, wrapping: Wrapping) -> Self {
        self.queue.wrapping = wrapping;
        self
    }

    /// Sets the delays between attempts (`RetrySchedule`), such as `1s,5s`.
    ///
    /// # Panics
    /// If it is no schedule.
    #[must_use]
    #[expect(clippy::expect_used, reason = "a test with a wrong schedule cannot go on")]
    pub fn retries(mut self, schedule: &str) -> Self {
        self.queue.schedule = Schedule::parse(schedule).expect("a schedule");
        self
    }

    /// Sets the most time that an attempt gets (`HandlerTimeoutSeconds`).
    #[must_use]
    pub fn handler_timeout(mut self, timeout: Duration) -> Self {
        self.queue.handler_timeout = timeout;
        self
    }

    /// Makes the queue a FIFO queue (`QueueType=fifo`): groups in order, and the dead handed over by the processor.
    #[must_use]
    pub fn fifo(mut self) -> Self {
        self.queue.fifo = true;
        self
    }

    /// Lets time run at its real speed while a handler runs, for handlers that ask a server on loopback. Between the attempts
    /// time is virtual all the same.
    #[must_use]
    pub fn with_sockets(mut self) -> Self {
        self.queue.sockets = true;
        self
    }

    /// Sends a message. The same body again is a duplicate.
    #[must_use]
    pub fn send(self, body: impl Into<String>) -> Self {
        self.sending(body.into(), &[], None)
    }

    /// Sends a message with attributes of data type `String`.
    #[must_use]
    pub fn send_with(self, body: impl Into<String>, attributes: &[(&str, &str)]) -> Self {
        self.sending(body.into(), attributes, None)
    }

    /// Sends a message of a group to a FIFO queue.
    #[must_use]
    pub fn send_to(self, group: &str, body: impl Into<String>) -> Self {
        self.sending(body.into(), &[], Some(group.to_owned()))
    }

    /// Sends the message of a fixture, as `redrive fixture ID` writes it: yesterday's incident.
    #[must_use]
    pub fn send_fixture(mut self, fixture: &Fixture) -> Self {
        let (body, attributes) = (fixture.body().to_owned(), fixture.attributes.clone());
        self.sends.push(ScriptedMessage { body, attributes, group: fixture.group.clone() });
        self
    }

    fn sending(mut self, body: String, attributes: &[(&str, &str)], group: Option<String>) -> Self {
        let text = |(name, value): &(&str, &str)| ((*name).to_owned(), Attribute::text(*value));
        self.sends.push(ScriptedMessage { body, attributes: attributes.iter().map(text).collect(), group });
        self
    }
}

impl<H: Dispatch> Scenario<H> {
    /// Runs the scenario without any fault.
    ///
    /// # Panics
    /// If the configuration cannot be meant, or a message never leaves the queue.
    #[must_use]
    pub fn run(&self) -> Outcome<H::Effects> {
        self.played(None, Crash::Nowhere).outcome
    }

    /// Runs the scenario once for each thing that can go wrong, and once without any fault. Every call to the ledger, the
    /// queue and each [service](TestWorld::service) is refused, loses its answer, arrives twice, or is the last one of its
    /// process. The handler's process dies at each await.
    ///
    /// # Panics
    /// As [`run`](Self::run) does.
    #[must_use]
    pub fn under_every_fault(&self) -> Vec<Outcome<H::Effects>> {
        let calm = self.played(None, Crash::Nowhere);
        let mut outcomes = vec![calm.outcome];
        for (index, call) in calm.calls.into_iter().enumerate() {
            let faults: &[CallFault] = if call.looks { &LOOKING } else { &CHANGING };
            outcomes.extend(faults.iter().map(|fault| self.played(Some((index, *fault)), Crash::Nowhere).outcome));
        }
        for number in 0..MOST_AWAITS {
            let crashed = self.played(None, Crash::AtAwait(number));
            if !crashed.happened {
                break;
            }
            outcomes.push(crashed.outcome);
        }
        outcomes
    }

    /// Runs the handler of a scenario's one message twice: the process dies after the first success, before anything of it is
    /// written. Returns the calls to services of both attempts.
    ///
    /// # Panics
    /// As [`run`](Self::run) does.
    #[must_use]
    pub fn run_twice(&self) -> RunTwice {
        let Played { before_crash, service_calls, .. } = self.played(None, Crash::AfterFirstSuccess);
        let number = |service| before_crash.get(service).map_or(0, Vec::len);
        let second = service_calls.into_iter().flat_map(|(service, calls)| calls.into_iter().skip(number(service)));
        RunTwice { second: second.collect(), first: before_crash.into_values().flatten().collect() }
    }

    /// Plays the script on a thread of its own: the caller's may have a runtime.
    #[expect(clippy::expect_used, reason = "a test whose run panicked cannot go on")]
    fn played(&self, fault: Option<(usize, CallFault)>, crash: Crash) -> Played<H::Effects> {
        let (handler, queue, sends) = (Arc::clone(&self.handler), self.queue.clone(), self.sends.clone());
        let run = thread::spawn(move || play(&handler, &queue, &sends, fault, crash));
        run.join().expect("the run does not panic")
    }
}

/// Faults of a call that changes something.
const CHANGING: [CallFault; 5] =
    [CallFault::Refused, CallFault::LostAnswer, CallFault::Twice, CallFault::CrashBefore, CallFault::CrashAfter];
/// Faults of a call that only reads: the others make no difference.
const LOOKING: [CallFault; 2] = [CallFault::Refused, CallFault::CrashBefore];
