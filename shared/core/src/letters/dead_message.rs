//! Message of a RabbitMQ dead letter queue on its way to a letter.
//!
//! The broker gives a message no id. So a dead one is known by all of it: `message-id`, body, properties and headers, the `x-death` with
//! its time among them, but not the counts of deliveries. Which message it was at first is believed where the ledger proves what the
//! header `redrive` says of it.

use std::collections::HashMap;

use sha2::{Digest, Sha256};

use crate::hex::hex;
use crate::ids::MessageId;
use crate::letters::dead_record::{DeadRecord, unstated};
use crate::letters::exact_message::{EXACT_MESSAGE, ExactMessage};
use crate::letters::stated_death::{StatedDeath, own_table, queue_of_death};
use crate::message::broker_record::{AmqpTable, RabbitMessage};
use crate::message::envelope::Envelope;
use crate::time::Timestamp;

/// Headers that differ from delivery to delivery.
const DELIVERIES: [&str; 2] = ["x-delivery-count", "x-acquired-count"];

impl DeadRecord {
    /// A message as it stands in the dead letter queue. `now`: its time, since the event tells none that can be read.
    #[must_use]
    pub fn of_rabbitmq(message: RabbitMessage, now: Timestamp) -> Self {
        let stated = StatedDeath::of_rabbitmq(&message.headers).map_or_else(unstated, |death| death.reason());
        let (exact, message_id) = (ExactMessage::of(&message).to_attribute(), id_of(&message));
        // What a producer would find among the headers of its own message.
        let own = RabbitMessage { headers: own_table(&message.headers), ..message.clone() };
        let Envelope { mut attributes, .. } = Envelope::of_rabbitmq(own);
        attributes.insert(EXACT_MESSAGE.to_owned(), exact);
        let envelope = Envelope::of_rabbitmq(message);
        let receipt_handle = (&message_id).into();
        Self { envelope: Envelope { message_id, receipt_handle, sent_at: now, attributes, ..envelope }, stated }
    }
}

/// Messages of one batch that are the same to the byte, told apart: a queue delivers none of its messages twice at once. The second
/// of an id is `ID#2`.
#[must_use]
pub fn told_apart(messages: Vec<DeadRecord>) -> Vec<DeadRecord> {
    let mut counts: HashMap<MessageId, usize> = HashMap::new();
    let number = |mut dead: DeadRecord| {
        let count = counts.entry(dead.envelope.message_id.clone()).or_default();
        *count += 1;
        if *count > 1 {
            dead.envelope.message_id = MessageId::joined(dead.envelope.message_id.as_str(), '#', *count);
            dead.envelope.receipt_handle = (&dead.envelope.message_id).into();
        }
        dead
    };
    messages.into_iter().map(number).collect()
}

/// `message-id`, where there is one, and half a SHA-256 of queue, body, properties and headers in hex.
fn id_of(message: &RabbitMessage) -> MessageId {
    let steady = message.headers.0.iter().filter(|(name, _)| !DELIVERIES.contains(&name.as_str()));
    let headers = AmqpTable(steady.cloned().collect());
    let exact = ExactMessage { headers, ..ExactMessage::of(message) }.to_text();
    let mut hash = Sha256::new();
    for part in [message.queue.vhost.as_bytes(), message.queue.name.as_bytes(), &message.body, exact.as_bytes()] {
        hash.update(u64::try_from(part.len()).unwrap_or(u64::MAX).to_be_bytes());
        hash.update(part);
    }
    let id = message.properties.message_id.as_deref().unwrap_or_default();
    MessageId::joined(id, '~', hex(&hash.finalize()[..16]))
}

