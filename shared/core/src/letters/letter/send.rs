//! The sends of a letter, and where they went: back to the queue that it came from, or, because a person said so, elsewhere.
//!
//! What goes elsewhere is out of our sight. Nothing there swallows a second copy or tells of an outcome in this letter's name, and
//! a copy that dies there is another queue's message. So such a claim is never taken over, REPLAYED is final after it, and only
//! a person ever sends the letter again.

use serde::{Deserialize, Serialize};

use super::{EventKind, Letter, Status};
use crate::ids::{JobId, MessageId, Number, QueueArn};
use crate::message::key::{Key, PayloadHash};
use crate::time::Timestamp;

/// Record of one send of a letter, written down with the claim, before anything is sent.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Send {
    /// The letter's number at that send.
    pub number: Number,
    /// The key it was sent with.
    pub key: Option<Key>,
    /// Hash of the body that was sent.
    pub hash: PayloadHash,
    /// The new message id, once SQS said so.
    pub message_id: Option<MessageId>,
    /// Time of the claim.
    pub at: Timestamp,
    /// The job that it was claimed for, if it was one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub job: Option<JobId>,
    /// The whole payload's hash, if an edited body was sent and not the original.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub edited: Option<PayloadHash>,
    /// The queue that it went to, if that is not the one that the letter came from.
    ///
    /// Rule R41 of docs/protocol.md.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub to: Option<QueueArn>,
}

impl Letter {
    /// Returns the last send for this job, if there is one. A job sends a letter only once.
    #[must_use]
    pub fn sent_for(&self, job: JobId) -> Option<&Send> {
        self.sends.iter().rev().find(|send| send.job == Some(job))
    }

    /// The job whose claim holds it, or held it last.
    #[must_use]
    pub fn claimed_for(&self) -> Option<JobId> {
        self.sends.last().and_then(|send| send.job)
    }

    /// The other queue that its claim sends it to, or its last one did.
    #[must_use]
    pub fn destination(&self) -> Option<&QueueArn> {
        self.sends.last().filter(|send| send.number == self.number)?.to.as_ref()
    }

    /// Returns true if the letter was ever sent to another queue, or may have been.
    #[must_use]
    pub fn went_to_destination(&self) -> bool {
        self.sends.iter().any(|send| send.to.is_some())
    }

    /// The claim just made, as one that sends it to another queue.
    #[must_use]
    pub fn bound_for(mut self, to: Option<&QueueArn>) -> Self {
        if let (Some(send), Some(to)) = (self.sends.last_mut(), to) {
            send.to = Some(to.clone());
        }
        self
    }

    /// Returns true if the present claim puts the letter back into the dead-letter queue. An ejection is no send, so
    /// none is written down with it.
    #[must_use]
    pub fn is_ejecting(&self) -> bool {
        self.status == Status::Replaying && self.sends.last().is_none_or(|send| send.number != self.number)
    }

    /// Returns true if the letter waits because nobody knows what became of its last claim.
    #[must_use]
    pub fn waits_in_doubt(&self) -> bool {
        // A note says something about it, and changes nothing.
        let last = self.history.iter().rev().find(|event| event.what != EventKind::Noted);
        self.status == Status::Pending && last.is_some_and(|event| event.what == EventKind::InDoubt)
    }

    /// Returns true if the message was put back into the dead-letter queue.
    #[must_use]
    pub fn was_ejected(&self) -> bool {
        self.history.iter().any(|event| event.what == EventKind::Ejected)
    }

    /// Forgets the oldest send, of those that went elsewhere the last: as long as one is known, nothing goes by itself.
    pub(super) fn forget_a_send(&mut self) {
        let older = self.sends.len().saturating_sub(1);
        let oldest = self.sends.iter().take(older).position(|send| send.to.is_none()).unwrap_or(0);
        if oldest < self.sends.len() {
            self.sends.remove(oldest);
        }
    }
}
