mod attempt;
mod claiming;
mod handing_over;
mod lines;
mod outages;
mod report;
mod running;
mod settling;

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use redrive_core::ids::{Enqueue, MessageId, ReceiptHandle};
use redrive_core::message::batch::{Batch, NoMessageId, Response};
use redrive_core::message::decode::{Inspected, Reading};
use redrive_core::message::envelope::Record;
use redrive_core::ports::{Ledger, MainQueue, Outbox, VisibilityChange};
use redrive_core::processing::backoff;
use redrive_core::processing::handler::Dispatch;
use redrive_core::processing::ledger::{LastFault, Origin};
use redrive_core::processing::mask::Masks;
use redrive_core::processing::outcome::{Outage, OutageBrake, Outcome, Rules};
use tokio::runtime::Handle;
use tokio::time::Instant;
use tracing::{debug, info, warn};

use crate::world::{World, roll};
pub use handing_over::Nowhere;
use lines::{KeyLanes, WaitingMessage};
pub use outages::Outages;
pub use report::{Counts, ProcessReport};

/// Only delays of this length can fill a queue with messages in flight.
const LONG_DELAY: Duration = Duration::from_secs(60);

/// What waits for what.
///
/// Rule R25 of docs/protocol.md.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Order {
    /// A standard queue: messages of one key run one after the other, all others as they come.
    #[default]
    Keys,
    /// A FIFO queue: messages of one group run one after the other, and one that is not done holds up the rest.
    Groups,
}

/// How the processor works.
#[derive(Debug, Clone)]
pub struct ProcessSettings {
    /// How messages are read.
    pub reading: Reading,
    /// What waits for what.
    pub order: Order,
    /// The delays between attempts, and so how many there are; and the receives of the queue's redrive policy.
    pub rules: Rules,
    /// The most time that one attempt gets.
    pub handler_timeout: Duration,
    /// What is masked out of error texts.
    pub masks: Masks,
    /// How many handlers run at once.
    pub concurrency: usize,
    /// How long an entry is remembered after its last write.
    pub retention: Duration,
    /// What is kept of an invocation's time for settling after the last handler has ended.
    pub settle_reserve: Duration,
    /// By how much two workers' clocks may differ.
    pub clock_skew: Duration,
    /// What an outage is answered with.
    pub brake: OutageBrake,
}

impl ProcessSettings {
    /// How long a claim holds: its budget, the time to settle, and the skew of clocks. The queue's visibility timeout
    /// must be longer.
    #[must_use]
    pub fn lease(&self) -> Duration {
        self.handler_timeout + self.settle_reserve + self.clock_skew
    }
}

/// Takes batches from the main queue.
#[derive(Debug)]
pub struct Processor<H, L, Q, W, D = Nowhere> {
    parts: Arc<Parts<H, L, Q, W, D>>,
}

#[derive(Debug)]
struct Parts<H, L, Q, W, D> {
    handler: Arc<H>,
    ledger: L,
    queue: Q,
    /// Where the dead go, if the processor itself sends them there.
    direct: Option<D>,
    world: W,
    settings: ProcessSettings,
    handlers: Handle,
    outages: Outages,
}

/// One invocation's frame.
#[derive(Debug, Clone)]
struct Frame {
    origin: Origin,
    /// By then everything must be settled. What is left until the invocation's own deadline is for visibilities.
    deadline: Instant,
}

/// What is needed to answer for a message, whatever becomes of it.
#[derive(Debug, Clone)]
struct Seat {
    message_id: MessageId,
    receipt_handle: ReceiptHandle,
    receive_count: u32,
    enqueue: Enqueue,
}

impl<H, L, Q, W> Processor<H, L, Q, W> {
    /// A processor that leaves the dead to SQS's own redrive policy.
    ///
    /// `handlers` is the runtime that handlers run on: if it is another one than that of [`Self::process`], a handler
    /// that blocks its thread cannot stop the invocation's clock.
    pub fn new(handler: H, ledger: L, queue: Q, world: W, settings: ProcessSettings, handlers: Handle) -> Self {
        Self::with_dead_letters(handler, ledger, queue, None, world, settings, handlers)
    }
}

