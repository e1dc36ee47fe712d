//! Oracle of the answer to any event, computed without the code under test.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use redrive_core::json::{Document, Json};
use redrive_core::message::key::{Key, LedgerKey, PayloadHash};
use redrive_core::message::wrapping::Wrapping;
use redrive_core::processing::ledger::EntryState;
use redrive_engine::ProcessReport;
use serde_json::Value;

use super::events::{COMPANION, Case};
use crate::bench::{Bench, SOURCE, settings};

/// Time of an invocation, after which its answer is too late.
const TIME: Duration = Duration::from_secs(10);
const LATEST_DELAY: u64 = 12 * 3600;

macro_rules! must {
    ($holds:expr, $($what:tt)+) => {
        if !$holds {
            return Err(format!($($what)+));
        }
    };
}

/// Answer that Lambda may get for an event.
enum Due {
    /// An error: nothing is deleted.
    Failure(&'static str),
    /// An answer. The records by id: of those with the same the last counts.
    Answer(BTreeMap<String, Value>),
}

impl Due {
    fn of(event: &Value) -> Self {
        let Some(records) = event.get("Records").and_then(Value::as_array) else { return Self::Failure("no records") };
        if records.iter().any(|record| record["eventSourceARN"].as_str().is_some_and(|from| from != SOURCE)) {
            return Self::Failure("another queue");
        }
        let id = |record: &Value| record["messageId"].as_str().filter(|id| !id.is_empty()).map(str::to_owned);
        let named: Option<BTreeMap<_, _>> = records.iter().map(|record| Some((id(record)?, record.clone()))).collect();
        named.map_or(Self::Failure("a record without an id"), Self::Answer)
    }
}

/// Invokes the processor and judges what comes of it.
pub(super) async fn judge(bench: &Bench, event: Value, wrapping: Wrapping) -> Result<(), String> {
    let due = Due::of(&event);
    let answer = tokio::time::timeout(TIME, bench.process(event, TIME)).await;
    let answer = answer.map_err(|_| "there is no answer before the deadline".to_owned())?;
    match (due, answer) {
        (Due::Failure(_), Err(_)) => {
            must!(bench.store().entries().is_empty() && bench.hidden().is_empty(), "a failed invocation did something");
            Ok(())
        }
        (Due::Failure(why), Ok(_)) => Err(format!("an event with {why} was answered, and what it says is deleted")),
        (Due::Answer(_), Err(error)) => Err(format!("a batch failed as a whole: {error}")),
        (Due::Answer(came), Ok(report)) => fits(bench, &came, &report, wrapping),
    }
}

fn fits(
    bench: &Bench,
    came: &BTreeMap<String, Value>,
    report: &ProcessReport,
    wrapping: Wrapping,
) -> Result<(), String> {
    let returned = returned(&serde_json::to_value(&report.response).map_err(|error| error.to_string())?)?;
    must!(returned.iter().all(|id| came.contains_key(id)), "the answer names an id that did not come in: {returned:?}");
    for (id, record) in came.iter().filter(|(id, _)| !returned.contains(*id)) {
        done(bench, record, wrapping).map_err(|why| format!("{id:?} is acknowledged, and {why}"))?;
    }
    must!(!returned.contains(COMPANION.0) || !came.contains_key(COMPANION.0), "the well-formed record is returned");
    for (id, seconds) in bench.hidden() {
        must!(returned.contains(&id), "{id:?} is made visible again, and was acknowledged");
        must!((1..=LATEST_DELAY).contains(&seconds), "{id:?} is hidden for {seconds} s");
    }
    // Each effect happens with its completion and with nothing else. All keys here are the queue's one scope's.
    for (key, entry) in bench.store().entries() {
        let Some(key) = key.as_str().strip_prefix("main#") else { continue };
        let expected = u64::from(entry.state == EntryState::Completed);
        must!(
            bench.charged(key) == expected,
            "{key:?} is {:?}, and was charged {} times",
            entry.state,
            bench.charged(key)
        );
    }
    // Nothing went wrong but what the messages brought along: a message that got lost inside would show here.
    let counts = &report.counts;
    must!((counts.unsettled, counts.ledger_out) == (0, 0), "messages were lost on the way: {counts:?}");
    must!(counts.received == came.len(), "{} messages came, and {} are counted", came.len(), counts.received);
    Ok(())
}

/// The ids in an answer that has Lambda's shape.
fn returned(answer: &Value) -> Result<BTreeSet<String>, String> {
    let failures =
        answer.as_object().filter(|answer| answer.len() == 1).and_then(|answer| answer.get("batchItemFailures"));
    let failures = failures.and_then(Value::as_array).ok_or_else(|| format!("the answer is not Lambda's: {answer}"))?;
    let id = |failure: &Value| {
        let only = failure.as_object().filter(|failure| failure.len() == 1)?;
        only.get("itemIdentifier")?.as_str().filter(|id| !id.is_empty()).map(str::to_owned)
    };
    let ids: Option<BTreeSet<_>> = failures.iter().map(id).collect();
    let ids = ids.ok_or_else(|| format!("a failure is not Lambda's: {answer}"))?;
    must!(ids.len() == failures.len(), "an id is named twice: {answer}");
    Ok(ids)
}

/// Checks that the ledger holds a completion of this record's key with this record's hash.
fn done(bench: &Bench, record: &Value, wrapping: Wrapping) -> Result<(), String> {
    let body = text(&record["body"]).unwrap_or_default();
    let (content, inner) = unwrapped(&body, wrapping).ok_or("its body cannot be read")?;
    let hash = PayloadHash::of_json(&content);
    let completed = |key: &LedgerKey| {
        bench.store().entry(key).is_some_and(|entry| entry.state == EntryState::Completed && entry.hash.is_same(&hash))
    };
    let given = match record["messageAttributes"].get("idempotency-key") {
        Some(attribute) => Some(textual(attribute).ok_or("its key is no text")?),
        None => inner,
    };
    let own = pointed(&content);
    must!(own.is_none() || given.is_none() || own == given, "its attribute and its pointer disagree");
    let Some(own) = own else {
        // Only a replay's attribute can have brought the key.
        must!(record["messageAttributes"].get("redrive").is_some(), "it has no key");
        must!(bench.store().entries().keys().any(completed), "no key is completed with its hash");
        return Ok(());
    };
    let key = Key::new(own).map_err(|error| error.to_string())?;
    must!(completed(&LedgerKey::owned(&settings().reading.scope, &key)), "its key is not completed with its hash");
    Ok(())
}

/// Returns what the producer wrote, and the key that stands in the envelope.
fn unwrapped(body: &str, wrapping: Wrapping) -> Option<(Json, Option<String>)> {
    let outer = once(body)?;
    match wrapping {
        Wrapping::None => Some((outer, None)),
        Wrapping::Sns => {
            let key =
                outer.pointer("/MessageAttributes/idempotency-key/Value").and_then(Json::as_text).map(str::to_owned);
            Some((once(outer.get("Message")?.as_text()?)?, key))
        }
        Wrapping::EventBridge => Some((outer.get("detail")?.clone(), None)),
    }
}

/// JSON in which no name stands twice.
fn once(text: &str) -> Option<Json> {
    let document: Document = text.parse().ok()?;
    document.twice.is_none().then_some(document.json)
}

fn pointed(content: &Json) -> Option<String> {
    match content.get("order_id")? {
        Json::Text(text) => Some(text.clone()),
        other => Some(other.to_string()),
    }
}

fn textual(attribute: &Value) -> Option<String> {
    let data_type = text(&attribute["dataType"]).unwrap_or_default();
    text(&attribute["stringValue"]).filter(|_| !data_type.starts_with("Binary"))
}

fn text(value: &Value) -> Option<String> {
    match value {
        Value::Null => None,
        Value::String(text) => Some(text.clone()),
        other => Some(other.to_string()),
    }
}

/// Census of a number of cases: silence proves something only if they hold enough.
#[derive(Default)]
pub(super) struct Census {
    seen: BTreeMap<&'static str, usize>,
}

impl Census {
    pub(super) fn of(cases: u64) -> Self {
        let mut census = Self::default();
        for case in (0..cases).map(Case::generate) {
            census.count(&case);
        }
        census
    }

