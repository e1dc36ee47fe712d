//! Form in which a letter is stored: the attributes of the dead-letter schema, and ours.

mod candidate;

use std::collections::BTreeMap;

use redrive_core::ids::{LetterId, MessageId, Number, OwnerToken, QueueArn, Scope};
use redrive_core::letters::letter::{AttributesHash, Body, ErrorType, Form, Letter, Reason, Status};
use redrive_core::message::envelope::Attributes;
use redrive_core::message::foreign::ClaimCheck;
use redrive_core::message::key::{Key, PayloadHash};
use redrive_core::time::Timestamp;
use serde::{Deserialize, Serialize};
use serde_bytes::ByteBuf;

pub(super) use candidate::{LOOK, to_candidate, to_look};

use super::body::{Codec, Packed};
use super::chunks::{BODY, ChunkRefs};
use super::edited::EditedFields;
use super::index;
use super::parts::{AttributeItem, ErasureItem, EventItem, InS3Item, LetterEnqueueItem, SendItem, rfc3339};
use crate::item::{Item, decode, encode};

/// The sort key of the item that is the letter; the chunks of a body that stands apart are beside it.
pub(super) const HEAD: &str = "head";

/// Item of the dead-letter table. Times are RFC 3339, for people. But `due`, by which the index sorts, is in
/// milliseconds, and `expires`, the table's time-to-live attribute, in seconds.
#[derive(Serialize, Deserialize)]
struct LetterItem {
    pk: LetterId,
    sk: String,
    dlq_message_id: LetterId,
    source_topic: QueueArn,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    moved_from: Option<QueueArn>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    source_partition: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    source_offset: Option<String>,
    error_type: ErrorType,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    error_code: Option<String>,
    error_message: String,
    attempt_count: u32,
    #[serde(with = "rfc3339")]
    first_failed_at: Timestamp,
    #[serde(with = "rfc3339")]
    last_failed_at: Timestamp,
    status: Status,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    resolution_note: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    message_group_id: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    sequence_number: Option<String>,
    #[serde(with = "rfc3339")]
    sent_timestamp: Timestamp,
    origin_message_id: MessageId,
    #[serde(rename = "life")]
    enqueue: LetterEnqueueItem,
    payload_hash: PayloadHash,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    attributes_hash: Option<AttributesHash>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    idempotency_key: Option<Key>,
    key_is_stable: bool,
    scope: Scope,
    fingerprint: String,
    /// Absent of a letter whose payload is the message.
    #[serde(default, skip_serializing_if = "Form::is_message")]
    payload_form: Form,
    number: Number,
    deaths: u32,
    sends: Vec<SendItem>,
    history: Vec<EventItem>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    token: Option<OwnerToken>,
    due: Timestamp,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    expires: Option<u64>,
    version: u64,
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

/// Attributes that a head may lack.
pub(super) const OPTIONAL: [&str; 26] = [
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
    erased: Option<ErasureItem>,
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
        let mut item = Self { body_expires: letter.body.until().map(Timestamp::as_secs), ..Self::default() };
        if let Body::Erased { at, by, note } = &letter.body {
            item.erased = Some(ErasureItem { at: *at, by: by.clone(), note: note.clone() });
        }
        match in_head {
            InHead::Plain => {
                let attributes = letter.attributes.iter();
                let attributes = attributes.map(|(name, value)| (name.clone(), value.clone().into()));
                item.original_payload = Some(letter.payload.clone());
                item.message_attributes = Some(attributes.collect());
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
        if let Some(ErasureItem { at, by, note }) = self.erased {
            return Ok((String::new(), Attributes::new(), Body::Erased { at, by, note }, None));
        }
        if let Some(payload) = self.original_payload {
            let attributes = self.message_attributes.into_iter().flatten();
            return Ok((payload, attributes.map(|(name, value)| (name, value.into())).collect(), kept, None));
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
    let status_shard = index::status_shard(letter.status, letter.id);
    let fingerprint_shard = index::fingerprint_shard(&letter.fingerprint, letter.id);
    let function_version = letter.function_version().map(str::to_owned);
    let body_in_s3 = ClaimCheck::of(letter.payload_now(), &letter.attributes).map(InS3Item::from);
    let body = BodyItem::of(letter, in_head);
    let edited = EditedFields::of(letter, edited);
    let reason = letter.reason.clone();
    encode(LetterItem {
        pk: letter.id,
        sk: HEAD.to_owned(),
        dlq_message_id: letter.id,
        source_topic: letter.source.clone(),
        moved_from: letter.moved_from.clone(),
        source_partition: letter.partition.clone(),
        source_offset: letter.offset.clone(),
        error_type: reason.error_type,
        error_code: reason.error_code,
        error_message: reason.error_message,
        attempt_count: reason.attempt_count,
        first_failed_at: reason.first_failed_at,
        last_failed_at: reason.last_failed_at,
        status: letter.status,
        resolution_note: letter.resolution_note.clone(),
        message_group_id: letter.group.clone(),
        sequence_number: letter.sequence.clone(),
        sent_timestamp: letter.sent_at,
        origin_message_id: letter.origin.clone(),
        enqueue: letter.enqueue.clone().into(),
        payload_hash: letter.hash.clone(),
        attributes_hash: letter.attributes_hash.clone(),
        idempotency_key: letter.key.clone(),
        key_is_stable: letter.key_is_stable,
        scope: letter.scope.clone(),
        fingerprint: letter.fingerprint.clone(),
        payload_form: letter.form,
        number: letter.number,
        deaths: letter.deaths,
        sends: letter.sends.iter().cloned().map(SendItem::from).collect(),
        history: letter.history.iter().cloned().map(EventItem::from).collect(),
        token: letter.token,
        due: letter.due,
        expires: letter.expires.map(Timestamp::as_secs),
        version: letter.version,
        status_shard,
        fingerprint_shard,
        function_version,
        body_in_s3,
        body,
        edited,
    })
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

    /// An item as the letter that it holds. The attempts behind the reason are in the history, and only there.
    pub(super) fn read(item: Item) -> Result<Self, String> {
        let stored: LetterItem = decode(item)?;
        let (payload, attributes, body, parts) = stored.body.read()?;
        let (edited, edited_parts) = stored.edited.read();
        let letter = Letter {
            id: stored.pk,
            source: stored.source_topic,
            moved_from: stored.moved_from,
            partition: stored.source_partition,
            offset: stored.source_offset,
            payload,
            form: stored.payload_form,
            attributes,
            attributes_hash: stored.attributes_hash,
            body,
            edited,
            group: stored.message_group_id,
            sequence: stored.sequence_number,
            origin: stored.origin_message_id,
            sent_at: stored.sent_timestamp,
            enqueue: stored.enqueue.into(),
            hash: stored.payload_hash,
            key: stored.idempotency_key,
            key_is_stable: stored.key_is_stable,
            scope: stored.scope,
            reason: Reason {
                error_type: stored.error_type,
                error_code: stored.error_code,
                error_message: stored.error_message,
                attempt_count: stored.attempt_count,
                first_failed_at: stored.first_failed_at,
                last_failed_at: stored.last_failed_at,
                attempts: Vec::new(),
            },
            fingerprint: stored.fingerprint,
            status: stored.status,
            resolution_note: stored.resolution_note,
            number: stored.number,
            deaths: stored.deaths,
            sends: stored.sends.into_iter().map(Into::into).collect(),
            history: stored.history.into_iter().map(Into::into).collect(),
            token: stored.token,
            due: stored.due,
            expires: stored.expires.map(whole_seconds),
            version: stored.version,
        };
        Ok(Self { letter, parts, edited: edited_parts })
    }
}

#[cfg(test)]
mod tests;
