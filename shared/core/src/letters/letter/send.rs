//! The sends of a letter, and where they went: back to the queue that it came from, or, because a person said so, elsewhere.
//!
//! What goes elsewhere is out of our sight. Nothing there swallows a second copy or tells of an outcome in this letter's name, and
//! a copy that dies there is another queue's message. So such a claim is never taken over, REPLAYED is final after it, and only
//! a person ever sends the letter again.

use std::ops::{Deref, DerefMut};
use std::slice;

use serde::{Deserialize, Serialize};

use super::REMEMBERED;
use crate::ids::{JobId, MessageId, QueueArn, ReplayNumber};
use crate::message::key::{Key, PayloadHash};
use crate::time::Timestamp;

/// Record of one send of a letter, written down with the claim, before anything is sent.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Send {
    /// The letter's number at that send.
    pub number: ReplayNumber,
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

/// Last sends of a letter, the oldest first.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default)]
pub struct Sends(Vec<Send>);

impl Sends {
    /// Adds a send, and forgets another where there are too many.
    pub fn push(&mut self, send: Send) {
        self.0.push(send);
        if self.0.len() > REMEMBERED {
            self.forget_one();
        }
    }

    /// Keeps the sends that fit.
    pub fn retain(&mut self, fits: impl FnMut(&Send) -> bool) {
        self.0.retain(fits);
    }

    /// Returns the last send for this job, if there is one. A job sends a letter only once.
    #[must_use]
    pub fn of_job(&self, job: JobId) -> Option<&Send> {
        self.iter().rev().find(|send| send.job == Some(job))
    }

    /// The job whose claim holds the letter, or held it last.
    #[must_use]
    pub fn last_job(&self) -> Option<JobId> {
        self.last().and_then(|send| send.job)
    }

    /// Returns true if the letter was ever sent to another queue, or may have been.
    #[must_use]
    pub fn any_to_destination(&self) -> bool {
        self.iter().any(|send| send.to.is_some())
    }

    /// Forgets the oldest send, of those that went elsewhere the last: as long as one is known, nothing goes by itself.
    /// Returns false if only one is left, which stays.
    pub(in crate::letters) fn forget_one(&mut self) -> bool {
        let Some((_, older)) = self.0.split_last().filter(|(_, older)| !older.is_empty()) else { return false };
        let oldest = older.iter().position(|send| send.to.is_none()).unwrap_or(0);
        self.0.remove(oldest);
        true
    }
}

impl Deref for Sends {
    type Target = [Send];

    fn deref(&self) -> &Self::Target {
        &self.0
    }
}

impl DerefMut for Sends {
    fn deref_mut(&mut self) -> &mut Self::Target {
        &mut self.0
    }
}

impl FromIterator<Send> for Sends {
    fn from_iter<I: IntoIterator<Item = Send>>(sends: I) -> Self {
        Self(sends.into_iter().collect())
    }
}

impl From<Vec<Send>> for Sends {
    fn from(sends: Vec<Send>) -> Self {
        Self(sends)
    }
}

impl<'a> IntoIterator for &'a Sends {
    type Item = &'a Send;
    type IntoIter = slice::Iter<'a, Send>;

    fn into_iter(self) -> Self::IntoIter {
        self.iter()
    }
}
