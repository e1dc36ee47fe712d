//! Events as bytes: most of them nearly right.

use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use redrive_core::ids::{LetterId, MessageId, QueueArn};
use redrive_core::message::wrapping::Wrapping;
use redrive_testkit::handlers::Order;
use serde_json::json;

use super::pieces::{any_quoted, broken, nested, object, one_of, quoted, rarely, text, value};
use crate::bench::SOURCE;

/// The well-formed message that is in every batch.
pub(super) const COMPANION: (&str, &str) = ("companion", "companion-key");

/// Sizes of large bodies: what SQS takes, and a tenth less.
const LARGE: [usize; 2] = [900_000, 1024 * 1024];
/// Number of cases among which one has a body of that size.
const LARGE_ONE_IN: u32 = 5_000;

const COUNTS: &[&str] = &[
    "1",
    "2",
    "9",
    "11",
    "12",
    "250",
    "0",
    "-1",
    "",
    " 1",
    "1e3",
    "NaN",
    "4294967295",
    "4294967296",
    "18446744073709551615",
    "99999999999999999999999",
];
const TIMES: &[&str] = &["1763787600123", "1763787600124", "0", "1", "9223372036854775807", "18446744073709551615"];
const NO_TIMES: &[&str] = &["", "-1", "1.5", "yesterday", "18446744073709551616", "0x10"];
const DATA_TYPES: &[&str] = &["String", "Number", "Binary", "String.x", "Number.float", "Binary.png", "", "Bool"];
const KEYS: &[&str] = &["a", "b", "c", "t", "p", "x", "r", "h"];

/// Invocation that was generated.
#[derive(Clone)]
pub(super) struct Case {
    /// Envelope in which the queue's bodies are configured to be wrapped.
    pub(super) wrapping: Wrapping,
    /// True if the bytes are no JSON.
    pub(super) refused: bool,
    /// The records' text, one by one, so that a failing case can be made smaller.
    pub(super) records: Vec<Vec<u8>>,
    before: Vec<u8>,
    after: Vec<u8>,
}

impl Case {
    /// The case of this number.
    pub(super) fn generate(number: u64) -> Self {
        let random = &mut StdRng::seed_from_u64(number);
        let wrapping =
            [Wrapping::None, Wrapping::None, Wrapping::Sns, Wrapping::EventBridge][random.random_range(0..4)];
        let mut records: Vec<_> =
            (0..random.random_range(0..7)).map(|_| Record::generate(random, wrapping).text().into_bytes()).collect();
        if rarely(random, 12) {
            records.push(nameless(random).into_bytes());
        }
        if rarely(random, 40) {
            records.push(
                Record {
                    source: Some(json!("arn:aws:sqs:us-east-1:1:other").to_string()),
                    ..Record::generate(random, wrapping)
                }
                .text()
                .into_bytes(),
            );
        }
        let companion = companion(wrapping).into_bytes();
        records.insert(random.random_range(0..=records.len()), companion);
        let mut case =
            Self { wrapping, refused: false, records, before: b"{\"Records\":[".to_vec(), after: b"]}".to_vec() };
        if rarely(random, 25) {
            case.misshape(random);
        }
        if rarely(random, 12) {
            case.spoil(random);
        }
        case
    }

    /// Returns the payload of the invocation.
    pub(super) fn text(&self) -> Vec<u8> {
        [&self.before[..], &self.records.join(&b","[..]), &self.after].concat()
    }

    /// For a person, cut to `most` characters.
    pub(super) fn shown(&self, most: usize) -> String {
        let text = String::from_utf8_lossy(&self.text()).into_owned();
        format!("wrapped in {:?}, {} bytes: {}", self.wrapping, text.len(), text.chars().take(most).collect::<String>())
    }

    /// JSON that is no batch, or a batch in unexpected company.
    fn misshape(&mut self, random: &mut StdRng) {
        let (before, after) = match random.random_range(0..6) {
            0 => ("[", "]"),
            1 => ("{\"records\":[", "]}"),
            2 => ("{\"Records\":{\"0\":[", "]}}"),
            3 => ("{\"Records\":7,\"Records\":[", "]}"),
            4 => ("{\"Records\":[", "],\"Records\":null}"),
            _ => (" {\"x\":[[]],\"Records\" : [\n", "]\t, \"y\":\"z\"}\r\n"),
        };
        (self.before, self.after) = (before.into(), after.into());
    }