/// Remark on where a letter's message was read, and where it says that it died.
#[must_use]
pub(super) fn queue_note(message: &RabbitMessage) -> String {
    let died = queue_of_death(&message.headers);
    let died = died.map_or_else(String::new, |queue| format!(", and says that it died in {queue}"));
    format!("read in {}{died}", message.queue.name)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error_type::ErrorType;
    use crate::ids::{QueueArn, Scope};
    use crate::letters::stated_death::{WrittenInQueue, table_of};
    use crate::message::broker_record::{AmqpValue, RabbitQueue};
    use crate::message::decode::{Inspected, Reading};

    const NOW: Timestamp = Timestamp::from_millis(5_000);

    fn message(headers: &[(&str, AmqpValue)]) -> RabbitMessage {
        let headers = headers.iter().map(|(name, value)| ((*name).to_owned(), value.clone())).collect();
        let queue = RabbitQueue::parse("orders.dead::/");
        RabbitMessage { headers: AmqpTable(headers), body: b"{}".to_vec(), ..RabbitMessage::of(queue) }
    }

    fn id(message: RabbitMessage) -> MessageId {
        DeadRecord::of_rabbitmq(message, NOW).envelope.message_id
    }

    #[test]
    fn its_attributes_are_its_own_headers_and_everything_stands_in_the_exact_message() {
        let own = message(&[("type", AmqpValue::text("charge")), ("x-first-death-queue", AmqpValue::text("orders"))]);
        let written = WrittenInQueue { queue: "orders", reason: "PERMANENT no: x", attempts: 3 };
        let headers = table_of(&own.headers, written);
        let dead = DeadRecord::of_rabbitmq(RabbitMessage { headers: headers.clone(), ..own }, NOW);
        assert_eq!(dead.envelope.attributes.keys().collect::<Vec<_>>(), [EXACT_MESSAGE, "type"]);
        let source = QueueArn::new("rabbitmq://shop/orders").unwrap();
        let exact = ExactMessage::of_letter(&source, &dead.envelope.attributes).unwrap();
        assert_eq!(headers.0.len(), exact.headers.0.len());
        assert_eq!((dead.stated.text.as_str(), dead.stated.attempts), ("Redrive: PERMANENT no: x", 3));
        assert_eq!((dead.stated.error_type, dead.envelope.sent_at), (ErrorType::Unknown, NOW), "whatever it says");
        let seen = Inspected::new(dead.envelope, &Reading::new(source, Scope::new("orders").unwrap()));
        assert!(!seen.key_is_stable, "a hash is no key of its own");
    }

    #[test]
    fn a_message_is_the_same_however_often_it_is_delivered_and_another_if_it_died_another_time() {
        let death = |time: &str| {
            let time = ("time".to_owned(), AmqpValue::text(time));
            ("x-death", AmqpValue::Array(vec![AmqpValue::Table(AmqpTable(vec![time]))]))
        };
        let first = message(&[death("1"), ("x-delivery-count", AmqpValue::Int(1))]);
        let again =
            RabbitMessage { redelivered: true, ..message(&[death("1"), ("x-delivery-count", AmqpValue::Int(2))]) };
        assert_eq!(id(first.clone()), id(again));
        assert_ne!(id(first.clone()), id(message(&[death("2")])));
        let other = RabbitMessage { body: b"[]".to_vec(), ..first.clone() };
        assert_ne!(id(first.clone()), id(other));
        let mut named = first.clone();
        named.properties.message_id = Some("m-1".to_owned());
        assert!(id(named).as_str().starts_with("m-1~") && id(first).as_str().starts_with('~'));
    }

    #[test]
    fn two_that_are_the_same_to_the_byte_in_one_batch_are_two() {
        let dead = || DeadRecord::of_rabbitmq(message(&[]), NOW);
        let ids: Vec<_> =
            told_apart(vec![dead(), dead(), dead()]).into_iter().map(|dead| dead.envelope.message_id).collect();
        let first = id(message(&[]));
        assert_eq!(
            ids,
            [first.clone(), MessageId::joined(first.as_str(), '#', 2), MessageId::joined(first.as_str(), '#', 3)]
        );
    }

    #[test]
    fn without_a_word_its_reason_is_ours_and_the_note_says_where_it_was_read() {
        let silent = DeadRecord::of_rabbitmq(message(&[]), NOW).stated;
        assert!(silent.in_our_words());
        assert_eq!(queue_note(&message(&[])), "read in orders.dead");
        let headers =
            [("x-first-death-queue", AmqpValue::text("orders")), ("x-first-death-reason", AmqpValue::text("expired"))];
        assert_eq!(queue_note(&message(&headers)), "read in orders.dead, and says that it died in orders");
        let stated = DeadRecord::of_rabbitmq(message(&headers), NOW).stated;
        assert_eq!((stated.text.as_str(), stated.code.as_deref()), ("RabbitMQ: expired", Some("expired")));
    }
}
