//! Bodies that came through SNS or EventBridge: what the producer wrote stands inside what the service wrote.

use serde_json::Value;

/// What the bodies of a queue are wrapped in. Configured, never guessed: a producer's own body may look like anything.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Wrapping {
    /// The body is what the producer wrote (also for SNS with raw message delivery).
    #[default]
    None,
    /// SNS: the producer's text is the member `Message`, its attributes are `MessageAttributes`.
    Sns,
    /// EventBridge: what the producer wrote is the member `detail`.
    EventBridge,
}

/// A body, unwrapped.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Content {
    /// What the producer wrote.
    pub(crate) value: Value,
    /// What the service wrote around it.
    around: Option<Value>,
}

impl Content {
    /// A text attribute that the producer gave inside the wrapping.
    pub(crate) fn attribute(&self, name: &str) -> Option<&str> {
        self.around.as_ref()?.get("MessageAttributes")?.get(name)?.get("Value")?.as_str()
    }

    /// EventBridge's `detail-type`.
    pub(crate) fn detail_type(&self) -> Option<&str> {
        self.around.as_ref()?.get("detail-type")?.as_str()
    }
}

/// Why a body has no content: a SCHEMA fault's code and text, without anything that stood in the body.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unread {
    /// `not-json` or `wrapping`.
    pub code: &'static str,
    /// What is wrong, and where.
    pub text: String,
}

impl Wrapping {
    /// Reads the configured word.
    #[must_use]
    pub fn parse(word: &str) -> Option<Self> {
        match word {
            "none" => Some(Self::None),
            "sns" => Some(Self::Sns),
            "eventbridge" => Some(Self::EventBridge),
            _ => None,
        }
    }

    /// Takes the wrapping off.
    pub(crate) fn open(self, body: &str) -> Result<Content, Unread> {
        let mut outer = json(body, "body")?;
        match self {
            Self::None => Ok(Content { value: outer, around: None }),
            Self::Sns => {
                let Some(Value::String(message)) = outer.get_mut("Message").map(Value::take) else {
                    return Err(missing("an SNS notification with a text \"Message\""));
                };
                Ok(Content { value: json(&message, "SNS message")?, around: Some(outer) })
            }
            Self::EventBridge => match outer.get_mut("detail").map(Value::take) {
                Some(value) => Ok(Content { value, around: Some(outer) }),
                None => Err(missing("an EventBridge event with a \"detail\"")),
            },
        }
    }
}

fn json(text: &str, what: &str) -> Result<Value, Unread> {
    // The error's own text names a place, and never what stands there.
    serde_json::from_str(text)
        .map_err(|place| Unread { code: "not-json", text: format!("{what} is not JSON: {place}") })
}

fn missing(what: &str) -> Unread {
    Unread { code: "wrapping", text: format!("body is not {what}, as this queue's are configured to be") }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn each_wrapping_gives_what_the_producer_wrote() {
        let order = json!({"order_id": "o-1"});
        let sns = json!({"Type": "Notification", "MessageId": "x", "Message": order.to_string()});
        let bridge = json!({"version": "0", "detail-type": "OrderPlaced", "detail": order});
        for (wrapping, body) in [(Wrapping::None, &order), (Wrapping::Sns, &sns), (Wrapping::EventBridge, &bridge)] {
            assert_eq!(wrapping.open(&body.to_string()).unwrap().value, order, "{wrapping:?}");
        }
    }

    #[test]
    fn a_key_among_the_attributes_of_an_sns_message_is_found() {
        let attributes = json!({"idempotency-key": {"Type": "String", "Value": "k-1"}});
        let body = json!({"Message": "{}", "MessageAttributes": attributes}).to_string();
        assert_eq!(Wrapping::Sns.open(&body).unwrap().attribute("idempotency-key"), Some("k-1"));
    }

    #[test]
    fn a_body_without_its_wrapping_says_which_is_missing_and_quotes_nothing() {
        for (wrapping, body, code) in [
            (Wrapping::Sns, r#"{"SECRET":1}"#, "wrapping"),
            (Wrapping::Sns, r#"{"Message":7}"#, "wrapping"),
            (Wrapping::Sns, r#"{"Message":"SECRET"}"#, "not-json"),
            (Wrapping::EventBridge, r#"["SECRET"]"#, "wrapping"),
            (Wrapping::None, "SECRET", "not-json"),
        ] {
            let unread = wrapping.open(body).unwrap_err();
            assert_eq!(unread.code, code, "{body}");
            assert!(!unread.text.contains("SECRET"), "{}", unread.text);
        }
    }
}
