//! Mismatch of a content, taken from the text of a SCHEMA failure. It holds only what our own texts say, and never a
//! value.

use crate::json::shape::Shape;
use crate::text::capped;

/// The codes whose texts say what does not fit.
pub(super) const CODES: [&str; 2] = ["decode", "no-key"];
/// The most bytes of it.
const LIMIT: usize = 100;

/// Returns the mismatch, if the text states it in our own words.
pub(super) fn of(error_type: &str, code: &str, text: &str) -> Option<String> {
    let mismatch = match (error_type, code) {
        ("SCHEMA", "decode") => decode(text)?,
        ("SCHEMA", "no-key") => no_key(text)?,
        _ => return None,
    };
    let harmless = |c: char| c.is_ascii_alphanumeric() || " _-.,:/~*".contains(c);
    mismatch.chars().all(harmless).then(|| capped(&mismatch, LIMIT))
}

/// `missing field currency`, or with its field `amount: invalid type: string, expected i64`.
fn decode(text: &str) -> Option<String> {
    const KINDS: [&str; 7] = [
        "missing field ",
        "duplicate field ",
        "invalid type: ",
        "invalid value: ",
        "invalid length",
        "unknown field",
        "unknown variant",
    ];
    let says = |text: &str| KINDS.iter().any(|kind| text.starts_with(kind));
    let field = text.split_once(": ").filter(|(field, rest)| is_name(field) && says(rest));
    (says(text) || field.is_some()).then(|| text.replace('`', "").replace(" or ", ", "))
}

fn is_name(word: &str) -> bool {
    !word.is_empty() && word.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '_' | '-'))
}

/// `nothing at /order_id in an S3 test notice`, or what else is wrong with a key.
fn no_key(text: &str) -> Option<String> {
    if let Some(rest) = text.strip_prefix("nothing stands at the configured key pointer ") {
        let (pointer, shape) = rest.split_once(": the body is ")?;
        let shape = Shape::parse(shape)?;
        return pointer.starts_with('/').then(|| format!("nothing at {pointer} in {shape}"));
    }
    let words = [
        ("idempotency key is empty", "empty"),
        ("idempotency key has ", "too long"),
        ("the configured key pointer leads to something", "neither text nor whole number"),
        ("attribute idempotency-key is no text", "attribute is no text"),
        ("attribute idempotency-key and the configured", "attribute and pointer differ"),
    ];
    words.into_iter().find(|(start, _)| text.starts_with(start)).map(|(_, words)| words.to_owned())
}
