//! The members of one pair.

use std::time::Duration;

use redrive_core::ids::Scope;
use redrive_core::letters::policy::{BadPolicy, Policy};
use redrive_core::message::decode::{NamesTwice, Reading};
use redrive_core::message::hashing::Hashing;
use redrive_core::message::key::{KeyFrom, Pointer};
use redrive_core::message::message_type::{MessageTypes, TypeAt};
use redrive_core::message::wrapping::Wrapping;
use redrive_core::settings;
use serde_json::Value;

use super::{QueueSetting, Reader, Section, fields};

/// The scope of letters whose consumer keeps no ledger.
const NO_SCOPE: &str = "none";

/// A name is a value of a metric's dimension.
pub(super) fn name(text: &str) -> Result<String, String> {
    if fields::is_queue_name(text) {
        Ok(text.to_owned())
    } else {
        Err("1 to 80 letters, digits, dashes and underscores; unsaid, the main queue's name".to_owned())
    }
}

/// ARN and URL are of one queue, and its dead go to a queue of its kind.
pub(super) fn same_kind(
    reader: &mut Reader<'_>,
    section: &Section,
    source: Option<&QueueSetting>,
    source_url: Option<&str>,
    dead_letter_url: Option<&str>,
) {
    let Some(source) = source else { return };
    if let Some(url) = source_url.filter(|url| !of_queue(url, source)) {
        section.refuse(reader, "source_url", format!("is {url:?}, another queue's"), "the URL of source_arn's queue");
    }
    if let Some(url) = dead_letter_url.filter(|url| fields::is_fifo(url) != source.is_fifo()) {
        let allowed =
            if source.is_fifo() { "a FIFO queue, as source_arn's is" } else { "no FIFO queue: source_arn's is none" };
        section.refuse(reader, "dead_letter_url", format!("is {url:?}"), allowed);
    }
}

pub(super) fn of_queue(url: &str, queue: &QueueSetting) -> bool {
    url.ends_with(&queue.path())
}

/// `null` for a consumer without our ledger. It must be said: a scope that was forgotten must not mean that.
pub(super) fn scope(reader: &mut Reader<'_>, section: &mut Section) -> Option<Option<Scope>> {
    let allowed = "a scope of the ledger (1 to 64 letters, digits, dots, dashes and underscores), or null for a consumer \
        without our ledger";
    match section.take("scope") {
        Some(Value::Null) => return Some(None),
        Some(Value::String(text)) => match fields::scope_name(&text) {
            Ok(scope) => return Some(Some(scope)),
            Err(_) => section.refuse(reader, "scope", format!("is {text:?}"), allowed),
        },
        Some(_) => section.refuse(reader, "scope", "is neither a text nor null", allowed),
        None => section.refuse(reader, "scope", "is not there", allowed),
    }
    None
}

fn pointer(text: &str) -> Result<Pointer, String> {
    Pointer::parse(text).map_err(|_| "a JSON pointer, like /order_id".to_owned())
}

/// A pointer of a list that is parted by commas elsewhere.
pub(super) fn pointer_text(text: &str) -> Result<String, String> {
    if text.contains(',') {
        return Err("a JSON pointer without a comma, like /customer/email".to_owned());
    }
    pointer(text).map(|_| text.to_owned())
}

/// Reads the configuration of the pair's messages.
pub(super) fn reading(
    reader: &mut Reader<'_>,
    section: &mut Section,
    source: Option<&QueueSetting>,
    scope: Option<&Option<Scope>>,
) -> Option<Reading> {
    let pointer = section.text_or(reader, "key_pointer", None, |text| pointer(text).map(Some));
    let wrapping = section.text_or(reader, "body_wrapping", Wrapping::None, |text| {
        Wrapping::parse(text).ok_or_else(|| "none, sns or eventbridge".to_owned())
    });
    let hashing = section.text_or(reader, "payload_hash", Hashing::Canonical, |text| {
        Hashing::parse(text).map_err(|_| "canonical, off, or JSON pointers parted by commas".to_owned())
    });
    let key_from = section.text_or(reader, "key_from", KeyFrom::default(), fields::key_from);
    if key_from == Some(KeyFrom::Pointer) && pointer == Some(None) {
        section.refuse(
            reader,
            "key_from",
            "is pointer, and key_pointer is not there",
            "a key_pointer with it, or both",
        );
    }
    let names_twice = section.text_or(reader, "duplicate_names", NamesTwice::default(), fields::names_twice);
    let scope = scope.and_then(|scope| scope.clone().or_else(|| Scope::new(NO_SCOPE)));
    let types = types(reader, section, scope.as_ref(), wrapping);
    Some(Reading {
        source: source?.arn.clone(),
        scope: scope?,
        wrapping: wrapping?,
        pointer: pointer?,
        types: types?,
        hashing: hashing?,
        key_from: key_from?,
        names_twice: names_twice?,
    })
}

