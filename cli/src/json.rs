//! A letter and a ledger's entry as JSON, with the field names of the dead-letter table. Times are RFC 3339.

pub(crate) mod read;

use base64::Engine;
use base64::engine::general_purpose::STANDARD as BASE64;
use redrive_core::ids::Enqueue;
use redrive_core::letters::letter::{Body, Edited, Event, Letter, Send};
use redrive_core::message::envelope::{Attribute, AttributeValue};
use redrive_core::message::key::PayloadHash;
use redrive_core::processing::ledger::{Attempt, Entry};
use redrive_core::time::Timestamp;
use serde_json::{Map, Value, json};

fn time(at: Timestamp) -> Value {
    Value::String(at.to_rfc3339())
}

fn enqueue(enqueue: &Enqueue) -> Value {
    json!({"message_id": enqueue.message_id, "sent_at": time(enqueue.sent_at)})
}

fn attribute(attribute: &Attribute) -> Value {
    match &attribute.value {
        AttributeValue::Text(text) => json!({"data_type": attribute.data_type, "string_value": text}),
        AttributeValue::Binary(bytes) => {
            json!({"data_type": attribute.data_type, "binary_value": BASE64.encode(bytes)})
        }
    }
}

fn attempt(attempt: &Attempt) -> Value {
    json!({
        "life": enqueue(&attempt.enqueue),
        "at": time(attempt.at),
        "class": attempt.class,
        "code": attempt.code,
        "text": attempt.text,
        "request_id": attempt.origin.request_id,
        "function_version": attempt.origin.function_version,
        "log_stream": attempt.origin.log_stream,
    })
}

fn event(event: &Event) -> Value {
    let attempt = event.attempt.as_ref().map(attempt);
    json!({"at": time(event.at), "what": event.what, "who": event.who, "note": event.note, "attempt": attempt})
}

fn send(send: &Send) -> Value {
    json!({
        "number": send.number,
        "key": send.key,
        "hash": send.hash,
        "message_id": send.message_id,
        "at": time(send.at),
        "job": send.job,
        "to": send.to,
        "edited": send.edited,
    })
}

/// A whole letter: nothing of it is left out, and binary attributes are base64. Without a body it has neither
/// `original_payload` nor `message_attributes`, and says why.
pub(crate) fn letter(letter: &Letter) -> Value {
    let reason = &letter.reason;
    let mut all = json!({
        "dlq_message_id": letter.id,
        "source_topic": letter.source,
        "moved_from": letter.moved_from,
        "source_partition": letter.partition,
        "source_offset": letter.offset,
        "error_type": reason.error_type,
        "error_code": reason.error_code,
        "error_message": reason.error_message,
        "attempt_count": reason.attempt_count,
        "first_failed_at": time(reason.first_failed_at),
        "last_failed_at": time(reason.last_failed_at),
        "status": letter.status,
        "resolution_note": letter.resolution_note,
        "message_group_id": letter.group,
        "sequence_number": letter.sequence,
        "sent_timestamp": time(letter.sent_at),
        "origin_message_id": letter.origin,
        "life": enqueue(&letter.enqueue),
        "payload_hash": letter.hash,
        "attributes_hash": letter.attributes_hash,
        "idempotency_key": letter.key,
        "key_is_stable": letter.key_is_stable,
        "scope": letter.scope,
        "fingerprint": letter.fingerprint,
        "number": letter.number,
        "deaths": letter.deaths,
        "sends": letter.sends.iter().map(send).collect::<Vec<_>>(),
        "history": letter.history.iter().map(event).collect::<Vec<_>>(),
        "token": letter.token,
        "due": time(letter.due),
        "expires": letter.expires.map(time),
        "body_expires": letter.body_expires().map(time),
        "version": letter.version,
    });
    if let Value::Object(all) = &mut all {
        body(letter, all);
        if !letter.form.is_message() {
            all.insert("payload_form".to_owned(), json!(letter.form));
        }
        all.extend(letter.edited.as_ref().map(|by| ("edited".to_owned(), edited(by))));
        all.insert("body_hash".to_owned(), json!(body_hash(letter)));
    }
    all
}

/// SHA-256 of everything that a letter may be sent with, byte for byte: whoever reads an export knows by it that nothing was
/// changed. (`payload_hash` is of what the stack is configured to compare.)
fn body_hash(letter: &Letter) -> PayloadHash {
    let attributes: Map<_, _> =
        letter.attributes.iter().map(|(name, value)| (name.clone(), attribute(value))).collect();
    let edited = letter.edited.as_ref().map(|edited| &edited.payload);
    PayloadHash::of_text(&json!([letter.payload, attributes, edited]).to_string())
}

fn edited(edited: &Edited) -> Value {
    let mut all = json!({"hash": edited.hash, "whole_hash": edited.whole, "by": edited.by, "at": time(edited.at)});
    match &edited.lost {
        None => all["payload"] = json!(edited.payload),
        Some(why) => all["missing"] = json!(why),
    }
    all
}

fn body(letter: &Letter, all: &mut Map<String, Value>) {
    match &letter.body {
        Body::Kept { .. } => {
            let attributes = letter.attributes.iter().map(|(name, value)| (name.clone(), attribute(value)));
            all.insert("original_payload".to_owned(), Value::String(letter.payload.clone()));
            all.insert("message_attributes".to_owned(), Value::Object(attributes.collect()));
        }
        Body::Erased { at, by, note } => {
            all.insert("erased".to_owned(), json!({"at": time(*at), "by": by, "note": note}));
        }
        Body::Missing { why, .. } => {
            all.insert("body_missing".to_owned(), Value::String(why.clone()));
        }
    }
}

/// Writes a ledger entry as JSON.
pub(crate) fn entry(entry: &Entry) -> Value {
    let enqueues = entry.enqueues.iter();
    let enqueues =
        enqueues.map(|one| json!({"life": enqueue(&one.enqueue), "attempts": one.attempts, "dead": one.dead}));
    json!({
        "state": entry.state,
        "owner": entry.owner,
        "lease_until": time(entry.lease_until),
        "payload_hash": entry.hash,
        "version": entry.version,
        "lives": enqueues.collect::<Vec<_>>(),
        "buried": entry.dead_enqueues.len(),
        "fault": entry.fault,
        "history": entry.history.iter().map(attempt).collect::<Vec<_>>(),
        "expires": time(entry.expires),
    })
}
