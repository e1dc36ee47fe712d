//! Points in time, as SQS and DynamoDB count them.

use std::time::Duration;

use ::time::OffsetDateTime;
use ::time::format_description::well_known::Rfc3339;
use serde::{Deserialize, Serialize};

/// Milliseconds since the Unix epoch: the unit of SQS's `SentTimestamp`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(from = "u64", into = "u64")]
pub struct Timestamp(u64);

impl From<u64> for Timestamp {
    fn from(millis: u64) -> Self {
        Self::from_millis(millis)
    }
}

impl From<Timestamp> for u64 {
    fn from(at: Timestamp) -> Self {
        at.0
    }
}

impl Timestamp {
    /// Later than anything that happens: 9999-12-31T23:59:59.999Z, the last instant RFC 3339 can write.
    pub const NEVER: Self = Self(253_402_300_799_999);

    /// Makes an instant from milliseconds since the epoch; later than [`Self::NEVER`] is `NEVER`.
    #[must_use]
    pub const fn from_millis(millis: u64) -> Self {
        if millis > Self::NEVER.0 { Self::NEVER } else { Self(millis) }
    }

    /// Milliseconds since the epoch.
    #[must_use]
    pub const fn as_millis(self) -> u64 {
        self.0
    }

    /// Returns whole seconds since the epoch, rounded down: the unit of a DynamoDB time-to-live attribute.
    #[must_use]
    pub const fn as_secs(self) -> u64 {
        self.0 / 1000
    }

    /// The whole second that this instant is in: what a table's time to live can keep of it.
    #[must_use]
    pub const fn whole_seconds(self) -> Self {
        Self(self.0 / 1000 * 1000)
    }

    /// Returns the instant later by `by`; never past [`Self::NEVER`].
    #[must_use]
    pub fn after(self, by: Duration) -> Self {
        let millis = u64::try_from(by.as_millis()).unwrap_or(u64::MAX);
        Self::from_millis(self.0.saturating_add(millis))
    }

    /// Returns the time from `earlier` to this instant; zero if that was later.
    #[must_use]
    pub fn since(self, earlier: Self) -> Duration {
        Duration::from_millis(self.0.saturating_sub(earlier.0))
    }

    /// RFC 3339 in UTC with milliseconds; sorts as text in the order of time.
    #[must_use]
    pub fn to_rfc3339(self) -> String {
        let format =
            ::time::macros::format_description!("[year]-[month]-[day]T[hour]:[minute]:[second].[subsecond digits:3]Z");
        OffsetDateTime::from_unix_timestamp_nanos(i128::from(self.0) * 1_000_000)
            .ok()
            .and_then(|at| at.format(format).ok())
            .unwrap_or_default()
    }

    /// Reads what [`Self::to_rfc3339`] wrote, or any RFC 3339 text after 1970.
    #[must_use]
    pub fn from_rfc3339(text: &str) -> Option<Self> {
        let at = OffsetDateTime::parse(text, &Rfc3339).ok()?;
        u64::try_from(at.unix_timestamp_nanos() / 1_000_000).ok().map(Self::from_millis)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rfc3339_round_trips_to_the_millisecond() {
        for millis in [0, 1, 1_763_787_600_123, Timestamp::NEVER.as_millis()] {
            let at = Timestamp::from_millis(millis);
            assert_eq!(Timestamp::from_rfc3339(&at.to_rfc3339()), Some(at), "{}", at.to_rfc3339());
        }
    }

    #[test]
    fn nothing_is_later_than_never() {
        assert_eq!(Timestamp::NEVER.after(Duration::from_secs(1)), Timestamp::NEVER);
        assert_eq!(Timestamp::from_millis(u64::MAX), Timestamp::NEVER);
        assert_eq!(serde_json::from_str::<Timestamp>("18446744073709551615").unwrap(), Timestamp::NEVER);
    }
}
