//! The variables that more than one function reads.

use std::time::Duration;

use redrive_core::ids::{QueueArn, Scope};
use redrive_core::letters::policy::{BadPolicy, Policy};
use redrive_core::message::decode::{NamesTwice, Reading};
use redrive_core::message::hashing::Hashing;
use redrive_core::message::key::{KeyFrom, Pointer};
use redrive_core::message::message_type::{MessageTypes, TypeAt};
use redrive_core::message::wrapping::Wrapping;
use redrive_core::processing::mask::Masks;
use redrive_core::processing::powertools::{PowertoolsKeys, Selected};
use redrive_core::replay::AllowedActions;
use redrive_core::settings;

use super::{FunctionIdentity, Reader};

const DAY_SECONDS: u64 = 24 * 3_600;

/// A queue by its ARN.
#[derive(Debug, Clone)]
pub(super) struct QueueSetting {
    pub(super) arn: QueueArn,
    pub(super) name: String,
}

impl QueueSetting {
    pub(super) fn is_fifo(&self) -> bool {
        is_fifo(&self.name)
    }

    fn part(&self, n: usize) -> &str {
        self.arn.as_str().split(':').nth(n).unwrap_or_default()
    }

    pub(super) fn region(&self) -> &str {
        self.part(3)
    }

    /// Returns the path of its URL: account and name.
    pub(super) fn path(&self) -> String {
        format!("/{}/{}", self.part(4), self.name)
    }
}

/// Reads the variables that Lambda sets for every function. Its runtime's library panics without them.
pub(super) fn function(reader: &mut Reader<'_>) -> Option<FunctionIdentity> {
    let given = |text: &str| {
        let allowed = "what Lambda sets; `cargo lambda watch` starts the function on this machine";
        if text.is_empty() { Err(allowed.to_owned()) } else { Ok(text.to_owned()) }
    };
    let name = reader.required("AWS_LAMBDA_FUNCTION_NAME", given);
    let version = reader.required("AWS_LAMBDA_FUNCTION_VERSION", given);
    let memory = reader.whole("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", None, 1..=1 << 20);
    let api = reader.required("AWS_LAMBDA_RUNTIME_API", given);
    let (name, _, memory_mb, _) = (name?, version?, memory?, api?);
    Some(FunctionIdentity { name, memory_mb })
}

/// Reads the requests that a replay function carries out.
pub(super) fn allowed_actions(reader: &mut Reader<'_>) -> Option<AllowedActions> {
    reader.word(&settings::ALLOWED_ACTIONS, |text| {
        AllowedActions::parse(text)
            .ok_or_else(|| "replay (all but erase, free, eject, edit and patch) or all".to_owned())
    })
}

/// Reads the retention of the dead-letter queue, in days; at most fourteen, as in SQS.
pub(super) fn dead_letter_retention(reader: &mut Reader<'_>) -> Option<u64> {
    reader.number(&settings::DLQ_RETENTION_DAYS)
}

/// Reads the ARN of the bus for integration events; `Some(None)`: there is none.
pub(super) fn event_bus(reader: &mut Reader<'_>) -> Option<Option<String>> {
    let Some(text) = reader.text(settings::EVENT_BUS_ARN.name) else { return Some(None) };
    let parts: Vec<&str> = text.splitn(6, ':').collect();
    let is_bus = matches!(parts[..], ["arn", _, "events", _, _, bus] if bus.starts_with("event-bus/"));
    if is_bus {
        return Some(Some(text));
    }
    let allowed = "the ARN of an event bus, like arn:aws:events:eu-central-1:123456789012:event-bus/default";
    reader.refuse(settings::EVENT_BUS_ARN.name, format!("is {text:?}"), allowed);
    None
}