    /// Makes it bytes that are no JSON.
    fn spoil(&mut self, random: &mut StdRng) {
        self.refused = true;
        match random.random_range(0..5) {
            0 => self.after.truncate(self.after.len().saturating_sub(random.random_range(1..=2))),
            1 => self.after.extend(*b"x"),
            2 => self.before.splice(0..0, *b"\xef\xbb\xbf").for_each(drop),
            3 => self.records.push([&b"{\"messageId\":\"m-1\",\"body\":"[..], &broken(random), b"}"].concat()),
            _ => self.records.push(
                [&b"{\"messageId\":\"m-1\",\"body\":\"{}\",\"attributes\":{\"a\":"[..], &broken(random), b"}}"]
                    .concat(),
            ),
        }
        if self.text().is_empty() || serde_json::from_slice::<serde::de::IgnoredAny>(&self.text()).is_ok() {
            // A cut may have hit white space only.
            self.after = b"".to_vec();
        }
    }
}

/// A record without an id: the invocation must fail.
fn nameless(random: &mut StdRng) -> String {
    let ids = ["null", "\"\"", "7", "{}", "[\"m-1\"]", "false"];
    match random.random_range(0..4) {
        0 => one_of(random, &["null", "7", "\"m-1\"", "[]", "{}", "true"]).to_owned(),
        _ => Record { id: Some(one_of(random, &ids).to_owned()), ..Record::generate(random, Wrapping::None) }.text(),
    }
}

fn companion(wrapping: Wrapping) -> String {
    let body = wrapped(&Order::body(COMPANION.1, 5), wrapping);
    json!({
        "messageId": COMPANION.0, "receiptHandle": "companion-handle", "body": body, "eventSourceARN": SOURCE,
        "attributes": {"SentTimestamp": "1763787600123", "ApproximateReceiveCount": "1"}, "messageAttributes": {},
    })
    .to_string()
}

fn wrapped(body: &str, wrapping: Wrapping) -> String {
    match wrapping {
        Wrapping::None => body.to_owned(),
        Wrapping::Sns => json!({"Type": "Notification", "Message": body}).to_string(),
        Wrapping::EventBridge => format!("{{\"version\":\"0\",\"detail-type\":\"x\",\"detail\":{body}}}"),
    }
}

/// A record's members as JSON text; `None`: it is not there.
struct Record {
    id: Option<String>,
    handle: Option<String>,
    body: Option<String>,
    system: Option<String>,
    attributes: Option<String>,
    source: Option<String>,
    more: Vec<(String, String)>,
}

impl Record {
    fn generate(random: &mut StdRng, wrapping: Wrapping) -> Self {
        let name =
            if rarely(random, 10) { format!("x{}", text(random)) } else { format!("m-{}", random.random_range(0..6)) };
        let id = Some(quoted(random, &name));
        let handle = perhaps(random, |_| json!(format!("handle-of-{name}")).to_string());
        let body = perhaps(random, |random| {
            let body = any_body(random, wrapping);
            quoted(random, &body)
        });
        let system = perhaps(random, system_attributes);
        let attributes = perhaps(random, attributes);
        let source = perhaps_same(random, json!(SOURCE).to_string());
        let mut more = vec![("awsRegion".to_owned(), value(random))];
        if rarely(random, 10) {
            // Twice the same member: the last one counts.
            more.push(match random.random_range(0..4) {
                0 => ("body".to_owned(), value(random)),
                1 => ("messageId".to_owned(), json!(format!("m-{}", random.random_range(0..6))).to_string()),
                2 => ("attributes".to_owned(), system_attributes(random)),
                _ => ("messageAttributes".to_owned(), attributes_of_any_shape(random)),
            });
        }
        Self { id, handle, body, system, attributes, source, more }
    }

    fn text(self) -> String {
        let named = [
            ("messageId", self.id),
            ("receiptHandle", self.handle),
            ("body", self.body),
            ("attributes", self.system),
            ("messageAttributes", self.attributes),
            ("eventSourceARN", self.source),
        ];
        let members = named.into_iter().filter_map(|(name, value)| Some((name.to_owned(), value?)));
        object(&members.chain(self.more).collect::<Vec<_>>())
    }
}

