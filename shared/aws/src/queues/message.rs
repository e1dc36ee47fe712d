//! Messages between SQS's types and core's.

use std::collections::HashMap;

use aws_sdk_sqs::error::BuildError;
use aws_sdk_sqs::primitives::Blob;
use aws_sdk_sqs::types::{Message, MessageAttributeValue};
use redrive_core::message::envelope::{Attribute, AttributeValue, Attributes, Record};

/// A received message, as it came.
pub(super) fn to_record(message: Message) -> Record {
    let system = message.attributes.unwrap_or_default();
    let attributes = message.message_attributes.unwrap_or_default();
    Record {
        message_id: message.message_id,
        receipt_handle: message.receipt_handle,
        body: message.body,
        system: system.into_iter().map(|(name, value)| (name.as_str().to_owned(), value)).collect(),
        attributes: attributes.into_iter().map(|(name, value)| (name, from_sqs(value))).collect(),
    }
}

fn from_sqs(attribute: MessageAttributeValue) -> Attribute {
    let value = match attribute.binary_value {
        Some(bytes) => AttributeValue::Binary(bytes.into_inner()),
        None => AttributeValue::Text(attribute.string_value.unwrap_or_default()),
    };
    Attribute { data_type: attribute.data_type, value }
}

/// Message attributes to be sent.
pub(super) fn to_sqs(attributes: Attributes) -> Result<HashMap<String, MessageAttributeValue>, BuildError> {
    let one = |(name, Attribute { data_type, value })| {
        let built = MessageAttributeValue::builder().data_type(data_type);
        let built = match value {
            AttributeValue::Text(text) => built.string_value(text),
            AttributeValue::Binary(bytes) => built.binary_value(Blob::new(bytes)),
        };
        Ok((name, built.build()?))
    };
    attributes.into_iter().map(one).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use aws_sdk_sqs::types::MessageSystemAttributeName;

    #[test]
    fn a_received_message_keeps_its_ids_body_and_system_attributes() {
        let message = Message::builder()
            .message_id("m")
            .receipt_handle("h")
            .body("b")
            .attributes(MessageSystemAttributeName::SentTimestamp, "17")
            .attributes(MessageSystemAttributeName::ApproximateReceiveCount, "2")
            .build();
        let record = to_record(message);
        assert_eq!((record.message_id.as_deref(), record.receipt_handle.as_deref()), (Some("m"), Some("h")));
        assert_eq!((record.system["SentTimestamp"].as_str(), record.body.as_deref()), ("17", Some("b")));
    }

    #[test]
    fn attributes_of_every_type_survive_a_round_trip() {
        let binary = |data_type: &str, bytes: &[u8]| Attribute {
            data_type: data_type.to_owned(),
            value: AttributeValue::Binary(bytes.to_vec()),
        };
        let number = Attribute { data_type: "Number.int".to_owned(), ..Attribute::text("7") };
        let before: Attributes = [
            ("text".to_owned(), Attribute::text("ünïcode 🚚")),
            ("number".to_owned(), number),
            ("png".to_owned(), binary("Binary.png", &[0, 255, 128])),
            ("empty".to_owned(), binary("Binary", &[])),
        ]
        .into();
        let sent = to_sqs(before.clone()).unwrap();
        let received = Message::builder().set_message_attributes(Some(sent)).build();
        assert_eq!(to_record(received).attributes, before);
    }
}
