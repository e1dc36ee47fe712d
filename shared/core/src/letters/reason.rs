//! Reason for a message's death.

use serde_json::json;

use crate::error_type::ErrorType;
use crate::fault::TEXT_LIMIT;
use crate::letters::fingerprint::fingerprint;
use crate::message::foreign::StatedReason;
use crate::processing::ledger::Attempt;
use crate::text::capped;
use crate::time::Timestamp;

/// Reason of a letter's last death.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Reason {
    /// Kind of the failure.
    pub error_type: ErrorType,
    /// The fault's code, if there was a fault.
    pub error_code: Option<String>,
    /// Text of the fault.
    pub error_message: String,
    /// Number of handler starts for the enqueue that died.
    pub attempt_count: u32,
    /// Time at which the first of these attempts failed.
    pub first_failed_at: Timestamp,
    /// Time at which the last of them failed.
    pub last_failed_at: Timestamp,
    /// The failed attempts of that enqueue that the ledger remembers; of a letter they stand in its history.
    pub attempts: Vec<Attempt>,
}

/// Code of messages whose key has too many dead enqueues, with the name that it had in earlier versions.
const TOO_MANY_ENQUEUES: [&str; 2] = ["too-many-enqueues", "too-many-lives"];

/// Returns the other name of one of Redrive's own error codes, if it has been renamed. Policies, filters and letters of earlier
/// versions have the former name.
#[must_use]
pub fn other_name(code: &str) -> Option<&'static str> {
    let [now, before] = TOO_MANY_ENQUEUES;
    if code == now {
        Some(before)
    } else if code == before {
        Some(now)
    } else {
        None
    }
}

impl Reason {
    /// Returns the fingerprint of the cause.
    #[must_use]
    pub fn fingerprint(&self) -> String {
        fingerprint(self.error_type.as_str(), self.error_code.as_deref(), &self.error_message)
    }

    /// Reason that a dead message states itself. It was given up when it was sent to the dead-letter queue.
    #[must_use]
    pub fn stated(stated: &StatedReason, sent_at: Timestamp, now: Timestamp) -> Self {
        let at = sent_at.min(now);
        Self {
            error_type: stated.error_type,
            error_code: stated.code.clone(),
            error_message: capped(&stated.text, TEXT_LIMIT),
            attempt_count: stated.attempts,
            first_failed_at: at,
            last_failed_at: at,
            attempts: Vec::new(),
        }
    }

    /// Value of the attribute [`crate::message::foreign::ATTRIBUTE`], for a message that goes back to the dead-letter queue.
    #[must_use]
    pub fn to_attribute(&self) -> String {
        let (error_type, message) = (self.error_type.as_str(), &self.error_message);
        let mut members = json!({"type": error_type, "message": message, "attempts": self.attempt_count});
        if let Some(code) = &self.error_code {
            members["code"] = json!(code);
        }
        members.to_string()
    }
}