/// Reads Powertools' table of an earlier consumer with its keys; `Some(None)`: none is honoured. By default it has selected what
/// is the idempotency key here.
pub(super) fn powertools(
    reader: &mut Reader<'_>,
    reading: Option<&Reading>,
) -> Option<Option<(String, PowertoolsKeys)>> {
    if reader.text(settings::POWERTOOLS_TABLE_NAME.name).is_none() {
        for other in [settings::POWERTOOLS_KEY_PREFIXES.name, settings::POWERTOOLS_KEY.name] {
            if reader.text(other).is_some() {
                reader.refuse(other, "is set, and POWERTOOLS_TABLE_NAME is not", "both, or neither");
            }
        }
        return Some(None);
    }
    let table = table(reader, settings::POWERTOOLS_TABLE_NAME.name);
    let pointer = reading.and_then(|reading| reading.pointer.as_ref());
    let same = pointer.map_or("message-id", Pointer::as_str).to_owned();
    let parse = |text: &str| Selected::parse(text).map_err(|bad| bad.to_string());
    let selected = reader.optional(settings::POWERTOOLS_KEY.name, &same, parse);
    let keys = reader.required(settings::POWERTOOLS_KEY_PREFIXES.name, |text| {
        PowertoolsKeys::new(text, selected.clone().unwrap_or(Selected::MessageId)).map_err(|bad| bad.to_string())
    });
    selected.as_ref()?;
    Some(Some((table?, keys?)))
}

pub(super) fn main_queue_url(reader: &mut Reader<'_>) -> Option<String> {
    reader.required("MAIN_QUEUE_URL", queue_url)
}

/// The URL of a queue.
pub(super) fn queue_url(text: &str) -> Result<String, String> {
    let allowed = "the URL of a queue, like https://sqs.eu-central-1.amazonaws.com/123456789012/orders";
    let path = text.strip_prefix("https://").or_else(|| text.strip_prefix("http://"));
    let name = path.and_then(|path| path.split_once('/')).map(|(_, path)| last(path, '/'));
    match name {
        Some(name) if is_queue_name(name) => Ok(text.to_owned()),
        _ => Err(allowed.to_owned()),
    }
}

pub(super) fn main_queue(reader: &mut Reader<'_>) -> Option<QueueSetting> {
    reader.required("MAIN_QUEUE_ARN", queue_arn)
}

/// A queue by its ARN.
pub(super) fn queue_arn(text: &str) -> Result<QueueSetting, String> {
    let allowed = "the ARN of a queue, like arn:aws:sqs:eu-central-1:123456789012:orders";
    let arn = QueueArn::parse(text).ok_or(allowed)?;
    Ok(QueueSetting { name: arn.name().to_owned(), arn })
}

/// The dead-letter queue of `main`: FIFO if, and only if, that is.
pub(super) fn dead_letter_queue_url(reader: &mut Reader<'_>, main: Option<&QueueSetting>) -> Option<String> {
    let url = reader.required("DEAD_LETTER_QUEUE_URL", queue_url)?;
    if let Some(main) = main
        && is_fifo(&url) != main.is_fifo()
    {
        let of = if main.is_fifo() { "a FIFO" } else { "a standard" };
        reader.refuse(
            "DEAD_LETTER_QUEUE_URL",
            format!("is {url:?}, and the main queue is {:?}", main.name),
            format!("{of} queue: SQS takes no other for {of} queue's dead"),
        );
    }
    Some(url)
}

/// Notes a problem if URL and ARN name two queues: visibilities would be set on one, letters named after the other.
pub(super) fn same_queue(reader: &mut Reader<'_>, url: Option<&str>, queue: Option<&QueueSetting>) {
    let (Some(url), Some(queue)) = (url, queue) else { return };
    let named = last(url, '/');
    if named != queue.name {
        let wrong = format!("names the queue {:?}, and MAIN_QUEUE_URL names {named:?}", queue.name);
        reader.refuse("MAIN_QUEUE_ARN", wrong, "the ARN of that very queue");
    }
}

/// A table of ours, which statements name: by its name.
pub(super) fn table(reader: &mut Reader<'_>, variable: &str) -> Option<String> {
    reader.required(variable, |text| match table_name(text) {
        Ok(name) if !name.starts_with("arn:") => Ok(name),
        _ => Err("the name of a DynamoDB table".to_owned()),
    })
}

/// The ledger's table, by its name or ARN. A client asks the tables of its own region only.
pub(super) fn ledger_table(reader: &mut Reader<'_>) -> Option<String> {
    let here = reader.text("AWS_REGION");
    reader.required("LEDGER_TABLE_NAME", |text| in_region(table_name(text)?, here.as_deref()))
}

fn in_region(table: String, here: Option<&str>) -> Result<String, String> {
    let region = table.strip_prefix("arn:").and_then(|rest| rest.split(':').nth(2));
    match (region, here) {
        (Some(region), Some(here)) if region != here => {
            Err(format!("a table of {here}, where the function runs; this one is of {region}"))
        }
        _ => Ok(table),
    }
}

