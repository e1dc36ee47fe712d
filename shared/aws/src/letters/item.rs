//! Form in which a letter is stored: the attributes of the dead-letter schema, and ours.

mod candidate;

use std::collections::BTreeMap;

use redrive_core::ids::LetterId;
use redrive_core::letters::letter::{Body, Letter};
use redrive_core::letters::schema::{EnqueueFields, ErasureFields, EventFields, LetterFields, LetterRest, Rfc3339};
use redrive_core::message::envelope::Attributes;
use redrive_core::message::foreign::ClaimCheck;
use redrive_core::time::Timestamp;
use serde::{Deserialize, Serialize};
use serde_bytes::ByteBuf;

pub(super) use candidate::{LOOK, to_candidate, to_look};

use super::body::{Codec, Packed};
use super::chunks::{BODY, ChunkRefs};
use super::edited::EditedFields;
use super::parts::{AttributeItem, InS3Item, from_items, to_items};
use super::shards;
use crate::item::{Item, decode, encode, encode_present};

/// The sort key of the item that is the letter; the chunks of a body that stands apart are beside it.
pub(super) const HEAD: &str = "head";

/// An attempt's enqueue stands beside the attempt.
type StoredFields = LetterFields<EnqueueFields<Rfc3339>>;
type EventItem = EventFields<EnqueueFields<Rfc3339>>;

/// Attributes of an item of the dead-letter table beside a letter's fields, which core names. Times are RFC 3339 there, for
/// people. But `due`, by which the index sorts, is in milliseconds, and `expires`, the table's time-to-live attribute, in seconds.
#[derive(Serialize, Deserialize)]
struct LetterItem {
    pk: LetterId,
    sk: String,
    due: Timestamp,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    expires: Option<u64>,
    status_shard: String,
    fingerprint_shard: String,
    /// Version of the function that failed, for the indexes only: the history has it, too.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    function_version: Option<String>,
    /// Place of the body, for a short look at the head, which may not hold the body.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    body_in_s3: Option<InS3Item>,
    #[serde(flatten)]
    body: BodyItem,
    #[serde(flatten)]
    edited: EditedFields,
}

/// Attributes that are no fields of a letter, but the table's own: its keys, and what it sorts, deletes and splits by.
const OWN: [&str; 20] = [
    "body",
    "body_codec",
    "body_expires",
    "body_in_s3",
    "body_tag",
    "chunks",
    "due",
    "edited",
    "edited_chunks",
    "edited_codec",
    "edited_tag",
    "erased",
    "expires",
    "fingerprint_shard",
    "function_version",
    "message_attributes",
    "original_payload",
    "pk",
    "sk",
    "status_shard",
];

/// Attributes that a head may lack.
pub(super) const OPTIONAL: [&str; 27] = [
    "attributes_hash",
    "body",
    "body_codec",
    "body_expires",
    "body_in_s3",
    "body_tag",
    "chunks",
    "edited",
    "edited_chunks",
    "edited_codec",
    "edited_tag",
    "erased",
    "error_code",
    "expires",
    "function_version",
    "idempotency_key",
    "message_attributes",
    "message_group_id",
    "moved_from",
    "original_payload",
    "payload_form",
    "resolution_note",
    "sequence_number",
    "source_offset",
    "source_partition",
    "token",
    "traceparent",
];

/// Attributes of a head about its letter's body.
#[derive(Default, Serialize, Deserialize)]
#[serde(default)]
struct BodyItem {
    #[serde(skip_serializing_if = "Option::is_none")]
    original_payload: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    message_attributes: Option<BTreeMap<String, AttributeItem>>,
    /// Payload and attributes together, packed.
    #[serde(skip_serializing_if = "Option::is_none")]
    body: Option<ByteBuf>,
    #[serde(skip_serializing_if = "Option::is_none")]
    body_codec: Option<Codec>,
    /// Number of chunks, where they stand apart.
    #[serde(skip_serializing_if = "Option::is_none")]
    chunks: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    body_tag: Option<String>,
    /// Time at which the chunks are deleted, if that is before the letter.
    #[serde(skip_serializing_if = "Option::is_none")]
    body_expires: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    erased: Option<ErasureFields>,
}

