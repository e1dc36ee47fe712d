//! Pairs that are left for the next run.

use std::sync::atomic::{AtomicBool, Ordering};

/// States of all pairs of a run, as every lane of it knows.
#[derive(Debug)]
pub(super) struct PairStates(Vec<PairState>);

#[derive(Debug, Default)]
struct PairState {
    /// SQS has refused a whole batch.
    refuses: AtomicBool,
    /// A queue or table has not answered.
    troubled: AtomicBool,
}

impl PairStates {
    pub(super) fn new(pairs: usize) -> Self {
        Self((0..pairs).map(|_| PairState::default()).collect())
    }

    /// Notes that a queue has refused a whole batch.
    pub(super) fn refused(&self, place: usize) {
        self.0[place].refuses.store(true, Ordering::Relaxed);
    }

    /// Notes that a pair's queue or tables have not answered.
    pub(super) fn troubled(&self, place: usize) {
        self.0[place].troubled.store(true, Ordering::Relaxed);
    }

    /// Returns true if SQS has refused a whole batch of a pair.
    pub(super) fn refuses(&self, place: usize) -> bool {
        self.0[place].refuses.load(Ordering::Relaxed)
    }

    /// Returns true if a pair is left for the next run. With others beside it, a pair that is in trouble must not use up their time.
    pub(super) fn rests(&self, place: usize) -> bool {
        self.refuses(place) || self.0.len() > 1 && self.0[place].troubled.load(Ordering::Relaxed)
    }

    pub(super) fn all_rest(&self) -> bool {
        (0..self.0.len()).all(|place| self.rests(place))
    }
}