impl<H, L, Q, W, D> Processor<H, L, Q, W, D> {
    /// The same, and `direct` is where it sends the dead itself (`None`: nowhere).
    pub fn with_dead_letters(
        handler: H,
        ledger: L,
        queue: Q,
        direct: Option<D>,
        world: W,
        settings: ProcessSettings,
        handlers: Handle,
    ) -> Self {
        let (handler, outages) = (Arc::new(handler), Outages::default());
        let parts = Parts { handler, ledger, queue, direct, world, settings, handlers, outages };
        Self { parts: Arc::new(parts) }
    }

    /// The same processor with what its process remembers of outages.
    #[must_use]
    pub fn remembering(self, outages: Outages) -> Self {
        match Arc::try_unwrap(self.parts) {
            Ok(parts) => Self { parts: Arc::new(Parts { outages, ..parts }) },
            // It is shared already, and so works.
            Err(parts) => Self { parts },
        }
    }
}

impl<H, L, Q, W, D> Processor<H, L, Q, W, D>
where
    H: Dispatch,
    L: Ledger<H::Effects>,
    Q: MainQueue,
    W: World,
    D: Outbox,
{
    /// Handles one batch and answers before `deadline`. Each message stands alone; one that was not settled by then
    /// is returned with its visibility untouched.
    ///
    /// # Errors
    /// [`NoMessageId`]: the invocation must fail, so that Lambda deletes nothing.
    pub async fn process(
        &self,
        records: Vec<Record>,
        origin: Origin,
        deadline: Instant,
    ) -> Result<ProcessReport, NoMessageId> {
        let (settings, begun) = (&self.parts.settings, Instant::now());
        let frame = Frame { origin, deadline: deadline - settings.settle_reserve / 2 };
        let batch = Batch::open(records)?;
        let mut counts = Counts::default();
        for (message_id, reason) in &batch.unreadable {
            warn!(%message_id, %reason, "record cannot be read");
        }
        let unreadable: Vec<_> = batch.unreadable.into_iter().map(|(id, _)| id).collect();
        counts.unreadable = unreadable.len();

        let mut seats = HashMap::with_capacity(batch.envelopes.len());
        let mut waiting = Vec::with_capacity(batch.envelopes.len());
        for envelope in batch.envelopes {
            let seat = Seat {
                message_id: envelope.message_id.clone(),
                receipt_handle: envelope.receipt_handle.clone(),
                receive_count: envelope.receive_count,
                enqueue: envelope.enqueue(),
            };
            seats.insert(envelope.message_id.clone(), seat);
            let seen = Inspected::new(envelope, &settings.reading);
            counts.unstable_keys += usize::from(!seen.key_is_stable);
            waiting.push(WaitingMessage::of(seen));
        }
        let lines = KeyLanes::form(waiting, settings.order);
        let ends = self.parts.run(lines, &frame, &mut counts).await;
        Ok(self.answer(seats, ends, unreadable, counts, (begun, deadline)).await)
    }

    /// Sets the visibility of what stays, and names it. A seat without an end is returned like one that was not
    /// settled: nothing is acknowledged but what is known to be done.
    async fn answer(
        &self,
        mut seats: HashMap<MessageId, Seat>,
        ends: Vec<End>,
        unreadable: Vec<MessageId>,
        mut counts: Counts,
        (begun, deadline): (Instant, Instant),
    ) -> ProcessReport {
        let parts = &self.parts;
        let mut returned = unreadable;
        let mut changes = Vec::new();
        let now = parts.world.now();
        let outage = Outage::seen_in(ends.iter().map(|end| &end.outcome), parts.outages.handler_is_out(now));
        let succeeded = ends.iter().any(|end| end.outcome == Outcome::Completed);
        let lasted = parts.outages.ended(outage, succeeded, now);
        let pause = lasted.filter(|_| parts.settings.brake.brakes());
        for end in ends {
            let Some(seat) = seats.remove(&end.message_id) else { continue };
            log(&end, &seat);
            counts.add(&end.outcome);
            let stays = end.outcome.is_past_its_move(seat.receive_count, parts.settings.rules.max_receives);
            counts.past_their_move += usize::from(stays);
            if end.outcome.acknowledged() {
                continue;
            }
            if let Outcome::Dead { fault, .. } = &end.outcome {
                parts.outages.died(seat.enqueue, LastFault::from(fault));
            }
            returned.push(end.message_id);
            if let Some(delay) = end.delay.or_else(|| parts.delay(&end.outcome, seat.receive_count)) {
                let pause = pause.filter(|_| end.outcome.waits_out());
                let delay = pause.map_or(delay, |lasted| delay.max(backoff::outage(lasted, roll(&parts.world))));
                let delay = backoff::within(delay, begun.elapsed());
                changes.push(VisibilityChange {
                    message_id: seat.message_id,
                    receipt_handle: seat.receipt_handle,
                    delay,
                });
            }
        }
        counts.unsettled += seats.len();
        returned.extend(seats.into_keys());
        counts.received = returned.len() + counts.completed + counts.duplicates + counts.handed_over;
        let hiding = tokio::time::timeout_at(deadline, parts.change_visibility(changes, &mut counts));
        if hiding.await.is_err() {
            warn!("visibilities were not set in time");
        }
        ProcessReport { response: Response::returning(returned), counts, outage }
    }
}

