//! A batch of RabbitMQ messages as Lambda's event source mapping of Amazon MQ sends it.
//!
//! Read by hand and tolerantly: a real event has `"priority": null`, which a type refused
//! (<https://github.com/aws/aws-lambda-dotnet/issues/1562>), and with it the whole batch, for ever.
//!
//! The headers are the Java client's objects as JSON: bytes are `{"bytes": [...]}`, numbers are numbers, and times are texts
//! in the poller's locale. Text is read as well as bytes, since no real `x-death` was seen in an event.

use base64::Engine;
use base64::engine::general_purpose::STANDARD as BASE64;
use redrive_core::message::broker_record::{AmqpTable, AmqpValue, RabbitMessage, RabbitProperties, RabbitQueue};
use serde_json::{Map, Value};
use thiserror::Error;

use crate::kafka_event::byte;

/// The event is no batch of this function's queue. The invocation fails, and the messages go back to their queue.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum NotARabbitBatch {
    /// The event has no lists of messages.
    #[error(
        "event is not understood: it has no object \"rmqMessagesByQueue\"; expected an Amazon MQ event for RabbitMQ, as \
         Lambda's event source mapping sends it"
    )]
    NoMessages,
    /// The messages are another queue's. What the event says is not quoted.
    #[error("message {0} is of a queue that is not configured: see the function's event source mappings")]
    OtherQueue(usize),
}

/// The messages of an event, in their order. `queue`: the one that the function takes.
///
/// # Errors
/// [`NotARabbitBatch`].
pub fn rabbit_messages(mut event: Value, queue: &RabbitQueue) -> Result<Vec<RabbitMessage>, NotARabbitBatch> {
    let Some(Value::Object(queues)) = event.get_mut("rmqMessagesByQueue").map(Value::take) else {
        return Err(NotARabbitBatch::NoMessages);
    };
    let mut messages = Vec::new();
    for (name, list) in queues {
        let Value::Array(list) = list else { return Err(NotARabbitBatch::NoMessages) };
        if !list.is_empty() && RabbitQueue::parse(&name) != *queue {
            return Err(NotARabbitBatch::OtherQueue(messages.len()));
        }
        messages.extend(list.into_iter().map(|value| message(value, queue)));
    }
    Ok(messages)
}

/// Reads one message, whatever it is: one that is no object at all is its own body, and malformed.
fn message(value: Value, queue: &RabbitQueue) -> RabbitMessage {
    let Value::Object(mut fields) = value else {
        let flaw = Some("message of the event is no object");
        return RabbitMessage { body: value.to_string().into_bytes(), flaw, ..RabbitMessage::of(queue.clone()) };
    };
    let mut flaw = None;
    let body = match fields.remove("data") {
        None | Some(Value::Null) => Vec::new(),
        Some(Value::String(text)) => BASE64.decode(&text).unwrap_or_else(|_| {
            flaw = Some("data of the event's message is no base64");
            text.into_bytes()
        }),
        Some(other) => {
            flaw = Some("data of the event's message is no text");
            other.to_string().into_bytes()
        }
    };
    let mut properties = object(fields.remove("basicProperties"));
    let headers = table(object(properties.remove("headers")));
    RabbitMessage {
        queue: queue.clone(),
        properties: read_properties(&properties),
        headers,
        redelivered: fields.get("redelivered").and_then(Value::as_bool).unwrap_or_default(),
        body,
        needs_id: false,
        flaw,
    }
}

/// Properties as far as they can be read. None of them decides what a message means but its id, and an id that is no text is none.
fn read_properties(fields: &Map<String, Value>) -> RabbitProperties {
    let text = |name: &str| fields.get(name).and_then(Value::as_str).map(str::to_owned);
    let small = |name: &str| fields.get(name).and_then(Value::as_u64).and_then(|number| u8::try_from(number).ok());
    RabbitProperties {
        content_type: text("contentType"),
        content_encoding: text("contentEncoding"),
        delivery_mode: small("deliveryMode"),
        priority: small("priority"),
        correlation_id: text("correlationId"),
        reply_to: text("replyTo"),
        expiration: text("expiration"),
        message_id: text("messageId").filter(|id| !id.is_empty()),
        timestamp: text("timestamp"),
        kind: text("type"),
        user_id: text("userId"),
        app_id: text("appId"),
    }
}

fn object(value: Option<Value>) -> Map<String, Value> {
    match value {
        Some(Value::Object(map)) => map,
        _ => Map::new(),
    }
}

fn table(map: Map<String, Value>) -> AmqpTable {
    AmqpTable(map.into_iter().map(|(name, value)| (name, amqp(value))).collect())
}

/// A value of a table. JSON's own reader limits how deep they are.
fn amqp(value: Value) -> AmqpValue {
    match value {
        Value::Null => AmqpValue::Null,
        Value::Bool(truth) => AmqpValue::Bool(truth),
        Value::Number(number) => number.as_i64().map_or_else(|| AmqpValue::Real(number.to_string()), AmqpValue::Int),
        Value::String(text) => AmqpValue::Bytes(text.into_bytes()),
        Value::Array(members) => AmqpValue::Array(members.into_iter().map(amqp).collect()),
        Value::Object(map) => long_string(&map).map_or_else(|| AmqpValue::Table(table(map)), AmqpValue::Bytes),
    }
}

