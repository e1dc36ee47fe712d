//! The letter table, held once, and the queue pairs whose letters it has.

use std::time::Duration;

use redrive_core::ids::QueueArn;
use redrive_core::letters::policy::Policy;
use tokio::time::Instant;

use super::summaries::SummaryKeeper;
use crate::replay::context::PairContext;
use crate::replay::pair_memory::PairMemory;
use crate::replay::ports::{PairOf, ReplayPorts};
use crate::replay::queue_pair::ReplaySettings;

/// The letter table and the queue pairs whose letters it has.
pub(super) struct QueuePairs<P: ReplayPorts> {
    pub(super) letters: P::Letters,
    pub(super) world: P::World,
    pub(super) settings: ReplaySettings,
    pub(super) pairs: Vec<PairOf<P>>,
    pub(super) summaries: SummaryKeeper,
    /// Memory of each, in the same order.
    memories: Vec<PairMemory>,
}

impl<P: ReplayPorts> QueuePairs<P> {
    pub(super) fn new(letters: P::Letters, world: P::World, settings: ReplaySettings, pairs: Vec<PairOf<P>>) -> Self {
        let memories = pairs.iter().map(|_| PairMemory::default()).collect();
        Self { letters, world, settings, pairs, summaries: SummaryKeeper::default(), memories }
    }

    /// Pair that letters of this queue are of.
    pub(super) fn place_of(&self, source: &QueueArn) -> Option<usize> {
        self.pairs.iter().position(|pair| pair.source() == source)
    }

    /// Pair with everything that work on its letters needs, until `deadline`.
    pub(super) fn context(&self, place: usize, deadline: Instant) -> PairContext<'_, P> {
        let (pair, memory) = (&self.pairs[place], &self.memories[place]);
        PairContext { pair, letters: &self.letters, world: &self.world, settings: &self.settings, memory, deadline }
    }

    /// Returns true if there is time for another batch.
    pub(super) fn time_left(&self, deadline: Instant) -> bool {
        deadline.saturating_duration_since(Instant::now()) >= self.settings.reserve
    }

    /// Policy for letters of no pair: they are kept, once they have ended, as long as those of the pair that keeps them
    /// longest. `None` if there is no pair.
    pub(super) fn longest_kept(&self) -> Option<Policy> {
        let of = |kept: fn(&Policy) -> Duration| self.pairs.iter().map(|pair| kept(&pair.policy)).max();
        let policy = self.pairs.first()?.policy.clone();
        Some(Policy {
            resolved_retention: of(|policy| policy.resolved_retention).unwrap_or(policy.resolved_retention),
            body_retention: of(|policy| policy.body_retention).unwrap_or(policy.body_retention),
            ..policy
        })
    }
}
