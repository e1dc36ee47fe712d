//! Form of a letter's payload: the message, or a record that an AWS service wrote around it or in its place.

use serde::{Deserialize, Serialize};

/// The kind of a letter's payload. Told once, by the indexer: a body alone does not say whether it was sent to the dead-letter
/// queue as a record or is what the queue's own consumer works on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Form {
    /// The message, as its producer sent it.
    #[default]
    Message,
    /// A record around the message. What is sent is the message, byte by byte as it stands in the record.
    Record,
    /// A record that only says where something stands, or a message that was cut short. It is never sent.
    NoMessage,
}

impl Form {
    /// True of a message as it was sent: nothing must be told of it.
    #[must_use]
    pub const fn is_message(&self) -> bool {
        matches!(self, Self::Message)
    }
}