/// Bytes of the Java client's `LongString`.
fn long_string(map: &Map<String, Value>) -> Option<Vec<u8>> {
    let bytes = map.get("bytes").filter(|_| map.len() == 1)?.as_array()?;
    bytes.iter().map(byte).collect()
}

#[cfg(test)]
mod tests {
    use redrive_core::letters::stated_death::x_death;
    use serde_json::json;

    use super::*;

    fn queue() -> RabbitQueue {
        RabbitQueue::parse("orders::/")
    }

    fn read(messages: Value) -> Vec<RabbitMessage> {
        rabbit_messages(json!({"eventSource": "aws:rmq", "rmqMessagesByQueue": {"orders::/": messages}}), &queue())
            .unwrap()
    }

    #[test]
    fn an_event_without_lists_of_messages_is_an_error_and_one_of_another_queue_is_refused() {
        for event in [
            json!(null),
            json!({}),
            json!({"rmqMessagesByQueue": null}),
            json!({"rmqMessagesByQueue": {"orders::/": 1}}),
        ] {
            let error = rabbit_messages(event.clone(), &queue()).unwrap_err();
            assert!(error.to_string().contains("expected an Amazon MQ event"), "{event}: {error}");
        }
        for name in ["SECRET::/", "orders::SECRET"] {
            let error = rabbit_messages(json!({"rmqMessagesByQueue": {name: [{}]}}), &queue()).unwrap_err();
            assert_eq!(error, NotARabbitBatch::OtherQueue(0));
            assert!(!error.to_string().contains("SECRET"));
        }
        assert_eq!(rabbit_messages(json!({"rmqMessagesByQueue": {}}), &queue()), Ok(vec![]));
    }

    #[test]
    fn a_message_with_nulls_for_everything_is_a_message() {
        let nulls = json!({"basicProperties": {"priority": null, "headers": null, "messageId": null, "deliveryMode": null},
            "redelivered": null, "data": null});
        for odd in [nulls, json!({}), json!({"basicProperties": null, "data": ""})] {
            assert_eq!(read(json!([odd]))[0], RabbitMessage::of(queue()));
        }
    }

    #[test]
    fn bytes_texts_numbers_and_tables_of_headers_are_read_in_both_forms() {
        let bytes = |text: &str| json!({"bytes": text.bytes().collect::<Vec<_>>()});
        let plain = |text: &str| json!(text);
        for write in [&bytes as &dyn Fn(&str) -> Value, &plain] {
            let death = json!({"count": 2, "reason": write("rejected"), "queue": write("orders"), "exchange": write(""),
                "routing-keys": [write("placed")], "time": "Nov 29, 2026, 12:54:24 PM"});
            let headers =
                json!({"x-death": [death], "n": 7, "t": true, "v": null, "f": 1.5, "nested": {"bytes": [1], "x": 2}});
            let message = read(
                json!([{"basicProperties": {"headers": headers, "messageId": "m-1", "priority": 34}, "data": "e30="}]),
            )
            .remove(0);
            let read = x_death(&message.headers).unwrap();
            assert_eq!((read.count, read.routing_keys.as_slice()), (2, &["placed".to_owned()][..]));
            assert_eq!((read.queue.as_deref(), read.exchange.as_deref()), (Some("orders"), Some("")));
            assert_eq!(message.headers.get("nested").and_then(|table| table.get("x")), Some(&AmqpValue::Int(2)));
            assert_eq!(
                (message.headers.get("f"), message.body.as_slice()),
                (Some(&AmqpValue::Real("1.5".to_owned())), &b"{}"[..])
            );
            assert_eq!(
                (message.properties.message_id.as_deref(), message.properties.priority),
                (Some("m-1"), Some(34))
            );
        }
    }

    #[test]
    fn header_bytes_are_read_signed_or_not_and_a_list_that_is_none_of_bytes_is_a_table() {
        let headers = json!({"s": {"bytes": [-1]}, "u": {"bytes": [255]}, "no": {"bytes": [256]}});
        let message = read(json!([{"basicProperties": {"headers": headers}}])).remove(0);
        let bytes = Some(&AmqpValue::Bytes(vec![0xff]));
        assert_eq!((message.headers.get("s"), message.headers.get("u")), (bytes, bytes));
        assert!(matches!(message.headers.get("no"), Some(AmqpValue::Table(_))));
    }

    #[test]
    fn what_cannot_be_read_is_the_messages_flaw_and_leaves_the_others_alone() {
        let read = read(json!([{"data": "!"}, 7, {"data": {"a": 1}}, {"data": "e30="}]));
        let seen: Vec<_> = read.iter().map(|message| (message.flaw.is_some(), message.body.as_slice())).collect();
        assert_eq!(seen, [(true, &b"!"[..]), (true, b"7"), (true, b"{\"a\":1}"), (false, b"{}")]);
    }
}
