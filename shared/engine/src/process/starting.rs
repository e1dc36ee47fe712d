//! Lanes on their way to a handler: decoded, claimed, and refused if they cannot run.

use std::sync::Arc;
use std::time::Duration;

use redrive_core::processing::handler::Dispatch;
use redrive_core::processing::outcome::Outcome;
use tokio::time::Instant;
use tracing::warn;

use super::claiming::{claim_all, mark_dead};
use super::handing_over::hand_over;
use super::honouring::honour;
use super::lines::{KeyLane, LaneHead, WaitingMessage};
use super::parts::{Frame, Parts};
use super::ports::{PayloadOf, ProcessPorts};
use super::tasks::HeldClaim;

/// Lanes that were claimed together.
pub(super) struct ClaimedLanes<P> {
    /// Claims that were won.
    pub(super) won: Vec<HeldClaim<P>>,
    /// Lanes whose heads have ended, and how.
    pub(super) ended: Vec<(KeyLane<LaneHead<P>>, Outcome)>,
    /// Keys of which few enqueues are left, or none.
    pub(super) crowded: usize,
    /// Time that the ledger took.
    pub(super) took: Duration,
}

/// Decodes and claims the heads of lanes together.
pub(super) async fn claim_lanes<P: ProcessPorts>(
    parts: &Parts<P>,
    starters: Vec<KeyLane<WaitingMessage>>,
    frame: &Frame,
) -> ClaimedLanes<PayloadOf<P>> {
    let (mut sound, mut unfit) = (Vec::with_capacity(starters.len()), Vec::new());
    for KeyLane { head, followers } in starters {
        match head.inspected.decode(|message_type, body| parts.handler.decode(message_type, body)) {
            Ok(message) => sound.push(KeyLane { head: Arc::new(message), followers }),
            Err(bad) => {
                unfit.push((KeyLane { head: LaneHead::Inspected(Box::new(bad.inspected)), followers }, bad.fault))
            }
        }
    }
    // A budget is reckoned like the lease: from before the claim was sent.
    let claimed_at = Instant::now();
    let claiming = tokio::time::timeout_at(frame.deadline, claim_all(parts, sound, frame));
    let (claims, mut ended) = tokio::join!(claiming, mark_dead(parts, unfit, frame));
    let (took, mut won, mut crowded) = (claimed_at.elapsed(), Vec::new(), 0);
    match claims {
        Ok(claims) => {
            crowded = claims.crowded;
            let (free, known) = honour(parts, claims.won, frame).await;
            won.extend(free.into_iter().map(|(lane, claim)| HeldClaim { lane, claim, claimed_at }));
            ended.extend(known);
            ended.extend(mark_dead(parts, claims.unfit, frame).await);
            ended.extend(claims.ended);
        }
        Err(_) => warn!("the deadline came before the ledger answered every claim"),
    }
    hand_over(parts, &mut ended, frame).await;
    ClaimedLanes { won, ended, crowded, took }
}
