//! Headers that Redrive's processor writes on what it puts into a dead letter topic.

use super::headers::{Headers, position, time};
use super::{DeathAuthor, StatedDeath};
use crate::message::broker_record::{KafkaHeader, KafkaPosition};
use crate::message::key::{self, Key};
use crate::time::Timestamp;

/// Header by which a record is known to be dead by Redrive's own hand.
pub(super) const MARK: &str = TOPIC;

const TOPIC: &str = "original-topic";
const PARTITION: &str = "original-partition";
const OFFSET: &str = "original-offset";
const TIMESTAMP: &str = "original-timestamp";
pub(super) const REASON: &str = "failure-reason";
pub(super) const ATTEMPTS: &str = "attempt-count";

/// Names of the headers, in the order in which they are written. The key goes without where a record owns none.
pub const HEADERS: [&str; 7] = [TOPIC, PARTITION, OFFSET, TIMESTAMP, REASON, ATTEMPTS, key::ATTRIBUTE];

/// Death as it is written down.
#[derive(Debug, Clone, Copy)]
pub struct Written<'a> {
    /// Place of the record.
    pub origin: &'a KafkaPosition,
    /// Time of the record, if the broker told one.
    pub at: Option<Timestamp>,
    /// Code and text of the fault.
    pub reason: &'a str,
    /// Number of attempts, by the ledger; 0 where it is not known, and then nothing is written of it.
    pub attempts: u32,
    /// Idempotency key of the record, if it owns one.
    pub key: Option<&'a Key>,
}

/// Headers of a dead record: its own ones as they are, in their order and with repeats, and ours after them. All of ours are text.
///
/// A former death's headers, of a record that was replayed, are left out: they would say the same names twice.
#[must_use]
pub fn headers_of(own: &[KafkaHeader], death: Written<'_>) -> Vec<KafkaHeader> {
    let mut headers = own_headers(own);
    let origin = death.origin;
    headers.extend([
        KafkaHeader::text(TOPIC, &origin.topic),
        KafkaHeader::text(PARTITION, origin.partition),
        KafkaHeader::text(OFFSET, origin.offset),
    ]);
    headers.extend(death.at.map(|at| KafkaHeader::text(TIMESTAMP, at.as_millis())));
    headers.push(KafkaHeader::text(REASON, death.reason));
    headers.extend((death.attempts > 0).then(|| KafkaHeader::text(ATTEMPTS, death.attempts)));
    let is_new = |key: &&Key| !headers.iter().any(|header| says(header, key));
    let key = death.key.filter(is_new).map(|key| KafkaHeader::text(key::ATTRIBUTE, key.as_str()));
    headers.extend(key);
    headers
}

/// Headers of a record without those of a death by our hand: all of a record that has none. What `redrive` says is not left out.
///
/// A death is ours where place and reason follow its mark; others write a header `original-topic`, too. A key's header is the
/// producer's own where it stands before that.
#[must_use]
pub fn own_headers(headers: &[KafkaHeader]) -> Vec<KafkaHeader> {
    let mark = headers.iter().rposition(|header| header.name == MARK);
    let follows = |name: &str, from: usize| headers[from..].iter().any(|header| header.name == name);
    let whole = |from: &usize| [PARTITION, OFFSET, REASON].iter().all(|name| follows(name, *from));
    let Some(death) = mark.filter(whole) else { return headers.to_vec() };
    let is_ours = |(place, header): (usize, &KafkaHeader)| {
        HEADERS[..6].contains(&header.name.as_str()) || place > death && header.name == key::ATTRIBUTE
    };
    let own = headers.iter().enumerate().filter(|one| !is_ours(*one));
    own.map(|(_, header)| header.clone()).collect()
}

/// Returns true for a header that says this very key.
fn says(header: &KafkaHeader, key: &Key) -> bool {
    header.name == key::ATTRIBUTE && header.value.as_deref() == Some(key.as_str().as_bytes())
}

pub(super) fn read(headers: Headers<'_>) -> StatedDeath {
    StatedDeath {
        origin: position(headers.last(TOPIC), headers.number(PARTITION), headers.number(OFFSET)),
        at: time(headers.number(TIMESTAMP)),
        text: headers.text(REASON),
        attempts: headers.number(ATTEMPTS),
        ..StatedDeath::by(DeathAuthor::Redrive)
    }
}
