//! Input and results of the tasks of a batch.

use std::sync::Arc;
use std::time::Duration;

use redrive_core::message::decode::Message;
use redrive_core::processing::ledger::Claim;
use redrive_core::processing::outcome::Outcome;
use tokio::time::Instant;

use super::lines::{KeyLane, LaneHead, WaitingMessage};
use super::parts::End;

/// A claim that was won and not started yet.
pub(super) struct HeldClaim<P> {
    pub(super) lane: KeyLane<Arc<Message<P>>>,
    pub(super) claim: Claim,
    /// Instant before the claim was sent: its lease is reckoned from there.
    pub(super) claimed_at: Instant,
}

/// A claimed line whose head has been run and settled.
pub(super) struct Finished<P> {
    pub(super) line: KeyLane<LaneHead<P>>,
    pub(super) outcome: Outcome,
    /// Time that the handler took; `None` if it was not started.
    pub(super) handled_in: Option<Duration>,
    /// Time that the ledger took to settle it.
    pub(super) settled_in: Duration,
}

/// Result of a task that a batch waits for, claims apart.
pub(super) enum TaskResult<P> {
    /// Attempt that was settled, or whose settlement is not known.
    Finished(Finished<P>),
    /// Claim that found no free slot in time, and was taken back: its lane waits again.
    Released(KeyLane<WaitingMessage>),
    /// Messages that were compared with what their key was completed with.
    Compared(Vec<End>),
}