/// Reads the message types: both members, or neither.
fn types(
    reader: &mut Reader<'_>,
    section: &mut Section,
    scope: Option<&Scope>,
    wrapping: Option<Wrapping>,
) -> Option<Option<MessageTypes>> {
    let both = "message_type_at and message_types, or neither";
    let places = "attribute:NAME, pointer:/PATH or detail-type";
    let at = section.text_or(reader, "message_type_at", None, |text| match wrapping {
        Some(wrapping) => TypeAt::parse(text, wrapping).map(Some).map_err(|error| format!("{places}: {error}")),
        None => Ok(None),
    });
    let names = section.texts(reader, "message_types", |text| {
        if text.trim().is_empty() { Err("a type's name".to_owned()) } else { Ok(text.to_owned()) }
    });
    let (at, names) = (at?, names?);
    match (at, names.is_empty()) {
        (None, true) => Some(None),
        (None, false) => {
            wrapping?;
            section.refuse(reader, "message_type_at", "is not there", both);
            None
        }
        (Some(_), true) => {
            section.refuse(reader, "message_types", "names none", both);
            None
        }
        (Some(at), false) => {
            let types = MessageTypes::new(at, scope?, names.iter().map(String::as_str));
            let refused =
                |error| section.refuse(reader, "message_types", format!("is refused: {error}"), "different names");
            types.map_err(refused).ok().map(Some)
        }
    }
}

/// A pair's policy: the one place where it is read. Rules of their own belong into the member `policy`.
pub(super) fn policy(reader: &mut Reader<'_>, section: &mut Section, dead: Option<u64>) -> Option<Policy> {
    let main = section.number(reader, &settings::MAIN_RETENTION_DAYS);
    let resolved = section.number(reader, &settings::RESOLVED_RETENTION_DAYS);
    let unsaid = resolved.unwrap_or(1);
    let body = section.whole(reader, "body_retention_days", unsaid, 1..=unsaid.max(1));
    let (cool_down, max_deaths, rules) = match section.take("policy") {
        None => (settings::REPLAY_COOL_DOWN_SECONDS.default, settings::REPLAY_MAX_DEATHS.default, None),
        Some(value) => {
            let place = section.place("policy");
            let policy = &mut Section::open(reader, place.clone(), value)?;
            let cool_down = policy.number(reader, &settings::REPLAY_COOL_DOWN_SECONDS);
            let max_deaths = policy.number(reader, &settings::REPLAY_MAX_DEATHS);
            let rules = policy.take("rules").map(|rules| (format!("{place}/rules"), rules.to_string()));
            policy.close(reader, "cool_down_seconds, max_deaths and rules");
            (cool_down, max_deaths, rules)
        }
    };
    let outcome_after = main? + dead? + settings::RETENTION_MARGIN;
    let resolved = resolved?;
    if resolved < outcome_after {
        let wrong = format!("is {resolved}, and a copy of a discarded message may still die for {outcome_after} days");
        let allowed = format!("at least {outcome_after}: what both queues keep, and a margin");
        section.refuse(reader, "resolved_retention_days", wrong, allowed);
        return None;
    }
    let policy = Policy {
        rules: Vec::new(),
        cool_down: Duration::from_secs(cool_down?),
        max_deaths: u32::try_from(max_deaths?).ok()?,
        resolved_retention: fields::days(resolved),
        body_retention: fields::days(body?),
        outcome_after: fields::days(outcome_after),
    };
    let Some((place, rules)) = rules else { return Some(policy) };
    match policy.with_rules(&rules) {
        Ok(policy) => Some(policy),
        Err(BadPolicy { place: inside, wrong, allowed }) => {
            reader.refuse(&format!("{place}{inside}"), format!("is refused: {wrong}"), allowed);
            None
        }
    }
}
