//! A content as a handler's type, and why it has not that shape: without anything that stood in it.

use std::panic::{AssertUnwindSafe, catch_unwind};

use std::fmt;

use serde::de::{DeserializeOwned, Deserializer, Error, Visitor};
use serde::forward_to_deserialize_any;

use crate::fault::Fault;
use crate::json::member_at;

/// A content as a handler's type, from its text: a number that no double holds can be taken exactly. The user's own
/// decoding may panic; its panic is this record's, not the batch's.
pub(crate) fn typed<M: DeserializeOwned>(content: &str) -> Result<M, Fault> {
    let text = match catch_unwind(AssertUnwindSafe(|| serde_json::from_str::<M>(content))) {
        Ok(Ok(payload)) => return Ok(payload),
        Ok(Err(error)) => mismatch::<M>(content, &error),
        Err(_) => "decoding the body panicked; the place is in the function's log".to_owned(),
    };
    Err(Fault::schema("decode", text))
}

/// Describes what does not fit, with the field of the type. The place is left out, because it differs from one message
/// to the next.
fn mismatch<M: DeserializeOwned>(content: &str, error: &serde_json::Error) -> String {
    let text = error.to_string();
    let place = format!(" at line {} column {}", error.line(), error.column());
    let text = without_data(text.strip_suffix(&place).unwrap_or(&text));
    // A member's name is the body's, unless the type has it.
    match member_at(content, error.line(), error.column()).filter(|name| fields::<M>().contains(&name.as_str())) {
        Some(field) => format!("{field}: {text}"),
        None => text,
    }
}

/// The names of a type's fields, if it is a struct that tells them.
fn fields<M: DeserializeOwned>() -> &'static [&'static str] {
    match catch_unwind(|| M::deserialize(Probe)) {
        Ok(Err(FieldNames(names))) => names,
        Ok(Ok(_)) | Err(_) => &[],
    }
}

/// Deserialiser without input, which only listens to what a type asks for.
struct Probe;

/// The answer of the probe, as an error: nothing was read.
#[derive(Debug)]
struct FieldNames(&'static [&'static str]);

impl fmt::Display for FieldNames {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("nothing was read")
    }
}

impl std::error::Error for FieldNames {}

impl Error for FieldNames {
    fn custom<T: fmt::Display>(_: T) -> Self {
        Self(&[])
    }
}

impl<'de> Deserializer<'de> for Probe {
    type Error = FieldNames;

    fn deserialize_any<V: Visitor<'de>>(self, _: V) -> Result<V::Value, FieldNames> {
        Err(FieldNames(&[]))
    }

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        fields: &'static [&'static str],
        _: V,
    ) -> Result<V::Value, FieldNames> {
        Err(FieldNames(fields))
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(self, _: &'static str, visitor: V) -> Result<V::Value, FieldNames> {
        visitor.visit_newtype_struct(self)
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, FieldNames> {
        visitor.visit_some(self)
    }

    forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf unit unit_struct seq tuple
        tuple_struct map enum identifier ignored_any
    }
}

/// A decoding error's text without anything that stood in the body: serde quotes values and unknown names.
#[must_use]
pub fn without_data(text: &str) -> String {
    // These have no ", expected " of serde's own: one that stands there stood in the body.
    for (start, end) in
        [("unknown field `", "`, there are no fields"), ("unknown variant `", "`, there are no variants")]
    {
        if text.starts_with(start) && text.ends_with(end) {
            return format!("{}, {}", start.trim_end_matches(" `"), &end[3..]);
        }
    }
    if text.starts_with("missing field `") || text.starts_with("duplicate field `") {
        return text.to_owned();
    }
    let known = ["invalid type: ", "invalid value: ", "invalid length ", "unknown field ", "unknown variant "];
    match text.rsplit_once(", expected ") {
        Some((found, expected)) if known.iter().any(|start| text.starts_with(start)) => {
            let kind = found.split(['`', '"']).next().unwrap_or_default().trim_end();
            format!("{kind}, expected {expected}")
        }
        _ => "it does not have the shape that is expected".to_owned(),
    }
}
