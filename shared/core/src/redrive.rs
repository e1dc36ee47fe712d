//! The one message attribute that a replayed message carries.
//!
//! A producer can forge it, so it proves nothing by itself: it is *valid* only if the letter's id is the one that
//! source queue and carried origin give, the scope is one that is configured here, and the carried key is the key
//! of that very message. Otherwise the message is treated as one without it.

use serde::{Deserialize, Serialize};

use crate::ids::{LetterId, MessageId, Number, QueueArn, Scope, SendId};
use crate::key::Key;
use crate::time::Timestamp;

/// The name of the message attribute.
pub const ATTRIBUTE: &str = "redrive";
/// No letter is replayed this often: a number from here on is a forgery.
const NUMBER_LIMIT: Number = Number(1_000_000);

/// What the attribute says, as JSON.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Redrive {
    /// The letter that was replayed.
    pub letter: LetterId,
    /// Its number at that send.
    pub number: Number,
    /// The idempotency key of that send; absent where the letter has none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key: Option<Key>,
    /// The ledger's scope.
    pub scope: Scope,
    /// The message id under which the letter first came to the queue.
    pub origin: MessageId,
    /// When it first came.
    pub sent_at: Timestamp,
}

impl Redrive {
    /// Which send of which letter.
    #[must_use]
    pub const fn send(&self) -> SendId {
        SendId { letter: self.letter, number: self.number }
    }

    /// The attribute's text.
    #[must_use]
    pub fn encode(&self) -> String {
        serde_json::to_string(self).unwrap_or_default()
    }

    /// Reads the attribute's text, if it is whole and belongs to `source` and `scope`. The key is compared by
    /// whoever computes the message's own.
    #[must_use]
    pub fn decode(text: &str, source: &QueueArn, scope: &Scope) -> Option<Self> {
        let redrive: Self = serde_json::from_str(text).ok()?;
        let whole = !redrive.origin.as_str().is_empty() && (Number(1)..NUMBER_LIMIT).contains(&redrive.number);
        let ours = redrive.letter == LetterId::derive(source, &redrive.origin) && redrive.scope == *scope;
        (whole && ours).then_some(redrive)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn redrive(source: &QueueArn) -> Redrive {
        let origin = MessageId::new("m-1").unwrap();
        Redrive {
            letter: LetterId::derive(source, &origin),
            number: Number(3),
            key: Key::new("order-7").ok(),
            scope: Scope::new("main").unwrap(),
            origin,
            sent_at: Timestamp::from_millis(17),
        }
    }

    #[test]
    fn it_round_trips_for_its_own_queue_and_scope() {
        let source = QueueArn::new("arn:aws:sqs:us-east-1:1:orders").unwrap();
        let sent = redrive(&source);
        assert_eq!(Redrive::decode(&sent.encode(), &source, &sent.scope), Some(sent));
    }

    #[test]
    fn it_is_nothing_for_another_queue_scope_or_origin_and_never_a_crash() {
        let source = QueueArn::new("arn:aws:sqs:us-east-1:1:orders").unwrap();
        let other = QueueArn::new("arn:aws:sqs:us-east-1:1:refunds").unwrap();
        let sent = redrive(&source);
        let scope = sent.scope.clone();
        assert_eq!(Redrive::decode(&sent.encode(), &other, &scope), None);
        assert_eq!(Redrive::decode(&sent.encode(), &source, &Scope::new("else").unwrap()), None);
        let forged = Redrive { origin: MessageId::new("m-2").unwrap(), ..sent.clone() };
        assert_eq!(Redrive::decode(&forged.encode(), &source, &scope), None);
        for number in [Number(0), Number(u32::MAX)] {
            let never_sent = Redrive { number, ..sent.clone() };
            assert_eq!(Redrive::decode(&never_sent.encode(), &source, &scope), None);
        }
        for junk in ["", "{", "null", "[]", "7", "{\"letter\":7}"] {
            assert_eq!(Redrive::decode(junk, &source, &scope), None, "{junk:?}");
        }
    }
}
