//! Failure that a dead message states by itself.
//!
//! Our own processor writes this into the ledger. Others write it on the message that they put into the dead-letter
//! queue: a consumer in any language by [`ATTRIBUTE`], and AWS's services by attributes of their own.
//!
//! Only a message that was *sent* to the dead-letter queue can say something. One that SQS's redrive policy moved
//! there carries what its producer wrote, or what was written at an earlier death: nobody could touch it since. What
//! is said is a reason to show and to group by, and nothing else: it lets nothing be replayed that would not be
//! replayed without it.

mod claim_check;
mod members;
mod record;
mod task;

use std::collections::BTreeMap;

use serde::Deserialize;
use serde::de::IgnoredAny;
use serde_json::Value;

use crate::error_type::ErrorType;
use crate::fault::CODE_LIMIT;
use crate::message::envelope::{Attributes, Envelope};
use crate::text::capped;

pub use claim_check::ClaimCheck;
pub use record::ServiceRecord;
pub use task::{Layer, Task, layers};

/// The message attribute (data type `String`) by which a consumer in any language says why it gave a message up. It
/// sends the message to the dead-letter queue itself, with all its attributes and this one, and deletes it then.
///
/// The value is a JSON object, every member of which may be missing:
/// `{"type": "PERMANENT", "code": "currency", "message": "CHF is not supported", "attempts": 3}`.
///
/// - `type`: `TRANSIENT`, `PERMANENT`, `TIMEOUT` or `SCHEMA`; anything else is UNKNOWN.
/// - `code`: a stable name, which is the cause; at most 48 of letters, digits, `-`, `_`, `.`, `:`, or it is left out.
/// - `message`: for a person; the first 256 bytes are kept.
/// - `attempts`: how often it was tried.
///
/// A value that is no JSON object is the message.
pub const ATTRIBUTE: &str = "redrive-reason";

/// Number of bytes of a text that are masked before it is cut to what is kept. Lambda and EventBridge write no more.
const READ: usize = 1_024;
/// A longer value of our attribute is not read as JSON.
const JSON_LIMIT: usize = 16 * 1_024;
/// The most attempts that are believed.
const ATTEMPTS_LIMIT: u64 = 1_000_000;

/// Author of the statement about a failure.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ReasonSource {
    /// A consumer, by [`ATTRIBUTE`].
    Consumer,
    /// An EventBridge rule or schedule that could not reach its target.
    EventBridge,
    /// Lambda, of an asynchronous invocation.
    Lambda,
    /// We, of a batch that Lambda or EventBridge Pipes gave up: the record says only where it stands.
    Batch,
    /// SNS, which could not deliver a notification to a subscriber. It does not say why.
    Sns,
    /// Headers of a record in a dead letter topic, whoever wrote them.
    DeadRecord,
    /// We, of a record in a dead letter topic that does not say why it is there.
    Unstated,
}

/// Statement of a dead message about its failure.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StatedReason {
    /// Author of the statement.
    pub by: ReasonSource,
    /// Kind of failure; UNKNOWN if nothing tells.
    pub error_type: ErrorType,
    /// A stable name, if there is one.
    pub code: Option<String>,
    /// Text for a person; at most 1 KB until it is a letter's reason.
    pub text: String,
    /// Number of attempts; 0 if nothing tells.
    pub attempts: u32,
}

impl StatedReason {
    /// Reads a dead message, and the record that it is, for a reason. Never fails: a thing that cannot be understood was not
    /// said.
    #[must_use]
    pub fn of(dead: &Envelope, record: Option<&ServiceRecord>) -> Option<Self> {
        if dead.moved_from.is_some() {
            return None;
        }
        let texts = Texts(&dead.attributes);
        by_consumer(&texts)
            .or_else(|| by_event_bridge(&texts))
            .or_else(|| by_lambda(&texts))
            .or_else(|| record.map(|record| record.reason.clone()))
            .or_else(|| by_sns(&dead.body))
    }

    /// True of a text that is ours alone, and has nothing of a body.
    #[must_use]
    pub const fn in_our_words(&self) -> bool {
        matches!(self.by, ReasonSource::Sns | ReasonSource::Batch | ReasonSource::Unstated)
    }
}

struct Texts<'a>(&'a Attributes);

impl<'a> Texts<'a> {
    fn get(&self, name: &str) -> Option<&'a str> {
        self.0.get(name).and_then(|attribute| attribute.as_text()).map(str::trim)
    }
}

fn by_consumer(texts: &Texts<'_>) -> Option<StatedReason> {
    let text = texts.get(ATTRIBUTE)?;
    let members = if text.len() <= JSON_LIMIT { serde_json::from_str(text).ok() } else { None };
    let reason = members.map_or_else(
        || StatedReason { text: capped(text, READ), ..StatedReason::nothing(ReasonSource::Consumer) },
        |members: BTreeMap<String, Value>| {
            let word = |name: &str| members.get(name).and_then(Value::as_str).map(str::trim).unwrap_or_default();
            StatedReason {
                by: ReasonSource::Consumer,
                error_type: class(word("type")),
                code: code(word("code")),
                text: capped(word("message"), READ),
                attempts: members.get("attempts").map_or(0, attempts),
            }
        },
    );
    (reason != StatedReason::nothing(ReasonSource::Consumer)).then_some(reason)
}

impl StatedReason {
    const fn nothing(by: ReasonSource) -> Self {
        Self { by, error_type: ErrorType::Unknown, code: None, text: String::new(), attempts: 0 }
    }
}

fn class(word: &str) -> ErrorType {
    let classes = [ErrorType::Transient, ErrorType::Permanent, ErrorType::Timeout, ErrorType::Schema];
    classes.into_iter().find(|class| class.as_str().eq_ignore_ascii_case(word)).unwrap_or(ErrorType::Unknown)
}

