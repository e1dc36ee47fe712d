//! The command beside queues of somebody else: taking their dead letters in, and putting them back before it leaves.

use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use aws_sdk_sqs::types::QueueAttributeName;
use serde_json::Value;

use crate::stage::{PATIENCE, Stage};

/// Returns the number of messages that wait in the queue of this name in the outputs.
async fn depth(stage: &Stage, queue: &str) -> usize {
    let name = QueueAttributeName::ApproximateNumberOfMessages;
    let url = stage.output(&format!("{queue}QueueUrl"));
    let answer = stage.sqs.get_queue_attributes().queue_url(url).attribute_names(name.clone()).send().await.unwrap();
    answer.attributes.unwrap()[&name].parse().unwrap()
}

/// Sends so many orders that the consumer refuses, and drains until each is a letter; how many messages the command says it took.
async fn taken_in(stage: &Stage, queue: &str, bodies: &[String]) -> (Vec<String>, u64) {
    let mut ids = Vec::new();
    for body in bodies {
        ids.push(stage.send(queue, body).await.to_string());
    }
    let (started, mut taken) = (Instant::now(), 0);
    while !ids.iter().all(|id| stage.redrive(&["show", id]).status.success()) {
        let output = stage.redrive(&["drain"]);
        let told: Value = serde_json::from_slice(&output.stdout).unwrap_or_else(|_| panic!("{output:?}"));
        assert_eq!((output.status.code(), &told["empty"]), (Some(0), &Value::Bool(true)), "{output:?}");
        taken += told["deleted"].as_u64().unwrap();
        assert!(started.elapsed() < PATIENCE, "not all of {ids:?} became letters");
    }
    (ids, taken)
}

fn refused(name: &str, count: usize) -> Vec<String> {
    let one =
        |n| serde_json::json!({"id": format!("{name}-{n}-{}", uuid::Uuid::new_v4()), "amount": 1, "currency": "XTS"});
    (0..count).map(|n| one(n).to_string()).collect()
}

#[tokio::test]
#[ignore = "needs the stage"]
async fn drain_takes_in_what_somebody_elses_consumer_gave_up_and_ends_with_an_empty_queue() {
    let stage = Stage::connect_to("STAGE_OUTPUTS_ATTACH").await;
    // A sweep may come first, once a minute, and a test beside this one; not each time.
    let started = Instant::now();
    loop {
        let (ids, taken) = taken_in(&stage, "Orders", &refused("drain", 2)).await;
        for id in &ids {
            let seen = stage.shown(id, "PENDING").await;
            assert_eq!(seen["letter"]["error_type"], "UNKNOWN");
        }
        if taken > 0 {
            break;
        }
        assert!(started.elapsed() < 2 * PATIENCE, "the command never took a message in itself");
    }
}

#[tokio::test]
#[ignore = "needs the stage, and changes it: run alone"]
async fn leaving_a_queue_puts_its_letters_back_into_its_dead_letter_queue_once_custody_is_off() {
    let stage = Stage::connect_to("STAGE_OUTPUTS_ATTACH").await;
    let bodies = refused("leaving", 3);
    let (ids, _) = taken_in(&stage, "Mail", &bodies).await;
    let eject: Vec<_> = ["eject", "--yes"].into_iter().chain(ids.iter().map(String::as_str)).collect();

    let early = stage.redrive(&eject);
    assert_eq!(early.status.code(), Some(1), "in custody the indexer would take them back: {early:?}");
    for id in &ids {
        stage.shown(id, "PENDING").await;
    }

    leave();
    let output = stage.redrive(&eject);
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    let told: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(told["ejected"], 3, "{told}");
    for id in &ids {
        let seen = stage.shown(id, "DISCARDED").await;
        let note = seen["letter"]["resolution_note"].as_str().unwrap();
        assert!(note.starts_with("ejected to the dead-letter queue"), "{note}");
    }

    assert!(depth(&stage, "MailDead").await >= 3);
    let back = received(&stage, "MailDead", 3).await;
    assert_eq!(back.len(), 3);
    for body in &bodies {
        let reason = &back.iter().find(|(one, _)| one == body).expect("with the body that it had").1;
        assert_eq!(serde_json::from_str::<Value>(reason).unwrap()["type"], "UNKNOWN");
    }
}

/// Deploys the stack once more: custody of the mail off, ejection allowed.
fn leave() {
    let command =
        std::env::var("STAGE_LEAVE").expect("STAGE_LEAVE is the command that gives custody up; run `make test`");
    let output = Command::new("bash").args(["-c", &command]).stdin(Stdio::null()).output().unwrap();
    assert!(output.status.success(), "{output:?}");
}

/// Receives so many messages: their bodies, and the reasons that they carry.
async fn received(stage: &Stage, queue: &str, count: usize) -> Vec<(String, String)> {
    let (started, mut found) = (Instant::now(), Vec::new());
    while found.len() < count {
        assert!(started.elapsed() < Duration::from_secs(30), "only {} came", found.len());
        let receive = stage.sqs.receive_message().queue_url(stage.output(&format!("{queue}QueueUrl")));
        let answer =
            receive.max_number_of_messages(10).wait_time_seconds(2).message_attribute_names("All").send().await;
        for message in answer.unwrap().messages.unwrap_or_default() {
            let said = &message.message_attributes.expect("with its reason")["redrive-reason"];
            found.push((message.body.unwrap(), said.string_value.clone().unwrap()));
        }
    }
    found
}
