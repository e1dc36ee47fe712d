//! A queue pair with everything that work on its letters needs.

use redrive_core::ids::OwnerToken;
use redrive_core::ports::{Clock, Entropy, LedgerReader};
use redrive_core::replay::GroupRules;
use redrive_core::time::Timestamp;
use tokio::time::Instant;

use super::pair_memory::PairMemory;
use super::ports::{PairOf, ReplayPorts};
use super::queue_pair::ReplaySettings;

/// A queue pair with the table, the time and the memory that its letters are worked on with.
pub(crate) struct PairContext<'a, P: ReplayPorts> {
    pub(crate) pair: &'a PairOf<P>,
    pub(crate) letters: &'a P::Letters,
    pub(crate) world: &'a P::World,
    pub(crate) settings: &'a ReplaySettings,
    /// Answers that serve for a while, of this and earlier runs of the process.
    pub(crate) memory: &'a PairMemory,
    /// End of the time for this work.
    pub(crate) deadline: Instant,
}

impl<P: ReplayPorts> Clone for PairContext<'_, P> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<P: ReplayPorts> Copy for PairContext<'_, P> {}

impl<P: ReplayPorts> PairContext<'_, P> {
    pub(crate) fn now(&self) -> Timestamp {
        self.world.now()
    }

    pub(crate) fn token(&self) -> OwnerToken {
        OwnerToken::from_random(self.world.bits())
    }

    /// Returns true if there is time for another batch.
    pub(crate) fn time_left(&self) -> bool {
        self.deadline.saturating_duration_since(Instant::now()) >= self.settings.reserve
    }

    pub(crate) fn group_rules(&self, after_replayed: bool) -> GroupRules {
        GroupRules { after_replayed, kept: self.pair.ledger.is_kept() }
    }
}
