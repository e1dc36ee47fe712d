//! JSON exactly as it was written. Numbers keep their digits: nothing of a body ever passes through a double.
//!
//! serde_json checks the grammar; what is valid is then taken apart here, so that a number stays text, a name that stands
//! twice is noticed, and what no JSON reader takes is named. serde_json's own exact mode (`arbitrary_precision`) would
//! change `serde_json::Value` for every handler in the workspace: there a number in a flattened or untagged type is a map.

mod decimal;
mod read;
pub mod shape;

use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;

use thiserror::Error;

pub use decimal::JsonNumber;
pub use read::{elements, member, member_at};

/// The deepest nesting that is read: serde_json's own limit, and so every handler's.
pub const DEPTH: usize = 127;

/// A JSON value with its numbers as they were written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Json {
    /// The literal `null` of JSON.
    Null,
    /// The literal `true` or `false`.
    Bool(bool),
    /// A number, with its digits.
    Number(JsonNumber),
    /// A string, without its escapes.
    Text(String),
    /// An array of values.
    Array(Vec<Self>),
    /// An object. Of a name that stands twice the last value counts, as with most readers.
    Object(BTreeMap<String, Self>),
}

/// A document, and the first of its names that stands twice in one object.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Document {
    /// Value of the text.
    pub json: Json,
    /// The first name that an object has twice, if there is one.
    pub twice: Option<Twice>,
}

/// A name that one object has twice: two readers may take different values.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Twice {
    /// The name. It is the body's: it may be shown to whoever may read the body, and stands in no log.
    pub name: String,
    /// The line of its second place, from 1.
    pub line: usize,
    /// The column of its second place, in bytes from 1.
    pub column: usize,
}

/// Reason for which a text is not JSON that is read here. Nothing of the text is told.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum NotJson {
    /// U+FEFF stands before it.
    #[error("begins with a byte order mark, which is no part of JSON")]
    ByteOrderMark,
    /// Arrays and objects nest deeper than [`DEPTH`].
    #[error("nests arrays and objects deeper than {DEPTH} levels")]
    Depth,
    /// An escape like `\ud800` without its other half.
    #[error("has half of a surrogate pair (\\ud800 to \\udfff) without its other half")]
    Surrogate,
    /// The exponent of a number has more than 18 digits.
    #[error("has a number whose exponent has more than 18 digits")]
    Exponent,
    /// No JSON; the text names the place.
    #[error("is not JSON: {0}")]
    Syntax(String),
}

impl NotJson {
    /// The code of the fault that a message with such a body has.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::ByteOrderMark => "byte-order-mark",
            Self::Depth => "nested-too-deep",
            Self::Surrogate => "lone-surrogate",
            Self::Exponent | Self::Syntax(_) => "not-json",
        }
    }
}

impl Json {
    /// The member of an object.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&Self> {
        if let Self::Object(members) = self { members.get(name) } else { None }
    }

    /// The string, if it is one.
    #[must_use]
    pub fn as_text(&self) -> Option<&str> {
        if let Self::Text(text) = self { Some(text) } else { None }
    }

    /// Returns the value at a JSON pointer (RFC 6901).
    #[must_use]
    pub fn pointer(&self, pointer: &str) -> Option<&Self> {
        if pointer.is_empty() {
            return Some(self);
        }
        pointer.strip_prefix('/')?.split('/').try_fold(self, |at, token| match at {
            Self::Object(members) => members.get(&token.replace("~1", "/").replace("~0", "~")),
            Self::Array(values) => values.get(index(token)?),
            _ => None,
        })
    }

    /// Returns true if both are the same value. Numbers compare by their value (RFC 6902, 4.6).
    #[must_use]
    pub fn is_equal(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Number(one), Self::Number(other)) => one.is_worth(other),
            (Self::Array(ones), Self::Array(others)) => {
                ones.len() == others.len() && ones.iter().zip(others).all(|(one, other)| one.is_equal(other))
            }
            (Self::Object(ones), Self::Object(others)) => {
                let same = |(name, one): (&String, &Self)| others.get(name).is_some_and(|other| one.is_equal(other));
                ones.len() == others.len() && ones.iter().all(same)
            }
            _ => self == other,
        }
    }

    /// Returns true for a string that itself contains a JSON object or array: it was encoded twice.
    #[must_use]
    pub fn is_encoded_twice(&self) -> bool {
        let Some(text) = self.as_text().map(str::trim_start) else { return false };
        text.starts_with(['{', '[']) && serde_json::from_str::<serde::de::IgnoredAny>(text).is_ok()
    }

    /// Writes it without white space, the members of an object by their names, and each number by `number`.
    pub(crate) fn write(&self, out: &mut String, number: &mut dyn FnMut(&JsonNumber, &mut String)) {
        match self {
            Self::Null => out.push_str("null"),
            Self::Bool(true) => out.push_str("true"),
            Self::Bool(false) => out.push_str("false"),
            Self::Number(digits) => number(digits, out),
            Self::Text(text) => quote(text, out),
            Self::Array(values) => {
                for (n, value) in values.iter().enumerate() {
                    out.push(if n == 0 { '[' } else { ',' });
                    value.write(out, number);
                }
                out.push_str(if values.is_empty() { "[]" } else { "]" });
            }
            Self::Object(members) => {
                for (n, (name, value)) in members.iter().enumerate() {
                    out.push(if n == 0 { '{' } else { ',' });
                    quote(name, out);
                    out.push(':');
                    value.write(out, number);
                }
                out.push_str(if members.is_empty() { "{}" } else { "}" });
            }
        }
    }
}

/// A string as JSON writes it.
pub(crate) fn quote(text: &str, out: &mut String) {
    if text.bytes().any(|byte| byte < b' ' || matches!(byte, b'"' | b'\\')) {
        return out.push_str(&serde_json::Value::from(text).to_string());
    }
    out.push('"');
    out.push_str(text);
    out.push('"');
}

/// RFC 6901: digits, without a leading zero.
fn index(token: &str) -> Option<usize> {
    let digits = token.bytes().all(|byte| byte.is_ascii_digit()) && (token.len() == 1 || !token.starts_with('0'));
    if digits { token.parse().ok() } else { None }
}

impl fmt::Display for Json {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut out = String::new();
        self.write(&mut out, &mut |number, out| out.push_str(number.as_str()));
        f.write_str(&out)
    }
}

impl FromStr for Document {
    type Err = NotJson;
    fn from_str(text: &str) -> Result<Self, NotJson> {
        read::document(text)
    }
}

impl FromStr for Json {
    type Err = NotJson;
    fn from_str(text: &str) -> Result<Self, NotJson> {
        read::document(text).map(|document| document.json)
    }
}

#[cfg(test)]
mod tests;
