//! Every bad input of the processor's, and what it gets.

use redrive_core::fault::Class;
use redrive_testkit::handlers::{Order, Scripted};
use serde_json::json;

use crate::bench::{Bench, event, record};

#[tokio::test(start_paused = true)]
async fn an_event_without_records_fails_the_invocation_and_an_empty_list_is_nothing_to_do() {
    let bench = Bench::new(Scripted::new());
    assert_eq!(bench.invoke(event(&[])).await.unwrap(), json!({"batchItemFailures": []}));
    for not_a_batch in [json!({}), json!(null), json!(7), json!({"Records": 7})] {
        assert!(bench.invoke(not_a_batch).await.unwrap_err().contains("expected an SQS event"));
    }
}

#[tokio::test(start_paused = true)]
async fn a_record_without_an_id_fails_the_invocation_and_nothing_runs() {
    let bench = Bench::new(Scripted::new());
    for id in [json!(null), json!("")] {
        let mut nameless = record("x", &Order::body("o-2", 5));
        nameless["messageId"] = id;
        let error = bench.invoke(event(&[record("m-1", &Order::body("o-1", 5)), nameless])).await.unwrap_err();
        assert!(error.contains("record 1 of the batch has no message id"), "{error}");
    }
    assert_eq!(bench.charged("o-1"), 0, "nothing was deleted, so nothing needed to run");
}

#[tokio::test(start_paused = true)]
async fn bodies_without_json_or_key_are_returned_recorded_and_never_run() {
    let long = Order::body(&"k".repeat(10_240), 5);
    let cases = [
        ("not json {", "not-json"),
        ("", "not-json"),
        ("null", "no-key"),
        ("17", "no-key"),
        (r#"{"amount":5}"#, "no-key"),
        (r#"{"order_id":"","amount":5}"#, "no-key"),
        (&long, "no-key"),
        (r#"{"order_id":"o-7","amount":"five"}"#, "decode"),
    ];
    let bench = Bench::new(Scripted::new());
    let mut batch: Vec<_> = cases.iter().enumerate().map(|(n, (body, _))| record(&format!("m-{n}"), body)).collect();
    batch.push(record("good", &Order::body("o-1", 5)));
    let returned = bench.returned(event(&batch)).await;
    assert_eq!(returned, (0..cases.len()).map(|n| format!("m-{n}")).collect::<Vec<_>>());
    for (n, (body, code)) in cases.iter().enumerate() {
        let entry = bench.keyless(&format!("m-{n}")).unwrap_or_else(|| panic!("{body} is recorded"));
        let fault = entry.fault.unwrap();
        assert_eq!((fault.class, fault.code.as_str()), (Class::Schema, *code), "{body}");
    }
    assert_eq!((bench.charged("o-1"), bench.runs("o-7")), (1, 0));
    assert!(bench.hidden().iter().all(|(_, seconds)| (1..=2).contains(seconds)));
}

#[tokio::test(start_paused = true)]
async fn a_record_without_handle_or_timestamp_is_returned_as_it_is() {
    let bench = Bench::new(Scripted::new());
    let (mut no_handle, mut no_time) = (record("m-1", &Order::body("o-1", 5)), record("m-2", &Order::body("o-2", 5)));
    no_handle["receiptHandle"] = json!(null);
    no_time["attributes"] = json!({});
    let batch = event(&[no_handle, no_time, record("m-3", &Order::body("o-3", 5))]);
    assert_eq!(bench.returned(batch).await, ["m-1", "m-2"]);
    assert_eq!((bench.charged("o-3"), bench.hidden().len()), (1, 0));
}

#[tokio::test(start_paused = true)]
async fn records_of_another_queue_fail_the_invocation() {
    let bench = Bench::new(Scripted::new());
    let mut stray = record("m-1", &Order::body("o-1", 5));
    stray["eventSourceARN"] = json!("arn:aws:sqs:us-east-1:000000000000:another");
    assert!(bench.invoke(event(&[stray])).await.unwrap_err().contains("another"));
}

#[tokio::test(start_paused = true)]
async fn a_body_with_a_name_twice_is_no_duplicate_of_what_one_reader_takes_it_for() {
    let twice = r#"{"order_id":"o-9","order_id":"o-1","amount":5}"#;
    let bench = Bench::new(Scripted::new());
    // In one batch, and again in the next.
    let batch = event(&[record("m-1", &Order::body("o-1", 5)), record("m-2", twice)]);
    assert_eq!(bench.returned(batch).await, ["m-2"]);
    assert_eq!(bench.returned(event(&[record("m-3", twice)])).await, ["m-3"]);
    for message in ["m-2", "m-3"] {
        let fault = bench.keyless(message).unwrap().fault.unwrap();
        assert_eq!((fault.class, fault.code.as_str()), (Class::Schema, "name-twice"));
        assert!(fault.text.contains(r#"the name "order_id" twice"#), "{}", fault.text);
    }
    assert_eq!((bench.charged("o-1"), bench.charged("o-9")), (1, 0));
}
