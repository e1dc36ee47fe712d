//! A handler that is watched: its attempts and its effects are written down, and its process dies where the run says.

use std::future::{Future, pending, poll_fn};
use std::pin::pin;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::task::Poll;
use std::thread;
use std::time::Duration;

use redrive_core::fault::Fault;
use redrive_core::processing::handler::{Context, Dispatch};
use redrive_testkit::Faults;
use redrive_testkit::journal::What;
use redrive_testkit::store::{Countable, Effects};

use super::test_world::lock;

/// Place at which the first process dies that gets there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Crash {
    /// No process dies in a handler.
    Nowhere,
    /// The await of this number at which a handler waits, counted over all attempts from 0.
    AtAwait(usize),
    /// Right after a handler has succeeded for the first time, before anything of it is written.
    AfterFirstSuccess,
}

/// Attempts of a run, and their effects.
#[derive(Debug)]
pub(super) struct AttemptLog<E> {
    /// Key and number of each attempt, in the order of their starts.
    pub(super) attempts: Mutex<Vec<(String, u32)>>,
    /// Key and effects of each attempt that succeeded: committed if the ledger's counter of its number says so.
    pub(super) effects: Mutex<Vec<(String, Arc<E>)>>,
    crash: Mutex<Crash>,
    awaits: AtomicUsize,
}

impl<E> AttemptLog<E> {
    pub(super) fn new(crash: Crash) -> Self {
        Self {
            attempts: Mutex::default(),
            effects: Mutex::default(),
            crash: Mutex::new(crash),
            awaits: AtomicUsize::new(0),
        }
    }

    /// Returns true if the crash that was planned has happened.
    pub(super) fn has_crashed(&self) -> bool {
        *lock(&self.crash) == Crash::Nowhere
    }

    fn crashes(&self, at: Crash) -> bool {
        let mut planned = lock(&self.crash);
        let here = *planned == at;
        if here {
            *planned = Crash::Nowhere;
        }
        here
    }
}

/// Name of the ledger's counter that shows how often the effects of one success were committed.
pub(super) fn counter(number: usize) -> String {
    format!("success {number}")
}

/// Handler of one process.
pub(super) struct Observed<H: Dispatch> {
    pub(super) inner: H,
    pub(super) process: Faults,
    pub(super) record: Arc<AttemptLog<H::Effects>>,
    /// True if answers of real sockets take real time.
    pub(super) sockets: bool,
}

/// Effects of one success, which the model ledger counts.
pub(super) struct NumberedEffects(usize);

impl Countable for NumberedEffects {
    fn counted(&self) -> Effects {
        Effects::one(counter(self.0))
    }
}

impl<H: Dispatch> Dispatch for Observed<H> {
    type Payload = H::Payload;
    type Effects = NumberedEffects;

    fn decode(&self, message_type: Option<&str>, content: &str) -> Result<H::Payload, Fault> {
        self.inner.decode(message_type, content)
    }

    async fn dispatch(&self, payload: &H::Payload, context: &Context) -> Result<NumberedEffects, Fault> {
        let key = context.key.as_str().to_owned();
        lock(&self.record.attempts).push((key.clone(), context.attempt));
        let (started, enqueue) = (context.key.clone(), context.enqueue.clone());
        self.process.record(What::Started { key: started, enqueue, attempt: context.attempt });
        let run = self.until_crash(self.inner.dispatch(payload, context));
        let result = if self.sockets { at_real_speed(run, &self.process).await } else { run.await };
        let how = result.as_ref().map_or_else(|fault| fault.class.as_str(), |_| "success");
        self.process.record(What::Ended { key: context.key.clone(), enqueue: context.enqueue.clone(), how });
        let effects = result?;
        let number = {
            let mut all = lock(&self.record.effects);
            all.push((key, Arc::new(effects)));
            all.len() - 1
        };
        if self.record.crashes(Crash::AfterFirstSuccess) {
            self.process.kill();
            return pending().await;
        }
        Ok(NumberedEffects(number))
    }

    fn redact(&self, payload: &H::Payload, text: &str) -> String {
        self.inner.redact(payload, text)
    }

    fn types(&self) -> Option<Vec<&str>> {
        self.inner.types()
    }
}

impl<H: Dispatch> Observed<H> {
    /// Runs a handler until it is done, or its process dies: at the await that is planned, or by a call of it.
    async fn until_crash<T>(&self, run: impl Future<Output = T>) -> T {
        let mut run = pin!(run);
        poll_fn(|task| {
            if self.process.is_dead() {
                return Poll::Pending;
            }
            let polled = run.as_mut().poll(task);
            if polled.is_pending() && !self.process.is_dead() {
                let number = self.record.awaits.fetch_add(1, Ordering::SeqCst);
                if self.record.crashes(Crash::AtAwait(number)) {
                    self.process.kill();
                }
            }
            polled
        })
        .await
    }
}

/// Lets virtual time run as fast as real time for as long as `run` takes, so that no timer ends before a socket's answer.
async fn at_real_speed<T>(run: impl Future<Output = T>, process: &Faults) -> T {
    const STEP: Duration = Duration::from_millis(1);
    let ticking = async {
        loop {
            // Virtual time stands still while a thread works for this runtime.
            let _ = tokio::task::spawn_blocking(|| thread::sleep(STEP)).await;
            tokio::time::advance(STEP).await;
        }
    };
    tokio::select! {
        biased;
        done = run => done,
        () = process.died() => pending().await,
        () = ticking => pending().await,
    }
}
