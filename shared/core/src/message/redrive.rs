//! The one message attribute that a replayed message carries, and one that the processor itself sent to the dead-letter
//! queue.
//!
//! A producer can forge it, so it proves nothing by itself: it is *valid* only if the letter's id is the one that
//! source queue and carried origin give, the scope is that of the message's type, and the carried key is the key
//! of that very message. Otherwise the message is treated as one without it.

use serde::{Deserialize, Serialize};

use crate::ids::{Enqueue, LetterId, MessageId, QueueArn, ReplayNumber, Scope, SendId};
use crate::message::key::Key;
use crate::message::trace_context::{self, TraceContext};
use crate::time::Timestamp;

pub use super::redrive_name::REDRIVE as ATTRIBUTE;

/// No letter is replayed this often: a number from here on is a forgery.
const NUMBER_LIMIT: ReplayNumber = ReplayNumber(1_000_000);

/// Prefix of a deduplication id that stands for the attribute, and SQS's limit of its length.
const DEDUPLICATION: &str = "redrive:";
const DEDUPLICATION_LIMIT: usize = 128;

/// Value of the attribute `redrive`, written as JSON.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Redrive {
    /// The letter that was replayed.
    pub letter: LetterId,
    /// Number of the letter at that send; 0 for a message that was never replayed.
    pub number: ReplayNumber,
    /// The idempotency key of that send; absent where the letter has none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key: Option<Key>,
    /// Scope of the key in the ledger.
    pub scope: Scope,
    /// The message id under which the letter first came to the queue.
    pub origin: MessageId,
    /// Time at which the message first came.
    pub sent_at: Timestamp,
    /// The enqueue that ended, if the processor itself sent the message to the dead-letter queue: it has another id there.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub died: Option<Enqueue>,
    /// Trace in which the message first came, to be linked and shown. Whoever reads anything else there reads none.
    ///
    /// Rule R43 of docs/protocol.md.
    #[serde(default, deserialize_with = "trace_context::lenient", skip_serializing_if = "Option::is_none")]
    pub trace: Option<TraceContext>,
}

impl Redrive {
    /// Returns the letter and number of the send; `None` if the message was never replayed.
    #[must_use]
    pub fn send(&self) -> Option<SendId> {
        (self.number > ReplayNumber(0)).then_some(SendId { letter: self.letter, number: self.number })
    }

    /// Returns the text of the attribute.
    #[must_use]
    pub fn encode(&self) -> String {
        serde_json::to_string(self).unwrap_or_default()
    }

    /// The same as a FIFO queue's deduplication id, for a message at the end of its enqueue that has no room for the attribute: number,
    /// time, origin and the enqueue that ended. Another one with every number and every death, as such an id must be; scope and key are
    /// found out again from the message itself. `None` if it does not fit, or no enqueue has ended.
    #[must_use]
    pub fn as_deduplication(&self) -> Option<String> {
        let died = self.died.as_ref().filter(|died| died.sent_at == Enqueue::UNDATED)?;
        let (number, at, origin) = (self.number, self.sent_at.as_millis(), self.origin.as_str());
        let text = format!("{DEDUPLICATION}{number}:{at}:{origin}:{}", died.message_id);
        let taken = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.' | b':');
        (text.len() <= DEDUPLICATION_LIMIT && text.bytes().all(taken)).then_some(text)
    }

    /// Reads such a deduplication id.
    #[must_use]
    pub fn of_deduplication(text: &str, source: &QueueArn, scope: &Scope, key: Option<Key>) -> Option<Self> {
        let mut parts = text.strip_prefix(DEDUPLICATION)?.split(':');
        let mut next = || parts.next().filter(|part| !part.is_empty());
        let (number, at) = (next()?.parse().ok()?, next()?.parse().ok()?);
        let (origin, died) = (MessageId::new(next()?)?, MessageId::new(next()?)?);
        let redrive = Self {
            letter: LetterId::derive(source, &origin),
            number: ReplayNumber(number),
            key,
            scope: scope.clone(),
            origin,
            sent_at: Timestamp::from_millis(at),
            died: Some(Enqueue { message_id: died, sent_at: Enqueue::UNDATED }),
            // There is no room for it: 55 characters of 128.
            trace: None,
        };
        (parts.next().is_none() && redrive.number < NUMBER_LIMIT).then_some(redrive)
    }

