//! Letters that are sent with another body, over the real queue, tables and functions.

use redrive_core::letters::letter::{ErrorType, EventKind, Status};
use redrive_tests::stage::Stage;
use serde_json::{Value, json};

use crate::{charged, dead, order, order_id};

async fn ask(stage: &Stage, what: Value) -> Value {
    stage.ask(what).await
}

#[tokio::test]
#[ignore = "needs the stage"]
async fn a_body_that_could_not_be_read_is_edited_replayed_and_charged_once() {
    let (stage, id) = (Stage::connect().await, order_id());
    stage.put_order(&id).await;
    let broken = order(&id, 500, "EUR").replace('}', "");
    let message = stage.send(&broken).await;
    let letter = dead(&stage, &message).await;
    assert_eq!((letter.reason.error_type, &letter.key), (ErrorType::Schema, &None));

    let whole = order(&id, 500, "EUR");
    let edit = json!({"action": "replay", "ids": [letter.id], "by": "e2e", "edit": whole});
    let report = ask(&stage, edit.clone()).await;
    assert_eq!((&report["sent"], &report["edited"]), (&json!(1), &json!(1)), "{report}");
    charged(&stage, &id).await;
    ask(&stage, json!({"redrive": "schedule"})).await;
    let letter = stage.letter_that(&message, "it is resolved", |letter| letter.status == Status::Resolved).await;
    assert_eq!((letter.payload.as_str(), letter.payload_now()), (broken.as_str(), whole.as_str()));
    assert!(letter.history.iter().any(|event| event.what == EventKind::Edited && event.who == "e2e"));
    assert_eq!(ask(&stage, edit).await["changed_meanwhile"], json!(1), "once is enough");
    assert_eq!(stage.charges(&id).await, Some(1));
}

#[tokio::test]
#[ignore = "needs the stage"]
async fn a_patch_mends_many_letters_and_tells_of_those_that_it_does_not_fit() {
    let stage = Stage::connect().await;
    let mut letters = Vec::new();
    for currency in ["XTS", "XTS", "XXX"] {
        let id = order_id();
        stage.put_order(&id).await;
        letters.push((dead(&stage, &stage.send(&order(&id, 500, currency)).await).await, id));
    }
    let ids: Vec<_> = letters.iter().map(|(letter, _)| letter.id).collect();
    let patch = json!([{"op": "test", "path": "/currency", "value": "XTS"},
        {"op": "replace", "path": "/currency", "value": "EUR"}]);
    let ask_for = |dry_run| json!({"action": "replay", "ids": ids, "by": "e2e", "patch": patch, "dry_run": dry_run});
    let dry = ask(&stage, ask_for(true)).await;
    assert_eq!((&dry["would_send"], &dry["edit_failed"]), (&json!(2), &json!(1)), "{dry}");
    let report = ask(&stage, ask_for(false)).await;
    assert_eq!((&report["sent"], &report["edit_failed"]), (&json!(2), &json!(1)), "{report}");
    let refused = &report["refused_edits"][0];
    assert_eq!(refused["letter"], json!(ids[2]));
    assert_eq!(refused["why"], "operation 1 of the patch does not apply: its test failed");
    for (letter, id) in &letters[..2] {
        charged(&stage, id).await;
        // Its first enqueue had died under this key: the ledger knows that the edited body is another one.
        let entry = stage.entry(id).await.unwrap();
        assert!(entry.is_dead(&letter.enqueue) && entry.hash != letter.hash, "{entry:?}");
        assert_eq!(stage.charges(id).await, Some(1));
    }
    assert_eq!(stage.charges(&letters[2].1).await, Some(0));
}
