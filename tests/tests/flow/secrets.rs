//! Secrets in every place that a message has: none of them is in any log line, number, answer or error.
//!
//! The flows run in a process of their own over model stores, with the real subscriber and panic hook at TRACE, so that
//! all that it writes anywhere is seen. What a handler's own error says is the user's, and the only exception; a
//! message type's own decoding may say what it expected in serde's form (`invalid value: …, expected …`), nothing else.

use std::process::Command;
use std::time::Duration;

use redrive_core::fault::Fault;
use redrive_core::ids::QueueArn;
use redrive_core::letters::policy::Policy;
use redrive_core::message::decode::Reading;
use redrive_core::message::envelope::Record;
use redrive_core::message::wrapping::Wrapping;
use redrive_core::processing::handler::{Context, Handler};
use redrive_core::replay::Request;
use redrive_engine::{IndexSettings, Indexer, QueuePair, ReplaySettings, Replayer};
use redrive_lambda::doorbell::Wake;
use redrive_testkit::clock::{VirtualClock, VirtualWorld};
use redrive_testkit::faults::{CallFault, Faults};
use redrive_testkit::handlers::Order;
use redrive_testkit::store::{Effects, ModelLedger, ModelLetters};
use redrive_testkit::{ModelGauges, ModelQueue, handlers::Scripted};
use serde::Deserialize;
use serde::de::{Deserializer, Error as _};
use serde_json::{Value, json};
use tokio::time::Instant;

use crate::bench::{Bench, SOURCE, event, record, settings};

/// Prefix of every secret. No name in the code has it.
const MARK: &str = "hush";
/// The process below runs only if this is set.
const CHILD: &str = "SECRETS_OF_A_MESSAGE";
/// The handler's own words, which are logged.
const OWN_WORDS: &str = "the users own words";

fn secret(place: &str) -> String {
    format!("{MARK}{}", place.replace(' ', ""))
}

/// A message type with everything that serde quotes in its errors, and a decoding that panics.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
#[expect(dead_code, reason = "only its shape matters")]
struct Careless {
    order_id: String,
    amount: Option<u64>,
    kind: Option<Kind>,
    nothing: Option<Nothing>,
    explosive: Option<Explosive>,
    own: Option<Own>,
}

#[derive(Debug, Deserialize)]
enum Kind {
    Charge,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Nothing {}

#[derive(Debug)]
struct Explosive;

impl<'de> Deserialize<'de> for Explosive {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        panic!("decoding {}", String::deserialize(deserializer)?)
    }
}

#[derive(Debug)]
struct Own;

impl<'de> Deserialize<'de> for Own {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Err(D::Error::custom(String::deserialize(deserializer)?))
    }
}

/// Does what the key's first letter says.
struct Indiscreet;

impl Handler for Indiscreet {
    type Message = Careless;
    type Effects = Effects;

    async fn handle(&self, message: &Careless, context: &Context) -> Result<Effects, Fault> {
        match message.amount {
            Some(1) => panic!("handling {message:?} in {context:?}"),
            Some(2) => Err(Fault::transient("own", OWN_WORDS)),
            Some(3) => Err(Fault::permanent("own", OWN_WORDS)),
            Some(4) => std::future::pending().await,
            Some(5) => Ok(Effects::refused(Fault::permanent("own", OWN_WORDS))),
            _ => Ok(Effects::one(context.key.as_str())),
        }
    }
}

