//! An attempt: a handler runs for a claimed message, and its outcome is settled.

use std::sync::Arc;
use std::time::Duration;

use redrive_core::fault::Fault;
use redrive_core::ids::Enqueue;
use redrive_core::message::decode::Message;
use redrive_core::message::stated_trace::MessageTrace;
use redrive_core::message::trace_context::TraceContext;
use redrive_core::processing::handler::{Context, Dispatch};
use redrive_core::processing::ledger::{Claim, Origin, Settlement};
use redrive_core::processing::mask::Redaction;
use redrive_core::processing::outcome::Outcome;
use tokio::time::Instant;
use tracing::{Instrument, Span, info_span};

use super::handing_over::hand_over;
use super::lines::LaneHead;
use super::parts::{Frame, Parts};
use super::ports::{EffectsOf, PayloadOf, ProcessPorts};
use super::settling::{Settled, complete, settle};
use super::tasks::{Finished, HeldClaim};
use super::under_way::Share;

/// Runs the handler for a claimed head, which takes a slot, and settles what came of it.
pub(super) async fn attempt<P: ProcessPorts>(
    parts: Arc<Parts<P>>,
    held: HeldClaim<PayloadOf<P>>,
    slot: Share,
    frame: &Frame,
) -> Finished<PayloadOf<P>> {
    let HeldClaim { lane: line, claim, claimed_at } = held;
    let started = Instant::now();
    let result = match parts.budget_of(claimed_at, frame) {
        Some(budget) => Some(handle(&parts, &line.head, &claim, budget, frame).await),
        None => None,
    };
    let handled = Instant::now();
    let handled_in = result.is_some().then(|| handled.saturating_duration_since(started));
    handled_in.into_iter().for_each(|took| parts.pace.note(took));
    // Another handler may run while this one's result is written.
    drop(slot);
    let outcome = match result {
        None => release(&parts, &claim, frame).await,
        Some(Ok(effects)) => match complete(&parts, &claim, &effects, frame).await {
            Settled::Done => Outcome::Completed,
            Settled::Lost => Outcome::Unsettled,
            Settled::Refused(fault) => failed(&parts, &line.head, &claim, fault, frame).await,
        },
        Some(Err(fault)) => failed(&parts, &line.head, &claim, fault, frame).await,
    };
    let settled_in = handled.elapsed();
    let mut ended = [(line.with(LaneHead::Sound), outcome)];
    hand_over(&parts, &mut ended, frame).await;
    let [(line, outcome)] = ended;
    Finished { line, outcome, handled_in, settled_in }
}

/// The ledger answered so late that no time is left: the attempt is taken back before it began.
async fn release<P: ProcessPorts>(parts: &Parts<P>, claim: &Claim, frame: &Frame) -> Outcome {
    match settle(parts, claim, &Settlement::Release, frame).await {
        Settled::Done => Outcome::NotStarted,
        Settled::Lost | Settled::Refused(_) => Outcome::Unsettled,
    }
}

/// The handler runs in a task of its own: its panic ends there, and its time can end without it. Dropping it
/// does not recall a request that it has already sent.
async fn handle<P: ProcessPorts>(
    parts: &Parts<P>,
    head: &Arc<Message<PayloadOf<P>>>,
    claim: &Claim,
    budget: Duration,
    frame: &Frame,
) -> Result<EffectsOf<P>, Fault> {
    let ends = Instant::now() + budget;
    let request = claim.request();
    let remaining = Arc::new(move || ends.saturating_duration_since(Instant::now()));
    let MessageTrace { own, original } = head.inspected.message_trace();
    let context = Context::new(head.key.clone(), claim.attempt(), request.enqueue.clone(), request.send, remaining);
    let context = context.traced(own, original);
    let (handler, message) = (Arc::clone(&parts.handler), Arc::clone(head));
    let run = async move { handler.dispatch(&message.payload, &context).await };
    let span = span_of(original.as_ref(), &request.enqueue, frame);
    let mut task = parts.handlers.spawn(crate::trace::carried(run.instrument(span)));
    match tokio::time::timeout_at(ends, &mut task).await {
        Ok(Ok(result)) => result,
        Ok(Err(_)) => Err(Fault::panicked()),
        Err(_) => {
            task.abort();
            Err(Fault::out_of_time(budget))
        }
    }
}

/// The span of a run: the invocation's, or, of a replay whose original was traced, one of its own with a link to that trace.
fn span_of(link: Option<&TraceContext>, enqueue: &Enqueue, frame: &Frame) -> Span {
    let Some(link) = link else { return Span::current() };
    let Origin { request_id, .. } = &frame.origin;
    info_span!(
        "replay",
        // A line shows the innermost span alone.
        request_id,
        message_id = %enqueue.message_id,
        link.trace_id = link.trace_id_text(),
        link.span_id = link.span_id_text(),
    )
}

/// Before a fault is stored or logged its text is redacted: masked by the body, then by the handler's own hand.
fn redacted<P: ProcessPorts>(parts: &Parts<P>, head: &Arc<Message<PayloadOf<P>>>, fault: Fault) -> Fault {
    let masks = parts.settings.masks.clone();
    let body = if masks.is_empty() { None } else { parts.settings.reading.content_of(&head.inspected.envelope.body) };
    let (handler, message) = (Arc::clone(&parts.handler), Arc::clone(head));
    let hook = move |text: &str| handler.redact(&message.payload, text);
    Redaction::new(masks).with_hook(hook).fault(fault, body.as_ref())
}

async fn failed<P: ProcessPorts>(
    parts: &Parts<P>,
    head: &Arc<Message<PayloadOf<P>>>,
    claim: &Claim,
    fault: Fault,
    frame: &Frame,
) -> Outcome {
    let fault = redacted(parts, head, fault);
    let attempt = claim.attempt();
    let dead = claim.is_fatal(&fault);
    match settle(parts, claim, &Settlement::Fail(fault.clone()), frame).await {
        Settled::Done if dead => Outcome::Dead { fault, attempt, now: true },
        Settled::Done => Outcome::Retry { fault, attempt },
        Settled::Lost | Settled::Refused(_) => Outcome::Unsettled,
    }
}
