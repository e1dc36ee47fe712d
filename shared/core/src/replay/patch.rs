//! A JSON Patch (RFC 6902) whose numbers, and those of what it patches, keep their digits.

use json_patch::{PatchErrorKind, PatchOperation};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use thiserror::Error;

use super::MESSAGE_LIMIT;
use super::cannot_edit::CannotEdit;
use crate::json::{Document, Json, NotJson, elements};

/// A JSON Patch. It is written down as the text that it was read from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "WrittenPatch", into = "String")]
pub struct Patch {
    text: String,
    operations: Vec<PatchOperation>,
}

/// Reason for which a text is no patch. Operations are counted from 1, and nothing of their values is told.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum BadPatch {
    /// No list of operations.
    #[error("patch is no JSON Patch (RFC 6902): it {0}")]
    Text(String),
    /// An operation is none of RFC 6902.
    #[error("operation {0} of the patch is none of RFC 6902 (op, path, and value or from)")]
    Operation(usize),
    /// A reader would lose one of the two values.
    #[error("operation {0} of the patch has a name twice")]
    Twice(usize),
    /// An operation has something that no reader takes.
    #[error("operation {0} of the patch {1}")]
    Value(usize, NotJson),
}

/// Written forms of a patch: the present one, and the older one.
#[derive(Deserialize)]
#[serde(untagged)]
enum WrittenPatch {
    /// Text of the patch.
    Text(String),
    /// A list, as older versions wrote it.
    List(Vec<Value>),
}

impl TryFrom<WrittenPatch> for Patch {
    type Error = BadPatch;
    fn try_from(written: WrittenPatch) -> Result<Self, BadPatch> {
        match written {
            WrittenPatch::Text(text) => Self::parse(&text),
            WrittenPatch::List(list) => Self::parse(&Value::Array(list).to_string()),
        }
    }
}

impl From<Patch> for String {
    fn from(patch: Patch) -> Self {
        patch.text
    }
}

impl Patch {
    /// Reads a patch from its text.
    ///
    /// # Errors
    /// [`BadPatch`] names the operation that is at fault.
    pub fn parse(text: &str) -> Result<Self, BadPatch> {
        let Some(places) = elements(text).map_err(|why| BadPatch::Text(why.to_string()))? else {
            return Err(BadPatch::Text("is no list of operations".to_owned()));
        };
        let read = |(n, place): (usize, std::ops::Range<usize>)| operation(n + 1, &text[place]);
        let operations = places.into_iter().enumerate().map(read).collect::<Result<_, _>>()?;
        Ok(Self { text: text.to_owned(), operations })
    }

    /// The text that it was read from.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// The places that the patch writes or tests, as JSON pointers, each once and in order.
    #[must_use]
    pub fn places(&self) -> Vec<&str> {
        let mut places: Vec<&str> = Vec::new();
        for operation in &self.operations {
            let from = match operation {
                PatchOperation::Move(moved) => Some(moved.from.as_str()),
                _ => None,
            };
            for place in from.into_iter().chain([operation.path().as_str()]) {
                if !places.contains(&place) {
                    places.push(place);
                }
            }
        }
        places
    }

    /// Applies the patch to a document.
    pub(super) fn apply(&self, document: &Json) -> Result<Json, CannotEdit> {
        let mut value = tagged(document);
        for (place, operation) in self.operations.iter().enumerate() {
            let refused = |why| CannotEdit::Operation(place + 1, why);
            if let PatchOperation::Test(test) = operation {
                let found = value.pointer(test.path.as_str()).ok_or_else(|| refused("its path leads nowhere"))?;
                // By what numbers are worth: RFC 6902, 4.6.
                if !untagged(found)?.is_equal(&untagged(&test.value)?) {
                    return Err(refused("its test failed"));
                }
                continue;
            }
            json_patch::patch(&mut value, std::slice::from_ref(operation)).map_err(|error| {
                refused(match error.kind {
                    PatchErrorKind::InvalidFromPointer => "its \"from\" leads nowhere",
                    PatchErrorKind::InvalidPointer => "its path leads nowhere",
                    PatchErrorKind::CannotMoveInsideItself => "it moves a value into itself",
                    _ => "it is not possible there",
                })
            })?;
            // Each copy may double it.
            if matches!(operation, PatchOperation::Copy(_)) && untagged(&value)?.to_string().len() > MESSAGE_LIMIT {
                return Err(CannotEdit::Size);
            }
        }
        untagged(&value)
    }
}

fn operation(n: usize, text: &str) -> Result<PatchOperation, BadPatch> {
    let document: Document = text.parse().map_err(|why| BadPatch::Value(n, why))?;
    if document.twice.is_some() {
        return Err(BadPatch::Twice(n));
    }
    let Json::Object(members) = document.json else { return Err(BadPatch::Operation(n)) };
    let member = |(name, value): (String, Json)| {
        let value = if name == "value" { tagged(&value) } else { Value::from(value.as_text()) };
        (name, value)
    };
    let members: Map<_, _> = members.into_iter().map(member).collect();
    PatchOperation::deserialize(Value::Object(members)).map_err(|_| BadPatch::Operation(n))
}

/// Prefix of a number's digits, so that a patch moves them about as text.
const NUMBER: char = '#';
/// Prefix of a text, so that it is not taken for a number.
const TEXT: char = '"';

