//! Requests to replay or discard letters, and the message that a letter becomes again.

mod request;
mod selection;

use thiserror::Error;

use crate::envelope::{Attribute, Attributes};
use crate::ids::{LetterId, Number, Scope};
use crate::letter::{Letter, Status};
use crate::redrive::{ATTRIBUTE, Redrive};

pub use request::{BadRequest, Request};
pub use selection::{Candidate, Filter, Selection};

/// SQS's limit of message attributes.
const ATTRIBUTE_LIMIT: usize = 10;

/// A letter as a message again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Outgoing {
    /// The claim that it belongs to.
    pub letter: LetterId,
    /// Of that claim.
    pub number: Number,
    /// The body, verbatim.
    pub body: String,
    /// The original attributes and `redrive`.
    pub attributes: Attributes,
    /// `MessageGroupId`: a standard queue's fairness is kept.
    pub group: Option<String>,
}

/// Why a letter cannot become a message. Found before it is claimed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum CannotSend {
    /// It is not PENDING any more.
    #[error("letter is {0} by now")]
    Status(Status),
    /// All ten attributes are taken.
    #[error("letter has {ATTRIBUTE_LIMIT} message attributes, and SQS takes no eleventh for redrive's own")]
    NoAttributeSlot,
}

impl Outgoing {
    /// Whether this letter can be sent at all.
    ///
    /// # Errors
    /// [`CannotSend::NoAttributeSlot`].
    pub fn check(letter: &Letter) -> Result<(), CannotSend> {
        let others = letter.attributes.keys().filter(|name| *name != ATTRIBUTE).count();
        if others < ATTRIBUTE_LIMIT { Ok(()) } else { Err(CannotSend::NoAttributeSlot) }
    }

    /// The message of a claimed letter. `None` unless it is REPLAYING: nothing else is ever sent.
    #[must_use]
    pub fn of_claimed(letter: &Letter, scope: &Scope) -> Option<Self> {
        if letter.status != Status::Replaying {
            return None;
        }
        let redrive = Redrive {
            letter: letter.id,
            number: letter.number,
            key: letter.key.clone(),
            scope: scope.clone(),
            origin: letter.origin.clone(),
            sent_at: letter.sent_at,
        };
        let mut attributes = letter.attributes.clone();
        attributes.insert(ATTRIBUTE.to_owned(), Attribute::text(redrive.encode()));
        Some(Self {
            letter: letter.id,
            number: letter.number,
            body: letter.payload.clone(),
            attributes,
            group: letter.group.clone(),
        })
    }

    /// What it counts against SQS's limit of a batch: body and attributes, names and types included.
    #[must_use]
    pub fn bytes(&self) -> usize {
        let attributes: usize = self
            .attributes
            .iter()
            .map(|(name, attribute)| {
                let value = match &attribute.value {
                    crate::envelope::AttributeValue::Text(text) => text.len(),
                    crate::envelope::AttributeValue::Binary(bytes) => bytes.len(),
                };
                name.len() + attribute.data_type.len() + value
            })
            .sum();
        self.body.len() + attributes
    }
}
