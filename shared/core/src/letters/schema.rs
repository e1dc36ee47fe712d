//! Schema of a letter: the names and forms of its fields wherever it is written, in the table, in an export, and in the command's
//! JSON.
//!
//! What differs between the places, and why:
//!
//! - The body ([`LetterRest`]): a table splits and compresses it; JSON has it whole, says why it is missing, and proves it
//!   by a hash. Its message attributes have one form, [`AttributeFields`], with bytes as each place has them.
//! - `due` and `expires`: a table sorts and deletes by numbers, milliseconds and seconds; JSON has times that people read.
//! - An edited body's whole hash: `whole` in a table, `whole_hash` in JSON, where `payload_hash` and `body_hash` stand beside
//!   it. Both names are stored by now, in items and in exports.
//! - An attempt's enqueue: beside the attempt in a table (`E` is [`EnqueueFields`]), under a name of its own in JSON (`E` is
//!   [`NamedEnqueue`]).
//! - What an index shows of a letter ([`Candidate`](super::candidate::Candidate)): the same names, but fewer. A struct of its
//!   own reads them, since a flattened one would copy each of the thousands of items of a listing first.

use serde::de::{Deserializer, Error};
use serde::{Deserialize, Serialize, Serializer};

use super::letter::{AttributesHash, Body, Edited, ErrorType, Event, EventKind, Form, Letter, Reason, Send, Status};
use crate::fault::Class;
use crate::ids::{Enqueue, JobId, LetterId, MessageId, OwnerToken, QueueArn, ReplayNumber, Scope};
use crate::message::envelope::{Attribute, AttributeValue, Attributes};
use crate::message::key::{Key, PayloadHash};
use crate::message::trace_context::{self, TraceContext};
use crate::processing::ledger::{Attempt, Origin};
use crate::time::Timestamp;

/// Time as text that people read, and that sorts: RFC 3339 with milliseconds, in UTC.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rfc3339(pub Timestamp);

impl From<Timestamp> for Rfc3339 {
    fn from(at: Timestamp) -> Self {
        Self(at)
    }
}

impl From<Rfc3339> for Timestamp {
    fn from(Rfc3339(at): Rfc3339) -> Self {
        at
    }
}

impl Serialize for Rfc3339 {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.0.to_rfc3339())
    }
}

impl<'de> Deserialize<'de> for Rfc3339 {
    fn deserialize<D: Deserializer<'de>>(reader: D) -> Result<Self, D::Error> {
        let text = String::deserialize(reader)?;
        Timestamp::from_rfc3339(&text).map(Self).ok_or_else(|| D::Error::custom("not a time"))
    }
}

/// Fields of an enqueue; `T` is the form of its time.
#[derive(Debug, Serialize, Deserialize)]
pub struct EnqueueFields<T> {
    message_id: MessageId,
    sent_at: T,
}

impl<T: From<Timestamp>> From<Enqueue> for EnqueueFields<T> {
    fn from(Enqueue { message_id, sent_at }: Enqueue) -> Self {
        Self { message_id, sent_at: sent_at.into() }
    }
}

impl<T: Into<Timestamp>> From<EnqueueFields<T>> for Enqueue {
    fn from(EnqueueFields { message_id, sent_at }: EnqueueFields<T>) -> Self {
        Self { message_id, sent_at: sent_at.into() }
    }
}

/// Enqueue under a name of its own.
#[derive(Debug, Serialize, Deserialize)]
pub struct NamedEnqueue {
    #[serde(rename = "life")]
    enqueue: EnqueueFields<Rfc3339>,
}

impl From<Enqueue> for NamedEnqueue {
    fn from(enqueue: Enqueue) -> Self {
        Self { enqueue: enqueue.into() }
    }
}

impl From<NamedEnqueue> for Enqueue {
    fn from(NamedEnqueue { enqueue }: NamedEnqueue) -> Self {
        enqueue.into()
    }
}

/// Fields of a failed attempt; `E` is the form of its enqueue, `T` that of its time.
#[derive(Debug, Serialize, Deserialize)]
pub struct AttemptFields<E, T> {
    #[serde(flatten)]
    enqueue: E,
    at: T,
    class: Class,
    code: String,
    text: String,
    request_id: String,
    function_version: String,
    log_stream: String,
}

impl<E: From<Enqueue>, T: From<Timestamp>> From<Attempt> for AttemptFields<E, T> {
    fn from(Attempt { enqueue, at, class, code, text, origin }: Attempt) -> Self {
        let Origin { request_id, function_version, log_stream } = origin;
        let (enqueue, at) = (enqueue.into(), at.into());
        Self { enqueue, at, class, code, text, request_id, function_version, log_stream }
    }
}

