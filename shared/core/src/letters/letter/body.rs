use thiserror::Error;

use super::Letter;
use crate::letters::policy::Policy;
use crate::message::envelope::AttributeValue;
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

    fn set_until(&mut self, to: Option<Timestamp>) {
        if let Self::Kept { until } | Self::Missing { until, .. } = self {
            *until = to;
        }
    }
}

impl Letter {
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

    /// Starts the time until deletion: the body's first, where that is shorter.
    pub(super) fn close(&mut self, policy: &Policy, now: Timestamp) {
        let sooner = policy.body_retention < policy.resolved_retention;
        self.body.set_until(sooner.then(|| now.after(policy.body_retention).whole_seconds()));
        self.expires = Some(now.after(policy.resolved_retention).whole_seconds());
    }

    /// Lets the letter and its body stay without end.
    pub(super) fn reopen(&mut self) {
        self.body.set_until(None);
        self.expires = None;
    }
}
