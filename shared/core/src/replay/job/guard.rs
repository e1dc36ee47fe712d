use std::fmt;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::TRIES;

/// Limits and checks that make a job careful.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Guard {
    /// Number of letters that go first, and must have their outcomes before the others follow; 0 for none.
    pub canary: u32,
    /// Limit of messages a second.
    pub rate: u32,
    /// The job stops if more than so many of a hundred fail again.
    pub max_failed_percent: u32,
    /// The job stops if more than so many messages wait in the main queue.
    pub max_backlog: Option<u64>,
    /// The job stops if this CloudWatch alarm is in ALARM.
    pub alarm: Option<String>,
    /// Time for which an outcome is waited for, in seconds.
    pub outcome_seconds: u32,
    /// Shortest time for each step of the ramp, in seconds.
    pub step_seconds: u32,
    /// Allows letters that are older than the ledger's memory: their effect may happen a second time.
    pub forgotten_ok: bool,
    /// Allows a letter without room for redrive's own attribute and without a stable key to go as a new message: its
    /// effect may happen a second time, and its outcome will not be known.
    pub as_new: bool,
    /// Allows a letter of a FIFO queue to go once the one before it in its group was sent. If that one dies again,
    /// those behind it have overtaken it.
    pub after_replayed: bool,
    /// Allows an edited body to have another key: it is another message then.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub allow_key_change: bool,
}

impl Default for Guard {
    fn default() -> Self {
        Self {
            canary: 10,
            rate: 50,
            max_failed_percent: 10,
            max_backlog: Some(10_000),
            alarm: None,
            outcome_seconds: 900,
            step_seconds: 60,
            forgotten_ok: false,
            as_new: false,
            after_replayed: false,
            allow_key_change: false,
        }
    }
}

impl Guard {
    /// Returns the first field that is out of its range, and the range.
    #[must_use]
    pub fn wrong(&self) -> Option<(&'static str, &'static str)> {
        let alarm = self.alarm.as_ref().is_none_or(|name| (1..=255).contains(&name.len()));
        let checks = [
            (self.canary <= 1_000, "canary", "0 to 1000"),
            ((1..=10_000).contains(&self.rate), "rate", "1 to 10000 messages a second"),
            (self.max_failed_percent <= 100, "max_failed_percent", "0 to 100"),
            (alarm, "alarm", "the name of an alarm, 1 to 255 bytes"),
            ((1..=86_400).contains(&self.outcome_seconds), "outcome_seconds", "1 to 86400"),
            ((1..=86_400).contains(&self.step_seconds), "step_seconds", "1 to 86400"),
        ];
        checks.into_iter().find(|(fits, ..)| !fits).map(|(_, field, allowed)| (field, allowed))
    }

    /// Returns the time for which an outcome is waited for.
    #[must_use]
    pub fn window(&self) -> Duration {
        Duration::from_secs(u64::from(self.outcome_seconds))
    }

    pub(super) fn step(&self) -> Duration {
        Duration::from_secs(u64::from(self.step_seconds))
    }
}

/// Reason for which a job ended by itself.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "what", rename_all = "snake_case")]
pub enum Stop {
    /// The letters that failed again are too many.
    FailedAgain {
        /// Number of letters that failed again.
        failed: u32,
        /// Number of letters whose outcome is known.
        of: u32,
    },
    /// The outcomes of some letters were not known at the end of the window.
    Unknown {
        /// Number of letters whose outcome stayed unknown.
        letters: u32,
    },
    /// The main queue has too many waiting messages.
    Backlog {
        /// Number of messages that wait in the main queue.
        messages: u64,
    },
    /// The alarm is in ALARM.
    Alarm,
    /// No alarm of that name exists, so nothing watches.
    NoSuchAlarm,
    /// SQS refused a whole batch, for a reason that does not pass.
    Refused {
        /// Error code that SQS answered.
        code: String,
    },
    /// SQS refused a letter for now again and again.
    StillRefused {
        /// Last error code that SQS answered.
        code: String,
    },
}

impl fmt::Display for Stop {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::FailedAgain { failed, of } => write!(f, "{failed} of {of} failed again"),
            Self::Unknown { letters } => write!(f, "nothing is known of {letters} letters, and their time is up"),
            Self::Backlog { messages } => write!(f, "{messages} messages wait in the main queue"),
            Self::Alarm => f.write_str("the alarm is in ALARM"),
            Self::NoSuchAlarm => f.write_str("there is no alarm of that name"),
            Self::Refused { code } => write!(f, "SQS refused a whole batch with {code}"),
            Self::StillRefused { code } => write!(f, "SQS still refuses a letter with {code} after {TRIES} tries"),
        }
    }
}

/// The state of a CloudWatch alarm.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AlarmState {
    /// The alarm is OK, or lacks data.
    Quiet,
    /// The alarm is in ALARM.
    Ringing,
    /// No alarm of that name exists.
    Missing,
}

/// Readings from outside the tables. `None` means that a value was not asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Readings {
    /// Number of messages that wait in the main queue.
    pub backlog: Option<u64>,
    /// State of the guard's alarm.
    pub alarm: Option<AlarmState>,
}
