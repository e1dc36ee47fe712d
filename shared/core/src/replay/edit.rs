//! What a person puts in the place of a letter's body: another one, or a patch of it.

use json_patch::{Patch, PatchErrorKind, PatchOperation};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use thiserror::Error;

use super::MESSAGE_LIMIT;
use crate::decode::Reading;
use crate::foreign::ClaimCheck;
use crate::ids::Scope;
use crate::key::{Key, NoKey};
use crate::letter::{Edited, Letter};
use crate::time::Timestamp;

/// The most digits of a decimal that every double keeps.
const DIGITS: usize = 15;

/// An edit, of one letter or of many.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Edit {
    /// This is the body.
    Body(String),
    /// RFC 6902, applied to the body that would be sent otherwise. The body is written anew by it: without white space, the
    /// members of an object by their names.
    Patch(Patch),
}

/// Why an edit does not fit a letter. Nothing of the body is told.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum CannotEdit {
    /// A patch needs JSON.
    #[error("body is not JSON, and so cannot be patched; give a whole body")]
    NotJson,
    /// Something else than what the patch is about would change.
    #[error("body has a name twice, or a number that a patch would round; give a whole body")]
    Inexact,
    /// One of the patch's operations, counted from 1.
    #[error("operation {0} of the patch does not apply: {1}")]
    Operation(usize, &'static str),
    /// The message only points to an object of S3.
    #[error(
        "body stands in S3, and the message only points there: an edit would change the pointer; send a new message"
    )]
    InS3,
    /// Then the original would be replayed.
    #[error("edit changes nothing")]
    Nothing,
    /// SQS takes 1 MiB.
    #[error("edited body is empty, or larger than SQS takes (1 MiB)")]
    Size,
    /// SQS takes what XML takes.
    #[error("edited body has a control character that SQS does not take")]
    Character,
    /// The consumer would refuse it before any handler runs.
    #[error("edited body cannot be read: {0}")]
    Unread(&'static str),
    /// It would be refused, too.
    #[error("edited body has no key: {0}")]
    NoKey(NoKey),
}

/// A letter with its edited body, and by which key that would be claimed.
#[derive(Debug, Clone)]
pub struct Prepared {
    /// Not claimed yet.
    pub letter: Letter,
    /// The key that the body brings by itself, or the letter's.
    pub key: Option<Key>,
    /// The scope of its type.
    pub scope: Scope,
}

impl Edit {
    /// The body that becomes of this one.
    ///
    /// # Errors
    /// [`CannotEdit`] if it does not apply, changes nothing, or SQS would not take what becomes of it.
    pub fn apply(&self, body: &str) -> Result<String, CannotEdit> {
        let edited = match self {
            Self::Body(body) => body.clone(),
            Self::Patch(patch) => patched(body, &patch.0)?,
        };
        if edited == body {
            return Err(CannotEdit::Nothing);
        }
        if edited.is_empty() || edited.len() > MESSAGE_LIMIT {
            return Err(CannotEdit::Size);
        }
        if edited.chars().any(is_refused) { Err(CannotEdit::Character) } else { Ok(edited) }
    }

    /// The body that becomes of a letter's.
    ///
    /// # Errors
    /// As of [`Self::apply`]; and [`CannotEdit::InS3`] for a body that is not in the letter.
    pub fn apply_to(&self, letter: &Letter) -> Result<String, CannotEdit> {
        let body = letter.payload_now();
        if ClaimCheck::of(body, &letter.attributes).is_some() {
            return Err(CannotEdit::InS3);
        }
        self.apply(body)
    }

