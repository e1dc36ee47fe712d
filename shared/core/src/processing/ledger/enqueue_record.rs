use serde::{Deserialize, Serialize};

use crate::ids::Enqueue;

/// Record of one enqueue in an entry.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct EnqueueRecord {
    /// Enqueue that the record is about.
    #[serde(rename = "life")]
    pub enqueue: Enqueue,
    /// Number of handler starts for it (receives are not attempts).
    pub attempts: u32,
    /// True if the enqueue will not run again: SQS moves the message to the DLQ.
    pub dead: bool,
    /// An edit took the message back. What marked that before this was told is dead at [`Enqueue::UNDATED`], too.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub withdrawn: bool,
}

impl EnqueueRecord {
    /// Returns true if the record is about this enqueue: that of a withdrawn message is about all its enqueues.
    #[must_use]
    pub fn is_of(&self, enqueue: &Enqueue) -> bool {
        let withdrawn = self.dead && self.enqueue.sent_at == Enqueue::UNDATED;
        self.enqueue == *enqueue || withdrawn && self.enqueue.message_id == enqueue.message_id
    }
}
