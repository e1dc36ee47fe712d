//! A function for Kafka as a process of its own, between Lambda's runtime interface and a broker in process.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests")]

#[allow(dead_code, reason = "the tests of the other functions use all of it")]
mod fake;

use std::time::Duration;

use base64::Engine;
use fake::{Answer, World, log_lines};
use redrive::{Context, Fault, Handler};
use redrive_kafka::testing::{ApiKey, Control, ErrorCode, FakeBroker};
use serde_json::{Value, json};

/// Answer that names no record.
const ALL_DONE: [(String, i64); 0] = [];
const DEAD: &str = "orders.dead";
const TIME: Duration = Duration::from_secs(20);
/// Shorter, where a record is never done: the invocation waits for as long as it has time.
const SHORT: Duration = Duration::from_secs(6);

/// Does what its messages say. It is no handler for Kafka: there is none.
struct Obedient;

impl Handler for Obedient {
    type Message = String;
    type Effects = ();

    async fn handle(&self, message: &String, _: &Context) -> Result<(), Fault> {
        match message.as_str() {
            "refuse" => Err(Fault::permanent("refused", "as asked")),
            "later" => Err(Fault::transient("later", "as asked")),
            _ => Ok(()),
        }
    }
}

#[test]
#[ignore = "the process of a function, started by the other tests"]
fn kafka_processor() -> Result<(), redrive::Error> {
    // A person may run ignored tests, too.
    if std::env::var_os("AWS_LAMBDA_RUNTIME_API").is_none() {
        return Ok(());
    }
    redrive::run_kafka(|aws| {
        aws.setting("GREETING", "hello", |text| if text == "hello" { Ok(()) } else { Err("hello") })?;
        Ok(Obedient)
    })
}

/// A broker with a dead letter topic. Its runtime goes on while a test waits for the function.
struct Bench {
    runtime: tokio::runtime::Runtime,
    broker: FakeBroker,
}

impl Bench {
    fn start() -> Self {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
        let broker = runtime.block_on(FakeBroker::start()).unwrap();
        broker.create_topic(DEAD, 1);
        Self { runtime, broker }
    }

    fn run(&self, changes: &[(&str, &str)], work: impl FnOnce(&World)) -> std::process::Output {
        let _inside = self.runtime.enter();
        let servers = self.broker.bootstrap_servers();
        World::start().run("kafka_processor", &settings(&servers, changes), work)
    }

    /// Values of the dead letter topic.
    fn dead(&self) -> Vec<String> {
        let records = self.broker.all_records(DEAD).unwrap();
        records.iter().map(|record| String::from_utf8(record.value.clone().unwrap().to_vec()).unwrap()).collect()
    }
}

fn settings<'a>(servers: &'a str, changes: &[(&'a str, &'a str)]) -> Vec<(&'a str, &'a str)> {
    let mut settings = vec![
        ("KAFKA_TOPICS", "orders"),
        ("KAFKA_CLUSTER", "shop"),
        ("KAFKA_BOOTSTRAP_SERVERS", servers),
        ("KAFKA_DEAD_LETTER_TOPIC", DEAD),
        ("KAFKA_SECURITY", "none"),
        ("KAFKA_ANSWER", "partial"),
        ("LEDGER_TABLE_NAME", "ledger"),
        ("HANDLER_TIMEOUT_SECONDS", "1"),
    ];
    settings.extend(changes);
    settings
}

/// An event with these messages of each partition, from offset 7 on.
fn event(partitions: &[&[&str]]) -> Value {
    let encode = |message: &&str| base64(json!(message).to_string().as_bytes());
    let records = partitions.iter().enumerate().map(|(partition, messages)| {
        let records = messages.iter().map(encode).enumerate().map(|(place, value)| {
            json!({
                "topic": "orders", "partition": partition, "offset": 7 + place, "timestamp": 1_763_787_600_123_u64,
                "timestampType": "CREATE_TIME", "value": value, "headers": [{"trace": [116, -1]}],
            })
        });
        (format!("orders-{partition}"), Value::from_iter(records))
    });
    let records: serde_json::Map<_, _> = records.collect();
    json!({"eventSource": "SelfManagedKafka", "bootstrapServers": "b:9092", "records": records})
}

fn base64(bytes: &[u8]) -> String {
    base64::engine::general_purpose::STANDARD.encode(bytes)
}

/// Partition and offset of each record that is not done.
fn undone((end, said): &Answer) -> Vec<(String, i64)> {
    assert_eq!(end, "response", "{said}");
    let failures = said["batchItemFailures"].as_array().unwrap().iter().map(|failure| {
        let id = &failure["itemIdentifier"];
        (id["partition"].as_str().unwrap().to_owned(), id["offset"].as_i64().unwrap())
    });
    failures.collect()
}

