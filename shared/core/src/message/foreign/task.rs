//! Messages that other frameworks write: which task it is, when it is due and until when, and the texts under their base64.
//!
//! All of this is for reading. What is sent is always what came.

use base64::Engine;
use base64::alphabet::STANDARD;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use serde::de::IgnoredAny;
use serde_json::{Map, Value};

use crate::message::envelope::Attributes;
use crate::text::capped;
use crate::time::Timestamp;

const BASE64: GeneralPurpose = GeneralPurpose::new(
    &STANDARD,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);
/// The longest name of a task that is told.
const NAME_LIMIT: usize = 120;

/// A message as its framework describes it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Task {
    /// The framework's own name.
    pub framework: &'static str,
    /// The task's, actor's or message type's name.
    pub name: String,
    /// The framework's own id of it, if it has one.
    pub id: Option<String>,
    /// Celery: not to be run before. A worker takes it at once and holds it until then.
    pub eta: Option<Timestamp>,
    /// Celery: not to be run after. A worker acknowledges it then without a run.
    pub expires: Option<Timestamp>,
}

/// A text that stands in a message under base64.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Layer {
    /// The part of the message that it is.
    pub what: &'static str,
    /// Text of the layer.
    pub text: String,
}

impl Task {
    /// The task that a message is, if its framework is one of those that are known here.
    #[must_use]
    pub fn of(body: &str, attributes: &Attributes) -> Option<Self> {
        let text = |name: &str| attributes.get(name).and_then(|attribute| attribute.as_text());
        object(body).as_ref().and_then(in_object).or_else(|| {
            let named =
                |framework, name: &str| Some(Self::named(framework, name, None)).filter(|task| !task.name.is_empty());
            text("shoryuken_class")
                .and_then(|class| named("Shoryuken", class))
                .or_else(|| text("JavaType").and_then(|class| named("Spring", class)))
        })
    }

    /// True if a worker would drop it now, without a run.
    #[must_use]
    pub fn is_dropped(&self, now: Timestamp) -> bool {
        self.expires.is_some_and(|expires| expires < now)
    }

    /// The framework, the task's name and its id, in one line.
    #[must_use]
    pub fn description(&self) -> String {
        let id = self.id.as_ref().map_or_else(String::new, |id| format!(", id {id}"));
        format!("{} {}{id}", self.framework, self.name)
    }

    fn named(framework: &'static str, name: &str, id: Option<&Value>) -> Self {
        let id = id.and_then(Value::as_str).map(plain).filter(|id| !id.is_empty());
        Self { framework, name: plain(name), id, eta: None, expires: None }
    }
}

/// The JSON object that a body is, or that stands in it under base64, if it may be a framework's: most messages are none,
/// and need not be read for this.
fn object(body: &str) -> Option<Map<String, Value>> {
    const MARKS: [&str; 7] = [
        "\"headers\"",
        "\"actor_name\"",
        "\"task_name\"",
        "\"messageType\"",
        "\"Headers\"",
        "\"job_class\"",
        "\"task\"",
    ];
    let decoded = decoded(body);
    let text = decoded.as_deref().unwrap_or(body);
    let may_be = text.trim_start().starts_with('{') && MARKS.iter().any(|mark| text.contains(mark));
    if may_be { serde_json::from_str(text).ok() } else { None }
}

