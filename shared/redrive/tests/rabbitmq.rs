//! A function for RabbitMQ as a process of its own, between Lambda's runtime interface and a broker: one that is not there, and
//! a real one (`make test-rabbitmq`).

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests")]

#[allow(dead_code, reason = "the tests of the other functions use all of it")]
mod fake;

use std::time::Duration;

use base64::Engine;
use fake::{Answer, World, log_lines};
use redrive::{Context, Fault, Handler};
use redrive_rabbitmq::testing::RabbitBench;
use serde_json::{Value, json};

const TIME: Duration = Duration::from_secs(20);

/// Does what its messages say. It is no handler for RabbitMQ: there is none.
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
fn rabbitmq_processor() -> Result<(), redrive::Error> {
    // A person may run ignored tests, too.
    if std::env::var_os("AWS_LAMBDA_RUNTIME_API").is_none() {
        return Ok(());
    }
    redrive::run_rabbitmq(|aws| {
        aws.setting("GREETING", "hello", |text| if text == "hello" { Ok(()) } else { Err("hello") })?;
        Ok(Obedient)
    })
}

fn settings<'a>(changes: &[(&'a str, &'a str)]) -> Vec<(&'a str, &'a str)> {
    let mut settings = vec![
        ("RABBITMQ_QUEUE", "orders"),
        ("RABBITMQ_BROKER", "shop"),
        // Nothing listens there.
        ("RABBITMQ_ENDPOINT", "amqp://127.0.0.1:1"),
        ("RABBITMQ_USER", "SECRET"),
        ("RABBITMQ_PASSWORD", "SECRET"),
        ("RABBITMQ_DEAD_LETTER_QUEUE", "orders.dead"),
        ("LEDGER_TABLE_NAME", "ledger"),
        ("HANDLER_TIMEOUT_SECONDS", "1"),
    ];
    settings.extend(changes);
    settings
}

fn run(changes: &[(&str, &str)], work: impl FnOnce(&World)) -> std::process::Output {
    World::start().run("rabbitmq_processor", &settings(changes), work)
}

/// An event of the queue with these messages; each has an id.
fn event(messages: &[&str]) -> Value {
    let message = |(n, text): (usize, &&str)| {
        let body = base64::engine::general_purpose::STANDARD.encode(json!(text).to_string());
        json!({"basicProperties": {"messageId": format!("m-{n}"), "priority": null, "headers": {}},
            "redelivered": false, "data": body})
    };
    let messages: Vec<_> = messages.iter().enumerate().map(message).collect();
    json!({"eventSource": "aws:rmq", "eventSourceArn": "arn", "rmqMessagesByQueue": {"orders::/": messages}})
}

fn told_undone((end, said): &Answer, beginning: &str) {
    assert_eq!((end.as_str(), &said["errorType"]), ("error", &json!("MessagesNotSettled")), "{said}");
    assert!(said["errorMessage"].as_str().unwrap().starts_with(beginning), "{said}");
}

#[test]
fn a_batch_that_is_done_is_acknowledged_without_a_broker() {
    let output = run(&[], |world| {
        assert_eq!(world.invoke(&event(&["fine", "good"]), TIME), ("response".to_owned(), Value::Null));
        assert_eq!(world.invoke(&json!({"rmqMessagesByQueue": {}}), TIME), ("response".to_owned(), Value::Null));
    });
    let metrics: Vec<_> = log_lines(&output).into_iter().filter(|line| line["_aws"].is_object()).collect();
    let counted = ["Received", "Completed", "Queue"].map(|name| metrics[0][name].clone());
    assert_eq!(Value::from_iter(counted), json!([2, 2, "orders"]));
}

#[test]
fn a_message_that_no_other_queue_has_fails_its_batch_and_names_how_many() {
    run(&[], |world| {
        told_undone(&world.invoke(&event(&["fine", "refuse"]), TIME), "1 of 2 messages");
        told_undone(&world.invoke(&event(&["later", "refuse", "good"]), TIME), "2 of 3 messages");
    });
}

#[test]
fn without_an_id_a_message_is_run_by_its_body_or_dead_by_choice() {
    let mut without = event(&["fine"]);
    without["rmqMessagesByQueue"]["orders::/"][0]["basicProperties"]["messageId"] = Value::Null;
    run(&[], |world| assert_eq!(world.invoke(&without, TIME).0, "response"));
    run(&[("RABBITMQ_WITHOUT_ID", "refuse")], |world| told_undone(&world.invoke(&without, TIME), "1 of 1 messages"));
}

#[test]
fn an_event_that_is_not_of_its_queue_fails_the_invocation_and_tells_nothing_of_it() {
    let output = run(&[("AWS_LAMBDA_LOG_LEVEL", "TRACE")], |world| {
        let message = json!([{"basicProperties": {"messageId": "m-1", "headers": {"h": "SECRET"}}, "data": "SECRET"}]);
        for event in [
            json!({"rmqMessagesByQueue": {"SECRET::/": message}}),
            json!({"rmqMessagesByQueue": {"orders::SECRET": message}}),
            json!({"Records": []}),
        ] {
            let (end, said) = world.invoke(&event, TIME);
            assert_eq!((end.as_str(), &said["errorType"]), ("error", &json!("EventNotUnderstood")), "{event}");
            assert!(!said.to_string().contains("SECRET"), "{said}");
        }
        told_undone(&world.invoke(&json!({"rmqMessagesByQueue": {"orders::/": message}}), TIME), "1 of 1 messages");
    });
    let text = String::from_utf8_lossy(&output.stdout) + String::from_utf8_lossy(&output.stderr);
    assert!(!text.contains("SECRET"), "{text}");
}

