//! Tests of whole functions as processes of their own: started, invoked and refused as Lambda would.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests")]

mod administration;
mod fake;
mod traced;

use std::sync::LazyLock;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use fake::{World, log_lines};
use redrive::{Context, Fault, Handler};
use serde_json::{Value, json};
use tokio::sync::Barrier;

const QUEUE: &str = "arn:aws:sqs:us-east-1:000000000000:orders";
const SETTINGS: [(&str, &str); 9] = [
    ("MAIN_QUEUE_URL", "https://sqs.us-east-1.amazonaws.com/000000000000/orders"),
    ("MAIN_QUEUE_ARN", QUEUE),
    ("DEAD_LETTER_QUEUE_URL", "https://sqs.us-east-1.amazonaws.com/000000000000/orders-dead"),
    ("LEDGER_TABLE_NAME", "ledger"),
    ("DEAD_LETTER_TABLE_NAME", "letters"),
    ("MAX_RECEIVE_COUNT", "11"),
    ("QUEUE_VISIBILITY_TIMEOUT_SECONDS", "30"),
    ("HANDLER_TIMEOUT_SECONDS", "1"),
    ("GREETING", "hello"),
];

/// Barrier at which two runs of the handler meet.
static MEETING: LazyLock<Barrier> = LazyLock::new(|| Barrier::new(2));

/// Does what its messages say.
struct Obedient;

impl Handler for Obedient {
    type Message = String;
    type Effects = ();

    async fn handle(&self, message: &String, _: &Context) -> Result<(), Fault> {
        match message.as_str() {
            "block" => std::thread::sleep(Duration::from_secs(60)),
            // Goes on when another invocation of the same process is there, too.
            "meet" => {
                MEETING.wait().await;
            }
            "panic" => panic!("SECRET"),
            "refuse" => return Err(Fault::permanent("refused", "as asked")),
            _ => {}
        }
        Ok(())
    }
}

/// Returns true in a process that was started as a function. A person may run ignored tests, too.
fn started_as_a_function() -> bool {
    std::env::var_os("AWS_LAMBDA_RUNTIME_API").is_some()
}

#[test]
#[ignore = "the process of a function, started by the other tests"]
fn processor() -> Result<(), redrive::Error> {
    if !started_as_a_function() {
        return Ok(());
    }
    redrive::run(|aws| {
        aws.setting("GREETING", None, |text| if text == "hello" { Ok(()) } else { Err("hello") })?;
        Ok(Obedient)
    })
}

#[test]
#[ignore = "the process of a function, started by the other tests"]
fn indexer() -> Result<(), redrive::Error> {
    if !started_as_a_function() {
        return Ok(());
    }
    redrive::run_indexer()
}

#[test]
#[ignore = "the process of a function, started by the other tests"]
fn replay() -> Result<(), redrive::Error> {
    if !started_as_a_function() {
        return Ok(());
    }
    redrive::run_replay()
}

fn batch(messages: &[&str]) -> Value {
    let records: Vec<_> = messages
        .iter()
        .enumerate()
        .map(|(place, message)| {
            json!({
                "messageId": format!("m-{place}"), "receiptHandle": "h", "body": json!(message).to_string(),
                "attributes": {"SentTimestamp": "1763787600123", "ApproximateReceiveCount": "1"},
                "eventSourceARN": QUEUE,
            })
        })
        .collect();
    json!({ "Records": records })
}

fn returned(answer: &(String, Value)) -> Vec<&str> {
    assert_eq!(answer.0, "response", "{}", answer.1);
    let failures = answer.1["batchItemFailures"].as_array().unwrap();
    let mut ids: Vec<_> = failures.iter().map(|failure| failure["itemIdentifier"].as_str().unwrap()).collect();
    ids.sort_unstable();
    ids
}

const TIME: Duration = Duration::from_secs(20);

#[test]
fn each_message_of_a_batch_stands_alone() {
    let world = World::start();
    let output = world.run("processor", &SETTINGS, |world| {
        let answer = world.invoke(&batch(&["fine", "panic", "refuse", "fine too"]), TIME);
        assert_eq!(returned(&answer), ["m-1", "m-2"]);
        assert!(returned(&world.invoke(&json!({"Records": []}), TIME)).is_empty());
    });
    let text = String::from_utf8_lossy(&output.stdout) + String::from_utf8_lossy(&output.stderr);
    assert!(!text.contains("SECRET"), "a panic's text was written out: {text}");
    let lines = log_lines(&output);
    assert!(lines.iter().any(|line| line["place"].as_str().is_some_and(|place| place.contains("function.rs"))));
    assert!(lines.iter().any(|line| line["code"] == "refused" && line["span"]["request_id"] == "r-1"));
    let metrics: Vec<_> = lines.iter().filter(|line| line["_aws"].is_object()).collect();
    assert_eq!(metrics.len(), 2, "one line of numbers an invocation");
    assert_eq!(
        (&metrics[0]["Received"], &metrics[0]["Completed"], &metrics[0]["Queue"]),
        (&json!(4), &json!(2), &json!("orders"))
    );
}

