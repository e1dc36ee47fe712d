//! Record of a dead letter topic on its way to a letter.
//!
//! It stands at its own place in the dead letter topic, and is indexed there like a message that somebody sent to a dead-letter
//! queue: which record it was at first is believed where the ledger proves what the header `redrive` says of it.

use crate::error_type::ErrorType;
use crate::ids::QueueArn;
use crate::letters::exact_record::{EXACT, ExactRecord};
use crate::letters::stated_death::{StatedDeath, own_headers};
use crate::message::broker_envelope::of_headers;
use crate::message::broker_record::{BrokerRecord, KafkaPosition, KafkaRecord};
use crate::message::envelope::Envelope;
use crate::message::foreign::{ReasonSource, StatedReason};

/// Dead record, and what it states of its death.
#[derive(Debug, Clone)]
pub struct DeadRecord {
    /// Envelope of the record, with its headers as attributes and all of it in one more.
    pub envelope: Envelope,
    /// Reason that it states, to be shown and never believed.
    pub stated: StatedReason,
}

impl DeadRecord {
    /// A record as it stands in the dead letter topic.
    #[must_use]
    pub fn of(record: KafkaRecord) -> Self {
        let death = StatedDeath::of_kafka(&record.headers);
        Self::dead_of(record, death)
    }

    /// A record that somebody wrote a record around: it is the inner one that died and that a replay sends. Its place is the outer
    /// one's, because only that is known.
    #[must_use]
    pub fn within(place: KafkaPosition, inner: KafkaRecord, death: StatedDeath) -> Self {
        Self::dead_of(KafkaRecord { position: place, ..inner }, Some(death))
    }

    fn dead_of(record: KafkaRecord, death: Option<StatedDeath>) -> Self {
        let stated = death.map_or_else(unstated, |death| death.reason());
        let mut attributes = of_headers(&own_headers(&record.headers));
        attributes.insert(EXACT.to_owned(), ExactRecord::of(&record).to_attribute());
        let at = record.timestamp;
        Self { envelope: Envelope::of_broker(BrokerRecord::Kafka(record), at, 1, attributes), stated }
    }
}

/// Nobody moves a record by itself: whoever wrote it there has left no word.
pub(super) fn unstated() -> StatedReason {
    StatedReason {
        by: ReasonSource::Unstated,
        error_type: ErrorType::Unknown,
        code: Some("no-reason".to_owned()),
        text: "record does not say why it is in the dead letter topic".to_owned(),
        attempts: 0,
    }
}

/// Remark on where a record was read, and where it says that it died.
#[must_use]
pub(super) fn partition_note(record: &KafkaRecord) -> String {
    let died = StatedDeath::of_kafka(&record.headers).and_then(|death| death.origin);
    let died = died.map_or_else(String::new, |origin| format!(", and says that it died at {origin}"));
    format!("read at {}{died}", record.position)
}

