//! A body that is sent in the place of a letter's own: a person's edit, or the message in a record. The original is kept
//! beside it.

use crate::message::key::PayloadHash;
use crate::time::Timestamp;

/// The name by which messages are taken out of records.
const INDEXER: &str = "indexer";

/// Body to send instead of the original, since a person edited it, or since the indexer took it out of a record.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Edited {
    /// The body; empty if it is not there.
    pub payload: String,
    /// Hash of the edited body, as payloads are configured to be hashed.
    pub hash: PayloadHash,
    /// Hash of the whole edited body.
    pub whole: PayloadHash,
    /// Person who edited it, or function that took it out.
    pub by: String,
    /// Time of the edit.
    pub at: Timestamp,
    /// Description of the part that is missing in the table, if any is.
    pub lost: Option<String>,
}

impl Edited {
    /// The message that the indexer took out of the record around it, with its hash and the hash of the whole.
    pub(crate) fn of_record(payload: String, (hash, whole): (PayloadHash, PayloadHash), at: Timestamp) -> Self {
        Self { payload, hash, whole, by: INDEXER.to_owned(), at, lost: None }
    }

    pub(super) fn is_of_record(&self) -> bool {
        self.by == INDEXER
    }
}
