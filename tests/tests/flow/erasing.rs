//! An operator has bodies removed: at once, for ever, and with an account of it.

mod traces;

use std::time::Duration;

use redrive_core::ids::{MessageId, OwnerToken, QueueArn, Scope};
use redrive_core::letters::admission::{Admission, Findings, admit};
use redrive_core::letters::edges::{self, ClaimTerms};
use redrive_core::letters::letter::{Body, Letter, Status};
use redrive_core::letters::policy::Policy;
use redrive_core::message::decode::{Inspected, Reading};
use redrive_core::message::envelope::{Envelope, Record};
use redrive_core::replay::{Filter, Remark, ReplayOptions, Request, Selection};
use redrive_core::time::Timestamp;
use redrive_engine::{QueuePair, ReplayReport, ReplaySettings, Replayer};
use redrive_testkit::{Faults, ModelGauges, ModelLedger, ModelLetters, ModelQueue, VirtualWorld};
use tokio::time::Instant;

const DAY: Duration = Duration::from_secs(86_400);

fn reading() -> Reading {
    let pointer = None;
    Reading {
        pointer,
        ..Reading::new(QueueArn::new("arn:aws:sqs:us-east-1:1:orders").unwrap(), Scope::new("orders").unwrap())
    }
}

fn policy() -> Policy {
    Policy {
        rules: Vec::new(),
        cool_down: DAY,
        max_deaths: 3,
        resolved_retention: DAY,
        body_retention: DAY,
        outcome_after: DAY,
    }
}

/// Letters and whoever replays, discards and erases them.
struct Desk {
    letters: ModelLetters,
    main: ModelQueue,
    faults: Faults,
}

impl Desk {
    fn new() -> Self {
        let faults = Faults::none();
        let main = ModelQueue::new("main").with_faults(faults.clone());
        Self { letters: ModelLetters::new().with_faults(faults.clone()), main, faults }
    }

    /// The letter of a message that died without an attempt.
    fn letter(&self, id: &str) -> Letter {
        let record = Record {
            receipt_handle: Some("handle".to_owned()),
            body: Some(format!("secret of {id}")),
            system: [("SentTimestamp".to_owned(), "1".to_owned())].into(),
            ..Record::default()
        };
        let dead = Envelope::read(MessageId::new(id).unwrap(), record).unwrap();
        let dead = Inspected::new(dead, &reading());
        let Admission::Create(letter) = admit(&dead, &Findings::default(), &reading(), &policy(), self.now()) else {
            panic!("it is new")
        };
        self.letters.force((*letter).clone());
        *letter
    }

    fn now(&self) -> Timestamp {
        self.faults.clock().now()
    }

    async fn ask(&self, request: &Request) -> ReplayReport {
        let settings = ReplaySettings { lease: DAY, ledger_retention: 40_000 * DAY, reserve: Duration::from_secs(1) };
        let world = VirtualWorld::new(self.faults.clock().clone(), 1);
        let ledger = ModelLedger::new();
        let pair = QueuePair::new(reading(), policy(), self.main.clone(), ledger, ModelGauges::new());
        let replayer = Replayer::new(self.letters.clone(), world, settings, vec![pair]);
        replayer.run(request, Instant::now() + DAY).await.unwrap().together()
    }

    async fn erase(&self, selection: Selection) -> ReplayReport {
        self.ask(&Request::Erase(Remark { selection, note: "asked to".to_owned(), by: "ann".to_owned() })).await
    }

    fn read(&self, letter: &Letter) -> Letter {
        Letter::clone(&self.letters.letter(letter.id).unwrap())
    }
}

