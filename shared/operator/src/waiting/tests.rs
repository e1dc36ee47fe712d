use std::sync::Mutex;

use redrive_core::letters::letter::{ErrorType, Letter};
use redrive_core::letters::listing::{Cursor, Listing};
use redrive_core::letters::summary::{CauseTally, KEPT_FROM};
use redrive_core::message::key::LedgerKey;
use redrive_core::processing::ledger::{Entry, EntryState};
use redrive_testkit::{ModelLedger, ModelLetters};

use super::*;
use crate::samples::{self, NOW};

fn policies() -> Policies {
    Policies::only(samples::policy())
}

fn before(seconds: u64) -> Timestamp {
    Timestamp::from_millis(NOW.as_millis() - seconds * 1_000)
}

fn store(letters: u64) -> ModelLetters {
    let store = ModelLetters::new();
    samples::letters().into_iter().chain(samples::many(letters)).for_each(|letter| store.force(letter));
    store
}

/// Keeps a summary as the schedule's walk does, and then lets one more letter die.
async fn keep(store: &ModelLetters, as_of: Timestamp) {
    let mut tally = CauseTally::default();
    store.scan_all(Listing::all(Status::Pending), Cursor::START, 1_000, |one| tally.add(&one)).await.unwrap();
    store.keep_summary(tally.summary(as_of)).await.unwrap();
    store.force(samples::many(KEPT_FROM + 1).last().unwrap());
}

async fn look(store: &ModelLetters, look: WaitingLook<'_>) -> WaitingCount {
    gather((store, &None::<ModelLedger>), &all(), &policies(), look).await.unwrap()
}

const USUAL: WaitingLook<'_> = WaitingLook { now: NOW, exact: false, progress: &|_, _| () };

#[tokio::test]
async fn a_summary_says_what_reading_every_letter_says_and_of_which_instant_it_is() {
    let store = store(KEPT_FROM);
    let read = look(&store, USUAL).await;
    keep(&store, before(90)).await;
    let kept = look(&store, USUAL).await;
    assert_eq!(kept.basis, CountBasis::Summary { as_of: before(90) });
    let mut expected = read.json();
    expected["as_of"] = serde_json::json!(before(90).to_rfc3339());
    assert_eq!(kept.json(), expected);
    assert_eq!(kept.by_class(), read.by_class());
    let said = |count: &WaitingCount| (count.oldest(), count.steps(), count.first_in_ledger, count.number_of_causes());
    assert_eq!(said(&kept), said(&read));
    let exact = look(&store, WaitingLook::exact(NOW)).await;
    assert_eq!(exact.letters(), read.letters() + 1, "one died since");
    assert_eq!(exact.basis, CountBasis::Letters { joined: true, outdated: None }, "there is no ledger to ask");
}

#[tokio::test]
async fn a_summary_that_missed_its_schedule_is_not_used_and_that_is_said() {
    let store = store(KEPT_FROM);
    keep(&store, before(181)).await;
    let count = look(&store, USUAL).await;
    assert_eq!(count.basis, CountBasis::Letters { joined: true, outdated: Some(before(181)) });
    assert!(count.letters() > KEPT_FROM);
}

#[tokio::test]
async fn a_summary_says_nothing_of_letters_that_were_chosen() {
    let store = store(KEPT_FROM);
    keep(&store, NOW).await;
    let chosen = Filter { error_type: Some(ErrorType::Schema), ..Filter::default() };
    for wanted in [Wanted { filter: chosen, ..all() }, Wanted { statuses: vec![Status::Discarded], ..all() }] {
        let count = gather((&store, &None::<ModelLedger>), &wanted, &policies(), USUAL).await.unwrap();
        assert!(count.letters() < 20 && count.basis.as_of().is_none(), "{count:?}");
    }
}

fn completed(letter: &Letter) -> (LedgerKey, Entry) {
    let key = LedgerKey::owned(&letter.scope, letter.key.as_ref().unwrap());
    (key, Entry { state: EntryState::Completed, ..samples::entry(letter) })
}

#[tokio::test]
async fn a_waiting_letter_that_the_ledger_shows_as_done_is_counted_so_and_of_too_many_none_is_asked_about() {
    let letter = samples::letters().swap_remove(0);
    let ledger = ModelLedger::new();
    let (key, entry) = completed(&letter);
    ledger.force(key, entry);
    for (letters, done) in [(100, 1), (JOINED, 0)] {
        let store = store(letters);
        let count = gather((&store, &ledger), &all(), &policies(), USUAL).await.unwrap();
        assert_eq!(count.basis, CountBasis::Letters { joined: done == 1, outdated: None });
        let steps = count.steps();
        assert_eq!(steps.done, done, "{steps:?}");
        assert_eq!(steps.done + steps.person + steps.schedule + steps.used_up, count.letters());
        let row = count.causes.iter().find(|cause| cause.fingerprint == letter.fingerprint).unwrap();
        assert_eq!(row.steps.done, done);
    }
}

#[tokio::test]
async fn whoever_waits_hears_of_every_letter_and_of_its_cause() {
    let store = store(300);
    let heard = Mutex::new((Vec::new(), BTreeMap::<String, u64>::new()));
    let progress = |n, cause: &str| {
        let mut heard = heard.lock().unwrap();
        heard.0.push(n);
        *heard.1.entry(cause.to_owned()).or_default() += 1;
    };
    let count = look(&store, WaitingLook { progress: &progress, ..USUAL }).await;
    let (numbers, causes) = heard.into_inner().unwrap();
    assert_eq!(numbers, (1..=count.letters()).collect::<Vec<_>>());
    assert_eq!(causes, count.causes.iter().map(|row| (row.fingerprint.clone(), row.letters)).collect());
}

#[tokio::test]
async fn the_ledger_forgets_the_letter_first_that_failed_longest_ago_and_has_an_entry() {
    let store = store(0);
    let expected = samples::letters()[52].clone();
    assert_eq!(expected.reason.error_type, ErrorType::Transient);
    assert_eq!(look(&store, USUAL).await.first_in_ledger, Some(expected.id));
    store.force(Letter { key: None, ..expected.clone() });
    assert_ne!(look(&store, USUAL).await.first_in_ledger, Some(expected.id));
}
