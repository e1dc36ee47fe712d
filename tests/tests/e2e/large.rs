//! A body that does not fit into one item of the table: kept in chunks beside the letter, through its whole life.

use redrive_core::ids::MessageId;
use redrive_core::letters::letter::{Body, Letter, Status};
use redrive_tests::stage::Stage;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::{dead, order_id};

/// Some 800 KB that do not compress much.
fn large_order() -> String {
    let noise: String = (0..25_000).map(|_| Uuid::new_v4().simple().to_string()).collect();
    json!({"order_id": order_id(), "customer_id": "c-1", "amount_minor": 500, "currency": "XTS", "noise": noise})
        .to_string()
}

async fn ask(stage: &Stage, action: &str, message: &MessageId) -> Value {
    let ids = [stage.letter_id(message).to_string()];
    let what = json!({"action": action, "ids": ids, "by": "e2e", "note": "a large one"});
    let what = if action == "replay" { json!({"action": action, "ids": ids, "by": "e2e"}) } else { what };
    stage.ask(what).await
}

#[tokio::test]
#[ignore = "needs the stage"]
async fn a_letter_in_chunks_is_replayed_whole_dies_again_is_discarded_and_erased() {
    let (stage, body) = (Stage::connect().await, large_order());
    let message = stage.send(&body).await;
    let first = dead(&stage, &message).await;
    assert_eq!(first.payload, body);

    // The cause's index finds it; nothing is touched.
    let cause = json!({"action": "replay", "select": {"fingerprint": first.fingerprint}, "by": "e2e", "dry_run": true});
    let counted = stage.invoke("ReplayFunctionName", cause).await.expect("replay answers");
    assert!(counted["would_send"].as_u64().unwrap() >= 1, "{counted}");

    assert_eq!(ask(&stage, "replay", &message).await["sent"], 1);
    let again = stage.letter_that(&message, "it dies again", |letter| letter.deaths == 2).await;
    assert_eq!((again.status, again.payload), (Status::Pending, body));

    assert_eq!(ask(&stage, "discard", &message).await["discarded"], 1);
    let expires = |letter: &Letter| letter.status == Status::Discarded && letter.expires.is_some();
    stage.letter_that(&message, "it expires", expires).await;
    assert_eq!(ask(&stage, "erase", &message).await["erased"], 1);
    let letter = stage.letter(&message).await.expect("what is known of it stays");
    assert!(letter.payload.is_empty() && matches!(letter.body, Body::Erased { .. }), "{:?}", letter.body);
}