impl<E: Into<Enqueue>, T: Into<Timestamp>> From<AttemptFields<E, T>> for Attempt {
    fn from(fields: AttemptFields<E, T>) -> Self {
        let AttemptFields { enqueue, at, class, code, text, request_id, function_version, log_stream } = fields;
        let origin = Origin { request_id, function_version, log_stream };
        Self { enqueue: enqueue.into(), at: at.into(), class, code, text, origin }
    }
}

/// Fields of an event in a letter's history; `E` is the form of an attempt's enqueue.
#[derive(Debug, Serialize, Deserialize)]
pub struct EventFields<E> {
    at: Rfc3339,
    what: EventKind,
    who: String,
    note: Option<String>,
    attempt: Option<AttemptFields<E, Rfc3339>>,
}

impl<E: From<Enqueue>> From<Event> for EventFields<E> {
    fn from(Event { at, what, who, note, attempt }: Event) -> Self {
        Self { at: at.into(), what, who, note, attempt: attempt.map(Into::into) }
    }
}

impl<E: Into<Enqueue>> From<EventFields<E>> for Event {
    fn from(EventFields { at, what, who, note, attempt }: EventFields<E>) -> Self {
        Self { at: at.into(), what, who, note, attempt: attempt.map(Into::into) }
    }
}

/// Fields of a send; those that earlier versions did not write may be missing.
#[derive(Debug, Serialize, Deserialize)]
struct SendFields {
    number: ReplayNumber,
    key: Option<Key>,
    hash: PayloadHash,
    message_id: Option<MessageId>,
    at: Rfc3339,
    job: Option<JobId>,
    edited: Option<PayloadHash>,
    to: Option<QueueArn>,
}

impl From<Send> for SendFields {
    fn from(Send { number, key, hash, message_id, at, job, edited, to }: Send) -> Self {
        Self { number, key, hash, message_id, at: at.into(), job, edited, to }
    }
}

impl From<SendFields> for Send {
    fn from(SendFields { number, key, hash, message_id, at, job, edited, to }: SendFields) -> Self {
        Self { number, key, hash, message_id, at: at.into(), job, edited, to }
    }
}

/// Fields of a message attribute: a text, or bytes in the form `B`.
#[derive(Debug, Serialize, Deserialize)]
pub struct AttributeFields<B> {
    data_type: String,
    #[serde(default = "Option::default", skip_serializing_if = "Option::is_none")]
    string_value: Option<String>,
    #[serde(default = "Option::default", skip_serializing_if = "Option::is_none")]
    binary_value: Option<B>,
}

/// Reason for which fields are no message attribute.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NoAttribute {
    /// The fields have neither a text nor bytes, or both.
    #[error("an attribute must have a string_value or a binary_value, and not both")]
    NotOneValue,
    /// The bytes are not in the form that they have in this place.
    #[error("a binary_value is no base64")]
    NoBytes,
}

impl<B> AttributeFields<B> {
    /// Takes a message attribute's type and value; `form` gives its bytes their form.
    pub fn of(attribute: &Attribute, form: impl FnOnce(&[u8]) -> B) -> Self {
        let (string_value, binary_value) = match &attribute.value {
            AttributeValue::Text(text) => (Some(text.clone()), None),
            AttributeValue::Binary(bytes) => (None, Some(form(bytes))),
        };
        Self { data_type: attribute.data_type.clone(), string_value, binary_value }
    }

    /// Returns the message attribute; `bytes` reads them out of their form.
    ///
    /// # Errors
    /// [`NoAttribute`] says what is wrong with its values.
    pub fn read(self, bytes: impl FnOnce(B) -> Option<Vec<u8>>) -> Result<Attribute, NoAttribute> {
        let value = match (self.string_value, self.binary_value) {
            (Some(text), None) => AttributeValue::Text(text),
            (None, Some(value)) => AttributeValue::Binary(bytes(value).ok_or(NoAttribute::NoBytes)?),
            (None, None) | (Some(_), Some(_)) => return Err(NoAttribute::NotOneValue),
        };
        Ok(Attribute { data_type: self.data_type, value })
    }
}

/// Fields of an erasure: by whom a body was removed, when and why.
#[derive(Debug, Serialize, Deserialize)]
pub struct ErasureFields {
    at: Rfc3339,
    by: String,
    note: String,
}

impl ErasureFields {
    /// Returns the erasure of a body, if it was erased.
    #[must_use]
    pub fn of(body: &Body) -> Option<Self> {
        let Body::Erased { at, by, note } = body else { return None };
        Some(Self { at: Rfc3339(*at), by: by.clone(), note: note.clone() })
    }
}

impl From<ErasureFields> for Body {
    fn from(ErasureFields { at, by, note }: ErasureFields) -> Self {
        Self::Erased { at: at.into(), by, note }
    }
}

