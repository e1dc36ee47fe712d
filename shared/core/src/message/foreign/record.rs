//! Records that AWS's services write around a message, or in its place.
//!
//! | who | what stands in the record | source |
//! |---|---|---|
//! | Lambda's on-failure destination | the event of an asynchronous invocation (`requestPayload`), and the function's answer | Developer Guide, "Capturing records of Lambda asynchronous invocations" |
//! | Lambda's mappings of streams and Kafka | where the batch stands (`KinesisBatchInfo`, ...), and not the batch | "Retaining discarded batches", "Capturing discarded batches" |
//! | EventBridge Pipes | the same | seen on AWS: `context.partnerResourceArn`, `context.condition` |
//! | EventBridge Scheduler | the request of SQS that failed, around the message; or another service's request | Scheduler User Guide, "Configuring a dead-letter queue" |
//!
//! SNS and EventBridge as destinations put one more envelope around Lambda's record.

use serde::Deserialize;

use super::members::Members;
use super::{READ, ReasonSource, StatedReason, Texts, attempts, code};
use crate::error_type::ErrorType;
use crate::message::envelope::Envelope;
use crate::message::redrive;
use crate::text::capped;

/// EventBridge's name of Lambda's records.
const RESULT: &str = "Lambda Function Invocation Result";
/// The longest name of anything that is quoted from a record.
const NAME_LIMIT: usize = 256;

/// A record of a service's, read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ServiceRecord {
    /// The reason that it gives.
    pub reason: StatedReason,
    /// The rest of it: function, request and version, and nothing of a body.
    pub note: String,
    /// The message in it, byte by byte as it stands there; none if the record only says where something stands.
    pub message: Option<String>,
}

impl ServiceRecord {
    /// The record that a dead message is, if it is one and was sent to the dead-letter queue as such: in a message that was
    /// moved there, or that our processor handed over, a record is what the queue's own consumer is to work on.
    #[must_use]
    pub fn of(dead: &Envelope) -> Option<Self> {
        if dead.moved_from.is_some() || dead.attributes.contains_key(redrive::ATTRIBUTE) {
            return None;
        }
        by_scheduler(dead).or_else(|| by_condition(&dead.body))
    }
}

/// Scheduler's dead letters. Where the target is SQS, the message stands in the request that failed.
fn by_scheduler(dead: &Envelope) -> Option<ServiceRecord> {
    let texts = Texts(&dead.attributes);
    let (schedule, target) = (texts.get("SCHEDULE_ARN")?, texts.get("TARGET_ARN")?);
    let reason = super::by_event_bridge(&texts)?;
    let note = format!("written by EventBridge Scheduler: {}", name(schedule));
    if texts.get("IS_PAYLOAD_TRUNCATED").is_some_and(|text| text.eq_ignore_ascii_case("true")) {
        let note = format!("{note}; it cut the message short");
        return Some(ServiceRecord { reason, note, message: None });
    }
    let action = target.split_once(":::aws-sdk:").map(|(_, action)| action);
    let members = Members::of(&dead.body);
    let request = members.as_ref().filter(|members| members.names().any(|name| name == "QueueUrl"));
    match (action, request.and_then(|members| Some((members, members.read::<String>("MessageBody")?)))) {
        // Attributes, a group or a delay in the request would be lost.
        (None | Some("sqs:sendMessage"), Some((members, body))) if members.names().count() == 2 => {
            Some(ServiceRecord { reason, note, message: Some(body) })
        }
        (Some(action), _) => {
            let note = format!("{note}; the body is a request of {}", name(action));
            Some(ServiceRecord { reason, note, message: None })
        }
        (None, _) => None,
    }
}