/// Bodies with a secret in each place that something could quote.
fn bodies() -> Vec<String> {
    let s = |place: &str| secret(place);
    let mut bodies: Vec<String> =
        (0..6).map(|amount| json!({"order_id": s(&format!("key{amount}")), "amount": amount}).to_string()).collect();
    let order = |more: Value| {
        let mut order = json!({"order_id": s("key")});
        order.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        order.to_string()
    };
    bodies.extend([
        s("no json"),
        format!("{{\"{}\": {}}}", s("open key"), s("open value")),
        json!(s("text")).to_string(),
        json!([s("list")]).to_string(),
        json!({s("only key"): s("value")}).to_string(),
        json!({"order_id": {s("key in key"): 1}}).to_string(),
        json!({"order_id": s("long key").repeat(300)}).to_string(),
        order(json!({s("unknown field"): 1})),
        order(json!({format!("x`, expected {}", s("sly field")): 1})),
        order(json!({"amount": s("amount")})),
        order(json!({"amount": format!("\", expected {}", s("sly amount"))})),
        order(json!({"kind": s("variant")})),
        order(json!({"kind": format!("`, expected {}", s("sly variant"))})),
        order(json!({"kind": {s("variant key"): s("variant value")}})),
        order(json!({"nothing": {s("no fields"): 1}})),
        order(json!({"nothing": {format!("x, expected {}", s("sly nothing")): 1}})),
        order(json!({"nothing": s("nothing")})),
        order(json!({"explosive": s("explosive")})),
        order(json!({"own": s("own words of decoding")})),
        format!("{{\"order_id\":\"{}\",\"order_id\":\"{}\"}}", s("twice"), s("again")),
    ]);
    bodies
}

/// Every body, wrapped as configured or not at all, in records whose every other place holds a secret.
fn records(wrapping: Wrapping) -> Vec<Value> {
    let mut records = Vec::new();
    for (n, body) in bodies().into_iter().enumerate() {
        let wrapped = match wrapping {
            Wrapping::None => body,
            Wrapping::Sns => json!({"Message": body, secret("beside"): 1, "MessageAttributes": {
                "idempotency-key": {"Type": secret("type"), "Value": format!("{}{n}", secret("inner key"))}}})
            .to_string(),
            Wrapping::EventBridge => {
                let detail = serde_json::from_str(&body).unwrap_or(Value::String(body));
                json!({"detail": detail, secret("beside"): secret("service")}).to_string()
            }
        };
        let mut plain = record(&format!("m-{n}"), &wrapped);
        plain["attributes"]["MessageGroupId"] = json!(secret("group"));
        plain["attributes"]["SenderId"] = json!(secret("sender"));
        plain["messageAttributes"] = json!({
            secret("attribute name"): {"stringValue": secret("attribute"), "dataType": "String"},
            "redrive": {"stringValue": json!({"letter": secret("letter"), "key": secret("carried")}).to_string(), "dataType": "String"},
        });
        records.push(plain);
    }
    let body = Order::body(&secret("key0"), 0);
    let odd = |n: usize, field: &str, value: Value| {
        let mut odd = record(&format!("odd-{n}"), &body);
        odd[field] = value;
        odd
    };
    let text = |text: String| json!({"stringValue": text, "dataType": "String"});
    records.extend([
        odd(0, "messageAttributes", json!({"idempotency-key": text(secret("own key"))})),
        odd(1, "messageAttributes", json!({"idempotency-key": text(secret("long own key").repeat(200))})),
        odd(
            2,
            "messageAttributes",
            json!({secret("broken name"): {"binaryValue": secret("broken"), "dataType": "Binary"}}),
        ),
        odd(3, "messageAttributes", json!({"idempotency-key": {"stringValue": 7, "dataType": secret("data type")}})),
        odd(4, "messageAttributes", json!(secret("no attributes"))),
        odd(5, "receiptHandle", json!({secret("handle"): 1})),
        odd(6, "attributes", json!({"SentTimestamp": secret("time")})),
        odd(7, "attributes", json!({"SentTimestamp": "5", "ApproximateReceiveCount": secret("count")})),
        odd(8, "body", json!({secret("object"): secret("body")})),
    ]);
    records
}

