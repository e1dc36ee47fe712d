use std::time::{Duration, SystemTime, UNIX_EPOCH};

use redrive_core::ports::{Clock, Entropy};
use redrive_core::time::Timestamp;
use uuid::Uuid;

/// The machine's own clock and randomness.
#[derive(Debug, Clone, Copy, Default)]
pub struct System;

impl Clock for System {
    fn now(&self) -> Timestamp {
        timestamp(SystemTime::now())
    }
}

impl Entropy for System {
    fn bits(&self) -> u128 {
        Uuid::new_v4().as_u128()
    }
}

/// An instant before 1970 is 1970.
pub(crate) fn timestamp(at: SystemTime) -> Timestamp {
    let since = at.duration_since(UNIX_EPOCH).unwrap_or(Duration::ZERO);
    Timestamp::from_millis(u64::try_from(since.as_millis()).unwrap_or(u64::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_clock_counts_milliseconds_since_1970_and_the_bits_differ() {
        let seventh = UNIX_EPOCH + Duration::from_millis(7);
        assert_eq!(timestamp(seventh).as_millis(), 7);
        assert!(System.now() > Timestamp::from_millis(1_700_000_000_000));
        assert_ne!(System.bits(), System.bits());
    }
}