#[tokio::test(start_paused = true)]
async fn an_erased_letter_is_discarded_with_its_account_and_never_sent_again() {
    let desk = Desk::new();
    let (erased, other) = (desk.letter("m-1"), desk.letter("m-2"));
    let report = desk.erase(Selection::Ids(vec![erased.id])).await;
    assert_eq!((report.erased, report.changed_meanwhile), (1, 0));
    let now = desk.read(&erased);
    assert!(matches!(&now.body, Body::Erased { by, note, .. } if by == "ann" && note == "asked to"));
    assert!((now.status, now.body_bytes(), &now.hash) == (Status::Discarded, 0, &erased.hash));
    assert_eq!(desk.erase(Selection::Ids(vec![erased.id])).await.changed_meanwhile, 1, "once is for ever");

    let both = Selection::Ids(vec![erased.id, other.id]);
    let report =
        desk.ask(&Request::Replay { selection: both, by: "ann".to_owned(), options: ReplayOptions::default() }).await;
    assert_eq!((report.sent, report.changed_meanwhile), (1, 1));
    let sent: Vec<_> = desk.main.messages().into_iter().map(|message| message.body.clone()).collect();
    assert_eq!(sent, ["secret of m-2"]);
}

#[tokio::test(start_paused = true)]
async fn a_letter_that_is_under_way_is_not_erased_and_one_that_ended_is() {
    let desk = Desk::new();
    let [waiting, held, done] = ["m-1", "m-2", "m-3"].map(|id| desk.letter(id));
    let token = OwnerToken::from_random(7);
    desk.letters.force(edges::claim(&held, token, ClaimTerms::default(), "schedule", DAY, desk.now()).unwrap());
    desk.letters.force(edges::resolve(&done, &done.hash, "n", "indexer", &policy(), desk.now()).unwrap());
    let report = desk.erase(Selection::Ids(vec![waiting.id, held.id, done.id])).await;
    assert_eq!((report.erased, report.changed_meanwhile), (2, 1));
    assert_eq!(desk.read(&held).payload, "secret of m-2");
    assert_eq!((desk.read(&done).status, desk.read(&done).body_bytes()), (Status::Resolved, 0));
}

#[tokio::test(start_paused = true)]
async fn a_filter_erases_what_waits() {
    let desk = Desk::new();
    let letters = ["m-1", "m-2", "m-3"].map(|id| desk.letter(id));
    let filter = Filter { error_code: Some("no-attempt".to_owned()), ..Filter::default() };
    assert_eq!(desk.erase(Selection::Filter(filter)).await.erased, 3);
    assert!(letters.iter().all(|letter| desk.read(letter).body_bytes() == 0));
}

#[tokio::test(start_paused = true)]
async fn a_letter_whose_body_is_lost_is_counted_and_holds_nobody_up() {
    let desk = Desk::new();
    let (lost, other) = (desk.letter("m-1"), desk.letter("m-2"));
    desk.letters.lose_body(lost.id);
    let report = desk.ask(&Request::Schedule).await;
    assert_eq!((report.sent, report.no_body, report.unavailable), (1, 1, 0));
    assert_eq!(desk.read(&other).status, Status::Replayed);
    assert_eq!((desk.read(&lost).status, desk.read(&lost).number.0), (Status::Pending, 0));
}

#[tokio::test(start_paused = true)]
async fn what_ended_loses_its_body_first_and_its_account_later() {
    let desk = Desk::new();
    let policy = Policy { body_retention: DAY / 2, ..policy() };
    let (ended, waits) = (desk.letter("m-1"), desk.letter("m-2"));
    desk.letters.force(edges::discard(&ended, "n", "ann", &policy, desk.now()).unwrap());
    desk.letters.sweep(desk.now().after(DAY * 2 / 3));
    let now = desk.read(&ended);
    assert!(matches!(now.body, Body::Missing { until: Some(_), .. }) && now.body_bytes() == 0);
    assert_eq!(now.resolution_note.as_deref(), Some("n"));
    desk.letters.sweep(desk.now().after(DAY * 1_000));
    assert!(desk.letters.letter(ended.id).is_none());
    assert_eq!(desk.read(&waits).payload, "secret of m-2", "what waits never expires");
}