/// Lambda's records and those of Pipes: what both have is a condition.
fn by_condition(body: &str) -> Option<ServiceRecord> {
    if !body.contains("condition") {
        return None;
    }
    let outer = Members::of(body)?;
    // SNS quotes the record; that text is read in its place.
    if outer.read::<String>("Type").as_deref() == Some("Notification") && outer.raw("TopicArn").is_some() {
        return in_members(&Members::of(&outer.read::<String>("Message")?)?);
    }
    if outer.read::<String>("detail-type").is_some_and(|kind| kind.starts_with(RESULT)) {
        return in_members(&Members::of(outer.raw("detail")?)?);
    }
    in_members(&outer)
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct RequestContext {
    condition: String,
    #[serde(alias = "partnerResourceArn")]
    function_arn: String,
    #[serde(default)]
    request_id: String,
    #[serde(default)]
    approximate_invoke_count: serde_json::Value,
}

#[derive(Deserialize, Default)]
#[serde(rename_all = "camelCase", default)]
struct ResponseContext {
    status_code: u16,
    executed_version: Option<String>,
    function_error: Option<String>,
}

/// A failing function's answer.
#[derive(Deserialize, Default)]
#[serde(rename_all = "camelCase", default)]
struct FunctionError {
    error_message: Option<String>,
    error_type: Option<String>,
}

fn in_members(record: &Members<'_>) -> Option<ServiceRecord> {
    record.raw("version").and(record.raw("timestamp"))?;
    let (context, service) = match record.read::<RequestContext>("requestContext") {
        Some(context) => (context, "lambda"),
        None => (record.read("context")?, "pipes"),
    };
    if context.function_arn.split(':').nth(2) != Some(service) || !context.function_arn.starts_with("arn:") {
        return None;
    }
    let count = attempts(&context.approximate_invoke_count);
    let note = note(&context, &record.read("responseContext").unwrap_or_default());
    if let Some(batch) = record.names().find(|name| name.ends_with("BatchInfo")) {
        let reason = StatedReason {
            code: code(&context.condition),
            text: of_batch(record, batch),
            attempts: count,
            ..StatedReason::nothing(ReasonSource::Batch)
        };
        return Some(ServiceRecord { reason, note, message: None });
    }
    if service != "lambda" {
        return None;
    }
    let reason = StatedReason { attempts: count, ..of_function(record, &context) };
    // What succeeded is not to be done again. A payload that was too large for the destination is left out.
    let payload = record.raw("requestPayload").filter(|payload| context.condition != "Success" && *payload != "null");
    Some(ServiceRecord { reason, note, message: payload.map(str::to_owned) })
}

/// The reason of a failed function. The same failures as those of its dead-letter queue, with the error's own name.
fn of_function(record: &Members<'_>, context: &RequestContext) -> StatedReason {
    let answer: ResponseContext = record.read("responseContext").unwrap_or_default();
    let failure: FunctionError = record.read("responsePayload").unwrap_or_default();
    let (function, condition) = (function_name(&context.function_arn), capped(&context.condition, NAME_LIMIT));
    let text = failure.error_message.filter(|text| !text.trim().is_empty());
    let timed_out = text.as_deref().is_some_and(|text| text.contains("Task timed out after"));
    let (error_type, code) = match answer.status_code {
        _ if timed_out => (ErrorType::Timeout, Some("function-timeout".to_owned())),
        _ if answer.function_error.is_some() => (ErrorType::Unknown, failure.error_type.as_deref().and_then(code)),
        429 | 500..=599 => (ErrorType::Transient, Some(format!("http-{}", answer.status_code))),
        // It never came to a run: the function was throttled, or its queue was too long.
        _ if context.condition == "EventAgeExceeded" => (ErrorType::Transient, code(&condition)),
        _ => (ErrorType::Unknown, code(&condition)),
    };
    let text = format!("{function}: {}", capped(text.as_deref().unwrap_or(&condition), READ));
    StatedReason { error_type, code, text, ..StatedReason::nothing(ReasonSource::Lambda) }
}

/// The batch that was given up. Its records stand in the stream, as long as that keeps them.
fn of_batch(record: &Members<'_>, batch: &str) -> String {
    let info = record.raw(batch).and_then(Members::of);
    let text = |name: &str| info.as_ref().and_then(|info| info.read::<String>(name)).map(|text| self::name(&text));
    let size = info.as_ref().and_then(|info| info.read::<u64>("batchSize"));
    let size = size.map_or_else(|| "records".to_owned(), |size| format!("{size} records"));
    let of = text("streamArn").or_else(|| text("eventSourceArn")).map_or_else(String::new, |arn| format!(" of {arn}"));
    format!("{size}{of} were given up; this record says where they stand, and does not have them")
}

fn note(context: &RequestContext, answer: &ResponseContext) -> String {
    let mut note = format!("written by {}", name(&context.function_arn));
    if let Some(version) = answer.executed_version.as_deref().filter(|version| !version.is_empty()) {
        note += &format!(", version {}", name(version));
    }
    if !context.request_id.is_empty() {
        note += &format!(", request {}", name(&context.request_id));
    }
    format!("{note}: {}", name(&context.condition))
}

/// The function's name in its ARN, which a version or an alias may follow.
fn function_name(arn: &str) -> String {
    name(arn.split(':').nth(6).unwrap_or(arn))
}

/// A name of AWS's, without what none of them has.
fn name(text: &str) -> String {
    let fits = |c: &char| c.is_ascii_alphanumeric() || "$-_.:/+@#".contains(*c);
    capped(&text.chars().filter(fits).collect::<String>(), NAME_LIMIT)
}

#[cfg(test)]
mod tests;
