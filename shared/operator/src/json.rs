//! A letter and a ledger's entry as JSON, with the field names of the dead-letter table. Times are RFC 3339.

pub mod read;

use std::collections::BTreeMap;

use base64::Engine;
use base64::engine::general_purpose::STANDARD as BASE64;
use redrive_core::letters::letter::{Body, Edited, Letter};
use redrive_core::letters::schema::{
    AttemptFields, AttributeFields, EnqueueFields, ErasureFields, LetterFields, NamedEnqueue, Rfc3339,
};
use redrive_core::message::envelope::Attributes;
use redrive_core::message::key::PayloadHash;
use redrive_core::processing::ledger::{Attempt, Entry};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

/// Fields of a letter that have one form everywhere.
type LetterJson = LetterFields<NamedEnqueue>;
type AttemptJson = AttemptFields<NamedEnqueue, Rfc3339>;

/// Fields of a letter that have a form of their own in JSON. Without a body it has neither `original_payload` nor
/// `message_attributes`, and says why.
#[derive(Serialize, Deserialize)]
struct RestJson {
    due: Rfc3339,
    expires: Option<Rfc3339>,
    body_expires: Option<Rfc3339>,
    #[serde(skip_serializing_if = "Option::is_none")]
    original_payload: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    message_attributes: Option<BTreeMap<String, AttributeJson>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    erased: Option<ErasureFields>,
    #[serde(skip_serializing_if = "Option::is_none")]
    body_missing: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    edited: Option<EditedJson>,
    /// Hash of the body; absent in exports of earlier versions.
    body_hash: Option<PayloadHash>,
}

/// Message attribute, with its bytes in base64.
type AttributeJson = AttributeFields<String>;

/// Edited body, or why it is not there.
#[derive(Serialize, Deserialize)]
struct EditedJson {
    #[serde(skip_serializing_if = "Option::is_none")]
    payload: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    missing: Option<String>,
    hash: PayloadHash,
    #[serde(rename = "whole_hash")]
    whole: PayloadHash,
    by: String,
    at: Rfc3339,
}

impl From<&Edited> for EditedJson {
    fn from(Edited { payload, hash, whole, by, at, lost }: &Edited) -> Self {
        let payload = lost.is_none().then(|| payload.clone());
        let (hash, whole, by) = (hash.clone(), whole.clone(), by.clone());
        Self { payload, missing: lost.clone(), hash, whole, by, at: Rfc3339(*at) }
    }
}

impl From<&Letter> for RestJson {
    fn from(letter: &Letter) -> Self {
        let kept = matches!(letter.body, Body::Kept { .. });
        let body_missing = match &letter.body {
            Body::Missing { why, .. } => Some(why.clone()),
            Body::Kept { .. } | Body::Erased { .. } => None,
        };
        Self {
            due: letter.due.into(),
            expires: letter.expires.map(Rfc3339),
            body_expires: letter.body_expires().map(Rfc3339),
            original_payload: kept.then(|| letter.payload.clone()),
            message_attributes: kept.then(|| attributes(&letter.attributes)),
            erased: ErasureFields::of(&letter.body),
            body_missing,
            edited: letter.edited.as_ref().map(EditedJson::from),
            body_hash: Some(body_hash(letter)),
        }
    }
}

fn attributes(attributes: &Attributes) -> BTreeMap<String, AttributeJson> {
    let json = |attribute| AttributeJson::of(attribute, |bytes| BASE64.encode(bytes));
    attributes.iter().map(|(name, attribute)| (name.clone(), json(attribute))).collect()
}

/// Members of a struct.
fn members(of: &impl Serialize) -> Map<String, Value> {
    match json!(of) {
        Value::Object(members) => members,
        _ => Map::new(),
    }
}

/// A whole letter: nothing of it is left out, and binary attributes are base64.
pub fn letter(letter: &Letter) -> Value {
    let mut all = members(&LetterJson::from(letter));
    all.extend(members(&RestJson::from(letter)));
    Value::Object(all)
}

/// SHA-256 of everything that a letter may be sent with, byte for byte: whoever reads an export knows by it that nothing was
/// changed. (`payload_hash` is of what the stack is configured to compare.)
fn body_hash(letter: &Letter) -> PayloadHash {
    let edited = letter.edited.as_ref().map(|edited| &edited.payload);
    PayloadHash::of_text(&json!([letter.payload, attributes(&letter.attributes), edited]).to_string())
}

fn attempt(attempt: &Attempt) -> AttemptJson {
    attempt.clone().into()
}

/// Writes a ledger entry as JSON.
pub fn entry(entry: &Entry) -> Value {
    let enqueues = entry.enqueues.iter().map(|one| {
        let enqueue = EnqueueFields::<Rfc3339>::from(one.enqueue.clone());
        json!({"life": enqueue, "attempts": one.attempts, "dead": one.dead})
    });
    json!({
        "state": entry.state,
        "owner": entry.owner,
        "lease_until": Rfc3339(entry.lease_until),
        "payload_hash": entry.hash,
        "version": entry.version,
        "lives": enqueues.collect::<Vec<_>>(),
        "buried": entry.dead_enqueues.len(),
        "fault": entry.fault,
        "history": entry.history.iter().map(attempt).collect::<Vec<_>>(),
        "expires": Rfc3339(entry.expires),
    })
}
