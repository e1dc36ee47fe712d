//! Record of a Kafka topic, or message of a RabbitMQ queue, as a person reads it in its letter.

use redrive_core::letters::exact_message::ExactMessage;
use redrive_core::letters::exact_record::ExactRecord;
use redrive_core::letters::letter::Letter;
use redrive_core::letters::stated_death::{XDeath, queue_of_death, x_death};
use redrive_core::message::broker_record::AmqpValue;

use crate::text::count;

const NOT_THERE: &str = "is not there";

/// Facts and headers of a letter's record, as its broker has them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BrokerView {
    /// Facts by their names, in capitals as a heading has them: where it stood, and its key or id.
    pub facts: Vec<(&'static str, String)>,
    /// Headers with repeats: name and value.
    pub headers: Vec<(String, String)>,
}

impl BrokerView {
    /// Looks at a letter; `None` if it is of SQS.
    #[must_use]
    pub fn of(letter: &Letter) -> Option<Self> {
        if letter.source.rabbitmq_queue().is_some() {
            return Some(Self::of_message(letter));
        }
        letter.source.kafka_topic().map(|_| Self::of_record(letter))
    }

    fn of_record(letter: &Letter) -> Self {
        let place = match (&letter.partition, &letter.offset) {
            (Some(partition), Some(offset)) => format!("partition {partition}, offset {offset}"),
            _ => format!("read at {}: nobody proves where it died", letter.origin),
        };
        let exact = ExactRecord::of_letter(&letter.source, &letter.attributes);
        let key = match &exact {
            Some(exact) => exact.shown_key().unwrap_or_else(|| "null".to_owned()),
            None => NOT_THERE.to_owned(),
        };
        let headers = exact.into_iter().flat_map(|exact| exact.headers);
        let headers =
            headers.map(|header| (header.name, header.value.as_deref().map_or_else(|| "null".to_owned(), text_of)));
        Self { facts: vec![("Record", place), ("Record key", key)], headers: headers.collect() }
    }

    fn of_message(letter: &Letter) -> Self {
        let Some(ExactMessage { properties, headers, .. }) =
            ExactMessage::of_letter(&letter.source, &letter.attributes)
        else {
            return Self { facts: vec![("Message id", NOT_THERE.to_owned())], headers: Vec::new() };
        };
        let id = properties.message_id.unwrap_or_else(|| "none: a hash of the message stands for it".to_owned());
        let died = queue_of_death(&headers);
        let sent = x_death(&headers).and_then(sent_to);
        let facts = [("Message id", Some(id)), ("Died in", died), ("Sent to", sent)];
        let facts = facts.into_iter().filter_map(|(name, value)| Some((name, value?))).collect();
        let shown = headers.0.iter().map(|(name, value)| (name.clone(), shown(value))).collect();
        Self { facts, headers: shown }
    }
}

/// Exchange and routing keys that the message was sent with, as its broker tells.
fn sent_to(deaths: XDeath) -> Option<String> {
    let exchange =
        deaths.exchange.map(|name| if name.is_empty() { "the default exchange".to_owned() } else { name })?;
    let keys = deaths.routing_keys.join(", ");
    Some(format!("{exchange}, routing key {keys}"))
}

/// A header's value: text where it is UTF-8, else its size.
fn text_of(bytes: &[u8]) -> String {
    std::str::from_utf8(bytes).map_or_else(|_| count(bytes.len() as u64, "byte", "bytes"), str::to_owned)
}

fn shown(value: &AmqpValue) -> String {
    match value {
        AmqpValue::Null => "null".to_owned(),
        AmqpValue::Bool(truth) => truth.to_string(),
        AmqpValue::Int(number) => number.to_string(),
        AmqpValue::Real(number) => number.clone(),
        AmqpValue::Bytes(bytes) => text_of(bytes),
        AmqpValue::Array(members) => {
            let members: Vec<_> = members.iter().map(shown).collect();
            format!("[{}]", members.join(", "))
        }
        AmqpValue::Table(table) => {
            let entries: Vec<_> = table.0.iter().map(|(name, value)| format!("{name}: {}", shown(value))).collect();
            format!("{{{}}}", entries.join(", "))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::samples;

    fn facts(letter: &Letter) -> Vec<(&'static str, String)> {
        BrokerView::of(letter).unwrap().facts
    }

    fn headers(view: &BrokerView) -> Vec<(&str, &str)> {
        view.headers.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect()
    }

    #[test]
    fn a_record_shows_its_place_its_key_and_every_header_and_a_queues_letter_none() {
        let view = BrokerView::of(&samples::of_topic()).unwrap();
        let expected = [("Record", "partition 3, offset 17".to_owned()), ("Record key", "0xfe01".to_owned())];
        assert_eq!(view.facts, expected);
        assert_eq!(headers(&view), [("trace", "t-1"), ("trace", "1 byte"), ("tenant", "null")]);
        let unproven = Letter { partition: None, ..samples::of_topic() };
        assert!(facts(&unproven)[0].1.starts_with("read at orders-3@17"));
        let erased = Letter { attributes: Default::default(), ..samples::of_topic() };
        assert_eq!(facts(&erased)[1].1, NOT_THERE);
        assert_eq!(BrokerView::of(&samples::full()), None);
    }

    #[test]
    fn a_message_shows_its_id_where_it_died_where_it_was_sent_to_and_every_header() {
        let view = BrokerView::of(&samples::of_rabbitmq()).unwrap();
        let expected = [("Message id", "m-1"), ("Died in", "orders"), ("Sent to", "shop, routing key placed")];
        assert_eq!(view.facts, expected.map(|(name, value)| (name, value.to_owned())));
        let death = "[{count: 2, exchange: shop, queue: orders, reason: rejected, routing-keys: [placed]}]";
        assert_eq!(headers(&view), [("seal", "1 byte"), ("x-death", death)]);
        let erased = Letter { attributes: Default::default(), ..samples::of_rabbitmq() };
        assert_eq!(facts(&erased), [("Message id", NOT_THERE.to_owned())]);
    }
}
