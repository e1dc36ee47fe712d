//! Many entries at once.

use redrive_core::ports::LedgerReader;
use redrive_core::processing::ledger::{Entry, EntryWrite, Expect};

use crate::samples::{at, entry, first, full, instead, key, next, read_one, request, run_claim, write};
use crate::stores::Store;

crate::contract! {
    each_write_of_a_batch_has_its_own_answer_in_its_own_place,
    of_two_first_writes_to_one_key_in_one_batch_one_succeeds,
    of_two_changes_of_one_entry_in_one_batch_one_succeeds,
    in_a_batch_an_expired_entry_counts_as_absent_and_a_live_one_is_shown,
    in_a_batch_a_change_shows_what_is_there_instead_and_makes_nothing,
    in_a_batch_a_change_leaves_nothing_of_what_it_replaces,
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

async fn of_two_changes_of_one_entry_in_one_batch_one_succeeds<S: Store>(store: &S) {
    let (key, before, bystander) = (key(), entry(), crate::samples::key());
    write(store, vec![first(&key, &before)]).await;
    let [one, other] = [0, 1].map(|_| EntryWrite { entry: Entry { version: 2, ..entry() }, ..next(&key, &before) });
    let answers = write(store, vec![one.clone(), first(&bystander, &entry()), other.clone()]).await;
    let stands = read_one(store, &key).await;
    assert_eq!(answers[1], Ok(()));
    for (mine, answer) in [(one, answers[0].clone()), (other, answers[2].clone())] {
        if stands.as_ref() == Some(&mine.entry) {
            assert_eq!(answer, Ok(()));
        } else {
            assert_eq!(instead(answer), stands);
        }
    }
}

async fn in_a_batch_an_expired_entry_counts_as_absent_and_a_live_one_is_shown<S: Store>(store: &S) {
    let keys: Vec<_> = (0..6).map(|_| key()).collect();
    let (live, dead) = (Entry { expires: at(90_000), ..entry() }, entry());
    let old = [&dead, &live, &dead, &live].into_iter().zip(&keys).map(|(entry, key)| first(key, entry));
    write(store, old.collect()).await;
    let fresh = Entry { expires: at(9_000_000), ..entry() };
    let now = Expect::AbsentOrExpired(at(61_000));
    let writes = keys.iter().map(|key| EntryWrite { expect: now, ..first(key, &fresh) }).collect();
    for (place, answer) in write(store, writes).await.into_iter().enumerate() {
        match place {
            1 | 3 => assert_eq!(instead(answer), Some(live.clone())),
            _ => assert_eq!(answer, Ok(()), "{place}"),
        }
    }
    assert_eq!(read_one(store, &keys[0]).await, Some(fresh));
    assert_eq!(read_one(store, &keys[1]).await, Some(live));
}

async fn in_a_batch_a_change_shows_what_is_there_instead_and_makes_nothing<S: Store>(store: &S) {
    let (stale, moved, missing, good) = (key(), key(), key(), key());
    let (before, now) = (entry(), Entry { version: 2, ..entry() });
    write(store, vec![first(&stale, &now), first(&moved, &Entry { version: 1, ..now.clone() })]).await;
    write(store, vec![first(&good, &before)]).await;
    let writes = [&stale, &moved, &missing, &good].map(|key| next(key, &before)).into();
    let mut answers = write(store, writes).await.into_iter();
    assert_eq!(instead(answers.next().unwrap()), Some(now.clone()), "another version");
    assert_eq!(instead(answers.next().unwrap()), Some(Entry { version: 1, ..now }), "another owner");
    assert_eq!(instead(answers.next().unwrap()), None, "nothing");
    assert_eq!(answers.next(), Some(Ok(())));
    assert_eq!(read_one(store, &missing).await, None);
    assert_eq!(read_one(store, &good).await, Some(next(&good, &before).entry));
}

async fn in_a_batch_a_change_leaves_nothing_of_what_it_replaces<S: Store>(store: &S) {
    let keys = [key(), key()];
    let full = full();
    write(store, keys.iter().map(|key| first(key, &full)).collect()).await;
    let bare = Entry { version: 2, enqueues: Vec::new(), ..entry() };
    let writes = keys.iter().map(|key| EntryWrite { entry: bare.clone(), ..next(key, &full) }).collect();
    assert_eq!(write(store, writes).await, [Ok(()), Ok(())]);
    for key in &keys {
        assert_eq!(read_one(store, key).await, Some(bare.clone()));
    }
    let again = Entry { version: 3, ..full.clone() };
    let writes = keys.iter().map(|key| EntryWrite { entry: again.clone(), ..next(key, &bare) }).collect();
    assert_eq!(write(store, writes).await, [Ok(()), Ok(())]);
    assert_eq!(read_one(store, &keys[1]).await, Some(again), "and everything of what replaces it");
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
