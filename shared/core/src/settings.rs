//! Settings of the functions and of the templates, and the rules between them: each stands here and nowhere else.
//!
//! The functions read their variables by these, the doctor knows their defaults, and `infra/settings.json` hands them to the gates,
//! the CDK and the page of settings.

mod parameters;
mod rules;
mod variables;

use serde::Serialize;
use serde_json::{Value, json};

use crate::processing::backoff::{NAMED, Schedule};

pub use parameters::{PARAMETERS, SamTemplate, TemplateParameter};
pub use rules::{
    AtLeast, BODY_WITHIN_LETTER, HANDLER_ENDS_FIRST, LEASE_ENDS_FIRST, LEDGER_OUTLASTS_QUEUES, LETTER_OUTLASTS_QUEUES,
    RECEIVES_FOR_ATTEMPTS, SIX_TIMEOUTS,
};
pub use variables::*;

/// Highest `maxReceiveCount` of a redrive policy, by SQS. A FIFO queue has it: there the messages behind a failing one share its
/// receives.
pub const MOST_RECEIVES: u64 = 1_000;
/// Longest visibility timeout of a queue in seconds, by SQS.
pub const LONGEST_VISIBILITY: u64 = 43_200;
/// Days for which a dead-letter queue of ours keeps a message: the most there is, by SQS.
pub const DLQ_RETENTION: u64 = 14;
/// Days by which a memory outlasts what both queues keep.
pub const RETENTION_MARGIN: u64 = 1;
/// Largest batch of a FIFO queue, and of a standard one without a batching window, by Lambda.
pub const BATCH_WITHOUT_WINDOW: u64 = 10;
/// Visibility timeouts of a queue for one timeout of its function, by Lambda's advice: throttled batches are tried again within it.
pub const VISIBILITY_PER_TIMEOUT: u64 = 6;

/// Unit of a whole number.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum SettingUnit {
    /// Seconds of a time span.
    Seconds,
    /// Days of 24 hours.
    Days,
    /// Number of things, without a unit.
    Count,
}

/// Function of Redrive that reads settings.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum RedriveFunction {
    /// Function that handles the main queue's messages.
    Processor,
    /// Function that turns dead messages into letters.
    Indexer,
    /// Function that sends letters back.
    Replay,
}

/// Everything that is set or held here, as `infra/settings.json` has it.
#[must_use]
pub fn document() -> Value {
    let variables: Vec<_> = all().iter().map(|variable| json!(variable)).collect();
    let named = |name: &&str| {
        let schedule = Schedule::parse(name).ok()?;
        Some(((*name).to_owned(), json!({"attempts": schedule.attempts(), "delays_seconds": schedule.seconds()})))
    };
    let schedules: serde_json::Map<_, _> = NAMED.iter().filter_map(named).collect();
    json!({
        "limits": {
            "batch_without_window": BATCH_WITHOUT_WINDOW,
            "dead_letter_retention_days": DLQ_RETENTION,
            "longest_visibility_seconds": LONGEST_VISIBILITY,
            "most_receives": MOST_RECEIVES,
            "retention_margin_days": RETENTION_MARGIN,
        },
        "parameters": PARAMETERS,
        "rules": rules::ALL,
        "schedules": schedules,
        "variables": variables,
    })
}

#[cfg(test)]
mod tests;
