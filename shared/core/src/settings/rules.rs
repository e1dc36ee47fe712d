//! Rules between two settings.

use serde::Serialize;

use super::variables as of;
use super::{DLQ_RETENTION, LONGEST_VISIBILITY, RETENTION_MARGIN, VISIBILITY_PER_TIMEOUT};
use crate::processing::backoff::RECEIVE_HEADROOM;
use crate::processing::ledger::LEASE_MARGIN;

/// Rule that a setting is at least as much as another one demands: `times` of that and `plus`, but no more than `cap`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct AtLeast {
    /// Name of the rule.
    pub name: &'static str,
    /// Variable of the setting.
    pub setting: &'static str,
    /// Variable of the other setting; of a retry schedule its attempts count.
    pub of: &'static str,
    /// Factor of the other setting.
    pub times: u64,
    /// Number that is added to it.
    pub plus: u64,
    /// Most that is demanded.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cap: Option<u64>,
    /// Reason of the rule.
    pub why: &'static str,
}

impl AtLeast {
    /// Least value of the setting for this value of the other one.
    #[must_use]
    pub const fn least(&self, of: u64) -> u64 {
        let least = of.saturating_mul(self.times).saturating_add(self.plus);
        match self.cap {
            Some(cap) if cap < least => cap,
            _ => least,
        }
    }

    /// Returns true if two values keep the rule.
    #[must_use]
    pub const fn holds(&self, setting: u64, of: u64) -> bool {
        setting >= self.least(of)
    }
}

/// A handler's time ends before its function's.
pub const HANDLER_ENDS_FIRST: AtLeast = AtLeast {
    name: "handler-ends-first",
    setting: of::FUNCTION_TIMEOUT_SECONDS.name,
    of: of::HANDLER_TIMEOUT_SECONDS.name,
    times: 1,
    plus: 1,
    cap: None,
    why: "Lambda ends a function that runs out of time together with its whole batch.",
};

/// A lease ends before its message is visible again.
pub const LEASE_ENDS_FIRST: AtLeast = AtLeast {
    name: "lease-ends-first",
    setting: of::QUEUE_VISIBILITY_TIMEOUT_SECONDS.name,
    of: of::HANDLER_TIMEOUT_SECONDS.name,
    times: 1,
    plus: LEASE_MARGIN.as_secs() + 1,
    cap: None,
    why: "A lease that outlasts the visibility timeout keeps the message's own next receive out.",
};

/// A queue hides a message for six timeouts of its function.
pub const SIX_TIMEOUTS: AtLeast = AtLeast {
    name: "six-timeouts",
    setting: of::QUEUE_VISIBILITY_TIMEOUT_SECONDS.name,
    of: of::FUNCTION_TIMEOUT_SECONDS.name,
    times: VISIBILITY_PER_TIMEOUT,
    plus: 0,
    cap: Some(LONGEST_VISIBILITY),
    why: "Lambda tries throttled batches again for so long; below it, throttles use up receives.",
};

/// A message has more receives than attempts.
pub const RECEIVES_FOR_ATTEMPTS: AtLeast = AtLeast {
    name: "receives-for-attempts",
    setting: of::MAX_RECEIVE_COUNT.name,
    of: of::RETRY_SCHEDULE.name,
    times: 1,
    plus: RECEIVE_HEADROOM as u64,
    cap: None,
    why: "Busy leases, throttles and outages use up receives without an attempt.",
};

/// The ledger remembers for longer than both queues keep a message.
pub const LEDGER_OUTLASTS_QUEUES: AtLeast = AtLeast {
    name: "ledger-outlasts-queues",
    setting: of::LEDGER_RETENTION_DAYS.name,
    of: of::MAIN_RETENTION_DAYS.name,
    times: 1,
    plus: DLQ_RETENTION + RETENTION_MARGIN,
    cap: None,
    why: "A ledger that forgets before the queues do lets a message run twice.",
};

/// An ended letter is kept for longer than both queues keep a copy.
pub const LETTER_OUTLASTS_QUEUES: AtLeast = AtLeast {
    name: "letter-outlasts-queues",
    setting: of::RESOLVED_RETENTION_DAYS.name,
    of: of::MAIN_RETENTION_DAYS.name,
    times: 1,
    plus: DLQ_RETENTION + RETENTION_MARGIN,
    cap: None,
    why: "A copy of a discarded message may still die, and must find its letter.",
};

/// A body is kept no longer than its letter.
pub const BODY_WITHIN_LETTER: AtLeast = AtLeast {
    name: "body-within-letter",
    setting: of::RESOLVED_RETENTION_DAYS.name,
    of: of::BODY_RETENTION_DAYS.name,
    times: 1,
    plus: 0,
    cap: None,
    why: "A body is a part of its letter.",
};

/// All of these rules.
pub(super) const ALL: &[AtLeast] = &[
    HANDLER_ENDS_FIRST,
    LEASE_ENDS_FIRST,
    SIX_TIMEOUTS,
    RECEIVES_FOR_ATTEMPTS,
    LEDGER_OUTLASTS_QUEUES,
    LETTER_OUTLASTS_QUEUES,
    BODY_WITHIN_LETTER,
];