#[test]
fn two_invocations_at_once_share_a_process_and_their_calls_keep_their_traces() {
    let world = World::start();
    let managed = [&SETTINGS[..], &[("AWS_LAMBDA_MAX_CONCURRENCY", "2"), ("HANDLER_TIMEOUT_SECONDS", "10")]].concat();
    let output = world.run("processor", &managed, |world| {
        // Calls that both share bear no header; what was refused is hidden by a call of its own invocation.
        let answers = world.invoke_at_once(&[batch(&["meet", "refuse"]), batch(&["meet", "refuse"])], TIME);
        assert!(answers.iter().all(|answer| returned(answer) == ["m-1"]), "{answers:?}");
        assert_eq!(world.traces(), ["Root=1-0", "Root=1-1"]);
    });
    let metrics = log_lines(&output).into_iter().filter(|line| line["_aws"].is_object()).count();
    assert_eq!(metrics, 2, "one line of numbers an invocation");
}

#[test]
fn one_invocation_after_the_other_keeps_its_trace_too() {
    let world = World::start();
    world.run("processor", &SETTINGS, |world| {
        (0..2).for_each(|_| assert!(returned(&world.invoke(&batch(&["fine"]), TIME)).is_empty()));
        assert_eq!(world.traces(), ["Root=1-0", "Root=1-1"]);
    });
}

#[test]
fn handlers_that_block_every_thread_do_not_stop_the_clock() {
    let world = World::start();
    world.run("processor", &SETTINGS, |world| {
        let messages = ["block"; 64];
        let started = Instant::now();
        let answer = world.invoke(&batch(&messages), TIME);
        assert_eq!(returned(&answer).len(), messages.len());
        assert!(started.elapsed() < Duration::from_secs(10), "the handlers' own limit is a second");
    });
}

#[test]
fn an_event_that_is_no_batch_fails_its_invocation_and_the_next_one_runs() {
    let world = World::start();
    let output = world.run("processor", &SETTINGS, |world| {
        for (event, kind) in [
            (json!({}), "EventNotUnderstood"),
            (json!({"Records": [{"body": "no id"}]}), "NoMessageId"),
            (
                json!({"Records": [{"messageId": "m", "eventSourceARN": "arn:aws:sqs:us-east-1:1:x"}]}),
                "EventNotUnderstood",
            ),
        ] {
            let (end, said) = world.invoke(&event, TIME);
            assert_eq!((end.as_str(), &said["errorType"]), ("error", &json!(kind)), "{event}");
        }
        assert!(returned(&world.invoke(&batch(&["fine"]), TIME)).is_empty());
    });
    let failures: Vec<_> = log_lines(&output).into_iter().filter(|line| line["level"] == "ERROR").collect();
    assert_eq!(failures.len(), 3, "each is logged once: {failures:?}");
    assert!(failures.iter().all(|line| line["span"]["request_id"] == "r-1"));
}

#[test]
fn indexer_and_replay_answer_with_their_reports_and_refuse_what_is_not_theirs() {
    let world = World::start();
    world.run("indexer", &SETTINGS, |world| {
        let (end, said) = world.invoke(&json!({"redrive": "sweep"}), TIME);
        assert_eq!((end.as_str(), &said["received"], &said["woken_by"]), ("response", &json!(0), &json!("sweep")));
        assert_eq!(world.invoke(&json!({"redrive": "schedule"}), TIME).1["errorType"], "WakeNotUnderstood");
    });
    let world = World::start();
    world.run("replay", &SETTINGS, |world| {
        let (end, said) = world.invoke(&json!({"redrive": "schedule"}), TIME);
        assert_eq!((end.as_str(), &said["sent"]), ("response", &json!(0)));
        // Nobody reads what a schedule is answered.
        assert_eq!(world.invoke(&json!({"redrive": "sweep"}), TIME).1["errorType"], "RequestNotUnderstood");
        for slip in [json!({"action": "explode"}), json!({}), json!({"action": "discard", "ids": [], "by": "ann"})] {
            assert_eq!(refusal(&world.invoke(&slip, TIME)), ("response", Some("RequestNotUnderstood")), "{slip}");
        }
    });
}