/// The ledger, or the word that says that there is none: a variable that was forgotten must not mean that.
pub(super) fn ledger(reader: &mut Reader<'_>) -> Option<Option<String>> {
    let here = reader.text("AWS_REGION");
    reader.required("LEDGER_TABLE_NAME", |text| match text {
        "none" => Ok(None),
        name => {
            let table = table_name(name).and_then(|table| in_region(table, here.as_deref()));
            table.map(Some).map_err(|allowed| format!("{allowed}; none, if the consumer keeps no ledger"))
        }
    })
}

/// The name of a DynamoDB table, or its ARN.
pub(super) fn table_name(text: &str) -> Result<String, String> {
    let fits = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-' | b'.' | b':' | b'/');
    if (3..=1_024).contains(&text.len()) && text.bytes().all(fits) {
        Ok(text.to_owned())
    } else {
        Err("the name of a DynamoDB table, or its ARN".to_owned())
    }
}

/// Reads the configuration of messages: processor, indexer and replay must be given the same.
pub(super) fn reading(reader: &mut Reader<'_>, queue: Option<&QueueSetting>) -> Option<Reading> {
    let scope = reader.word(&settings::LEDGER_SCOPE, scope_name);
    let pointer = match reader.text("IDEMPOTENCY_KEY_POINTER") {
        None => Some(None),
        Some(text) => match Pointer::parse(&text) {
            Ok(pointer) => Some(Some(pointer)),
            Err(error) => {
                reader.refuse("IDEMPOTENCY_KEY_POINTER", format!("is refused: {error}"), "a JSON pointer, or nothing");
                None
            }
        },
    };
    let wrapping = reader.word(&settings::BODY_WRAPPING, |text| {
        Wrapping::parse(text).ok_or_else(|| "none, sns or eventbridge".to_owned())
    });
    let hashing = reader.word(&settings::PAYLOAD_HASH, |text| Hashing::parse(text).map_err(|e| e.to_string()));
    let types = message_types(reader, scope.as_ref(), wrapping);
    let key_from = reader.word(&settings::IDEMPOTENCY_KEY_FROM, key_from);
    if key_from == Some(KeyFrom::Pointer) && pointer == Some(None) {
        reader.refuse(KEY_FROM, "is pointer, and IDEMPOTENCY_KEY_POINTER is not set", "a pointer with it, or both");
    }
    let names_twice = reader.word(&settings::DUPLICATE_NAMES, names_twice);
    Some(Reading {
        source: queue?.arn.clone(),
        scope: scope?,
        wrapping: wrapping?,
        pointer: pointer?,
        types: types?,
        hashing: hashing?,
        key_from: key_from?,
        names_twice: names_twice?,
    })
}

const KEY_FROM: &str = "IDEMPOTENCY_KEY_FROM";

/// Parses the source of the key.
pub(super) fn key_from(text: &str) -> Result<KeyFrom, String> {
    let allowed = "both (a message with the attribute idempotency-key must have the same key at the pointer), pointer or attribute";
    KeyFrom::parse(text).ok_or_else(|| allowed.to_owned())
}

/// Parses the handling of bodies in which an object has a name twice.
pub(super) fn names_twice(text: &str) -> Result<NamesTwice, String> {
    NamesTwice::parse(text).ok_or_else(|| "refuse (they are SCHEMA) or last (the last value counts)".to_owned())
}

/// A scope of the ledger.
pub(super) fn scope_name(text: &str) -> Result<Scope, String> {
    Scope::new(text).ok_or_else(|| "1 to 64 letters, digits, dots, dashes and underscores".to_owned())
}

/// Reads the message types: both variables, or neither.
fn message_types(
    reader: &mut Reader<'_>,
    scope: Option<&Scope>,
    wrapping: Option<Wrapping>,
) -> Option<Option<MessageTypes>> {
    let (at, names) = (reader.text("MESSAGE_TYPE_AT"), reader.text("MESSAGE_TYPES"));
    let (at, names) = match (at, names) {
        (None, None) => return Some(None),
        (Some(at), Some(names)) => (at, names),
        (at, _) => {
            let missing = if at.is_none() { "MESSAGE_TYPE_AT" } else { "MESSAGE_TYPES" };
            reader.refuse(missing, "is not set, and its companion is", "MESSAGE_TYPE_AT and MESSAGE_TYPES, or neither");
            return None;
        }
    };
    let allowed = "attribute:NAME, pointer:/PATH or detail-type";
    let at = TypeAt::parse(&at, wrapping?);
    let at = at.map_err(|error| reader.refuse("MESSAGE_TYPE_AT", format!("is refused: {error}"), allowed)).ok()?;
    let types = MessageTypes::new(at, scope?, names.split(',').map(str::trim));
    let types = types.map_err(|error| {
        reader.refuse("MESSAGE_TYPES", format!("is refused: {error}"), "different names, parted by commas");
    });
    types.ok().map(Some)
}

