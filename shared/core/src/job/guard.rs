use std::fmt;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::TRIES;

/// How carefully a job goes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Guard {
    /// How many letters go first, and must have their outcomes before the others follow. 0: none.
    pub canary: u32,
    /// How many messages a second go at most.
    pub rate: u32,
    /// The job stops if more than so many of a hundred fail again.
    pub max_failed_percent: u32,
    /// The job stops if more than so many messages wait in the main queue.
    pub max_backlog: Option<u64>,
    /// The job stops if this CloudWatch alarm is in ALARM.
    pub alarm: Option<String>,
    /// For how long an outcome is waited for, in seconds.
    pub outcome_seconds: u32,
    /// How long each step of the ramp takes at least, in seconds.
    pub step_seconds: u32,
    /// Whether letters may go that are older than the ledger's memory: their effect may happen a second time.
    pub forgotten_ok: bool,
    /// Whether a letter without room for redrive's own attribute and without a stable key may go as a new message: its
    /// effect may happen a second time, and its outcome will not be known.
    pub as_new: bool,
    /// Whether a letter of a FIFO queue may go once the one before it in its group was sent, whatever becomes of that: if it
    /// dies again, those behind it have overtaken it.
    pub after_replayed: bool,
    /// Whether an edited body may have another key: it is another message then.
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
    /// What is out of its range, if anything: the field, and what is allowed.
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

    /// For how long an outcome is waited for.
    #[must_use]
    pub fn window(&self) -> Duration {
        Duration::from_secs(u64::from(self.outcome_seconds))
    }

    pub(super) fn step(&self) -> Duration {
        Duration::from_secs(u64::from(self.step_seconds))
    }
}

/// Why a job ended by itself.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "what", rename_all = "snake_case")]
pub enum Stop {
    /// Too many failed again.
    FailedAgain {
        /// So many,
        failed: u32,
        /// of so many.
        of: u32,
    },
    /// Of so many nothing was known until the end of the window.
    Unknown {
        /// How many.
        letters: u32,
    },
    /// Too much waits in the main queue.
    Backlog {
        /// So many messages.
        messages: u64,
    },
    /// The alarm is in ALARM.
    Alarm,
    /// There is no alarm of that name: nobody watches.
    NoSuchAlarm,
    /// SQS refused a whole batch, for a reason that does not pass.
    Refused {
        /// Its code.
        code: String,
    },
    /// SQS refused a letter for now again and again.
    StillRefused {
        /// Its last code.
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
    /// It is not in ALARM: OK, or without enough data.
    Quiet,
    /// It is in ALARM.
    Ringing,
    /// There is none of that name.
    Missing,
}

/// What was read beside the tables. `None`: not asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Readings {
    /// How many messages wait in the main queue.
    pub backlog: Option<u64>,
    /// The guard's alarm.
    pub alarm: Option<AlarmState>,
}