#[test]
fn every_act_of_a_person_is_one_line_in_the_log_at_every_level_and_nobody_poses_as_a_function() {
    let world = World::start();
    let id = "9f1b3c1e-8a51-5c65-9d3e-111111111111";
    let mut settings = SETTINGS.to_vec();
    settings.push(("AWS_LAMBDA_LOG_LEVEL", "ERROR"));
    let output = world.run("replay", &settings, |world| {
        for action in ["discard", "restore", "note", "erase"] {
            let asked = json!({"action": action, "ids": [id], "note": format!("why {action}"), "by": "ann"});
            let (end, said) = world.invoke(&asked, TIME);
            assert_eq!((end.as_str(), &said["not_found"]), ("response", &json!(1)), "{said}");
            assert_eq!(said["stays_elsewhere"].is_array(), action == "erase", "{said}");
        }
        world.invoke(&json!({"action": "pause", "job": id, "by": "ann", "why": "why pause"}), TIME);
        for posing in ["schedule", "Reconciler (really)", "job 7 of ann"] {
            let asked = json!({"action": "discard", "ids": [id], "note": "n", "by": posing});
            assert_eq!(refusal(&world.invoke(&asked, TIME)), ("response", Some("RequestNotUnderstood")), "{posing}");
        }
        world.invoke(&json!({"action": "jobs"}), TIME);
    });
    let lines: Vec<_> = log_lines(&output).into_iter().filter(|line| line["target"] == "redrive::audit").collect();
    let told: Vec<_> = lines.iter().map(|line| line["action"].as_str().unwrap()).collect();
    assert_eq!(told, ["discard", "restore", "note", "erase", "pause"]);
    for line in &lines {
        assert_eq!(
            (&line["by"], &line["why"]),
            (&json!("ann"), &json!(format!("why {}", line["action"].as_str().unwrap())))
        );
    }
    assert_eq!((&lines[0]["named"], &lines[0]["done"]), (&json!(1), &json!(0)));
}

/// Returns the end of an invocation, and the kind of its refusal: no function error, so that no alarm rings.
fn refusal((end, said): &(String, Value)) -> (&str, Option<&str>) {
    assert!(said["refused"].is_string(), "{said}");
    (end, said["refusal"].as_str())
}

/// True while SQS has a message.
static WAITS: AtomicBool = AtomicBool::new(false);

/// Refuses in words that quote all that it was asked, as DynamoDB does with values that it does not like; SQS hands out a
/// message first.
fn indiscreet(asked: &str) -> (u16, String) {
    let request: Value = serde_json::from_str(asked).unwrap_or_default();
    if request["MaxNumberOfMessages"].is_number() {
        if !WAITS.swap(false, Ordering::SeqCst) {
            return (200, "{}".to_owned());
        }
        let body = json!({"order_id": "SECRET", "SECRET": "SECRET"}).to_string();
        let message = json!({
            "MessageId": "m-0", "ReceiptHandle": "h", "Body": body, "Attributes": {"SentTimestamp": "1763787600123"},
            "MessageAttributes": {"SECRET": {"DataType": "String", "StringValue": "SECRET"}},
        });
        return (200, json!({ "Messages": [message] }).to_string());
    }
    let why = format!("SECRET: the value is not valid: {asked}");
    match request["Statements"].as_array() {
        Some(statements) => {
            let refused = json!({"Error": {"Code": "ValidationError", "Message": why}});
            (200, json!({ "Responses": vec![refused; statements.len()] }).to_string())
        }
        None => {
            (400, json!({"__type": "com.amazonaws.dynamodb.v20120810#ValidationException", "message": why}).to_string())
        }
    }
}

#[test]
fn what_aws_says_of_the_data_is_never_repeated_and_neither_is_a_message() {
    let mut settings = SETTINGS.to_vec();
    settings.push(("AWS_LAMBDA_LOG_LEVEL", "TRACE"));
    let mut record = batch(&["SECRET", "panic", "fine"]);
    record["Records"][0]["attributes"]["MessageGroupId"] = json!("SECRET");
    record["Records"][0]["messageAttributes"] =
        json!({"idempotency-key": {"stringValue": "SECRET", "dataType": "String"}, "SECRET": {"dataType": "String"}});
    record["Records"][2]["messageAttributes"] =
        json!({"idempotency-key": {"stringValue": "SECRET", "dataType": "String"}});
    let but_for_the_ledger = |asked: &str| match asked.contains("Statements") {
        true => (200, fake::agreeable(asked)),
        false => indiscreet(asked),
    };
    for (function, event) in [
        ("processor", record),
        ("processor", json!({"Records": "SECRET"})),
        ("indexer", json!({"redrive": "sweep"})),
        ("indexer", json!({"redrive": "SECRET"})),
        ("replay", json!({"redrive": "schedule"})),
        ("replay", json!({"SECRET": "SECRET"})),
    ] {
        for aws in [indiscreet, but_for_the_ledger as fn(&str) -> (u16, String)] {
            WAITS.store(true, Ordering::SeqCst);
            let world = World::with_aws(aws);
            let mut said = Value::Null;
            let output = world.run(function, &settings, |world| said = world.invoke(&event, TIME).1);
            let text = String::from_utf8_lossy(&output.stdout) + String::from_utf8_lossy(&output.stderr);
            assert!(!text.contains("SECRET") && !said.to_string().contains("SECRET"), "{function}: {said}\n{text}");
            let lines = log_lines(&output);
            let bad = |line: &Value| line["level"] == "WARN" || line["level"] == "ERROR";
            assert!(lines.iter().any(bad), "{function}: what went wrong is told: {lines:?}");
            assert!(lines.iter().all(|line| line.to_string().len() < 8 * 1024), "{function}: {lines:?}");
        }
    }
}

