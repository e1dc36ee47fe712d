//! Record of a Kafka topic as a person reads it in its letter.

use redrive_core::letters::exact_record::ExactRecord;
use redrive_core::letters::letter::Letter;

use crate::text::count;

/// Record of a letter, as a person reads it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TopicView {
    /// Partition and offset where it stood at first, or why they are not known.
    pub place: String,
    /// Key of the record, text or hex.
    pub key: String,
    /// Headers in their order, with repeats: name and value.
    pub headers: Vec<(String, String)>,
}

impl TopicView {
    /// Looks at a letter; `None` if it is not of a topic.
    #[must_use]
    pub fn of(letter: &Letter) -> Option<Self> {
        letter.source.kafka_topic()?;
        let place = match (&letter.partition, &letter.offset) {
            (Some(partition), Some(offset)) => format!("partition {partition}, offset {offset}"),
            _ => format!("read at {}: nobody proves where it died", letter.origin),
        };
        let exact = ExactRecord::of_letter(&letter.source, &letter.attributes);
        let key = match &exact {
            Some(exact) => exact.shown_key().unwrap_or_else(|| "null".to_owned()),
            None => "is not there".to_owned(),
        };
        let headers = exact.into_iter().flat_map(|exact| exact.headers);
        let headers =
            headers.map(|header| (header.name, header.value.as_deref().map_or_else(|| "null".to_owned(), value)));
        Some(Self { place, key, headers: headers.collect() })
    }
}

/// A header's value: text where it is UTF-8, else its size.
fn value(bytes: &[u8]) -> String {
    std::str::from_utf8(bytes).map_or_else(|_| count(bytes.len() as u64, "byte", "bytes"), str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::samples;

    #[test]
    fn a_record_shows_its_place_its_key_and_every_header_and_a_queues_letter_none() {
        let view = TopicView::of(&samples::of_topic()).unwrap();
        assert_eq!((view.place.as_str(), view.key.as_str()), ("partition 3, offset 17", "0xfe01"));
        let headers: Vec<_> = view.headers.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
        assert_eq!(headers, [("trace", "t-1"), ("trace", "1 byte"), ("tenant", "null")]);
        let unproven = Letter { partition: None, ..samples::of_topic() };
        assert!(TopicView::of(&unproven).unwrap().place.starts_with("read at orders-3@17"));
        let erased = Letter { attributes: Default::default(), ..samples::of_topic() };
        assert_eq!(TopicView::of(&erased).unwrap().key, "is not there");
        assert_eq!(TopicView::of(&samples::full()), None);
    }
}
