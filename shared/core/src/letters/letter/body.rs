//! Body of a letter: is it there, which one is sent, how large is it, and when is it deleted.

use thiserror::Error;

use super::{Edited, Form, Letter};
use crate::message::envelope::AttributeValue;
use crate::message::key::PayloadHash;
use crate::time::Timestamp;

/// State of a letter's body: payload and attributes. Where it is gone, both are empty, and its hash says what the body
/// was.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Body {
    /// The whole body is stored.
    Kept {
        /// Time of deletion, if that is before the letter's: never, unless RESOLVED or DISCARDED.
        until: Option<Timestamp>,
    },
    /// A person had it removed. It can never be sent again.
    Erased {
        /// Time of the erasure.
        at: Timestamp,
        /// Person who asked for it.
        by: String,
        /// Reason for the erasure.
        note: String,
    },
    /// The body is not in the table as it was written: deleted, if its time has passed; else lost or damaged.
    Missing {
        /// Time of deletion, as in [`Self::Kept`].
        until: Option<Timestamp>,
        /// Description of the missing part.
        why: String,
    },
}

impl Default for Body {
    fn default() -> Self {
        Self::Kept { until: None }
    }
}

/// Reason for which a letter cannot become a message again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum NoBody {
    /// A person had the body removed.
    #[error("letter's body was erased")]
    Erased,
    /// The table lacks it.
    #[error("letter's body is not in the table as it was written")]
    Missing,
    /// The record that came has no message in it.
    #[error("letter is a record that points to its message, and does not hold it")]
    OnlyRecord,
}

impl Body {
    /// Checks that payload and attributes are there.
    ///
    /// # Errors
    ///
    /// [`NoBody`] says why they are not.
    pub const fn check(&self) -> Result<(), NoBody> {
        match self {
            Self::Kept { .. } => Ok(()),
            Self::Erased { .. } => Err(NoBody::Erased),
            Self::Missing { .. } => Err(NoBody::Missing),
        }
    }

    /// Returns the time of deletion, if that is before the letter's.
    #[must_use]
    pub const fn until(&self) -> Option<Timestamp> {
        match self {
            Self::Kept { until } | Self::Missing { until, .. } => *until,
            Self::Erased { .. } => None,
        }
    }

    /// The same state, with another time of deletion.
    pub(in crate::letters) fn with_until(self, until: Option<Timestamp>) -> Self {
        match self {
            Self::Kept { .. } => Self::Kept { until },
            Self::Missing { why, .. } => Self::Missing { until, why },
            Self::Erased { .. } => self,
        }
    }
}

impl Letter {
    /// The body that it is sent with: the edited one, if there is one.
    #[must_use]
    pub fn payload_now(&self) -> &str {
        self.edited.as_ref().map_or(&self.payload, |edited| &edited.payload)
    }

    /// Returns the hash of the body that would be sent now.
    #[must_use]
    pub fn hash_now(&self) -> &PayloadHash {
        self.edited.as_ref().map_or(&self.hash, |edited| &edited.hash)
    }

    /// The payload for the dead-letter queue: as it came, unless a person has edited it.
    #[must_use]
    pub fn payload_of_dead(&self) -> &str {
        if self.is_unwrapped() { &self.payload } else { self.payload_now() }
    }

    /// True if its message was taken out of the record that came, and no person has changed it since.
    #[must_use]
    pub fn is_unwrapped(&self) -> bool {
        self.form == Form::Record && self.edited.as_ref().is_some_and(Edited::is_of_record)
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

    /// Roughly how many bytes payload and attributes have.
    #[must_use]
    pub fn body_bytes(&self) -> usize {
        let attributes = self.attributes.iter().map(|(name, attribute)| {
            let value = match &attribute.value {
                AttributeValue::Text(text) => text.len(),
                AttributeValue::Binary(bytes) => bytes.len(),
            };
            name.len() + attribute.data_type.len() + value + 32
        });
        let edited = self.edited.as_ref().map_or(0, |edited| edited.payload.len());
        self.payload.len() + edited + attributes.sum::<usize>()
    }

    /// Returns the time at which the body is deleted: with the letter, or before it.
    #[must_use]
    pub fn body_expires(&self) -> Option<Timestamp> {
        self.body.until().or(self.expires)
    }
}
