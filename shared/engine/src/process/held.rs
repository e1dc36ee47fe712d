//! Claims that wait for a slot: none outlives its lease, and each handler gets its whole time.

use std::collections::VecDeque;
use std::time::Duration;

use redrive_core::processing::ledger::Settlement;
use redrive_core::processing::outcome::Outcome;
use tokio::time::Instant;

use super::lines::{LaneHead, WaitingMessage};
use super::parts::{Frame, Parts};
use super::ports::{PayloadOf, ProcessPorts};
use super::settling::{Settled, settle};
use super::tasks::{Finished, HeldClaim, TaskResult};

/// Claims that wait for a slot, oldest first.
pub(super) struct HeldClaims<P> {
    claims: VecDeque<HeldClaim<P>>,
    hold: Duration,
    /// The last instant at which an attempt may start.
    last_start: Instant,
}

impl<P> HeldClaims<P> {
    /// Claims that each wait for `hold` at the most.
    pub(super) const fn new(hold: Duration, last_start: Instant) -> Self {
        Self { claims: VecDeque::new(), hold, last_start }
    }

    /// Number of claims that wait.
    pub(super) fn len(&self) -> usize {
        self.claims.len()
    }

    /// Adds claims of one call, which may have been overtaken by a later one.
    pub(super) fn add(&mut self, claims: Vec<HeldClaim<P>>) {
        for claim in claims {
            let place = self.claims.partition_point(|held| held.claimed_at <= claim.claimed_at);
            self.claims.insert(place, claim);
        }
    }

    /// Takes the claim that has waited longest.
    pub(super) fn next(&mut self) -> Option<HeldClaim<P>> {
        self.claims.pop_front()
    }

    /// Returns the instant at which the next claim has waited too long, or would start too late.
    pub(super) fn release_at(&self) -> Option<Instant> {
        self.claims.front().map(|held| (held.claimed_at + self.hold).min(self.last_start))
    }

    /// Takes a claim that has waited too long.
    pub(super) fn next_stale(&mut self, now: Instant) -> Option<HeldClaim<P>> {
        self.release_at().filter(|at| *at <= now)?;
        self.next()
    }
}

/// Takes a claim back that found no slot in time. The lane waits again, unless nobody knows if the claim still stands.
///
/// Rule R12 of docs/protocol.md.
pub(super) async fn release<P: ProcessPorts>(
    parts: &Parts<P>,
    held: HeldClaim<PayloadOf<P>>,
    frame: &Frame,
) -> TaskResult<PayloadOf<P>> {
    let HeldClaim { lane, claim, .. } = held;
    let begun = Instant::now();
    match settle(parts, &claim, &Settlement::Release, frame).await {
        Settled::Done => TaskResult::Released(lane.with(|head| WaitingMessage::again(&head))),
        Settled::Lost | Settled::Refused(_) => TaskResult::Finished(Finished {
            line: lane.with(LaneHead::Sound),
            outcome: Outcome::Unsettled,
            handled_in: None,
            settled_in: begun.elapsed(),
        }),
    }
}