/// Reads the values that are masked out of error texts, if any.
pub(super) fn masks(reader: &mut Reader<'_>) -> Option<Masks> {
    let Some(text) = reader.text("ERROR_MASKS") else { return Some(Masks::default()) };
    let masks = Masks::parse(&text);
    let allowed = "JSON pointers into the body, parted by commas, or nothing";
    masks.map_err(|error| reader.refuse("ERROR_MASKS", format!("is refused: {error}"), allowed)).ok()
}

/// Reads the retention of the main queue, in days.
pub(super) fn main_retention(reader: &mut Reader<'_>) -> Option<u64> {
    reader.number(&settings::MAIN_RETENTION_DAYS)
}

pub(super) fn policy(reader: &mut Reader<'_>) -> Option<Policy> {
    let cool_down = reader.number(&settings::REPLAY_COOL_DOWN_SECONDS);
    let max_deaths = reader.number(&settings::REPLAY_MAX_DEATHS);
    let resolved = reader.number(&settings::RESOLVED_RETENTION_DAYS);
    let main = main_retention(reader);
    if let (Some(resolved), Some(main)) = (resolved, main)
        && !settings::LETTER_OUTLASTS_QUEUES.holds(resolved, main)
    {
        let least = settings::LETTER_OUTLASTS_QUEUES.least(main);
        let wrong = format!("is {resolved}, and a copy of a discarded message may still die for {least} days");
        reader.refuse(
            "RESOLVED_RETENTION_DAYS",
            wrong,
            format!("at least {least}: what both queues keep, and a margin"),
        );
    }
    let body = body_retention(reader, resolved);
    let policy = Policy {
        rules: Vec::new(),
        cool_down: Duration::from_secs(cool_down?),
        max_deaths: u32::try_from(max_deaths?).ok()?,
        resolved_retention: days(resolved?),
        body_retention: days(body?),
        outcome_after: days(settings::LETTER_OUTLASTS_QUEUES.least(main?)),
    };
    let Some(rules) = reader.text("REPLAY_POLICY") else { return Some(policy) };
    match policy.with_rules(&rules) {
        Ok(policy) => Some(policy),
        Err(BadPolicy { place, wrong, allowed }) => {
            reader.refuse("REPLAY_POLICY", format!("is refused at {place:?}: {wrong}"), allowed);
            None
        }
    }
}

/// Reads the retention of a body after the end of its letter, in days. The default is the letter's own.
fn body_retention(reader: &mut Reader<'_>, resolved: Option<u64>) -> Option<u64> {
    const NAME: &str = settings::BODY_RETENTION_DAYS.name;
    let allowed = "a whole number of days from 1 to RESOLVED_RETENTION_DAYS, or letter";
    let body = reader.word(&settings::BODY_RETENTION_DAYS, |text| match text {
        "letter" => Ok(None),
        _ => text.parse().ok().filter(|days| (1..=3_650_u64).contains(days)).map(Some).ok_or(allowed.to_owned()),
    });
    match (body?, resolved?) {
        (Some(body), resolved) if !settings::BODY_WITHIN_LETTER.holds(resolved, body) => {
            reader.refuse(NAME, format!("is {body}, and the letter itself is kept for {resolved}"), allowed);
            None
        }
        (body, resolved) => Some(body.unwrap_or(resolved)),
    }
}

pub(super) fn days(count: u64) -> Duration {
    Duration::from_secs(count.saturating_mul(DAY_SECONDS))
}

/// SQS's rule: a FIFO queue is one whose name ends so.
pub(super) fn is_fifo(name: &str) -> bool {
    name.ends_with(".fifo")
}

pub(super) fn is_queue_name(name: &str) -> bool {
    let fits = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-');
    let stem = name.strip_suffix(".fifo").unwrap_or(name);
    name.len() <= 80 && !stem.is_empty() && stem.bytes().all(fits)
}

pub(super) fn last(text: &str, separator: char) -> &str {
    text.rsplit(separator).next().unwrap_or_default()
}