#[test]
fn each_record_of_a_batch_stands_alone_and_the_dead_are_in_their_topic_as_they_came() {
    let bench = Bench::start();
    let output = bench.run(&[], |world| {
        let answer = world.invoke(&event(&[&["fine", "refuse", "fine"], &["refuse", "fine"]]), TIME);
        assert_eq!(undone(&answer), ALL_DONE);
        assert_eq!(undone(&world.invoke(&json!({"records": {}}), TIME)), ALL_DONE);
    });
    let dead = bench.broker.all_records(DEAD).unwrap();
    assert_eq!(bench.dead(), [r#""refuse""#; 2]);
    for record in &dead {
        let header = |name: &str| record.headers.iter().find(|(own, _)| own.as_str() == name).unwrap().1.clone();
        assert_eq!(header("trace").as_deref(), Some(&[b't', 0xff][..]));
        assert_eq!(header("original-topic").as_deref(), Some(&b"orders"[..]));
        assert!(header("failure-reason").is_some_and(|reason| reason.starts_with(b"PERMANENT refused")));
        assert_eq!(record.timestamp, 1_763_787_600_123);
    }
    let metrics: Vec<_> = log_lines(&output).into_iter().filter(|line| line["_aws"].is_object()).collect();
    let counted = ["Received", "Completed", "HandedOver", "Queue"].map(|name| metrics[0][name].clone());
    assert_eq!(Value::from_iter(counted), json!([5, 3, 2, "orders"]));
}

#[test]
fn an_answer_of_the_dead_letter_topic_that_is_lost_loses_nothing_and_doubles_nothing() {
    let bench = Bench::start();
    bench.broker.on_once(ApiKey::Produce, |_| Control::ApplyThen(Box::new(Control::Disconnect)));
    bench.run(&[], |world| assert_eq!(undone(&world.invoke(&event(&[&["refuse"]]), TIME)), ALL_DONE));
    assert_eq!(bench.dead(), [r#""refuse""#]);
}

#[test]
fn a_dead_record_that_its_topic_does_not_take_is_not_done_and_neither_is_what_stands_behind_it() {
    let bench = Bench::start();
    bench.broker.on(ApiKey::Produce, |_| Control::Error(ErrorCode::MessageTooLarge));
    bench.run(&[], |world| {
        let answer = world.invoke(&event(&[&["fine", "refuse", "fine"], &["fine"]]), SHORT);
        assert_eq!(undone(&answer), [("orders-0".to_owned(), 8), ("orders-0".to_owned(), 9)]);
        assert!(bench.dead().is_empty());
        bench.broker.clear_hooks();
        let again = world.invoke(&event(&[&["fine", "refuse", "fine"]]), TIME);
        assert_eq!((undone(&again), bench.dead().len()), (ALL_DONE.to_vec(), 1), "the same process goes on");
    });
}

#[test]
fn without_its_cluster_nothing_dead_is_acknowledged() {
    let bench = Bench::start();
    bench.run(&[("KAFKA_BOOTSTRAP_SERVERS", "127.0.0.1:1")], |world| {
        let answer = world.invoke(&event(&[&["refuse"], &["fine"]]), SHORT);
        assert_eq!(undone(&answer), [("orders-0".to_owned(), 7)]);
    });
}

#[test]
fn unless_a_mapping_reads_names_a_record_that_is_not_done_fails_its_invocation() {
    let bench = Bench::start();
    bench.run(&[("KAFKA_ANSWER", "fail")], |world| {
        let (end, said) = world.invoke(&event(&[&["later", "fine"], &["fine"]]), SHORT);
        assert_eq!((end.as_str(), &said["errorType"]), ("error", &json!("RecordsNotDone")), "{said}");
        assert!(said["errorMessage"].as_str().unwrap().starts_with("2 of 3 records"), "{said}");
        assert_eq!(undone(&world.invoke(&event(&[&["fine"]]), TIME)), ALL_DONE);
    });
}

#[test]
fn an_event_that_is_not_of_its_topics_fails_the_invocation_and_tells_nothing_of_it() {
    let bench = Bench::start();
    let output = bench.run(&[], |world| {
        let mut foreign = event(&[&["fine"]]);
        foreign["records"]["orders-0"][0]["topic"] = json!("SECRET");
        for event in [foreign, json!({"Records": []}), json!({"records": {"orders-0": [{"value": "SECRET"}]}})] {
            let (end, said) = world.invoke(&event, TIME);
            assert_eq!((end.as_str(), &said["errorType"]), ("error", &json!("EventNotUnderstood")), "{event}");
            assert!(!said.to_string().contains("SECRET"), "{said}");
        }
    });
    let text = String::from_utf8_lossy(&output.stdout) + String::from_utf8_lossy(&output.stderr);
    assert!(!text.contains("SECRET"), "{text}");
}

#[test]
fn nothing_of_a_record_is_logged_at_any_level() {
    let bench = Bench::start();
    let mut event = event(&[&["fine"]]);
    let secret = json!([{"SECRET": b"SECRET"}, {"idempotency-key": b"SECRET"}]);
    for (field, value) in [("key", json!(base64(b"SECRET"))), ("value", json!(base64(b"SECRET"))), ("headers", secret)]
    {
        event["records"]["orders-0"][0][field] = value;
    }
    let output = bench.run(&[("AWS_LAMBDA_LOG_LEVEL", "TRACE")], |world| {
        assert_eq!(undone(&world.invoke(&event, TIME)), ALL_DONE);
    });
    assert_eq!(bench.dead(), ["SECRET"], "it is no JSON, and so dead");
    let text = String::from_utf8_lossy(&output.stdout) + String::from_utf8_lossy(&output.stderr);
    assert!(!text.contains("SECRET"), "{text}");
}

#[test]
fn a_bad_configuration_ends_the_process_with_every_problem_in_one_line_and_no_password() {
    let changes = [("KAFKA_TOPICS", ""), ("KAFKA_PASSWORD", "SECRET"), ("GREETING", "good day")];
    let output = World::start().run_to_its_end("kafka_processor", &settings("b:9092", &changes));
    assert!(!output.status.success());
    let lines = log_lines(&output);
    let problems = lines[0]["problems"].as_str().unwrap();
    assert!(problems.contains("KAFKA_TOPICS is not set") && problems.contains("KAFKA_SECURITY sends no login"));
    assert!(problems.contains("GREETING is \"good day\"") && !problems.contains("SECRET"), "{problems}");
}
