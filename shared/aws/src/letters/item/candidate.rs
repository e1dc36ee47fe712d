//! A letter as an index or a short look at its head shows it.

use std::collections::BTreeMap;

use redrive_core::ids::{LetterId, QueueArn, ReplayNumber, Scope};
use redrive_core::letters::letter::{ErrorType, Event, History, Status};
use redrive_core::letters::schema::Rfc3339;
use redrive_core::message::foreign::ClaimCheck;
use redrive_core::message::key::Key;
use redrive_core::replay::{Candidate, Look};
use redrive_core::time::Timestamp;
use serde::Deserialize;

use super::EventItem;
use crate::item::{Item, decode};
use crate::letters::parts::{AttributeItem, InS3Item, from_items};

/// Attributes that the indexes project of a letter.
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
    first_failed_at: Rfc3339,
    last_failed_at: Rfc3339,
    deaths: u32,
    number: ReplayNumber,
    function_version: Option<String>,
    message_group_id: Option<String>,
    sequence_number: Option<String>,
    idempotency_key: Option<Key>,
    scope: Scope,
}

/// The attributes of a head that somebody is shown, and its version: to be asked for.
pub(in crate::letters) const LOOK: [&str; 22] = [
    "pk",
    "status",
    "due",
    "error_type",
    "error_code",
    "error_message",
    "fingerprint",
    "source_topic",
    "first_failed_at",
    "last_failed_at",
    "deaths",
    "number",
    "function_version",
    "message_group_id",
    "sequence_number",
    "idempotency_key",
    "scope",
    "version",
    "history",
    "body_in_s3",
    "original_payload",
    "message_attributes",
];

#[derive(Deserialize)]
struct LookItem {
    version: u64,
    history: Vec<EventItem>,
    body_in_s3: Option<InS3Item>,
    original_payload: Option<String>,
    message_attributes: Option<BTreeMap<String, AttributeItem>>,
}

impl LookItem {
    /// Returns the place of a body in S3. Heads of earlier versions do not say it beside their bodies.
    fn body_in_s3(self) -> Option<ClaimCheck> {
        if let Some(place) = self.body_in_s3 {
            return Some(place.into());
        }
        ClaimCheck::of(&self.original_payload?, &from_items(self.message_attributes.unwrap_or_default()).ok()?)
    }
}

/// A part of a head as somebody is shown it.
pub(in crate::letters) fn to_look(item: Item) -> Result<Look, String> {
    let mut look: LookItem = decode(item.clone())?;
    let candidate = to_candidate(item)?;
    let history: History = std::mem::take(&mut look.history).into_iter().map(Event::from).collect();
    let changed_at = history.changed_at().unwrap_or(candidate.last_failed_at);
    Ok(Look { candidate, version: look.version, changed_at, body_in_s3: look.body_in_s3() })
}

/// An item of an index as a candidate.
pub(in crate::letters) fn to_candidate(item: Item) -> Result<Candidate, String> {
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
        first_failed_at: stored.first_failed_at.into(),
        last_failed_at: stored.last_failed_at.into(),
        deaths: stored.deaths,
        number: stored.number,
        function_version: stored.function_version,
        group: stored.message_group_id,
        sequence: stored.sequence_number,
        key: stored.idempotency_key,
        scope: stored.scope,
    })
}
