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
const REASON: &str = "failure-reason";
const ATTEMPTS: &str = "attempt-count";

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
    let former = own.iter().any(|header| header.name == MARK);
    // The key's header is the producer's own, unless it came with a former death.
    let is_ours = |header: &&KafkaHeader| former && HEADERS[..6].contains(&header.name.as_str());
    let mut headers: Vec<_> = own.iter().filter(|header| !is_ours(header)).cloned().collect();
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
