//! An edited body beside its letter's own: in the head if it is small, else in chunks of its own, which are written, moved and
//! deleted like those of the body.

use redrive_core::letters::letter::{Edited, Letter};
use redrive_core::letters::schema::Rfc3339;
use redrive_core::message::envelope::Attributes;
use redrive_core::message::key::PayloadHash;
use serde::{Deserialize, Serialize};

use super::body::{Codec, Packed};
use super::chunks::{ChunkRefs, EDITED};
use super::place::PLAIN;

/// Attributes of a head about its letter's edited body.
#[derive(Default, Serialize, Deserialize)]
#[serde(default)]
pub(super) struct EditedFields {
    #[serde(skip_serializing_if = "Option::is_none")]
    edited: Option<EditedItem>,
    /// Number of its chunks, if it stands apart.
    #[serde(skip_serializing_if = "Option::is_none")]
    edited_chunks: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    edited_tag: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    edited_codec: Option<Codec>,
}

#[derive(Serialize, Deserialize)]
struct EditedItem {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    payload: Option<String>,
    hash: PayloadHash,
    whole: PayloadHash,
    by: String,
    at: Rfc3339,
}

impl EditedFields {
    /// Makes the attributes of a letter whose edited body stands apart in these chunks, or else in the head.
    pub(super) fn of(letter: &Letter, parts: Option<&ChunkRefs>) -> Self {
        let item = |edited: &Edited| EditedItem {
            payload: (parts.is_none() && edited.lost.is_none()).then(|| edited.payload.clone()),
            hash: edited.hash.clone(),
            whole: edited.whole.clone(),
            by: edited.by.clone(),
            at: edited.at.into(),
        };
        Self {
            edited: letter.edited.as_ref().map(item),
            edited_chunks: parts.map(|parts| parts.count),
            edited_tag: parts.map(|parts| parts.tag.clone()),
            edited_codec: parts.map(|parts| parts.codec),
        }
    }

    /// The edited body as far as the head holds it, and where the rest is.
    pub(super) fn read(self) -> (Option<Edited>, Option<ChunkRefs>) {
        let parts = ChunkRefs::of_head(EDITED, self.edited_chunks, self.edited_tag, self.edited_codec);
        let edited = self.edited.map(|EditedItem { payload, hash, whole, by, at }| {
            let lost = payload.is_none().then(|| "its chunks were not read".to_owned());
            Edited { payload: payload.unwrap_or_default(), hash, whole, by, at: at.into(), lost }
        });
        (edited, parts)
    }
}

/// Place in which an edited body is kept.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum EditedPlace {
    /// Nowhere, for there is none; or in the head, readable.
    Head,
    /// The body stands in chunks: it does not fit into the head, or is deleted before it.
    Apart(Packed),
    /// Parts of the body are missing from its place in the table.
    Lost,
}

impl EditedPlace {
    pub(super) fn of(letter: &Letter) -> Self {
        match &letter.edited {
            None => Self::Head,
            Some(edited) if edited.lost.is_some() => Self::Lost,
            Some(edited) if edited.payload.len() <= PLAIN && letter.body.until().is_none() => Self::Head,
            Some(edited) => Self::Apart(Packed::of(&edited.payload, &Attributes::new())),
        }
    }
}
