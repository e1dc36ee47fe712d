//! Requests to replay or discard letters, and the message that a letter becomes again.

mod consent;
mod order;
mod request;
mod selection;

use thiserror::Error;

use crate::envelope::{Attribute, Attributes};
use crate::ids::{LetterId, Number, Scope};
use crate::letter::{Letter, Status};
use crate::redrive::{ATTRIBUTE, Redrive};

pub use consent::{Asked, Consent, KnownOf, consent};
pub use order::{Heads, is_fifo};
pub use request::{BadRequest, Change, Remark, Request, Said};
pub use selection::{Candidate, Filter, Selection};

/// SQS's limit of message attributes.
const ATTRIBUTE_LIMIT: usize = 10;
/// SQS's limit of a message: body and attributes.
const MESSAGE_LIMIT: usize = 1024 * 1024;
/// What redrive's own attribute takes at most, without the key in it.
const REDRIVE_BYTES: usize = 512;

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
    /// All ten attributes are taken, or the message has its full size; and its key is only its old message id.
    #[error(
        "letter has no room for redrive's own attribute (SQS takes {ATTRIBUTE_LIMIT}, and 1 MiB), and no stable key"
    )]
    NoAttributeSlot,
}

impl Outgoing {
    /// Whether this letter can be sent as itself: with redrive's own attribute, or, where there is no room for it, under a
    /// stable key, by which the ledger knows it all the same.
    ///
    /// # Errors
    /// [`CannotSend::NoAttributeSlot`].
    pub fn check(letter: &Letter) -> Result<(), CannotSend> {
        let others = letter.attributes.keys().filter(|name| *name != ATTRIBUTE).count();
        let key = letter.key.as_ref().map_or(0, |key| key.as_str().len());
        let bytes = bytes(&letter.payload, &letter.attributes) + REDRIVE_BYTES + key;
        let room = others < ATTRIBUTE_LIMIT && bytes <= MESSAGE_LIMIT;
        if room || letter.key_is_stable { Ok(()) } else { Err(CannotSend::NoAttributeSlot) }
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
        if attributes.len() > ATTRIBUTE_LIMIT || bytes(&letter.payload, &attributes) > MESSAGE_LIMIT {
            attributes.remove(ATTRIBUTE);
        }
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
        bytes(&self.body, &self.attributes)
    }
}

fn bytes(body: &str, attributes: &Attributes) -> usize {
    let attributes = attributes.iter().map(|(name, attribute)| {
        let value = match &attribute.value {
            crate::envelope::AttributeValue::Text(text) => text.len(),
            crate::envelope::AttributeValue::Binary(bytes) => bytes.len(),
        };
        name.len() + attribute.data_type.len() + value
    });
    body.len() + attributes.sum::<usize>()
}
