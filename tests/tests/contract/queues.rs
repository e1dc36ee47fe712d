//! The queue adapters, each against a queue of its own on the stage.

use std::time::Duration;

use aws_sdk_sqs::types::QueueAttributeName;
use redrive_aws::{SqsDeadLetterQueue, SqsMainQueue, SqsOutbox};
use redrive_core::ids::{LetterId, MessageId, ReceiptHandle, ReplayNumber};
use redrive_core::message::envelope::{Attribute, AttributeValue, Envelope, Record};
use redrive_core::ports::{DeadLetterQueue, MainQueue, Outbox, VisibilityChange};
use redrive_core::replay::Outgoing;
use redrive_tests::stage::{Stage, until};

use crate::samples::{queue, unique};

/// A queue of a test's own.
struct Own {
    sqs: aws_sdk_sqs::Client,
    url: String,
}

impl Own {
    async fn make() -> Self {
        let sqs = Stage::connect().await.sqs;
        let made = sqs.create_queue().queue_name(format!("contract-{}", unique())).send().await;
        Self { url: made.expect("the stage makes queues").queue_url.expect("with a URL"), sqs }
    }

    async fn remove(self) {
        self.sqs.delete_queue().queue_url(self.url).send().await.expect("the stage removes queues");
    }

    fn outbox(&self) -> SqsOutbox {
        SqsOutbox::new(self.sqs.clone(), &self.url)
    }

    fn main(&self) -> SqsMainQueue {
        SqsMainQueue::new(self.sqs.clone(), &self.url)
    }

    fn dead_letters(&self) -> SqsDeadLetterQueue {
        SqsDeadLetterQueue::new(self.sqs.clone(), &self.url)
    }

    async fn receive(&self, wait: u64) -> Vec<Record> {
        self.dead_letters().receive(Duration::from_secs(wait)).await.expect("the queue answers")
    }

    /// Receives until there are so many.
    async fn receive_all(&self, count: usize) -> Vec<Record> {
        let mut received = Vec::new();
        while received.len() < count {
            let more = self.receive(5).await;
            assert!(!more.is_empty(), "{} of {count} came", received.len());
            received.extend(more);
        }
        received
    }
}

fn outgoing(body: &str) -> Outgoing {
    Outgoing {
        letter: LetterId::derive(&queue(), &MessageId::new(unique()).unwrap()),
        number: ReplayNumber(1),
        body: body.to_owned(),
        attributes: [("redrive".to_owned(), Attribute::text("{}"))].into(),
        group: None,
        deduplication: unique(),
        record: None,
    }
}

fn handle(record: &Record) -> (MessageId, ReceiptHandle) {
    let id = record.message_id.clone().and_then(MessageId::new).unwrap();
    (id, record.receipt_handle.clone().and_then(ReceiptHandle::new).unwrap())
}

#[tokio::test]
#[ignore = "needs the stage"]
async fn what_is_sent_is_received_as_it_was_with_everything_that_sqs_adds() {
    let own = Own::make().await;
    let mut message = outgoing("{\"a\": \"ünïcode 🚚\"}");
    message.attributes.insert(
        "png".to_owned(),
        Attribute { data_type: "Binary.png".to_owned(), value: AttributeValue::Binary((0..=255).collect()) },
    );
    let number = Attribute { data_type: "Number".to_owned(), ..Attribute::text("7") };
    message.attributes.insert("n".to_owned(), number);
    message.group = Some("tenant-1".to_owned());
    let sent = own.outbox().send(vec![message.clone()]).await.unwrap().remove(0).unwrap();

    let record = own.receive_all(1).await.remove(0);
    let envelope = Envelope::read(sent.clone(), record.clone()).unwrap();
    assert_eq!((record.message_id.as_deref(), &envelope.body), (Some(sent.as_str()), &message.body));
    assert_eq!((envelope.attributes, envelope.group), (message.attributes, message.group));
    assert_eq!(envelope.receive_count, 1);
    own.remove().await;
}

#[tokio::test]
#[ignore = "needs the stage"]
async fn ten_sent_at_once_each_get_their_own_answer_and_are_deleted_one_by_one() {
    let own = Own::make().await;
    let messages: Vec<_> = (0..10).map(|n| outgoing(&format!("body {n}"))).collect();
    let sent: Vec<_> = own.outbox().send(messages).await.unwrap().into_iter().map(Result::unwrap).collect();
    let received = own.receive_all(10).await;
    for record in &received {
        let place = sent.iter().position(|id| Some(id.as_str()) == record.message_id.as_deref()).unwrap();
        assert_eq!(record.body, Some(format!("body {place}")), "ids are in the order of the messages");
    }
    let stranger = MessageId::new("stranger").unwrap();
    let mut handles: Vec<_> = received.iter().take(9).map(handle).collect();
    handles.push((stranger.clone(), ReceiptHandle::new("not a handle").unwrap()));
    let left = own.dead_letters().delete(handles).await;
    assert_eq!(left.iter().map(|(id, _)| id).collect::<Vec<_>>(), [&stranger], "{left:?}");
    own.remove().await;
}

