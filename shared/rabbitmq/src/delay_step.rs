//! Delays that there are queues for.

use std::time::Duration;

/// Lengths of the delays, in seconds. A copy waits for at most two thirds longer than it was asked to; of a second, twice as long.
const SECONDS: [u32; 28] = [
    1, 2, 3, 5, 7, 10, 15, 20, 30, 45, 60, 90, 120, 180, 300, 420, 600, 900, 1_200, 1_800, 2_700, 3_600, 5_400, 7_200,
    10_800, 18_000, 28_800, 43_200,
];

/// Delay of one of few lengths, each of which has a queue of its own.
///
/// A queue with one time to live hands messages on in their order. Were the time each message's own, a short one would wait behind a
/// long one. A schedule varies its delays, and a claim ends at any time: so the lengths are fixed, and there are never more queues.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct DelayStep(u32);

impl DelayStep {
    /// Shortest step that is not shorter than this. The longest is twelve hours, and nothing is delayed for longer.
    #[must_use]
    pub fn lasting(delay: Duration) -> Self {
        let [.., longest] = SECONDS;
        let fits = |seconds: &u32| Duration::from_secs(u64::from(*seconds)) >= delay;
        Self(SECONDS.into_iter().find(fits).unwrap_or(longest))
    }

    /// Every step, the shortest first.
    pub fn all() -> impl Iterator<Item = Self> {
        SECONDS.into_iter().map(Self)
    }

    /// Time to live of a message in the step's queue, in milliseconds.
    #[must_use]
    pub const fn millis(self) -> u64 {
        self.0 as u64 * 1_000
    }

    /// Name of the step's queue: that of the main queue, and the milliseconds.
    #[must_use]
    pub fn queue(self, main: &str) -> String {
        format!("{main}.delay.{}", self.millis())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_delay_lasts_as_long_as_it_was_asked_for_and_at_most_two_thirds_longer() {
        for millis in (1..43_200_000).step_by(9_973) {
            let asked_for = Duration::from_millis(millis);
            let lasts = Duration::from_millis(DelayStep::lasting(asked_for).millis());
            assert!(lasts >= asked_for, "{millis}");
            assert!(millis < 2_000 || lasts <= (asked_for + Duration::from_secs(1)) * 5 / 3, "{millis}: {lasts:?}");
        }
    }

    #[test]
    fn steps_rise_and_every_delay_has_one_of_them() {
        assert!(DelayStep::all().is_sorted() && DelayStep::all().count() == 28);
        for step in DelayStep::all() {
            assert_eq!(DelayStep::lasting(Duration::from_millis(step.millis())), step);
        }
        assert_eq!(DelayStep::lasting(Duration::ZERO).millis(), 1_000);
        assert_eq!(DelayStep::lasting(Duration::MAX).millis(), 43_200_000);
        assert_eq!(DelayStep::lasting(Duration::from_secs(38)).queue("orders"), "orders.delay.45000");
    }
}
