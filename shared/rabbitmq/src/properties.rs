//! Properties and headers of a message, in the client's types.

use lapin::BasicProperties;
use lapin::types::{AMQPValue, FieldArray, FieldTable, ShortString};
use redrive_core::message::broker_record::{AmqpTable, AmqpValue, RabbitMessage};

use crate::broker::SHORT_STRING;

/// Delivery mode of a message that outlives a restart of its broker.
const PERSISTENT: u8 = 2;
/// Headers by which a broker sends a message to more queues, whoever publishes it.
const MORE_DESTINATIONS: [&str; 2] = ["CC", "BCC"];

/// Bytes of a frame with properties beside texts and headers: the frame's own, class, weight, body size, flags, and the two small ones.
const FRAME: usize = 8 + 14 + 2;

/// Widths of numbers in headers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Widths {
    /// Numbers of 64 bits: what a reader expects who knows of none.
    Whole,
    /// Numbers as short as they can be. As the event tells no widths, whole ones may be larger than those that came.
    Least,
}

/// Properties of a message as they are sent on, headers among them. What is left out stands in the documentation of this crate.
///
/// They must fit into one frame: a broker closes the connection at a longer one. `None`: they do not, not even with shorter numbers.
pub(crate) fn properties(message: &RabbitMessage, frame_max: usize) -> Option<BasicProperties> {
    let own = &message.properties;
    let mut properties = BasicProperties::default().with_delivery_mode(PERSISTENT);
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
    let mut length = FRAME;
    for (text, with) in texts {
        let Some(text) = text else { continue };
        let text = short(text);
        length += 1 + text.as_str().len();
        properties = with(properties, text);
    }
    let headers = |widths| headers(&message.headers, widths);
    let fits = |headers: &FieldTable| length + table_length(headers) <= frame_max;
    let headers = [Widths::Whole, Widths::Least].into_iter().map(headers).find(fits)?;
    Some(properties.with_headers(headers))
}

fn headers(AmqpTable(headers): &AmqpTable, widths: Widths) -> FieldTable {
    table(headers.iter().filter(|(name, _)| !MORE_DESTINATIONS.contains(&name.as_str())), widths)
}

fn table<'a>(entries: impl Iterator<Item = &'a (String, AmqpValue)>, widths: Widths) -> FieldTable {
    let mut table = FieldTable::default();
    for (name, own) in entries {
        table.insert(short(name), value(own, widths));
    }
    table
}

fn value(own: &AmqpValue, widths: Widths) -> AMQPValue {
    match own {
        AmqpValue::Null => AMQPValue::Void,
        AmqpValue::Bool(truth) => AMQPValue::Boolean(*truth),
        AmqpValue::Int(number) if widths == Widths::Least => least(*number),
        AmqpValue::Int(number) => AMQPValue::LongLongInt(*number),
        AmqpValue::Real(digits) => match (digits.parse(), digits.parse::<f32>()) {
            (Ok(_), Ok(number)) if widths == Widths::Least && number.to_string() == *digits => AMQPValue::Float(number),
            (Ok(number), _) => AMQPValue::Double(number),
            (Err(_), _) => AMQPValue::LongString(digits.as_str().into()),
        },
        AmqpValue::Bytes(bytes) => AMQPValue::LongString(bytes.as_slice().into()),
        AmqpValue::Array(members) => {
            let members: Vec<_> = members.iter().map(|member| value(member, widths)).collect();
            AMQPValue::FieldArray(FieldArray::from(members))
        }
        AmqpValue::Table(AmqpTable(entries)) => AMQPValue::FieldTable(table(entries.iter(), widths)),
    }
}

/// Shortest number of AMQP with this value.
fn least(number: i64) -> AMQPValue {
    let unsigned = |number: i64| match (u8::try_from(number), u16::try_from(number), u32::try_from(number)) {
        (Ok(number), ..) => Some(AMQPValue::ShortShortUInt(number)),
        (_, Ok(number), _) => Some(AMQPValue::ShortUInt(number)),
        (.., Ok(number)) => Some(AMQPValue::LongUInt(number)),
        _ => None,
    };
    let signed = |number: i64| match (i8::try_from(number), i16::try_from(number), i32::try_from(number)) {
        (Ok(number), ..) => AMQPValue::ShortShortInt(number),
        (_, Ok(number), _) => AMQPValue::ShortInt(number),
        (.., Ok(number)) => AMQPValue::LongInt(number),
        _ => AMQPValue::LongLongInt(number),
    };
    unsigned(number).unwrap_or_else(|| signed(number))
}

/// Bytes of a table in a frame, its own length among them.
fn table_length(table: &FieldTable) -> usize {
    let entry = |(name, value): (&ShortString, &AMQPValue)| 1 + name.as_str().len() + value_length(value);
    4 + table.inner().iter().map(entry).sum::<usize>()
}

/// Bytes of a value in a frame, the letter of its type among them.
fn value_length(value: &AMQPValue) -> usize {
    1 + match value {
        AMQPValue::Void => 0,
        AMQPValue::Boolean(_) | AMQPValue::ShortShortInt(_) | AMQPValue::ShortShortUInt(_) => 1,
        AMQPValue::ShortInt(_) | AMQPValue::ShortUInt(_) => 2,
        AMQPValue::LongInt(_) | AMQPValue::LongUInt(_) | AMQPValue::Float(_) => 4,
        AMQPValue::LongString(text) => 4 + text.len(),
        AMQPValue::FieldArray(members) => 4 + members.as_slice().iter().map(value_length).sum::<usize>(),
        AMQPValue::FieldTable(table) => table_length(table),
        _ => 8,
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

    const FRAME_MAX: usize = 131_072;

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
        let sent = properties(&RabbitMessage { properties: own, ..message() }, FRAME_MAX).unwrap();
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
        let sent = properties(&RabbitMessage { headers, ..message() }, FRAME_MAX).unwrap();
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
        let sent = properties(&RabbitMessage { headers, properties: own, ..message() }, FRAME_MAX).unwrap();
        let cut = "\u{fffd}".repeat(85);
        assert_eq!(sent.kind().as_ref().map(ShortString::as_str), Some(cut.as_str()));
        assert!(sent.headers().as_ref().unwrap().contains_key(&cut));
    }

    #[test]
    fn where_whole_numbers_do_not_fit_into_a_frame_they_are_as_short_as_they_can_be_and_else_nothing_is_sent() {
        let own = [0, 255, 256, 65_535, 65_536, 1 << 40, -1, -128, -129, -40_000];
        let headers = AmqpTable(own.map(|number| (number.to_string(), AmqpValue::Int(number))).to_vec());
        let message = RabbitMessage { headers, ..message() };
        let whole = properties(&message, FRAME_MAX).unwrap().headers().clone().unwrap();
        let least = properties(&message, FRAME + table_length(&whole) - 1).unwrap().headers().clone().unwrap();
        assert!(whole.inner().values().all(|value| value.as_long_long_int().is_some()));
        let types = |numbers: &[i64]| {
            let of = |number: &i64| least.inner()[number.to_string().as_str()].get_type().get_id();
            numbers.iter().map(of).collect::<String>()
        };
        assert_eq!((types(&own[..6]).as_str(), types(&own[6..]).as_str()), ("BBuuil", "bbsI"));
        assert!(properties(&message, FRAME + table_length(&least)).is_some());
        assert!(properties(&message, FRAME + table_length(&least) - 1).is_none());
    }
}
