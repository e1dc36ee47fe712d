//! Message of RabbitMQ as a letter keeps it beside its payload: as exact as Lambda's event tells it.
//!
//! | where in the letter | what |
//! |---|---|
//! | payload | body: UTF-8 as it is, other bytes as a data URL |
//! | attributes | headers that are one value, without those of a death by our hand or the broker's |
//! | attribute [`EXACT_MESSAGE`] | properties, every header, and the kind of the body |

use base64::Engine;
use base64::engine::general_purpose::STANDARD as BASE64;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::ids::QueueArn;
use crate::message::broker_record::{AmqpTable, AmqpValue, RabbitMessage, RabbitProperties, bytes_of};
use crate::message::envelope::{Attribute, Attributes};

/// Name of the attribute. SQS takes no colon in one, so that no message of a queue has it.
pub const EXACT_MESSAGE: &str = "rabbitmq:message";

/// Everything of a message but the bytes of its body.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ExactMessage {
    /// Properties of the message, headers apart.
    pub properties: RabbitProperties,
    /// Every header, by its name.
    pub headers: AmqpTable,
    /// True if the body is UTF-8. Its text alone does not tell: a text may look like bytes.
    pub is_text: bool,
}

/// The same as JSON. Each text in a header's value begins with what it is, so that tables are plain objects, and no deeper than they
/// were.
#[derive(Serialize, Deserialize)]
struct MessageFields {
    properties: RabbitProperties,
    headers: Map<String, Value>,
    text: bool,
}

const TEXT: &str = "t:";
const BYTES: &str = "b:";
const REAL: &str = "r:";

impl ExactMessage {
    /// Takes everything but the body.
    #[must_use]
    pub fn of(message: &RabbitMessage) -> Self {
        let is_text = std::str::from_utf8(&message.body).is_ok();
        Self { properties: message.properties.clone(), headers: message.headers.clone(), is_text }
    }

    /// Returns the attribute that holds it.
    #[must_use]
    pub fn to_attribute(&self) -> Attribute {
        Attribute::text(self.to_text())
    }

    /// Text of it: the same for the same message, whatever the order of its headers.
    #[must_use]
    pub fn to_text(&self) -> String {
        let (properties, headers) = (self.properties.clone(), to_object(&self.headers));
        let fields = MessageFields { properties, headers, text: self.is_text };
        serde_json::to_string(&fields).unwrap_or_default()
    }

    /// Reads it from the attributes of a letter. `None` of a letter that is not of a RabbitMQ queue, and of attributes that are not
    /// as they were written.
    #[must_use]
    pub fn of_letter(source: &QueueArn, attributes: &Attributes) -> Option<Self> {
        source.rabbitmq_queue()?;
        let fields = attributes.get(EXACT_MESSAGE)?.as_text()?;
        let MessageFields { properties, headers, text } = serde_json::from_str(fields).ok()?;
        Some(Self { properties, headers: of_object(headers)?, is_text: text })
    }

    /// Bytes of the body that stands as this text in the letter.
    #[must_use]
    pub fn body_of(&self, payload: &str) -> Vec<u8> {
        if self.is_text { payload.as_bytes().to_vec() } else { bytes_of(payload) }
    }
}

fn to_object(AmqpTable(entries): &AmqpTable) -> Map<String, Value> {
    entries.iter().map(|(name, value)| (name.clone(), to_json(value))).collect()
}

fn to_json(value: &AmqpValue) -> Value {
    match value {
        AmqpValue::Null => Value::Null,
        AmqpValue::Bool(truth) => Value::Bool(*truth),
        AmqpValue::Int(number) => Value::from(*number),
        AmqpValue::Real(number) => Value::String(format!("{REAL}{number}")),
        AmqpValue::Bytes(bytes) => Value::String(match std::str::from_utf8(bytes) {
            Ok(text) => format!("{TEXT}{text}"),
            Err(_) => format!("{BYTES}{}", BASE64.encode(bytes)),
        }),
        AmqpValue::Array(members) => Value::Array(members.iter().map(to_json).collect()),
        AmqpValue::Table(table) => Value::Object(to_object(table)),
    }
}

fn of_object(object: Map<String, Value>) -> Option<AmqpTable> {
    let entries = object.into_iter().map(|(name, value)| Some((name, of_json(value)?)));
    entries.collect::<Option<_>>().map(AmqpTable)
}

