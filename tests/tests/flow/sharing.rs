//! A dead-letter queue that several queues share: a letter is of the queue that SQS names, and of no other.

use redrive_core::ids::{LetterId, MessageId, ReplayNumber};
use redrive_core::letters::letter::{ErrorType, Letter, Status};
use redrive_core::message::envelope::{Attribute, Attributes};
use redrive_core::message::redrive::{ATTRIBUTE, Redrive};
use redrive_core::replay::Request;
use redrive_core::time::Timestamp;
use redrive_engine::DrainReport;
use redrive_testkit::handlers::Order;

use crate::house::{House, Pair};

/// Two pairs that share a dead-letter queue, the second without our ledger.
fn two() -> House {
    let orders = Pair::new("orders");
    let mail = Pair::sharing("mail", &orders).without_ledger();
    House::new(vec![orders, mail])
}

async fn die(pair: &Pair, order: &str) {
    pair.main.send(Order::body(order, 5), Attributes::new());
    pair.dies().await;
}

async fn drain(house: &House) -> DrainReport {
    let mut reports = house.drain().await;
    assert_eq!(reports.len(), 1, "one dead-letter queue is drained once");
    reports.remove(0).unwrap()
}

#[tokio::test(start_paused = true)]
async fn pairs_that_share_a_dead_letter_queue_get_letters_of_their_own_each_by_its_own_policy() {
    let house = two();
    die(&house.pairs[0], "o-1").await;
    die(&house.pairs[1], "o-2").await;
    let report = drain(&house).await;
    assert_eq!((report.created, report.deleted, report.unlisted), (2, 2, 0), "{report:?}");
    let letters: Vec<Letter> = (0..2).map(|pair| house.letters_of(pair).remove(0)).collect();
    for (pair, letter) in house.pairs.iter().zip(&letters) {
        assert_eq!((&letter.source, &letter.moved_from), (&pair.main.arn(), &Some(pair.main.arn())));
    }
    assert_eq!(letters[0].reason.error_type, ErrorType::NeverRan);
    assert_eq!((letters[1].reason.error_type, letters[1].due), (ErrorType::Unknown, Timestamp::NEVER));
    let sources = [0, 1].map(|pair: usize| house.pairs[pair].main.arn());
    let shares = report.shares(&sources);
    assert_eq!(shares.iter().map(|share| (share.received, share.created)).collect::<Vec<_>>(), [(2, 1), (0, 1)]);
    let replayed = house.ask(&Request::Schedule).await.unwrap();
    assert_eq!(replayed.pairs.iter().map(|report| report.sent).collect::<Vec<_>>(), [1, 0]);
    assert_eq!((house.pairs[0].main.len(), house.pairs[1].main.len()), (1, 0));
}

#[tokio::test(start_paused = true)]
async fn the_dead_of_a_queue_that_is_not_listed_stay_and_are_counted_and_never_run_elsewhere() {
    for listed in [1, 2] {
        let mut house = two();
        let stranger = Pair::sharing("stranger", &house.pairs[0]);
        house.pairs.truncate(listed);
        die(&stranger, "o-7").await;
        die(&house.pairs[0], "o-1").await;
        let report = drain(&house).await;
        assert_eq!((report.created, report.deleted, report.unlisted, report.unavailable), (1, 1, 1, 0), "{report:?}");
        assert!(report.oldest_left.is_some(), "when it will be lost is told");
        let left = house.pairs[0].dead.messages();
        assert_eq!((left.len(), left[0].from.clone()), (1, Some(stranger.main.arn())));
        house.ask(&Request::Schedule).await.unwrap();
        assert!(house.pairs[0].main.messages().iter().all(|message| !message.body.contains("o-7")));
    }
}

fn handed_over(pair: &Pair, number: u32) -> Attributes {
    let origin = MessageId::new("m-0").unwrap();
    let name = pair.main.arn().name().to_owned();
    let redrive = Redrive {
        letter: LetterId::derive(&pair.main.arn(), &origin),
        number: ReplayNumber(number),
        key: redrive_core::message::key::Key::new("o-1").ok(),
        scope: redrive_core::ids::Scope::new(name).unwrap(),
        origin,
        sent_at: Timestamp::from_millis(1),
        died: None,
        trace: None,
    };
    [(ATTRIBUTE.to_owned(), Attribute::text(redrive.encode()))].into()
}

#[tokio::test(start_paused = true)]
async fn a_message_that_was_sent_there_is_the_only_pairs_and_of_several_that_of_its_attribute_for_a_person_to_send() {
    let mut house = two();
    let dead = house.pairs[0].dead.clone();
    dead.send(Order::body("o-1", 5), Attributes::new());
    dead.send(Order::body("o-1", 5), handed_over(&house.pairs[0], 1));
    let report = drain(&house).await;
    assert_eq!((report.created, report.source_unsaid), (1, 1), "{report:?}");
    let letter = house.letters_of(0).remove(0);
    assert_eq!((letter.status, letter.due, letter.moved_from), (Status::Pending, Timestamp::NEVER, None));
    house.pairs.truncate(1);
    tokio::time::advance(crate::house::MINUTE * 3).await;
    let report = drain(&house).await;
    assert_eq!((report.created, dead.len()), (1, 0), "{report:?}");
    assert!(house.letters_of(0).iter().any(|letter| letter.due != Timestamp::NEVER), "nobody else can be meant");
}