    /// A letter with this edit. Where the consumer is `ours`, its reading must make a message of it that can be claimed.
    ///
    /// # Errors
    /// [`CannotEdit`].
    pub fn prepare(
        &self,
        letter: &Letter,
        by: &str,
        reading: &Reading,
        ours: bool,
        now: Timestamp,
    ) -> Result<Prepared, CannotEdit> {
        let payload = self.apply_to(letter)?;
        let (kind, own) = reading.identify(&payload, &letter.attributes);
        if ours {
            reading.wrapping.open(&payload).map_err(|unread| CannotEdit::Unread(unread.code))?;
            match &own {
                // Redrive's own attribute carries the one that the letter has.
                Some(Err(NoKey::Unresolved)) if letter.key.is_some() => {}
                Some(Err(why)) => return Err(CannotEdit::NoKey(*why)),
                _ => {}
            }
        }
        let edited = Edited {
            hash: reading.hash_of(&payload),
            whole: reading.fingerprint_of(&payload),
            payload,
            by: by.to_owned(),
            at: now,
            lost: None,
        };
        let key = own.and_then(Result::ok).or_else(|| letter.key.clone());
        let scope = kind.map_or_else(|_| letter.scope.clone(), |kind| kind.scope);
        Ok(Prepared { letter: letter.clone().with_edit(edited), key, scope })
    }

    /// How large it is, written down.
    #[must_use]
    pub fn bytes(&self) -> usize {
        match self {
            Self::Body(body) => body.len(),
            Self::Patch(patch) => serde_json::to_string(patch).map_or(usize::MAX, |text| text.len()),
        }
    }
}

fn patched(body: &str, operations: &[PatchOperation]) -> Result<String, CannotEdit> {
    let mut document: Value = serde_json::from_str(body).map_err(|_| CannotEdit::NotJson)?;
    if !is_kept_by_parsing(body, &document) {
        return Err(CannotEdit::Inexact);
    }
    for (place, operation) in operations.iter().enumerate() {
        json_patch::patch(&mut document, std::slice::from_ref(operation)).map_err(|error| {
            let why = match error.kind {
                PatchErrorKind::TestFailed => "its test failed",
                PatchErrorKind::InvalidFromPointer => "its \"from\" leads nowhere",
                PatchErrorKind::InvalidPointer => "its path leads nowhere",
                PatchErrorKind::CannotMoveInsideItself => "it moves a value into itself",
                _ => "it is not possible there",
            };
            CannotEdit::Operation(place + 1, why)
        })?;
        // Each copy may double it.
        if matches!(operation, PatchOperation::Copy(_)) && document.to_string().len() > MESSAGE_LIMIT {
            return Err(CannotEdit::Size);
        }
    }
    Ok(document.to_string())
}

/// Whether a document says all that its text said: names that stand twice, and numbers that no double holds, are lost.
fn is_kept_by_parsing(text: &str, document: &Value) -> bool {
    let (mut names, mut number, mut quoted, mut escaped) = (0_usize, String::new(), false, false);
    for c in text.chars().chain([' ']) {
        if quoted {
            quoted = escaped || c != '"';
            escaped = c == '\\' && !escaped;
            continue;
        }
        if c.is_ascii_digit() || matches!(c, '-' | '+' | '.') || !number.is_empty() && matches!(c, 'e' | 'E') {
            number.push(c);
            continue;
        }
        if !number.is_empty() && !is_exact(&std::mem::take(&mut number)) {
            return false;
        }
        names += usize::from(c == ':');
        quoted = c == '"';
    }
    names == members(document)
}

fn is_exact(number: &str) -> bool {
    if number.parse::<i64>().is_ok() || number.parse::<u64>().is_ok() {
        return true;
    }
    let mantissa = number.split(['e', 'E']).next().unwrap_or_default();
    let digits = mantissa.trim_start_matches(['-', '0', '.']).chars().filter(char::is_ascii_digit).count();
    let zero = mantissa.chars().all(|c| matches!(c, '-' | '0' | '.'));
    let fraction = mantissa.len() < number.len() || mantissa.contains('.');
    fraction
        && digits <= DIGITS
        && number.parse::<f64>().is_ok_and(|read| read.is_finite() && (zero || read.is_normal()))
}

