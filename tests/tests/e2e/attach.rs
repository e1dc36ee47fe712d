//! Indexer and replay attached to queues that were there before. Their consumers know nothing of letters; but for one, none keeps a
//! ledger of ours.

mod celery;
mod ledger;

use std::collections::HashMap;
use std::time::{Duration, SystemTime};

use aws_sdk_dynamodb::types::AttributeValue;
use aws_sdk_lambda::types::Environment;
use redrive_core::ids::{LetterId, MessageId, QueueArn};
use redrive_core::letters::letter::{ErrorType, EventKind, Letter, Status};
use redrive_core::letters::listing::{Cursor, Listing};
use redrive_core::ports::Letters;
use redrive_core::time::Timestamp;
use redrive_tests::stage::{Stage, until};
use serde_json::{Value, json};
use uuid::Uuid;

/// Queue of the attached stack, with its dead-letter queue, consumer, indexer and replay.
struct Attached {
    stage: Stage,
    queue: &'static str,
}

impl Attached {
    async fn to(queue: &'static str) -> Self {
        Self { stage: Stage::connect_to_attached().await, queue }
    }

    fn output(&self, name: &str) -> &str {
        self.stage.output(&format!("{}{name}", self.queue))
    }

    async fn send(&self, order: &Value) -> MessageId {
        let send = self.stage.sqs.send_message().queue_url(self.output("QueueUrl")).message_body(order.to_string());
        let sent = send.send().await.expect("SQS takes the message").message_id;
        sent.and_then(MessageId::new).expect("SQS gives it an id")
    }

    fn letter_id(&self, message: &MessageId) -> LetterId {
        LetterId::derive(&QueueArn::new(self.output("QueueArn")).unwrap(), message)
    }

    async fn letter(&self, message: &MessageId) -> Option<Letter> {
        self.stage.letters().read(&[self.letter_id(message)]).await.expect("the table answers").pop().flatten()
    }

    /// Lets the indexer look, as its sweep does every minute, until there is a letter.
    async fn dead(&self, message: &MessageId) -> Letter {
        until("the message becomes a letter", async || {
            self.stage.invoke("IndexerFunctionName", json!({"redrive": "sweep"})).await.expect("the indexer runs");
            self.letter(message).await
        })
        .await
    }

    async fn ask(&self, what: Value) -> Value {
        self.stage.ask(what).await
    }

    /// From which queue the consumer took the order, if it did.
    async fn consumed(&self, id: &str) -> Option<String> {
        let key = AttributeValue::S(id.to_owned());
        let get = self.stage.dynamodb.get_item().table_name(self.stage.output("ConsumedTableName")).key("id", key);
        let item = get.consistent_read(true).send().await.expect("the consumer's table answers").item?;
        Some(item["queue"].as_s().unwrap().clone())
    }

    /// The consumer's owner mends it: it knows this currency from now on.
    async fn teach(&self, currency: &str) {
        let name = self.stage.output("ConsumerFunctionName");
        let configuration = self.stage.lambda.get_function_configuration().function_name(name).send().await.unwrap();
        let mut variables: HashMap<_, _> = configuration.environment.unwrap().variables.unwrap();
        variables.insert("KNOWN".to_owned(), format!("{},{currency}", variables["KNOWN"]));
        let environment = Environment::builder().set_variables(Some(variables)).build();
        let update = self.stage.lambda.update_function_configuration().function_name(name);
        update.environment(environment).send().await.expect("Lambda takes the variables");
    }
}

fn order(id: &str, amount: i64, currency: &str) -> Value {
    json!({"id": id, "amount": amount, "currency": currency})
}

fn new_id() -> String {
    format!("foreign-{}", Uuid::new_v4())
}

/// Ids of all letters that are listed as PENDING.
async fn pending(letters: &impl Letters) -> Vec<LetterId> {
    let mut ids = Vec::new();
    let listing = Listing::all(Status::Pending);
    letters.scan_all(listing, Cursor::START, 1_000, |one| ids.push(one.id)).await.expect("the index answers");
    ids
}

