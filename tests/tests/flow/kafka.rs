//! Kafka as a source: order in a partition, retries within the invocation, dead letters first, and answers under either reading.

use std::time::Duration;

use redrive_core::letters::stated_death::{DeathAuthor, StatedDeath};
use redrive_core::message::broker_record::{KafkaHeader, KafkaRecord};
use redrive_testkit::handlers::{Order, Play, Scripted};
use redrive_testkit::{CallFault, Faults, ModelTopic, Redelivery};
use tokio::time::Instant;

use crate::broker_bench::{BrokerBench, TIME};

const BOTH: [Redelivery; 2] = [Redelivery::OnlyFailed, Redelivery::FromLowest];

fn produce(topic: &ModelTopic, key: &str, order: &str) {
    topic.produce(Some(key.as_bytes()), Some(Order::body(order, 5).as_bytes()), Vec::new());
}

/// A bench with orders `o-0`, `o-1`, ... in one partition.
fn one_partition(handler: Scripted, faults: Faults, orders: usize) -> BrokerBench<ModelTopic> {
    let bench = BrokerBench::kafka(handler, faults, 1);
    (0..orders).for_each(|n| produce(&bench.main, "k", &format!("o-{n}")));
    bench
}

fn stated(record: &KafkaRecord) -> StatedDeath {
    StatedDeath::of_kafka(&record.headers).unwrap()
}

#[tokio::test(start_paused = true)]
async fn a_transient_fault_is_retried_within_the_invocation_and_holds_up_its_partition_alone() {
    let handler = Scripted::new().on("o-0", [Play::Transient, Play::Transient, Play::Succeed]);
    let bench = BrokerBench::kafka(handler, Faults::none(), 2);
    for (key, order) in [("b", "o-0"), ("b", "o-1"), ("a", "o-2")] {
        produce(&bench.main, key, order);
    }
    let begun = Instant::now();
    assert_eq!(bench.drain(Redelivery::OnlyFailed).await, 1);
    assert!(begun.elapsed() >= Duration::from_secs(6), "the schedule's delays were waited for");
    let started = bench.started();
    assert_eq!(started.last().map(String::as_str), Some("o-1"), "{started:?}");
    assert!(started[..2].contains(&"o-2".to_owned()) && started.len() == 5, "{started:?}");
    assert_eq!([0, 1, 2].map(|n| bench.charged(&format!("o-{n}"))), [1; 3]);
}

#[tokio::test(start_paused = true)]
async fn a_dead_record_is_in_the_dead_letter_topic_with_key_value_and_headers_and_its_partition_goes_on() {
    for redelivery in BOTH {
        let bench = BrokerBench::kafka(Scripted::new().on("o-1", [Play::Permanent]), Faults::none(), 1);
        let headers = vec![KafkaHeader::text("a", 1), KafkaHeader { name: "a".to_owned(), value: Some(vec![0xff]) }];
        for n in 0..3 {
            let value = Order::body(&format!("o-{n}"), 5);
            bench.main.produce(Some(&[0xfe]), Some(value.as_bytes()), headers.clone());
        }
        assert_eq!(bench.drain(redelivery).await, 1, "{redelivery:?}");
        let [dead] = &bench.dead.records()[..] else { panic!("one is dead") };
        let came = &bench.main.records()[1];
        assert_eq!((&dead.key, &dead.value, &dead.headers[..2]), (&came.key, &came.value, &headers[..]));
        let stated = stated(dead);
        assert_eq!(
            (stated.by, stated.origin, stated.attempts),
            (DeathAuthor::Redrive, Some(came.position.clone()), Some(1))
        );
        assert_eq!([0, 1, 2].map(|n| bench.charged(&format!("o-{n}"))), [1, 0, 1]);
        assert_eq!(bench.main.lag(), 0);
    }
}

#[tokio::test(start_paused = true)]
async fn malformed_records_and_tombstones_are_dead_letters_and_no_batch_is_lost() {
    let bench = BrokerBench::kafka(Scripted::new(), Faults::none(), 1);
    let bad: [Option<&[u8]>; 4] = [Some(b"\xff\xfe"), None, Some(b""), Some(b"{\"order_id\":7}")];
    for value in bad {
        bench.main.produce(None, value, Vec::new());
    }
    produce(&bench.main, "", "o-1");
    assert_eq!(bench.drain(Redelivery::OnlyFailed).await, 1);
    let dead: Vec<_> = bench.dead.records().into_iter().map(|record| record.value).collect();
    assert_eq!(dead, bad.map(|value| value.map(<[u8]>::to_vec)));
    assert_eq!(bench.charged("o-1"), 1);
}

