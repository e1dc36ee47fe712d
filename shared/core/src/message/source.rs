//! The queue that a dead message comes from. Several queues may share a dead-letter queue, some of them without our knowing.
//!
//! | the message | its queue |
//! |---|---|
//! | SQS moved it (`DeadLetterQueueSourceArn`) | the one that SQS names; of no pair here: it is not touched |
//! | sent to the dead-letter queue, or an emulator says nothing: one pair | that pair's: nothing else is known |
//! | the same, and several pairs share it | the one that its valid `redrive` attribute belongs to; without one nobody knows |

use std::time::Duration;

use crate::message::decode::Reading;
use crate::message::envelope::Envelope;
use crate::message::redrive::{ATTRIBUTE, Redrive};

/// The longest that one look into a dead-letter queue lasts before the next begins: shorter than SQS's own visibility timeout of
/// 30 s, so that nothing comes back inside a look that stays in the queue.
pub const LONGEST_LOOK: Duration = Duration::from_secs(25);

/// The queue of a dead message, as a place among the pairs that share its dead-letter queue.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Source {
    /// SQS says so, or there is no other.
    Known(usize),
    /// The `redrive` attribute alone says so, which whoever sent it may have forged.
    Claimed(usize),
    /// SQS names a queue of no pair.
    Unlisted,
    /// Nothing tells which of several pairs it is.
    Unsaid,
}

impl Source {
    /// Finds the queue of a dead message. `pairs`: how the messages of each pair are read whose dead-letter queue this is.
    ///
    /// Rule R30 of docs/protocol.md.
    #[must_use]
    pub fn of(dead: &Envelope, pairs: &[&Reading]) -> Self {
        let place = |is: &dyn Fn(&Reading) -> bool| pairs.iter().position(|reading| is(reading));
        if let Some(from) = &dead.moved_from {
            return place(&|reading| reading.source.as_str() == from).map_or(Self::Unlisted, Self::Known);
        }
        if pairs.len() == 1 {
            return Self::Known(0);
        }
        let carried = dead.attributes.get(ATTRIBUTE).and_then(|attribute| attribute.as_text());
        let belongs = |text: &str| place(&|reading| Redrive::decode(text, &reading.source).is_some());
        carried.and_then(belongs).map_or(Self::Unsaid, Self::Claimed)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::ids::{LetterId, MessageId, QueueArn, ReceiptHandle, ReplayNumber, Scope};
    use crate::message::envelope::Attribute;
    use crate::time::Timestamp;

    fn reading(name: &str) -> Reading {
        let source = QueueArn::new(format!("arn:aws:sqs:us-east-1:1:{name}")).unwrap();
        Reading::new(source, Scope::new(name).unwrap())
    }

    fn dead(moved_from: Option<&Reading>) -> Envelope {
        Envelope {
            message_id: MessageId::new("m").unwrap(),
            receipt_handle: ReceiptHandle::new("h").unwrap(),
            body: String::new(),
            sent_at: Timestamp::from_millis(1),
            receive_count: 1,
            group: None,
            sequence: None,
            moved_from: moved_from.map(|reading| reading.source.as_str().to_owned()),
            deduplication: None,
            trace: None,
            attributes: BTreeMap::new(),
            broker: None,
        }
    }

    fn sent_back(to: &Reading) -> Envelope {
        let origin = MessageId::new("m-0").unwrap();
        let redrive = Redrive {
            letter: LetterId::derive(&to.source, &origin),
            number: ReplayNumber(1),
            key: None,
            scope: to.scope.clone(),
            origin,
            sent_at: Timestamp::from_millis(1),
            died: None,
            trace: None,
        };
        let attributes = [(ATTRIBUTE.to_owned(), Attribute::text(redrive.encode()))].into();
        Envelope { attributes, ..dead(None) }
    }

    #[test]
    fn what_sqs_moved_is_of_the_queue_that_sqs_names_whatever_it_carries() {
        let (a, b, other) = (reading("a"), reading("b"), reading("other"));
        for (from, expected) in [(&a, Source::Known(0)), (&b, Source::Known(1)), (&other, Source::Unlisted)] {
            let moved = Envelope { moved_from: dead(Some(from)).moved_from, ..sent_back(&a) };
            assert_eq!(Source::of(&moved, &[&a, &b]), expected, "{}", from.source);
        }
        assert_eq!(Source::of(&dead(Some(&other)), &[&a]), Source::Unlisted, "a dead-letter queue of one pair, too");
    }

    #[test]
    fn where_sqs_says_nothing_the_only_pair_has_it_and_of_several_the_one_that_its_attribute_belongs_to() {
        let (a, b, other) = (reading("a"), reading("b"), reading("other"));
        assert_eq!(Source::of(&dead(None), &[&a]), Source::Known(0));
        assert_eq!(Source::of(&sent_back(&b), &[&a]), Source::Known(0));
        assert_eq!(Source::of(&dead(None), &[&a, &b]), Source::Unsaid);
        assert_eq!(Source::of(&sent_back(&b), &[&a, &b]), Source::Claimed(1));
        assert_eq!(Source::of(&sent_back(&other), &[&a, &b]), Source::Unsaid);
    }
}
