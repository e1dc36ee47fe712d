//! A ledger out of reach, answers that are lost, handlers that panic, hang or block: the message comes back, and its
//! neighbours are not touched.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use redrive_core::fault::{Class, Fault};
use redrive_core::message::key::LedgerKey;
use redrive_core::ports::{CommitError, Ledger, Unavailable, WriteError};
use redrive_core::processing::handler::{Context, Handler};
use redrive_core::processing::ledger::{Entry, EntryState, EntryWrite};
use redrive_core::processing::outcome::{Outage, OutageBrake};
use redrive_engine::ProcessSettings;
use redrive_testkit::faults::{CallFault, Faults};
use redrive_testkit::handlers::{Order, Play, Scripted};
use redrive_testkit::store::ModelLedger;
use tokio::runtime::Handle;

use crate::bench::{Bench, TestEffects, event, received, record, settings};

/// A ledger that is not there, or throttles, or denies everything.
#[derive(Clone)]
struct Out(&'static str);

impl Out {
    fn error(&self) -> Unavailable {
        Unavailable { service: "ledger", action: "write", why: self.0.to_owned() }
    }
}

impl Ledger<TestEffects> for Out {
    async fn write(&self, writes: Vec<EntryWrite>) -> Vec<Result<(), WriteError<Entry>>> {
        writes.iter().map(|_| Err(self.error().into())).collect()
    }

    async fn commit(&self, _: EntryWrite, _: &TestEffects) -> Result<(), CommitError> {
        Err(self.error().into())
    }

    async fn look(&self, _: &[LedgerKey]) -> Result<Vec<Option<Entry>>, Unavailable> {
        Err(self.error())
    }
}

#[tokio::test(start_paused = true)]
async fn without_a_ledger_nothing_runs_and_everything_comes_back_later() {
    for why in ["ResourceNotFoundException", "ThrottlingException", "AccessDeniedException"] {
        let (faults, store) = (Faults::none(), ModelLedger::new());
        let handler = Scripted::new().with_faults(faults.clone());
        let bench = Bench::build(handler, Out(why), store, faults, Handle::current());
        let again = received(2, record("m-3", &Order::body("o-3", 5)));
        let batch = event(&[record("m-1", &Order::body("o-1", 5)), record("m-2", "not json"), again]);
        assert_eq!(bench.returned(batch).await, ["m-1", "m-2", "m-3"], "{why}");
        assert_eq!(bench.runs("o-1"), 0, "a message is never handled ungated");
        assert!(bench.hidden().iter().all(|(_, seconds)| (22..=30).contains(seconds)), "{why}: {:?}", bench.hidden());
    }
}

#[tokio::test(start_paused = true)]
async fn one_call_without_an_answer_hides_a_message_for_half_a_minute_whatever_its_receive() {
    for receive in [1, 9] {
        let bench = Bench::with_faults(Scripted::new(), Faults::script([(0, CallFault::Refused)]));
        bench.returned(event(&[received(receive, record("m-1", &Order::body("o-1", 5)))])).await;
        assert!((22..=30).contains(&bench.hidden()[0].1), "receive {receive}: {:?}", bench.hidden());
    }
}

#[tokio::test(start_paused = true)]
async fn a_message_waits_as_long_as_the_ledger_has_been_out() {
    let (faults, store) = (Faults::none(), ModelLedger::new());
    let bench = Bench::build(Scripted::new(), Out("ThrottlingException"), store, faults, Handle::current());
    for wait in [0, 31, 62, 124] {
        tokio::time::sleep(Duration::from_secs(wait)).await;
        bench.returned(event(&[record("m-1", &Order::body("o-1", 5))])).await;
    }
    let delays: Vec<_> = bench.hidden().into_iter().map(|(_, seconds)| seconds).collect();
    let expected = [22..=30, 23..=31, 69..=93, 162..=217];
    assert!(expected.iter().zip(&delays).all(|(range, delay)| range.contains(delay)), "{delays:?}");
}

#[tokio::test(start_paused = true)]
async fn an_enqueue_that_is_known_to_be_dead_hurries_on_while_the_ledger_is_out() {
    // Claim, failure, and the next claim.
    let faults = Faults::script([(2, CallFault::Refused)]);
    let bench = Bench::with_faults(Scripted::new().on("o-1", [Play::Permanent]), faults);
    for _ in 0..2 {
        assert_eq!(bench.returned(event(&[record("m-1", &Order::body("o-1", 5))])).await, ["m-1"]);
    }
    assert!(bench.hidden().iter().all(|(_, seconds)| (1..=2).contains(seconds)), "{:?}", bench.hidden());
    assert_eq!(bench.runs("o-1"), 1);
}

#[tokio::test(start_paused = true)]
async fn a_settlement_whose_answer_never_comes_leaves_the_message_as_it_is() {
    // Call 0 is the claim; from then on every answer is lost.
    let faults = Faults::script((1..40).map(|call| (call, CallFault::Refused)));
    let bench = Bench::with_faults(Scripted::new(), faults);
    assert_eq!(bench.returned(event(&[record("m-1", &Order::body("o-1", 5))])).await, ["m-1"]);
    assert!(bench.hidden().is_empty(), "neither acknowledged nor made visible");
    assert_eq!(bench.entry("o-1").unwrap().state, EntryState::InProgress);
}

#[tokio::test(start_paused = true)]
async fn a_settlement_whose_answer_is_lost_once_is_recognised_by_its_token() {
    for lost in [0, 1] {
        let bench = Bench::with_faults(Scripted::new(), Faults::script([(lost, CallFault::Twice)]));
        assert!(bench.returned(event(&[record("m-1", &Order::body("o-1", 5))])).await.is_empty(), "call {lost}");
        assert_eq!((bench.charged("o-1"), bench.runs("o-1")), (1, 1));
    }
}

#[tokio::test(start_paused = true)]
async fn a_conflict_of_transactions_is_retried_before_anybody_hears_of_it() {
    let bench =
        Bench::with_faults(Scripted::new(), Faults::script([(1, CallFault::Conflict), (2, CallFault::Conflict)]));
    assert!(bench.returned(event(&[record("m-1", &Order::body("o-1", 5))])).await.is_empty());
    assert_eq!((bench.charged("o-1"), bench.runs("o-1")), (1, 1));
}

#[tokio::test(start_paused = true)]
async fn a_panic_is_its_own_messages_fault_and_nobody_elses() {
    let bench = Bench::new(Scripted::new().on("o-1", [Play::Panic]));
    let batch = event(&[record("m-1", &Order::body("o-1", 5)), record("m-2", &Order::body("o-2", 5))]);
    assert_eq!(bench.returned(batch).await, ["m-1"]);
    let fault = bench.entry("o-1").unwrap().fault.unwrap();
    assert_eq!((fault.class, fault.code.as_str(), bench.charged("o-2")), (Class::Transient, "panic", 1));
}

#[tokio::test(start_paused = true)]
async fn a_handler_that_never_ends_is_a_timeout_and_its_neighbours_are_done() {
    let bench = Bench::new(Scripted::new().on("o-1", [Play::Hang]));
    let batch = event(&[record("m-1", &Order::body("o-1", 5)), record("m-2", &Order::body("o-2", 5))]);
    assert_eq!(bench.returned(batch).await, ["m-1"]);
    let fault = bench.entry("o-1").unwrap().fault.unwrap();
    assert_eq!((fault.class, fault.code.as_str(), bench.charged("o-2")), (Class::Timeout, "handler-timeout", 1));
}

#[tokio::test(start_paused = true)]
async fn effects_that_the_store_refuses_fail_the_attempt_and_do_not_happen() {
    let bench = Bench::new(Scripted::new().on("o-1", [Play::EffectRefused]));
    assert_eq!(bench.returned(event(&[record("m-1", &Order::body("o-1", 5))])).await, ["m-1"]);
    assert_eq!(bench.entry("o-1").unwrap().fault.unwrap().code, "refused");
    assert_eq!(bench.charged("o-1"), 0);
}

#[tokio::test(start_paused = true)]
async fn what_cannot_start_in_time_is_returned_not_started_and_counts_no_attempt() {
    let bench = Bench::new(Scripted::new());
    let batch = event(&[record("m-1", &Order::body("o-1", 5))]);
    let answer = bench.invoke_within(batch, Duration::from_millis(900)).await.unwrap();
    assert_eq!(crate::bench::ids(&answer), ["m-1"]);
    assert!(bench.store().entries().is_empty(), "not even claimed");
    assert!((1..=5).contains(&bench.hidden()[0].1));
}

#[tokio::test(start_paused = true)]
async fn a_batch_that_looks_like_an_outage_says_so_after_its_visibilities_are_set() {
    let handler = ["o-1", "o-2", "o-3"].into_iter().fold(Scripted::new(), |all, key| all.on(key, [Play::Transient]));
    let bench = Bench::new(handler);
    let batch: Vec<_> = (1..=3).map(|n| record(&format!("m-{n}"), &Order::body(&format!("o-{n}"), 5))).collect();
    assert_eq!(bench.outage(event(&batch)).await, Some(Outage::Handler));
    assert_eq!(bench.hidden().len(), 3);
    let with_one_good = [&batch[..], &[record("m-4", &Order::body("o-4", 5))]].concat();
    assert_eq!(bench.outage(event(&with_one_good)).await, None);
}

#[tokio::test(start_paused = true)]
async fn a_second_batch_of_an_outage_is_hidden_for_longer_unless_the_brake_is_off() {
    for (brake, least) in [(OutageBrake::Signal, 22), (OutageBrake::Quiet, 22), (OutageBrake::Off, 6)] {
        let keys = ["o-1", "o-2", "o-3"];
        let handler = keys.into_iter().fold(Scripted::new(), |all, key| all.on(key, [Play::Transient]));
        let bench = Bench::of(handler, ProcessSettings { brake, ..settings() }, None);
        let batch: Vec<_> = (1..=3).map(|n| record(&format!("m-{n}"), &Order::body(&format!("o-{n}"), 5))).collect();
        for _ in 0..2 {
            bench.returned(event(&batch)).await;
            tokio::time::sleep(Duration::from_secs(1)).await;
        }
        let (first, second) = (&bench.hidden()[..3], &bench.hidden()[3..]);
        assert!(first.iter().all(|(_, delay)| *delay == 1), "{brake:?}: {first:?}");
        assert!(second.iter().all(|(_, delay)| (least..=30).contains(delay)), "{brake:?}: {second:?}");
        assert_eq!(second.iter().any(|(_, delay)| *delay < 22), brake == OutageBrake::Off);
    }
}

#[tokio::test(start_paused = true)]
async fn two_invocations_of_one_process_at_once_run_each_key_once() {
    let bench = Bench::new(Scripted::new().on("o-1", [Play::Work(Duration::from_secs(1))]));
    let batch = |ids: [&str; 2], key: &str| {
        event(&[record(ids[0], &Order::body("o-1", 5)), record(ids[1], &Order::body(key, 5))])
    };
    let (one, other) =
        tokio::join!(bench.returned(batch(["m-1", "m-2"], "o-2")), bench.returned(batch(["m-3", "m-4"], "o-3")));
    let busy = [one, other].concat();
    assert!(busy == ["m-1"] || busy == ["m-3"], "who came second waits for the first's lease: {busy:?}");
    assert_eq!(["o-1", "o-2", "o-3"].map(|key| (bench.runs(key), bench.charged(key))), [(1, 1); 3]);
}

#[tokio::test(start_paused = true)]
async fn a_dead_message_on_a_queue_without_a_redrive_policy_does_not_spin() {
    let bench = Bench::new(Scripted::new().on("o-1", [Play::Permanent]));
    let mut message = record("m-1", &Order::body("o-1", 5));
    bench.returned(event(&[message.clone()])).await;
    message["attributes"]["ApproximateReceiveCount"] = serde_json::json!("12");
    bench.returned(event(&[message])).await;
    let delays: Vec<_> = bench.hidden().into_iter().map(|(_, seconds)| seconds).collect();
    assert!((1..=2).contains(&delays[0]) && (30..=50).contains(&delays[1]), "{delays:?}");
}

#[tokio::test(start_paused = true)]
async fn delays_shorten_where_the_queue_is_full_of_delayed_messages() {
    let bench = Bench::new(Scripted::new().on("o-1", [Play::RetryAfter(Duration::from_secs(600))]));
    bench.crowd(90_000);
    bench.returned(event(&[record("m-1", &Order::body("o-1", 5))])).await;
    assert_eq!(bench.hidden(), [("m-1".to_owned(), 150)]);
}

/// Blocks its thread until it is let go.
struct Blocking {
    ended: Arc<AtomicBool>,
    gate: Arc<std::sync::Mutex<()>>,
}

impl Handler for Blocking {
    type Message = Order;
    type Effects = TestEffects;

    async fn handle(&self, _: &Order, _: &Context) -> Result<TestEffects, Fault> {
        drop(self.gate.lock());
        self.ended.store(true, Ordering::SeqCst);
        Err(Fault::transient("late", "late"))
    }
}

#[test]
fn a_handler_that_blocks_its_thread_cannot_stop_the_invocations_clock() {
    let handlers = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_time().build().unwrap();
    let flow = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
    let (ended, gate) = (Arc::new(AtomicBool::new(false)), Arc::new(std::sync::Mutex::new(())));
    let held = gate.lock().unwrap();
    flow.block_on(async {
        let handler = Blocking { ended: Arc::clone(&ended), gate: Arc::clone(&gate) };
        let store = ModelLedger::new();
        let bench = Bench::build(handler, store.clone(), store, Faults::none(), handlers.handle().clone());
        let batch = event(&[record("m-1", &Order::body("o-1", 5))]);
        let answer = bench.invoke_within(batch, Duration::from_millis(3_300)).await.unwrap();
        assert_eq!(crate::bench::ids(&answer), ["m-1"]);
        assert!(!ended.load(Ordering::SeqCst), "it was answered while the handler was still blocked");
        assert_eq!(bench.entry("o-1").unwrap().fault.unwrap().class, Class::Timeout);
    });
    drop(held);
    handlers.shutdown_background();
}
