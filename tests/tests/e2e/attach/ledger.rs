//! A queue whose consumer keeps the ledger of another stack: the attached functions know that table by its ARN.

use aws_sdk_sqs::types::MessageSystemAttributeName;
use redrive_core::ids::Scope;
use redrive_core::message::key::{Key, LedgerKey};
use redrive_core::ports::LedgerReader;
use redrive_core::processing::ledger::{Entry, EntryState};

use super::*;

impl Attached {
    /// Receives what is in the queue and gives it back at once, so that SQS moves it to the dead-letter queue when it is received again.
    async fn receive_in_vain(&self) {
        let receive = self.stage.sqs.receive_message().queue_url(self.output("QueueUrl")).visibility_timeout(0);
        let names = [MessageSystemAttributeName::ApproximateReceiveCount];
        receive.set_message_system_attribute_names(Some(names.to_vec())).send().await.expect("SQS answers");
    }

    /// Lets a message die until its letter fits.
    async fn dies(&self, message: &MessageId, fits: impl Fn(&Letter) -> bool) -> Letter {
        until("the message becomes a letter", async || {
            self.receive_in_vain().await;
            self.stage.invoke("IndexerFunctionName", json!({"redrive": "sweep"})).await.expect("the indexer runs");
            self.letter(message).await.filter(|letter| fits(letter))
        })
        .await
    }

    async fn edit(&self, letter: &Letter, body: &Value) -> Value {
        let ids = [letter.id.to_string()];
        self.ask(json!({"action": "replay", "ids": ids, "by": "e2e", "edit": body.to_string()})).await
    }

    /// The entry of a key in the other stack's ledger.
    async fn entry(&self, id: &str) -> Option<Entry> {
        let key = LedgerKey::owned(&Scope::new("invoices").unwrap(), &Key::new(id).unwrap());
        self.stage.ledger().read(&[key]).await.expect("the ledger answers").pop().flatten()
    }
}

#[tokio::test]
#[ignore = "needs the stage"]
async fn an_edit_of_an_attached_queue_withdraws_the_former_copies_in_the_ledger_that_its_arn_names() {
    let (attached, id) = (Attached::to("Invoices").await, new_id());
    let message = attached.send(&order(&id, 5, "EUR")).await;
    let first = attached.dies(&message, |_| true).await;
    assert_eq!(
        (first.reason.error_type, first.key.as_ref().map(Key::as_str)),
        (ErrorType::NeverRan, Some(id.as_str()))
    );
    assert_eq!(attached.entry(&id).await, None, "no consumer has claimed the key");

    let edited = order(&id, 6, "EUR");
    let report = attached.edit(&first, &edited).await;
    assert_eq!((&report["sent"], &report["edited"]), (&json!(1), &json!(1)), "{report}");
    let entry = attached.entry(&id).await.expect("the edit leaves an entry in the ledger");
    assert!(entry.state == EntryState::Failed && entry.is_dead(&first.enqueue), "{entry:?}");

    // The copy dies in its turn; a second edit withdraws that, too.
    let second = attached.dies(&message, |letter| letter.status == Status::Pending && letter.deaths == 2).await;
    assert_eq!((second.payload_now(), second.number.0), (edited.to_string().as_str(), 1));
    assert!(!entry.is_dead(&second.enqueue), "{entry:?}");
    let report = attached.edit(&second, &order(&id, 7, "EUR")).await;
    assert_eq!((&report["sent"], &report["edited"]), (&json!(1), &json!(1)), "{report}");
    let entry = attached.entry(&id).await.unwrap();
    assert!(entry.is_dead(&first.enqueue) && entry.is_dead(&second.enqueue), "{entry:?}");
}