/// The process: everything that runs, and every error and answer, written to stderr.
#[test]
fn process() {
    if std::env::var_os(CHILD).is_none() {
        return;
    }
    redrive_lambda::telemetry::init(|name| (name == "AWS_LAMBDA_LOG_LEVEL").then(|| "trace".to_owned()));
    let say = |what: &dyn std::fmt::Debug| eprintln!("{what:?}");
    let runtime = || tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().unwrap();
    for wrapping in [Wrapping::None, Wrapping::Sns, Wrapping::EventBridge] {
        runtime().block_on(flows(wrapping, Faults::none(), &say));
        // Every call is refused once, or its answer is lost.
        for at in 0..30 {
            for call_fault in [CallFault::Refused, CallFault::LostAnswer, CallFault::Conflict] {
                runtime().block_on(flows(wrapping, Faults::script([(at, call_fault)]), &say));
            }
        }
    }
    runtime().block_on(refusals(&say));
}

async fn flows(wrapping: Wrapping, faults: Faults, say: &dyn Fn(&dyn std::fmt::Debug)) {
    let ledger = ModelLedger::new().with_faults(faults.clone());
    let bench = Bench::wrapped_with(Indiscreet, ledger.clone(), wrapping);
    let came = records(wrapping);
    let mut dead: Vec<Record> = Vec::new();
    for batch in came.chunks(10) {
        for _ in 0..2 {
            let report = bench.process(event(batch), Duration::from_secs(20)).await;
            report.iter().for_each(|report| say(report));
            report.iter().for_each(|report| eprintln!("{}", json!(report.response)));
            say(&report.err());
        }
        let source = QueueArn::new(SOURCE).unwrap();
        dead.extend(redrive_lambda::event::records(&event(batch).to_string(), &source).unwrap());
    }
    let reading = Reading { wrapping, ..settings().reading };
    let policy = Policy {
        rules: Vec::new(),
        cool_down: Duration::from_secs(1),
        max_deaths: 3,
        resolved_retention: Duration::from_secs(90 * 86_400),
        body_retention: Duration::from_secs(90 * 86_400),
        outcome_after: Duration::from_secs(19 * 86_400),
    };
    let letters = ModelLetters::new().with_faults(faults.clone());
    let queue = ModelQueue::new("dead").with_faults(faults.clone());
    for record in dead {
        queue.send(record.body.unwrap_or_default(), record.attributes);
    }
    let (wait, reserve) = (Duration::from_secs(1), Duration::from_secs(3));
    let settings = IndexSettings { reading: reading.clone(), policy: policy.clone(), pollers: 2, wait, reserve };
    let clock = VirtualClock::new();
    let indexer = Indexer::new(queue, ledger.clone(), letters.clone(), clock.clone(), settings);
    say(&indexer.drain(Instant::now() + Duration::from_secs(60)).await);
    tokio::time::advance(Duration::from_secs(3_600)).await;
    let outbox = ModelQueue::new("main").with_faults(faults);
    let ledger_retention = Duration::from_secs(3_650 * 86_400);
    let settings = ReplaySettings { lease: Duration::from_secs(60), ledger_retention, reserve };
    let pair = QueuePair::new(reading, policy, outbox, ledger, ModelGauges::new());
    let replayer = Replayer::new(letters, VirtualWorld::new(clock, 3), settings, vec![pair]);
    let all = json!({"action": "replay", "select": {"error_type": "SCHEMA"}, "by": "operator"});
    for request in [json!({"redrive": "schedule"}), all] {
        say(&replayer.run(&Request::parse(&request).unwrap(), Instant::now() + Duration::from_secs(60)).await);
    }
}