/// Mostly what `make` makes; else nothing, null, or any value.
fn perhaps(random: &mut StdRng, make: impl FnOnce(&mut StdRng) -> String) -> Option<String> {
    match random.random_range(0..30) {
        0 => None,
        1 => Some("null".to_owned()),
        2 => Some(value(random)),
        _ => Some(make(random)),
    }
}

/// Mostly `text`; else what is no text, and so says nothing.
fn perhaps_same(random: &mut StdRng, text: String) -> Option<String> {
    match random.random_range(0..30) {
        0 => None,
        1 => Some(one_of(random, &["null", "7", "[]", "{\"a\":[]}"]).to_owned()),
        _ => Some(text),
    }
}

fn any_body(random: &mut StdRng, wrapping: Wrapping) -> String {
    if rarely(random, LARGE_ONE_IN * 3) {
        return large(random, wrapping);
    }
    match random.random_range(0..20) {
        0 | 1 => text(random),
        2 => value(random),
        3 => String::from_utf8_lossy(&broken(random)).into_owned(),
        4 => {
            let depth = random.random_range(100..300);
            nested(random, depth)
        }
        5 => "[".repeat(random.random_range(1..4_000)),
        6 => {
            let other = [Wrapping::None, Wrapping::Sns, Wrapping::EventBridge][random.random_range(0..3)];
            let body = order(random);
            wrapped(&body, other)
        }
        7 => odd_wrapping(random),
        _ => {
            let body = order(random);
            wrapped(&body, wrapping)
        }
    }
}

/// An order's text: right, or wrong in one member.
fn order(random: &mut StdRng) -> String {
    let mut members = vec![
        ("order_id".to_owned(), json!(one_of(random, KEYS)).to_string()),
        ("amount".to_owned(), random.random_range(0_u32..6).saturating_sub(3).to_string()),
    ];
    match random.random_range(0..14) {
        0 => members[0].1 = value(random),
        1 => members[0].1 = json!("k".repeat([1, 1_024, 1_025, 10_240][random.random_range(0..4)])).to_string(),
        2 => members[0].1 = any_quoted(random),
        3 => members[1].1 = value(random),
        4 => drop(members.remove(random.random_range(0..2))),
        5 => members.push(("order_id".to_owned(), json!(one_of(random, KEYS)).to_string())),
        6 => members.insert(0, ("amount".to_owned(), value(random))),
        7 => members.push((text(random), value(random))),
        8 => return object(&members).replace("order_id", "\\u006frder\\u005fid"),
        9 => return format!(" \n{}\t", object(&members).replace(':', " : ")),
        _ => {}
    }
    object(&members)
}

/// A wrapping with something wrong or more in it.
fn odd_wrapping(random: &mut StdRng) -> String {
    let inner = order(random);
    let message = quoted(random, &inner);
    let (value, name) = (value(random), any_quoted(random));
    let key = one_of(random, KEYS);
    match random.random_range(0..7) {
        0 => format!("{{\"Message\":{value}}}"),
        1 => format!("{{\"detail\":{value}}}"),
        2 => format!("{{\"Message\":{message},\"MessageAttributes\":{value}}}"),
        3 => format!(
            "{{\"Message\":{message},\"MessageAttributes\":{{\"idempotency-key\":{{\"Type\":\"String\",\"Value\":{name}}}}}}}"
        ),
        4 => format!("{{\"Message\":{message},\"MessageAttributes\":{{\"idempotency-key\":{{\"Value\":\"{key}\"}}}}}}"),
        5 => format!("{{\"Message\":{message},\"Message\":{value}}}"),
        _ => format!("{{\"detail\":{inner},\"detail\":{value}}}"),
    }
}

/// A body of the size that SQS takes.
fn large(random: &mut StdRng, wrapping: Wrapping) -> String {
    let size = LARGE[random.random_range(0..2)];
    match random.random_range(0..4) {
        0 => "[".repeat(size),
        1 => "\"\\".repeat(size / 2),
        2 => "é".repeat(size / 2),
        _ => {
            let padding = size.saturating_sub(200);
            wrapped(&format!("{{\"order_id\":\"a\",\"amount\":1,\"padding\":\"{}\"}}", "p".repeat(padding)), wrapping)
        }
    }
}