/// Part of a letter's body that a head holds.
pub(super) enum InHead<'a> {
    /// The whole body, readable.
    Plain,
    /// The whole body, compressed.
    Packed(&'a Packed),
    /// A description of the chunks.
    Parts(&'a ChunkRefs),
    /// The head holds nothing of the body.
    Nothing,
}

impl BodyItem {
    fn of(letter: &Letter, in_head: &InHead<'_>) -> Self {
        let body_expires = letter.body.until().map(Timestamp::as_secs);
        let mut item = Self { body_expires, erased: ErasureFields::of(&letter.body), ..Self::default() };
        match in_head {
            InHead::Plain => {
                item.original_payload = Some(letter.payload.clone());
                item.message_attributes = Some(to_items(&letter.attributes));
            }
            InHead::Packed(packed) => {
                item.body = Some(ByteBuf::from(packed.bytes.clone()));
                item.body_codec = Some(packed.codec);
            }
            InHead::Parts(ChunkRefs { count, tag, codec, .. }) => {
                (item.chunks, item.body_tag, item.body_codec) = (Some(*count), Some(tag.clone()), Some(*codec));
            }
            InHead::Nothing => {}
        }
        item
    }

    /// The body as far as the head holds it, and where the rest is.
    fn read(self) -> Result<(String, Attributes, Body, Option<ChunkRefs>), String> {
        let until = self.body_expires.map(whole_seconds);
        let kept = Body::Kept { until };
        if let Some(erased) = self.erased {
            return Ok((String::new(), Attributes::new(), erased.into(), None));
        }
        if let Some(payload) = self.original_payload {
            let attributes = from_items(self.message_attributes.unwrap_or_default());
            let attributes = attributes.map_err(|why| format!("the item's message_attributes: {why}"))?;
            return Ok((payload, attributes, kept, None));
        }
        if let (Some(bytes), Some(codec)) = (self.body, self.body_codec) {
            let (payload, attributes) = Packed::open(codec, &bytes).map_err(|why| format!("the item's body: {why}"))?;
            return Ok((payload, attributes, kept, None));
        }
        let parts = ChunkRefs::of_head(BODY, self.chunks, self.body_tag, self.body_codec);
        let why = if parts.is_some() { "its chunks were not read" } else { "its head says nothing of it" };
        Ok((String::new(), Attributes::new(), Body::Missing { until, why: why.to_owned() }, parts))
    }
}

fn whole_seconds(seconds: u64) -> Timestamp {
    Timestamp::from_millis(seconds.saturating_mul(1_000))
}

/// A letter as its head; `edited` are the chunks of its edited body, if that stands apart.
pub(super) fn to_item(letter: &Letter, in_head: &InHead<'_>, edited: Option<&ChunkRefs>) -> Result<Item, String> {
    let own = LetterItem {
        pk: letter.id,
        sk: HEAD.to_owned(),
        due: letter.due,
        expires: letter.expires.map(Timestamp::as_secs),
        status_shard: shards::status_shard(letter.status, letter.id),
        fingerprint_shard: shards::fingerprint_shard(&letter.fingerprint, letter.id),
        function_version: letter.history.function_version().map(str::to_owned),
        body_in_s3: ClaimCheck::of(letter.payload_now(), &letter.attributes).map(InS3Item::from),
        body: BodyItem::of(letter, in_head),
        edited: EditedFields::of(letter, edited),
    };
    let mut item = encode_present(StoredFields::from(letter))?;
    item.extend(encode(own)?);
    Ok(item)
}

/// A head as it was read.
pub(super) struct HeadItem {
    /// The letter; without its body if that stands apart.
    pub(super) letter: Letter,
    /// The chunks, if so.
    pub(super) parts: Option<ChunkRefs>,
    /// Chunks of its edited body, if that stands apart.
    pub(super) edited: Option<ChunkRefs>,
}

impl HeadItem {
    /// Returns true if something of the letter must still be read.
    pub(super) const fn is_apart(&self) -> bool {
        self.parts.is_some() || self.edited.is_some()
    }

    /// An item as the letter that it holds.
    pub(super) fn read(mut item: Item) -> Result<Self, String> {
        let own = OWN.iter().filter_map(|name| item.remove_entry(*name)).collect();
        let own: LetterItem = decode(own)?;
        let fields: StoredFields = decode(item)?;
        let (payload, attributes, body, parts) = own.body.read()?;
        let (edited, edited_parts) = own.edited.read();
        let expires = own.expires.map(whole_seconds);
        let letter = fields.with(LetterRest { payload, attributes, body, edited, due: own.due, expires });
        Ok(Self { letter, parts, edited: edited_parts })
    }
}

#[cfg(test)]
mod tests;
