//! FIFO queues, queues whose dead the processor hands over itself, queues with several types of messages.

use std::time::Duration;

use redrive_core::fault::Fault;
use redrive_core::message::decode::Reading;
use redrive_core::message::message_type::{MessageTypes, TypeAt};
use redrive_core::message::redrive;
use redrive_core::processing::handler::{Context, Handler};
use redrive_core::processing::mask::Masks;
use redrive_core::processing::routes::Routes;
use redrive_engine::{Order, ProcessSettings};
use redrive_testkit::handlers::{Order as Body, Play, Scripted};
use redrive_testkit::{CallFault, Effects, Faults, ModelLedger, ModelQueue};
use serde::Deserialize;
use serde_json::{Value, json};
use tokio::runtime::Handle;

use crate::bench::{Bench, SENT_AT, event, record, settings};

/// A record of a FIFO queue.
fn of_group(id: &str, group: &str, sequence: u32, body: &str) -> Value {
    let mut record = record(id, body);
    record["attributes"]["MessageGroupId"] = json!(group);
    record["attributes"]["SequenceNumber"] = json!(format!("{sequence:020}"));
    record["attributes"]["MessageDeduplicationId"] = json!(id);
    record
}

fn fifo() -> ProcessSettings {
    ProcessSettings { order: Order::Groups, ..settings() }
}

fn dead_queue() -> ModelQueue {
    ModelQueue::new("dead").fifo()
}

fn batch() -> Value {
    event(&[
        of_group("a-1", "a", 1, &Body::body("o-1", 1)),
        of_group("b-1", "b", 2, &Body::body("o-2", 1)),
        of_group("a-2", "a", 3, &Body::body("o-3", 1)),
        of_group("a-3", "a", 4, "not json"),
        of_group("b-2", "b", 5, &Body::body("o-4", 1)),
    ])
}

#[tokio::test(start_paused = true)]
async fn after_the_first_failure_the_rest_of_its_group_waits_with_it_and_other_groups_go_on() {
    let bench = Bench::of(Scripted::new().on("o-1", [Play::Transient]), fifo(), Some(dead_queue()));
    assert_eq!(bench.returned(batch()).await, ["a-1", "a-2", "a-3"]);
    assert_eq!((bench.runs("o-3"), bench.charged("o-2"), bench.charged("o-4")), (0, 1, 1));
    let hidden = bench.hidden();
    assert!(hidden.len() == 3 && hidden.iter().all(|(_, delay)| *delay == hidden[0].1), "{hidden:?}");
}

#[tokio::test(start_paused = true)]
async fn a_group_runs_in_order_whatever_each_of_it_takes() {
    let slow = Scripted::new().on("o-1", [Play::Work(Duration::from_secs(2))]);
    let bench = Bench::of(slow, fifo(), Some(dead_queue()));
    assert!(bench.returned(batch()).await.is_empty(), "what is not JSON was handed over");
    let story = bench.story();
    let place = |text: &str| story.find(text).unwrap_or_else(|| panic!("no {text} in {story}"));
    assert!(place("handler ends o-1") < place("handler starts o-3"), "{story}");
    assert!(place("handler ends o-4") < place("handler ends o-1"), "another group does not wait: {story}");
}

#[tokio::test(start_paused = true)]
async fn a_dead_message_is_handed_over_with_its_past_and_those_behind_it_go_on() {
    let dead = dead_queue();
    let bench = Bench::of(Scripted::new().on("o-1", [Play::Permanent]), fifo(), Some(dead.clone()));
    assert!(bench.returned(batch()).await.is_empty());
    assert_eq!((bench.runs("o-1"), bench.charged("o-3"), bench.charged("o-4")), (1, 1, 1));
    let kept = dead.messages();
    assert_eq!(kept.len(), 2, "the refused one, and the one that is not JSON");
    for (message, origin) in kept.iter().zip(["a-1", "a-3"]) {
        assert_eq!(message.group.as_deref(), Some("a"));
        let carried: Value = serde_json::from_str(message.attributes[redrive::ATTRIBUTE].as_text().unwrap()).unwrap();
        assert_eq!((&carried["origin"], &carried["died"]["message_id"]), (&json!(origin), &json!(origin)));
    }
    // Received once more, perhaps since its acknowledgement was lost: it is told apart by its death, and not run.
    assert!(bench.returned(batch()).await.is_empty());
    assert_eq!((bench.runs("o-1"), dead.len()), (1, 2), "a FIFO queue takes the second copy and drops it");
}

