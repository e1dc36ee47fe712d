//! Waiting letters by cause, read one by one or from the schedule's summary.

use std::time::Duration;

use redrive_core::letters::letter::Status;
use redrive_core::letters::listing::{Cursor, Listing};
use redrive_core::letters::summary::CauseTally;
use redrive_core::message::key::LedgerKey;
use redrive_core::ports::{Causes, Letters, Summaries};
use redrive_core::processing::ledger::{Entry, EntryState};
use redrive_core::time::Timestamp;
use redrive_operator::board::{self, Board};
use redrive_operator::samples::{self, NOW};
use redrive_operator::waiting::{self, WaitingLook};
use redrive_testkit::{ModelLedger, ModelLetters};

use super::{NARROW, USUAL, WIDTH, is, is_within, pending, policies, store};
use crate::{causes, out, status};

/// Ledger that shows one waiting letter as done, which nobody has noted yet.
fn ledger() -> ModelLedger {
    let (ledger, letter) = (ModelLedger::new(), samples::letters().swap_remove(1));
    let key = LedgerKey::owned(&letter.scope, letter.key.as_ref().unwrap());
    ledger.force(key, Entry { state: EntryState::Completed, ..samples::entry(&letter) });
    ledger
}

#[tokio::test]
async fn causes_look_as_they_did() {
    let store = store();
    let first = redrive_core::letters::cause::Cause::of(&samples::letters()[0], &samples::policy(), NOW).unwrap();
    store.record(vec![first], NOW).await;
    let found = waiting::gather((&store, &None::<ModelLedger>), &pending(), &policies(), USUAL).await.unwrap();
    is("causes.txt", &causes::render(&found, NOW, WIDTH));
    is_within("causes-narrow.txt", &causes::render(&found, NOW, NARROW), NARROW);
    is_within("causes-piped.txt", &causes::render(&found, NOW, out::UNCUT), out::UNCUT);
    is("causes.json", &format!("{:#}\n", found.json()));
    let found = waiting::gather((&store, &ledger()), &pending(), &policies(), USUAL).await.unwrap();
    let told = causes::render(&found, NOW, out::UNCUT);
    assert!(told.contains("36 wait for a person · 1 is done by the ledger, not noted yet"), "{told}");
    let none = ModelLetters::new();
    let none = waiting::gather((&none, &None::<ModelLedger>), &pending(), &policies(), USUAL).await.unwrap();
    is("causes-none.txt", &causes::render(&none, NOW, WIDTH));
}

#[tokio::test]
async fn causes_from_a_summary_say_of_when_they_are() {
    let store = store();
    let mut tally = CauseTally::of_at_most(3);
    store.scan_all(Listing::all(Status::Pending), Cursor::START, 100, |one| tally.add(&one)).await.unwrap();
    let as_of = Timestamp::from_millis(NOW.as_millis() - 130_000);
    store.keep_summary(tally.summary(as_of)).await.unwrap();
    let found = waiting::gather((&store, &ledger()), &pending(), &policies(), USUAL).await.unwrap();
    is("causes-kept.txt", &causes::render(&found, NOW, WIDTH));
    is_within("causes-kept-narrow.txt", &causes::render(&found, NOW, NARROW), NARROW);
    is("causes-kept.json", &format!("{:#}\n", found.json()));
    let later = NOW.after(Duration::from_secs(600));
    let found = waiting::gather((&store, &ledger()), &pending(), &policies(), WaitingLook { now: later, ..USUAL })
        .await
        .unwrap();
    let told = causes::render(&found, later, out::UNCUT);
    assert!(
        told.contains(
            "Every letter was read: the schedule's own count, as of 2026-11-22 12:57:50Z (12m ago), is too old"
        )
    );
    let table = board::of_table(&store, &None::<ModelLedger>, &policies(), USUAL).await.unwrap();
    let board =
        Board { stack: None, broker_source: None, queues: Vec::new(), expiry: None, moving: None, alarms: None, table };
    is("status-kept.txt", &status::render(&board, NOW, WIDTH));
}
