//! A whole letter from its JSON: the exact opposite of [`super::letter`]. What it does not know it refuses, and does not lose.

use std::collections::BTreeMap;

use super::body_hash;
use base64::Engine;
use base64::engine::general_purpose::STANDARD as BASE64;
use redrive_core::fault::Class;
use redrive_core::ids::{self, JobId, LetterId, MessageId, Number, OwnerToken, QueueArn, Scope};
use redrive_core::letters::letter::{self, AttributesHash, Body, ErrorType, EventKind, Letter, Reason, Status};
use redrive_core::message::decode::without_data;
use redrive_core::message::envelope::{self, AttributeValue};
use redrive_core::message::key::{Key, PayloadHash};
use redrive_core::processing::ledger::{self, Origin};
use redrive_core::time::Timestamp;
use serde::Deserialize;
use serde::de::{Deserializer, Error};

#[derive(Clone, Copy)]
struct Time(Timestamp);

impl<'de> Deserialize<'de> for Time {
    fn deserialize<D: Deserializer<'de>>(reader: D) -> Result<Self, D::Error> {
        let text = String::deserialize(reader)?;
        Timestamp::from_rfc3339(&text).map(Self).ok_or_else(|| D::Error::custom("no time"))
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct EnqueueJson {
    message_id: MessageId,
    sent_at: Time,
}

impl From<EnqueueJson> for ids::Enqueue {
    fn from(EnqueueJson { message_id, sent_at }: EnqueueJson) -> Self {
        Self { message_id, sent_at: sent_at.0 }
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct AttributeJson {
    data_type: String,
    string_value: Option<String>,
    binary_value: Option<String>,
}

impl AttributeJson {
    fn read(self) -> Result<envelope::Attribute, &'static str> {
        let value = match (self.string_value, self.binary_value) {
            (Some(text), None) => AttributeValue::Text(text),
            (None, Some(text)) => {
                AttributeValue::Binary(BASE64.decode(text).map_err(|_| "a binary_value is no base64")?)
            }
            _ => return Err("an attribute must have a string_value or a binary_value, and not both"),
        };
        Ok(envelope::Attribute { data_type: self.data_type, value })
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct AttemptJson {
    #[serde(rename = "life")]
    enqueue: EnqueueJson,
    at: Time,
    class: Class,
    code: String,
    text: String,
    request_id: String,
    function_version: String,
    log_stream: String,
}

impl From<AttemptJson> for ledger::Attempt {
    fn from(one: AttemptJson) -> Self {
        let AttemptJson { enqueue, at, class, code, text, request_id, function_version, log_stream } = one;
        let origin = Origin { request_id, function_version, log_stream };
        Self { enqueue: enqueue.into(), at: at.0, class, code, text, origin }
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct EventJson {
    at: Time,
    what: EventKind,
    who: String,
    note: Option<String>,
    attempt: Option<AttemptJson>,
}

impl From<EventJson> for letter::Event {
    fn from(EventJson { at, what, who, note, attempt }: EventJson) -> Self {
        Self { at: at.0, what, who, note, attempt: attempt.map(Into::into) }
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct SendJson {
    number: Number,
    key: Option<Key>,
    hash: PayloadHash,
    message_id: Option<MessageId>,
    at: Time,
    job: Option<JobId>,
    to: Option<QueueArn>,
    edited: Option<PayloadHash>,
}

impl From<SendJson> for letter::Send {
    fn from(SendJson { number, key, hash, message_id, at, job, edited, to }: SendJson) -> Self {
        Self { number, key, hash, message_id, at: at.0, job, edited, to }
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct EditedJson {
    payload: Option<String>,
    missing: Option<String>,
    hash: PayloadHash,
    whole_hash: PayloadHash,
    by: String,
    at: Time,
}

impl EditedJson {
    fn read(self) -> Result<letter::Edited, &'static str> {
        let Self { payload, missing, hash, whole_hash: whole, by, at } = self;
        if payload.is_some() == missing.is_some() {
            return Err("its edited body must have a payload, or say why not");
        }
        Ok(letter::Edited { payload: payload.unwrap_or_default(), hash, whole, by, at: at.0, lost: missing })
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Erasure {
    at: Time,
    by: String,
    note: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Whole {
    dlq_message_id: LetterId,
    source_topic: QueueArn,
    // Exports from before these were kept have neither.
    moved_from: Option<QueueArn>,
    attributes_hash: Option<AttributesHash>,
    source_partition: Option<String>,
    source_offset: Option<String>,
    original_payload: Option<String>,
    message_attributes: Option<BTreeMap<String, AttributeJson>>,
    erased: Option<Erasure>,
    body_missing: Option<String>,
    edited: Option<EditedJson>,
    #[serde(default)]
    payload_form: letter::Form,
    error_type: ErrorType,
    error_code: Option<String>,
    error_message: String,
    attempt_count: u32,
    first_failed_at: Time,
    last_failed_at: Time,
    status: Status,
    resolution_note: Option<String>,
    message_group_id: Option<String>,
    sequence_number: Option<String>,
    sent_timestamp: Time,
    origin_message_id: MessageId,
    #[serde(rename = "life")]
    enqueue: EnqueueJson,
    payload_hash: PayloadHash,
    idempotency_key: Option<Key>,
    key_is_stable: bool,
    scope: Scope,
    fingerprint: String,
    number: Number,
    deaths: u32,
    sends: Vec<SendJson>,
    history: Vec<EventJson>,
    token: Option<OwnerToken>,
    due: Time,
    expires: Option<Time>,
    body_expires: Option<Time>,
    version: u64,
    /// Hash of the body; absent in exports of earlier versions.
    body_hash: Option<PayloadHash>,
}

impl Whole {
    /// Payload, attributes, and whether they are there.
    fn body(&mut self) -> Result<(String, envelope::Attributes, Body), &'static str> {
        // The letter's own end is told for its body, too, where that has no other.
        let until = self.body_expires.map(|at| at.0).filter(|at| Some(*at) != self.expires.map(|at| at.0));
        let parts = (self.original_payload.take(), self.message_attributes.take());
        match (parts, self.erased.take(), self.body_missing.take()) {
            ((Some(payload), Some(attributes)), None, None) => {
                let attributes = attributes.into_iter().map(|(name, value)| value.read().map(|value| (name, value)));
                Ok((payload, attributes.collect::<Result<_, _>>()?, Body::Kept { until }))
            }
            ((None, None), Some(Erasure { at, by, note }), None) => {
                Ok((String::new(), envelope::Attributes::new(), Body::Erased { at: at.0, by, note }))
            }
            ((None, None), None, Some(why)) => {
                Ok((String::new(), envelope::Attributes::new(), Body::Missing { until, why }))
            }
            _ => Err("it must have original_payload and message_attributes, or say why not"),
        }
    }

    fn letter(mut self) -> Result<Letter, &'static str> {
        let (payload, attributes, body) = self.body()?;
        let edited = self.edited.take().map(EditedJson::read).transpose()?;
        let letter = Letter {
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
            sent_at: self.sent_timestamp.0,
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
                first_failed_at: self.first_failed_at.0,
                last_failed_at: self.last_failed_at.0,
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
            due: self.due.0,
            expires: self.expires.map(|at| at.0),
            version: self.version,
        };
        sound(&letter).map(|()| letter)
    }
}

/// Checks what holds for every letter, whoever wrote it.
fn sound(letter: &Letter) -> Result<(), &'static str> {
    let whole_seconds = |at: Option<Timestamp>| at.is_none_or(|at| at.whole_seconds() == at);
    if letter.id != LetterId::derive(&letter.source, &letter.origin) {
        Err("dlq_message_id is not that of its source_topic and origin_message_id")
    } else if Scope::new(letter.scope.as_str()).is_none() || QueueArn::new(letter.source.as_str()).is_none() {
        Err("its scope or its source_topic cannot be one")
    } else if letter.version == 0 || letter.deaths == 0 {
        Err("version and deaths begin at 1")
    } else if !whole_seconds(letter.expires) || !whole_seconds(letter.body.until()) {
        Err("it expires within a second, and a table keeps whole ones")
    } else {
        Ok(())
    }
}

/// Reads a letter, and how far it is proven. What is told of a failure holds nothing of the letter.
pub(crate) fn letter(text: &[u8]) -> Result<(Letter, Proof), String> {
    let whole: Whole = serde_json::from_slice(text).map_err(|why| match why.classify() {
        serde_json::error::Category::Data => {
            let told = why.to_string();
            let at = told.rfind(" at line ").unwrap_or(told.len());
            without_data(&told[..at])
        }
        _ => "it is no JSON document".to_owned(),
    })?;
    let told = whole.body_hash.clone();
    let letter = whole.letter().map_err(str::to_owned)?;
    match told {
        Some(told) if told != body_hash(&letter) => {
            Err("body_hash is not that of its body: it was changed after the export (redrive replay --edit sends another body)".to_owned())
        }
        Some(_) => Ok((letter, Proof::Whole)),
        None if is_hash_of(&letter.hash, &letter.payload) => Ok((letter, Proof::Payload)),
        None if letter.check_body().is_err() => Ok((letter, Proof::Payload)),
        None => Ok((letter, Proof::None)),
    }
}

/// Proof that a letter of a file is the one that was exported.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Proof {
    /// The hash exported with it fits its body and attributes.
    Whole,
    /// The letter was exported by an older version, and its payload fits its hash, or it has none.
    Payload,
    /// The letter was exported by an older version, and its hash is not that of the whole payload: it may be configured to
    /// be of something else.
    None,
}

fn is_hash_of(hash: &PayloadHash, payload: &str) -> bool {
    let json = payload.parse().map(|payload| PayloadHash::of_json(&payload));
    json.is_ok_and(|json| json == *hash) || PayloadHash::of_text(payload) == *hash
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::json::letter as written;
    use crate::samples;

    fn read(document: &Value) -> Result<Letter, String> {
        proven(document).map(|(letter, _)| letter)
    }

    fn proven(document: &Value) -> Result<(Letter, Proof), String> {
        letter(crate::text::shown_json(&document.to_string()).as_bytes())
    }

    #[test]
    fn a_letter_whose_body_was_changed_after_its_export_is_refused() {
        let exported = written(&samples::full());
        assert_eq!(proven(&exported).map(|(_, proof)| proof), Ok(Proof::Whole));
        let mut changed = exported.clone();
        changed["original_payload"] = json!("another body");
        assert!(read(&changed).unwrap_err().starts_with("body_hash is not that of its body"));
        let mut changed = exported.clone();
        changed["message_attributes"] = json!({});
        assert!(read(&changed).unwrap_err().starts_with("body_hash is not that of its body"));
    }

    #[test]
    fn what_was_exported_without_a_hash_of_the_body_is_held_to_its_payload_hash() {
        let payload = r#"{"b": 1, "a": 2}"#;
        let hash = PayloadHash::of_json(&payload.parse().unwrap());
        let letter = Letter { payload: payload.to_owned(), hash, edited: None, ..samples::full() };
        let mut old = written(&letter);
        old.as_object_mut().unwrap().remove("body_hash");
        assert_eq!(proven(&old), Ok((letter, Proof::Payload)));
        old["original_payload"] = json!(r#"{"a":3}"#);
        assert_eq!(proven(&old).map(|(_, proof)| proof), Ok(Proof::None));
    }

    #[test]
    fn what_was_exported_before_sends_had_a_destination_can_still_be_read() {
        let mut old = written(&samples::full());
        for send in old["sends"].as_array_mut().unwrap() {
            send.as_object_mut().unwrap().remove("to");
        }
        assert!(letter(old.to_string().as_bytes()).unwrap().0.sends.iter().all(|send| send.to.is_none()));
    }

    #[test]
    fn every_letter_comes_back_exactly_as_it_was_written() {
        let full = samples::full();
        let until = Some(Timestamp::from_millis(samples::NOW.as_millis() / 1_000 * 1_000));
        let later = until.map(|at| at.after(std::time::Duration::from_secs(60)));
        let erased = Body::Erased { at: samples::NOW, by: "ann".to_owned(), note: "asked\u{1b} for".to_owned() };
        let bodiless =
            |body| Letter { payload: String::new(), attributes: envelope::Attributes::new(), body, ..full.clone() };
        let token = Some(OwnerToken::from_random(7));
        let large = format!("{}\u{9b}\u{2028}\\\"\n\t{}", "é".repeat(400_000), "\u{7f}".repeat(100_000));
        let odd = [
            full.clone(),
            Letter { token, status: Status::Replaying, due: samples::NOW, ..full.clone() },
            Letter { body: Body::Kept { until }, expires: later, status: Status::Resolved, ..full.clone() },
            Letter { expires: until, status: Status::Discarded, ..full.clone() },
            Letter { payload: large, ..full.clone() },
            samples::edited(None),
            samples::edited(Some("chunk 0 of 1 is not there".to_owned())),
            bodiless(erased),
            bodiless(Body::Missing { until, why: "lost".to_owned() }),
        ];
        for letter in samples::letters().into_iter().chain(odd) {
            assert_eq!(read(&written(&letter)).unwrap(), letter);
        }
    }

    #[test]
    fn what_is_no_letter_of_export_is_refused_and_not_quoted() {
        let with = |name: &str, value: Value| {
            let mut document = written(&samples::full());
            document[name] = value;
            document
        };
        let secret = "SECRET, expected SECRET";
        for (document, told) in [
            (json!({"dlq_message_id": secret}), "shape that is expected"),
            (json!(secret), "invalid type: string"),
            (with("status", json!(secret)), "unknown variant"),
            (with("SECRET", json!(1)), "unknown field"),
            (with("due", json!(secret)), "shape that is expected"),
            (with("origin_message_id", json!(secret)), "dlq_message_id is not that of"),
            (with("scope", json!("")), "its scope"),
            (with("version", json!(0)), "begin at 1"),
            (with("expires", json!("2026-11-22T13:00:00.5Z")), "whole ones"),
            (with("erased", json!({"at": "2026-11-22T13:00:00Z", "by": secret, "note": secret})), "or say why not"),
            (with("original_payload", Value::Null), "or say why not"),
            (with("message_attributes", json!({secret: {"data_type": "Binary", "binary_value": "!"}})), "no base64"),
            (with("message_attributes", json!({secret: {"data_type": "String"}})), "and not both"),
        ] {
            let why = read(&document).unwrap_err();
            assert!(why.contains(told) && !why.contains("SECRET"), "{why}");
        }
        assert_eq!(letter(b"\xff{").unwrap_err(), "it is no JSON document");
    }
}
