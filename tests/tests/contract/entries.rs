//! Single entries under their conditions.

use redrive_core::processing::ledger::{Entry, EntryWrite, Expect};

use crate::samples::{at, entry, first, full, instead, key, next, read_one, token, write_one};
use crate::stores::Store;

crate::contract! {
    the_first_write_meets_absence_and_is_read_back_whole,
    a_second_first_write_is_refused_and_shows_what_is_there,
    a_change_needs_the_version_that_was_read,
    a_change_needs_the_owner_that_was_read,
    a_change_of_a_missing_entry_fails_its_condition_and_makes_none,
    an_entry_counts_as_absent_from_the_second_after_its_expiry,
    an_entry_keeps_everything_that_can_be_in_it,
}

async fn the_first_write_meets_absence_and_is_read_back_whole<S: Store>(store: &S) {
    let (key, entry) = (key(), entry());
    assert_eq!(read_one(store, &key).await, None);
    assert_eq!(write_one(store, first(&key, &entry)).await, Ok(()));
    assert_eq!(read_one(store, &key).await, Some(entry));
}

async fn a_second_first_write_is_refused_and_shows_what_is_there<S: Store>(store: &S) {
    let (key, mine, other) = (key(), entry(), entry());
    write_one(store, first(&key, &mine)).await.unwrap();
    assert_eq!(instead(write_one(store, first(&key, &other)).await), Some(mine.clone()));
    assert_eq!(instead(write_one(store, first(&key, &mine)).await), Some(mine), "one's own is no exception");
}

async fn a_change_needs_the_version_that_was_read<S: Store>(store: &S) {
    let (key, entry) = (key(), entry());
    write_one(store, first(&key, &entry)).await.unwrap();
    let change = next(&key, &entry);
    assert_eq!(write_one(store, change.clone()).await, Ok(()));
    assert_eq!(instead(write_one(store, change.clone()).await), Some(change.entry));
}

async fn a_change_needs_the_owner_that_was_read<S: Store>(store: &S) {
    let (key, entry) = (key(), entry());
    write_one(store, first(&key, &entry)).await.unwrap();
    let stranger = Expect::Unchanged { version: entry.version, owner: token() };
    let change = EntryWrite { expect: stranger, ..next(&key, &entry) };
    assert_eq!(instead(write_one(store, change).await), Some(entry));
}

async fn a_change_of_a_missing_entry_fails_its_condition_and_makes_none<S: Store>(store: &S) {
    let (key, entry) = (key(), entry());
    assert_eq!(instead(write_one(store, next(&key, &entry)).await), None);
    assert_eq!(read_one(store, &key).await, None);
}

async fn an_entry_counts_as_absent_from_the_second_after_its_expiry<S: Store>(store: &S) {
    let key = key();
    let old = Entry { expires: at(60_000), ..entry() };
    write_one(store, first(&key, &old)).await.unwrap();
    let fresh = Entry { expires: at(3_600_000), ..entry() };
    let try_at = |now| EntryWrite { expect: Expect::AbsentOrExpired(now), ..first(&key, &fresh) };
    for too_early in [at(59_999), at(60_000), at(60_999)] {
        assert_eq!(instead(write_one(store, try_at(too_early)).await), Some(old.clone()));
    }
    assert_eq!(write_one(store, try_at(at(61_000))).await, Ok(()));
    assert_eq!(read_one(store, &key).await, Some(fresh));
}

async fn an_entry_keeps_everything_that_can_be_in_it<S: Store>(store: &S) {
    let (key, full) = (key(), full());
    write_one(store, first(&key, &full)).await.unwrap();
    assert_eq!(read_one(store, &key).await, Some(full));
}