fn of_json(value: Value) -> Option<AmqpValue> {
    Some(match value {
        Value::Null => AmqpValue::Null,
        Value::Bool(truth) => AmqpValue::Bool(truth),
        Value::Number(number) => AmqpValue::Int(number.as_i64()?),
        Value::String(text) => of_text(&text)?,
        Value::Array(members) => AmqpValue::Array(members.into_iter().map(of_json).collect::<Option<_>>()?),
        Value::Object(object) => AmqpValue::Table(of_object(object)?),
    })
}

fn of_text(text: &str) -> Option<AmqpValue> {
    if let Some(text) = text.strip_prefix(TEXT) {
        Some(AmqpValue::text(text))
    } else if let Some(encoded) = text.strip_prefix(BYTES) {
        BASE64.decode(encoded).ok().map(AmqpValue::Bytes)
    } else {
        text.strip_prefix(REAL).map(|number| AmqpValue::Real(number.to_owned()))
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;

    use super::*;
    use crate::message::broker_record::{BrokerRecord, RabbitQueue};

    fn source() -> QueueArn {
        QueueArn::new("rabbitmq://shop/orders").unwrap()
    }

    fn table(entries: BTreeMap<String, AmqpValue>) -> AmqpTable {
        AmqpTable(entries.into_iter().collect())
    }

    fn value() -> impl Strategy<Value = AmqpValue> {
        let leaf = prop_oneof![
            Just(AmqpValue::Null),
            any::<bool>().prop_map(AmqpValue::Bool),
            any::<i64>().prop_map(AmqpValue::Int),
            Just(AmqpValue::Real("1.5".to_owned())),
            any::<String>().prop_map(|text| AmqpValue::text(&text)),
            prop::collection::vec(any::<u8>(), 0..8).prop_map(AmqpValue::Bytes),
        ];
        leaf.prop_recursive(3, 12, 3, |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..3).prop_map(AmqpValue::Array),
                prop::collection::btree_map(any::<String>(), inner, 0..3)
                    .prop_map(|entries| AmqpValue::Table(table(entries))),
            ]
        })
    }

    proptest! {
        #[test]
        fn any_message_is_the_same_again(
            body in prop::collection::vec(any::<u8>(), 0..24),
            headers in prop::collection::btree_map(any::<String>(), value(), 0..5),
            id in prop::option::of(any::<String>()), priority in prop::option::of(any::<u8>())
        ) {
            let properties = RabbitProperties { message_id: id, priority, ..RabbitProperties::default() };
            let queue = RabbitQueue::parse("orders.dead");
            let message = RabbitMessage { properties, headers: table(headers), body, ..RabbitMessage::of(queue) };
            let exact = ExactMessage::of(&message);
            let kept = [(EXACT_MESSAGE.to_owned(), exact.to_attribute())].into();
            prop_assert_eq!(ExactMessage::of_letter(&source(), &kept), Some(exact.clone()));
            let payload = BrokerRecord::RabbitMq(Box::new(message.clone())).body().into_owned();
            prop_assert_eq!(exact.body_of(&payload), message.body);
        }
    }

    #[test]
    fn a_queues_or_topics_letter_has_none_whatever_its_attributes_say_and_what_is_damaged_is_none() {
        let exact = ExactMessage::of(&RabbitMessage::of(RabbitQueue::parse("orders.dead")));
        let kept: Attributes = [(EXACT_MESSAGE.to_owned(), exact.to_attribute())].into();
        for other in ["arn:aws:sqs:us-east-1:1:orders", "kafka://shop/orders"] {
            assert_eq!(ExactMessage::of_letter(&QueueArn::new(other).unwrap(), &kept), None);
        }
        for damaged in ["", "{}", r#"{"properties":{},"headers":{"a":"x:"},"text":true}"#] {
            let kept = [(EXACT_MESSAGE.to_owned(), Attribute::text(damaged))].into();
            assert_eq!(ExactMessage::of_letter(&source(), &kept), None, "{damaged}");
        }
    }

    #[test]
    fn headers_as_deep_as_an_event_may_have_them_are_read_back() {
        let deep = (0..110).fold(AmqpValue::Int(1), |inner, _| AmqpValue::Array(vec![inner]));
        let headers = AmqpTable(vec![("deep".to_owned(), deep)]);
        let exact = ExactMessage { properties: RabbitProperties::default(), headers, is_text: true };
        let kept = [(EXACT_MESSAGE.to_owned(), exact.to_attribute())].into();
        assert_eq!(ExactMessage::of_letter(&source(), &kept), Some(exact));
    }
}