    /// Reads the attribute's text, if it is whole and belongs to `source`. Scope and key are compared by whoever computes
    /// the message's own.
    #[must_use]
    pub fn decode(text: &str, source: &QueueArn) -> Option<Self> {
        let redrive: Self = serde_json::from_str(text).ok()?;
        let named = |id: &MessageId| !id.as_str().is_empty();
        let whole = named(&redrive.origin) && redrive.died.as_ref().is_none_or(|enqueue| named(&enqueue.message_id));
        // Without a number it must at least tell of a death: it is good for nothing else.
        let least = if redrive.died.is_some() { ReplayNumber(0) } else { ReplayNumber(1) };
        let numbered = (least..NUMBER_LIMIT).contains(&redrive.number);
        let ours = redrive.letter == LetterId::derive(source, &redrive.origin);
        (whole && numbered && ours).then_some(redrive)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn redrive(source: &QueueArn) -> Redrive {
        let origin = MessageId::new("m-1").unwrap();
        Redrive {
            letter: LetterId::derive(source, &origin),
            number: ReplayNumber(3),
            key: Key::new("order-7").ok(),
            scope: Scope::new("main").unwrap(),
            origin,
            sent_at: Timestamp::from_millis(17),
            died: None,
            trace: None,
        }
    }

    #[test]
    fn it_round_trips_for_its_own_queue() {
        let source = QueueArn::new("arn:aws:sqs:us-east-1:1:orders").unwrap();
        let sent = redrive(&source);
        assert_eq!(Redrive::decode(&sent.encode(), &source), Some(sent.clone()));
        let enqueue = Enqueue { message_id: MessageId::new("m-2").unwrap(), sent_at: Timestamp::from_millis(18) };
        for number in [ReplayNumber(0), ReplayNumber(3)] {
            let died = Redrive { number, died: Some(enqueue.clone()), ..sent.clone() };
            assert_eq!(Redrive::decode(&died.encode(), &source).as_ref(), Some(&died));
            assert_eq!(
                died.send().is_some(),
                number != ReplayNumber(0),
                "a message that was never replayed is no send"
            );
        }
    }

    #[test]
    fn a_trace_goes_along_and_one_that_is_none_leaves_the_rest_as_it_was() {
        let source = QueueArn::new("arn:aws:sqs:us-east-1:1:orders").unwrap();
        let plain = redrive(&source);
        let trace = TraceContext::parse("00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01");
        let traced = Redrive { trace, ..plain.clone() };
        let text = traced.encode();
        assert_eq!(Redrive::decode(&text, &source).as_ref(), Some(&traced));
        assert!(!plain.encode().contains("trace"), "what an earlier version wrote and reads");
        for bad in ["7", "null", "[[]]", "\"00-0\""] {
            let forged = text.replace(&format!("\"{}\"", trace.unwrap()), bad);
            assert_eq!(Redrive::decode(&forged, &source).as_ref(), Some(&plain), "{forged}");
        }
    }

    #[test]
    fn as_a_deduplication_id_it_says_the_same_and_one_that_is_none_says_nothing() {
        let source = QueueArn::new("arn:aws:sqs:us-east-1:1:orders.fifo").unwrap();
        let id = |n: u8| MessageId::new(format!("{n:08x}-8a51-4c65-9d3e-111111111111")).unwrap();
        for number in [ReplayNumber(0), ReplayNumber(999_999)] {
            let died = Some(Enqueue { message_id: id(2), sent_at: Enqueue::UNDATED });
            let (letter, sent_at) = (LetterId::derive(&source, &id(1)), Timestamp::from_millis(9_999_999_999_999));
            let dead = Redrive { letter, number, origin: id(1), died, sent_at, ..redrive(&source) };
            let text = dead.as_deduplication().unwrap();
            assert!(text.len() <= 128, "{}", text.len());
            let read = Redrive::of_deduplication(&text, &source, &dead.scope, dead.key.clone());
            assert_eq!(read.as_ref(), Some(&dead));
            let junk =
                [&text[1..], &text.replace(":", ""), &format!("{text}:x"), "redrive:", "redrive:1:2:a:", "", "x"];
            for junk in junk {
                assert_eq!(Redrive::of_deduplication(junk, &source, &dead.scope, None), None, "{junk}");
            }
        }
        assert_eq!(redrive(&source).as_deduplication(), None, "no life has ended");
    }

    #[test]
    fn it_is_nothing_for_another_queue_or_origin_and_never_a_crash() {
        let source = QueueArn::new("arn:aws:sqs:us-east-1:1:orders").unwrap();
        let other = QueueArn::new("arn:aws:sqs:us-east-1:1:refunds").unwrap();
        let sent = redrive(&source);
        assert_eq!(Redrive::decode(&sent.encode(), &other), None);
        let forged = Redrive { origin: MessageId::new("m-2").unwrap(), ..sent.clone() };
        assert_eq!(Redrive::decode(&forged.encode(), &source), None);
        for number in [ReplayNumber(0), ReplayNumber(u32::MAX)] {
            let never_sent = Redrive { number, ..sent.clone() };
            assert_eq!(Redrive::decode(&never_sent.encode(), &source), None);
        }
        for junk in ["", "{", "null", "[]", "7", "{\"letter\":7}"] {
            assert_eq!(Redrive::decode(junk, &source), None, "{junk:?}");
        }
    }
}
