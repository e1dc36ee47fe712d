//! Pieces of JSON text: as it should be, as nobody expects it, and as no parser takes it.

use rand::RngExt;
use rand::rngs::StdRng;
use rand::seq::IndexedRandom;
use serde_json::json;

/// Texts that have broken somebody's parser.
const ODD: &[&str] = &[
    "",
    "\0",
    "\u{feff}",
    "\u{2028}\u{2029}",
    "\u{fffd}\u{ffff}\u{10ffff}",
    "\r\n\t\u{8}\u{c}\u{1b}[31m\u{7f}",
    "\"\\\"",
    "\\ud800",
    "null",
    "NaN",
    "-0",
    "1e309",
    "{}",
    "[[",
    "{\"order_id\":",
    "__proto__",
    "%s%n",
    "' OR 1=1 --",
    "#",
    "!life#m-1#5",
    "ẞ🦀👩‍👩‍👧‍👦",
];

/// JSON that is well formed and no order.
const VALUES: &[&str] = &[
    "null",
    "true",
    "0",
    "-0",
    "-1",
    "1.5",
    "1e308",
    "-0.10e-999",
    "12345678901234567.89",
    "18446744073709551616",
    "123456789012345678901234567890",
    "\"\"",
    "\"text\"",
    "[]",
    "{}",
    "[null,[{}]]",
    "{\"\":{\"\":[]}}",
    "{\"stringValue\":7,\"dataType\":[]}",
];

/// Strings and values that no parser of JSON takes.
const BROKEN: &[&[u8]] = &[
    br#""\ud800""#,
    br#""\udc00x""#,
    br#""\ud800\ud800""#,
    br#""\q""#,
    br#""\u12g4""#,
    br#""\x41""#,
    b"\"\n\"",
    b"\"\0\"",
    b"\"\xff\"",
    b"\"\xc3\x28\"",
    b"\"\xed\xa0\x80\"",
    b"\"",
    b"1e9999999999999999999",
    b"01",
    b"NaN",
    b"'x'",
    b"[1,]",
    b"{\"a\":1,}",
    b"{a:1}",
    b"nul",
    b"",
];

/// Decides by one in `of`.
pub(super) fn rarely(random: &mut StdRng, of: u32) -> bool {
    random.random_ratio(1, of)
}

pub(super) fn one_of<'a, T: ?Sized>(random: &mut StdRng, list: &[&'a T]) -> &'a T {
    list.choose(random).expect("the list has an element")
}

/// Any text: letters, any characters, or what has broken parsers before.
pub(super) fn text(random: &mut StdRng) -> String {
    let length = random.random_range(0..24);
    match random.random_range(0..5) {
        0 => (0..length).map(|_| char::from(random.random::<u8>())).collect(),
        1 => (0..length).map(|_| random.random::<char>()).collect(),
        2 => (0..length).map(|_| char::from(random.random_range(b'a'..=b'z'))).collect(),
        3 => one_of(random, ODD).repeat(random.random_range(1..4)),
        _ => one_of(random, ODD).to_owned(),
    }
}

/// `text` as a JSON string, with more escapes than are needed.
pub(super) fn quoted(random: &mut StdRng, text: &str) -> String {
    if text.len() > 4_096 || !rarely(random, 4) {
        return json!(text).to_string();
    }
    let mut out = String::from("\"");
    for letter in text.chars() {
        if rarely(random, 2) {
            let mut units = [0; 2];
            for unit in letter.encode_utf16(&mut units) {
                out.push_str(&format!("\\u{unit:04X}"));
            }
        } else {
            let plain = json!(letter.to_string()).to_string();
            out.push_str(&plain[1..plain.len() - 1]);
        }
    }
    out + "\""
}

pub(super) fn any_quoted(random: &mut StdRng) -> String {
    let text = text(random);
    quoted(random, &text)
}

/// Any JSON value, as deep as a parser takes it, as text.
pub(super) fn value(random: &mut StdRng) -> String {
    match random.random_range(0..6) {
        0 => random.random::<i64>().to_string(),
        1 => any_quoted(random),
        2 => {
            let depth = random.random_range(1..100);
            nested(random, depth)
        }
        _ => one_of(random, VALUES).to_owned(),
    }
}

/// Arrays and objects in each other, this deep.
pub(super) fn nested(random: &mut StdRng, depth: usize) -> String {
    let (open, close) = if random.random() { ("[", "]") } else { ("{\"a\":", "}") };
    format!("{}0{}", open.repeat(depth), close.repeat(depth))
}

/// Bytes that are no JSON value.
pub(super) fn broken(random: &mut StdRng) -> Vec<u8> {
    if rarely(random, 5) {
        // Beyond serde_json's limit of 128.
        let depth = random.random_range(129..2_000);
        return nested(random, depth).into_bytes();
    }
    one_of(random, BROKEN).to_vec()
}

/// An object's text of these members, the same name as often as it comes.
pub(super) fn object(members: &[(String, String)]) -> String {
    let members: Vec<_> = members.iter().map(|(name, value)| format!("{}:{value}", json!(name))).collect();
    format!("{{{}}}", members.join(","))
}