/// A document as the patching library takes it: with numbers as marked text.
fn tagged(json: &Json) -> Value {
    match json {
        Json::Null => Value::Null,
        Json::Bool(is) => Value::Bool(*is),
        Json::Number(number) => Value::String(format!("{NUMBER}{}", number.as_str())),
        Json::Text(text) => Value::String(format!("{TEXT}{text}")),
        Json::Array(values) => Value::Array(values.iter().map(tagged).collect()),
        Json::Object(members) => {
            Value::Object(members.iter().map(|(name, value)| (name.clone(), tagged(value))).collect())
        }
    }
}

/// Turns the tagged value back into a document.
fn untagged(value: &Value) -> Result<Json, CannotEdit> {
    Ok(match value {
        Value::Null => Json::Null,
        Value::Bool(is) => Json::Bool(*is),
        Value::String(text) => match text.strip_prefix(NUMBER) {
            Some(digits) => digits.parse().map_err(|why: NotJson| CannotEdit::Unreadable(why.to_string()))?,
            None => Json::Text(text.strip_prefix(TEXT).unwrap_or(text).to_owned()),
        },
        // Every number is text here.
        Value::Number(number) => Json::Text(number.to_string()),
        Value::Array(values) => Json::Array(values.iter().map(untagged).collect::<Result<_, _>>()?),
        Value::Object(members) => {
            let member = |(name, value): (&String, &Value)| Ok((name.clone(), untagged(value)?));
            Json::Object(members.iter().map(member).collect::<Result<_, CannotEdit>>()?)
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Result<Patch, String> {
        Patch::parse(text).map_err(|why| why.to_string())
    }

    fn applied(patch: &str, document: &str) -> Result<String, CannotEdit> {
        parse(patch).unwrap().apply(&document.parse().unwrap()).map(|json| json.to_string())
    }

    #[test]
    fn a_patchs_own_values_keep_their_digits() {
        for digits in ["100000000000000000001", "1.10", "12345678901234567.89", "1e400", "-0", "0.1E+1"] {
            let patch = format!(r#"[{{"op":"add","path":"/n","value":[{digits},{{"x":{digits}}},"{digits}"]}}]"#);
            let expected = format!(r##"{{"n":[{digits},{{"x":{digits}}},"{digits}"],"o":"#1"}}"##);
            assert_eq!(applied(&patch, r##"{"o":"#1"}"##).unwrap(), expected);
            let written = serde_json::to_string(&parse(&patch).unwrap()).unwrap();
            assert_eq!(
                serde_json::from_str::<Patch>(&written).unwrap(),
                parse(&patch).unwrap(),
                "written down and read"
            );
        }
    }

    #[test]
    fn a_patch_names_the_places_that_it_is_about() {
        let patch = r#"[{"op":"test","path":"/a","value":1},{"op":"move","from":"/a","path":"/b/0"},{"op":"remove","path":"/c~1d"}]"#;
        assert_eq!(parse(patch).unwrap().places(), ["/a", "/b/0", "/c~1d"]);
    }

    #[test]
    fn a_patch_that_an_older_version_wrote_down_is_read() {
        let list = r#"[{"op":"replace","path":"/currency","value":"EUR"}]"#;
        let read: Patch = serde_json::from_str(list).unwrap();
        assert_eq!(read.apply(&r#"{"currency":"CHF"}"#.parse().unwrap()).unwrap().to_string(), r#"{"currency":"EUR"}"#);
    }

    #[test]
    fn what_is_no_patch_is_refused_by_the_number_of_its_operation() {
        let fine = r#"{"op":"remove","path":"/a"}"#;
        for (bad, why) in [
            (r#"{"op":"add","path":"/n","value":{"n":1,"n":2}}"#, "operation 2 of the patch has a name twice"),
            (r#"{"op":"add","op":"test","path":"/n","value":1}"#, "operation 2 of the patch has a name twice"),
            (r#"{"op":"add","path":"/n","value":"\ud800"}"#, "operation 2 of the patch has half of a surrogate pair"),
            (r#"{"op":"add","path":"/n"}"#, "operation 2 of the patch is none of RFC 6902"),
            (r#"{"op":"upsert","path":"/n","value":1}"#, "operation 2 of the patch is none of RFC 6902"),
            ("7", "operation 2 of the patch is none of RFC 6902"),
        ] {
            let told = parse(&format!("[{fine}, {bad}]")).unwrap_err();
            assert!(told.starts_with(why), "{bad}: {told}");
        }
        let deep = format!(r#"{{"op":"add","path":"/n","value":{}1{}}}"#, "[".repeat(127), "]".repeat(127));
        assert!(parse(&format!("[{deep}]")).unwrap_err().contains("operation 1 of the patch nests"));
        assert!(parse("{}").unwrap_err().contains("is no list of operations"));
        assert!(parse("[{]").unwrap_err().contains("is not JSON"));
    }

    #[test]
    fn a_test_compares_numbers_by_their_values_and_not_as_doubles() {
        let test = |value: &str, document: &str| {
            applied(&format!(r#"[{{"op":"test","path":"/n","value":{value}}}]"#), &format!(r#"{{"n":{document}}}"#))
        };
        for (value, document) in [("100", "100.0"), ("1e2", "100"), ("[1,{\"a\":0}]", "[1.0,{\"a\":-0}]")] {
            assert!(test(value, document).is_ok(), "{value} {document}");
        }
        for (value, document) in [("12345678901234567.88", "12345678901234567.89"), ("\"1\"", "1"), ("[1]", "[1,1]")] {
            let failed = CannotEdit::Operation(1, "its test failed");
            assert_eq!(test(value, document), Err(failed), "{value} {document}");
        }
    }
}
