//! A completion together with its effects: both or neither.

use aws_sdk_dynamodb::types::Put;
use redrive_aws::{Write, Writes};
use redrive_core::fault::{Class, Fault};
use redrive_core::message::key::LedgerKey;
use redrive_core::ports::{CommitError, Ledger};
use redrive_core::processing::ledger::{Entry, EntryState, EntryWrite};

use crate::samples::{entry, first, key, next, read_one, token, unique, write_one};
use crate::stores::{Deployed, Store};

crate::contract! {
    a_completion_and_its_effects_are_written_together,
    without_effects_the_completion_is_written_alone,
    a_handler_without_effects_commits_a_single_write,
    if_the_entry_changed_meanwhile_no_effect_happens,
    if_there_is_no_entry_no_effect_happens_and_none_is_made,
    if_an_effect_is_refused_the_entry_stays_as_it_was,
    of_many_who_commit_one_completion_one_succeeds_and_its_effect_happens_once,
    commits_of_many_keys_into_one_row_count_each_once,
}

/// A claimed entry, and the write that completes it.
async fn claimed<S: Store>(store: &S) -> (LedgerKey, Entry, EntryWrite) {
    let (key, entry) = (key(), entry());
    write_one(store, first(&key, &entry)).await.unwrap();
    let mut write = next(&key, &entry);
    write.entry.state = EntryState::Completed;
    (key, entry, write)
}

/// Commits, and again while another transaction is in the way.
async fn commit<S: Store>(store: &S, write: EntryWrite, effects: S::Effects) -> Result<(), CommitError> {
    for _ in 0..200 {
        match store.ledger().commit(write.clone(), &effects).await {
            Err(CommitError::Conflict) => tokio::time::sleep(std::time::Duration::from_millis(20)).await,
            answer => return answer,
        }
    }
    panic!("the conflicts do not end")
}

async fn a_completion_and_its_effects_are_written_together<S: Store>(store: &S) {
    let ((key, _, write), row) = (claimed(store).await, unique());
    assert_eq!(commit(store, write.clone(), store.charge(&row)).await, Ok(()));
    assert_eq!(read_one(store, &key).await, Some(write.entry));
    assert_eq!(store.charges(&row).await, 1);
}

async fn without_effects_the_completion_is_written_alone<S: Store>(store: &S) {
    let (key, _, write) = claimed(store).await;
    assert_eq!(commit(store, write.clone(), store.nothing()).await, Ok(()));
    assert_eq!(read_one(store, &key).await, Some(write.entry.clone()));
    let again = commit(store, write.clone(), store.nothing()).await;
    assert_eq!(again, Err(CommitError::Condition(Some(Box::new(write.entry)))));
}

async fn a_handler_without_effects_commits_a_single_write<S: Store>(store: &S) {
    let (key, _, write) = claimed(store).await;
    assert_eq!(Ledger::<()>::commit(store.ledger(), write.clone(), &()).await, Ok(()));
    let again = Ledger::<()>::commit(store.ledger(), write.clone(), &()).await;
    assert_eq!(again, Err(CommitError::Condition(Some(Box::new(write.entry.clone())))));
    assert_eq!(read_one(store, &key).await, Some(write.entry));
}

async fn if_the_entry_changed_meanwhile_no_effect_happens<S: Store>(store: &S) {
    let ((key, entry, write), row) = (claimed(store).await, unique());
    let mut taken_over = next(&key, &entry);
    taken_over.entry.owner = token();
    write_one(store, taken_over.clone()).await.unwrap();
    let answer = commit(store, write, store.charge(&row)).await;
    assert_eq!(answer, Err(CommitError::Condition(Some(Box::new(taken_over.entry.clone())))));
    assert_eq!(read_one(store, &key).await, Some(taken_over.entry));
    assert_eq!(store.charges(&row).await, 0);
}

async fn if_there_is_no_entry_no_effect_happens_and_none_is_made<S: Store>(store: &S) {
    let (key, entry, row) = (key(), entry(), unique());
    let answer = commit(store, next(&key, &entry), store.charge(&row)).await;
    assert_eq!(answer, Err(CommitError::Condition(None)));
    assert_eq!((read_one(store, &key).await, store.charges(&row).await), (None, 0));
}

async fn if_an_effect_is_refused_the_entry_stays_as_it_was<S: Store>(store: &S) {
    let ((key, entry, write), row) = (claimed(store).await, unique());
    let fault = Fault::transient("no-row", "order has no row yet");
    let answer = commit(store, write, store.charge_and_fail(&row, fault.clone())).await;
    assert_eq!(answer, Err(CommitError::Refused(fault.clone())));
    assert_eq!((read_one(store, &key).await, store.charges(&row).await), (Some(entry.clone()), 0));
    let stale = EntryWrite { expect: next(&key, &Entry { version: 9, ..entry.clone() }).expect, ..next(&key, &entry) };
    let answer = commit(store, stale, store.charge_and_fail(&row, fault)).await;
    assert_eq!(answer, Err(CommitError::Condition(Some(Box::new(entry)))), "the entry's condition goes first");
}