#[test]
fn a_list_of_pairs_is_answered_and_measured_by_queue() {
    let pair = |name: &str, custody: bool| {
        json!({
            "source_arn": format!("arn:aws:sqs:us-east-1:000000000000:{name}"),
            "source_url": format!("https://sqs.us-east-1.amazonaws.com/000000000000/{name}"),
            "dead_letter_url": format!("https://sqs.us-east-1.amazonaws.com/000000000000/{name}-dead"),
            "scope": null, "custody": custody,
        })
    };
    let pairs = json!({"pairs": [pair("orders", true), pair("mail", true), pair("left", false)]}).to_string();
    // No ledger is named, and none is asked.
    let settings = [("QUEUE_PAIRS", pairs.as_str()), ("DEAD_LETTER_TABLE_NAME", "letters")];
    let queues = |output: &std::process::Output| -> Vec<String> {
        let lines = log_lines(output);
        let measured = lines.iter().filter(|line| line["_aws"].is_object());
        measured.map(|line| line["Queue"].as_str().unwrap_or("all").to_owned()).collect()
    };
    let world = World::start();
    let output = world.run("indexer", &settings, |world| {
        let (end, said) = world.invoke(&json!({"redrive": "sweep"}), TIME);
        assert_eq!((end.as_str(), &said["received"]), ("response", &json!(0)));
        assert_eq!(said["queues"].as_object().unwrap().keys().collect::<Vec<_>>(), ["mail", "orders"]);
    });
    assert_eq!(queues(&output), ["orders", "mail", "all"]);
    let world = World::start();
    let output = world.run("replay", &settings, |world| {
        let (end, said) = world.invoke(&json!({"redrive": "schedule"}), TIME);
        assert_eq!((end.as_str(), &said["queues"]["left"]["sent"]), ("response", &json!(0)));
        let eject = |queue: &str| {
            let source = format!("arn:aws:sqs:us-east-1:000000000000:{queue}");
            world.invoke(&json!({"action": "eject", "select": {"source_topic": source}, "by": "ann"}), TIME)
        };
        assert_eq!(refusal(&eject("mail")), ("response", Some("InCustody")));
        assert_eq!(refusal(&eject("gone")), ("response", Some("QueueNotListed")));
        assert_eq!(eject("left").1["ejected"], 0);
    });
    // Its counts, and what waits of it.
    let mut measured = queues(&output);
    measured.dedup();
    assert_eq!(measured[..3], ["orders", "mail", "left"], "{measured:?}");
}

#[test]
fn a_bad_configuration_ends_the_process_with_every_problem_in_one_line() {
    let world = World::start();
    let mut settings = SETTINGS.to_vec();
    settings.extend([("MAX_RECEIVE_COUNT", "3"), ("LEDGER_TABLE_NAME", ""), ("GREETING", "good day")]);
    for function in ["processor", "indexer", "replay"] {
        let output = world.run_to_its_end(function, &settings);
        assert!(!output.status.success(), "{function}");
        let lines = log_lines(&output);
        assert_eq!((lines.len(), &lines[0]["level"]), (1, &json!("ERROR")), "{function}: {lines:?}");
        let problems = lines[0]["problems"].as_str().unwrap();
        assert!(problems.contains("LEDGER_TABLE_NAME is not set; allowed: "), "{function}: {problems}");
        let of_the_processor =
            problems.contains("at least 11") && problems.contains("GREETING is \"good day\"; allowed: hello");
        assert_eq!(of_the_processor, function == "processor", "{problems}");
    }
}

#[test]
fn a_handlers_own_setting_is_refused_even_if_all_of_ours_are_good() {
    let world = World::start();
    let mut settings = SETTINGS.to_vec();
    settings.push(("GREETING", ""));
    let output = world.run_to_its_end("processor", &settings);
    assert!(!output.status.success());
    assert_eq!(log_lines(&output)[0]["problems"], "GREETING is not set; allowed: hello");
}