/// Fields of a letter that have one form everywhere; `E` is the form of an attempt's enqueue.
///
/// A field without a value is null. Whoever reads them takes a missing one for that, too: a table keeps no nulls, and earlier
/// versions did not write all of them.
#[derive(Debug, Serialize, Deserialize)]
pub struct LetterFields<E> {
    dlq_message_id: LetterId,
    source_topic: QueueArn,
    moved_from: Option<QueueArn>,
    source_partition: Option<String>,
    source_offset: Option<String>,
    error_type: ErrorType,
    error_code: Option<String>,
    error_message: String,
    attempt_count: u32,
    first_failed_at: Rfc3339,
    last_failed_at: Rfc3339,
    status: Status,
    resolution_note: Option<String>,
    message_group_id: Option<String>,
    sequence_number: Option<String>,
    sent_timestamp: Rfc3339,
    origin_message_id: MessageId,
    #[serde(default, deserialize_with = "trace_context::lenient")]
    traceparent: Option<TraceContext>,
    #[serde(rename = "life")]
    enqueue: EnqueueFields<Rfc3339>,
    payload_hash: PayloadHash,
    attributes_hash: Option<AttributesHash>,
    idempotency_key: Option<Key>,
    key_is_stable: bool,
    scope: Scope,
    fingerprint: String,
    // Absent of a letter whose payload is the message.
    #[serde(default, skip_serializing_if = "Form::is_message")]
    payload_form: Form,
    number: ReplayNumber,
    deaths: u32,
    sends: Vec<SendFields>,
    history: Vec<EventFields<E>>,
    token: Option<OwnerToken>,
    version: u64,
}

/// Parts of a letter that have a form of their own wherever it is written.
#[derive(Debug)]
pub struct LetterRest {
    /// Payload, verbatim; empty if it is not there.
    pub payload: String,
    /// Message attributes; none if they are not there.
    pub attributes: Attributes,
    /// State of payload and attributes.
    pub body: Body,
    /// Payload to send instead of the original.
    pub edited: Option<Edited>,
    /// Time at which something is due.
    pub due: Timestamp,
    /// Time of deletion, if there is one.
    pub expires: Option<Timestamp>,
}

impl<E: From<Enqueue>> From<&Letter> for LetterFields<E> {
    fn from(letter: &Letter) -> Self {
        let reason = letter.reason.clone();
        Self {
            dlq_message_id: letter.id,
            source_topic: letter.source.clone(),
            moved_from: letter.moved_from.clone(),
            source_partition: letter.partition.clone(),
            source_offset: letter.offset.clone(),
            error_type: reason.error_type,
            error_code: reason.error_code,
            error_message: reason.error_message,
            attempt_count: reason.attempt_count,
            first_failed_at: reason.first_failed_at.into(),
            last_failed_at: reason.last_failed_at.into(),
            status: letter.status,
            resolution_note: letter.resolution_note.clone(),
            message_group_id: letter.group.clone(),
            sequence_number: letter.sequence.clone(),
            sent_timestamp: letter.sent_at.into(),
            origin_message_id: letter.origin.clone(),
            traceparent: letter.trace,
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
            sends: letter.sends.iter().cloned().map(Into::into).collect(),
            history: letter.history.iter().cloned().map(Into::into).collect(),
            token: letter.token,
            version: letter.version,
        }
    }
}

impl<E: Into<Enqueue>> LetterFields<E> {
    /// Returns the letter that has these fields and this rest. The attempts behind its reason are in its history, and only there.
    #[must_use]
    pub fn with(self, rest: LetterRest) -> Letter {
        let LetterRest { payload, attributes, body, edited, due, expires } = rest;
        Letter {
            id: self.dlq_message_id,
            source: self.source_topic,
            moved_from: self.moved_from,
            partition: self.source_partition,
            offset: self.source_offset,
            payload,
            form: self.payload_form,
            attributes,
            attributes_hash: self.attributes_hash,
            body,
            edited,
            group: self.message_group_id,
            sequence: self.sequence_number,
            origin: self.origin_message_id,
            sent_at: self.sent_timestamp.into(),
            trace: self.traceparent,
            enqueue: self.enqueue.into(),
            hash: self.payload_hash,
            key: self.idempotency_key,
            key_is_stable: self.key_is_stable,
            scope: self.scope,
            reason: Reason {
                error_type: self.error_type,
                error_code: self.error_code,
                error_message: self.error_message,
                attempt_count: self.attempt_count,
                first_failed_at: self.first_failed_at.into(),
                last_failed_at: self.last_failed_at.into(),
                attempts: Vec::new(),
            },
            fingerprint: self.fingerprint,
            status: self.status,
            resolution_note: self.resolution_note,
            number: self.number,
            deaths: self.deaths,
            sends: self.sends.into_iter().map(Into::into).collect(),
            history: self.history.into_iter().map(Into::into).collect(),
            token: self.token,
            due,
            expires,
            version: self.version,
        }
    }
}
