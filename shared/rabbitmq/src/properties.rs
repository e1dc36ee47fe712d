//! Properties and headers of a message, in the client's types.

use lapin::BasicProperties;
use lapin::types::{AMQPValue, FieldArray, FieldTable, ShortString};
use redrive_core::message::broker_record::{AmqpTable, AmqpValue, RabbitMessage};

use crate::broker::SHORT_STRING;

/// Delivery mode of a message that outlives a restart of its broker.
const PERSISTENT: u8 = 2;
/// Headers by which a broker sends a message to more queues, whoever publishes it.
const MORE_DESTINATIONS: [&str; 2] = ["CC", "BCC"];

/// Properties of a message as they are sent on, headers among them. What is left out stands in the documentation of this crate.
pub(crate) fn properties(message: &RabbitMessage) -> BasicProperties {
    let own = &message.properties;
    let mut properties =
        BasicProperties::default().with_delivery_mode(PERSISTENT).with_headers(headers(&message.headers));
    if let Some(priority) = own.priority {
        properties = properties.with_priority(priority);
    }
    type With = fn(BasicProperties, ShortString) -> BasicProperties;
    let texts: [(&Option<String>, With); 7] = [
        (&own.content_type, BasicProperties::with_content_type),
        (&own.content_encoding, BasicProperties::with_content_encoding),
        (&own.correlation_id, BasicProperties::with_correlation_id),
        (&own.reply_to, BasicProperties::with_reply_to),
        (&own.message_id, BasicProperties::with_message_id),
        (&own.kind, BasicProperties::with_type),
        (&own.app_id, BasicProperties::with_app_id),
    ];
    let set = |properties, (text, with): (&Option<String>, With)| match text {
        Some(text) => with(properties, short(text)),
        None => properties,
    };
    texts.into_iter().fold(properties, set)
}

fn headers(AmqpTable(headers): &AmqpTable) -> FieldTable {
    table(headers.iter().filter(|(name, _)| !MORE_DESTINATIONS.contains(&name.as_str())))
}

fn table<'a>(entries: impl Iterator<Item = &'a (String, AmqpValue)>) -> FieldTable {
    let mut table = FieldTable::default();
    for (name, own) in entries {
        table.insert(short(name), value(own));
    }
    table
}

fn value(own: &AmqpValue) -> AMQPValue {
    match own {
        AmqpValue::Null => AMQPValue::Void,
        AmqpValue::Bool(truth) => AMQPValue::Boolean(*truth),
        AmqpValue::Int(number) => AMQPValue::LongLongInt(*number),
        AmqpValue::Real(digits) => match digits.parse() {
            Ok(number) => AMQPValue::Double(number),
            Err(_) => AMQPValue::LongString(digits.as_str().into()),
        },
        AmqpValue::Bytes(bytes) => AMQPValue::LongString(bytes.as_slice().into()),
        AmqpValue::Array(members) => {
            AMQPValue::FieldArray(FieldArray::from(members.iter().map(value).collect::<Vec<_>>()))
        }
        AmqpValue::Table(AmqpTable(entries)) => AMQPValue::FieldTable(table(entries.iter())),
    }
}

/// Text as AMQP's short string, cut where it is too long for one: the client panics at that.
fn short(text: &str) -> ShortString {
    let end = text.floor_char_boundary(SHORT_STRING);
    ShortString::try_new(&text[..end]).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use redrive_core::message::broker_record::{RabbitProperties, RabbitQueue};

    use super::*;

    fn message() -> RabbitMessage {
        RabbitMessage::of(RabbitQueue::parse("orders::/"))
    }

    fn text(text: &str) -> Option<String> {
        Some(text.to_owned())
    }

    #[test]
    fn every_property_goes_along_but_a_time_to_live_a_user_and_a_time_that_is_a_text() {
        let own = RabbitProperties {
            content_type: text("application/json"),
            content_encoding: text("gzip"),
            delivery_mode: Some(1),
            priority: Some(7),
            correlation_id: text("c"),
            reply_to: text("answers"),
            expiration: text("300"),
            message_id: text("m-1"),
            timestamp: text("Nov 29, 2026, 12:54:24 PM"),
            kind: text("placed"),
            user_id: text("guest"),
            app_id: text("shop"),
        };
        let sent = properties(&RabbitMessage { properties: own, ..message() });
        let expected = BasicProperties::default()
            .with_content_type("application/json".into())
            .with_content_encoding("gzip".into())
            .with_headers(FieldTable::default())
            .with_delivery_mode(2)
            .with_priority(7)
            .with_correlation_id("c".into())
            .with_reply_to("answers".into())
            .with_message_id("m-1".into())
            .with_type("placed".into())
            .with_app_id("shop".into());
        assert_eq!(sent, expected);
    }

    #[test]
    fn headers_of_every_kind_are_exact_and_none_names_another_destination() {
        let nested = AmqpTable(vec![("CC".to_owned(), AmqpValue::Int(-1)), ("n".to_owned(), AmqpValue::Null)]);
        let queues = AmqpValue::Array(vec![AmqpValue::text("audit")]);
        let headers = [
            ("CC", queues.clone()),
            ("BCC", queues),
            ("b", AmqpValue::Bool(true)),
            ("s", AmqpValue::Bytes(vec![0xff, 0])),
            ("r", AmqpValue::Real("1.5".to_owned())),
            ("u", AmqpValue::Real("18446744073709551615".to_owned())),
            ("t", AmqpValue::Array(vec![AmqpValue::Table(nested)])),
        ];
        let headers = AmqpTable(headers.map(|(name, value)| (name.to_owned(), value)).to_vec());
        let sent = properties(&RabbitMessage { headers, ..message() });
        let sent = sent.headers().as_ref().unwrap().inner();
        let names: Vec<_> = sent.keys().map(ShortString::as_str).collect();
        assert_eq!(names, ["b", "r", "s", "t", "u"]);
        assert_eq!(sent["s"], AMQPValue::LongString(vec![0xff, 0].into()));
        assert_eq!(
            (&sent["r"], &sent["u"]),
            (&AMQPValue::Double(1.5), &AMQPValue::Double(18_446_744_073_709_551_615.0))
        );
        let mut nested = FieldTable::default();
        nested.insert("CC".into(), AMQPValue::LongLongInt(-1)).insert("n".into(), AMQPValue::Void);
        assert_eq!(sent["t"], AMQPValue::FieldArray(vec![AMQPValue::FieldTable(nested)].into()));
    }

    #[test]
    fn what_is_too_long_for_amqp_is_cut_between_two_characters() {
        let long = "\u{fffd}".repeat(255);
        let headers = AmqpTable(vec![(long.clone(), AmqpValue::Null)]);
        let own = RabbitProperties { kind: Some(long), ..RabbitProperties::default() };
        let sent = properties(&RabbitMessage { headers, properties: own, ..message() });
        let cut = "\u{fffd}".repeat(85);
        assert_eq!(sent.kind().as_ref().map(ShortString::as_str), Some(cut.as_str()));
        assert!(sent.headers().as_ref().unwrap().contains_key(&cut));
    }
}
