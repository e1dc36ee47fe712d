//! A whole letter from its JSON: the exact opposite of [`super::letter`]. What it does not know it refuses, and does not lose.

use super::{AttributeJson, BASE64, EditedJson, LetterJson, RestJson, body_hash};
use base64::Engine;
use redrive_core::ids::{LetterId, QueueArn, Scope};
use redrive_core::letters::letter::{Body, Edited, Letter};
use redrive_core::letters::schema::{LetterRest, NoAttribute};
use redrive_core::message::decode::without_data;
use redrive_core::message::envelope::Attributes;
use redrive_core::message::key::PayloadHash;
use redrive_core::time::Timestamp;
use serde::de::DeserializeOwned;
use serde_json::Value;

impl EditedJson {
    fn read(self) -> Result<Edited, &'static str> {
        let Self { payload, missing, hash, whole, by, at } = self;
        if payload.is_some() == missing.is_some() {
            return Err("its edited body must have a payload, or say why not");
        }
        Ok(Edited { payload: payload.unwrap_or_default(), hash, whole, by, at: at.into(), lost: missing })
    }
}

impl RestJson {
    fn read(self) -> Result<LetterRest, String> {
        let expires = self.expires.map(Timestamp::from);
        // The letter's own end is told for its body, too, where that has no other.
        let until = self.body_expires.map(Timestamp::from).filter(|at| Some(*at) != expires);
        let nothing = || (String::new(), Attributes::new());
        let parts = (self.original_payload, self.message_attributes);
        let ((payload, attributes), body) = match (parts, self.erased, self.body_missing) {
            ((Some(payload), Some(attributes)), None, None) => {
                let read = |value: AttributeJson| value.read(|text| BASE64.decode(text).ok());
                let attributes = attributes.into_iter().map(|(name, value)| Ok((name, read(value)?)));
                let attributes: Result<_, NoAttribute> = attributes.collect();
                ((payload, attributes.map_err(|why| why.to_string())?), Body::Kept { until })
            }
            ((None, None), Some(erased), None) => (nothing(), erased.into()),
            ((None, None), None, Some(why)) => (nothing(), Body::Missing { until, why }),
            _ => return Err("it must have original_payload and message_attributes, or say why not".to_owned()),
        };
        let edited = self.edited.map(EditedJson::read).transpose()?;
        Ok(LetterRest { payload, attributes, body, edited, due: self.due.into(), expires })
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

/// Reads a struct of a document, whatever else the document has. What is told of a failure holds nothing of the document.
fn part<T: DeserializeOwned>(text: &[u8]) -> Result<T, String> {
    serde_json::from_slice(text).map_err(|why| match why.classify() {
        serde_json::error::Category::Data => {
            let text = why.to_string();
            let at = text.rfind(" at line ").unwrap_or(text.len());
            without_data(&text[..at])
        }
        _ => "it is no JSON document".to_owned(),
    })
}

/// Returns true if a document has nothing that is not in the other one; null says nothing.
fn is_within(document: &Value, whole: &Value) -> bool {
    match (document, whole) {
        (Value::Object(these), Value::Object(all)) => these.iter().all(|(name, value)| match all.get(name) {
            Some(known) => is_within(value, known),
            None => value.is_null(),
        }),
        (Value::Array(these), Value::Array(all)) => {
            these.len() == all.len() && these.iter().zip(all).all(|(value, known)| is_within(value, known))
        }
        _ => true,
    }
}

/// Reads a letter, and how far it is proven. What is told of a failure holds nothing of the letter.
pub fn letter(text: &[u8]) -> Result<(Letter, Proof), String> {
    let (fields, rest): (LetterJson, RestJson) = (part(text)?, part(text)?);
    let stated = rest.body_hash.clone();
    let letter = fields.with(rest.read()?);
    sound(&letter)?;
    if !is_within(&part(text)?, &super::letter(&letter)) {
        return Err("unknown field: a newer version of this command may know it".to_owned());
    }
    match stated {
        Some(stated) if stated != body_hash(&letter) => {
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
pub enum Proof {
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
    use redrive_core::ids::OwnerToken;
    use redrive_core::letters::letter::Status;

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
        let bodiless = |body| Letter { payload: String::new(), attributes: Attributes::new(), body, ..full.clone() };
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
    fn a_field_that_is_not_known_is_refused_at_any_depth() {
        type Place = fn(&mut Value) -> &mut Value;
        let places: [Place; 6] = [
            |all| all,
            |all| &mut all["life"],
            |all| &mut all["sends"][0],
            |all| &mut all["history"][0],
            |all| &mut all["edited"],
            |all| all["message_attributes"].as_object_mut().unwrap().values_mut().next().unwrap(),
        ];
        for (at, place) in places.into_iter().enumerate() {
            let mut document = written(&samples::edited(None));
            place(&mut document)["added"] = json!("SECRET");
            assert!(read(&document).unwrap_err().starts_with("unknown field"), "{at}");
        }
        let mut attempt = written(&samples::full());
        let history = attempt["history"].as_array_mut().unwrap();
        let tried = history.iter_mut().find(|event| event["attempt"].is_object()).unwrap();
        tried["attempt"]["added"] = json!("SECRET");
        assert!(read(&attempt).unwrap_err().starts_with("unknown field"));
    }

    #[test]
    fn a_field_that_is_named_twice_is_refused_at_any_depth() {
        let document = written(&samples::full()).to_string();
        let attempt = document.find(r#""attempt":{"#).unwrap();
        for (from, name, ends) in [
            (0, "version", [',', '}']),
            (0, "number", [',', '}']),
            (0, "what", [',', '}']),
            (attempt, "code", [',', '}']),
            (attempt, "message_id", [',', '}']),
            (attempt, "life", ['}', '}']),
        ] {
            let at = from + document[from..].find(&format!(r#""{name}":"#)).unwrap();
            let field = &document[at..=at + document[at..].find(ends).unwrap()];
            let field = if name == "life" { field } else { &field[..field.len() - 1] };
            let twice = format!("{}{field},{}", &document[..at], &document[at..]);
            assert!(letter(twice.as_bytes()).is_err_and(|why| why.contains("duplicate field")), "{name}: {field}");
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
