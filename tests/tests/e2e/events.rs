//! Integration events on the deployed stack: a rule with a queue as its target receives them.

use aws_sdk_eventbridge::types::Target;
use redrive_tests::stage::{Stage, until};
use serde_json::{Value, json};
use uuid::Uuid;

use super::dead;

const PATTERN: &str = r#"{"source": ["redrive"], "detail-type": ["Letter Created", "Letter Discarded"]}"#;

/// A queue to which a rule on the stage's bus sends what Redrive tells; returns its URL.
async fn listener(stage: &Stage) -> String {
    let name = format!("events-{}", Uuid::new_v4());
    let queue = stage.sqs.create_queue().queue_name(&name).send().await.unwrap().queue_url.unwrap();
    let rule = stage.events.put_rule().name(&name).event_pattern(PATTERN).send().await.unwrap();
    let region = rule.rule_arn.unwrap().split(':').take(5).skip(3).collect::<Vec<_>>().join(":");
    let target = Target::builder().id("queue").arn(format!("arn:aws:sqs:{region}:{name}")).build().unwrap();
    stage.events.put_targets().rule(&name).targets(target).send().await.unwrap();
    queue
}

/// The event of this type about a letter, once it has come.
async fn event(stage: &Stage, queue: &str, detail_type: &str, letter: &str) -> Value {
    let come = async || {
        // Other tests' letters are told of, too: what was looked at once is not given again.
        let receive = stage.sqs.receive_message().queue_url(queue).max_number_of_messages(10).visibility_timeout(600);
        let messages = receive.send().await.unwrap().messages.unwrap_or_default();
        let mut bodies = messages.iter().filter_map(|message| serde_json::from_str::<Value>(message.body()?).ok());
        bodies.find(|event| event["detail-type"] == detail_type && event["detail"]["letter_id"] == letter)
    };
    until(&format!("the event {detail_type} comes"), come).await
}

#[tokio::test]
#[ignore = "needs the stage"]
async fn a_rule_with_a_queue_receives_what_became_of_a_letter() {
    let stage = Stage::connect().await;
    let queue = listener(&stage).await;
    let message = stage.send("not json, and SECRET").await;
    let letter = dead(&stage, &message).await;
    let id = letter.id.to_string();
    let created = event(&stage, &queue, "Letter Created", &id).await;
    assert_eq!((&created["source"], &created["detail"]["status"]), (&json!("redrive"), &json!("PENDING")));
    assert_eq!(
        (&created["detail"]["class"], &created["resources"][0]),
        (&json!("SCHEMA"), &json!(letter.source.as_str()))
    );
    let ask = json!({"action": "discard", "ids": [id], "note": "SECRET", "by": "e2e"});
    assert_eq!(stage.invoke("ReplayFunctionName", ask).await.unwrap()["discarded"], 1);
    let discarded = event(&stage, &queue, "Letter Discarded", &id).await;
    assert_eq!((&discarded["detail"]["by"], &discarded["detail"]["deaths"]), (&json!("person"), &json!(1)));
    assert!(!format!("{created}{discarded}").contains("SECRET"));
}
