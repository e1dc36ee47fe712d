//! Form of a letter's payload: the message, or a record that an AWS service wrote around it or in its place.

use serde::{Deserialize, Serialize};

use super::{Edited, Letter, NoBody};
use crate::message::key::PayloadHash;
use crate::time::Timestamp;

/// The name by which messages are taken out of records.
const INDEXER: &str = "indexer";

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

impl Letter {
    /// A new letter whose payload is a record, with the message that is sent in its place.
    pub(crate) fn with_message(
        mut self,
        payload: String,
        (hash, whole): (PayloadHash, PayloadHash),
        at: Timestamp,
    ) -> Self {
        self.form = Form::Record;
        self.edited = Some(Edited { payload, hash, whole, by: INDEXER.to_owned(), at, lost: None });
        self
    }

    /// True if its message was taken out of the record that came, and no person has changed it since.
    #[must_use]
    pub fn is_unwrapped(&self) -> bool {
        self.form == Form::Record && self.edited.as_ref().is_some_and(|edited| edited.by == INDEXER)
    }

    /// Checks that everything of it is there that was written.
    ///
    /// # Errors
    /// [`NoBody`] says what is not.
    pub fn check_kept(&self) -> Result<(), NoBody> {
        self.body.check()?;
        let lost = self.edited.as_ref().is_some_and(|edited| edited.lost.is_some());
        if lost { Err(NoBody::Missing) } else { Ok(()) }
    }

    /// Checks that everything is there that is sent.
    ///
    /// # Errors
    /// [`NoBody`] says why it is not: [`NoBody::OnlyRecord`], too, of a letter whose message never came.
    pub fn check_body(&self) -> Result<(), NoBody> {
        self.check_kept()?;
        if self.form == Form::NoMessage { Err(NoBody::OnlyRecord) } else { Ok(()) }
    }

    /// The payload for the dead-letter queue: as it came, unless a person has edited it.
    #[must_use]
    pub fn payload_of_dead(&self) -> &str {
        if self.is_unwrapped() { &self.payload } else { self.payload_now() }
    }
}
