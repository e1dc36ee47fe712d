//! Letters that are edited and sent to another queue than their own.

use redrive_core::letters::letter::Status;
use redrive_core::message::key::LedgerKey;
use redrive_core::message::redrive;
use redrive_core::replay::{Edit, ReplayOptions, Request, Selection};
use redrive_engine::ReplayReport;
use redrive_testkit::handlers::Order;
use redrive_testkit::{CallFault, ModelQueue};

use super::{lost, other, with_letter};
use crate::house::{House, Pair};

impl House {
    async fn edited(&self, queue: Option<&ModelQueue>, amount: u64) -> ReplayReport {
        let edit = Some(Edit::Body(Order::body("o-1", amount)));
        let selection = Selection::Ids(vec![self.letter().id]);
        let options = ReplayOptions { edit, ..Self::options(queue) };
        self.ask(&Request::Replay { selection, by: "ann".to_owned(), options }).await.unwrap().together()
    }
}

#[tokio::test(start_paused = true)]
async fn an_edited_letter_goes_elsewhere_with_its_new_body_once_its_copies_at_home_are_withdrawn() {
    let house = with_letter(Pair::new("orders").may_send_to(&other("refunds")), vec![]).await;
    let letter = house.letter();
    let report = house.edited(Some(house.destination()), 12).await;
    assert_eq!((report.sent, report.edited, house.depths()), (1, 1, (0, 1)));
    let message = house.destination().messages().remove(0);
    assert_eq!(
        (message.body.clone(), message.attributes.contains_key(redrive::ATTRIBUTE)),
        (Order::body("o-1", 12), false)
    );
    let now = house.letter();
    let send = now.sends.last().unwrap();
    assert_eq!((send.to.as_ref(), now.payload.as_str()), (Some(&house.destination().arn()), letter.payload.as_str()));
    assert!(send.edited.is_some() && send.hash != letter.hash && now.status == Status::Replayed);
    let key = LedgerKey::owned(&letter.scope, letter.key.as_ref().unwrap());
    let entry = house.ledger.entry(&key).unwrap();
    assert!(entry.is_dead(&letter.enqueue), "it was never sent before: its first copy is all there is to withdraw");
}

#[tokio::test(start_paused = true)]
async fn a_letter_that_may_be_elsewhere_is_not_edited() {
    let house = lost(CallFault::LostAnswer).await;
    house.for_long().await;
    let before = (house.letter(), house.depths());
    for to in [None, Some(house.destination())] {
        let report = house.edited(to, 12).await;
        assert_eq!((report.sent, report.edit_failed), (0, 1));
        assert!(report.refused_edits[0].why.contains("sent to another queue"), "{:?}", report.refused_edits);
    }
    assert_eq!((house.letter(), house.depths()), before);
    assert_eq!(house.sent(None).await, 1, "as it is it may go, knowing that");
}
