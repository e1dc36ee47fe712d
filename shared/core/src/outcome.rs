//! What became of a received message, and so what Lambda and SQS are told.

use std::time::Duration;

use crate::backoff;
use crate::fault::{Class, Fault};
use crate::time::Timestamp;

/// The end of one receive.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// Its completion was read as written.
    Completed,
    /// The ledger shows it completed with this payload.
    Duplicate,
    /// The attempt failed and another follows.
    Retry {
        /// Why.
        fault: Fault,
        /// Which attempt it was.
        attempt: u32,
    },
    /// The life ended with this receive or an earlier one: SQS moves it when its receives are used up.
    Dead {
        /// Why; of an earlier receive if `ran` is false.
        fault: Fault,
        /// Which attempt it was.
        attempt: u32,
        /// Whether this receive is the one that ended it.
        now: bool,
    },
    /// Another holder has the key until then.
    Busy(Timestamp),
    /// It waited for a record of the same batch with the same key, which failed and comes back after this.
    Behind(Duration),
    /// There was no time to start it.
    NotStarted,
    /// Its settlement was rejected, or its answer never came: nobody may touch its visibility.
    Unsettled,
    /// The ledger could not be asked.
    LedgerOut,
    /// It lacks what every record has; left as it is.
    Unreadable,
}

impl Outcome {
    /// Whether Lambda may delete the message.
    #[must_use]
    pub const fn acknowledged(&self) -> bool {
        matches!(self, Self::Completed | Self::Duplicate)
    }

    /// The fault's class, if the receive ended with one.
    #[must_use]
    pub const fn class(&self) -> Option<Class> {
        match self {
            Self::Retry { fault, .. } | Self::Dead { fault, now: true, .. } => Some(fault.class),
            _ => None,
        }
    }

    /// One word for logs and metrics.
    #[must_use]
    pub const fn word(&self) -> &'static str {
        match self {
            Self::Completed => "completed",
            Self::Duplicate => "duplicate",
            Self::Retry { .. } => "retry",
            Self::Dead { .. } => "dead",
            Self::Busy(_) | Self::Behind(_) => "busy",
            Self::NotStarted => "not-started",
            Self::Unsettled => "unsettled",
            Self::LedgerOut => "ledger-out",
            Self::Unreadable => "unreadable",
        }
    }

    /// After which delay the message shall come back; `None` leaves its visibility as it is.
    #[must_use]
    pub fn visibility(
        &self,
        schedule: &backoff::Schedule,
        receive_count: u32,
        now: Timestamp,
        roll: u64,
    ) -> Option<Duration> {
        match self {
            Self::Completed | Self::Duplicate | Self::Unsettled | Self::Unreadable => None,
            Self::Retry { fault, attempt } => Some(match fault.retry_after {
                Some(asked) => backoff::whole_seconds(asked.max(schedule.delay(*attempt, roll))),
                None => schedule.delay(*attempt, roll),
            }),
            Self::Dead { .. } => Some(backoff::dead(roll)),
            Self::Busy(until) => Some(backoff::busy(until.since(now), roll)),
            Self::Behind(delay) => Some(*delay),
            Self::NotStarted => Some(backoff::not_started(roll)),
            Self::LedgerOut => Some(backoff::outage(receive_count, roll)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn visibility(outcome: &Outcome) -> Option<u64> {
        let schedule = backoff::Schedule::parse("8s,80s").unwrap();
        outcome.visibility(&schedule, 1, Timestamp::from_millis(1_000), 0).map(|delay| delay.as_secs())
    }

    #[test]
    fn only_a_completion_or_a_known_duplicate_is_acknowledged() {
        let fault = Fault::transient("t", "t");
        let failed = [
            Outcome::Retry { fault: fault.clone(), attempt: 1 },
            Outcome::Dead { fault, attempt: 1, now: true },
            Outcome::Busy(Timestamp::from_millis(1)),
            Outcome::Behind(Duration::from_secs(1)),
            Outcome::NotStarted,
            Outcome::Unsettled,
            Outcome::LedgerOut,
            Outcome::Unreadable,
        ];
        assert!(failed.iter().all(|outcome| !outcome.acknowledged()));
        assert!(Outcome::Completed.acknowledged() && Outcome::Duplicate.acknowledged());
    }

    #[test]
    fn an_unsettled_message_keeps_its_visibility() {
        assert_eq!(visibility(&Outcome::Unsettled), None);
    }

    #[test]
    fn a_retry_follows_its_schedule_and_a_later_wish_of_the_fault() {
        let retry =
            |after| Outcome::Retry { fault: Fault { retry_after: after, ..Fault::transient("t", "t") }, attempt: 2 };
        assert_eq!(visibility(&retry(None)), Some(60));
        assert_eq!(visibility(&retry(Some(Duration::from_secs(600)))), Some(600));
        assert_eq!(visibility(&retry(Some(Duration::from_secs(5)))), Some(60));
    }

    #[test]
    fn a_busy_message_comes_back_after_the_lease() {
        assert_eq!(visibility(&Outcome::Busy(Timestamp::from_millis(8_000))), Some(8));
    }
}
