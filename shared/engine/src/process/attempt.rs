use std::sync::Arc;
use std::time::Duration;

use redrive_core::fault::Fault;
use redrive_core::message::decode::Message;
use redrive_core::ports::{Ledger, MainQueue, Outbox};
use redrive_core::processing::handler::{Context, Dispatch};
use redrive_core::processing::ledger::{Claim, Settlement};
use redrive_core::processing::mask::Redaction;
use redrive_core::processing::outcome::Outcome;
use tokio::time::Instant;
use tracing::Instrument;

use super::lines::{KeyLane, LaneHead};
use super::settling::Settled;
use super::{Frame, Parts};
use crate::world::World;

/// A claimed line whose head has been run and settled.
pub(super) struct Finished<P> {
    pub(super) line: KeyLane<LaneHead<P>>,
    pub(super) outcome: Outcome,
    /// How long the handler took; `None` if it was not started.
    pub(super) handled_in: Option<Duration>,
    /// How long the ledger took to settle it.
    pub(super) settled_in: Duration,
}

impl<H, L, Q, W, D> Parts<H, L, Q, W, D>
where
    H: Dispatch,
    L: Ledger<H::Effects>,
    Q: MainQueue,
    W: World,
    D: Outbox,
{
    /// Runs the handler for a claimed head and settles what came of it.
    pub(super) async fn attempt(
        self: Arc<Self>,
        line: KeyLane<Arc<Message<H::Payload>>>,
        claim: Claim,
        claimed_at: Instant,
        frame: &Frame,
    ) -> Finished<H::Payload> {
        let started = Instant::now();
        let spent = started.saturating_duration_since(claimed_at);
        let budget = self.budget(frame).map(|budget| budget.min(self.settings.handler_timeout.saturating_sub(spent)));
        let budget = budget.filter(|budget| *budget >= self.settings.handler_timeout / 2);
        let result = match budget {
            Some(budget) => Some(self.handle(&line.head, &claim, budget).await),
            None => None,
        };
        let handled = Instant::now();
        let handled_in = result.is_some().then(|| handled.saturating_duration_since(started));
        let outcome = match result {
            None => self.release(&claim, frame).await,
            Some(Ok(effects)) => match self.complete(&claim, &effects, frame).await {
                Settled::Done => Outcome::Completed,
                Settled::Lost => Outcome::Unsettled,
                Settled::Refused(fault) => self.failed(&line.head, &claim, fault, frame).await,
            },
            Some(Err(fault)) => self.failed(&line.head, &claim, fault, frame).await,
        };
        let settled_in = handled.elapsed();
        let mut ended = [(line.with(LaneHead::Sound), outcome)];
        self.hand_over(&mut ended, frame).await;
        let [(line, outcome)] = ended;
        Finished { line, outcome, handled_in, settled_in }
    }

    /// The ledger answered so late that no time is left: the attempt is taken back before it began.
    async fn release(&self, claim: &Claim, frame: &Frame) -> Outcome {
        match self.settle(claim, &Settlement::Release, frame).await {
            Settled::Done => Outcome::NotStarted,
            Settled::Lost | Settled::Refused(_) => Outcome::Unsettled,
        }
    }

    /// The handler runs in a task of its own: its panic ends there, and its time can end without it. Dropping it
    /// does not recall a request that it has already sent.
    async fn handle(
        &self,
        head: &Arc<Message<H::Payload>>,
        claim: &Claim,
        budget: Duration,
    ) -> Result<H::Effects, Fault> {
        let ends = Instant::now() + budget;
        let request = claim.request();
        let remaining = Arc::new(move || ends.saturating_duration_since(Instant::now()));
        let context = Context::new(head.key.clone(), claim.attempt(), request.enqueue.clone(), request.send, remaining);
        let (handler, message) = (Arc::clone(&self.handler), Arc::clone(head));
        let run = async move { handler.dispatch(&message.payload, &context).await };
        let mut task = self.handlers.spawn(crate::trace::carried(run.in_current_span()));
        match tokio::time::timeout_at(ends, &mut task).await {
            Ok(Ok(result)) => result,
            Ok(Err(_)) => Err(Fault::panicked()),
            Err(_) => {
                task.abort();
                Err(Fault::out_of_time(budget))
            }
        }
    }

    /// Before a fault is stored or logged its text is redacted: masked by the body, then by the handler's own hand.
    fn redacted(&self, head: &Arc<Message<H::Payload>>, fault: Fault) -> Fault {
        let masks = self.settings.masks.clone();
        let body =
            if masks.is_empty() { None } else { self.settings.reading.content_of(&head.inspected.envelope.body) };
        let (handler, message) = (Arc::clone(&self.handler), Arc::clone(head));
        let hook = move |text: &str| handler.redact(&message.payload, text);
        Redaction::new(masks).with_hook(hook).fault(fault, body.as_ref())
    }

    async fn failed(&self, head: &Arc<Message<H::Payload>>, claim: &Claim, fault: Fault, frame: &Frame) -> Outcome {
        let fault = self.redacted(head, fault);
        let attempt = claim.attempt();
        let dead = claim.is_fatal(&fault);
        match self.settle(claim, &Settlement::Fail(fault.clone()), frame).await {
            Settled::Done if dead => Outcome::Dead { fault, attempt, now: true },
            Settled::Done => Outcome::Retry { fault, attempt },
            Settled::Lost | Settled::Refused(_) => Outcome::Unsettled,
        }
    }

    /// The time that an attempt which starts now may take; `None` if it should not start.
    pub(super) fn budget(&self, frame: &Frame) -> Option<Duration> {
        let left =
            frame.deadline.saturating_duration_since(Instant::now()).saturating_sub(self.settings.settle_reserve);
        // With less than half of its time it would rather fail than finish: such an attempt is not worth its count.
        let least = self.settings.handler_timeout / 2;
        (left >= least).then(|| left.min(self.settings.handler_timeout))
    }
}
