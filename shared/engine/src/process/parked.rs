//! Lanes that wait within the invocation, of a source that cannot delay a message.

use std::time::Duration;

use redrive_core::processing::outcome::Outcome;
use tokio::time::Instant;

use super::lines::{KeyLane, LaneHead};

/// A lane whose head is to be tried again.
pub(super) struct ParkedLane<P> {
    pub(super) lane: KeyLane<LaneHead<P>>,
    /// Outcome of the head so far: what it ends with if no time is left.
    pub(super) outcome: Outcome,
    pub(super) delay: Duration,
    /// Instant at which the head may be tried again.
    again_at: Instant,
}

/// Lanes that wait for their next attempt, or for another worker's end.
pub(super) struct ParkedLanes<P> {
    lanes: Vec<ParkedLane<P>>,
    /// The last instant at which an attempt may start.
    last_start: Instant,
}

impl<P> ParkedLanes<P> {
    pub(super) const fn new(last_start: Instant) -> Self {
        Self { lanes: Vec::new(), last_start }
    }

    /// Returns true if the outcome is one after which the message may be tried again: a dead one, too, that the dead letter topic did
    /// not take.
    pub(super) const fn takes(outcome: &Outcome) -> bool {
        matches!(outcome, Outcome::Retry { .. } | Outcome::Dead { .. } | Outcome::Busy(_) | Outcome::LedgerOut)
    }

    /// Returns true if nothing waits.
    pub(super) const fn is_empty(&self) -> bool {
        self.lanes.is_empty()
    }

    /// Has a lane wait. One that waits for longer than there is time waits for as long as there is: an answer that came sooner would
    /// only be followed by the same batch at once.
    pub(super) fn add(&mut self, lane: KeyLane<LaneHead<P>>, outcome: Outcome, delay: Duration) {
        self.lanes.push(ParkedLane { lane, outcome, delay, again_at: Instant::now() + delay });
    }

    /// Returns the instant at which the next lane is due.
    pub(super) fn next_at(&self) -> Option<Instant> {
        self.lanes.iter().map(|parked| parked.again_at.min(self.last_start)).min()
    }

    /// Takes a lane that is due, and whether its time has come (or else: no time is left).
    pub(super) fn next_due(&mut self, now: Instant) -> Option<(ParkedLane<P>, bool)> {
        let is_due = |parked: &ParkedLane<P>| parked.again_at.min(self.last_start) <= now;
        let parked = self.lanes.remove(self.lanes.iter().position(is_due)?);
        let in_time = parked.again_at <= now && now < self.last_start;
        Some((parked, in_time))
    }
}
