//! Headers that Redrive's processor writes on what it puts into a RabbitMQ dead letter queue, and what a dead message tells.
//!
//! A name stands in a table once, and in no order. So the key has no header of ours: nobody could tell it from the producer's own. What
//! `redrive` says has it.

use super::headers::text;
use super::ours::{ATTEMPTS, REASON};
use super::x_death::{BROKER_HEADERS, x_death};
use super::{DeathAuthor, StatedDeath};
use crate::message::broker_record::{AmqpTable, AmqpValue};
use crate::text::capped;

/// Header of the queue in which a message died.
const QUEUE: &str = "original-queue";
/// AMQP's limit of a name, in bytes.
const NAME: usize = 255;

/// Death in a queue as it is written down.
#[derive(Debug, Clone, Copy)]
pub struct WrittenInQueue<'a> {
    /// Queue of the message.
    pub queue: &'a str,
    /// Code and text of the fault.
    pub reason: &'a str,
    /// Number of attempts, by the ledger; 0 where it is not known, and then nothing is written of it.
    pub attempts: u32,
}

/// Headers of a dead message: its own ones, and ours.
#[must_use]
pub fn table_of(own: &AmqpTable, death: WrittenInQueue<'_>) -> AmqpTable {
    let mut headers = own_table(own);
    headers.set(QUEUE, AmqpValue::text(death.queue));
    headers.set(REASON, AmqpValue::text(death.reason));
    match death.attempts {
        0 => headers.0.retain(|(name, _)| name != ATTEMPTS),
        count => headers.set(ATTEMPTS, AmqpValue::Int(i64::from(count))),
    }
    headers
}

/// Headers of a message without the broker's, and without those of a death by our hand, where queue and reason tell of one. What
/// `redrive` says is not left out.
#[must_use]
pub fn own_table(headers: &AmqpTable) -> AmqpTable {
    let ours: &[&str] = if is_ours(headers) { &[QUEUE, REASON, ATTEMPTS] } else { &[] };
    let is_own = |name: &str| !BROKER_HEADERS.contains(&name) && !ours.contains(&name);
    AmqpTable(headers.0.iter().filter(|(name, _)| is_own(name)).cloned().collect())
}

fn is_ours(headers: &AmqpTable) -> bool {
    [QUEUE, REASON].iter().all(|name| headers.get(name).is_some())
}

/// Queue in which a dead message says that it died.
#[must_use]
pub fn queue_of_death(headers: &AmqpTable) -> Option<String> {
    let own = headers.get(QUEUE).filter(|_| is_ours(headers)).and_then(AmqpValue::as_text);
    own.map(|queue| capped(queue, NAME)).or_else(|| x_death(headers)?.queue)
}

impl StatedDeath {
    /// Reads the headers of a message in a RabbitMQ dead letter queue. Where our processor and the broker both tell of a death, ours
    /// says why.
    #[must_use]
    pub fn of_rabbitmq(headers: &AmqpTable) -> Option<Self> {
        if !is_ours(headers) {
            return x_death(headers).map(|deaths| deaths.stated());
        }
        let attempts = match headers.get(ATTEMPTS) {
            Some(AmqpValue::Int(count)) => u64::try_from(*count).ok(),
            _ => None,
        };
        let text = headers.get(REASON).and_then(AmqpValue::as_text).and_then(|reason| text(reason.as_bytes()));
        Some(Self { text, attempts, ..Self::by(DeathAuthor::Redrive) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn table(entries: &[(&str, AmqpValue)]) -> AmqpTable {
        AmqpTable(entries.iter().map(|(name, value)| ((*name).to_owned(), value.clone())).collect())
    }

    #[test]
    fn what_we_write_is_read_again_and_taken_off_again_and_the_brokers_own_goes_with_it() {
        let own = table(&[("tenant", AmqpValue::Int(7)), ("attempt-count", AmqpValue::text("the producer's"))]);
        let mut came = own.clone();
        came.set("x-delivery-count", AmqpValue::Int(3));
        let written = WrittenInQueue { queue: "orders", reason: "PERMANENT currency: no CHF", attempts: 2 };
        let dead = table_of(&came, written);
        let stated = StatedDeath::of_rabbitmq(&dead).unwrap();
        assert_eq!((stated.by, stated.attempts), (DeathAuthor::Redrive, Some(2)));
        assert_eq!(stated.text.as_deref(), Some("PERMANENT currency: no CHF"));
        assert_eq!(queue_of_death(&dead).as_deref(), Some("orders"));
        assert_eq!(own_table(&dead), table(&[("tenant", AmqpValue::Int(7))]), "a name that is ours was written over");
        let again = table_of(&dead, WrittenInQueue { attempts: 0, ..written });
        assert_eq!(again.get("attempt-count"), None, "a former death's count is not this one's");
    }

    #[test]
    fn a_header_of_others_with_one_of_our_names_alone_stays() {
        let own = table(&[("failure-reason", AmqpValue::text("theirs")), ("attempt-count", AmqpValue::Int(1))]);
        assert_eq!(own_table(&own), own);
        assert_eq!((StatedDeath::of_rabbitmq(&own), queue_of_death(&own)), (None, None));
    }

    #[test]
    fn the_brokers_word_counts_where_ours_is_not_there_and_ours_says_why_where_both_are() {
        let death = table(&[("reason", AmqpValue::text("expired")), ("queue", AmqpValue::text("orders.dead"))]);
        let mut headers = table(&[("x-death", AmqpValue::Array(vec![AmqpValue::Table(death)]))]);
        assert_eq!(StatedDeath::of_rabbitmq(&headers).unwrap().by, DeathAuthor::RabbitMq);
        assert_eq!(queue_of_death(&headers).as_deref(), Some("orders.dead"));
        headers.set(QUEUE, AmqpValue::text("orders"));
        headers.set(REASON, AmqpValue::text("TIMEOUT"));
        assert_eq!(StatedDeath::of_rabbitmq(&headers).unwrap().by, DeathAuthor::Redrive);
        assert_eq!(queue_of_death(&headers).as_deref(), Some("orders"));
    }
}
