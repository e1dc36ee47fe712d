//! Virtual time and seeded chance.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use redrive_core::ports::{Clock, Entropy};
use redrive_core::time::Timestamp;
use tokio::time::Instant;

use crate::lock;

/// Start of the virtual world: 2026-01-01T00:00:00Z.
pub const ORIGIN: Timestamp = Timestamp::from_millis(1_767_225_600_000);

/// A wall clock on tokio's clock: where tokio's time is paused, this one is virtual, too, and moves only when
/// everybody waits.
#[derive(Debug, Clone)]
pub struct VirtualClock {
    origin: Timestamp,
    start: Instant,
    ahead: i64,
}

impl Default for VirtualClock {
    fn default() -> Self {
        Self::new()
    }
}

impl VirtualClock {
    /// Makes a clock that shows [`ORIGIN`] now.
    #[must_use]
    pub fn new() -> Self {
        Self::starting_at(ORIGIN)
    }

    /// Makes a clock that shows `origin` now.
    #[must_use]
    pub fn starting_at(origin: Timestamp) -> Self {
        Self { origin, start: Instant::now(), ahead: 0 }
    }

    /// The clock of a worker that goes `millis` ahead of this one, or behind it if negative.
    #[must_use]
    pub fn skewed(&self, millis: i64) -> Self {
        Self { ahead: self.ahead + millis, ..self.clone() }
    }

    /// The time on this clock.
    #[must_use]
    pub fn now(&self) -> Timestamp {
        let truth = self.origin.after(self.start.elapsed());
        Timestamp::from_millis(truth.as_millis().saturating_add_signed(self.ahead))
    }

    /// The instant at which this clock shows `at`.
    #[must_use]
    pub fn instant(&self, at: Timestamp) -> Instant {
        let since_start = at.as_millis().saturating_sub(self.origin.as_millis()).saturating_add_signed(-self.ahead);
        self.start + Duration::from_millis(since_start)
    }
}

impl Clock for VirtualClock {
    fn now(&self) -> Timestamp {
        self.now()
    }
}

/// Chance that is the same for the same seed.
#[derive(Debug, Clone)]
pub struct SeededEntropy(Arc<Mutex<StdRng>>);

impl SeededEntropy {
    /// Makes a source whose bits are all decided by `seed`.
    #[must_use]
    pub fn new(seed: u64) -> Self {
        Self(Arc::new(Mutex::new(StdRng::seed_from_u64(seed))))
    }
}

impl Entropy for SeededEntropy {
    fn bits(&self) -> u128 {
        lock(&self.0).random()
    }
}

/// Time and chance together, as a flow takes them.
#[derive(Debug, Clone)]
pub struct VirtualWorld {
    /// Clock of the world.
    pub clock: VirtualClock,
    /// Source of the world's random bits.
    pub entropy: SeededEntropy,
}

impl VirtualWorld {
    /// A world of `clock`, whose chance is decided by `seed`.
    #[must_use]
    pub fn new(clock: VirtualClock, seed: u64) -> Self {
        Self { clock, entropy: SeededEntropy::new(seed) }
    }
}

impl Clock for VirtualWorld {
    fn now(&self) -> Timestamp {
        self.clock.now()
    }
}

impl Entropy for VirtualWorld {
    fn bits(&self) -> u128 {
        self.entropy.bits()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn hours_pass_in_no_time_and_a_skewed_clock_keeps_its_distance() {
        let clock = VirtualClock::new();
        let late = clock.skewed(-2_000);
        tokio::time::sleep(Duration::from_secs(3 * 3600)).await;
        assert_eq!(clock.now(), ORIGIN.after(Duration::from_secs(3 * 3600)));
        assert_eq!(clock.now().since(late.now()), Duration::from_secs(2));
        assert_eq!(late.instant(late.now()), Instant::now());
    }

    #[test]
    fn one_seed_is_one_chance() {
        let of = |seed| {
            (0..3)
                .map(|_| 0)
                .map({
                    let e = SeededEntropy::new(seed);
                    move |_| e.bits()
                })
                .collect::<Vec<_>>()
        };
        assert_eq!(of(7), of(7));
        assert_ne!(of(7), of(8));
    }
}
