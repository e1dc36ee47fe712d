//! Dead letters that others put into the queue: each becomes a letter that says what they said.

mod frameworks;
mod records;

use std::time::Duration;

use redrive_core::ids::OwnerToken;
use redrive_core::letters::edges::{self, ClaimTerms};
use redrive_core::letters::letter::{ErrorType, Letter, Status};
use redrive_core::letters::policy::Policy;
use redrive_core::message::envelope::{Attribute, Attributes};
use redrive_core::message::foreign;
use redrive_core::ports::Outbox;
use redrive_core::processing::mask::{Masks, Redaction};
use redrive_core::replay::Outgoing;
use redrive_core::time::Timestamp;
use redrive_engine::{DrainReport, IndexSettings, Indexer};
use redrive_testkit::clock::VirtualClock;
use redrive_testkit::handlers::Order;
use redrive_testkit::queue::ModelQueue;
use redrive_testkit::store::{ModelLedger, ModelLetters};
use serde_json::json;
use tokio::time::Instant;

use crate::bench::settings;

/// A main queue, its dead-letter queue, and an indexer. Nobody consumes the main queue but by receiving in vain.
struct Pair {
    main: ModelQueue,
    dead: ModelQueue,
    letters: ModelLetters,
    indexer: Indexer<ModelQueue, ModelLedger, ModelLetters, VirtualClock>,
}

fn policy() -> Policy {
    let hour = Duration::from_secs(3_600);
    Policy {
        rules: Vec::new(),
        cool_down: hour,
        max_deaths: 3,
        resolved_retention: hour,
        body_retention: hour,
        outcome_after: hour,
    }
}

impl Pair {
    fn new(redaction: Redaction) -> Self {
        let dead = ModelQueue::new("redrive-dead");
        let main = ModelQueue::new("redrive-main").with_redrive_policy(&dead, 1).with_visibility(Duration::ZERO);
        let letters = ModelLetters::new();
        let settings = IndexSettings {
            reading: settings().reading,
            policy: policy(),
            pollers: 2,
            wait: Duration::from_secs(1),
            reserve: Duration::from_secs(3),
        };
        let clock = VirtualClock::new();
        let indexer = Indexer::new(dead.clone(), ModelLedger::new(), letters.clone(), clock, settings);
        Self { main, dead, letters, indexer: indexer.with_redaction(redaction) }
    }

    async fn drain(&self) -> DrainReport {
        self.indexer.drain(Instant::now() + Duration::from_secs(30)).await
    }

    /// The letter of a message that a service or a consumer sent to the dead-letter queue.
    async fn indexed(&self, body: &str, attributes: &[(&str, &str, &str)]) -> Letter {
        self.dead.send(body, typed(attributes));
        let report = self.drain().await;
        assert_eq!((report.created, report.deleted, self.dead.len()), (1, 1, 0), "{report:?}");
        (*self.letters.all()[0]).clone()
    }

    /// Receives the main queue's only message in vain until its redrive policy moves it.
    async fn dies(&self) {
        while !self.main.is_empty() {
            self.main.receive_batch(10);
            tokio::time::advance(Duration::from_secs(1)).await;
        }
    }
}

fn typed(attributes: &[(&str, &str, &str)]) -> Attributes {
    let one = |(name, data_type, value): &(&str, &str, &str)| {
        ((*name).to_owned(), Attribute { data_type: (*data_type).to_owned(), ..Attribute::text(*value) })
    };
    attributes.iter().map(one).collect()
}

const SAYS: &str =
    r#"{"type":"PERMANENT","code":"currency","message":"CHF of jane@example.com is not supported","attempts":3}"#;

fn body() -> String {
    Order::body("o-1", 5)
}

#[tokio::test(start_paused = true)]
async fn a_consumer_without_our_ledger_says_why_by_an_attribute() {
    let pair = Pair::new(Redaction::default());
    let letter = pair.indexed(&body(), &[(foreign::ATTRIBUTE, "String", SAYS), ("tenant", "String", "a")]).await;
    assert_eq!((letter.reason.error_type, letter.fingerprint.as_str()), (ErrorType::Permanent, "PERMANENT/currency"));
    assert_eq!(letter.reason.error_message, "CHF of jane@example.com is not supported");
    assert_eq!((letter.reason.attempt_count, letter.due), (3, Timestamp::NEVER));
    assert_eq!((letter.payload.as_str(), letter.attributes.len()), (body().as_str(), 2), "nothing of it is lost");
}

