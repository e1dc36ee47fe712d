//! Lambda's real event shapes through the real shell and the real engine, over model stores: what each good and bad
//! input gets, and that nothing is lost.

#![allow(clippy::expect_used, clippy::unwrap_used, clippy::panic, reason = "these are tests")]

mod announcing;
mod bad_input;
mod bench;
mod broker_bench;
mod calls;
mod destinations;
mod draining;
mod editing;
mod ejecting;
mod erasing;
mod faults;
mod faulty_jobs;
mod foreign;
mod forging;
mod generated;
mod groups;
mod honouring;
mod house;
#[cfg(feature = "aws")]
mod instructions;
mod job_bench;
mod job_lists;
mod jobs;
mod kafka;
mod kafka_letters;
mod kafka_replays;
mod limits;
mod numbers;
mod pairs;
mod queues;
mod rabbitmq;
mod rabbitmq_letters;
mod redelivered;
mod refused;
mod replays;
mod secrets;
mod sharing;
mod shown;
mod side_by_side;
mod speed;
mod summaries;
#[cfg(feature = "aws")]
mod throughput;
mod tracing;
mod unlisted;
mod waiting;

use std::time::Duration;

use bench::{Bench, event, record};
use redrive_core::processing::ledger::EntryState;
use redrive_testkit::handlers::{Order, Play, Scripted};
use serde_json::json;

#[tokio::test(start_paused = true)]
async fn a_batch_that_succeeds_is_acknowledged_with_an_empty_list() {
    let bench = Bench::new(Scripted::new());
    let answer = bench.invoke(event(&[record("m-1", &Order::body("o-1", 5)), record("m-2", &Order::body("o-2", 5))]));
    assert_eq!(answer.await.unwrap(), json!({"batchItemFailures": []}));
    assert_eq!((bench.charged("o-1"), bench.charged("o-2")), (1, 1));
    assert!(bench.hidden().is_empty());
}

#[tokio::test(start_paused = true)]
async fn only_what_failed_is_returned_and_comes_back_by_the_schedule() {
    let bench = Bench::new(Scripted::new().on("o-2", [Play::Transient]));
    let bodies = ["o-1", "o-2", "o-3"].map(|order| Order::body(order, 5));
    let batch: Vec<_> = bodies.iter().enumerate().map(|(n, body)| record(&format!("m-{n}"), body)).collect();
    assert_eq!(bench.returned(event(&batch)).await, ["m-1"]);
    assert_eq!(bench.hidden(), [("m-1".to_owned(), 1)]);
    assert_eq!(bench.entry("o-2").unwrap().state, EntryState::Failed);
}

#[tokio::test(start_paused = true)]
async fn a_permanent_fault_runs_once_however_often_it_is_received() {
    let bench = Bench::new(Scripted::new().on("o-1", [Play::Permanent]));
    let batch = event(&[record("m-1", &Order::body("o-1", 5))]);
    for receive in 1..6 {
        assert_eq!(bench.returned(batch.clone()).await, ["m-1"], "receive {receive}");
    }
    assert_eq!(bench.runs("o-1"), 1);
    assert!(bench.hidden().iter().all(|(_, seconds)| (1..=2).contains(seconds)), "it hurries to the dead-letter queue");
}

#[tokio::test(start_paused = true)]
async fn attempts_end_at_the_limit_and_the_delays_follow_the_schedule() {
    let bench = Bench::new(Scripted::new().on("o-1", [Play::Transient]));
    let batch = event(&[record("m-1", &Order::body("o-1", 5))]);
    for _ in 0..9 {
        bench.returned(batch.clone()).await;
        tokio::time::advance(Duration::from_secs(60)).await;
    }
    assert_eq!(bench.runs("o-1"), 4, "three delays, four attempts");
    let delays: Vec<_> = bench.hidden().into_iter().map(|(_, seconds)| seconds).collect();
    assert!(delays[0] == 1 && (6..=10).contains(&delays[1]) && (30..=50).contains(&delays[2]), "{delays:?}");
    assert!(delays[3..].iter().all(|delay| (1..=2).contains(delay)), "{delays:?}");
    assert!(bench.entry("o-1").unwrap().enqueues[0].dead);
}

#[tokio::test(start_paused = true)]
async fn two_records_of_one_key_run_once_and_both_are_acknowledged() {
    let bench = Bench::new(Scripted::new());
    let body = Order::body("o-1", 5);
    assert!(bench.returned(event(&[record("m-1", &body), record("m-2", &body)])).await.is_empty());
    assert_eq!((bench.runs("o-1"), bench.charged("o-1")), (1, 1));
}

#[tokio::test(start_paused = true)]
async fn a_record_behind_a_failed_one_of_its_key_gets_its_delay_and_no_attempt() {
    let bench = Bench::new(Scripted::new().on("o-1", [Play::Transient]));
    let body = Order::body("o-1", 5);
    assert_eq!(bench.returned(event(&[record("m-1", &body), record("m-2", &body)])).await, ["m-1", "m-2"]);
    let hidden = bench.hidden();
    assert_eq!((bench.runs("o-1"), hidden[0].1), (1, hidden[1].1));
    assert_eq!(bench.entry("o-1").unwrap().enqueues.len(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_key_that_comes_again_with_another_payload_is_dead_and_its_owner_untouched() {
    let bench = Bench::new(Scripted::new());
    let (first, second) = (Order::body("o-1", 5), Order::body("o-1", 999));
    // In one batch, and again in the next.
    assert_eq!(bench.returned(event(&[record("m-1", &first), record("m-2", &second)])).await, ["m-2"]);
    assert_eq!(bench.returned(event(&[record("m-3", &second)])).await, ["m-3"]);
    assert_eq!((bench.charged("o-1"), bench.runs("o-1")), (1, 1));
    assert_eq!(bench.entry("o-1").unwrap().state, EntryState::Completed);
    assert_eq!(bench.keyless("m-2").unwrap().fault.unwrap().code, "key_reused");
    assert_eq!(bench.keyless("m-3").unwrap().fault.unwrap().code, "key_reused");
}

#[tokio::test(start_paused = true)]
async fn the_same_id_twice_in_a_batch_is_one_message_with_the_newest_handle() {
    let bench = Bench::new(Scripted::new().on("o-1", [Play::Transient]));
    let body = Order::body("o-1", 5);
    let mut newer = record("m-1", &body);
    newer["receiptHandle"] = json!("newer");
    assert_eq!(bench.returned(event(&[record("m-1", &body), newer])).await, ["m-1"]);
    assert_eq!((bench.runs("o-1"), bench.handles()), (1, vec!["newer".to_owned()]));
}

#[tokio::test(start_paused = true)]
async fn a_completed_message_that_is_delivered_again_is_acknowledged_without_a_run() {
    let bench = Bench::new(Scripted::new());
    let batch = event(&[record("m-1", &Order::body("o-1", 5))]);
    for _ in 0..3 {
        assert!(bench.returned(batch.clone()).await.is_empty());
    }
    assert_eq!((bench.runs("o-1"), bench.charged("o-1")), (1, 1));
}