#[tokio::test(start_paused = true)]
async fn what_no_time_is_left_for_is_returned_with_all_behind_it_and_rests_by_the_ledger_in_the_next_invocation() {
    for redelivery in BOTH {
        // The third delay of 40 s is longer than an invocation.
        let handler = Scripted::new().on("o-1", [Play::Transient, Play::Transient, Play::Transient, Play::Succeed]);
        let bench = one_partition(handler, Faults::none(), 3);
        let begun = Instant::now();
        let first = bench.answer(&bench.main.poll(100)).await;
        assert_eq!(first.returned().collect::<Vec<_>>(), [("orders-0", 1), ("orders-0", 2)]);
        assert!(begun.elapsed() >= TIME / 2, "an answer that comes sooner would only bring the same batch");
        let invocations = bench.drain(redelivery).await;
        assert!((2..5).contains(&invocations), "{redelivery:?}: {invocations}");
        assert!(begun.elapsed() >= Duration::from_secs(30), "other processes keep the schedule");
        assert_eq!(bench.started(), ["o-0", "o-1", "o-1", "o-1", "o-1", "o-2"]);
        assert_eq!([0, 1, 2].map(|n| bench.charged(&format!("o-{n}"))), [1; 3]);
    }
}

#[tokio::test(start_paused = true)]
async fn without_the_dead_letter_topic_a_dead_record_blocks_its_partition_and_is_sent_once_it_is_there() {
    // The claim, the settlement, and from then on by turns the topic and a look into the ledger.
    let faults = Faults::script([2, 4, 6].map(|call| (call, CallFault::Refused)));
    let bench = one_partition(Scripted::new().on("o-0", [Play::Permanent]), faults, 2);
    bench.drain(Redelivery::OnlyFailed).await;
    assert_eq!((bench.dead.records().len(), bench.charged("o-0"), bench.charged("o-1")), (1, 0, 1));
    assert_eq!(bench.started(), ["o-0", "o-1"], "nothing ran twice");
    let produced = bench.faults.calls().iter().filter(|call| call.service == "dead letter topic").count();
    assert_eq!(produced, 4, "three times in vain");
}

#[tokio::test(start_paused = true)]
async fn an_answer_of_any_call_that_is_lost_or_refused_loses_nothing_and_charges_nothing_twice() {
    let handler = || Scripted::new().on("o-1", [Play::Transient, Play::Succeed]).on("o-2", [Play::Permanent]);
    let calls = {
        let bench = one_partition(handler(), Faults::none(), 4);
        bench.drain(Redelivery::OnlyFailed).await;
        bench.faults.calls().len()
    };
    assert!(calls > 8, "{calls}");
    for call in 0..calls {
        for fault in
            [CallFault::LostAnswer, CallFault::Refused, CallFault::Twice, CallFault::Late(Duration::from_secs(2))]
        {
            for redelivery in BOTH {
                let bench = one_partition(handler(), Faults::script([(call, fault)]), 4);
                bench.drain(redelivery).await;
                let charged = [0, 1, 2, 3].map(|n| bench.charged(&format!("o-{n}")));
                assert_eq!(charged, [1, 1, 0, 1], "{fault:?} of call {call}\n{}", bench.faults.journal().story());
                let dead = bench.dead.records();
                assert!((1..=2).contains(&dead.len()), "{fault:?} of call {call}: {}", dead.len());
                assert!(dead.iter().all(|record| stated(record).origin == stated(&dead[0]).origin));
            }
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_settled_batch_that_comes_again_runs_nothing() {
    let bench = one_partition(Scripted::new().on("o-1", [Play::Permanent]), Faults::none(), 3);
    let batch = bench.main.poll(100);
    for _ in 0..2 {
        assert_eq!(bench.answer(&batch).await.returned().count(), 0);
    }
    assert_eq!(bench.started(), ["o-0", "o-1", "o-2"]);
    assert_eq!(bench.dead.records().len(), 2, "the second copy tells of the same death");
}
