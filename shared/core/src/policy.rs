//! When a letter is replayed without being asked.

use std::time::Duration;

use crate::letter::ErrorType;
use crate::time::Timestamp;

/// The policy of one queue pair.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Policy {
    /// How long a letter rests after its first death; doubled with each further one.
    pub cool_down: Duration,
    /// A letter with more deaths than this waits for a person.
    pub max_deaths: u32,
    /// How long RESOLVED and DISCARDED letters are kept.
    pub resolved_retention: Duration,
    /// How long the bodies of RESOLVED and DISCARDED letters are kept, if that is shorter.
    pub body_retention: Duration,
    /// After how long a replayed message can neither be running nor dead any more: main retention, DLQ retention
    /// and a margin.
    pub outcome_after: Duration,
}

impl Policy {
    /// The same policy for a consumer without our ledger: only a person may replay.
    #[must_use]
    pub fn asking(&self) -> Self {
        Self { max_deaths: 0, ..self.clone() }
    }

    /// When a letter that became PENDING at `since` may be replayed; [`Timestamp::NEVER`] if only a person may.
    ///
    /// NEVER_RAN, TRANSIENT and TIMEOUT may pass by themselves; a letter without a single attempt rests not at
    /// all the first time, and so is the first to go.
    #[must_use]
    pub fn due(&self, error_type: ErrorType, deaths: u32, since: Timestamp) -> Timestamp {
        if deaths > self.max_deaths {
            return Timestamp::NEVER;
        }
        let doublings = match error_type {
            ErrorType::NeverRan if deaths <= 1 => return since,
            ErrorType::NeverRan => deaths - 2,
            ErrorType::Transient | ErrorType::Timeout => deaths.saturating_sub(1),
            ErrorType::Permanent | ErrorType::Schema | ErrorType::Unknown => return Timestamp::NEVER,
        };
        since.after(self.cool_down.saturating_mul(1 << doublings.min(16)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn policy() -> Policy {
        Policy {
            cool_down: Duration::from_secs(10),
            max_deaths: 3,
            resolved_retention: Duration::from_secs(1),
            body_retention: Duration::from_secs(1),
            outcome_after: Duration::from_secs(1),
        }
    }

    fn due(error_type: ErrorType, deaths: u32) -> Option<u64> {
        let due = policy().due(error_type, deaths, Timestamp::from_millis(0));
        (due != Timestamp::NEVER).then(|| due.as_secs())
    }

    #[test]
    fn without_a_ledger_nothing_is_replayed_by_itself() {
        for error_type in [ErrorType::NeverRan, ErrorType::Transient, ErrorType::Timeout, ErrorType::Unknown] {
            assert_eq!(policy().asking().due(error_type, 1, Timestamp::from_millis(0)), Timestamp::NEVER);
        }
    }

    #[test]
    fn what_may_pass_by_itself_rests_longer_with_each_death_and_then_waits_for_a_person() {
        for error_type in [ErrorType::Transient, ErrorType::Timeout] {
            assert_eq!([1, 2, 3, 4].map(|deaths| due(error_type, deaths)), [Some(10), Some(20), Some(40), None]);
        }
        assert_eq!([1, 2, 3, 4].map(|deaths| due(ErrorType::NeverRan, deaths)), [Some(0), Some(10), Some(20), None]);
    }

    #[test]
    fn what_will_not_pass_by_itself_always_waits_for_a_person() {
        for error_type in [ErrorType::Permanent, ErrorType::Schema, ErrorType::Unknown] {
            assert_eq!(due(error_type, 1), None);
        }
    }
}