#[tokio::test(start_paused = true)]
async fn what_the_dead_letter_queue_does_not_take_stays_and_is_handed_over_later() {
    let strikes = [CallFault::Refused, CallFault::LostAnswer, CallFault::Partly(1)];
    for strike in strikes {
        let faults = Faults::script([(0, strike)]);
        let dead = ModelQueue::new("dead").with_faults(faults.of("worker"));
        let bench = Bench::of(Scripted::new().on("o-1", [Play::Permanent]), settings(), Some(dead.clone()));
        let batch = event(&[record("m-1", &Body::body("o-1", 1))]);
        assert_eq!(bench.returned(batch.clone()).await, ["m-1"], "{strike:?}");
        assert!(bench.hidden().iter().all(|(_, delay)| (1..=2).contains(delay)), "{:?}", bench.hidden());
        assert!(bench.returned(batch).await.is_empty(), "{strike:?}");
        assert!(bench.runs("o-1") == 1 && !dead.is_empty());
    }
}

#[tokio::test(start_paused = true)]
async fn a_message_without_a_free_attribute_is_left_to_sqs_own_redrive_policy() {
    let dead = ModelQueue::new("dead");
    let bench = Bench::of(Scripted::new().on("o-1", [Play::Permanent]), settings(), Some(dead.clone()));
    let mut full = record("m-1", &Body::body("o-1", 1));
    for n in 0..10 {
        full["messageAttributes"][format!("a-{n}")] = json!({"stringValue": "x", "dataType": "String"});
    }
    assert_eq!(bench.returned(event(&[full])).await, ["m-1"]);
    assert!(dead.is_empty());
}

/// A message of a group that has all ten attributes.
fn full(id: &str, sequence: u32, body: &str) -> Value {
    let mut full = of_group(id, "a", sequence, body);
    for n in 0..10 {
        full["messageAttributes"][format!("a-{n}")] = json!({"stringValue": "x", "dataType": "String"});
    }
    full
}

#[tokio::test(start_paused = true)]
async fn a_dead_message_without_a_free_attribute_frees_its_group_and_says_the_same_by_its_deduplication_id() {
    let dead = dead_queue();
    let bench = Bench::of(Scripted::new().on("o-1", [Play::Permanent]), fifo(), Some(dead.clone()));
    let refused = [full("a-1", 1, &Body::body("o-1", 1)), full("a-2", 2, "not json")];
    let behind = of_group("a-3", "a", 3, &Body::body("o-3", 1));
    assert!(bench.returned(event(&[&refused[..], &[behind]].concat())).await.is_empty());
    assert_eq!(bench.charged("o-3"), 1);
    let kept = dead.messages();
    assert_eq!(kept.len(), 2);
    for (message, origin) in kept.iter().zip(["a-1", "a-2"]) {
        let sent = SENT_AT;
        assert_eq!(message.deduplication.as_deref(), Some(&*format!("redrive:0:{sent}:{origin}:{origin}")));
        assert_eq!(message.attributes.len(), 10, "all of its own");
    }
}

