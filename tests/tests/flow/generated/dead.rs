//! The same messages, dead: whatever lies in the dead-letter queue becomes a letter, or stays.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use redrive_core::ids::{LetterId, MessageId, QueueArn, ReceiptHandle};
use redrive_core::letters::policy::Policy;
use redrive_core::message::decode::Reading;
use redrive_core::message::envelope::Record;
use redrive_core::ports::{DeadLetterQueue, Unavailable};
use redrive_engine::{DrainReport, IndexSettings, Indexer};
use redrive_testkit::clock::VirtualClock;
use redrive_testkit::store::ModelLetters;
use serde_json::Value;
use tokio::time::Instant;

use super::events::Case;
use crate::bench::{Bench, SOURCE, settings};

/// Hands out what it holds, ten at a time, and remembers what was deleted.
#[derive(Clone)]
struct Pile {
    held: Arc<Mutex<Vec<Record>>>,
    deleted: Arc<Mutex<Vec<MessageId>>>,
}

impl DeadLetterQueue for Pile {
    async fn receive(&self, _: Duration) -> Result<Vec<Record>, Unavailable> {
        let mut held = self.held.lock().unwrap();
        let at = held.len().min(10);
        Ok(held.drain(..at).collect())
    }

    async fn delete(&self, messages: Vec<(MessageId, ReceiptHandle)>) -> Vec<(MessageId, String)> {
        self.deleted.lock().unwrap().extend(messages.into_iter().map(|(id, _)| id));
        Vec::new()
    }
}

/// Number of messages that stayed: a search in which none does proves nothing.
static LEFT: AtomicUsize = AtomicUsize::new(0);

/// Returns true if some messages stayed.
pub(super) fn some_stayed() -> bool {
    LEFT.load(Ordering::Relaxed) > 0
}

/// More than an item of DynamoDB holds.
const LARGE: usize = 500_000;

/// The processor has seen the messages, or died while handlers ran, or never saw them; then all of them are dead, with one that
/// is too large for an item now and then, and are indexed twice.
pub(super) fn indexed(case: &Case) -> Result<(), String> {
    super::runtime().block_on(async {
        let Ok(event) = serde_json::from_slice::<Value>(&case.text()) else { return Ok(()) };
        let source = QueueArn::new(SOURCE).unwrap();
        let Ok(mut records) = redrive_lambda::event::records(&event.to_string(), &source) else { return Ok(()) };
        let bench = super::bench(case.wrapping);
        let time = Duration::from_secs([10, 1, 0][case.records.len() % 3]);
        let _ = tokio::time::timeout(time, bench.process(event, Duration::from_secs(10))).await;
        if case.records.len().is_multiple_of(8) {
            let large = records.last().cloned().unwrap_or_default();
            let (message_id, body) = (Some("large".to_owned()), Some("x".repeat(LARGE)));
            records.push(Record { message_id, body, ..large });
        }
        let letters = ModelLetters::new();
        let (report, deleted) = drain(&bench, &letters, case, records.clone()).await;
        known(&letters, &records, &deleted)?;
        LEFT.fetch_add(report.lease_live, Ordering::Relaxed);
        let before: Vec<_> = letters.all();
        let (again, deleted_again) = drain(&bench, &letters, case, records).await;
        if again.created > 0 || letters.all() != before {
            return Err(format!("what was indexed already changed the table: {report:?}, then {again:?}"));
        }
        if deleted != deleted_again {
            return Err(format!("{deleted:?} were deleted, and then {deleted_again:?}"));
        }
        Ok(())
    })
}

async fn drain(
    bench: &Bench,
    letters: &ModelLetters,
    case: &Case,
    records: Vec<Record>,
) -> (DrainReport, Vec<MessageId>) {
    let pile = Pile { held: Arc::new(Mutex::new(records)), deleted: Arc::default() };
    let policy = Policy {
        rules: Vec::new(),
        cool_down: Duration::from_secs(60),
        max_deaths: 3,
        resolved_retention: Duration::from_secs(90 * 86_400),
        body_retention: Duration::from_secs(90 * 86_400),
        outcome_after: Duration::from_secs(19 * 86_400),
    };
    let settings = IndexSettings {
        reading: Reading { wrapping: case.wrapping, ..settings().reading },
        policy,
        pollers: 2,
        wait: Duration::from_secs(1),
        reserve: Duration::from_secs(3),
    };
    let indexer = Indexer::new(pile.clone(), bench.store().clone(), letters.clone(), VirtualClock::new(), settings);
    let report = indexer.drain(Instant::now() + Duration::from_secs(60)).await;
    let mut deleted = std::mem::take(&mut *pile.deleted.lock().unwrap());
    deleted.sort();
    assert_eq!(report.received, report.deleted + report.lease_live + report.skipped + report.repeated, "{report:?}");
    assert_eq!((report.unavailable, report.delete_failures, report.deleted), (0, 0, deleted.len()), "{report:?}");
    (report, deleted)
}

/// Checks that the table holds each deleted message: under its own id with its own body, or under the letter that it
/// names.
fn known(letters: &ModelLetters, records: &[Record], deleted: &[MessageId]) -> Result<(), String> {
    let source = QueueArn::new(SOURCE).unwrap();
    let mut bodies: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for record in records {
        let id = record.message_id.as_deref().unwrap_or_default();
        bodies.entry(id).or_default().push(record.body.as_deref().unwrap_or_default());
    }
    for id in deleted {
        let bodies = bodies.get(id.as_str()).ok_or_else(|| format!("{id} was deleted, and never came"))?;
        let own = letters.letter(LetterId::derive(&source, id));
        let named = records.iter().filter(|record| record.message_id.as_deref() == Some(id.as_str())).any(|record| {
            let carried = record.attributes.get("redrive").and_then(|attribute| attribute.as_text());
            let carried = carried.and_then(|text| serde_json::from_str::<Value>(text).ok());
            let letter = carried.and_then(|carried| LetterId::parse(carried["letter"].as_str()?));
            letter.is_some_and(|letter| letters.letter(letter).is_some())
        });
        if !named && !own.is_some_and(|letter| bodies.contains(&letter.payload.as_str())) {
            return Err(format!("{id} was deleted, and the table does not hold it"));
        }
    }
    Ok(())
}
