//! A letter as an index or a short look at its head shows it.

use redrive_core::ids::{LetterId, Number, QueueArn, Scope};
use redrive_core::letters::letter::{ErrorType, Event, Status, changed_at};
use redrive_core::message::key::Key;
use redrive_core::replay::{Candidate, Look};
use redrive_core::time::Timestamp;
use serde::Deserialize;

use crate::item::{Item, decode};
use crate::letters::parts::{EventItem, rfc3339};

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

/// The attributes of a head that somebody is shown, and its version: to be asked for.
pub(in crate::letters) const LOOK: [&str; 19] = [
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
];

#[derive(Deserialize)]
struct VersionItem {
    version: u64,
    history: Vec<EventItem>,
}

/// A part of a head as somebody is shown it.
pub(in crate::letters) fn to_look(item: Item) -> Result<Look, String> {
    let VersionItem { version, history } = decode(item.clone())?;
    let candidate = to_candidate(item)?;
    let history: Vec<_> = history.into_iter().map(Event::from).collect();
    let changed_at = changed_at(&history, candidate.last_failed_at);
    Ok(Look { candidate, version, changed_at })
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
