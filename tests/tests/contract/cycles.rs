//! Whole enqueues of a key, through core's own decisions.

use redrive_core::fault::{Class, Fault};
use redrive_core::ids::OwnerToken;
use redrive_core::processing::ledger::{ClaimRefusal, ClaimRequest, EntryState, Settlement};
use redrive_core::time::Timestamp;

use crate::samples::{Ended, at, key, read_one, request, run_claim, run_settle, token, unique};
use crate::stores::Store;

crate::contract! {
    a_completed_key_answers_duplicate_for_its_payload_and_reused_for_another,
    a_live_lease_keeps_everyone_else_out,
    a_lapsed_lease_is_taken_over_and_its_late_holder_rejected,
    a_lost_worker_at_the_limit_is_dead_enqueues,
    a_retryable_failure_lets_the_same_enqueue_claim_again_until_its_limit,
    a_permanent_failure_kills_the_enqueue_and_another_enqueue_reopens_the_key,
    a_claim_whose_answer_was_lost_is_won_and_counted_once,
    a_settlement_whose_answer_was_lost_is_recognised,
    an_expired_completion_may_run_again_and_its_old_owner_may_not_settle,
}

/// The same enqueue, received again by another worker.
fn again(before: &ClaimRequest, token: OwnerToken, now: Timestamp) -> ClaimRequest {
    ClaimRequest { token, lease_until: Timestamp::from_millis(now.as_millis() + 10_000), ..before.clone() }
}

fn transient() -> Settlement {
    Settlement::Fail(Fault::transient("later", "not yet"))
}

async fn a_completed_key_answers_duplicate_for_its_payload_and_reused_for_another<S: Store>(store: &S) {
    let (key, row) = (key(), unique());
    let claim = run_claim(store, &request(&key, "body", at(0)), at(0)).await.unwrap();
    assert_eq!(run_settle(store, &claim, &Settlement::Complete, store.charge(&row)).await, Ended::Written);
    for (body, refusal) in [("body", ClaimRefusal::Duplicate), ("else", ClaimRefusal::KeyReused)] {
        assert_eq!(run_claim(store, &request(&key, body, at(5)), at(5)).await.unwrap_err(), refusal);
    }
    let entry = read_one(store, &key).await.unwrap();
    assert_eq!((entry.state, entry.lease_until, entry.version), (EntryState::Completed, Timestamp::NEVER, 2));
    assert_eq!(store.charges(&row).await, 1);
}

async fn a_live_lease_keeps_everyone_else_out<S: Store>(store: &S) {
    let key = key();
    run_claim(store, &request(&key, "body", at(0)), at(0)).await.unwrap();
    for body in ["body", "else"] {
        let refused = run_claim(store, &request(&key, body, at(9_999)), at(9_999)).await.unwrap_err();
        assert_eq!(refused, ClaimRefusal::Busy(at(10_000)));
    }
}

async fn a_lapsed_lease_is_taken_over_and_its_late_holder_rejected<S: Store>(store: &S) {
    let (key, row) = (key(), unique());
    let first = request(&key, "body", at(0));
    let late = run_claim(store, &first, at(0)).await.unwrap();
    let second = run_claim(store, &again(&first, token(), at(20_000)), at(20_000)).await.unwrap();
    assert_eq!(second.attempt(), 2);
    assert_eq!(run_settle(store, &late, &Settlement::Complete, store.charge(&row)).await, Ended::Rejected);
    assert_eq!(run_settle(store, &late, &transient(), store.nothing()).await, Ended::Rejected);
    assert_eq!(store.charges(&row).await, 0, "a late worker has no effect");
    assert_eq!(run_settle(store, &second, &Settlement::Complete, store.charge(&row)).await, Ended::Written);
    assert_eq!(run_settle(store, &late, &Settlement::Complete, store.charge(&row)).await, Ended::Rejected);
    assert_eq!(store.charges(&row).await, 1);
}

