//! The causes of dead letters.

use std::collections::BTreeSet;

use redrive_core::ids::QueueArn;
use redrive_core::letters::cause::{Cause, Recorded, VERSIONS};
use redrive_core::letters::letter::ErrorType;
use redrive_core::ports::Causes;
use redrive_core::time::Timestamp;

use crate::letters::{letter, round_trip};
use crate::samples::{at, unique};
use crate::stores::Store;

crate::contract! {
    a_cause_is_new_once_and_then_adds_up,
    a_cause_keeps_everything_that_can_be_in_it,
    an_expired_cause_is_new_again,
    of_many_who_see_a_new_cause_at_once_one_is_told_so,
    the_versions_of_a_cause_are_the_newest,
    causes_are_listed_by_queue_and_page_by_page,
    the_text_of_a_cause_goes_with_the_letter_that_it_is_of,
    letters_and_causes_do_not_meet,
}

/// Of a queue that nobody else has.
fn source() -> QueueArn {
    QueueArn::new(format!("arn:aws:sqs:us-east-1:000000000000:{}", unique())).unwrap()
}

/// In a future that no table's own time to live has come to.
fn far(seconds: u64) -> Timestamp {
    at(4_000_000_000_000 + seconds * 1_000)
}

fn cause(source: &QueueArn, seconds: u64) -> Cause {
    Cause {
        source: source.clone(),
        fingerprint: "SCHEMA/not-json".to_owned(),
        error_type: ErrorType::Schema,
        error_code: None,
        error_message: String::new(),
        example: letter().id,
        first_seen: far(seconds),
        last_seen: far(seconds),
        versions: BTreeSet::new(),
        seen: 1,
        expires: far(seconds + 1_000),
    }
}

async fn record<S: Store>(store: &S, cause: &Cause) -> Recorded {
    store.letters().record(vec![cause.clone()], cause.last_seen).await.remove(0).expect("the table answers")
}

async fn list<S: Store>(store: &S, source: &QueueArn) -> Vec<Cause> {
    store.letters().causes(source, None, 100).await.expect("the table answers").0
}

async fn a_cause_is_new_once_and_then_adds_up<S: Store>(store: &S) {
    let source = source();
    let first = Cause { seen: 3, ..cause(&source, 1) };
    let second = Cause { versions: ["7".to_owned()].into(), seen: 40, ..cause(&source, 2) };
    assert_eq!(record(store, &first).await, Recorded::New);
    assert_eq!(record(store, &second).await, Recorded::Known);
    assert_eq!(list(store, &source).await, [first.with(second)]);
}

async fn a_cause_keeps_everything_that_can_be_in_it<S: Store>(store: &S) {
    let source = source();
    let full = Cause {
        error_code: Some("währung".to_owned()),
        error_message: "„zu spät“ 🚚\nline two".to_owned(),
        versions: ["$LATEST".to_owned(), "12".to_owned()].into(),
        ..cause(&source, 5)
    };
    record(store, &full).await;
    assert_eq!(list(store, &source).await, [full]);
}

async fn an_expired_cause_is_new_again<S: Store>(store: &S) {
    let source = source();
    let old = Cause { expires: far(9), ..cause(&source, 1) };
    assert_eq!(record(store, &old).await, Recorded::New);
    assert_eq!(record(store, &cause(&source, 9)).await, Recorded::Known, "it ends with that second, not before");
    let source = self::source();
    record(store, &Cause { source: source.clone(), ..old }).await;
    let again = cause(&source, 10);
    assert_eq!(record(store, &again).await, Recorded::New);
    assert_eq!(list(store, &source).await, [again], "nothing of the old one is left");
}

async fn of_many_who_see_a_new_cause_at_once_one_is_told_so<S: Store>(store: &S) {
    let source = source();
    let all: Vec<_> = (0..12).map(|_| cause(&source, 1)).collect();
    let told = futures_util::future::join_all(all.iter().map(|cause| record(store, cause))).await;
    assert_eq!(told.into_iter().filter(|sighted| *sighted == Recorded::New).count(), 1);
    assert_eq!(list(store, &source).await[0].seen, 12);
}

async fn the_versions_of_a_cause_are_the_newest<S: Store>(store: &S) {
    let source = source();
    for version in 1..=40 {
        record(store, &Cause { versions: [version.to_string()].into(), ..cause(&source, version) }).await;
    }
    let known = list(store, &source).await.remove(0).versions;
    assert_eq!(known.len(), VERSIONS);
    assert!(known.contains("40") && !known.contains("8"), "{known:?}");
}

async fn causes_are_listed_by_queue_and_page_by_page<S: Store>(store: &S) {
    let (source, other) = (source(), source());
    let names = ["a", "b", "c", "d", "e"];
    let mut all: Vec<_> = names.map(|name| Cause { fingerprint: format!("SCHEMA/{name}"), ..cause(&source, 1) }).into();
    all.push(cause(&other, 1));
    assert_eq!(store.letters().record(all.clone(), far(1)).await, vec![Ok(Recorded::New); 6]);
    assert_eq!(store.letters().record(Vec::new(), far(1)).await, []);
    let (mut listed, mut after) = (Vec::new(), None);
    loop {
        let (page, more) = store.letters().causes(&source, after, 2).await.unwrap();
        assert!(page.len() <= 2);
        after = page.last().map(|cause| cause.fingerprint.clone());
        listed.extend(page);
        if !more {
            break;
        }
    }
    assert_eq!(listed, all[..5]);
    assert_eq!(list(store, &other).await, all[5..]);
}

async fn the_text_of_a_cause_goes_with_the_letter_that_it_is_of<S: Store>(store: &S) {
    let source = source();
    let mine = Cause { error_message: "order of jane".to_owned(), ..cause(&source, 1) };
    record(store, &mine).await;
    let erase = async |letter, fingerprint: &str| store.letters().erase_example(&source, fingerprint, letter).await;
    erase(letter().id, &mine.fingerprint).await.unwrap();
    assert_eq!(list(store, &source).await, std::slice::from_ref(&mine), "another letter's text stays");
    erase(mine.example, "PERMANENT/none").await.unwrap();
    erase(mine.example, &mine.fingerprint).await.unwrap();
    erase(mine.example, &mine.fingerprint).await.unwrap();
    assert_eq!(list(store, &source).await, [mine.clone().without_text_of(mine.example)]);
}

async fn letters_and_causes_do_not_meet<S: Store>(store: &S) {
    let source = source();
    record(store, &cause(&source, 1)).await;
    round_trip(store, letter()).await;
    assert_eq!(list(store, &source).await.len(), 1);
}
