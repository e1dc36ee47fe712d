//! Delays after which a message that was not acknowledged comes back.

use std::time::Duration;

use thiserror::Error;

/// SQS hides a message for at most 12 hours from its receive, and rejects more; a quarter of an hour is kept for what has elapsed of
/// it. What an invocation has taken beside that is left out by [`within`].
const LONGEST: Duration = Duration::from_secs(12 * 3600 - 15 * 60);
/// Shortest and longest pause for a dependency that is out of reach, in seconds.
const OUTAGE: (u64, u64) = (30, 15 * 60);

/// Receives kept for events that use one up without an attempt: busy leases, throttles, outages.
///
/// Rule R20 of docs/protocol.md.
pub const RECEIVE_HEADROOM: u32 = 5;

/// Names of the schedules that have one.
pub const NAMED: [&str; 2] = ["steps", "exponential"];

/// The delays between attempts: one fewer than there are attempts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Schedule(Vec<Duration>);

/// A retry schedule that is none.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("{0:?} is not a retry schedule: use steps, exponential, or delays from 1s to 11h like 1s,30s,5m")]
pub struct BadSchedule(String);

impl Schedule {
    /// `steps` (1 s, 5 s, 30 s, 2 min, 10 min), `exponential` (30 s doubling, capped at 15 min, ten attempts), or
    /// a list of delays in `s`, `m` or `h`.
    ///
    /// # Errors
    /// [`BadSchedule`] for anything else, an empty list and more than 99 delays included.
    pub fn parse(text: &str) -> Result<Self, BadSchedule> {
        let seconds: Option<Vec<u64>> = match text.trim() {
            "steps" => Some(vec![1, 5, 30, 120, 600]),
            "exponential" => Some((0..9).map(|n| (30_u64 << n).min(900)).collect()),
            list => list.split(',').map(|item| seconds(item.trim())).collect(),
        };
        match seconds {
            Some(list) if (1..100).contains(&list.len()) => {
                Ok(Self(list.into_iter().map(Duration::from_secs).collect()))
            }
            _ => Err(BadSchedule(text.to_owned())),
        }
    }

    /// Delays in whole seconds, in their order.
    #[must_use]
    pub fn seconds(&self) -> Vec<u64> {
        self.0.iter().map(Duration::as_secs).collect()
    }

    /// Returns the number of attempts that an enqueue has.
    #[must_use]
    pub fn attempts(&self) -> u32 {
        u32::try_from(self.0.len() + 1).unwrap_or(u32::MAX)
    }

    /// Delay after `attempt` failed, at the least that chance makes of it.
    #[must_use]
    pub fn least(&self, attempt: u32) -> Duration {
        self.base(attempt) / 4 * 3
    }

    fn base(&self, attempt: u32) -> Duration {
        let index = usize::try_from(attempt.saturating_sub(1)).unwrap_or(usize::MAX);
        self.0.get(index).or(self.0.last()).copied().unwrap_or(Duration::from_secs(1))
    }

    /// The delay after `attempt` failed, varied by up to a quarter either way: what failed together does not come
    /// back together. Whole seconds, at least one, as SQS counts.
    #[must_use]
    pub fn delay(&self, attempt: u32, roll: u64) -> Duration {
        let millis = u64::try_from(self.base(attempt).as_millis()).unwrap_or(u64::MAX);
        let spread = millis / 2;
        whole_seconds(Duration::from_millis(millis - millis / 4 + roll % (spread + 1)))
    }
}

fn seconds(item: &str) -> Option<u64> {
    let unit = item.chars().last()?;
    let count: u64 = item[..item.len() - unit.len_utf8()].parse().ok()?;
    let seconds = count.checked_mul(match unit {
        's' => 1,
        'm' => 60,
        'h' => 3600,
        _ => return None,
    })?;
    (1..=11 * 3600).contains(&seconds).then_some(seconds)
}

/// Limit of messages in flight on a standard queue. Delayed ones count, and one more is refused.
const IN_FLIGHT_LIMIT: u64 = 120_000;

/// A delay where this many messages are in flight: from 70 % of the limit on it is a quarter, so that a backlog of
/// delayed messages does not stop the queue.
#[must_use]
pub fn crowded(delay: Duration, in_flight: u64) -> Duration {
    if is_crowded(in_flight) { whole_seconds(delay / 4) } else { delay }
}

/// Returns true if so many messages are in flight that delays must be shortened.
///
/// Rule R23 of docs/protocol.md.
#[must_use]
pub const fn is_crowded(in_flight: u64) -> bool {
    in_flight >= IN_FLIGHT_LIMIT / 10 * 7
}

