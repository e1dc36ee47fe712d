use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::time::Duration;

use redrive_core::ids::{Enqueue, MessageId, ReceiptHandle};
use redrive_core::message::batch::{Batch, NoMessageId, Response};
use redrive_core::message::broker_record::BrokerRecord;
use redrive_core::message::decode::Inspected;
use redrive_core::message::envelope::Record;
use redrive_core::message::trace_context::TraceContext;
use redrive_core::ports::{Clock, DelayBy, Ledger, MainQueue, Outbox};
use redrive_core::processing::backoff;
use redrive_core::processing::handler::Dispatch;
use redrive_core::processing::ledger::{LastFault, Origin};
use redrive_core::processing::outcome::{Outage, Outcome};
use tokio::runtime::Handle;
use tokio::time::Instant;
use tracing::{debug, info, warn};

use super::delaying::{Delayed, delay};
use super::lines::{KeyLanes, WaitingMessage};
use super::outages::Outages;
use super::pace::HandlerPace;
use super::parts::{End, Frame, Parts};
use super::ports::{Nowhere, ProcessPorts};
use super::report::{Counts, ProcessReport};
use super::running::run;
use super::settings::ProcessSettings;
use crate::world::{World, roll};

/// Takes batches from the main queue.
pub struct Processor<P: ProcessPorts> {
    parts: Arc<Parts<P>>,
}

/// Everything that is needed to answer for a message, whatever becomes of it.
#[derive(Debug, Clone)]
struct Seat {
    message_id: MessageId,
    receipt_handle: ReceiptHandle,
    receive_count: u32,
    enqueue: Enqueue,
    record: Option<Arc<BrokerRecord>>,
    /// Trace of the original, of a replay.
    link: Option<TraceContext>,
}

impl Seat {
    fn of(inspected: &Inspected) -> Self {
        let envelope = &inspected.envelope;
        Self {
            message_id: envelope.message_id.clone(),
            receipt_handle: envelope.receipt_handle.clone(),
            receive_count: envelope.receive_count,
            enqueue: envelope.enqueue(),
            record: envelope.broker.clone(),
            link: inspected.message_trace().original,
        }
    }

    fn delayed(self, delay: Duration) -> Delayed {
        let Self { message_id, receipt_handle, record, .. } = self;
        Delayed { message_id, receipt_handle, record, delay }
    }
}

impl<H, L, Q, W> Processor<(H, L, Q, W, Nowhere)>
where
    H: Dispatch,
    L: Ledger<H::Effects>,
    Q: MainQueue,
    W: World,
{
    /// A processor that leaves the dead to SQS's own redrive policy.
    ///
    /// `handlers` is the runtime that handlers run on: if it is another one than that of [`Self::process`], a handler
    /// that blocks its thread cannot stop the invocation's clock.
    pub fn new(handler: H, ledger: L, queue: Q, world: W, settings: ProcessSettings, handlers: Handle) -> Self {
        Self::with_dead_letters(handler, ledger, queue, None, world, settings, handlers)
    }
}

impl<H, L, Q, W, D> Processor<(H, L, Q, W, D)>
where
    H: Dispatch,
    L: Ledger<H::Effects>,
    Q: MainQueue,
    W: World,
    D: Outbox,
{
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
        let (handler, outages, pace) = (Arc::new(handler), Outages::default(), HandlerPace::default());
        let parts = Parts { handler, ledger, queue, direct, world, settings, handlers, outages, pace };
        Self { parts: Arc::new(parts) }
    }
}

