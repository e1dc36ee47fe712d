//! Many new letters in one call: what each of them is told, whatever the call is answered.

use redrive_core::letter::{Body, Letter, LetterWrite, Status};
use redrive_core::ports::{Letters, WriteError};

use crate::answers::Script;
use crate::letters::{Written, changed, instead, letter, read, write};
use crate::samples::at;
use crate::stores::Store;

crate::contract! {
    new_changed_and_large_letters_of_one_write_have_their_own_answers,
    of_two_letters_of_one_id_in_one_write_one_is_created,
}

async fn new_changed_and_large_letters_of_one_write_have_their_own_answers<S: Store>(store: &S) {
    let [known, lost] = [letter(), letter()];
    write(store, LetterWrite::create(known.clone())).await.unwrap();
    let apart = Letter {
        status: Status::Discarded,
        body: Body::Kept { until: Some(at(4_000_000_000_000)) },
        expires: Some(at(4_100_000_000_000)),
        ..letter()
    };
    let new: Vec<_> = (0..60).map(|n| Letter { payload: "x".repeat(n * 1_000), ..letter() }).collect();
    let mut writes: Vec<_> = new.iter().cloned().map(LetterWrite::create).collect();
    writes.insert(10, LetterWrite::change(changed(&known, "mine")));
    writes.insert(30, LetterWrite::create(apart.clone()));
    writes.insert(50, LetterWrite::change(changed(&lost, "nobody's")));
    let answers = store.letters().write(writes).await;
    for (place, answer) in answers.into_iter().enumerate() {
        if place == 50 { assert_eq!(instead(answer), None) } else { assert_eq!(answer, Ok(()), "{place}") }
    }
    let ids: Vec<_> = new.iter().map(|letter| letter.id).collect();
    assert_eq!(store.letters().read(&ids).await, Ok(new.into_iter().map(Some).collect()));
    assert_eq!(read(store, apart.id).await, Some(apart));
    assert_eq!(read(store, known.id).await, Some(changed(&known, "mine")));
}

async fn of_two_letters_of_one_id_in_one_write_one_is_created<S: Store>(store: &S) {
    let one = letter();
    let other = Letter { payload: "other".to_owned(), ..one.clone() };
    let writes = [one.clone(), letter(), other.clone()].map(LetterWrite::create).to_vec();
    let answers = store.letters().write(writes).await;
    let stands = read(store, one.id).await;
    assert_eq!(answers[1], Ok(()));
    for (mine, answer) in [(one, answers[0].clone()), (other, answers[2].clone())] {
        if stands.as_ref() == Some(&mine) {
            assert_eq!(answer, Ok(()));
        } else {
            assert_eq!(instead(answer), stands);
        }
    }
}

const DONE: &str = "{\"TableName\":\"letters\"}";

fn error(code: &str) -> String {
    format!("{{\"Error\":{{\"Code\":\"{code}\",\"Message\":\"secret\"}}}}")
}

fn responses(statements: &[&str]) -> String {
    format!("{{\"Responses\":[{}]}}", statements.join(","))
}

/// Writes three letters where nothing is.
async fn told(script: &Script) -> Vec<Written> {
    let writes = (0..3).map(|_| LetterWrite::create(letter())).collect();
    script.aws().await.letters("letters").write(writes).await
}

fn why(written: &Written) -> &str {
    match written {
        Err(WriteError::Unavailable(error)) => &error.why,
        other => panic!("expected no answer, got {other:?}"),
    }
}

#[tokio::test]
async fn new_letters_share_a_call_and_each_has_the_answer_of_its_place() {
    let answer = responses(&[DONE, &error("AccessDenied"), DONE]);
    let script = Script::play(&[(200, &answer)]);
    let answers = told(&script).await;
    assert_eq!((&answers[0], &answers[2]), (&Ok(()), &Ok(())));
    assert_eq!((why(&answers[1]), script.asked()), ("AccessDenied", 1));
}

#[tokio::test]
async fn a_hundred_new_letters_are_four_calls() {
    let answer = responses(&[DONE; 25]);
    let script = Script::play(&[(200, &answer)]);
    let writes = (0..100).map(|_| LetterWrite::create(letter())).collect();
    let answers = script.aws().await.letters("letters").write(writes).await;
    assert!(answers.len() == 100 && answers.iter().all(Result::is_ok));
    assert_eq!(script.asked(), 4);
}

#[tokio::test]
async fn what_one_statement_had_no_room_for_is_put_alone() {
    for code in ["ThrottlingError", "ProvisionedThroughputExceeded", "InternalServerError", "ValidationError"] {
        let script = Script::play(&[(200, &responses(&[DONE, &error(code), DONE])), (200, "{}")]);
        assert_eq!(told(&script).await, [Ok(()), Ok(()), Ok(())], "{code}");
        assert_eq!(script.asked(), 2, "{code}");
    }
}

#[tokio::test]
async fn a_call_that_cannot_be_understood_because_of_one_letter_does_not_stop_the_others() {
    let script = Script::play(&[(400, "{\"__type\":\"ValidationException\"}"), (200, "{}")]);
    assert_eq!(told(&script).await, [Ok(()), Ok(()), Ok(())]);
    assert_eq!(script.asked(), 4);
}

#[tokio::test]
async fn a_call_that_fails_as_a_whole_is_no_answer_for_any_letter() {
    for (status, body) in [
        (400, "{\"__type\":\"AccessDeniedException\"}"),
        (200, "{\"Responses\":[{\"TableName\":\"letters\"}]}"),
        (200, "{}"),
        (200, "not JSON"),
    ] {
        let script = Script::play(&[(status, body)]);
        let answers = told(&script).await;
        assert!(answers.len() == 3 && answers.iter().all(|answer| !why(answer).is_empty()), "{body}");
        assert_eq!(script.asked(), 1, "{body}");
    }
}

#[tokio::test]
async fn letters_that_were_there_and_are_gone_by_the_next_look_are_put() {
    let taken = error("DuplicateItem");
    let gone = "{\"Responses\":{\"letters\":[]},\"UnprocessedKeys\":{}}";
    let script = Script::play(&[(200, &responses(&[&taken, DONE, &taken])), (200, gone), (200, "{}")]);
    assert_eq!(told(&script).await, [Ok(()), Ok(()), Ok(())]);
    assert_eq!(script.asked(), 4);
    let denied = (400, "{\"__type\":\"AccessDeniedException\"}");
    let script = Script::play(&[(200, &responses(&[&taken, DONE, &taken])), denied]);
    let answers = told(&script).await;
    assert_eq!(answers[1], Ok(()));
    assert!(why(&answers[0]).starts_with("AccessDenied") && why(&answers[2]).starts_with("AccessDenied"));
}
