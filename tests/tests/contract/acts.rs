//! Acts of people on letters, as screens show them.

use std::time::Duration;

use redrive_core::ports::Acts;
use redrive_core::replay::ActRecord;
use redrive_core::time::Timestamp;

use crate::answers::Script;
use crate::samples::{at, unique};
use crate::stores::Store;

crate::contract! {
    acts_are_listed_the_latest_first_between_two_instants_and_across_an_hour,
    an_act_that_is_kept_twice_is_listed_once_and_two_of_one_instant_both_are,
}

/// Nobody else acts around this instant: on a stage the tests share a table.
fn instant(minutes: u64) -> Timestamp {
    at(0).after(Duration::from_secs(minutes * 60))
}

fn act(at: Timestamp, who: &str, action: &str) -> ActRecord {
    let why = Some("as told".to_owned());
    ActRecord { at, who: who.to_owned(), action: action.to_owned(), letters: 3, why }
}

async fn of<S: Store>(store: &S, who: &str, [from, to]: [Timestamp; 2], limit: usize) -> Vec<ActRecord> {
    let found = store.letters().acts(from, to, limit).await.unwrap();
    found.into_iter().filter(|act| act.who == who).collect()
}

async fn acts_are_listed_the_latest_first_between_two_instants_and_across_an_hour<S: Store>(store: &S) {
    let who = unique();
    // The day begins at minute 0, and so does an hour.
    let acts = [50, 59, 60, 61, 118].map(|minute| act(instant(minute), &who, "discard"));
    for act in &acts {
        store.letters().keep_act(act.clone()).await.unwrap();
    }
    let told = of(store, &who, [instant(59), instant(61)], 100).await;
    assert_eq!(told, [acts[3].clone(), acts[2].clone(), acts[1].clone()]);
    assert_eq!(of(store, &who, [instant(51), instant(58)], 100).await, []);
    let latest = store.letters().acts(instant(59), instant(118), 1).await.unwrap();
    assert_eq!(latest.len(), 1, "no more than asked for");
}

async fn an_act_that_is_kept_twice_is_listed_once_and_two_of_one_instant_both_are<S: Store>(store: &S) {
    let (who, when) = (unique(), instant(600));
    let [one, other] = ["note", "restore"].map(|action| act(when, &who, action));
    for act in [&one, &other, &one] {
        store.letters().keep_act(act.clone()).await.unwrap();
    }
    let mut told = of(store, &who, [when, when], 100).await;
    told.sort_by(|one, other| one.action.cmp(&other.action));
    assert_eq!(told, [one, other]);
}

#[tokio::test]
async fn an_act_that_cannot_be_kept_says_so_and_is_not_tried_for_ever() {
    let denied = Script::play(&[(400, "{\"__type\":\"AccessDeniedException\"}")]);
    let kept = denied.aws().await.letters("letters").keep_act(act(at(1), "ann", "note")).await;
    assert!(kept.unwrap_err().to_string().contains("AccessDenied"));
    let taken = Script::play(&[(400, "{\"__type\":\"ConditionalCheckFailedException\"}")]);
    let kept = taken.aws().await.letters("letters").keep_act(act(at(1), "ann", "note")).await;
    assert!(kept.unwrap_err().to_string().contains("too many acts of one instant"));
}
