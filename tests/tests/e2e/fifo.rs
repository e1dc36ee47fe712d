//! The same template with FIFO queues: groups in order, the dead handed over by the processor itself.

use redrive_core::letters::letter::{ErrorType, Status};
use redrive_core::processing::ledger::EntryState;
use redrive_tests::stage::Stage;
use uuid::Uuid;

use crate::{charged, dead, order, order_id};

fn group() -> String {
    format!("group-{}", Uuid::new_v4())
}

#[tokio::test]
#[ignore = "needs the stage"]
async fn a_message_that_waits_for_its_row_holds_up_its_group_and_no_other() {
    let stage = Stage::connect_to_fifo().await;
    let (late, behind, destination, group) = (order_id(), order_id(), order_id(), group());
    stage.put_order(&behind).await;
    stage.put_order(&destination).await;
    stage.send_to(&group, &order(&late, 500, "EUR")).await;
    stage.send_to(&group, &order(&behind, 500, "EUR")).await;
    stage.send_to(&self::group(), &order(&destination, 500, "EUR")).await;
    charged(&stage, &destination).await;
    let waits = stage.entry(&late).await.is_none_or(|entry| entry.state != EntryState::Completed);
    assert!(waits && stage.charges(&behind).await == Some(0), "what is behind waits");
    stage.put_order(&late).await;
    charged(&stage, &behind).await;
    assert_eq!((stage.charges(&late).await, stage.charges(&behind).await), (Some(1), Some(1)));
}

#[tokio::test]
#[ignore = "needs the stage"]
async fn a_dead_message_becomes_the_letter_of_its_own_id_and_frees_its_group() {
    let stage = Stage::connect_to_fifo().await;
    let (refused, behind, group) = (order_id(), order_id(), group());
    stage.put_order(&refused).await;
    stage.put_order(&behind).await;
    let message = stage.send_to(&group, &order(&refused, 500, "XXX")).await;
    let unread = stage.send_to(&group, "not json").await;
    stage.send_to(&group, &order(&behind, 500, "EUR")).await;
    charged(&stage, &behind).await;
    let letter = dead(&stage, &message).await;
    assert_eq!(
        (letter.reason.error_type, letter.reason.error_code.as_deref()),
        (ErrorType::Permanent, Some("currency"))
    );
    assert_eq!((letter.status, letter.deaths, letter.group.as_deref()), (Status::Pending, 1, Some(group.as_str())));
    assert_eq!((letter.origin == message, letter.reason.attempt_count), (true, 1));
    let letter = dead(&stage, &unread).await;
    assert_eq!(letter.reason.error_code.as_deref(), Some("not-json"));
    assert_eq!(stage.charges(&refused).await, Some(0));
}