/// Sends events that the processor refuses as a whole.
async fn refusals(say: &dyn Fn(&dyn std::fmt::Debug)) {
    let bench = Bench::new(Scripted::new());
    let mut nameless = record("x", &secret("body of a nameless one"));
    nameless["messageId"] = json!({secret("id"): 1});
    for odd in [
        event(&[nameless]),
        json!(secret("event")),
        json!({secret("member"): 1}),
        json!({"Records": secret("records")}),
    ] {
        say(&bench.invoke(odd.clone()).await.unwrap_err());
        say(&Wake::parse(&odd).unwrap_err());
        say(&Request::parse(&odd).unwrap_err().to_string());
    }
    for odd in [
        json!({"redrive": secret("word")}),
        json!({"action": secret("action")}),
        json!({"action": "replay", "ids": secret("ids"), "by": "x"}),
        json!({"action": "replay", "ids": [secret("id")], "by": "x"}),
        json!({"action": "replay", "select": {secret("selector"): 1}, "by": "x"}),
        json!({"action": "replay", "select": {"error_type": secret("error type")}, "by": "x"}),
        json!({"action": "replay", "select": {"error_type": format!("`, expected {}", secret("sly type"))}, "by": "x"}),
        json!({"Records": [{"Sns": {"Message": secret("news")}}]}),
    ] {
        say(&Wake::parse(&odd).map_err(|error| error.to_string()).unwrap_err());
        say(&Request::parse(&odd).map_err(|error| error.to_string()).unwrap_err());
    }
}

#[test]
fn no_secret_of_a_message_is_ever_written_anywhere() {
    let mut child = Command::new(std::env::current_exe().unwrap());
    child.args(["--exact", "secrets::process", "--nocapture"]).env(CHILD, "1");
    let output = child.output().unwrap();
    let (out, err) = (String::from_utf8(output.stdout).unwrap(), String::from_utf8(output.stderr).unwrap());
    assert!(
        output.status.success(),
        "{}",
        err.chars().rev().take(3_000).collect::<String>().chars().rev().collect::<String>()
    );
    let mut leaks: Vec<_> = out.lines().chain(err.lines()).filter(|line| holds_a_secret(line)).collect();
    leaks.sort_unstable_by_key(|line| line.split(MARK).nth(1));
    leaks.dedup_by_key(|line| line.split(MARK).nth(1));
    assert!(leaks.is_empty(), "{} lines hold a secret:\n{}", leaks.len(), leaks.join("\n"));

    let lines = log_lines(&out);
    assert!(lines.iter().all(Value::is_object) && lines.len() > 1_000, "{} lines", lines.len());
    // What is seen is all there is: each flow has spoken, each at its lowest level.
    for message in [
        "message failed",
        "message done",
        "message waits for its move",
        "message indexed",
        "letter replayed",
        "record cannot be read",
        "panicked",
    ] {
        assert!(lines.iter().any(|line| line["message"] == message), "nothing says {message:?}");
    }
    assert!(lines.iter().any(|line| line["error"] == OWN_WORDS), "what a handler says is logged");
    let panics = lines.iter().filter(|line| line["message"] == "panicked");
    assert!(panics.clone().all(|line| line["place"].as_str().is_some_and(|place| place.contains("secrets.rs"))));
}

/// As it is, in another case, or as another encoding's bytes.
fn holds_a_secret(line: &str) -> bool {
    let hex: String = MARK.bytes().map(|byte| format!("{byte:02x}")).collect();
    let decimal = MARK.bytes().map(|byte| byte.to_string()).collect::<Vec<_>>().join(", ");
    let line = line.to_lowercase();
    [MARK, &hex, &decimal].iter().any(|form| line.contains(form))
}

/// The JSON lines; the test harness around them writes others, and may begin the first.
fn log_lines(out: &str) -> Vec<Value> {
    let harness =
        |line: &str| line.is_empty() || ["running ", "test ", "ok"].iter().any(|start| line.starts_with(start));
    let mut lines = Vec::new();
    for line in out.lines() {
        let json = line.strip_prefix("test secrets::process ... ").unwrap_or(line);
        if json.starts_with('{') {
            assert!(json.len() < redrive_lambda::telemetry::LINE_LIMIT, "a line has {} bytes", json.len());
            lines.push(serde_json::from_str(json).unwrap_or_else(|error| panic!("{error}: {json}")));
        } else {
            assert!(harness(line), "a line is no JSON: {line}");
        }
    }
    lines
}
