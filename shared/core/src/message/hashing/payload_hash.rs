//! The hash of a payload, and what an entry of an older version recognises in it.

use std::fmt;

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::hex::hex;
use crate::json::Json;

/// Prefix of the hash of a payload with a number that is no plain whole number of 64 bits.
const EXACT: &str = "2:";
/// Room for the canonical form of a usual body, in bytes; a larger one makes more.
const USUAL: usize = 1_024;

/// SHA-256 of a message's canonical body: tells a duplicate from a key that was used for something else. Compared by
/// [`PayloadHash::is_same`], never by `==`.
///
/// Stored as 64 hexadecimal digits. Where a payload has other numbers than plain whole ones of 64 bits, it is `2:`, the
/// hash with numbers as exact decimals, `:`, and the hash with numbers as doubles, which older versions stored alone.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct PayloadHash(String);

impl PayloadHash {
    /// Hashes a body that is JSON: object members sorted, white space gone, numbers as exact decimals (1, 1.0 and 1e0
    /// are equal).
    #[must_use]
    pub fn of_json(body: &Json) -> Self {
        let (mut exact, mut plain) = (String::with_capacity(USUAL), true);
        body.write(&mut exact, &mut |number, out| {
            plain &= number.is_plain();
            out.push_str(&number.canonical());
        });
        if plain {
            return Self(hash(&exact));
        }
        let (mut doubles, mut readable) = (String::new(), true);
        body.write(&mut doubles, &mut |number, out| match number.as_double() {
            Some(double) => out.push_str(&double),
            None => readable = false,
        });
        // What no double holds was no JSON to older versions: they stored no such hash.
        let former = if readable { hash(&doubles) } else { String::new() };
        Self(format!("{EXACT}{}:{former}", hash(&exact)))
    }

    /// Hashes the bytes of any other body.
    #[must_use]
    pub fn of_text(body: &str) -> Self {
        Self(hash(body))
    }

    /// Reads a stored hash.
    #[must_use]
    pub const fn from_stored(text: String) -> Self {
        Self(text)
    }

    /// Returns true if both hashes are of equal payloads. With a hash that an older version stored, numbers compare as
    /// doubles, as they did then.
    #[must_use]
    pub fn is_same(&self, other: &Self) -> bool {
        match (self.parts(), other.parts()) {
            ((one, _), (another, _)) if one == another => true,
            ((_, Some(former)), (plain, None)) | ((plain, None), (_, Some(former))) => plain == former,
            _ => false,
        }
    }

    /// The hash with exact numbers, and the one with doubles where it differs from that.
    fn parts(&self) -> (&str, Option<&str>) {
        match self.0.strip_prefix(EXACT).and_then(|both| both.split_once(':')) {
            Some((exact, former)) => (exact, Some(former)),
            None => (&self.0, None),
        }
    }
}

fn hash(text: &str) -> String {
    hex(&Sha256::digest(text.as_bytes()))
}

impl fmt::Display for PayloadHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(text: &str) -> PayloadHash {
        PayloadHash::of_json(&text.parse().unwrap())
    }

    fn same(one: &str, other: &str) -> bool {
        assert_eq!(of(one).is_same(&of(other)), of(other).is_same(&of(one)));
        of(one).is_same(&of(other))
    }

    /// Hash that the version before exact numbers stored.
    fn former(text: &str) -> PayloadHash {
        let value: serde_json::Value = serde_json::from_str(text).unwrap();
        PayloadHash::from_stored(hash(&value.to_string()))
    }

    #[test]
    fn member_order_and_white_space_do_not_change_the_hash_and_values_do() {
        assert!(same(r#"{"a":1,"b":[2,3]}"#, "{ \"b\" : [2, 3],\n \"a\" : 1 }"));
        assert!(!same(r#"{"a":1,"b":[2,3]}"#, r#"{"a":1,"b":[3,2]}"#));
        assert!(!same("9007199254740993", "9007199254740992"));
    }

    #[test]
    fn numbers_of_one_value_are_one_payload_and_numbers_that_differ_in_a_digit_are_two() {
        for (one, other) in
            [("1", "1.0"), ("1", "1e0"), ("100.0", "1E2"), ("0", "-0"), ("1.10", "1.1"), ("1e400", "10e399")]
        {
            assert!(same(one, other), "{one} {other}");
            assert!(same(&format!("{{\"n\":{one}}}"), &format!("{{\"n\":{other}}}")), "{one} {other}");
        }
        for (one, other) in [
            ("12345678901234567.88", "12345678901234567.89"),
            ("18446744073709551616", "18446744073709551617"),
            ("10000000000000000000000", "10000000000000000000001"),
            ("1e22", "10000000000000000000001"),
            ("0.1", "0.1000000000000000055511151231257827"),
            ("1", "\"1\""),
        ] {
            assert!(!same(one, other), "{one} {other}");
        }
    }

    #[test]
    fn an_entry_of_an_older_version_is_recognised() {
        for body in [
            r#"{"order_id":"o-1","amount_minor":1250}"#,
            r#"{"order_id":"o-1","amount":12.50,"rate":1e-7,"n":[1.0,-0,18446744073709551616]}"#,
            "12345678901234567.89",
            "1.0",
        ] {
            assert!(former(body).is_same(&of(body)) && of(body).is_same(&former(body)), "{body}");
        }
        assert_eq!(former(r#"{"b":1,"a":["x"]}"#), of(r#"{"a":["x"],"b":1}"#), "and is the same text where it can be");
        assert!(!former("1.5").is_same(&of("1.25")));
        assert!(!former("1").is_same(&of("1.5")));
    }
}