/// Rounded to the second, between one second and what SQS takes.
#[must_use]
pub fn whole_seconds(delay: Duration) -> Duration {
    let rounded = Duration::from_secs((delay.as_millis().saturating_add(500) / 1000).try_into().unwrap_or(u64::MAX));
    rounded.clamp(Duration::from_secs(1), LONGEST)
}

/// A delay that SQS still takes from an invocation that has worked for so long: on Lambda Managed Instances an hour and a half.
#[must_use]
pub fn within(delay: Duration, elapsed: Duration) -> Duration {
    delay.min(LONGEST.saturating_sub(elapsed)).max(Duration::from_secs(1))
}

/// A dead enqueue hurries through the receives that are left, until SQS moves it: one to two seconds.
#[must_use]
pub const fn dead(roll: u64) -> Duration {
    Duration::from_secs(1 + roll % 2)
}

/// Returns the delay of a message that did not start: short, and never zero.
#[must_use]
pub const fn not_started(roll: u64) -> Duration {
    Duration::from_secs(1 + roll % 5)
}

/// Returns the delay of a message whose key another worker holds: until the lease has ended.
#[must_use]
pub fn busy(until_lease_ends: Duration, roll: u64) -> Duration {
    whole_seconds(until_lease_ends + Duration::from_millis(1_000 + roll % 1_000))
}

/// Returns the delay during an outage that has lasted this long: as long again, from 30 s to 15 min, varied downwards
/// by up to a quarter. So a message that comes back in vain has waited twice as long each time.
#[must_use]
pub fn outage(lasted: Duration, roll: u64) -> Duration {
    let seconds = lasted.as_secs().clamp(OUTAGE.0, OUTAGE.1);
    Duration::from_secs(seconds - roll % (seconds / 4 + 1))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_presets_are_the_documented_ones() {
        let steps = Schedule::parse("steps").unwrap();
        assert_eq!(steps.attempts(), 6);
        assert_eq!(steps.0, [1, 5, 30, 120, 600].map(Duration::from_secs));
        let exponential = Schedule::parse("exponential").unwrap();
        assert_eq!(exponential.attempts(), 10);
        assert_eq!(exponential.0[..3], [30, 60, 120].map(Duration::from_secs));
        assert_eq!(exponential.0.last(), Some(&Duration::from_secs(900)));
    }

    #[test]
    fn a_list_is_read_and_nonsense_is_refused_with_the_mend() {
        assert_eq!(Schedule::parse("1s, 2m,1h").unwrap().0, [1, 120, 3600].map(Duration::from_secs));
        for bad in ["", "often", "0s", "12h", "1s,,2s", "1", "-1s", "1µ", "99999999999999999999h"] {
            assert!(Schedule::parse(bad).unwrap_err().to_string().contains("steps"), "{bad:?}");
        }
    }

    #[test]
    fn jitter_stays_within_a_quarter_and_never_reaches_zero() {
        let schedule = Schedule::parse("1s,100s").unwrap();
        for roll in (0..100_000).step_by(97).chain([u64::MAX]) {
            assert_eq!(schedule.delay(1, roll), Duration::from_secs(1));
            assert!((75..=125).contains(&schedule.delay(2, roll).as_secs()));
            assert!((1..=2).contains(&dead(roll).as_secs()));
            assert!((1..=5).contains(&not_started(roll).as_secs()));
            assert!((675..=900).contains(&outage(Duration::from_secs(40_000), roll).as_secs()));
            assert!((23..=30).contains(&outage(Duration::ZERO, roll).as_secs()));
            assert!((90..=120).contains(&outage(Duration::from_secs(120), roll).as_secs()));
        }
    }

    #[test]
    fn delays_shorten_from_70_percent_of_the_in_flight_limit() {
        let delay = Duration::from_secs(600);
        assert_eq!(crowded(delay, 83_999), delay);
        assert_eq!(crowded(delay, 84_000), Duration::from_secs(150));
        assert_eq!(crowded(Duration::from_secs(1), 120_000), Duration::from_secs(1));
    }

    #[test]
    fn no_delay_passes_what_sqs_takes() {
        assert_eq!(whole_seconds(Duration::from_secs(1_000_000)), LONGEST);
        assert_eq!(whole_seconds(Duration::ZERO), Duration::from_secs(1));
        let (longest, hour) = (Duration::from_secs(11 * 3600), Duration::from_secs(3600));
        assert_eq!([Duration::ZERO, hour].map(|elapsed| within(longest, elapsed)), [longest, LONGEST - hour]);
        assert_eq!(within(hour, hour), hour);
    }
}
