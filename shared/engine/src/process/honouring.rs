//! Idempotency table of an earlier consumer, read for messages that were just claimed: after the claim, so that nobody else reads for
//! them at the same time. What it shows as done is completed in the ledger, without a run.

use std::sync::Arc;

use redrive_core::message::decode::Message;
use redrive_core::ports::Ledger;
use redrive_core::processing::ledger::{Claim, Settlement};
use redrive_core::processing::outcome::Outcome;
use redrive_core::processing::powertools::{PowertoolsMessage, PowertoolsState};
use tracing::{info, warn};

use super::lines::{KeyLane, LaneHead};
use super::parts::{Frame, Parts};
use super::ports::{PayloadOf, ProcessPorts};
use super::settling::{Settled, settle};

/// Lane with its claim.
type WonLane<P> = (KeyLane<Arc<Message<P>>>, Claim);
/// Lane whose head is over for now, and how.
type ClosedLane<P> = (KeyLane<LaneHead<P>>, Outcome);

/// Asks Powertools' table about claimed messages, if one is honoured. Returns the claims whose handlers run.
///
/// Rule R46 of docs/protocol.md.
pub(super) async fn honour<P: ProcessPorts>(
    parts: &Parts<P>,
    won: Vec<WonLane<PayloadOf<P>>>,
    frame: &Frame,
) -> (Vec<WonLane<PayloadOf<P>>>, Vec<ClosedLane<PayloadOf<P>>>) {
    if won.is_empty() || !parts.ledger.honours_powertools() {
        return (won, Vec::new());
    }
    let messages: Vec<_> = won.iter().map(|(lane, _)| message_of(parts, &lane.head)).collect();
    let looked = tokio::time::timeout_at(frame.deadline, parts.ledger.look_at_powertools(&messages)).await;
    let states = match looked {
        Ok(Ok(states)) => states.into_iter().map(Some).collect(),
        Ok(Err(error)) => {
            warn!(%error, count = won.len(), "Powertools' table could not be asked, so these messages wait");
            vec![None; won.len()]
        }
        Err(_) => vec![None; won.len()],
    };
    let (mut free, mut known) = (Vec::new(), Vec::new());
    for (claimed, state) in won.into_iter().zip(states) {
        if state == Some(PowertoolsState::Free) { free.push(claimed) } else { known.push((claimed, state)) }
    }
    let ends = known.into_iter().map(|((lane, claim), state)| async move {
        let outcome = end(parts, &claim, state, frame).await;
        (lane.with(LaneHead::Sound), outcome)
    });
    (free, futures_util::future::join_all(ends).await)
}

fn message_of<P: ProcessPorts>(parts: &Parts<P>, message: &Message<PayloadOf<P>>) -> PowertoolsMessage {
    let envelope = &message.inspected.envelope;
    PowertoolsMessage {
        message_id: envelope.message_id.clone(),
        content: parts.settings.reading.content_of(&envelope.body),
    }
}

/// Ends a claim by what the table says; `None`: it did not answer.
async fn end<P: ProcessPorts>(
    parts: &Parts<P>,
    claim: &Claim,
    state: Option<PowertoolsState>,
    frame: &Frame,
) -> Outcome {
    let (settlement, outcome) = match state {
        Some(PowertoolsState::Completed) => (Settlement::Complete, Outcome::Duplicate),
        Some(PowertoolsState::InProgress(until)) => (Settlement::Release, Outcome::Busy(until)),
        Some(PowertoolsState::Free) | None => (Settlement::Release, Outcome::LedgerOut),
    };
    match settle(parts, claim, &settlement, frame).await {
        Settled::Done => {
            if state == Some(PowertoolsState::Completed) {
                info!(key = claim.request().key.log_hash(), "Powertools' table shows this message as done");
            }
            outcome
        }
        Settled::Lost | Settled::Refused(_) => Outcome::Unsettled,
    }
}
