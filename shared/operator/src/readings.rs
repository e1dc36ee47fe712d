//! Readings of queues and alarms, as AWS tells them.

use std::time::Duration;

use serde::Serialize;

/// Rough numbers of a queue's messages; `None`: it did not say.
#[derive(Debug, Clone, Copy, Default, Serialize)]
pub struct Depths {
    /// Messages that can be received.
    pub visible: Option<u64>,
    /// Messages that were received and are hidden.
    pub in_flight: Option<u64>,
    /// Messages that cannot be received yet.
    pub delayed: Option<u64>,
    /// Retention of its messages.
    #[serde(skip)]
    pub retention: Option<Duration>,
}

impl Depths {
    /// Sums up all messages, as far as the queue said.
    pub fn all(&self) -> u64 {
        [self.visible, self.in_flight, self.delayed].into_iter().flatten().sum()
    }
}

/// Alarm with its state.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AlarmStatus {
    /// Name of the alarm.
    pub name: String,
    /// State in CloudWatch's word.
    pub state: String,
}

impl AlarmStatus {
    /// Makes an alarm of its name and state.
    #[must_use]
    pub fn new(name: &str, state: &str) -> Self {
        Self { name: name.to_owned(), state: state.to_owned() }
    }
}
