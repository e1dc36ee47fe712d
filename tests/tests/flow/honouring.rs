//! A queue whose earlier consumer kept Powertools' idempotency table: what it shows as done is not run again.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use redrive_core::message::key::LedgerKey;
use redrive_core::ports::{CommitError, Ledger, Unavailable, WriteError};
use redrive_core::processing::ledger::{Entry, EntryState, EntryWrite};
use redrive_core::processing::powertools::{PowertoolsMessage, PowertoolsState};
use redrive_core::time::Timestamp;
use redrive_testkit::handlers::{Order, Scripted};
use redrive_testkit::{Faults, ModelLedger};
use tokio::runtime::Handle;

use crate::bench::{Bench, TestEffects, event, record};

/// A ledger beside Powertools' table, which answers for every message alike.
#[derive(Clone)]
struct AfterPowertools {
    ledger: ModelLedger,
    answer: Arc<Mutex<Option<PowertoolsState>>>,
    looks: Arc<Mutex<Vec<usize>>>,
}

impl Ledger<TestEffects> for AfterPowertools {
    async fn write(&self, writes: Vec<EntryWrite>) -> Vec<Result<(), WriteError<Entry>>> {
        Ledger::<TestEffects>::write(&self.ledger, writes).await
    }

    async fn commit(&self, write: EntryWrite, effects: &TestEffects) -> Result<(), CommitError> {
        self.ledger.commit(write, effects).await
    }

    async fn look(&self, keys: &[LedgerKey]) -> Result<Vec<Option<Entry>>, Unavailable> {
        Ledger::<TestEffects>::look(&self.ledger, keys).await
    }

    fn honours_powertools(&self) -> bool {
        true
    }

    async fn look_at_powertools(&self, messages: &[PowertoolsMessage]) -> Result<Vec<PowertoolsState>, Unavailable> {
        self.looks.lock().unwrap().push(messages.len());
        let away = || Unavailable { service: "Powertools' table", action: "read items", why: "away".to_owned() };
        let answer = self.answer.lock().unwrap().ok_or_else(away)?;
        Ok(vec![answer; messages.len()])
    }
}

fn bench(answer: Option<PowertoolsState>) -> (Bench<Scripted, AfterPowertools>, AfterPowertools) {
    let faults = Faults::none();
    let ledger = ModelLedger::new().with_faults(faults.clone());
    let after = AfterPowertools { ledger: ledger.clone(), answer: Arc::new(Mutex::new(answer)), looks: Arc::default() };
    let handler = Scripted::new().with_faults(faults.clone());
    (Bench::build(handler, after.clone(), ledger, faults, Handle::current()), after)
}

#[tokio::test(start_paused = true)]
async fn what_powertools_has_done_is_completed_without_a_run_and_asked_for_once() {
    let (bench, after) = bench(Some(PowertoolsState::Completed));
    let batch = || event(&[record("m-1", &Order::body("o-1", 5)), record("m-2", &Order::body("o-2", 5))]);
    assert!(bench.returned(batch()).await.is_empty(), "acknowledged");
    assert_eq!((bench.runs("o-1"), bench.charged("o-1")), (0, 0));
    assert_eq!(bench.entry("o-1").unwrap().state, EntryState::Completed, "replay and indexer read it there");
    *after.answer.lock().unwrap() = None;
    assert!(bench.returned(batch()).await.is_empty(), "the ledger knows it by now");
    assert_eq!(*after.looks.lock().unwrap(), [2], "one look for all that were claimed together");
}

#[tokio::test(start_paused = true)]
async fn what_powertools_has_in_progress_waits_and_counts_no_attempt() {
    let until = Timestamp::from_millis(redrive_testkit::clock::ORIGIN.as_millis() + 60_000);
    let (bench, after) = bench(Some(PowertoolsState::InProgress(until)));
    let batch = || event(&[record("m-1", &Order::body("o-1", 5))]);
    assert_eq!(bench.returned(batch()).await, ["m-1"]);
    let (id, seconds) = bench.hidden().remove(0);
    assert!(id == "m-1" && (55..=70).contains(&seconds), "{seconds}");
    assert_eq!(bench.runs("o-1"), 0);
    *after.answer.lock().unwrap() = Some(PowertoolsState::Free);
    tokio::time::advance(Duration::from_secs(61)).await;
    assert!(bench.returned(batch()).await.is_empty());
    assert_eq!((bench.runs("o-1"), bench.charged("o-1")), (1, 1));
    assert!(bench.entry("o-1").unwrap().history.is_empty(), "no attempt was counted for the wait");
}

#[tokio::test(start_paused = true)]
async fn without_an_answer_of_powertools_table_nothing_runs() {
    let (bench, _) = bench(None);
    assert_eq!(bench.returned(event(&[record("m-1", &Order::body("o-1", 5))])).await, ["m-1"]);
    assert_eq!(bench.runs("o-1"), 0);
    assert_ne!(bench.entry("o-1").unwrap().state, EntryState::InProgress, "the claim was given back");
}
