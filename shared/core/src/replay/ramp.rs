//! Rate at which a job may send: the steps of its ramp, and the bucket that keeps to it.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::time::Timestamp;

/// The steps of a ramp, in percent of the rate.
pub const STEPS: [u8; 4] = [1, 5, 25, 100];

/// A bucket of tokens; each lets one message through. It fills with time, which is an argument.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Bucket {
    /// Thousandths of a message.
    pub tokens: u64,
    /// Time at which the tokens were counted.
    pub at: Timestamp,
}

impl Bucket {
    /// Makes an empty bucket.
    #[must_use]
    pub const fn empty(at: Timestamp) -> Self {
        Self { tokens: 0, at }
    }

    /// Makes a full bucket.
    #[must_use]
    pub fn full(rate: Rate, at: Timestamp) -> Self {
        Self { tokens: rate.most(), at }
    }

    /// Returns the bucket as it stands at `now`. A clock that goes back fills nothing.
    #[must_use]
    pub fn filled(self, rate: Rate, now: Timestamp) -> Self {
        let millis = u64::try_from(now.since(self.at).as_millis()).unwrap_or(u64::MAX);
        let more = millis.saturating_mul(rate.0) / 1_000;
        // What was too little to count yet is not forgotten.
        let at = if more == 0 { self.at } else { self.at.max(now) };
        Self { tokens: self.tokens.saturating_add(more).min(rate.most()), at }
    }

    /// Returns the number of messages that may go now.
    #[must_use]
    pub fn whole(self) -> u32 {
        u32::try_from(self.tokens / 1_000).unwrap_or(u32::MAX)
    }

    /// Returns the bucket without the tokens of so many messages.
    #[must_use]
    pub fn without(self, messages: u32) -> Self {
        Self { tokens: self.tokens.saturating_sub(u64::from(messages) * 1_000), ..self }
    }

    /// Returns the time until so many messages may go.
    #[must_use]
    pub fn wait(self, rate: Rate, messages: u32) -> Duration {
        let lacking = (u64::from(messages) * 1_000).saturating_sub(self.tokens);
        if lacking == 0 {
            return Duration::ZERO;
        }
        Duration::from_millis(lacking.saturating_mul(1_000).div_ceil(rate.0.max(1)))
    }
}

/// Thousandths of a message a second.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rate(u64);

impl Rate {
    /// Returns a rate of so many percent of so many messages a second.
    #[must_use]
    pub fn of(per_second: u32, percent: u8) -> Self {
        Self(u64::from(per_second) * u64::from(percent) * 10)
    }

    /// Returns the rate in thousandths of a message a second.
    #[must_use]
    pub const fn thousandths(self) -> u64 {
        self.0
    }

    /// Returns the number of messages that a quarter of a second brings.
    #[must_use]
    pub fn gathered(self) -> u32 {
        u32::try_from(self.0 / 4_000).unwrap_or(u32::MAX)
    }

    /// A bucket holds what a second brings, and at least ten messages: SQS takes as many a call.
    fn most(self) -> u64 {
        self.0.max(10_000)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(millis: u64) -> Timestamp {
        Timestamp::from_millis(millis)
    }

    #[test]
    fn in_any_time_no_more_goes_than_the_rate_and_one_bucket() {
        for (per_second, percent, step) in [(10, 100, 7), (100, 1, 333), (3, 25, 1_001), (1, 1, 50)] {
            let rate = Rate::of(per_second, percent);
            let (mut bucket, mut gone) = (Bucket::full(rate, at(0)), 0);
            for now in (0..600_000).step_by(step) {
                bucket = bucket.filled(rate, at(now));
                gone += u64::from(bucket.whole());
                bucket = bucket.without(bucket.whole());
            }
            let most = 600 * rate.0 / 1_000 + rate.most() / 1_000;
            assert!(gone <= most && gone * 100 >= (most - 1) * 95, "{gone} of {most} at {per_second}/s, {percent} %");
        }
    }

    #[test]
    fn an_empty_bucket_says_when_the_next_message_may_go_and_not_earlier() {
        let rate = Rate::of(10, 5);
        let empty = Bucket::empty(at(0));
        let wait = empty.wait(rate, 1);
        assert_eq!(wait, Duration::from_secs(2));
        assert_eq!(empty.wait(rate, 3), Duration::from_secs(6));
        assert_eq!(empty.filled(rate, at(1_999)).whole(), 0);
        assert_eq!(empty.filled(rate, at(0).after(wait)).whole(), 1);
        assert_eq!(Bucket::full(rate, at(0)).wait(rate, 10), Duration::ZERO);
        assert_eq!(empty.filled(Rate::of(0, 100), at(u64::MAX)).whole(), 0);
    }

    #[test]
    fn a_clock_that_goes_back_fills_nothing() {
        let rate = Rate::of(10, 100);
        let bucket = Bucket::full(rate, at(50_000)).without(10);
        assert_eq!(bucket.filled(rate, at(10)), bucket);
        assert_eq!(bucket.filled(rate, at(51_000)).whole(), 10);
    }
}
