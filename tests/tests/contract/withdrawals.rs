//! Writes of replay to the ledger's entries, and all that they leave as it is.

use redrive_core::ids::{LetterId, MessageId, ReplayNumber, SendId};
use redrive_core::message::key::{LedgerKey, PayloadHash};
use redrive_core::ports::LedgerMarker;
use redrive_core::processing::ledger::{Entry, EntryState, Expect, Withdrawal, Withdrawing, withdraw};

use crate::samples::{
    Written, at, entry, first, full, instead, key, next, queue, read_one, request, run_claim, token, unique, write_one,
};
use crate::stores::Store;

crate::contract! {
    where_nothing_is_a_tombstone_is_left_and_keeps_the_letters_copies_out,
    of_an_entry_that_is_there_four_attributes_change_and_all_others_stay,
    a_tombstone_is_refused_where_anything_is_even_if_it_has_expired,
    a_withdrawal_of_what_changed_meanwhile_is_refused_and_shows_it,
    many_are_answered_each_by_itself,
}

crate::by_arn! {
    where_nothing_is_a_tombstone_is_left_and_keeps_the_letters_copies_out,
    of_an_entry_that_is_there_four_attributes_change_and_all_others_stay,
    a_tombstone_is_refused_where_anything_is_even_if_it_has_expired,
    a_withdrawal_of_what_changed_meanwhile_is_refused_and_shows_it,
    many_are_answered_each_by_itself,
}

fn asked(key: &LedgerKey) -> Withdrawal {
    let origin = MessageId::new(unique()).unwrap();
    Withdrawal {
        key: key.clone(),
        send: SendId { letter: LetterId::derive(&queue(), &origin), number: ReplayNumber(2) },
        messages: vec![origin],
        token: token(),
        hash: PayloadHash::of_text("unedited"),
        expires: at(7_200_000),
    }
}

/// Decides once, and writes.
async fn mark<S: Store>(store: &S, found: Option<&Entry>, asked: &Withdrawal) -> (Entry, Written) {
    match withdraw(found, asked, at(1)) {
        Withdrawing::Write(write) => {
            let meant = write.entry.clone();
            (meant, store.ledger().withdraw(vec![*write]).await.pop().expect("one answer"))
        }
        other => panic!("{other:?}"),
    }
}

async fn where_nothing_is_a_tombstone_is_left_and_keeps_the_letters_copies_out<S: Store>(store: &S) {
    let key = key();
    let asked = asked(&key);
    let (meant, written) = mark(store, None, &asked).await;
    assert_eq!((written, read_one(store, &key).await.as_ref()), (Ok(()), Some(&meant)));
    assert!(matches!(withdraw(Some(&meant), &asked, at(2)), Withdrawing::Done), "a lost answer shows as done");
    let old =
        redrive_core::processing::ledger::ClaimRequest { send: Some(asked.send), ..request(&key, "unedited", at(5)) };
    assert!(run_claim(store, &old, at(5)).await.is_err());
    run_claim(store, &request(&key, "edited", at(6)), at(6)).await.unwrap();
    assert_eq!(read_one(store, &key).await.unwrap().withdrawn, [asked.send], "whoever claims keeps it");
}

async fn of_an_entry_that_is_there_four_attributes_change_and_all_others_stay<S: Store>(store: &S) {
    for before in [full(), Entry { lease_until: at(0), ..entry() }, Entry { state: EntryState::Failed, ..entry() }] {
        let key = key();
        write_one(store, first(&key, &before)).await.unwrap();
        let (meant, written) = mark(store, Some(&before), &asked(&key)).await;
        assert_eq!(written, Ok(()));
        let after = read_one(store, &key).await.unwrap();
        assert_eq!(after, meant);
        let (enqueues, withdrawn) = (after.enqueues.clone(), after.withdrawn.clone());
        let same = Entry { enqueues, withdrawn, version: before.version + 1, expires: at(7_200_000), ..before };
        assert_eq!(after, same);
    }
}

async fn a_tombstone_is_refused_where_anything_is_even_if_it_has_expired<S: Store>(store: &S) {
    for before in [entry(), Entry { expires: at(0), state: EntryState::Failed, ..entry() }] {
        let key = key();
        write_one(store, first(&key, &before)).await.unwrap();
        let (_, written) = mark(store, None, &asked(&key)).await;
        assert_eq!(instead(written), Some(before.clone()));
        assert_eq!(read_one(store, &key).await, Some(before));
    }
}

async fn a_withdrawal_of_what_changed_meanwhile_is_refused_and_shows_it<S: Store>(store: &S) {
    let before = Entry { state: EntryState::Failed, ..entry() };
    let (moved, gone) = (key(), key());
    write_one(store, first(&moved, &before)).await.unwrap();
    let change = next(&moved, &before);
    write_one(store, change.clone()).await.unwrap();
    assert_eq!(instead(mark(store, Some(&before), &asked(&moved)).await.1), Some(change.entry.clone()));
    let stranger = Entry { owner: token(), ..change.entry.clone() };
    assert_eq!(instead(mark(store, Some(&stranger), &asked(&moved)).await.1), Some(change.entry));
    assert_eq!(instead(mark(store, Some(&before), &asked(&gone)).await.1), None);
    assert_eq!(read_one(store, &gone).await, None, "an update makes nothing");
}

async fn many_are_answered_each_by_itself<S: Store>(store: &S) {
    let keys: Vec<_> = (0..60).map(|_| key()).collect();
    for taken in keys.iter().step_by(7) {
        write_one(store, first(taken, &entry())).await.unwrap();
    }
    let writes = keys.iter().map(|key| match withdraw(None, &asked(key), at(1)) {
        Withdrawing::Write(write) => *write,
        other => panic!("{other:?}"),
    });
    let writes: Vec<_> = writes.collect();
    assert!(writes.iter().all(|write| matches!(write.expect, Expect::AbsentOrExpired(_))));
    for (place, answer) in store.ledger().withdraw(writes).await.into_iter().enumerate() {
        assert_eq!(answer.is_err(), place % 7 == 0, "{place}: {answer:?}");
    }
}
