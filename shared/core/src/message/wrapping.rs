//! Bodies that came through SNS or EventBridge: what the producer wrote stands inside what the service wrote.

use std::borrow::Cow;
use std::ops::Range;

use crate::json::{Document, Json, NotJson, Twice, member, quote};

/// Envelope in which a queue's bodies are wrapped. Configured, never guessed: a producer's own body may look like
/// anything.
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

/// Content of a body, unwrapped.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Content<'a> {
    /// Value that the producer wrote.
    pub(crate) value: Json,
    /// Text of the value. Where a name stands twice, only its last value stands in this text.
    pub(crate) text: Cow<'a, str>,
    /// Envelope that the service wrote around it.
    around: Option<Json>,
    /// Place at which a name stands a second time, if one does: in what the producer wrote, or around it.
    pub(crate) twice: Option<Twice>,
}

impl Content<'_> {
    /// A text attribute that the producer gave inside the wrapping.
    pub(crate) fn attribute(&self, name: &str) -> Option<&str> {
        self.around.as_ref()?.get("MessageAttributes")?.get(name)?.get("Value")?.as_text()
    }

    /// Returns the `detail-type` of an EventBridge event.
    pub(crate) fn detail_type(&self) -> Option<&str> {
        self.around.as_ref()?.get("detail-type")?.as_text()
    }
}

/// Reason for which a body has no content: code and text of a SCHEMA fault, without anything that stood in the body.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UnreadableBody {
    /// `not-json`, `wrapping`, or what it is in particular: `byte-order-mark`, `nested-too-deep`, `lone-surrogate`.
    pub code: &'static str,
    /// Description of the mistake and its place.
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

    /// Returns what the producer wrote, written anew: without white space, the members of an object by their names,
    /// each number with its digits. `None` if it cannot be read.
    #[must_use]
    pub fn written_anew(self, body: &str) -> Option<String> {
        self.content(body).ok().map(|content| content.document.json.to_string())
    }

    /// Returns true for an SNS message with a signature: one that fits its content only as SNS sent it.
    #[must_use]
    pub fn is_signed(self, body: &str) -> bool {
        self == Self::Sns && member(body, "Signature").is_some()
    }

    /// Returns what the producer wrote, with its place in a wrapped body. In an SNS message that is the place of the
    /// string.
    pub(crate) fn content(self, body: &str) -> Result<Placed, UnreadableBody> {
        let outer = json(body, "body")?;
        let place = match self {
            Self::None => return Ok(Placed { document: outer, place: None }),
            Self::Sns => member(body, "Message"),
            Self::EventBridge => member(body, "detail"),
        };
        let text = match self {
            Self::Sns => outer.json.get("Message").and_then(Json::as_text),
            _ => place.clone().and_then(|place| body.get(place)),
        };
        match (self, text) {
            (Self::Sns, Some(text)) => Ok(Placed { document: json(text, "SNS message")?, place }),
            (Self::Sns, None) => Err(missing("an SNS notification with a text \"Message\"")),
            (_, Some(text)) => Ok(Placed { document: json(text, "detail")?, place }),
            (_, None) => Err(missing("an EventBridge event with a \"detail\"")),
        }
    }

    /// The body with another content at its place. Everything around it stays as it is, to the byte: also the signature of an
    /// SNS message, which is of the former content.
    pub(crate) fn wrap_again(self, body: &str, content: String, place: Option<Range<usize>>) -> String {
        let Some((before, after)) = place.and_then(|place| Some((body.get(..place.start)?, body.get(place.end..)?)))
        else {
            return content;
        };
        let mut all = before.to_owned();
        match self {
            Self::Sns => quote(&content, &mut all),
            Self::None | Self::EventBridge => all.push_str(&content),
        }
        all.push_str(after);
        all
    }

    /// Takes the wrapping off.
    pub(crate) fn open(self, body: &str) -> Result<Content<'_>, UnreadableBody> {
        let outer = json(body, "body")?;
        match self {
            Self::None => Ok(Content::new(outer, Cow::Borrowed(body), None)),
            Self::Sns => {
                let Some(message) = outer.json.get("Message").and_then(Json::as_text).map(str::to_owned) else {
                    return Err(missing("an SNS notification with a text \"Message\""));
                };
                Ok(Content::new(json(&message, "SNS message")?, Cow::Owned(message), Some(outer)))
            }
            Self::EventBridge => match outer.json.get("detail") {
                Some(detail) => {
                    let detail = Document { json: detail.clone(), twice: None };
                    let text = Cow::Owned(detail.json.to_string());
                    Ok(Content::new(detail, text, Some(outer)))
                }
                None => Err(missing("an EventBridge event with a \"detail\"")),
            },
        }
    }
}

/// Content with its place in the body.
pub(crate) struct Placed {
    pub(crate) document: Document,
    /// `None`: it is the whole body.
    pub(crate) place: Option<Range<usize>>,
}

impl<'a> Content<'a> {
    fn new(inner: Document, text: Cow<'a, str>, around: Option<Document>) -> Self {
        // A reader that minds a name twice would refuse what was let through.
        let text = if inner.twice.is_some() { Cow::Owned(inner.json.to_string()) } else { text };
        let (around, outer) = around.map_or((None, None), |around| (Some(around.json), around.twice));
        Self { value: inner.json, text, around, twice: inner.twice.or(outer) }
    }
}

fn json(text: &str, what: &str) -> Result<Document, UnreadableBody> {
    text.parse().map_err(|why: NotJson| UnreadableBody { code: why.code(), text: format!("{what} {why}") })
}

fn missing(what: &str) -> UnreadableBody {
    UnreadableBody { code: "wrapping", text: format!("body is not {what}, as this queue's are configured to be") }
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
            assert_eq!(wrapping.open(&body.to_string()).unwrap().value.to_string(), order.to_string(), "{wrapping:?}");
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
