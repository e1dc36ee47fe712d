//! Time by this machine's clock.

use std::time::{SystemTime, UNIX_EPOCH};

use redrive_core::time::Timestamp;

/// Returns the time of this machine.
pub(crate) fn now() -> Timestamp {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    Timestamp::from_millis(u64::try_from(since.as_millis()).unwrap_or(u64::MAX))
}
