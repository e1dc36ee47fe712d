//! Messages that come again: how many calls to the ledger each takes.

use redrive_core::processing::ledger::EntryState;
use redrive_testkit::faults::Faults;
use redrive_testkit::handlers::{Order, Play, Scripted};

use crate::bench::{Bench, event, received, record};

/// Names of the ledger's calls since the first `before` of them.
fn calls(faults: &Faults, before: usize) -> Vec<&'static str> {
    faults.calls().iter().skip(before).map(|call| call.action).collect()
}

const LOOK: &str = "read entries";
const WRITE: &str = "write entries";
const COMMIT: &str = "commit a completion";

#[tokio::test(start_paused = true)]
async fn what_is_completed_is_acknowledged_after_one_look_and_no_write() {
    let faults = Faults::none();
    let bench = Bench::with_faults(Scripted::new(), faults.clone());
    let messages = ["m-1", "m-2"].map(|id| record(id, &Order::body(id, 5)));
    assert!(bench.returned(event(&messages)).await.is_empty());
    let before = faults.calls().len();
    assert!(bench.returned(event(&messages.map(|message| received(2, message)))).await.is_empty());
    assert_eq!(calls(&faults, before), [LOOK]);
    assert_eq!((bench.runs("m-1"), bench.charged("m-2")), (1, 1));
}

#[tokio::test(start_paused = true)]
async fn what_failed_before_is_claimed_by_what_the_look_shows() {
    let faults = Faults::none();
    let handler = Scripted::new().on("o-1", [Play::Transient, Play::Succeed]);
    let bench = Bench::with_faults(handler, faults.clone());
    let message = record("m-1", &Order::body("o-1", 5));
    assert_eq!(bench.returned(event(std::slice::from_ref(&message))).await, ["m-1"]);
    let before = faults.calls().len();
    assert!(bench.returned(event(&[received(2, message)])).await.is_empty());
    assert_eq!(calls(&faults, before), [LOOK, WRITE, COMMIT]);
    assert_eq!((bench.runs("o-1"), bench.entry("o-1").unwrap().state), (2, EntryState::Completed));
}

#[tokio::test(start_paused = true)]
async fn another_payload_under_a_completed_key_is_no_duplicate_however_often_it_comes() {
    let bench = Bench::new(Scripted::new());
    assert!(bench.returned(event(&[record("m-1", &Order::body("o-1", 5))])).await.is_empty());
    let other = received(3, record("m-2", &Order::body("o-1", 6)));
    assert_eq!(bench.returned(event(&[other])).await, ["m-2"]);
    assert_eq!(bench.keyless("m-2").unwrap().fault.unwrap().code, "key_reused");
}

#[tokio::test(start_paused = true)]
async fn a_batch_of_new_and_known_messages_is_claimed_side_by_side() {
    let faults = Faults::none();
    let bench = Bench::with_faults(Scripted::new(), faults.clone());
    let known = record("m-1", &Order::body("o-1", 5));
    assert!(bench.returned(event(std::slice::from_ref(&known))).await.is_empty());
    let before = faults.calls().len();
    let batch = [received(2, known), record("m-2", &Order::body("o-2", 5))];
    assert!(bench.returned(event(&batch)).await.is_empty());
    assert_eq!(calls(&faults, before), [WRITE, LOOK, COMMIT]);
}
