//! Answers to many writes in one call that no emulator can be made to give.

use redrive_core::ledger::{Entry, EntryWrite};
use redrive_core::ports::{Ledger, WriteError};

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
    let answer = responses(&[DONE, &error("TransactionConflict"), DONE]);
    let script = Script::play(&[(200, &answer)]);
    let answers = write(&script).await;
    assert_eq!((&answers[0], &answers[2]), (&Ok(()), &Ok(())));
    assert_eq!(why(&answers[1]), "TransactionConflict", "the service's words may quote the data");
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

#[tokio::test]
async fn one_by_one_each_entry_is_a_call() {
    let script = Script::play(&[(200, "{}")]);
    let (here, before): (_, Entry) = (key(), entry());
    let writes: Vec<EntryWrite> = vec![first(&key(), &entry()), next(&here, &before), first(&key(), &entry())];
    let ledger = script.aws().await.ledger("ledger").one_by_one();
    assert_eq!(Ledger::<()>::write(&ledger, writes).await, [Ok(()), Ok(()), Ok(())]);
    assert_eq!(script.asked(), 3);
}