/// A code is a part of a cause's name: what is no stable name is none.
pub(crate) fn code(word: &str) -> Option<String> {
    let stable = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.' | ':');
    ((1..=CODE_LIMIT).contains(&word.len()) && word.chars().all(stable)).then(|| word.to_owned())
}

fn attempts(value: &Value) -> u32 {
    let count = value.as_u64().or_else(|| value.as_str()?.trim().parse().ok()).unwrap_or_default();
    u32::try_from(count.min(ATTEMPTS_LIMIT)).unwrap_or_default()
}

/// Reads the attributes that EventBridge sets on an event that it could not deliver (User Guide, "Using dead-letter
/// queues to process undelivered events"). Its Scheduler writes `SCHEDULE_ARN` in the place of `RULE_ARN`.
fn by_event_bridge(texts: &Texts<'_>) -> Option<StatedReason> {
    texts.get("RULE_ARN").or_else(|| texts.get("SCHEDULE_ARN")).filter(|arn| arn.starts_with("arn:"))?;
    texts.get("TARGET_ARN").filter(|arn| arn.starts_with("arn:"))?;
    let name = texts.get("ERROR_CODE")?;
    let text = texts.get("ERROR_MESSAGE").filter(|text| !text.is_empty()).unwrap_or("the target could not be reached");
    let text = match texts.get("EXHAUSTED_RETRY_CONDITION").and_then(code) {
        Some(condition) => format!("{} (given up by {condition})", capped(text, READ)),
        None => capped(text, READ),
    };
    // One delivery, and its retries.
    let retries = texts.get("RETRY_ATTEMPTS").and_then(|count| count.parse::<u64>().ok());
    let attempts = retries.map_or(0, |retries| u32::try_from(retries.min(ATTEMPTS_LIMIT)).map_or(0, |count| count + 1));
    Some(StatedReason {
        by: ReasonSource::EventBridge,
        error_type: class_of_delivery(name),
        code: code(name),
        text,
        attempts,
    })
}

/// Returns the kind of failure for EventBridge's error codes that may pass by themselves. `ERROR_FROM_TARGET`,
/// `SDK_CLIENT_ERROR` and undocumented codes do not tell.
fn class_of_delivery(code: &str) -> ErrorType {
    match code {
        "THROTTLING"
        | "CONNECTION_FAILURE"
        | "INTERNAL_ERROR"
        | "TRANSIENT_ASSUME_ROLE"
        | "RESOURCE_LIMIT_EXCEEDED"
        | "RESOURCE_MODIFICATION_COLLISION" => ErrorType::Transient,
        "TIMEOUT" => ErrorType::Timeout,
        "NO_PERMISSIONS"
        | "NO_RESOURCE"
        | "INVALID_JSON"
        | "INVALID_PARAMETER"
        | "FAILED_TO_ASSUME_ROLE"
        | "RESOURCE_ALREADY_EXISTS"
        | "THIRD_ACCOUNT_HOP_DETECTED"
        | "THIRD_REGION_HOP_DETECTED" => ErrorType::Permanent,
        _ => ErrorType::Unknown,
    }
}

/// Reads the attributes that Lambda sets on an event that it gave up (Developer Guide, "Dead-letter queues"): the
/// request's id, the HTTP status (200: the function itself failed) and the first 1 KB of the error's message. The
/// number of attempts is not among them. Some of SNS's emulators write the same three, with an error's name as code.
fn by_lambda(texts: &Texts<'_>) -> Option<StatedReason> {
    let (_, status, text) = (texts.get("RequestID")?, texts.get("ErrorCode")?, texts.get("ErrorMessage")?);
    let reason = StatedReason { text: capped(text, READ), ..StatedReason::nothing(ReasonSource::Lambda) };
    Some(match status.parse::<u16>() {
        Ok(200) if text.contains("Task timed out after") => {
            StatedReason { error_type: ErrorType::Timeout, code: Some("function-timeout".to_owned()), ..reason }
        }
        // Every error of every function has this status: the text tells the causes apart.
        Ok(200) => reason,
        Ok(429 | 500..=599) => {
            StatedReason { error_type: ErrorType::Transient, code: Some(format!("http-{status}")), ..reason }
        }
        Ok(_) => StatedReason { code: Some(format!("http-{status}")), ..reason },
        Err(_) => StatedReason { code: code(status), ..reason },
    })
}

/// Envelope in which SNS wraps a message. With raw delivery nothing tells its dead messages from others.
#[derive(Deserialize)]
struct Notification<'a> {
    #[serde(rename = "Type", borrow)]
    kind: std::borrow::Cow<'a, str>,
    #[serde(rename = "TopicArn", borrow)]
    topic: std::borrow::Cow<'a, str>,
    #[serde(rename = "MessageId")]
    _id: IgnoredAny,
    #[serde(rename = "Message")]
    _message: IgnoredAny,
}

/// SNS adds nothing to what it could not deliver: the notification itself stands in its dead-letter queue (observed on
/// AWS: localstack/localstack pull 6640). That it was sent there, and not moved, is all that there is to know.
fn by_sns(body: &str) -> Option<StatedReason> {
    if !body.contains("\"TopicArn\"") {
        return None;
    }
    let notification: Notification<'_> = serde_json::from_str(body).ok()?;
    if notification.kind != "Notification" || !notification.topic.starts_with("arn:") {
        return None;
    }
    let text = format!("not delivered to a subscriber of {}; SNS does not say why", capped(&notification.topic, 150));
    Some(StatedReason { text, code: Some("sns-undelivered".to_owned()), ..StatedReason::nothing(ReasonSource::Sns) })
}

#[cfg(test)]
mod tests;