#[test]
fn a_bad_configuration_ends_the_process_with_every_problem_in_one_line_and_no_login() {
    let changes =
        [("RABBITMQ_QUEUE", ""), ("RABBITMQ_ENDPOINT", "amqps://SECRET:SECRET@b:5671"), ("GREETING", "good day")];
    let output = World::start().run_to_its_end("rabbitmq_processor", &settings(&changes));
    assert!(!output.status.success());
    let lines = log_lines(&output);
    let problems = lines[0]["problems"].as_str().unwrap();
    assert!(problems.contains("RABBITMQ_QUEUE is not set") && problems.contains("RABBITMQ_ENDPOINT is no address"));
    assert!(problems.contains("GREETING is \"good day\"") && !problems.contains("SECRET"), "{problems}");
}

/// A real broker with queues of its own, and settings of a function for them.
struct Real {
    runtime: tokio::runtime::Runtime,
    bench: RabbitBench,
    settings: Vec<(&'static str, String)>,
}

impl Real {
    fn start() -> Self {
        let address = std::env::var_os("REDRIVE_TEST_AMQP").expect("make test-rabbitmq sets REDRIVE_TEST_AMQP");
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
        let bench = runtime.block_on(RabbitBench::start(address.to_str().unwrap()));
        runtime.block_on(bench.declare("main", &[]));
        let login = RabbitBench::publisher();
        let settings = vec![
            ("RABBITMQ_QUEUE", bench.queue("main")),
            ("RABBITMQ_ENDPOINT", bench.endpoint().to_string()),
            ("RABBITMQ_USER", login.user),
            ("RABBITMQ_PASSWORD", login.password),
            ("RABBITMQ_DEAD_LETTER_QUEUE", bench.queue("dead")),
            ("AWS_LAMBDA_LOG_LEVEL", "TRACE".to_owned()),
        ];
        Self { runtime, bench, settings }
    }

    fn run(&self, work: impl FnOnce(&World)) -> std::process::Output {
        let changes: Vec<_> = self.settings.iter().map(|(name, value)| (*name, value.as_str())).collect();
        run(&changes, work)
    }

    /// An event of its main queue.
    fn event(&self, messages: &[&str]) -> Value {
        let mut event = event(messages);
        let messages = event["rmqMessagesByQueue"]["orders::/"].take();
        event["rmqMessagesByQueue"] = json!({format!("{}::/", self.bench.queue("main")): messages});
        event
    }

    /// Bodies of so many messages of a queue.
    fn take(&self, queue: &str, count: usize) -> Vec<String> {
        let found = self.runtime.block_on(self.bench.take(&self.bench.queue(queue), count));
        found.iter().map(|message| String::from_utf8(message.data.clone()).unwrap()).collect()
    }

    fn end(self) {
        self.runtime.block_on(self.bench.end());
    }
}

#[test]
#[ignore = "needs a RabbitMQ: make test-rabbitmq"]
fn the_dead_are_in_their_queue_what_is_for_later_comes_back_and_the_batch_is_acknowledged() {
    let real = Real::start();
    real.runtime.block_on(real.bench.declare("dead", &[]));
    let output = real.run(|world| {
        let answer = world.invoke(&real.event(&["fine", "refuse", "later", "good", "refuse"]), TIME);
        assert_eq!(answer, ("response".to_owned(), Value::Null));
    });
    assert_eq!(real.take("dead", 2), [r#""refuse""#; 2]);
    assert_eq!(real.take("main", 1), [r#""later""#]);
    let metrics: Vec<_> = log_lines(&output).into_iter().filter(|line| line["_aws"].is_object()).collect();
    let counted = ["Received", "Completed", "HandedOver"].map(|name| metrics[0][name].clone());
    assert_eq!(Value::from_iter(counted), json!([5, 2, 2]));
    real.end();
}

#[test]
#[ignore = "needs a RabbitMQ: make test-rabbitmq"]
fn what_the_dead_letter_queue_does_not_take_comes_back_and_nothing_of_what_was_returned_is_logged() {
    let real = Real::start();
    let output = real.run(|world| {
        assert_eq!(world.invoke(&real.event(&["fine", "refuse"]), TIME), ("response".to_owned(), Value::Null));
    });
    assert_eq!(real.take("main", 1), [r#""refuse""#], "as a copy, after a second or two");
    let text = String::from_utf8_lossy(&output.stdout) + String::from_utf8_lossy(&output.stderr);
    assert!(text.contains("returned 312 NO_ROUTE"), "the adapter says it: {text}");
    // As text, and as the client shows bytes.
    for body in ["refuse\"", "114, 101, 102, 117, 115, 101"] {
        assert!(!text.contains(body), "{text}");
    }
    real.end();
}