#[tokio::test]
#[ignore = "needs the stage"]
async fn a_hidden_message_comes_back_when_it_should_and_what_was_not_set_is_told() {
    let own = Own::make().await;
    let messages = (0..9).map(|n| outgoing(&format!("body {n}"))).collect();
    own.outbox().send(messages).await.unwrap();
    let received = own.receive_all(9).await;
    let change_visibility = |(message_id, receipt_handle), secs| VisibilityChange {
        message_id,
        receipt_handle,
        delay: Duration::from_secs(secs),
    };
    let mut changes: Vec<_> = received.iter().map(|record| change_visibility(handle(record), 600)).collect();
    let soon = changes[4].message_id.clone();
    changes[4].delay = Duration::from_secs(1);
    for n in 0..3 {
        let stranger = (MessageId::new(format!("stranger {n}")).unwrap(), ReceiptHandle::new("not a handle").unwrap());
        changes.insert(n * 5, change_visibility(stranger, 1));
    }
    let unset = own.main().change_visibility(changes).await;
    let unset: Vec<_> = unset.iter().map(|(id, code)| (id.as_str(), code.is_empty())).collect();
    assert_eq!(unset, [("stranger 0", false), ("stranger 1", false), ("stranger 2", false)]);
    let back = until("the message that was hidden for a second", async || Some(own.receive(2).await.pop()?)).await;
    assert_eq!(back.message_id.as_deref(), Some(soon.as_str()));
    assert!(own.receive(0).await.is_empty());
    own.remove().await;
}

#[tokio::test]
#[ignore = "needs the stage"]
async fn a_queue_that_does_not_exist_refuses_every_message_and_takes_none() {
    let own = Own::make().await;
    let (outbox, main) = (own.outbox(), own.main());
    own.remove().await;
    let sent = outbox.send(vec![outgoing("a"), outgoing("b")]).await.unwrap();
    assert!(sent.len() == 2 && sent.iter().all(Result::is_err), "{sent:?}");
    assert_eq!(outbox.send(Vec::new()).await, Ok(Vec::new()));
    let (message_id, receipt_handle) = (MessageId::new("m").unwrap(), ReceiptHandle::new("h").unwrap());
    let change_visibility = VisibilityChange { message_id, receipt_handle, delay: Duration::from_secs(1) };
    assert_eq!(
        main.change_visibility(vec![change_visibility; 11]).await.len(),
        11,
        "a failed call reports all of its entries"
    );
}

#[tokio::test]
#[ignore = "needs the stage"]
async fn an_empty_queue_answers_after_the_wait_and_not_with_a_time_out() {
    let own = Own::make().await;
    let started = std::time::Instant::now();
    assert!(own.receive(6).await.is_empty());
    assert!(started.elapsed() >= Duration::from_secs(5), "it waits longer than any other call may take");
    own.remove().await;
}

#[tokio::test]
#[ignore = "needs the stage"]
async fn what_is_received_too_often_is_moved_to_the_dead_letter_queue_with_its_id_and_the_time_of_its_first_send() {
    let (own, dead) = (Own::make().await, Own::make().await);
    let arn = QueueAttributeName::QueueArn;
    let asked = dead.sqs.get_queue_attributes().queue_url(&dead.url).attribute_names(arn.clone()).send().await;
    let target = asked.expect("the queue tells").attributes.expect("its ARN").remove(&arn).unwrap();
    let policy = serde_json::json!({"deadLetterTargetArn": target, "maxReceiveCount": 2}).to_string();
    let set = own.sqs.set_queue_attributes().queue_url(&own.url).attributes(QueueAttributeName::RedrivePolicy, policy);
    set.attributes(QueueAttributeName::VisibilityTimeout, "1").send().await.expect("the queue takes its policy");

    let sent = own.outbox().send(vec![outgoing("too often")]).await.unwrap().remove(0).unwrap();
    let first = own.receive_all(1).await.remove(0);
    let first = Envelope::read(sent.clone(), first).unwrap();
    let moved = until("SQS moves the message", async || {
        own.receive(1).await;
        dead.receive(0).await.pop()
    })
    .await;
    assert_eq!(moved.message_id.as_deref(), Some(sent.as_str()));
    let moved = Envelope::read(sent, moved).unwrap();
    assert_eq!((&moved.body, &moved.attributes, moved.sent_at), (&first.body, &first.attributes, first.sent_at));
    assert!(moved.moved_from.is_some(), "it says where it comes from");
    assert!(own.receive(0).await.is_empty());
    own.remove().await;
    dead.remove().await;
}
