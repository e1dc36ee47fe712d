//! Pace of handlers: how far claims may go ahead of free slots.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use redrive_core::ports::WRITES_A_CALL;

/// Pace of a process's handlers: how long the slow ones took of late. It decides how many messages are claimed before a
/// handler's slot is free for them, and no promise rests on it: a claim that waits too long is released.
#[derive(Debug, Default)]
pub(super) struct HandlerPace(AtomicU64);

impl HandlerPace {
    /// Notes how long a handler took. The memory of a slow one fades with each that is faster.
    pub(super) fn note(&self, took: Duration) {
        let took = u64::try_from(took.as_micros()).unwrap_or(u64::MAX);
        let before = self.0.load(Ordering::Relaxed);
        // Of two that end at once either may be forgotten.
        self.0.store(took.max(before - before / 16), Ordering::Relaxed);
    }

    /// Returns how many messages may be claimed beyond the free slots of `concurrency`, so that a claim finds its slot within
    /// `hold`. Nobody claims ahead of handlers that take half of that time or longer.
    pub(super) fn ahead(&self, concurrency: usize, hold: Duration) -> usize {
        // One round of handlers, and what rounding to whole calls may leave out.
        let most = concurrency.max(WRITES_A_CALL) + WRITES_A_CALL;
        let slow = u128::from(self.0.load(Ordering::Relaxed));
        let half = hold.as_micros() / 2;
        match slow {
            0 => most,
            slow if slow > half => 0,
            slow => usize::try_from(concurrency as u128 * half / slow).unwrap_or(most).min(most),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOLD: Duration = Duration::from_secs(2);

    #[test]
    fn claims_go_ahead_of_quick_handlers_by_a_round_and_of_slow_ones_not_at_all() {
        let pace = HandlerPace::default();
        assert_eq!((pace.ahead(64, HOLD), pace.ahead(4, HOLD)), (89, 50), "nothing is known yet");
        pace.note(Duration::from_millis(50));
        assert_eq!((pace.ahead(64, HOLD), pace.ahead(2, HOLD)), (89, 40), "two slots free forty in a second");
        pace.note(Duration::from_millis(1_001));
        assert_eq!(pace.ahead(64, HOLD), 0);
    }

    #[test]
    fn a_slow_handler_is_forgotten_after_some_quick_ones() {
        let pace = HandlerPace::default();
        pace.note(Duration::from_secs(20));
        (0..100).for_each(|_| pace.note(Duration::from_millis(1)));
        assert_eq!(pace.ahead(64, HOLD), 89);
    }
}