    fn count(&mut self, case: &Case) {
        let Ok(event) = serde_json::from_slice::<Value>(&case.text()) else { return self.one("no JSON") };
        let came = match Due::of(&event) {
            Due::Failure(why) => return self.one(why),
            Due::Answer(came) => came,
        };
        super::runtime().block_on(async {
            let bench = super::bench(case.wrapping);
            let report = bench.process(event, TIME).await.unwrap();
            let counts = &report.counts;
            for (what, count) in [
                ("completed besides the companion", counts.completed.saturating_sub(1)),
                ("duplicates", counts.duplicates),
                ("retries", counts.retries),
                ("dead", counts.dead),
                ("unreadable", counts.unreadable),
                ("transient", counts.faults[0]),
                ("permanent", counts.faults[1]),
                ("timeout", counts.faults[2]),
                ("schema", counts.faults[3]),
            ] {
                *self.seen.entry(what).or_default() += count;
            }
            for entry in bench.store().entries().values() {
                if let Some(fault) = &entry.fault {
                    match fault.code.as_str() {
                        "not-json" => self.one("not-json"),
                        "no-key" => self.one("no-key"),
                        "decode" => self.one("decode"),
                        "wrapping" => self.one("wrapping"),
                        "key_reused" => self.one("key_reused"),
                        "panic" => self.one("panic"),
                        "refused" => self.one("refused"),
                        _ => {}
                    }
                }
            }
            let forged = |key: &LedgerKey| key.as_str().starts_with("!send#");
            if bench.store().entries().keys().any(forged) {
                self.one("a forged attribute that is valid");
            }
            if came.values().any(|record| text(&record["body"]).is_some_and(|body| body.len() >= 900_000)) {
                self.one("large");
            }
        });
    }

    fn one(&mut self, what: &'static str) {
        *self.seen.entry(what).or_default() += 1;
    }

    pub(super) fn assert_complete(&self) {
        eprintln!("{:?}", self.seen);
        let few = |kind: &&&str| self.seen.get(**kind).is_none_or(|count| *count < 5);
        let missing: Vec<_> = KINDS.iter().filter(few).collect();
        assert!(missing.is_empty(), "too few of {missing:?}: {:?}", self.seen);
    }
}

/// Kinds that a few thousand cases may not lack.
const KINDS: [&str; 20] = [
    "a forged attribute that is valid",
    "a record without an id",
    "another queue",
    "completed besides the companion",
    "dead",
    "decode",
    "duplicates",
    "key_reused",
    "no JSON",
    "no records",
    "no-key",
    "not-json",
    "panic",
    "permanent",
    "refused",
    "retries",
    "schema",
    "timeout",
    "unreadable",
    "wrapping",
];
