//! Guarded jobs over the real queue, tables, and alarms.

use redrive_core::letters::letter::Status;
use redrive_tests::stage::{Stage, until};
use serde_json::{Value, json};

use crate::{dead, order, order_id};

/// Letters of orders in a currency that nobody supports.
async fn refused(stage: &Stage, count: usize) -> Vec<redrive_core::ids::MessageId> {
    let mut messages = Vec::new();
    for _ in 0..count {
        let id = order_id();
        stage.put_order(&id).await;
        messages.push(stage.send(&order(&id, 500, "XTS")).await);
    }
    for message in &messages {
        dead(stage, message).await;
    }
    messages
}

async fn ask(stage: &Stage, what: Value) -> Value {
    stage.invoke("ReplayFunctionName", what).await.expect("replay answers")
}

/// Creates a job, and works on it until it has ended.
async fn ended(stage: &Stage, job: Value) -> Value {
    let created = ask(stage, job).await;
    let id = created["jobs"][0]["id"].as_str().unwrap_or_else(|| panic!("no job: {created}")).to_owned();
    until("the job ends", async || {
        ask(stage, json!({"redrive": "work"})).await;
        let view = ask(stage, json!({"action": "show", "job": id})).await["jobs"][0].clone();
        ["STOPPED", "DONE"].contains(&view["state"]["is"].as_str()?).then_some(view)
    })
    .await
}

#[tokio::test]
#[ignore = "needs the stage"]
async fn a_job_whose_canary_fails_again_stops_and_leaves_the_others_alone() {
    let stage = Stage::connect().await;
    let messages = refused(&stage, 3).await;
    let ids: Vec<_> = messages.iter().map(|message| stage.letter_id(message).to_string()).collect();
    let job = json!({"action": "job", "ids": ids, "by": "e2e", "why": "to see it stop", "canary": 1});
    let view = ended(&stage, job).await;
    assert_eq!(
        (&view["state"]["is"], &view["state"]["why"]["what"]),
        (&json!("STOPPED"), &json!("failed_again")),
        "{view}"
    );
    let mut sent = 0;
    for message in &messages {
        let letter = stage.letter_that(message, "it waits again", |letter| letter.status == Status::Pending).await;
        sent += letter.number.0;
    }
    assert_eq!(sent, 1, "one was sent, and two were spared: {view}");
}

#[tokio::test]
#[ignore = "needs the stage"]
async fn a_job_that_would_watch_an_alarm_which_is_not_there_is_refused_and_sends_nothing() {
    let stage = Stage::connect().await;
    let messages = refused(&stage, 1).await;
    let ids = [stage.letter_id(&messages[0]).to_string()];
    let answer = ask(&stage, json!({"action": "job", "ids": ids, "by": "e2e", "alarm": "no-such-alarm"})).await;
    let why = answer["refused"].as_str().unwrap_or_else(|| panic!("not refused: {answer}"));
    assert!(why.starts_with("there is no alarm no-such-alarm"), "{why}");
    assert!(answer["jobs"].as_array().is_none_or(Vec::is_empty), "{answer}");
    let letter = stage.letter(&messages[0]).await.unwrap();
    assert_eq!((letter.number.0, letter.status), (0, Status::Pending));
}