/// Place in the source topic where a letter's record was at first; `None` where that is not known.
#[must_use]
pub(crate) fn first_place(source: &QueueArn, origin: &str) -> Option<KafkaPosition> {
    let topic = source.kafka_topic()?;
    KafkaPosition::parse(origin).filter(|place| place.topic == topic)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ids::Scope;
    use crate::letters::stated_death::{DeathAuthor, Written, headers_of};
    use crate::message::broker_record::KafkaHeader;
    use crate::message::decode::{Inspected, Reading};
    use crate::message::envelope::Attribute;
    use crate::message::key::Key;

    fn at(topic: &str, offset: i64) -> KafkaPosition {
        KafkaPosition { topic: topic.to_owned(), partition: 2, offset }
    }

    fn record(headers: Vec<KafkaHeader>) -> KafkaRecord {
        let (key, value) = (Some(vec![0xfe]), Some(b"{}".to_vec()));
        KafkaRecord { key, value, headers, ..KafkaRecord::at(at("orders.dead", 5)) }
    }

    #[test]
    fn its_attributes_are_its_own_headers_and_ours_of_the_death_stand_in_the_exact_record_alone() {
        let (origin, key) = (at("orders", 17), Key::new("orders-2@17").unwrap());
        let own = vec![KafkaHeader::text("trace", "t"), KafkaHeader { name: "null".to_owned(), value: None }];
        let written = Written { origin: &origin, at: None, reason: "PERMANENT no: x", attempts: 3, key: Some(&key) };
        let mut headers = headers_of(&own, written);
        headers.push(KafkaHeader::text("redrive", "no JSON"));
        let dead = DeadRecord::of(record(headers.clone()));
        let names: Vec<_> = dead.envelope.attributes.keys().map(String::as_str).collect();
        assert_eq!(names, [EXACT, "null", "redrive", "trace"]);
        let source = QueueArn::new("kafka://shop/orders").unwrap();
        let exact = ExactRecord::of_letter(&source, &dead.envelope.attributes).unwrap();
        assert_eq!((exact.headers, exact.key), (headers, Some(vec![0xfe])));
        assert_eq!((dead.stated.text.as_str(), dead.stated.attempts), ("Redrive: PERMANENT no: x", 3));
        assert_eq!(dead.stated.error_type, ErrorType::Unknown, "whatever it says");
        let Some(BrokerRecord::Kafka(record)) = dead.envelope.broker.as_deref() else { panic!("Kafka's") };
        let note = partition_note(record);
        assert_eq!(note, "read at orders.dead-2@5, and says that it died at orders-2@17");
        let seen = Inspected::new(dead.envelope, &Reading::new(source, Scope::new("orders").unwrap()));
        assert_eq!((seen.key.unwrap().as_str(), seen.key_is_stable), ("orders.dead-2@5", false), "no key of its own");
    }

    #[test]
    fn without_a_word_its_reason_is_ours_and_a_long_class_is_named_by_its_end() {
        let silent = DeadRecord::of(record(Vec::new())).stated;
        assert_eq!((silent.by, silent.in_our_words()), (ReasonSource::Unstated, true));
        let class = "org.springframework.messaging.converter.MessageConversionException";
        let names = [("kafka_dlt-original-topic", "orders"), ("kafka_dlt-exception-fqcn", class)];
        let spring = DeadRecord::of(record(names.map(|(name, text)| KafkaHeader::text(name, text)).into())).stated;
        assert_eq!(spring.code.as_deref(), Some("MessageConversionException"));
        assert_eq!(spring.text, format!("Spring Kafka: {class}"));
    }

    #[test]
    fn a_record_within_a_record_is_the_inner_one_at_the_outer_ones_place() {
        let inner = KafkaRecord { position: at("orders", 17), ..record(vec![KafkaHeader::text("trace", "t")]) };
        let death = StatedDeath::of_kafka(&[KafkaHeader::text("original-topic", "orders")]).unwrap();
        let death = StatedDeath { by: DeathAuthor::Lambda, attempts: Some(u64::MAX), ..death };
        let dead = DeadRecord::within(at("orders.dead", 5), inner, death);
        assert_eq!(dead.envelope.message_id.as_str(), "orders.dead-2@5");
        assert_eq!(dead.envelope.attributes["trace"], Attribute::text("t"));
        assert_eq!(dead.stated.attempts, 1_000_000, "as many as are shown");
    }

    #[test]
    fn a_first_place_is_one_of_the_source_topic() {
        let source = QueueArn::new("kafka://shop/orders").unwrap();
        assert_eq!(first_place(&source, "orders-2@17"), Some(at("orders", 17)));
        assert_eq!([first_place(&source, "orders.dead-2@5"), first_place(&source, "m-1")], [None, None]);
        let queue = QueueArn::new("arn:aws:sqs:us-east-1:1:orders").unwrap();
        assert_eq!(first_place(&queue, "orders-2@17"), None);
    }
}
