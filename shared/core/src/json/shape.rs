//! Shape of a content at first sight, without any of its values: enough to tell a test notice from an order.

use std::fmt;

use crate::json::Json;

/// The kind of a content that lacks what was looked for in it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Shape {
    /// The content is not JSON.
    Unreadable,
    /// The literal `null` of JSON.
    Null,
    /// The literal `true` or `false`.
    Bool,
    /// A number of any size.
    Number,
    /// A string of any length.
    Text,
    /// A string that itself contains JSON.
    EncodedTwice,
    /// An array of values.
    List,
    /// Envelope that SNS writes around a message.
    SnsNotification,
    /// Request of SNS to confirm a subscription.
    SnsConfirmation,
    /// Notice that S3 sends when notifications are set up.
    S3TestNotice,
    /// Notification of S3 about an object.
    S3Notification,
    /// Envelope that EventBridge writes around an event.
    EventBridgeEvent,
    /// An object of any other shape.
    Object,
}

/// List of every shape.
const ALL: [Shape; 13] = [
    Shape::Unreadable,
    Shape::Null,
    Shape::Bool,
    Shape::Number,
    Shape::Text,
    Shape::EncodedTwice,
    Shape::List,
    Shape::SnsNotification,
    Shape::SnsConfirmation,
    Shape::S3TestNotice,
    Shape::S3Notification,
    Shape::EventBridgeEvent,
    Shape::Object,
];

impl Shape {
    /// The shape of a content; `None` is one that is no JSON.
    #[must_use]
    pub fn of(content: Option<&Json>) -> Self {
        let Some(json) = content else { return Self::Unreadable };
        let text = |pointer: &str| json.pointer(pointer).and_then(Json::as_text);
        match json {
            Json::Null => Self::Null,
            Json::Bool(_) => Self::Bool,
            Json::Number(_) => Self::Number,
            Json::Text(_) if json.is_encoded_twice() => Self::EncodedTwice,
            Json::Text(_) => Self::Text,
            Json::Array(_) => Self::List,
            Json::Object(_) if text("/TopicArn").is_some() && text("/Message").is_some() => match text("/Type") {
                Some("Notification") => Self::SnsNotification,
                Some("SubscriptionConfirmation" | "UnsubscribeConfirmation") => Self::SnsConfirmation,
                _ => Self::Object,
            },
            Json::Object(_) if text("/Event") == Some("s3:TestEvent") => Self::S3TestNotice,
            Json::Object(_) if text("/Records/0/eventSource") == Some("aws:s3") => Self::S3Notification,
            Json::Object(_) if text("/detail-type").is_some() && json.get("detail").is_some() => Self::EventBridgeEvent,
            Json::Object(_) => Self::Object,
        }
    }

    /// The shape of these words.
    #[must_use]
    pub fn parse(words: &str) -> Option<Self> {
        ALL.into_iter().find(|shape| shape.as_str() == words)
    }

    /// The words for it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Unreadable => "no JSON",
            Self::Null => "null",
            Self::Bool => "true or false",
            Self::Number => "a number",
            Self::Text => "a text",
            Self::EncodedTwice => "a JSON string that contains JSON",
            Self::List => "a list",
            Self::SnsNotification => "an SNS notification",
            Self::SnsConfirmation => "an SNS confirmation",
            Self::S3TestNotice => "an S3 test notice",
            Self::S3Notification => "an S3 notification",
            Self::EventBridgeEvent => "an EventBridge event",
            Self::Object => "an object",
        }
    }
}

impl fmt::Display for Shape {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn notices_and_envelopes_of_services_are_told_from_a_producers_own_messages() {
        for (content, words) in [
            (r#"{"order_id":"o-1"}"#, "an object"),
            (r#"{"Service":"Amazon S3","Event":"s3:TestEvent","Bucket":"b"}"#, "an S3 test notice"),
            (r#"{"Records":[{"eventSource":"aws:s3","s3":{}}]}"#, "an S3 notification"),
            (r#"{"Type":"Notification","TopicArn":"t","Message":"{}"}"#, "an SNS notification"),
            (r#"{"Type":"SubscriptionConfirmation","TopicArn":"t","Message":"m"}"#, "an SNS confirmation"),
            (r#"{"detail-type":"x","detail":{}}"#, "an EventBridge event"),
            (r#""{\"order_id\":1}""#, "a JSON string that contains JSON"),
            ("[1]", "a list"),
        ] {
            assert_eq!(Shape::of(content.parse().ok().as_ref()).as_str(), words, "{content}");
        }
        assert!(ALL.into_iter().all(|shape| Shape::parse(shape.as_str()) == Some(shape)));
    }
}
