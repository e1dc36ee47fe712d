//! Place in which a letter's body is kept.

use redrive_core::letters::letter::{Body, HEAD_LIMIT, Letter};

use super::body::Packed;

/// Limit in bytes of a body that is stored as it is, for people to read: compression would save next to nothing.
pub(super) const PLAIN: usize = 4 * 1024;
/// The most bytes of a body in its letter's head; what is larger stands apart. Every edge writes the head.
const INLINE: usize = 256 * 1024;
/// Compression must save one write unit at least.
const UNIT: usize = 1024;

// An item holds 400 KB, the attributes' names and a small edited body among them.
const _: () = assert!(HEAD_LIMIT + INLINE + UNIT + PLAIN < 400 * 1024 - 8 * 1024);

/// Returns true if writing a letter takes much memory.
pub(super) fn is_large(letter: &Letter) -> bool {
    letter.body_bytes() > INLINE
}

/// Place for a body that is not apart already.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum BodyPlace {
    /// The body is in the head, readable.
    Plain,
    /// The body is in the head, compressed.
    Packed(Packed),
    /// The body stands in chunks: it does not fit into the head, or is deleted before it.
    Apart(Packed),
    /// Nowhere: it was erased, or is missing.
    Nowhere,
}

impl BodyPlace {
    pub(super) fn of(letter: &Letter) -> Self {
        let Body::Kept { until } = &letter.body else { return Self::Nowhere };
        let bytes = letter.body_bytes();
        if until.is_none() && bytes <= PLAIN {
            return Self::Plain;
        }
        let packed = Packed::of(&letter.payload, &letter.attributes);
        if until.is_some() || packed.bytes.len() > INLINE {
            Self::Apart(packed)
        } else if packed.bytes.len() + UNIT > bytes {
            Self::Plain
        } else {
            Self::Packed(packed)
        }
    }

    /// Returns true if the body of a letter that is in the table already most likely stands apart there.
    pub(super) fn is_apart_by_now(&self, body: &Body) -> bool {
        match self {
            Self::Plain | Self::Packed(_) => false,
            Self::Apart(packed) => packed.bytes.len() > INLINE,
            Self::Nowhere => matches!(body, Body::Missing { .. }),
        }
    }
}
