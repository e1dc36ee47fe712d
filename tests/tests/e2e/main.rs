//! The deployed template on the stage: real queues, tables, functions, alarm, topic and schedule. Each test brings
//! orders of its own, so that they can run beside each other.

#![allow(clippy::expect_used, clippy::unwrap_used, clippy::panic, reason = "these are tests")]

mod attach;
mod edits;
mod events;
mod fifo;
mod jobs;
mod large;
mod roles;

use std::time::Duration;

use redrive_core::ids::MessageId;
use redrive_core::letters::letter::{ErrorType, EventKind, Letter, Status};
use redrive_core::processing::ledger::EntryState;
use redrive_tests::stage::{Stage, until, until_for};
use serde_json::json;
use uuid::Uuid;

fn order_id() -> String {
    format!("e2e-{}", Uuid::new_v4())
}

fn order(order_id: &str, amount: i64, currency: &str) -> String {
    json!({"order_id": order_id, "customer_id": "c-1", "amount_minor": amount, "currency": currency}).to_string()
}

async fn charged(stage: &Stage, order_id: &str) {
    until("the order is charged", async || stage.charges(order_id).await.filter(|charges| *charges > 0)).await;
}

async fn dead(stage: &Stage, message: &MessageId) -> Letter {
    stage.letter_that(message, "the message becomes a letter", |_| true).await
}

#[tokio::test]
#[ignore = "needs the stage"]
async fn an_order_is_charged_once_and_its_ledger_entry_is_completed() {
    let (stage, id) = (Stage::connect().await, order_id());
    stage.put_order(&id).await;
    stage.send(&order(&id, 500, "EUR")).await;
    charged(&stage, &id).await;
    assert_eq!(stage.charges(&id).await, Some(1));
    let entry = stage.entry(&id).await.unwrap();
    assert_eq!((entry.state, entry.history.len()), (EntryState::Completed, 0));
}

#[tokio::test]
#[ignore = "needs the stage"]
async fn an_order_that_is_sent_many_times_is_charged_once() {
    let (stage, id) = (Stage::connect().await, order_id());
    stage.put_order(&id).await;
    let body = order(&id, 500, "EUR");
    let sent = futures_util::future::join_all((0..20).map(|_| stage.send(&body))).await;
    charged(&stage, &id).await;
    // The last of them is done, one way or another, when a message that was sent after them is.
    let after = order_id();
    stage.put_order(&after).await;
    stage.send(&order(&after, 1, "EUR")).await;
    charged(&stage, &after).await;
    assert_eq!(stage.charges(&id).await, Some(1));
    for message in sent {
        assert!(stage.letter(&message).await.is_none(), "a duplicate is no dead letter");
    }
}

#[tokio::test]
#[ignore = "needs the stage"]
async fn a_row_that_comes_late_is_waited_for_by_the_retry_schedule() {
    let (stage, id) = (Stage::connect().await, order_id());
    stage.send(&order(&id, 500, "EUR")).await;
    let failed = async || stage.entry(&id).await.filter(|entry| !entry.history.is_empty());
    let entry = until("the first attempt fails", failed).await;
    assert_eq!(entry.history[0].code, "no-row");
    stage.put_order(&id).await;
    charged(&stage, &id).await;
    assert_eq!(stage.charges(&id).await, Some(1));
}

#[tokio::test]
#[ignore = "needs the stage"]
async fn a_refused_order_runs_once_and_becomes_a_letter_that_says_why() {
    let (stage, id) = (Stage::connect().await, order_id());
    stage.put_order(&id).await;
    let body = order(&id, -5, "EUR");
    let message = stage.send(&body).await;
    let letter = dead(&stage, &message).await;
    assert_eq!((letter.reason.error_type, letter.reason.error_code.as_deref()), (ErrorType::Permanent, Some("amount")));
    assert_eq!((letter.reason.attempt_count, letter.deaths, letter.status), (1, 1, Status::Pending));
    assert_eq!((letter.payload.as_str(), letter.origin == message), (body.as_str(), true));
    let attempt = letter.history.iter().find(|event| event.what == EventKind::AttemptFailed).unwrap();
    assert!(!attempt.attempt.as_ref().unwrap().origin.request_id.is_empty(), "it names the invocation to look at");
    assert_eq!(stage.charges(&id).await, Some(0));
}

#[tokio::test]
#[ignore = "needs the stage"]
async fn bodies_that_cannot_be_read_become_schema_letters_and_harm_no_neighbour() {
    let (stage, id) = (Stage::connect().await, order_id());
    stage.put_order(&id).await;
    let good = order(&id, 500, "EUR");
    let bad = [
        "not json {",
        "null",
        "17",
        r#"{"customer_id":"c"}"#,
        &order("", 1, "EUR"),
        &order(&"k".repeat(10_240), 1, "EUR"),
    ];
    let codes = ["not-json", "no-key", "no-key", "no-key", "no-key", "no-key"];
    let mut entries = Vec::new();
    for (n, body) in bad.iter().copied().chain([good.as_str()]).enumerate() {
        let entry = aws_sdk_sqs::types::SendMessageBatchRequestEntry::builder();
        entries.push(entry.id(n.to_string()).message_body(body).build().unwrap());
    }
    let batch = stage.sqs.send_message_batch().queue_url(stage.output("MainQueueUrl")).set_entries(Some(entries));
    let mut sent = batch.send().await.unwrap().successful;
    sent.sort_by_key(|entry| entry.id.parse::<usize>().unwrap());
    charged(&stage, &id).await;
    for (n, code) in codes.iter().enumerate() {
        let letter = dead(&stage, &MessageId::new(sent[n].message_id.clone()).unwrap()).await;
        assert_eq!(
            (letter.reason.error_type, letter.reason.error_code.as_deref()),
            (ErrorType::Schema, Some(*code)),
            "{n}"
        );
        assert_eq!(letter.payload, bad[n]);
    }
    assert_eq!(stage.charges(&id).await, Some(1));
}

