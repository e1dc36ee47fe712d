//! The lists and maps inside a letter's item.

use redrive_core::fault::Class;
use redrive_core::ids::{Enqueue, JobId, MessageId, Number, QueueArn};
use redrive_core::letters::letter::{Event, EventKind, Send};
use redrive_core::message::envelope::{Attribute, AttributeValue};
use redrive_core::message::foreign::ClaimCheck;
use redrive_core::message::key::{Key, PayloadHash};
use redrive_core::processing::ledger::{Attempt, Origin};
use redrive_core::time::Timestamp;
use serde::{Deserialize, Serialize};
use serde_bytes::ByteBuf;

/// A time as text that people read, and that sorts.
pub(super) mod rfc3339 {
    use redrive_core::time::Timestamp;
    use serde::de::Error;
    use serde::{Deserialize, Deserializer, Serializer};

    pub(in crate::letters) fn serialize<S: Serializer>(at: &Timestamp, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&at.to_rfc3339())
    }

    pub(in crate::letters) fn deserialize<'de, D: Deserializer<'de>>(reader: D) -> Result<Timestamp, D::Error> {
        let text = String::deserialize(reader)?;
        Timestamp::from_rfc3339(&text).ok_or_else(|| D::Error::custom("not a time"))
    }
}

/// A message attribute: `string_value` or `binary_value`.
#[derive(Serialize, Deserialize)]
pub(super) struct AttributeItem {
    data_type: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    string_value: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    binary_value: Option<ByteBuf>,
}

impl From<Attribute> for AttributeItem {
    fn from(Attribute { data_type, value }: Attribute) -> Self {
        let (string_value, binary_value) = match value {
            AttributeValue::Text(text) => (Some(text), None),
            AttributeValue::Binary(bytes) => (None, Some(ByteBuf::from(bytes))),
        };
        Self { data_type, string_value, binary_value }
    }
}

impl From<AttributeItem> for Attribute {
    fn from(stored: AttributeItem) -> Self {
        let value = match stored.binary_value {
            Some(bytes) => AttributeValue::Binary(bytes.into_vec()),
            None => AttributeValue::Text(stored.string_value.unwrap_or_default()),
        };
        Self { data_type: stored.data_type, value }
    }
}

/// Place in S3 of a body to which its message only points.
#[derive(Serialize, Deserialize)]
pub(super) struct InS3Item {
    bucket: String,
    key: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    bytes: Option<u64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    attribute: Option<String>,
}

impl From<ClaimCheck> for InS3Item {
    fn from(ClaimCheck { bucket, key, bytes, attribute }: ClaimCheck) -> Self {
        Self { bucket, key, bytes, attribute: attribute.map(str::to_owned) }
    }
}

impl From<InS3Item> for ClaimCheck {
    fn from(InS3Item { bucket, key, bytes, attribute }: InS3Item) -> Self {
        Self { bucket, key, bytes, attribute: attribute.as_deref().and_then(Self::reserved) }
    }
}

/// Record of a removed body: by whom, when and why.
#[derive(Serialize, Deserialize)]
pub(super) struct ErasureItem {
    #[serde(with = "rfc3339")]
    pub(super) at: Timestamp,
    pub(super) by: String,
    pub(super) note: String,
}

#[derive(Serialize, Deserialize)]
pub(super) struct LetterEnqueueItem {
    message_id: MessageId,
    #[serde(with = "rfc3339")]
    sent_at: Timestamp,
}

impl From<Enqueue> for LetterEnqueueItem {
    fn from(Enqueue { message_id, sent_at }: Enqueue) -> Self {
        Self { message_id, sent_at }
    }
}

impl From<LetterEnqueueItem> for Enqueue {
    fn from(LetterEnqueueItem { message_id, sent_at }: LetterEnqueueItem) -> Self {
        Self { message_id, sent_at }
    }
}

#[derive(Serialize, Deserialize)]
pub(super) struct SendItem {
    number: Number,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    key: Option<Key>,
    hash: PayloadHash,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    message_id: Option<MessageId>,
    #[serde(with = "rfc3339")]
    at: Timestamp,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    job: Option<JobId>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    edited: Option<PayloadHash>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    to: Option<QueueArn>,
}

impl From<Send> for SendItem {
    fn from(Send { number, key, hash, message_id, at, job, edited, to }: Send) -> Self {
        Self { number, key, hash, message_id, at, job, edited, to }
    }
}

impl From<SendItem> for Send {
    fn from(SendItem { number, key, hash, message_id, at, job, edited, to }: SendItem) -> Self {
        Self { number, key, hash, message_id, at, job, edited, to }
    }
}

#[derive(Serialize, Deserialize)]
pub(super) struct EventItem {
    #[serde(with = "rfc3339")]
    at: Timestamp,
    what: EventKind,
    who: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    note: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    attempt: Option<LetterAttemptItem>,
}

impl From<Event> for EventItem {
    fn from(Event { at, what, who, note, attempt }: Event) -> Self {
        Self { at, what, who, note, attempt: attempt.map(LetterAttemptItem::from) }
    }
}

impl From<EventItem> for Event {
    fn from(EventItem { at, what, who, note, attempt }: EventItem) -> Self {
        Self { at, what, who, note, attempt: attempt.map(Attempt::from) }
    }
}

#[derive(Serialize, Deserialize)]
struct LetterAttemptItem {
    message_id: MessageId,
    #[serde(with = "rfc3339")]
    sent_at: Timestamp,
    #[serde(with = "rfc3339")]
    at: Timestamp,
    class: Class,
    code: String,
    text: String,
    request_id: String,
    function_version: String,
    log_stream: String,
}

impl From<Attempt> for LetterAttemptItem {
    fn from(Attempt { enqueue, at, class, code, text, origin }: Attempt) -> Self {
        let Enqueue { message_id, sent_at } = enqueue;
        let Origin { request_id, function_version, log_stream } = origin;
        Self { message_id, sent_at, at, class, code, text, request_id, function_version, log_stream }
    }
}

impl From<LetterAttemptItem> for Attempt {
    fn from(stored: LetterAttemptItem) -> Self {
        let LetterAttemptItem { message_id, sent_at, at, class, code, text, .. } = stored;
        let LetterAttemptItem { request_id, function_version, log_stream, .. } = stored;
        let origin = Origin { request_id, function_version, log_stream };
        Self { enqueue: Enqueue { message_id, sent_at }, at, class, code, text, origin }
    }
}
