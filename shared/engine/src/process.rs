mod attempt;
mod claiming;
mod lines;
mod report;
mod settling;

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use redrive_core::backoff;
use redrive_core::batch::{Batch, NoMessageId, Response};
use redrive_core::decode::{Inspected, Malformed, Message, Reading};
use redrive_core::envelope::Record;
use redrive_core::handler::Handler;
use redrive_core::ids::{MessageId, ReceiptHandle};
use redrive_core::ledger::Origin;
use redrive_core::outcome::{Outage, Outcome, Rules};
use redrive_core::ports::{Hide, Ledger, MainQueue};
use tokio::runtime::Handle;
use tokio::time::Instant;
use tracing::{Instrument, debug, info, warn};

use crate::{World, roll};
use lines::{Line, Lines};
pub use report::{Counts, ProcessReport};

/// Only delays of this length can fill a queue with messages in flight.
const LONG_DELAY: Duration = Duration::from_secs(60);

/// How the processor works.
#[derive(Debug, Clone)]
pub struct ProcessSettings {
    /// How messages are read.
    pub reading: Reading,
    /// The delays between attempts, and so how many there are; and the receives of the queue's redrive policy.
    pub rules: Rules,
    /// The most time that one attempt gets.
    pub handler_timeout: Duration,
    /// How many handlers run at once.
    pub concurrency: usize,
    /// How long an entry is remembered after its last write.
    pub retention: Duration,
    /// What is kept of an invocation's time for settling after the last handler has ended.
    pub settle_reserve: Duration,
    /// By how much two workers' clocks may differ.
    pub clock_skew: Duration,
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
pub struct Processor<H, L, Q, W> {
    parts: Arc<Parts<H, L, Q, W>>,
}

#[derive(Debug)]
struct Parts<H, L, Q, W> {
    handler: Arc<H>,
    ledger: L,
    queue: Q,
    world: W,
    settings: ProcessSettings,
    handlers: Handle,
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
}

impl<H, L, Q, W> Processor<H, L, Q, W>
where
    H: Handler,
    L: Ledger<H::Effects>,
    Q: MainQueue,
    W: World,
{
    /// `handlers` is the runtime that handlers run on: if it is another one than that of [`Self::process`], a handler
    /// that blocks its thread cannot stop the invocation's clock.
    pub fn new(handler: H, ledger: L, queue: Q, world: W, settings: ProcessSettings, handlers: Handle) -> Self {
        let parts = Parts { handler: Arc::new(handler), ledger, queue, world, settings, handlers };
        Self { parts: Arc::new(parts) }
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
        let frame = Frame { origin, deadline: deadline - self.parts.settings.settle_reserve / 2 };
        let batch = Batch::open(records)?;
        let mut report = Counts::default();
        for (message_id, reason) in &batch.unreadable {
            warn!(%message_id, %reason, "record cannot be read");
        }
        let unreadable: Vec<_> = batch.unreadable.into_iter().map(|(id, _)| id).collect();
        report.unreadable = unreadable.len();

        let mut seats = HashMap::with_capacity(batch.envelopes.len());
        let mut messages = Vec::with_capacity(batch.envelopes.len());
        let mut malformed = Vec::new();
        for envelope in batch.envelopes {
            let seat = Seat {
                message_id: envelope.message_id.clone(),
                receipt_handle: envelope.receipt_handle.clone(),
                receive_count: envelope.receive_count,
            };
            seats.insert(envelope.message_id.clone(), seat);
            let inspected = Inspected::new(envelope, &self.parts.settings.reading);
            report.unstable_keys += usize::from(!inspected.key_is_stable);
            match inspected.decode::<H::Message>(&self.parts.settings.reading) {
                Ok(message) => messages.push(message),
                Err(bad) => malformed.push(*bad),
            }
        }
        let (buried, run) = tokio::join!(
            self.parts.bury_malformed(malformed, &frame),
            self.parts.run(Lines::by_key(messages), &frame, &mut report)
        );
        let ends = buried.into_iter().chain(run).collect();
        Ok(self.answer(seats, ends, unreadable, report, deadline).await)
    }

    /// Sets the visibility of what stays, and names it. A seat without an end is returned like one that was not
    /// settled: nothing is acknowledged but what is known to be done.
    async fn answer(
        &self,
        mut seats: HashMap<MessageId, Seat>,
        ends: Vec<End>,
        unreadable: Vec<MessageId>,
        mut counts: Counts,
        deadline: Instant,
    ) -> ProcessReport {
        let parts = &self.parts;
        let mut returned = unreadable;
        let mut changes = Vec::new();
        let outage = Outage::seen_in(ends.iter().map(|end| &end.outcome));
        for end in ends {
            let Some(seat) = seats.remove(&end.message_id) else { continue };
            log(&end, &seat);
            counts.add(&end.outcome);
            let stays = end.outcome.is_past_its_move(seat.receive_count, parts.settings.rules.max_receives);
            counts.past_their_move += usize::from(stays);
            if end.outcome.acknowledged() {
                continue;
            }
            returned.push(end.message_id);
            if let Some(delay) = end.delay.or_else(|| parts.delay(&end.outcome, seat.receive_count)) {
                changes.push(Hide { message_id: seat.message_id, receipt_handle: seat.receipt_handle, delay });
            }
        }
        counts.unsettled += seats.len();
        returned.extend(seats.into_keys());
        counts.received = returned.len() + counts.completed + counts.duplicates;
        let hiding = tokio::time::timeout_at(deadline, parts.hide(changes, &mut counts));
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

impl End {
    fn of<M>(message: &Message<M>, outcome: Outcome) -> Self {
        let message_id = message.inspected.envelope.message_id.clone();
        Self { message_id, key_hash: message.entry.log_hash(), outcome, delay: None }
    }

    fn of_malformed(malformed: &Malformed, outcome: Outcome) -> Self {
        let message_id = malformed.inspected.envelope.message_id.clone();
        Self { message_id, key_hash: String::new(), outcome, delay: None }
    }
}

impl<H, L, Q, W> Parts<H, L, Q, W>
where
    H: Handler,
    L: Ledger<H::Effects>,
    Q: MainQueue,
    W: World,
{
    fn delay(&self, outcome: &Outcome, receive_count: u32) -> Option<Duration> {
        outcome.visibility(&self.settings.rules, receive_count, self.world.now(), roll(&self.world))
    }

    /// Sets visibilities. A message whose own could not be set comes back when its visibility timeout ends.
    async fn hide(&self, mut changes: Vec<Hide>, counts: &mut Counts) {
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
        let failed = self.queue.hide(changes).await;
        for (message_id, code) in &failed {
            warn!(%message_id, code, "visibility was not set");
        }
        counts.visibility_failures = failed.len();
    }

    /// Runs the lines: claims as many heads as there are free slots, together; each line's followers wait for its
    /// head without holding a slot.
    async fn run(self: &Arc<Self>, mut lines: Lines<H::Message>, frame: &Frame, counts: &mut Counts) -> Vec<End> {
        let mut ends = Vec::new();
        let mut running = tokio::task::JoinSet::new();
        loop {
            let free = self.settings.concurrency.saturating_sub(running.len());
            let starters = lines.take(free);
            if !starters.is_empty() {
                if self.budget(frame).is_none() {
                    ends.extend(starters.into_iter().flat_map(Line::not_started));
                    continue;
                }
                // A budget is reckoned like the lease: from before the claim was sent.
                let claimed_at = Instant::now();
                let Ok(claims) = tokio::time::timeout_at(frame.deadline, self.claim_all(starters, frame)).await else {
                    warn!("the deadline came before the ledger answered every claim");
                    continue;
                };
                for (line, claim) in claims.won {
                    let (parts, frame) = (Arc::clone(self), frame.clone());
                    let attempt = async move { parts.attempt(line, claim, claimed_at, &frame).await };
                    running.spawn(attempt.in_current_span());
                }
                for (line, outcome) in self.bury(claims.reused, frame).await.into_iter().chain(claims.ended) {
                    self.close(line, outcome, false, &mut lines, &mut ends, frame).await;
                }
                continue;
            }
            match tokio::time::timeout_at(frame.deadline, running.join_next()).await {
                Ok(None) => break,
                Ok(Some(Ok(finished))) => {
                    counts.handler_time += finished.took;
                    counts.attempts += usize::from(finished.outcome != Outcome::NotStarted);
                    self.close(finished.line, finished.outcome, true, &mut lines, &mut ends, frame).await;
                }
                // The message of a lost task has no end, and so is returned as unsettled.
                Ok(Some(Err(_))) => warn!("a message's task was lost"),
                Err(_) => {
                    warn!(running = running.len(), "the deadline came before every message was settled");
                    running.abort_all();
                    break;
                }
            }
        }
        ends
    }

    /// Ends a line's head and decides what its followers may do.
    async fn close(
        &self,
        line: Line<H::Message>,
        outcome: Outcome,
        ran: bool,
        lines: &mut Lines<H::Message>,
        ends: &mut Vec<End>,
        frame: &Frame,
    ) {
        let (head, followers) = line.split();
        let delay = self.delay(&outcome, head.inspected.envelope.receive_count);
        if !followers.is_empty() {
            match lines::after(&outcome, ran, delay) {
                lines::After::Promote => lines.put_back(followers),
                lines::After::Follow(outcome) => {
                    ends.extend(followers.iter().map(|message| End::of(message, outcome.clone())));
                }
                lines::After::Compare => {
                    let (same, reused): (Vec<_>, Vec<_>) =
                        followers.into_iter().partition(|message| message.inspected.hash == head.inspected.hash);
                    ends.extend(same.iter().map(|message| End::of(message, Outcome::Duplicate)));
                    let reused = reused.into_iter().map(|message| (Line::alone(message), claiming::key_reused()));
                    let buried = self.bury(reused.collect(), frame).await;
                    ends.extend(buried.into_iter().map(|(line, outcome)| End::of(line.head(), outcome)));
                }
            }
        }
        ends.push(End { delay, ..End::of(&head, outcome) });
    }

    /// The time that an attempt which starts now may take; `None` if it should not start.
    fn budget(&self, frame: &Frame) -> Option<Duration> {
        let left =
            frame.deadline.saturating_duration_since(Instant::now()).saturating_sub(self.settings.settle_reserve);
        // With less than half of its time it would rather fail than finish: such an attempt is not worth its count.
        let least = self.settings.handler_timeout / 2;
        (left >= least).then(|| left.min(self.settings.handler_timeout))
    }
}

/// One line a decision: success at debug, or logs cost more than the queue.
fn log(end: &End, seat: &Seat) {
    let (message_id, key, outcome) = (&end.message_id, &end.key_hash, end.outcome.word());
    let receive = seat.receive_count;
    match &end.outcome {
        Outcome::Completed | Outcome::Duplicate => debug!(%message_id, key, receive, outcome, "message done"),
        Outcome::Dead { now: false, .. } => debug!(%message_id, key, receive, outcome, "message waits for its move"),
        Outcome::Retry { fault, attempt } | Outcome::Dead { fault, attempt, .. } => {
            let (class, code, error) = (fault.class.as_str(), &*fault.code, fault.text.as_str());
            info!(%message_id, key, receive, outcome, attempt, class, code, error, "message failed");
        }
        Outcome::LedgerOut | Outcome::Unsettled => warn!(%message_id, key, receive, outcome, "message returned"),
        _ => info!(%message_id, key, receive, outcome, "message returned"),
    }
}