fn in_object(message: &Map<String, Value>) -> Option<Task> {
    let text = |name: &str| message.get(name).and_then(Value::as_str);
    let has = |names: &[&str]| names.iter().all(|name| message.contains_key(*name));
    if has(&["headers", "body", "properties"]) {
        return celery(message);
    }
    if has(&["task", "id", "args"]) {
        return in_celery(text("task")?, message, message);
    }
    let (framework, name, id) = if has(&["actor_name", "queue_name", "args"]) {
        ("dramatiq", text("actor_name")?, "message_id")
    } else if has(&["task_name", "task_id", "labels"]) {
        ("taskiq", text("task_name")?, "task_id")
    } else if has(&["job_class", "job_id", "arguments"]) {
        ("ActiveJob", text("job_class")?, "job_id")
    } else if has(&["messageType", "messageId", "message"]) {
        let first = message["messageType"].as_array().and_then(|all| all.first()).and_then(Value::as_str)?;
        ("MassTransit", first.strip_prefix("urn:message:")?, "messageId")
    } else {
        let headers = message.get("Headers")?.as_object()?;
        let types = headers.get("NServiceBus.EnclosedMessageTypes").and_then(Value::as_str)?;
        let name = types.split([',', ';']).next().unwrap_or(types);
        return Some(Task::named("NServiceBus", name, headers.get("NServiceBus.MessageId")));
    };
    Some(Task::named(framework, name, message.get(id)))
}

/// Celery's message protocol 2: what stands in the headers. In protocol 1 it stands in the body.
fn celery(message: &Map<String, Value>) -> Option<Task> {
    let headers = message["headers"].as_object()?;
    if let Some(name) = headers.get("task").and_then(Value::as_str) {
        return in_celery(name, headers, headers);
    }
    let body: Map<String, Value> = serde_json::from_str(&inner(message)?).ok()?;
    in_celery(body.get("task")?.as_str()?, &body, &body)
}

fn in_celery(name: &str, ids: &Map<String, Value>, times: &Map<String, Value>) -> Option<Task> {
    let time = |name: &str| times.get(name).and_then(Value::as_str).and_then(instant);
    let task = Task::named("Celery", name, ids.get("id"));
    (!task.name.is_empty()).then(|| Task { eta: time("eta"), expires: time("expires"), ..task })
}

/// A time of ISO 8601; one without a zone is UTC, which is Celery's own default.
fn instant(text: &str) -> Option<Timestamp> {
    Timestamp::from_rfc3339(text).or_else(|| Timestamp::from_rfc3339(&format!("{text}Z")))
}

/// The texts that stand in a message under base64, the outer one first; none of most messages.
#[must_use]
pub fn layers(body: &str) -> Vec<Layer> {
    let outer = decoded(body);
    let message = serde_json::from_str::<Map<String, Value>>(outer.as_deref().unwrap_or(body)).ok();
    let inner = message.as_ref().and_then(inner);
    let outer = outer.map(|text| Layer { what: "DECODED FROM BASE64", text });
    outer.into_iter().chain(inner.map(|text| Layer { what: "BODY IN THE ENVELOPE", text })).collect()
}

/// The text that stands under base64 in a message of kombu's or NServiceBus's. A compressed one is none.
fn inner(message: &Map<String, Value>) -> Option<String> {
    let kombu = message.get("properties").and_then(|properties| properties.get("body_encoding"));
    let body = match kombu.and_then(Value::as_str) {
        Some("base64") => message.get("body"),
        Some(_) => None,
        None => message.get("Headers").and_then(Value::as_object).and_then(|_| message.get("Body")),
    };
    String::from_utf8(BASE64.decode(body?.as_str()?).ok()?).ok().filter(|text| !text.is_empty())
}

/// The JSON that stands in a text under base64: an object or a list.
fn decoded(text: &str) -> Option<String> {
    let text = text.trim();
    // An opening brace or bracket in the first six bits.
    if !text.starts_with(['e', 'W']) {
        return None;
    }
    let decoded = String::from_utf8(BASE64.decode(text).ok()?).ok()?;
    let json = decoded.starts_with(['{', '[']) && serde_json::from_str::<IgnoredAny>(&decoded).is_ok();
    json.then_some(decoded)
}

/// A name without what none has.
fn plain(name: &str) -> String {
    let fits = |c: &char| c.is_alphanumeric() || "$-_.:/+`<>".contains(*c);
    capped(&name.chars().filter(fits).collect::<String>(), NAME_LIMIT)
}

#[cfg(test)]
mod tests;