impl<P: ProcessPorts> Processor<P> {
    /// Processor with the outages that its process remembers.
    #[must_use]
    pub fn remembering(self, outages: Outages) -> Self {
        match Arc::try_unwrap(self.parts) {
            Ok(parts) => Self { parts: Arc::new(Parts { outages, ..parts }) },
            // It is shared already, and so works.
            Err(parts) => Self { parts },
        }
    }

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
        Ok(self.process_batch(Batch::open(records)?, origin, deadline).await)
    }

    /// The same with a batch that is open already: of a source whose records are known by their places.
    pub async fn process_batch(&self, batch: Batch, origin: Origin, deadline: Instant) -> ProcessReport {
        let (settings, begun) = (&self.parts.settings, Instant::now());
        let frame = Frame { origin, deadline: deadline - settings.settle_reserve / 2 };
        let mut counts = Counts::default();
        for (message_id, reason) in &batch.unreadable {
            warn!(%message_id, %reason, "record cannot be read");
        }
        let unreadable: Vec<_> = batch.unreadable.into_iter().map(|(id, _)| id).collect();
        counts.unreadable = unreadable.len();

        let mut seats = HashMap::with_capacity(batch.envelopes.len());
        let mut waiting = Vec::with_capacity(batch.envelopes.len());
        for envelope in batch.envelopes {
            let inspected = Inspected::new(envelope, &settings.reading);
            let seat = Seat::of(&inspected);
            seats.insert(seat.message_id.clone(), seat);
            counts.unstable_keys += usize::from(!inspected.key_is_stable);
            waiting.push(WaitingMessage::of(inspected));
        }
        let lines = KeyLanes::form(waiting, settings.order);
        let ends = run(&self.parts, lines, &frame, &mut counts).await;
        self.answer(seats, ends, unreadable, counts, (begun, deadline)).await
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
        let mut delays = Vec::new();
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
                parts.outages.died(seat.enqueue.clone(), LastFault::from(fault));
            }
            returned.push(end.message_id);
            if let Some(delay) = end.delay.or_else(|| parts.delay(&end.outcome, seat.receive_count)) {
                let pause = pause.filter(|_| end.outcome.waits_out());
                let delay = pause.map_or(delay, |lasted| delay.max(backoff::outage(lasted, roll(&parts.world))));
                delays.push(seat.delayed(backoff::within(delay, begun.elapsed())));
            } else if P::Queue::DELAY == DelayBy::Copy {
                // What is not known to be settled is looked at again once its claim has ended.
                delays.push(seat.delayed(parts.settings.lease()));
            }
        }
        counts.unsettled += seats.len();
        if P::Queue::DELAY == DelayBy::Copy {
            delays.extend(seats.values().map(|seat| seat.clone().delayed(parts.settings.lease())));
        }
        returned.extend(seats.into_keys());
        counts.received = returned.len() + counts.completed + counts.duplicates + counts.handed_over;
        let away = tokio::time::timeout_at(deadline, delay(parts, delays, &mut counts)).await.unwrap_or_else(|_| {
            warn!("delays were not set in time");
            HashSet::new()
        });
        returned.retain(|id| !away.contains(id));
        ProcessReport { response: Response::returning(returned), counts, outage }
    }
}

/// Logs a line for a decision: success at debug, or logs cost more than the queue. The line of a replay names the trace of the original.
fn log(end: &End, seat: &Seat) {
    let (message_id, key, outcome) = (&end.message_id, &end.key_hash, end.outcome.word());
    let receive = seat.receive_count;
    let linked = |text: fn(&TraceContext) -> String| seat.link.as_ref().map(text);
    let (link, link_span) = (linked(TraceContext::trace_id_text), linked(TraceContext::span_id_text));
    let (link, span) = (link.as_deref(), link_span.as_deref());
    match &end.outcome {
        Outcome::Completed | Outcome::Duplicate => {
            debug!(%message_id, key, receive, outcome, link.trace_id = link, link.span_id = span, "message done");
        }
        Outcome::Dead { now: false, .. } => {
            debug!(%message_id, key, receive, outcome, link.trace_id = link, link.span_id = span, "message waits for its move");
        }
        Outcome::HandedOver { now: false, as_id, .. } => {
            debug!(
                %message_id, key, receive, outcome, %as_id, link.trace_id = link, link.span_id = span,
                "message handed over again"
            );
        }
        Outcome::Retry { fault, attempt }
        | Outcome::Dead { fault, attempt, .. }
        | Outcome::HandedOver { fault, attempt, .. } => {
            let (class, code, error) = (fault.class.as_str(), &*fault.code, fault.text.as_str());
            info!(
                %message_id, key, receive, outcome, attempt, class, code, error, link.trace_id = link, link.span_id = span,
                "message failed"
            );
        }
        Outcome::LedgerOut | Outcome::Unsettled => {
            warn!(%message_id, key, receive, outcome, link.trace_id = link, link.span_id = span, "message returned");
        }
        _ => info!(%message_id, key, receive, outcome, link.trace_id = link, link.span_id = span, "message returned"),
    }
}