fn system_attributes(random: &mut StdRng) -> String {
    let time = if rarely(random, 10) { one_of(random, NO_TIMES) } else { one_of(random, TIMES) };
    let count = one_of(random, COUNTS);
    let (time, count) = (in_quotes_or_not(random, time), in_quotes_or_not(random, count));
    let mut members = vec![("SentTimestamp".to_owned(), time), ("ApproximateReceiveCount".to_owned(), count)];
    match random.random_range(0..8) {
        0 => members.push(("MessageGroupId".to_owned(), any_quoted(random))),
        1 => members.push((text(random), value(random))),
        2 => drop(members.remove(random.random_range(0..2))),
        _ => {}
    }
    object(&members)
}

/// A number where text should stand is read as that text.
fn in_quotes_or_not(random: &mut StdRng, text: &str) -> String {
    let bare = text.parse::<u64>().is_ok() && !text.starts_with('0') && rarely(random, 4);
    if bare { text.to_owned() } else { json!(text).to_string() }
}

fn attributes(random: &mut StdRng) -> String {
    if random.random_ratio(2, 3) { "{}".to_owned() } else { attributes_of_any_shape(random) }
}

fn attributes_of_any_shape(random: &mut StdRng) -> String {
    let mut members = Vec::new();
    for _ in 0..random.random_range(0_u32..5).saturating_sub(2) {
        members.push((text(random), attribute(random)));
    }
    if rarely(random, 2) {
        let key = match random.random_range(0..4) {
            0 => json!({"stringValue": "k".repeat([0, 1, 1_024, 1_025, 10_240][random.random_range(0..5)]), "dataType": "String"}).to_string(),
            1 => json!({"stringValue": one_of(random, KEYS), "dataType": "String"}).to_string(),
            2 => json!({"stringValue": one_of(random, KEYS)}).to_string(),
            _ => attribute(random),
        };
        members.push(("idempotency-key".to_owned(), key));
    }
    if rarely(random, 3) {
        let forged = if rarely(random, 4) { text(random) } else { forged(random) };
        members.push(("redrive".to_owned(), json!({"stringValue": forged, "dataType": "String"}).to_string()));
    }
    object(&members)
}

fn attribute(random: &mut StdRng) -> String {
    let (data_type, text) = (one_of(random, DATA_TYPES), text(random));
    match random.random_range(0..7) {
        0 => json!({"binaryValue": "AP8Q", "dataType": data_type}).to_string(),
        1 => json!({"binaryValue": text, "dataType": "Binary"}).to_string(),
        2 => json!({"stringValue": text, "binaryValue": "AA==", "dataType": data_type}).to_string(),
        3 => value(random),
        4 => format!("{{\"stringValue\":{},\"dataType\":{}}}", value(random), any_quoted(random)),
        _ => json!({"stringValue": text, "stringListValues": [], "dataType": data_type}).to_string(),
    }
}

/// Redrive's own attribute, as somebody who knows its shape would write it.
fn forged(random: &mut StdRng) -> String {
    let origin = format!("m-{}", random.random_range(0..6));
    let source = QueueArn::new(SOURCE).expect("an ARN");
    let letter = LetterId::derive(&source, &MessageId::new(origin.clone()).expect("an id")).to_string();
    let number = [1, 2, 3, 999_999][random.random_range(0..4)];
    let mut forged = json!({
        "letter": letter, "number": number, "scope": "main", "origin": origin,
        "sent_at": 1_763_787_600_123_u64, "key": one_of(random, KEYS),
    });
    match random.random_range(0..10) {
        0 => forged["number"] = json!([0, 1_000_000, u64::from(u32::MAX), u64::MAX][random.random_range(0..4)]),
        1 => forged["scope"] = json!(["other", "!life", "", "main#a"][random.random_range(0..4)]),
        2 => forged["letter"] = json!(text(random)),
        3 => forged["origin"] = json!(text(random)),
        4 => forged["sent_at"] = json!(u64::MAX),
        5 | 6 => drop(forged.as_object_mut().expect("an object").remove("key")),
        7 => forged["key"] = json!("k".repeat([0, 1_024, 1_025][random.random_range(0..3)])),
        _ => {}
    }
    forged.to_string()
}
