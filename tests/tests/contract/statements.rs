//! Answers to many writes in one call that no emulator can be made to give.

use redrive_core::message::key::LedgerKey;
use redrive_core::ports::{Ledger, LedgerMarker, WriteError};
use redrive_core::processing::ledger::{Entry, EntryState, EntryWrite};

use crate::answers::Script;
use crate::samples::{Written, entry, first, key, next};

const DONE: &str = "{\"TableName\":\"ledger\"}";

fn error(code: &str) -> String {
    format!("{{\"Error\":{{\"Code\":\"{code}\",\"Message\":\"secret\"}}}}")
}

fn responses(statements: &[&str]) -> String {
    format!("{{\"Responses\":[{}]}}", statements.join(","))
}

/// Writes three entries where nothing is, in one call.
async fn write(script: &Script) -> Vec<Written> {
    let writes = (0..3).map(|_| first(&key(), &entry())).collect();
    Ledger::<()>::write(&script.aws().await.ledger("ledger"), writes).await
}

fn why(written: &Written) -> &str {
    match written {
        Err(WriteError::Unavailable(error)) => &error.why,
        other => panic!("expected no answer, got {other:?}"),
    }
}

#[tokio::test]
async fn many_writes_are_one_call_and_each_has_the_answer_of_its_place() {
    let answer = responses(&[DONE, &error("AccessDenied"), DONE]);
    let script = Script::play(&[(200, &answer)]);
    let answers = write(&script).await;
    assert_eq!((&answers[0], &answers[2]), (&Ok(()), &Ok(())));
    assert_eq!(why(&answers[1]), "AccessDenied", "the service's words may quote the data");
    assert_eq!(script.asked(), 1);
}

#[tokio::test]
async fn what_one_statement_had_no_capacity_for_is_tried_again_alone() {
    for code in ["ThrottlingError", "ProvisionedThroughputExceeded", "RequestLimitExceeded", "InternalServerError"] {
        let answer = responses(&[DONE, &error(code), DONE]);
        let script = Script::play(&[(200, &answer), (200, "{}")]);
        assert_eq!(write(&script).await, [Ok(()), Ok(()), Ok(())], "{code}");
        assert_eq!(script.asked(), 2);
        let script = Script::play(&[(200, &answer), (400, "{\"__type\":\"ThrottlingException\"}")]);
        let answers = write(&script).await;
        assert_eq!((&answers[0], &answers[2]), (&Ok(()), &Ok(())));
        assert!(why(&answers[1]).starts_with("ThrottlingException"), "{answers:?}");
        assert_eq!(script.asked(), 4, "with the SDK's three tries");
    }
}

const CONFLICT: &str = "{\"__type\":\"TransactionConflictException\"}";
const ABSENT: &str = "{\"Responses\":{\"ledger\":[]},\"UnprocessedKeys\":{}}";

/// Returns the answer of a consistent read of a key that somebody is committing.
fn held(key: &LedgerKey) -> String {
    let owner = "{\"S\":\"00000000-0000-0000-0000-000000000009\"}";
    let number = |n: u64| format!("{{\"N\":\"{n}\"}}");
    let (key, lease, expires) = (key.as_str(), number(4_000_000_000_000), number(4_000_000_000));
    let item = format!(
        "{{\"pk\":{{\"S\":\"{key}\"}},\"state\":{{\"S\":\"IN_PROGRESS\"}},\"owner\":{owner},\"lease_until\":{lease},\
         \"hash\":{{\"S\":\"h\"}},\"version\":{},\"lives\":{{\"L\":[]}},\"expires\":{expires}}}",
        number(7)
    );
    format!("{{\"Responses\":{{\"ledger\":[{item}]}},\"UnprocessedKeys\":{{}}}}")
}

#[tokio::test]
async fn a_claim_that_meets_a_transaction_is_told_who_has_the_key_and_no_outage() {
    let key = key();
    for answers in [
        // Alone, and as one of several.
        vec![(400, CONFLICT.to_owned()), (200, held(&key))],
        vec![(200, responses(&[&error("TransactionConflict"), DONE])), (400, CONFLICT.to_owned()), (200, held(&key))],
    ] {
        let script = Script::play(&answers.iter().map(|(status, body)| (*status, body.as_str())).collect::<Vec<_>>());
        let others = (2..answers.len()).map(|_| first(&crate::samples::key(), &entry()));
        let writes = std::iter::once(first(&key, &entry())).chain(others).collect();
        let written: Vec<Written> = Ledger::<()>::write(&script.aws().await.ledger("ledger"), writes).await;
        let Err(WriteError::Condition(Some(found))) = &written[0] else { panic!("no outage: {written:?}") };
        assert_eq!((found.state, found.version, script.asked()), (EntryState::InProgress, 7, answers.len()));
    }
}

