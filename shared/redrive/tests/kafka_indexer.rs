//! The indexer of a dead letter topic as a process, between Lambda's runtime interface and a model of AWS's.

#![allow(clippy::expect_used, clippy::unwrap_used, clippy::panic, reason = "these are tests")]

#[allow(dead_code, reason = "the tests of the other functions use all of it")]
mod fake;

use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD as BASE64;
use fake::{World, log_lines};
use serde_json::{Value, json};

const TIME: Duration = Duration::from_secs(20);

#[test]
#[ignore = "the process of a function, started by the other tests"]
fn kafka_indexer() -> Result<(), redrive::Error> {
    // A person may run ignored tests, too.
    if std::env::var_os("AWS_LAMBDA_RUNTIME_API").is_none() {
        return Ok(());
    }
    redrive::run_kafka_indexer()
}

const SETTINGS: [(&str, &str); 6] = [
    ("KAFKA_TOPICS", "orders"),
    ("KAFKA_CLUSTER", "shop"),
    ("KAFKA_DEAD_LETTER_TOPIC", "orders.dead"),
    ("KAFKA_ANSWER", "partial"),
    ("LEDGER_TABLE_NAME", "ledger"),
    ("DEAD_LETTER_TABLE_NAME", "letters"),
];

/// An event with these values in one partition of the dead letter topic, from offset 7 on.
fn event(values: &[&[u8]]) -> Value {
    let record = |(place, value): (usize, &&[u8])| json!({"topic": "orders.dead", "partition": 0, "offset": 7 + place, "value": BASE64.encode(value), "headers": []});
    let records: Vec<_> = values.iter().enumerate().map(record).collect();
    json!({"eventSource": "SelfManagedKafka", "records": {"orders.dead-0": records}})
}

fn denied(_: &str) -> (u16, String) {
    (400, json!({"__type": "AccessDeniedException", "message": "no"}).to_string())
}

#[test]
fn each_record_is_a_letter_whatever_its_bytes_are_and_nothing_of_it_is_logged() {
    let output = World::start().run("kafka_indexer", &SETTINGS, |world| {
        let (end, said) = world.invoke(&event(&[b"{\"SECRET\":1}", b"\xffSECRET", b""]), TIME);
        assert_eq!((end.as_str(), &said), ("response", &json!({"batchItemFailures": []})));
    });
    let metrics: Vec<_> = log_lines(&output).into_iter().filter(|line| line["_aws"].is_object()).collect();
    let counted = ["DeadReceived", "LettersCreated", "Queue"].map(|name| metrics[0][name].clone());
    assert_eq!(Value::from_iter(counted), json!([3, 3, "orders"]));
    let text = String::from_utf8_lossy(&output.stdout) + String::from_utf8_lossy(&output.stderr);
    assert!(!text.contains("SECRET"), "{text}");
}

#[test]
fn records_that_cannot_be_written_down_are_named_and_fail_the_invocation_where_no_names_are_read() {
    World::with_aws(denied).run("kafka_indexer", &SETTINGS, |world| {
        let (end, said) = world.invoke(&event(&[b"{}", b"[]"]), TIME);
        let named = |offset: u64| json!({"itemIdentifier": {"partition": "orders.dead-0", "offset": offset}});
        assert_eq!((end.as_str(), said), ("response", json!({"batchItemFailures": [named(7), named(8)]})));
    });
    let mut settings = SETTINGS.to_vec();
    settings.push(("KAFKA_ANSWER", "fail"));
    World::with_aws(denied).run("kafka_indexer", &settings, |world| {
        let (end, said) = world.invoke(&event(&[b"{}"]), TIME);
        assert_eq!((end.as_str(), &said["errorType"]), ("error", &json!("RecordsNotIndexed")), "{said}");
        assert!(said["errorMessage"].as_str().unwrap().starts_with("1 of 1 records are no letters yet"), "{said}");
    });
}

#[test]
fn an_event_that_is_not_of_its_topic_fails_the_invocation_and_a_bad_configuration_the_process() {
    World::start().run("kafka_indexer", &SETTINGS, |world| {
        for event in [json!({"Records": []}), json!({"records": {"SECRET-0": [{"offset": 1}]}})] {
            let (end, said) = world.invoke(&event, TIME);
            assert_eq!((end.as_str(), &said["errorType"]), ("error", &json!("EventNotUnderstood")), "{event}");
            assert!(!said.to_string().contains("SECRET"), "{said}");
        }
    });
    let mut settings = SETTINGS.to_vec();
    settings.extend([("KAFKA_DEAD_LETTER_TOPIC", "orders"), ("LEDGER_TABLE_NAME", "")]);
    let output = World::start().run_to_its_end("kafka_indexer", &settings);
    assert!(!output.status.success());
    let lines = log_lines(&output);
    let problems = lines[0]["problems"].as_str().unwrap();
    assert!(
        problems.contains("KAFKA_DEAD_LETTER_TOPIC is \"orders\"") && problems.contains("LEDGER_TABLE_NAME"),
        "{problems}"
    );
}
