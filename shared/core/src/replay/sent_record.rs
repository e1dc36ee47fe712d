//! A letter of Kafka as a record again.

use crate::letters::exact_record::ExactRecord;
use crate::letters::letter::Letter;
use crate::letters::stated_death::own_headers;
use crate::message::broker_record::{BrokerRecord, KafkaHeader, KafkaPosition, KafkaRecord};
use crate::message::redrive::{ATTRIBUTE, Redrive};

/// The record of a letter of a topic: key and value as they were, or the value as it was edited. Its headers are exact but for ours:
/// those of its death are left out, and `redrive` says which letter it is. Its time is that of its sending: what is as old as the
/// topic's retention would be deleted at once. `None` of another letter.
///
/// The place is where it stood at first. A topic's writer may look there for a partition, if it is of that very topic.
pub(super) fn record_of(letter: &Letter, redrive: &Redrive) -> Option<BrokerRecord> {
    let exact = ExactRecord::of_letter(&letter.source, &letter.attributes)?;
    let nowhere = || KafkaPosition { topic: String::new(), partition: 0, offset: 0 };
    let position = KafkaPosition::parse(letter.origin.as_str()).unwrap_or_else(nowhere);
    let mut headers = own_headers(&exact.headers);
    headers.retain(|header| header.name != ATTRIBUTE);
    headers.push(KafkaHeader::text(ATTRIBUTE, redrive.encode()));
    let value = match &letter.edited {
        Some(edited) => Some(edited.payload.as_bytes().to_vec()),
        None => exact.value_of(&letter.payload),
    };
    Some(BrokerRecord::Kafka(KafkaRecord { key: exact.key, value, headers, ..KafkaRecord::at(position) }))
}