async fn a_lost_worker_at_the_limit_is_dead_enqueues<S: Store>(store: &S) {
    let key = key();
    let first = request(&key, "body", at(0));
    run_claim(store, &first, at(0)).await.unwrap();
    run_claim(store, &again(&first, token(), at(20_000)), at(20_000)).await.unwrap();
    let third = again(&first, token(), at(40_000));
    let Err(ClaimRefusal::Dead(Some(fault))) = run_claim(store, &third, at(40_000)).await else { panic!("it is dead") };
    assert_eq!((fault.class, fault.code.as_str()), (Class::Timeout, "worker-lost"));
    let entry = read_one(store, &key).await.unwrap();
    assert!(entry.is_dead(&first.enqueue) && entry.state == EntryState::Failed && entry.history.len() == 1);
}

async fn a_retryable_failure_lets_the_same_enqueue_claim_again_until_its_limit<S: Store>(store: &S) {
    let key = key();
    let first = request(&key, "body", at(0));
    for attempt in [1, 2] {
        let claim = run_claim(store, &again(&first, token(), at(0)), at(0)).await.unwrap();
        assert_eq!(claim.attempt(), attempt);
        assert_eq!(run_settle(store, &claim, &transient(), store.nothing()).await, Ended::Written);
    }
    let refused = run_claim(store, &again(&first, token(), at(0)), at(0)).await.unwrap_err();
    assert!(matches!(refused, ClaimRefusal::Dead(Some(fault)) if fault.code == "later"));
    assert_eq!(read_one(store, &key).await.unwrap().history.len(), 2);
}

async fn a_permanent_failure_kills_the_enqueue_and_another_enqueue_reopens_the_key<S: Store>(store: &S) {
    let (key, row) = (key(), unique());
    let first = request(&key, "body", at(0));
    let claim = run_claim(store, &first, at(0)).await.unwrap();
    let refused = Settlement::Fail(Fault::permanent("currency", "not supported"));
    assert_eq!(run_settle(store, &claim, &refused, store.nothing()).await, Ended::Written);
    let dead = run_claim(store, &again(&first, token(), at(99_000)), at(99_000)).await.unwrap_err();
    assert!(matches!(dead, ClaimRefusal::Dead(Some(fault)) if fault.code == "currency"));
    let reopened = run_claim(store, &request(&key, "body", at(5)), at(5)).await.unwrap();
    assert_eq!(reopened.attempt(), 1);
    assert_eq!(run_settle(store, &reopened, &Settlement::Complete, store.charge(&row)).await, Ended::Written);
    assert_eq!(run_claim(store, &again(&first, token(), at(9)), at(9)).await.unwrap_err(), ClaimRefusal::Duplicate);
}

async fn a_claim_whose_answer_was_lost_is_won_and_counted_once<S: Store>(store: &S) {
    let key = key();
    let request = request(&key, "body", at(0));
    run_claim(store, &request, at(0)).await.unwrap();
    let claim = run_claim(store, &request, at(0)).await.unwrap();
    assert_eq!((claim.attempt(), read_one(store, &key).await.unwrap().version), (1, 1));
}

async fn a_settlement_whose_answer_was_lost_is_recognised<S: Store>(store: &S) {
    let (key, row) = (key(), unique());
    let claim = run_claim(store, &request(&key, "body", at(0)), at(0)).await.unwrap();
    let complete = Settlement::Complete;
    assert_eq!(run_settle(store, &claim, &complete, store.charge(&row)).await, Ended::Written);
    assert_eq!(run_settle(store, &claim, &complete, store.charge(&row)).await, Ended::AlreadyDone);
    assert_eq!(run_settle(store, &claim, &transient(), store.nothing()).await, Ended::Rejected);
    assert_eq!(store.charges(&row).await, 1);
}

async fn an_expired_completion_may_run_again_and_its_old_owner_may_not_settle<S: Store>(store: &S) {
    let (key, row) = (key(), unique());
    let claim = run_claim(store, &request(&key, "body", at(0)), at(0)).await.unwrap();
    assert_eq!(run_settle(store, &claim, &Settlement::Complete, store.charge(&row)).await, Ended::Written);
    let later = at(3_601_000);
    let renewed = ClaimRequest { expires: at(9_000_000), ..request(&key, "else", later) };
    let renewed = run_claim(store, &renewed, later).await.unwrap();
    assert_eq!((renewed.attempt(), renewed.entry().enqueues.len()), (1, 1));
    assert_eq!(run_settle(store, &claim, &Settlement::Complete, store.charge(&row)).await, Ended::Rejected);
    assert_eq!(store.charges(&row).await, 1);
}
