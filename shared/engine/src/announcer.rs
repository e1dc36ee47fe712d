//! Way of integration events to their bus, beside the flow that they tell of.
//!
//! No flow waits for the bus, but for a moment at its end. What does not go through is counted and logged, and forgotten.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use redrive_core::integration_event::IntegrationEvent;
use redrive_core::ports::{EVENTS_A_CALL, EventBus};
use tokio::sync::{mpsc, oneshot};
use tracing::warn;

/// Limit of events that wait for the bus: some 5 MB.
const WAITING: usize = 10_000;
/// Number of tries that an event has which the bus refuses, the first included.
const TRIES: u32 = 3;
/// First wait before another try; each further one is twice as long.
const PAUSE: Duration = Duration::from_millis(100);
/// Longest time for which a flow waits at its end for what is on its way.
const FLUSH: Duration = Duration::from_secs(1);

/// Numbers of events since they were last taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct EventCounts {
    /// Events that the bus took.
    pub sent: usize,
    /// Events that were given up: refused, without an answer, or too many at once. Some may be on the bus.
    pub lost: usize,
}

#[derive(Debug, Default)]
struct EventCounters {
    sent: AtomicUsize,
    lost: AtomicUsize,
}

enum Work {
    Event(IntegrationEvent),
    /// Mark behind all that came before, and the flow that waits for it.
    Flush(oneshot::Sender<()>),
}

/// Hands events to a bus, ten in a call, in a task of its own.
#[derive(Debug, Clone)]
pub struct Announcer {
    work: mpsc::Sender<Work>,
    counters: Arc<EventCounters>,
}

impl Announcer {
    /// Starts the task. Needs tokio's runtime.
    #[must_use]
    pub fn start<B: EventBus>(bus: B) -> Self {
        let (work, waiting) = mpsc::channel(WAITING);
        let counters = Arc::new(EventCounters::default());
        tokio::spawn(send_all(bus, waiting, Arc::clone(&counters)));
        Self { work, counters }
    }

    /// Hands an event over, without waiting.
    pub(crate) fn tell(&self, event: IntegrationEvent) {
        if self.work.try_send(Work::Event(event)).is_err() {
            self.counters.lost.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// Waits until the bus has answered for every event so far, for a second at the most, and takes the numbers. What is still
    /// on its way then goes with the function's next invocation.
    pub async fn flush(&self) -> EventCounts {
        let (done, all_sent) = oneshot::channel();
        let flushed = async {
            if self.work.send(Work::Flush(done)).await.is_ok() {
                // The task ends with the process alone.
                let _ = all_sent.await;
            }
        };
        if tokio::time::timeout(FLUSH, flushed).await.is_err() {
            warn!("the bus has not answered yet for all events; the next invocation waits for it again");
        }
        let take = |counter: &AtomicUsize| counter.swap(0, Ordering::Relaxed);
        EventCounts { sent: take(&self.counters.sent), lost: take(&self.counters.lost) }
    }
}

async fn send_all<B: EventBus>(bus: B, mut waiting: mpsc::Receiver<Work>, counters: Arc<EventCounters>) {
    let mut taken = Vec::with_capacity(EVENTS_A_CALL);
    while waiting.recv_many(&mut taken, EVENTS_A_CALL).await > 0 {
        let (mut events, mut waiters) = (Vec::with_capacity(taken.len()), Vec::new());
        for work in taken.drain(..) {
            match work {
                Work::Event(event) => events.push(event),
                Work::Flush(done) => waiters.push(done),
            }
        }
        if !events.is_empty() {
            let all = events.len();
            let lost = send(&bus, events).await;
            counters.sent.fetch_add(all - lost, Ordering::Relaxed);
            counters.lost.fetch_add(lost, Ordering::Relaxed);
        }
        for done in waiters {
            // Nobody waits any more: the invocation has ended.
            let _ = done.send(());
        }
    }
}

/// Puts events on the bus, those that it refuses again, and returns the number of those that were given up.
async fn send<B: EventBus>(bus: &B, mut events: Vec<IntegrationEvent>) -> usize {
    let mut pause = PAUSE;
    for last in (1..=TRIES).map(|n| n == TRIES) {
        let why = match bus.put(&events).await {
            Ok(answers) => {
                let mut code = None;
                let refused = events.into_iter().zip(answers).filter_map(|(event, answer)| {
                    code = Some(answer.err()?);
                    Some(event)
                });
                events = refused.collect();
                code
            }
            // The client has tried again by itself.
            Err(error) => {
                warn!(%error, count = events.len(), "no answer from the bus, so these events are perhaps not on it");
                return events.len();
            }
        };
        let Some(code) = why else { return 0 };
        if last {
            warn!(code, count = events.len(), "the bus refused these events, and they were given up");
        } else {
            tokio::time::sleep(pause).await;
            pause *= 2;
        }
    }
    events.len()
}