#[tokio::test(start_paused = true)]
async fn an_event_that_a_rule_could_not_deliver_keeps_the_rules_reason() {
    let pair = Pair::new(Redaction::default());
    let text = "Lack of permissions to invoke the target.";
    let attributes = [
        ("RULE_ARN", "String", "arn:aws:events:us-east-1:000000000000:rule/orders"),
        ("TARGET_ARN", "String", "arn:aws:sqs:us-east-1:000000000000:redrive-main"),
        ("ERROR_CODE", "String", "NO_PERMISSIONS"),
        ("ERROR_MESSAGE", "String", text),
        ("RETRY_ATTEMPTS", "String", "4"),
    ];
    let letter = pair.indexed(r#"{"detail-type":"OrderPlaced","detail":{"order_id":"o-1"}}"#, &attributes).await;
    assert_eq!(letter.fingerprint, "PERMANENT/NO_PERMISSIONS");
    assert_eq!((letter.reason.error_message.as_str(), letter.reason.attempt_count), (text, 5));
}

#[tokio::test(start_paused = true)]
async fn an_asynchronous_invocation_that_lambda_gave_up_keeps_the_functions_error() {
    let mut causes = std::collections::BTreeSet::new();
    for order in ["o-17", "o-99"] {
        let pair = Pair::new(Redaction::default());
        let text = format!("order {order} has no row");
        let attributes = [
            ("RequestID", "String", "8f0b5e3a-1f5b-4d27-9a55-0a3d7f6c1e11"),
            ("ErrorCode", "Number", "200"),
            ("ErrorMessage", "String", &text),
        ];
        let letter = pair.indexed(&body(), &attributes).await;
        assert_eq!((letter.reason.error_type, letter.reason.error_message), (ErrorType::Unknown, text));
        causes.insert(letter.fingerprint);
    }
    assert_eq!(causes.len(), 1, "the order's number is no cause of its own");
}

#[tokio::test(start_paused = true)]
async fn a_notification_that_sns_could_not_deliver_never_ran_and_says_of_which_topic_it_was() {
    let pair = Pair::new(Redaction::new(Masks::parse("/customer").unwrap()));
    let topic = "arn:aws:sns:us-east-1:000000000000:orders";
    let body = json!({"Type": "Notification", "MessageId": "x", "TopicArn": topic, "Message": body()});
    let letter = pair.indexed(&body.to_string(), &[]).await;
    assert_eq!(letter.reason.error_type, ErrorType::NeverRan);
    assert!(letter.reason.error_message.contains(topic), "{}", letter.reason.error_message);
}

#[tokio::test(start_paused = true)]
async fn a_message_that_says_nothing_and_was_never_attempted_never_ran() {
    let pair = Pair::new(Redaction::default());
    let letter = pair.indexed(&body(), &[("ErrorCode", "String", "a producer's own")]).await;
    assert_eq!(
        (letter.reason.error_type, letter.reason.error_code.as_deref()),
        (ErrorType::NeverRan, Some("no-attempt"))
    );
}

/// Else any producer could have its messages look as if they had failed.
#[tokio::test(start_paused = true)]
async fn a_reason_that_a_producer_wrote_is_not_believed() {
    let pair = Pair::new(Redaction::default());
    pair.main.send(body(), typed(&[(foreign::ATTRIBUTE, "String", SAYS)]));
    pair.dies().await;
    assert_eq!(pair.drain().await.created, 1);
    assert_eq!(pair.letters.all()[0].reason.error_type, ErrorType::NeverRan);
}

#[tokio::test(start_paused = true)]
async fn a_replay_goes_out_without_its_former_reason_and_dies_of_its_own() {
    let pair = Pair::new(Redaction::default());
    let letter = pair.indexed(&body(), &[(foreign::ATTRIBUTE, "String", SAYS)]).await;
    let (token, now) = (OwnerToken::from_random(1), VirtualClock::new().now());
    let claimed = edges::claim(&letter, token, ClaimTerms::default(), "test", Duration::from_secs(60), now).unwrap();
    let outgoing = Outgoing::of_claimed(&claimed).unwrap();
    assert_eq!(outgoing.attributes.keys().collect::<Vec<_>>(), ["redrive"]);
    pair.letters.force(claimed);

    Outbox::send(&pair.main, vec![outgoing]).await.unwrap();
    pair.dies().await;
    assert_eq!(pair.drain().await.changed, 1);
    let back = pair.letters.all()[0].clone();
    assert_eq!((back.status, back.deaths, back.reason.error_type), (Status::Pending, 2, ErrorType::NeverRan));
}

#[tokio::test(start_paused = true)]
async fn masked_values_and_what_the_users_function_removes_are_stored_nowhere_in_a_reason() {
    let redaction = Redaction::new(Masks::parse("/mail").unwrap()).with_hook(|text| text.replace("CHF", "[currency]"));
    let pair = Pair::new(redaction);
    let body = r#"{"order_id":"o-1","mail":"jane@example.com"}"#;
    let letter = pair.indexed(body, &[(foreign::ATTRIBUTE, "String", SAYS)]).await;
    assert_eq!(letter.reason.error_message, "[currency] of *** is not supported");
    assert!(letter.history.iter().all(|event| !format!("{event:?}").contains("jane")));
}

#[tokio::test(start_paused = true)]
async fn a_text_whose_body_cannot_be_read_is_withheld_where_masks_are_configured() {
    let pair = Pair::new(Redaction::new(Masks::parse("/mail").unwrap()));
    let letter = pair.indexed("not JSON", &[(foreign::ATTRIBUTE, "String", SAYS)]).await;
    assert_eq!(letter.fingerprint, "PERMANENT/currency", "the code is no text");
    assert!(!letter.reason.error_message.contains("jane"), "{}", letter.reason.error_message);
}
