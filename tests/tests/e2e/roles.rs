//! Requests of operators and administrators, over the deployed functions: IAM lets each invoke one of the two.

use redrive_core::letters::letter::Status;
use redrive_tests::stage::{Stage, until};
use serde_json::json;

use crate::{charged, dead, order, order_id};

#[tokio::test]
#[ignore = "needs the stage"]
async fn the_replay_function_refuses_an_erasure_and_an_edit_and_the_administration_function_does_them() {
    let (stage, id) = (Stage::connect().await, order_id());
    stage.put_order(&id).await;
    let message = stage.send(&order(&id, 500, "XTS")).await;
    let letter = dead(&stage, &message).await;
    let edit = json!({"action": "replay", "ids": [letter.id], "by": "e2e", "edit": order(&id, 500, "EUR")});
    let erase = json!({"action": "erase", "ids": [letter.id], "note": "asked for", "by": "e2e"});
    for request in [&edit, &erase] {
        let refused = stage.invoke("ReplayFunctionName", request.clone()).await.unwrap();
        assert_eq!(refused["refusal"], "NotAllowedHere", "{refused}");
    }
    let untouched = stage.letter(&message).await.unwrap();
    assert_eq!((untouched.version, untouched.payload), (letter.version, letter.payload));

    let report = stage.invoke("AdministrationFunctionName", edit).await.unwrap();
    assert_eq!((&report["sent"], &report["edited"]), (&json!(1), &json!(1)), "{report}");
    charged(&stage, &id).await;
    stage.ask(json!({"redrive": "schedule"})).await;
    stage.letter_that(&message, "it is resolved", |letter| letter.status == Status::Resolved).await;
    let report = stage.invoke("AdministrationFunctionName", erase).await.unwrap();
    assert_eq!(report["erased"], 1, "{report}");
    assert_eq!(stage.charges(&id).await, Some(1));
}

#[tokio::test]
#[ignore = "needs the stage"]
async fn a_job_that_an_administrator_made_with_a_patch_is_carried_out_by_the_replay_function() {
    let (stage, id) = (Stage::connect().await, order_id());
    stage.put_order(&id).await;
    let letter = dead(&stage, &stage.send(&order(&id, 500, "XTS")).await).await;
    let patch = json!([{"op": "replace", "path": "/currency", "value": "EUR"}]);
    let job = json!({"action": "job", "ids": [letter.id], "by": "e2e", "why": "EUR was meant", "patch": patch});
    let refused = stage.invoke("ReplayFunctionName", job.clone()).await.unwrap();
    assert_eq!(refused["refusal"], "NotAllowedHere", "{refused}");
    let made = stage.invoke("AdministrationFunctionName", job).await.unwrap();
    assert!(made["jobs"][0]["id"].is_string(), "{made}");
    until("the order is charged", async || {
        stage.invoke("ReplayFunctionName", json!({"redrive": "work"})).await.expect("replay works");
        stage.charges(&id).await.filter(|charges| *charges > 0)
    })
    .await;
    assert_eq!(stage.charges(&id).await, Some(1));
}
