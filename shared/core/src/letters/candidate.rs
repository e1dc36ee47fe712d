//! Letters as an index lists them.

use crate::error_type::ErrorType;
use crate::ids::{LetterId, QueueArn, ReplayNumber, Scope};
use crate::letters::letter::{Letter, Status};
use crate::message::foreign::ClaimCheck;
use crate::message::key::Key;
use crate::text::capped;
use crate::time::Timestamp;

/// The most bytes of an error text that an index carries.
const MESSAGE_LIMIT: usize = 256;

/// Entry of an index about a letter: enough to list it, and to ask the ledger about it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Candidate {
    /// Id of the letter.
    pub id: LetterId,
    /// Status of the letter.
    pub status: Status,
    /// Time at which it is due.
    pub due: Timestamp,
    /// Kind of failure of its last death.
    pub error_type: ErrorType,
    /// Code of the fault, if there is one.
    pub error_code: Option<String>,
    /// The beginning of the fault's text.
    pub error_message: String,
    /// Fingerprint of its cause.
    pub fingerprint: String,
    /// The queue that it came from.
    pub source: QueueArn,
    /// Time of the first failed attempt.
    pub first_failed_at: Timestamp,
    /// Time of the last failed attempt.
    pub last_failed_at: Timestamp,
    /// Number of its deaths.
    pub deaths: u32,
    /// Number of claims for a replay.
    pub number: ReplayNumber,
    /// The version of the function in which its last attempt failed.
    pub function_version: Option<String>,
    /// Message group, on a FIFO queue.
    pub group: Option<String>,
    /// Sequence number, on a FIFO queue.
    pub sequence: Option<String>,
    /// Idempotency key, by which the ledger tells if the message is done by now.
    pub key: Option<Key>,
    /// Scope of the key in the ledger.
    pub scope: Scope,
}

/// A letter as it stands, without its body: what somebody is shown.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Look {
    /// Candidate as an up-to-date index would show it.
    pub candidate: Candidate,
    /// Version of the letter.
    pub version: u64,
    /// Time of its last change, notes apart.
    pub changed_at: Timestamp,
    /// Place in S3 of the body that would be sent, if the message only points there.
    pub body_in_s3: Option<ClaimCheck>,
}

impl Look {
    /// Takes candidate, version, time of the last change and place of the body from a letter.
    #[must_use]
    pub fn of(letter: &Letter) -> Self {
        let body_in_s3 = ClaimCheck::of(letter.payload_now(), &letter.attributes);
        Self { candidate: Candidate::of(letter), version: letter.version, changed_at: letter.changed_at(), body_in_s3 }
    }
}

impl Candidate {
    /// Returns true if its last failure stands in the ledger's entry of its key. What never ran, and what nobody could read, has
    /// no entry of its own.
    #[must_use]
    pub const fn is_in_ledger(&self) -> bool {
        let ran = matches!(self.error_type, ErrorType::Transient | ErrorType::Permanent | ErrorType::Timeout);
        ran && self.key.is_some()
    }

    /// Makes the candidate that an up-to-date index would show.
    #[must_use]
    pub fn of(letter: &Letter) -> Self {
        Self {
            id: letter.id,
            status: letter.status,
            due: letter.due,
            error_type: letter.reason.error_type,
            error_code: letter.reason.error_code.clone(),
            error_message: capped(&letter.reason.error_message, MESSAGE_LIMIT),
            fingerprint: letter.fingerprint.clone(),
            source: letter.source.clone(),
            first_failed_at: letter.reason.first_failed_at,
            last_failed_at: letter.reason.last_failed_at,
            deaths: letter.deaths,
            number: letter.number,
            function_version: letter.history.function_version().map(str::to_owned),
            group: letter.group.clone(),
            sequence: letter.sequence.clone(),
            key: letter.key.clone(),
            scope: letter.scope.clone(),
        }
    }
}
