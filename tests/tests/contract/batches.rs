//! Many entries at once.

use redrive_core::ledger::Entry;
use redrive_core::ports::LedgerReader;

use crate::samples::{at, entry, first, instead, key, next, read_one, request, run_claim, write};
use crate::stores::Store;

crate::contract! {
    each_write_of_a_batch_has_its_own_answer_in_its_own_place,
    of_two_first_writes_to_one_key_in_one_batch_one_succeeds,
    reads_answer_in_order_whatever_is_asked_twice_or_missing,
    nothing_asked_is_nothing_answered,
    of_many_who_claim_at_once_one_wins,
}

async fn each_write_of_a_batch_has_its_own_answer_in_its_own_place<S: Store>(store: &S) {
    let keys: Vec<_> = (0..130).map(|_| key()).collect();
    let taken = entry();
    write(store, vec![first(&keys[7], &taken)]).await;
    let missing = key();
    let mut writes: Vec<_> = keys.iter().map(|key| first(key, &entry())).collect();
    writes.insert(40, next(&missing, &taken));
    let answers = write(store, writes).await;
    for (place, answer) in answers.into_iter().enumerate() {
        match place {
            7 => assert_eq!(instead(answer), Some(taken.clone())),
            40 => assert_eq!(instead(answer), None),
            _ => assert_eq!(answer, Ok(()), "{place}"),
        }
    }
    assert_eq!(read_one(store, &missing).await, None);
}

async fn of_two_first_writes_to_one_key_in_one_batch_one_succeeds<S: Store>(store: &S) {
    let key = key();
    let [one, other] = [entry(), entry()];
    let answers = write(store, vec![first(&key, &one), first(&key, &other)]).await;
    let stands = read_one(store, &key).await;
    for (mine, answer) in [one, other].into_iter().zip(answers) {
        if stands.as_ref() == Some(&mine) {
            assert_eq!(answer, Ok(()));
        } else {
            assert_eq!(instead(answer), stands);
        }
    }
}

async fn reads_answer_in_order_whatever_is_asked_twice_or_missing<S: Store>(store: &S) {
    let entries: Vec<_> = (0..120).map(|_| (key(), entry())).collect();
    write(store, entries.iter().map(|(key, entry)| first(key, entry)).collect()).await;
    let mut asked: Vec<_> = entries.iter().rev().map(|(key, _)| key.clone()).collect();
    let mut expected: Vec<Option<Entry>> = entries.iter().rev().map(|(_, entry)| Some(entry.clone())).collect();
    asked.insert(3, key());
    expected.insert(3, None);
    asked.push(entries[5].0.clone());
    expected.push(Some(entries[5].1.clone()));
    assert_eq!(store.ledger().read(&asked).await, Ok(expected));
}

async fn nothing_asked_is_nothing_answered<S: Store>(store: &S) {
    assert_eq!(write(store, Vec::new()).await, []);
    assert_eq!(store.ledger().read(&[]).await, Ok(Vec::new()));
}

async fn of_many_who_claim_at_once_one_wins<S: Store>(store: &S) {
    let key = key();
    let requests: Vec<_> = (0..32).map(|_| request(&key, "body", at(0))).collect();
    let claims = requests.iter().map(|request| run_claim(store, request, at(0)));
    let won = futures_util::future::join_all(claims).await.into_iter().filter(Result::is_ok).count();
    assert_eq!(won, 1);
}