#[tokio::test(start_paused = true)]
async fn a_dead_message_of_the_size_that_its_dead_letter_queue_takes_frees_its_group_too() {
    let body = Body::body("o-1", 1);
    let dead = dead_queue().with_largest(body.len() + 40);
    let bench = Bench::of(Scripted::new().on("o-1", [Play::Permanent]), fifo(), Some(dead.clone()));
    let batch = event(&[of_group("a-1", "a", 1, &body), of_group("a-2", "a", 2, &Body::body("o-2", 1))]);
    assert!(bench.returned(batch).await.is_empty());
    assert_eq!((bench.charged("o-2"), dead.len()), (1, 1));
    assert!(dead.messages()[0].attributes.is_empty(), "redrive's own was left out");
}

#[derive(Deserialize)]
struct Refund {
    order_id: String,
}

/// Refunds what was charged.
struct Refunder;

impl Handler for Refunder {
    type Message = Refund;
    type Effects = Effects;
    async fn handle(&self, refund: &Refund, _: &Context) -> Result<Effects, Fault> {
        Ok(Effects::one(format!("refunded:{}", refund.order_id)))
    }
}

fn typed(id: &str, message_type: Option<&str>, body: &str) -> Value {
    let mut record = record(id, body);
    if let Some(message_type) = message_type {
        record["messageAttributes"]["type"] = json!({"stringValue": message_type, "dataType": "String"});
    }
    record
}

#[tokio::test(start_paused = true)]
async fn a_refund_is_not_swallowed_by_the_charge_of_its_order() {
    let plain = settings();
    let scope = plain.reading.scope.clone();
    let types = MessageTypes::new(TypeAt::Attribute("type".to_owned()), &scope, ["charge", "refund"]).unwrap();
    let reading = Reading { types: Some(types), ..plain.reading.clone() };
    let settings = ProcessSettings { reading, ..plain };
    let (faults, store) = (Faults::none(), ModelLedger::new());
    let routes = Routes::<Effects>::new().on("charge", Scripted::new()).on("refund", Refunder);
    let bench = Bench::complete(routes, store.clone(), store.clone(), faults, Handle::current(), settings, None);
    let body = Body::body("o-1", 5);
    let batch = [
        typed("m-1", Some("charge"), &body),
        typed("m-2", Some("refund"), &body),
        typed("m-3", Some("charge"), &body),
        typed("m-4", Some("gift"), &body),
        typed("m-5", None, &body),
        typed("m-6", Some("charge"), "{\"order_id\":\"o-9\"}"),
    ];
    assert_eq!(bench.returned(event(&batch)).await, ["m-4", "m-5", "m-6"]);
    assert_eq!((store.counter("charged:o-1"), store.counter("refunded:o-1")), (1, 1));
    let code = |id: &str| bench.keyless(id).unwrap().fault.unwrap().code;
    assert_eq!(["m-4", "m-5", "m-6"].map(code), ["unknown-type", "no-type", "decode"]);
}

/// Fails with what stood in the message, as careless code does.
struct Careless;

impl Handler for Careless {
    type Message = Value;
    type Effects = Effects;
    async fn handle(&self, message: &Value, _: &Context) -> Result<Effects, Fault> {
        Err(Fault::permanent("declined", format_args!("card {} of {} was declined", message["card"], message["name"])))
    }
    fn redact(&self, text: &str) -> String {
        text.replace("Ada", "(name)")
    }
}

#[tokio::test(start_paused = true)]
async fn error_texts_are_masked_by_the_body_and_redacted_by_the_handler_before_they_are_kept() {
    let masked = ProcessSettings { masks: Masks::parse("/card").unwrap(), ..settings() };
    let (faults, store) = (Faults::none(), ModelLedger::new());
    let bench = Bench::complete(Careless, store.clone(), store, faults, Handle::current(), masked, None);
    let body = json!({"order_id": "o-1", "card": "4111-1111-1111-1111", "name": "Ada"}).to_string();
    assert_eq!(bench.returned(event(&[record("m-1", &body)])).await, ["m-1"]);
    let entry = bench.entry("o-1").unwrap();
    assert_eq!(entry.fault.unwrap().text, "card \"***\" of \"(name)\" was declined");
    assert!(!entry.history[0].text.contains("4111") && !entry.history[0].text.contains("Ada"));
}
