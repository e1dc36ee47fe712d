//! A message of a RabbitMQ queue.

use serde::{Deserialize, Serialize};

/// Value in an AMQP table, as far as Lambda's event tells it: it names no widths, so every whole number is one of 64 bits.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum AmqpValue {
    /// No value (AMQP's type `V`).
    Null,
    /// Truth value (AMQP's type `t`).
    Bool(bool),
    /// Whole number of any width.
    Int(i64),
    /// Number that is not whole, as it is written.
    Real(String),
    /// Bytes: AMQP's long string, which is text by custom only.
    Bytes(Vec<u8>),
    /// Values one after the other.
    Array(Vec<AmqpValue>),
    /// A table in a table.
    Table(AmqpTable),
}

impl AmqpValue {
    /// Long string of this text.
    #[must_use]
    pub fn text(text: &str) -> Self {
        Self::Bytes(text.as_bytes().to_vec())
    }

    /// Value as text, if it is bytes of UTF-8.
    #[must_use]
    pub fn as_text(&self) -> Option<&str> {
        match self {
            Self::Bytes(bytes) => std::str::from_utf8(bytes).ok(),
            _ => None,
        }
    }

    /// Entry of a table; `None` if it is no table, or has no such name.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&Self> {
        match self {
            Self::Table(table) => table.get(name),
            _ => None,
        }
    }

    /// Members of an array, or nothing.
    #[must_use]
    pub fn members(&self) -> &[Self] {
        match self {
            Self::Array(members) => members,
            _ => &[],
        }
    }
}

/// Names and values, in their order.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct AmqpTable(pub Vec<(String, AmqpValue)>);

impl AmqpTable {
    /// Value of a name.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&AmqpValue> {
        self.0.iter().find(|(own, _)| own == name).map(|(_, value)| value)
    }

    /// Sets a value, in the place of one of that name.
    pub fn set(&mut self, name: &str, value: AmqpValue) {
        match self.0.iter_mut().find(|(own, _)| own == name) {
            Some((_, own)) => *own = value,
            None => self.0.push((name.to_owned(), value)),
        }
    }
}

/// A queue, by the name that Lambda gives it in an event: `queue::vhost`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RabbitQueue {
    /// Virtual host; `/` by default.
    pub vhost: String,
    /// Name of the queue.
    pub name: String,
}

impl RabbitQueue {
    /// Reads `queue::vhost`. A name without a virtual host is of `/`.
    #[must_use]
    pub fn parse(text: &str) -> Self {
        let (name, vhost) = text.rsplit_once("::").unwrap_or((text, "/"));
        Self { vhost: vhost.to_owned(), name: name.to_owned() }
    }
}

/// Properties of a message (AMQP 0-9-1, class `basic`), each of which may be missing.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct RabbitProperties {
    /// MIME type of the body.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub content_type: Option<String>,
    /// Encoding of the body, such as `gzip`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub content_encoding: Option<String>,
    /// 2 if the message outlives a restart of the broker.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub delivery_mode: Option<u8>,
    /// Priority in a queue with `x-max-priority`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub priority: Option<u8>,
    /// Id of what this answers.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub correlation_id: Option<String>,
    /// Address for an answer.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reply_to: Option<String>,
    /// Milliseconds that the message lives in a queue, as text. It is never sent on: the message would die of it again.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub expiration: Option<String>,
    /// The producer's id of the message.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub message_id: Option<String>,
    /// Time of the message as the event writes it, in the words of the poller's locale: to be shown only.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub timestamp: Option<String>,
    /// The producer's name for the kind of message.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub kind: Option<String>,
    /// User that sent it. The broker refuses a message with another user's name, so it is never sent on.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub user_id: Option<String>,
    /// Application that sent it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub app_id: Option<String>,
}

/// A message of a RabbitMQ queue, as exact as Lambda's event tells it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RabbitMessage {
    /// Queue from which it was delivered.
    pub queue: RabbitQueue,
    /// Properties of the message, headers apart.
    pub properties: RabbitProperties,
    /// Headers of the message, those of the broker among them.
    pub headers: AmqpTable,
    /// True if it may have been delivered before.
    pub redelivered: bool,
    /// Bytes of the body.
    pub body: Vec<u8>,
    /// True if a message without `message-id` may not use the hash of its body for a key.
    pub needs_id: bool,
    /// Part of the event's message that could not be read.
    pub flaw: Option<&'static str>,
}

impl RabbitMessage {
    /// An empty message of this queue.
    #[must_use]
    pub fn of(queue: RabbitQueue) -> Self {
        let (properties, headers) = (RabbitProperties::default(), AmqpTable::default());
        Self { queue, properties, headers, redelivered: false, body: Vec::new(), needs_id: false, flaw: None }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_queue_is_named_with_its_virtual_host_or_is_of_the_default_one() {
        let queue = |vhost: &str, name: &str| RabbitQueue { vhost: vhost.to_owned(), name: name.to_owned() };
        assert_eq!(RabbitQueue::parse("orders::/"), queue("/", "orders"));
        assert_eq!(RabbitQueue::parse("a::b::shop"), queue("shop", "a::b"));
        assert_eq!(RabbitQueue::parse("orders"), queue("/", "orders"));
    }

    #[test]
    fn a_table_has_each_name_once_that_is_set() {
        let mut table = AmqpTable(vec![("a".to_owned(), AmqpValue::Int(1))]);
        table.set("a", AmqpValue::text("x"));
        table.set("b", AmqpValue::Null);
        assert_eq!(table.get("a").and_then(AmqpValue::as_text), Some("x"));
        assert_eq!((table.0.len(), table.get("b")), (2, Some(&AmqpValue::Null)));
    }
}