#[tokio::test]
#[ignore = "needs the stage"]
async fn an_order_that_comes_again_with_another_amount_is_dead_and_never_charged() {
    let (stage, id) = (Stage::connect().await, order_id());
    stage.put_order(&id).await;
    stage.send(&order(&id, 500, "EUR")).await;
    charged(&stage, &id).await;
    let other = stage.send(&order(&id, 900, "EUR")).await;
    let letter = dead(&stage, &other).await;
    assert_eq!((letter.reason.error_code.as_deref(), letter.status), (Some("key_reused"), Status::Pending));
    assert_eq!(stage.charges(&id).await, Some(1));
    assert_eq!(stage.entry(&id).await.unwrap().state, EntryState::Completed, "the owner's entry is untouched");
}

#[tokio::test]
#[ignore = "needs the stage, and waits for its schedule, whose least rate is a minute"]
async fn a_letter_that_may_pass_by_itself_is_replayed_by_the_real_schedule_and_resolved() {
    let (stage, id) = (Stage::connect().await, order_id());
    let message = stage.send(&order(&id, 500, "EUR")).await;
    let letter = dead(&stage, &message).await;
    assert_eq!((letter.reason.error_type, letter.reason.attempt_count), (ErrorType::Transient, 4));
    stage.put_order(&id).await;
    let patience = Duration::from_secs(300);
    until_for(patience, "the schedule replays it", async || stage.charges(&id).await.filter(|n| *n > 0)).await;
    let resolved = async || stage.letter(&message).await.filter(|letter| letter.status == Status::Resolved);
    let letter = until_for(patience, "the next run finds it done", resolved).await;
    assert_eq!(stage.charges(&id).await, Some(1));
    assert!(letter.history.iter().any(|event| event.what == EventKind::Claimed && event.who == "schedule"));
    assert!(letter.expires.is_some(), "what is resolved expires");
}

#[tokio::test]
#[ignore = "needs the stage"]
async fn letters_are_replayed_by_request_with_their_attributes_and_keep_their_key() {
    let (stage, id) = (Stage::connect().await, order_id());
    let attribute = aws_sdk_sqs::types::MessageAttributeValue::builder()
        .data_type("Binary")
        .binary_value(aws_sdk_sqs::primitives::Blob::new([0_u8, 255, 7]))
        .build()
        .unwrap();
    let send = stage.sqs.send_message().queue_url(stage.output("MainQueueUrl")).message_body(order(&id, 500, "XTS"));
    let sent = send.message_attributes("trace", attribute).send().await.unwrap();
    let message = MessageId::new(sent.message_id.unwrap()).unwrap();
    stage.put_order(&id).await;
    let first = dead(&stage, &message).await;
    assert_eq!(first.reason.error_code.as_deref(), Some("currency"));

    let ask = json!({"action": "replay", "ids": [stage.letter_id(&message).to_string()], "by": "e2e"});
    let report = stage.invoke("ReplayFunctionName", ask).await.unwrap();
    assert_eq!(report["sent"], 1, "{report}");
    // The currency is still unknown: the copy dies, and comes back to the same letter.
    let again = stage.letter_that(&message, "it dies again", |letter| letter.deaths == 2).await;
    assert_eq!((again.status, again.number.0, again.sends.len()), (Status::Pending, 1, 1));
    assert_eq!((again.attributes, again.payload), (first.attributes, first.payload));
    assert_eq!(stage.charges(&id).await, Some(0));
}

#[tokio::test]
#[ignore = "needs the stage"]
async fn a_letter_is_discarded_with_a_note_and_is_not_sent_again() {
    let stage = Stage::connect().await;
    let message = stage.send("not json either").await;
    dead(&stage, &message).await;
    let ids = json!([stage.letter_id(&message).to_string()]);
    let ask = json!({"action": "discard", "ids": ids, "note": "told the producer", "by": "e2e"});
    assert_eq!(stage.invoke("ReplayFunctionName", ask).await.unwrap()["discarded"], 1);
    let report =
        stage.invoke("ReplayFunctionName", json!({"action": "replay", "ids": ids, "by": "e2e"})).await.unwrap();
    assert_eq!((&report["sent"], &report["changed_meanwhile"]), (&json!(0), &json!(1)));
    let letter = stage.letter(&message).await.unwrap();
    assert_eq!((letter.status, letter.resolution_note.as_deref()), (Status::Discarded, Some("told the producer")));
}

#[tokio::test]
#[ignore = "needs the stage"]
async fn inputs_that_are_not_understood_fail_but_a_persons_request_and_say_what_is_expected() {
    let stage = Stage::connect().await;
    let refused = stage.invoke("ReplayFunctionName", json!({"action": "explode"})).await.unwrap();
    assert_eq!(refused["refusal"], "RequestNotUnderstood", "a person's slip is no failure of the function");
    let error = stage.invoke("ReplayFunctionName", json!({"redrive": "explode"})).await.unwrap_err();
    assert!(error.contains("not understood"), "{error}");
    let error =
        stage.invoke("IndexerFunctionName", json!({"Records": [{"Sns": {"Message": "{}"}}]})).await.unwrap_err();
    assert!(error.contains("not understood"), "{error}");
    let error = stage.invoke("ProcessorFunctionName", json!({"Records": [{"body": "{}"}]})).await.unwrap_err();
    assert!(error.contains("no message id"), "{error}");
    let empty = stage.invoke("ProcessorFunctionName", json!({"Records": []})).await.unwrap();
    assert_eq!(empty, json!({"batchItemFailures": []}));
}
