//! Readings of queues and alarms, as AWS tells them.

use std::time::Duration;

use serde::Serialize;

/// Rough numbers of a queue's messages; `None`: it did not say.
#[derive(Debug, Clone, Copy, Default, Serialize)]
pub(crate) struct Depths {
    pub(crate) visible: Option<u64>,
    pub(crate) in_flight: Option<u64>,
    pub(crate) delayed: Option<u64>,
    /// Retention of its messages.
    #[serde(skip)]
    pub(crate) retention: Option<Duration>,
}

impl Depths {
    /// Sums up all messages, as far as the queue said.
    pub(crate) fn all(&self) -> u64 {
        [self.visible, self.in_flight, self.delayed].into_iter().flatten().sum()
    }
}

/// Alarm with its state.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct AlarmStatus {
    pub(crate) name: String,
    pub(crate) state: String,
}

impl AlarmStatus {
    pub(crate) fn new(name: &str, state: &str) -> Self {
        Self { name: name.to_owned(), state: state.to_owned() }
    }
}