/// A message's end.
#[derive(Debug)]
struct End {
    message_id: MessageId,
    key_hash: String,
    outcome: Outcome,
    /// The visibility, where it is somebody else's too.
    delay: Option<Duration>,
}

impl<H, L, Q, W, D> Parts<H, L, Q, W, D>
where
    H: Dispatch,
    L: Ledger<H::Effects>,
    Q: MainQueue,
    W: World,
    D: Outbox,
{
    fn delay(&self, outcome: &Outcome, receive_count: u32) -> Option<Duration> {
        let out = self.outages.ledger_out_for();
        outcome.visibility(&self.settings.rules, receive_count, out, self.world.now(), roll(&self.world))
    }

    /// Sets visibilities. A message whose own could not be set comes back when its visibility timeout ends.
    async fn change_visibility(&self, mut changes: Vec<VisibilityChange>, counts: &mut Counts) {
        if changes.is_empty() {
            return;
        }
        // Until the queue has said otherwise.
        counts.visibility_failures = changes.len();
        if changes.iter().any(|change| change.delay >= LONG_DELAY) {
            let in_flight = self.queue.in_flight().await.unwrap_or_default();
            counts.crowded = usize::from(backoff::is_crowded(in_flight));
            for change in &mut changes {
                change.delay = backoff::crowded(change.delay, in_flight);
            }
        }
        let failed = self.queue.change_visibility(changes).await;
        for (message_id, code) in &failed {
            warn!(%message_id, code, "visibility was not set");
        }
        counts.visibility_failures = failed.len();
    }
}

/// One line a decision: success at debug, or logs cost more than the queue.
fn log(end: &End, seat: &Seat) {
    let (message_id, key, outcome) = (&end.message_id, &end.key_hash, end.outcome.word());
    let receive = seat.receive_count;
    match &end.outcome {
        Outcome::Completed | Outcome::Duplicate => debug!(%message_id, key, receive, outcome, "message done"),
        Outcome::Dead { now: false, .. } => debug!(%message_id, key, receive, outcome, "message waits for its move"),
        Outcome::HandedOver { now: false, as_id, .. } => {
            debug!(%message_id, key, receive, outcome, %as_id, "message handed over again");
        }
        Outcome::Retry { fault, attempt }
        | Outcome::Dead { fault, attempt, .. }
        | Outcome::HandedOver { fault, attempt, .. } => {
            let (class, code, error) = (fault.class.as_str(), &*fault.code, fault.text.as_str());
            info!(%message_id, key, receive, outcome, attempt, class, code, error, "message failed");
        }
        Outcome::LedgerOut | Outcome::Unsettled => warn!(%message_id, key, receive, outcome, "message returned"),
        _ => info!(%message_id, key, receive, outcome, "message returned"),
    }
}