#[tokio::test]
#[ignore = "needs the stage"]
async fn what_a_foreign_consumer_refuses_is_an_unknown_letter_that_is_listed_and_never_replayed_by_itself() {
    let (attached, id) = (Attached::to("Orders").await, new_id());
    let sent = order(&id, 5, "XTS");
    let message = attached.send(&sent).await;
    let letter = attached.dead(&message).await;
    assert_eq!((letter.reason.error_type, letter.status, letter.deaths), (ErrorType::Unknown, Status::Pending, 1));
    assert_eq!((letter.payload.as_str(), letter.reason.attempts.len()), (sent.to_string().as_str(), 0));

    assert_eq!(letter.moved_from.as_ref(), Some(&letter.source), "SQS says from which queue it moved the message");

    let letter_id = attached.letter_id(&message);
    let table = attached.stage.letters();
    let listed = pending(&table).await;
    assert!(listed.contains(&letter_id), "it is listed among what waits");
    let counted = json!({"action": "replay", "ids": [letter_id.to_string()], "by": "e2e", "dry_run": true});
    assert_eq!(attached.ask(counted).await["would_send"], 1);

    // A letter of our own consumer would be due a second after it died.
    until("a cool-down passes", async || {
        (now() > letter.reason.last_failed_at.after(Duration::from_secs(3))).then_some(())
    })
    .await;
    attached.ask(json!({"redrive": "schedule"})).await;
    let letter = attached.letter(&message).await.unwrap();
    assert_eq!((letter.status, letter.number.0, letter.sends.len()), (Status::Pending, 0, 0));
    assert_eq!(attached.consumed(&id).await, None);
}

#[tokio::test]
#[ignore = "needs the stage"]
async fn what_a_foreign_consumer_gives_up_with_a_reason_is_a_letter_of_that_reason() {
    let (attached, id) = (Attached::to("Orders").await, new_id());
    attached.send(&order(&id, 0, "EUR")).await;
    // It was sent to the dead-letter queue, and not moved: its letter has that message's id, which only the payload leads to.
    let letter = until("the message becomes a letter", async || {
        attached.stage.invoke("IndexerFunctionName", json!({"redrive": "sweep"})).await.expect("the indexer runs");
        let letters = attached.stage.letters();
        let found = letters.read(&pending(&letters).await).await.expect("the table answers");
        found.into_iter().flatten().find(|letter| letter.payload.contains(&id))
    })
    .await;
    let reason = (letter.reason.error_type, letter.reason.error_code.as_deref(), letter.reason.attempt_count);
    assert_eq!(reason, (ErrorType::Permanent, Some("amount"), 1));
    assert_eq!(letter.reason.error_message, "an amount of zero or less");
}

#[tokio::test]
#[ignore = "needs the stage"]
async fn letters_are_replayed_by_request_each_to_its_own_queue_and_consumed_once_the_consumer_is_mended() {
    let (orders, mail) = (Attached::to("Orders").await, Attached::to("Mail").await);
    // Each queue's first is replayed at once, its second by a guarded job.
    let mut waiting = Vec::new();
    for (attached, action) in [(&orders, "replay"), (&mail, "replay"), (&orders, "job"), (&mail, "job")] {
        let id = new_id();
        let message = attached.send(&order(&id, 5, "CHF")).await;
        waiting.push((attached, action, id, message));
    }
    for (attached, _, _, message) in &waiting {
        attached.dead(message).await;
    }
    orders.teach("CHF").await;
    for (attached, action, _, message) in &waiting {
        let ids = [attached.letter_id(message).to_string()];
        let report = attached.ask(json!({"action": action, "ids": ids, "by": "e2e"})).await;
        assert!(report["sent"] == 1 || report["jobs"][0]["id"].is_string(), "{action}: {report}");
    }
    for (attached, _, id, message) in waiting {
        let taken = async || {
            attached.ask(json!({"redrive": "work"})).await;
            attached.consumed(&id).await
        };
        let queue = until("the consumer takes it", taken).await;
        assert_eq!(attached.output("QueueArn").rsplit(':').next(), Some(queue.as_str()));
        let letter = until("the send is marked", async || {
            attached.letter(&message).await.filter(|letter| letter.status == Status::Replayed)
        })
        .await;
        // Sent once. How often SQS delivers it is no matter of ours: this consumer keeps no ledger.
        assert_eq!((letter.number.0, letter.sends.len()), (1, 1));
        assert!(letter.history.iter().any(|event| event.what == EventKind::Claimed && event.who.contains("e2e")));
    }
}

#[tokio::test]
#[ignore = "needs the stage"]
async fn a_letter_of_a_foreign_consumer_is_discarded_with_a_note() {
    let attached = Attached::to("Orders").await;
    let message = attached.send(&order(&new_id(), 5, "XXX")).await;
    attached.dead(&message).await;
    let ids = json!([attached.letter_id(&message).to_string()]);
    let report = attached.ask(json!({"action": "discard", "ids": ids, "note": "a test's", "by": "e2e"})).await;
    assert_eq!(report["discarded"], 1, "{report}");
    let letter = attached.letter(&message).await.unwrap();
    assert_eq!((letter.status, letter.resolution_note.as_deref()), (Status::Discarded, Some("a test's")));
}

fn now() -> Timestamp {
    let since = SystemTime::UNIX_EPOCH.elapsed().expect("the clock is set");
    Timestamp::from_millis(u64::try_from(since.as_millis()).unwrap())
}