async fn of_many_who_commit_one_completion_one_succeeds_and_its_effect_happens_once<S: Store>(store: &S) {
    let ((key, _, write), row) = (claimed(store).await, unique());
    let commits = (0..16).map(|_| commit(store, write.clone(), store.charge(&row)));
    let done = futures_util::future::join_all(commits).await.into_iter().filter(Result::is_ok).count();
    assert_eq!((done, store.charges(&row).await), (1, 1));
    assert_eq!(read_one(store, &key).await, Some(write.entry));
}

async fn commits_of_many_keys_into_one_row_count_each_once<S: Store>(store: &S) {
    let row = unique();
    let commits = (0..16).map(async |_| {
        let (_, _, write) = claimed(store).await;
        commit(store, write, store.charge(&row)).await
    });
    let done = futures_util::future::join_all(commits).await;
    assert!(done.iter().all(Result::is_ok), "{done:?}");
    assert_eq!(store.charges(&row).await, 16);
}

/// Commits effects that cannot be committed: the fault, after it was made sure that the entry stayed as it was.
async fn refused(store: &Deployed, effects: Writes) -> Fault {
    let (key, entry, write) = claimed(store).await;
    let answer = commit(store, write, effects).await;
    assert_eq!(read_one(store, &key).await, Some(entry));
    match answer {
        Err(CommitError::Refused(fault)) => fault,
        other => panic!("expected a refusal, got {other:?}"),
    }
}

fn table(store: &Deployed) -> String {
    store.orders.name().to_owned()
}

#[tokio::test]
#[ignore = "needs the stage"]
async fn a_failed_condition_of_which_nothing_was_said_is_permanent() {
    let store = Deployed::connect().await;
    let effects = store.charge(&unique()).and(store.orders.update(&unique()).add("charges", 1).must_exist());
    let fault = refused(&store, effects).await;
    assert_eq!((fault.class, &*fault.code), (Class::Permanent, "effect-condition"));
    assert_eq!(fault.text, "the condition of effect 2 of 2 failed");
}

#[tokio::test]
#[ignore = "needs the stage"]
async fn effects_that_dynamodb_cannot_carry_out_are_permanent_and_told_without_data() {
    let store = Deployed::connect().await;
    let (row, secret) = (unique(), unique());
    let text = aws_sdk_dynamodb::types::AttributeValue::S(secret.clone());
    let named = Put::builder().table_name(table(&store)).item("order_id", text.clone()).item("charges", text.clone());
    let (_, _, write) = claimed(&store).await;
    commit(&store, write, Writes::one(named.build().unwrap())).await.unwrap();
    for (what, effects) in [
        ("adds to a text", Writes::one(store.orders.update(&secret).add("charges", 1))),
        ("two of one item", store.charge(&row).and(store.orders.update(&row).set("name", text))),
        ("changes nothing", Writes::one(store.orders.update(&row))),
    ] {
        let fault = refused(&store, effects).await;
        assert_eq!((fault.class, &*fault.code), (Class::Permanent, "effect-invalid"), "{what}");
        assert!(!fault.text.contains(&secret) && !fault.text.contains(&row), "{what}: {}", fault.text);
    }
    assert_eq!(store.charges(&row).await, 0);
}

#[tokio::test]
#[ignore = "needs the stage"]
async fn ninety_nine_effects_fit_and_a_hundred_do_not() {
    let store = Deployed::connect().await;
    let rows: Vec<_> = (0..100).map(|_| unique()).collect();
    let charges = |rows: &[String]| rows.iter().map(|row| store.orders.update(row).add("charges", 1)).collect();
    let fault = refused(&store, charges(&rows)).await;
    assert_eq!((fault.class, &*fault.code), (Class::Permanent, "too-many-writes"));
    let (_, _, write) = claimed(&store).await;
    assert_eq!(commit(&store, write, charges(&rows[..99])).await, Ok(()));
    assert_eq!(
        (store.charges(&rows[0]).await, store.charges(&rows[98]).await, store.charges(&rows[99]).await),
        (1, 1, 0)
    );
}

#[tokio::test]
#[ignore = "needs the stage"]
async fn whatever_becomes_a_transact_write_item_is_taken() {
    use aws_sdk_dynamodb::types::{AttributeValue, ConditionCheck, Delete, TransactWriteItem};
    let store = Deployed::connect().await;
    let [gone, checked, put, whole] = [unique(), unique(), unique(), unique()];
    let text = |row: &String| AttributeValue::S(row.clone());
    let (_, _, write) = claimed(&store).await;
    commit(&store, write, store.charge(&gone).and(store.orders.update(&checked).add("charges", 2))).await.unwrap();

    let delete = Delete::builder().table_name(table(&store)).key("order_id", text(&gone)).build().unwrap();
    let check = ConditionCheck::builder().table_name(table(&store)).key("order_id", text(&checked));
    let check =
        check.condition_expression("charges = :n").expression_attribute_values(":n", AttributeValue::N("2".into()));
    let new = |row| Put::builder().table_name(table(&store)).item("order_id", text(row)).build().unwrap();
    let whole_item = TransactWriteItem::builder().put(new(&whole)).build();
    let effects = Writes::one(delete).and(check.build().unwrap()).and(new(&put)).and(Write::from(whole_item));
    let (_, _, write) = claimed(&store).await;
    assert_eq!(commit(&store, write, effects).await, Ok(()));
    assert_eq!(store.orders.get(&gone).await, Ok(None));
    for row in [put, whole] {
        assert!(store.orders.get(&row).await.unwrap().is_some());
    }
}
