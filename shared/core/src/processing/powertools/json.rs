//! JSON as the two libraries write it before they hash it: `json.dumps(data, sort_keys=True)`, and `JSON.stringify` of sorted data.
//!
//! Both have read their numbers into doubles, and Python its whole numbers exactly. So this is the one place where a number of a body
//! passes through a double: their hash is of that.

use std::collections::BTreeMap;
use std::fmt::Write;

use crate::json::{Json, JsonNumber};

/// Writes data as Python's `json.dumps` does with sorted keys.
pub(super) fn python(data: &Json) -> String {
    match data {
        Json::Null => "null".to_owned(),
        Json::Bool(value) => value.to_string(),
        Json::Number(number) => python_number(number),
        Json::Text(text) => python_text(text),
        Json::Array(values) => format!("[{}]", values.iter().map(python).collect::<Vec<_>>().join(", ")),
        Json::Object(members) => {
            let member = |(name, value): (&String, &Json)| format!("{}: {}", python_text(name), python(value));
            format!("{{{}}}", members.iter().map(member).collect::<Vec<_>>().join(", "))
        }
    }
}

/// Writes data as `JSON.stringify` does, with names sorted as Powertools does. `None` if two names of one object differ in case alone:
/// then their order is that of the body, which is not known any more.
pub(super) fn typescript(data: &Json) -> Option<String> {
    Some(match data {
        Json::Null => "null".to_owned(),
        Json::Bool(value) => value.to_string(),
        Json::Number(number) => javascript_number(number),
        Json::Text(text) => plain_text(text),
        Json::Array(values) => format!("[{}]", values.iter().map(typescript).collect::<Option<Vec<_>>>()?.join(",")),
        Json::Object(members) => {
            let member =
                |name: &&String| Some(format!("{}:{}", plain_text(name), typescript(members.get(name.as_str())?)?));
            format!("{{{}}}", in_javascript_order(members)?.iter().map(member).collect::<Option<Vec<_>>>()?.join(","))
        }
    })
}

/// Names in the order in which JavaScript keeps them once Powertools has sorted them: indexes first, by their number, then the
/// others without regard to case, by code units.
fn in_javascript_order(members: &BTreeMap<String, Json>) -> Option<Vec<&String>> {
    let (mut indexes, mut names): (Vec<_>, Vec<_>) = members.keys().partition(|name| index(name).is_some());
    indexes.sort_by_key(|name| index(name));
    let folded = |name: &&String| name.to_lowercase().encode_utf16().collect::<Vec<_>>();
    names.sort_by_key(folded);
    let same = names.windows(2).any(|pair| folded(&pair[0]) == folded(&pair[1]));
    (!same).then(|| indexes.into_iter().chain(names).collect())
}

/// An array index of JavaScript: a whole number below 2^32 - 1, written plainly.
fn index(name: &str) -> Option<u32> {
    name.parse().ok().filter(|number: &u32| *number < u32::MAX && number.to_string() == name)
}

fn python_text(text: &str) -> String {
    let mut written = String::with_capacity(text.len() + 2);
    written.push('"');
    for c in text.chars() {
        match c {
            '"' => written.push_str("\\\""),
            '\\' => written.push_str("\\\\"),
            '\n' => written.push_str("\\n"),
            '\r' => written.push_str("\\r"),
            '\t' => written.push_str("\\t"),
            '\u{8}' => written.push_str("\\b"),
            '\u{c}' => written.push_str("\\f"),
            ' '..='~' => written.push(c),
            _ => {
                for unit in c.encode_utf16(&mut [0; 2]) {
                    // Writing into a text does not fail.
                    let _ = write!(written, "\\u{unit:04x}");
                }
            }
        }
    }
    written.push('"');
    written
}

/// Text as `JSON.stringify` writes it, and serde_json, too.
fn plain_text(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}

fn python_number(number: &JsonNumber) -> String {
    let text = number.as_str();
    if !text.contains(['.', 'e', 'E']) {
        return if text == "-0" { "0".to_owned() } else { text.to_owned() };
    }
    let Some(Digits { sign, digits, point }) = Digits::of(text) else {
        return if text.starts_with('-') { "-Infinity".to_owned() } else { "Infinity".to_owned() };
    };
    if (-3..=16).contains(&point) {
        let plain = plain(&digits, point);
        return if plain.contains('.') { format!("{sign}{plain}") } else { format!("{sign}{plain}.0") };
    }
    let exponent = point - 1;
    let mark = if exponent < 0 { '-' } else { '+' };
    format!("{sign}{}e{mark}{:02}", scientific(&digits), exponent.abs())
}

fn javascript_number(number: &JsonNumber) -> String {
    let Some(Digits { sign, digits, point }) = Digits::of(number.as_str()) else { return "null".to_owned() };
    if digits == "0" {
        return digits;
    }
    if (-5..=21).contains(&point) {
        return format!("{sign}{}", plain(&digits, point));
    }
    let exponent = point - 1;
    let mark = if exponent < 0 { '-' } else { '+' };
    format!("{sign}{}e{mark}{}", scientific(&digits), exponent.abs())
}

/// Shortest digits of a double, and the place of its point.
struct Digits {
    sign: &'static str,
    digits: String,
    /// Number of digits before the point; zero or less: so many zeros follow it.
    point: i32,
}

impl Digits {
    /// Returns the digits of the double nearest to a number; `None` if it is beyond all doubles.
    fn of(text: &str) -> Option<Self> {
        let value: f64 = text.parse().ok().filter(|value: &f64| value.is_finite())?;
        let sign = if value.is_sign_negative() { "-" } else { "" };
        let written = format!("{:e}", value.abs());
        let (mantissa, exponent) = written.split_once('e')?;
        let point = exponent.parse::<i32>().ok()? + 1;
        Some(Self { sign, digits: mantissa.replace('.', ""), point })
    }
}

fn plain(digits: &str, point: i32) -> String {
    match usize::try_from(point) {
        Ok(0) | Err(_) => format!("0.{}{digits}", "0".repeat(point.unsigned_abs() as usize)),
        Ok(point) if point >= digits.len() => format!("{digits}{}", "0".repeat(point - digits.len())),
        Ok(point) => format!("{}.{}", &digits[..point], &digits[point..]),
    }
}

fn scientific(digits: &str) -> String {
    let (first, rest) = digits.split_at(1);
    if rest.is_empty() { first.to_owned() } else { format!("{first}.{rest}") }
}