fn members(document: &Value) -> usize {
    match document {
        Value::Object(members_of) => members_of.len() + members_of.values().map(members).sum::<usize>(),
        Value::Array(values) => values.iter().map(members).sum(),
        _ => 0,
    }
}

/// SQS takes #x9, #xA, #xD, and what is not a control character or a noncharacter at the end of the first plane.
const fn is_refused(c: char) -> bool {
    matches!(c, '\0'..='\u{8}' | '\u{b}' | '\u{c}' | '\u{e}'..='\u{1f}' | '\u{fffe}' | '\u{ffff}')
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn patch(operations: Value) -> Edit {
        Edit::Patch(serde_json::from_value(operations).unwrap())
    }

    fn amount() -> Edit {
        patch(json!([{"op": "test", "path": "/currency", "value": "CHF"},
            {"op": "replace", "path": "/currency", "value": "EUR"}]))
    }

    #[test]
    fn a_patch_changes_what_it_names_and_nothing_else() {
        let edited = amount().apply(r#"{"order": 9007199254740993, "currency": "CHF", "rate": 1.10, "a:": "1e999"}"#);
        assert_eq!(edited.unwrap(), r#"{"a:":"1e999","currency":"EUR","order":9007199254740993,"rate":1.1}"#);
    }

    #[test]
    fn a_patch_that_does_not_apply_says_which_operation_and_nothing_of_the_body() {
        let told = |edit: &Edit, body: &str| edit.apply(body).unwrap_err().to_string();
        let test = told(&amount(), r#"{"currency": "secret"}"#);
        assert_eq!(test, "operation 1 of the patch does not apply: its test failed");
        let path = told(&patch(json!([{"op": "remove", "path": "/no"}])), r#"{"secret": 1}"#);
        assert_eq!(path, "operation 1 of the patch does not apply: its path leads nowhere");
        assert_eq!(amount().apply("secret"), Err(CannotEdit::NotJson));
        assert_eq!(patch(json!([])).apply("{}"), Err(CannotEdit::Nothing));
    }

    #[test]
    fn a_patch_never_rounds_a_number_or_drops_a_name_that_it_is_not_about() {
        let edit = patch(json!([{"op": "add", "path": "/x", "value": 1}]));
        for exact in
            ["0.10", "-0.5e-7", "18446744073709551615", "-9223372036854775808", "1e22", "0.000", "123456789.012345"]
        {
            assert!(edit.apply(&format!(r#"{{"n":{exact}}}"#)).is_ok(), "{exact}");
        }
        for lossy in ["18446744073709551616", "1.2345678901234567", "1e-400", "100000000000000000000.5"] {
            assert_eq!(edit.apply(&format!(r#"{{"n":{lossy}}}"#)), Err(CannotEdit::Inexact), "{lossy}");
        }
        assert_eq!(edit.apply(r#"{"n":1,"n":2}"#), Err(CannotEdit::Inexact));
        assert!(edit.apply(r#"{"n":"a:\"b:","m":{"n":[{"n":1}]}}"#).is_ok());
    }

    #[test]
    fn a_patch_that_doubles_a_body_again_and_again_ends_at_sqs_limit() {
        let copies = (0..64).map(|n| json!({"op": "copy", "from": "", "path": format!("/a{n}")})).collect();
        assert_eq!(patch(copies).apply(r#"{"a":"1234567890"}"#), Err(CannotEdit::Size));
    }

    #[test]
    fn a_body_must_be_one_that_sqs_takes() {
        let body = |text: &str| Edit::Body(text.to_owned()).apply("old");
        assert_eq!(body("new\r\n\t\u{7f}🚚"), Ok("new\r\n\t\u{7f}🚚".to_owned()));
        assert_eq!(body(""), Err(CannotEdit::Size));
        assert_eq!(body(&"x".repeat(MESSAGE_LIMIT + 1)), Err(CannotEdit::Size));
        assert_eq!(body("a\u{0}"), Err(CannotEdit::Character));
        assert_eq!(body("old"), Err(CannotEdit::Nothing));
    }
}
