//! How a letter is stored: the attributes of the dead-letter schema, and ours.

use std::collections::BTreeMap;

use redrive_core::ids::{LetterId, MessageId, Number, OwnerToken, QueueArn, Scope};
use redrive_core::key::{Key, PayloadHash};
use redrive_core::letter::{ErrorType, Letter, Reason, SHARDS, Status};
use redrive_core::replay::Candidate;
use redrive_core::time::Timestamp;
use serde::{Deserialize, Serialize};

use super::parts::{AttributeItem, EventItem, LifeItem, SendItem, rfc3339};
use crate::item::{Item, decode, encode};

/// The sort key of a letter's only item; the chunks of a large one will stand beside it.
pub(super) const HEAD: &str = "head";

/// One item of the dead-letter table. Times are RFC 3339, for people; but `due`, by which the index sorts, is in
/// milliseconds, and `expires`, the table's time-to-live attribute, in seconds.
#[derive(Serialize, Deserialize)]
struct LetterItem {
    pk: LetterId,
    sk: String,
    dlq_message_id: LetterId,
    source_topic: QueueArn,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    source_partition: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    source_offset: Option<String>,
    original_payload: String,
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
    message_attributes: BTreeMap<String, AttributeItem>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    message_group_id: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    sequence_number: Option<String>,
    #[serde(with = "rfc3339")]
    sent_timestamp: Timestamp,
    origin_message_id: MessageId,
    life: LifeItem,
    payload_hash: PayloadHash,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    idempotency_key: Option<Key>,
    key_is_stable: bool,
    scope: Scope,
    fingerprint: String,
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
    /// For the indexes only: the history says it, too.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    function_version: Option<String>,
}

/// A letter as its item.
pub(super) fn to_item(letter: Letter) -> Result<Item, String> {
    let shard = letter.id.shard(SHARDS);
    let status_shard = Letter::status_shard(letter.status, shard);
    let fingerprint_shard = Letter::fingerprint_shard(&letter.fingerprint, shard);
    let function_version = letter.function_version().map(str::to_owned);
    let reason = letter.reason;
    encode(LetterItem {
        pk: letter.id,
        sk: HEAD.to_owned(),
        dlq_message_id: letter.id,
        source_topic: letter.source,
        source_partition: letter.partition,
        source_offset: letter.offset,
        original_payload: letter.payload,
        error_type: reason.error_type,
        error_code: reason.error_code,
        error_message: reason.error_message,
        attempt_count: reason.attempt_count,
        first_failed_at: reason.first_failed_at,
        last_failed_at: reason.last_failed_at,
        status: letter.status,
        resolution_note: letter.resolution_note,
        message_attributes: letter.attributes.into_iter().map(|(name, value)| (name, value.into())).collect(),
        message_group_id: letter.group,
        sequence_number: letter.sequence,
        sent_timestamp: letter.sent_at,
        origin_message_id: letter.origin,
        life: letter.life.into(),
        payload_hash: letter.hash,
        idempotency_key: letter.key,
        key_is_stable: letter.key_is_stable,
        scope: letter.scope,
        fingerprint: letter.fingerprint,
        number: letter.number,
        deaths: letter.deaths,
        sends: letter.sends.into_iter().map(SendItem::from).collect(),
        history: letter.history.into_iter().map(EventItem::from).collect(),
        token: letter.token,
        due: letter.due,
        expires: letter.expires.map(Timestamp::as_secs),
        version: letter.version,
        status_shard,
        fingerprint_shard,
        function_version,
    })
}

/// An item as the letter that it holds. The attempts behind the reason are in the history, and only there.
pub(super) fn from_item(item: Item) -> Result<Letter, String> {
    let stored: LetterItem = decode(item)?;
    Ok(Letter {
        id: stored.pk,
        source: stored.source_topic,
        partition: stored.source_partition,
        offset: stored.source_offset,
        payload: stored.original_payload,
        attributes: stored.message_attributes.into_iter().map(|(name, value)| (name, value.into())).collect(),
        group: stored.message_group_id,
        sequence: stored.sequence_number,
        origin: stored.origin_message_id,
        sent_at: stored.sent_timestamp,
        life: stored.life.into(),
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
        expires: stored.expires.map(|secs| Timestamp::from_millis(secs.saturating_mul(1000))),
        version: stored.version,
    })
}

/// What the indexes project of a letter.
#[derive(Deserialize)]
struct CandidateItem {
    pk: LetterId,
    status: Status,
    due: Timestamp,
    error_type: ErrorType,
    error_code: Option<String>,
    error_message: String,
    fingerprint: String,
    source_topic: QueueArn,
    #[serde(with = "rfc3339")]
    first_failed_at: Timestamp,
    #[serde(with = "rfc3339")]
    last_failed_at: Timestamp,
    deaths: u32,
    number: Number,
    function_version: Option<String>,
    message_group_id: Option<String>,
    sequence_number: Option<String>,
    idempotency_key: Option<Key>,
    scope: Scope,
}

/// An item of an index as a candidate.
pub(super) fn to_candidate(item: Item) -> Result<Candidate, String> {
    let stored: CandidateItem = decode(item)?;
    Ok(Candidate {
        id: stored.pk,
        status: stored.status,
        due: stored.due,
        error_type: stored.error_type,
        error_code: stored.error_code,
        error_message: stored.error_message,
        fingerprint: stored.fingerprint,
        source: stored.source_topic,
        first_failed_at: stored.first_failed_at,
        last_failed_at: stored.last_failed_at,
        deaths: stored.deaths,
        number: stored.number,
        function_version: stored.function_version,
        group: stored.message_group_id,
        sequence: stored.sequence_number,
        key: stored.idempotency_key,
        scope: stored.scope,
    })
}

#[cfg(test)]
mod tests;
