//! RabbitMQ's header `x-death`, of 3.x and 4.x.
//!
//! An array of tables, the last death first: `count`, `reason`, `queue`, `time`, `exchange`, `routing-keys`, and
//! `original-expiration`. There is one table for each pair of queue and reason. What differs, as seen on brokers:
//!
//! - 4.x adds `x-last-death-*`, and counts a message that a client published again from 1; 3.x counts on.
//! - A message that ran into a delivery limit does not tell how often it was delivered.
//! - `time` is of the first death of its table. In Lambda's event it is a text in the poller's locale, and is not read.
//!
//! Source: rabbitmq/rabbitmq-server, `rabbit_dead_letter.erl`, `update_x_death_header`.

use super::{DeathAuthor, StatedDeath};
use crate::message::broker_record::{AmqpTable, AmqpValue};
use crate::text::capped;

/// Headers that a broker writes when a message dies or is delivered again. They are left out of whatever is sent on. A broker believes the
/// `x-death` that a client sends: 3.x counts on from it, and a message that expired once would be dropped at the end of its delay, as
/// one that goes round in a circle.
pub const BROKER_HEADERS: [&str; 9] = [
    "x-death",
    "x-first-death-exchange",
    "x-first-death-queue",
    "x-first-death-reason",
    "x-last-death-exchange",
    "x-last-death-queue",
    "x-last-death-reason",
    "x-delivery-count",
    "x-acquired-count",
];

/// AMQP's limit of a short string: names of queues, exchanges and routing keys.
const NAME: usize = 255;

/// Deaths of a message, as its broker tells them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct XDeath {
    /// Reason of the last death: `rejected`, `expired`, `maxlen` or `delivery_limit`.
    pub reason: Option<String>,
    /// Queue of the first death: where the message was sent to.
    pub queue: Option<String>,
    /// Exchange that it was sent to first; empty is the default exchange.
    pub exchange: Option<String>,
    /// Routing keys that it was sent with, those of `CC` among them.
    pub routing_keys: Vec<String>,
    /// Deaths by all tables together: to be shown, and never believed.
    pub count: u64,
    /// The message's own time to live at its last death, which the broker took away.
    pub expiration: Option<String>,
}

impl XDeath {
    /// The same as a statement beside those of Kafka.
    #[must_use]
    pub fn stated(&self) -> StatedDeath {
        let class = self.reason.clone();
        StatedDeath { class, attempts: Some(self.count), ..StatedDeath::by(DeathAuthor::RabbitMq) }
    }
}

/// Reads the deaths of a message. `None` if no broker tells of one. Tables that are none are passed over.
#[must_use]
pub fn x_death(headers: &AmqpTable) -> Option<XDeath> {
    let tables = headers.get("x-death").map(AmqpValue::members).unwrap_or_default();
    let tables: Vec<_> = tables.iter().filter(|value| matches!(value, AmqpValue::Table(_))).collect();
    let named = |name: &str| headers.get(name).and_then(name_of);
    // The first death is the last table, unless the broker says itself which it was.
    let (last, first) = (tables.first(), tables.last());
    let of = |table: Option<&&AmqpValue>, name: &str| table.and_then(|table| table.get(name)).and_then(name_of);
    let queue = named("x-first-death-queue").or_else(|| of(first, "queue"));
    let reason = of(last, "reason").or_else(|| named("x-last-death-reason")).or_else(|| named("x-first-death-reason"));
    if queue.is_none() && reason.is_none() {
        return None;
    }
    // The first death's table may have moved up, when the message died there again.
    let at_queue = |table: &&&AmqpValue| queue.is_some() && table.get("queue").and_then(name_of) == queue;
    let origin = tables.iter().rev().find(at_queue).or(first);
    let keys = origin.and_then(|table| table.get("routing-keys")).map(AmqpValue::members).unwrap_or_default();
    Some(XDeath {
        exchange: named("x-first-death-exchange").or_else(|| of(origin, "exchange")),
        routing_keys: keys.iter().filter_map(name_of).collect(),
        count: tables.iter().filter_map(|table| count(table)).fold(0, u64::saturating_add),
        expiration: of(last, "original-expiration"),
        queue,
        reason,
    })
}

/// A name: text of at most 255 bytes, empty as well.
fn name_of(value: &AmqpValue) -> Option<String> {
    value.as_text().map(|text| capped(text, NAME))
}

fn count(table: &AmqpValue) -> Option<u64> {
    match table.get("count")? {
        AmqpValue::Int(count) => u64::try_from(*count).ok(),
        _ => None,
    }
}
