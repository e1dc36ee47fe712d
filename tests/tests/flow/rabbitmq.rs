//! RabbitMQ as a source: every message is settled by itself, and a batch is acknowledged whole.

use std::time::Duration;

use redrive_core::message::broker_record::AmqpValue;
use redrive_testkit::handlers::{Order, Play, Scripted};
use redrive_testkit::{CallFault, Faults, ModelRabbitQueue};

use crate::broker_bench::BrokerBench;

fn publish(queue: &ModelRabbitQueue, id: Option<&str>, order: &str) {
    queue.publish(id, Order::body(order, 5).as_bytes());
}

/// A bench with orders `o-0`, `o-1`, ...
fn bench(handler: Scripted, faults: Faults, orders: usize) -> BrokerBench<ModelRabbitQueue> {
    let bench = BrokerBench::rabbitmq(handler, faults);
    (0..orders).for_each(|n| publish(&bench.main, Some(&format!("m-{n}")), &format!("o-{n}")));
    bench
}

#[tokio::test(start_paused = true)]
async fn a_transient_fault_waits_in_a_delay_queue_and_its_batch_is_acknowledged() {
    let bench = bench(Scripted::new().on("o-1", [Play::Transient, Play::Transient, Play::Succeed]), Faults::none(), 3);
    assert!(bench.deliver().await);
    assert_eq!([0, 1, 2].map(|n| bench.charged(&format!("o-{n}"))), [1, 0, 1]);
    assert_eq!(bench.main.messages().len(), 1, "only the copy is left");
    assert!(bench.main.take(10).is_empty(), "and its delay is not over");
    assert_eq!(bench.drain().await, 0);
    assert_eq!(bench.started(), ["o-0", "o-1", "o-2", "o-1", "o-1"]);
    assert_eq!(bench.charged("o-1"), 1);
}

#[tokio::test(start_paused = true)]
async fn a_dead_message_is_in_the_dead_letter_queue_with_its_reason_and_healthy_ones_are_not() {
    let bench = bench(Scripted::new().on("o-1", [Play::Permanent]), Faults::none(), 3);
    assert_eq!(bench.drain().await, 0);
    let [dead] = &bench.dead.messages()[..] else { panic!("one is dead") };
    assert_eq!(dead.body, Order::body("o-1", 5).into_bytes());
    let text = |name: &str| dead.headers.get(name).and_then(AmqpValue::as_text).map(str::to_owned);
    assert!(text("failure-reason").unwrap().starts_with("PERMANENT"));
    assert_eq!(
        (text("original-queue").as_deref(), dead.headers.get("attempt-count")),
        (Some("orders"), Some(&AmqpValue::Int(1)))
    );
}

#[tokio::test(start_paused = true)]
async fn attempts_end_at_the_limit_though_every_copy_is_another_message_of_the_broker() {
    let bench = bench(Scripted::new().on("o-0", [Play::Transient]), Faults::none(), 1);
    assert_eq!(bench.drain().await, 0);
    assert_eq!(bench.started().len(), 4, "three delays, and so four attempts");
    assert_eq!(bench.dead.messages()[0].headers.get("attempt-count"), Some(&AmqpValue::Int(4)));
}

#[tokio::test(start_paused = true)]
async fn an_answer_of_any_call_that_is_lost_or_refused_loses_nothing_and_charges_nothing_twice() {
    let handler = || Scripted::new().on("o-1", [Play::Transient, Play::Succeed]).on("o-2", [Play::Permanent]);
    let calls = {
        let bench = bench(handler(), Faults::none(), 4);
        bench.drain().await;
        bench.faults.calls().len()
    };
    assert!(calls > 8, "{calls}");
    let mut failed = 0;
    for call in 0..calls {
        for fault in [CallFault::LostAnswer, CallFault::Refused, CallFault::Twice, CallFault::Partly(1)] {
            let bench = bench(handler(), Faults::script([(call, fault)]), 4);
            failed += bench.drain().await;
            let charged = [0, 1, 2, 3].map(|n| bench.charged(&format!("o-{n}")));
            assert_eq!(charged, [1, 1, 0, 1], "{fault:?} of call {call}\n{}", bench.faults.journal().story());
            let dead = bench.dead.messages();
            assert!((1..=2).contains(&dead.len()), "{fault:?} of call {call}: {}", dead.len());
        }
    }
    assert!(failed > 0, "a copy that is not known to wait fails its batch");
}

#[tokio::test(start_paused = true)]
async fn a_message_without_any_id_runs_once_for_each_body() {
    let bench = BrokerBench::rabbitmq(Scripted::new(), Faults::none());
    publish(&bench.main, None, "o-1");
    publish(&bench.main, None, "o-1");
    publish(&bench.main, None, "o-2");
    assert_eq!(bench.drain().await, 0);
    assert_eq!(bench.started(), ["o-1", "o-2"]);
}

#[tokio::test(start_paused = true)]
async fn an_id_that_comes_with_another_body_is_another_message_and_neither_is_lost() {
    let bench = BrokerBench::rabbitmq(Scripted::new(), Faults::none());
    publish(&bench.main, Some("m-1"), "o-1");
    publish(&bench.main, Some("m-1"), "o-2");
    assert_eq!(bench.drain().await, 0);
    assert_eq!(["o-1", "o-2"].map(|order| bench.charged(order)), [1; 2]);
}

#[tokio::test(start_paused = true)]
async fn while_the_ledger_is_out_of_reach_messages_wait_as_copies_and_none_is_returned_at_once() {
    let faults = Faults::script((0..3).map(|call| (call, CallFault::Refused)));
    let bench = bench(Scripted::new(), faults, 1);
    assert!(bench.deliver().await || bench.main.messages().len() == 1);
    tokio::time::sleep(Duration::from_secs(1)).await;
    bench.drain().await;
    assert_eq!(bench.charged("o-0"), 1);
}