#[tokio::test]
async fn a_write_whose_condition_still_holds_is_repeated_until_the_transaction_is_over_and_then_busy() {
    let write = async |script: &Script| -> Written {
        let ledger = script.aws().await.ledger("ledger");
        Ledger::<()>::write(&ledger, vec![first(&key(), &entry())]).await.remove(0)
    };
    let over = Script::play(&[(400, CONFLICT), (200, ABSENT), (400, CONFLICT), (200, ABSENT), (200, "{}")]);
    assert_eq!((write(&over).await, over.asked()), (Ok(()), 5));
    let stuck: Vec<_> = (0..5).flat_map(|_| [(400, CONFLICT), (200, ABSENT)]).collect();
    let stuck = Script::play(&stuck);
    assert_eq!((write(&stuck).await, stuck.asked()), (Err(WriteError::Condition(None)), 10), "it is decided anew");
}

#[tokio::test]
async fn a_withdrawal_that_meets_a_transaction_is_repeated() {
    let answers =
        [responses(&[&error("TransactionConflict")]), responses(&[&error("ThrottlingError")]), responses(&[DONE])];
    let script = Script::play(&answers.iter().map(|body| (200, body.as_str())).collect::<Vec<_>>());
    let ledger = script.aws().await.ledger("ledger");
    assert_eq!((ledger.withdraw(vec![first(&key(), &entry())]).await, script.asked()), (vec![Ok(())], 3));
    let script = Script::play(&[(200, &responses(&[&error("TransactionConflict")]))]);
    let written = script.aws().await.ledger("ledger").withdraw(vec![first(&key(), &entry())]).await;
    assert_eq!((why(&written[0]), script.asked()), ("TransactionConflict", 5));
}

#[tokio::test]
async fn a_call_that_fails_as_a_whole_is_no_answer_for_anyone() {
    for (status, body) in [
        (400, "{\"__type\":\"AccessDeniedException\"}"),
        (400, "{\"__type\":\"ValidationException\"}"),
        (200, "{\"Responses\":[{\"TableName\":\"ledger\"}]}"),
        (200, "{}"),
        (200, "not JSON"),
    ] {
        let script = Script::play(&[(status, body)]);
        let answers = write(&script).await;
        assert_eq!(answers.len(), 3);
        assert!(answers.iter().all(|answer| !why(answer).is_empty()), "{body}");
        assert_eq!(script.asked(), 1, "{body}");
    }
}

#[tokio::test]
async fn a_lone_write_is_a_put_whose_refusal_says_what_is_there() {
    let script = Script::play(&[(400, "{\"__type\":\"ConditionalCheckFailedException\"}")]);
    let ledger = script.aws().await.ledger("ledger");
    let answers: Vec<Written> = Ledger::<()>::write(&ledger, vec![first(&key(), &entry())]).await;
    assert_eq!((answers, script.asked()), (vec![Err(WriteError::Condition(None))], 1));
}

#[tokio::test]
async fn taken_keys_that_cannot_be_read_are_no_answer_for_themselves_alone() {
    let taken = error("DuplicateItem");
    let script =
        Script::play(&[(200, &responses(&[&taken, DONE, &taken])), (400, "{\"__type\":\"AccessDeniedException\"}")]);
    let answers = write(&script).await;
    assert_eq!(answers[1], Ok(()));
    assert!(why(&answers[0]).starts_with("AccessDenied") && why(&answers[2]).starts_with("AccessDenied"));
    let gone = "{\"Responses\":{\"ledger\":[]},\"UnprocessedKeys\":{}}";
    let script = Script::play(&[(200, &responses(&[&taken, DONE, &taken])), (200, gone), (200, "{}")]);
    assert_eq!(write(&script).await, [Ok(()), Ok(()), Ok(())], "what has gone meanwhile is put");
    assert_eq!(script.asked(), 4);
}

/// A statement's text takes a table's name only: with an ARN every one of them would be refused.
#[tokio::test]
async fn a_ledger_that_is_named_by_its_arn_is_written_without_statements() {
    let arn = "arn:aws:dynamodb:us-east-1:123456789012:table/ledger";
    let script = Script::play(&[(200, "{}")]);
    let ledger = script.aws().await.ledger(arn);
    let here = key();
    let writes = || vec![first(&key(), &entry()), next(&here, &entry()), first(&key(), &entry())];
    assert_eq!(Ledger::<()>::write(&ledger, writes()).await, [Ok(()), Ok(()), Ok(())]);
    assert_eq!(ledger.withdraw(writes()).await, [Ok(()), Ok(()), Ok(())]);
    assert_eq!(script.asked(), 6, "a call each");
}

#[tokio::test]
async fn one_by_one_each_entry_is_a_call() {
    let script = Script::play(&[(200, "{}")]);
    let (here, before): (_, Entry) = (key(), entry());
    let writes: Vec<EntryWrite> = vec![first(&key(), &entry()), next(&here, &before), first(&key(), &entry())];
    let ledger = script.aws().await.ledger("ledger").one_by_one();
    assert_eq!(Ledger::<()>::write(&ledger, writes).await, [Ok(()), Ok(()), Ok(())]);
    assert_eq!(script.asked(), 3);
}
