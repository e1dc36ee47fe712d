//! Many letters in one call: what each of them is told, whatever the call is answered.

use std::time::Duration;

use redrive_core::letters::edges::{self, ClaimTerms};
use redrive_core::letters::letter::{Body, Letter, LetterWrite, Status};
use redrive_core::ports::{Letters, WriteError};

use crate::answers::Script;
use crate::bodies::{large, noise, policy};
use crate::letters::{Written, changed, instead, letter, read, write};
use crate::samples::{at, token};
use crate::stores::Store;

crate::contract! {
    new_changed_and_large_letters_of_one_write_have_their_own_answers,
    of_two_letters_of_one_id_in_one_write_one_is_created,
    changes_of_one_write_have_their_own_answers_and_leave_what_a_write_alone_would_have_left,
    of_two_changes_of_one_letter_in_one_write_one_is_made,
    a_letter_whose_body_stands_apart_is_changed_among_others_and_keeps_its_body,
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

const WEEK: Duration = Duration::from_secs(7 * 86_400);

async fn changes_of_one_write_have_their_own_answers_and_leave_what_a_write_alone_would_have_left<S: Store>(store: &S) {
    let letters: Vec<_> = (0..60).map(|n| Letter { payload: noise(n * 500), ..letter() }).collect();
    let created = store.letters().write(letters.iter().cloned().map(LetterWrite::create).collect()).await;
    assert!(created.iter().all(Result::is_ok));
    let overtaken = changed(&letters[7], "theirs");
    write(store, LetterWrite::change(overtaken.clone())).await.unwrap();
    // A claim adds what a mark takes away again: never due, so that nobody else takes it.
    let claims: Vec<_> = letters
        .iter()
        .map(|letter| edges::claim(letter, token(), ClaimTerms::default(), "ann", 90 * WEEK, at(1)).unwrap())
        .collect();
    let lost = letter();
    let mut writes: Vec<_> = claims.iter().cloned().map(LetterWrite::change).collect();
    writes.insert(30, LetterWrite::change(changed(&lost, "nobody's")));
    for (place, answer) in store.letters().write(writes).await.into_iter().enumerate() {
        match place {
            7 => assert_eq!(instead(answer), Some(overtaken.clone())),
            30 => assert_eq!(instead(answer), None),
            _ => assert_eq!(answer, Ok(()), "{place}"),
        }
    }
    let held: Vec<_> = claims.into_iter().enumerate().filter(|(n, _)| *n != 7).map(|(_, letter)| letter).collect();
    let back = |letter: &Letter| {
        let token = letter.token.unwrap();
        let back =
            edges::mark_not_sent(letter, (token, letter.number), "Throttled", "ann", &policy(WEEK), at(2)).unwrap();
        Letter { due: redrive_core::time::Timestamp::NEVER, ..back }
    };
    let back: Vec<_> = held.iter().map(back).collect();
    let marked = store.letters().write(back.iter().cloned().map(LetterWrite::change).collect()).await;
    assert!(marked.iter().all(Result::is_ok), "{marked:?}");
    let ids: Vec<_> = back.iter().map(|letter| letter.id).collect();
    assert_eq!(store.letters().read(&ids).await, Ok(back.into_iter().map(Some).collect()));
    assert_eq!(read(store, overtaken.id).await, Some(overtaken));
    assert_eq!(read(store, lost.id).await, None);
    // The same again is refused, and shows what it meant to write: a lost answer is known by that.
    let [one, other] = [changed(&letter(), "first"), letter()];
    let before = [Letter { version: 1, resolution_note: None, ..one.clone() }, other.clone()];
    store.letters().write(before.map(LetterWrite::create).to_vec()).await;
    let twice = || vec![LetterWrite::change(one.clone()), LetterWrite::change(changed(&other, "second"))];
    assert_eq!(store.letters().write(twice()).await, [Ok(()), Ok(())]);
    let again = store.letters().write(twice()).await;
    let shown: Vec<_> = again.into_iter().map(instead).collect();
    assert_eq!(shown, [Some(one.clone()), Some(changed(&other, "second"))]);
}

async fn of_two_changes_of_one_letter_in_one_write_one_is_made<S: Store>(store: &S) {
    let [one, beside] = [letter(), letter()];
    store.letters().write([one.clone(), beside.clone()].map(LetterWrite::create).to_vec()).await;
    let (mine, theirs) = (changed(&one, "mine"), changed(&one, "theirs"));
    let writes = [mine.clone(), changed(&beside, "n"), theirs.clone()].map(LetterWrite::change).to_vec();
    let answers = store.letters().write(writes).await;
    let stands = read(store, one.id).await;
    assert_eq!(answers[1], Ok(()));
    for (mine, answer) in [(mine, answers[0].clone()), (theirs, answers[2].clone())] {
        if stands.as_ref() == Some(&mine) {
            assert_eq!(answer, Ok(()));
        } else {
            assert_eq!(instead(answer), stands);
        }
    }
}

async fn a_letter_whose_body_stands_apart_is_changed_among_others_and_keeps_its_body<S: Store>(store: &S) {
    // A small one whose body ends before it stands apart from then on, and stays so when it is restored.
    let small = Letter { payload: "{\"small\":1}".to_owned(), ..letter() };
    let apart = [small, large()].map(|new| async move {
        write(store, LetterWrite::create(new.clone())).await.unwrap();
        let gone = edges::discard(&new, "n", "ann", &policy(WEEK), at(1)).unwrap();
        write(store, LetterWrite::change(gone.clone())).await.unwrap();
        let back = edges::restore(&gone, "n", "ann", at(2)).unwrap();
        let back = Letter { due: redrive_core::time::Timestamp::NEVER, ..back };
        write(store, LetterWrite::change(back.clone())).await.unwrap();
        back
    });
    let mut letters = futures_util::future::join_all(apart).await;
    for _ in 0..3 {
        let new = letter();
        write(store, LetterWrite::create(new.clone())).await.unwrap();
        letters.push(new);
    }
    let next: Vec<_> = letters.iter().map(|letter| edges::note(letter, "looked at", "ann", at(3))).collect();
    let answers = store.letters().write(next.iter().cloned().map(LetterWrite::change).collect()).await;
    assert!(answers.iter().all(Result::is_ok), "{answers:?}");
    let ids: Vec<_> = next.iter().map(|letter| letter.id).collect();
    assert_eq!(store.letters().read(&ids).await, Ok(next.iter().cloned().map(Some).collect()));
    // Of those that stand apart, a stale change is told the whole letter.
    let stale = letters.iter().map(|letter| LetterWrite::change(changed(letter, "late"))).collect();
    let told: Vec<_> = store.letters().write(stale).await.into_iter().map(instead).collect();
    assert_eq!(told, next.into_iter().map(Some).collect::<Vec<_>>());
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

/// Changes three letters that were read.
async fn told_of_changes(script: &Script) -> Vec<Written> {
    let writes = (0..3).map(|_| LetterWrite::change(changed(&letter(), "n"))).collect();
    script.aws().await.letters("letters").write(writes).await
}

#[tokio::test]
async fn changes_share_a_call_and_each_has_the_answer_of_its_place() {
    let answer = responses(&[DONE, &error("AccessDenied"), DONE]);
    let script = Script::play(&[(200, &answer)]);
    let answers = told_of_changes(&script).await;
    assert_eq!((&answers[0], &answers[2]), (&Ok(()), &Ok(())));
    assert_eq!((why(&answers[1]), script.asked()), ("AccessDenied", 1));
    let full = responses(&[DONE; 25]);
    let script = Script::play(&[(200, &full)]);
    let writes = (0..100).map(|_| LetterWrite::change(changed(&letter(), "n"))).collect();
    let answers = script.aws().await.letters("letters").write(writes).await;
    assert!(answers.len() == 100 && answers.iter().all(Result::is_ok));
    assert_eq!(script.asked(), 4);
}

#[tokio::test]
async fn a_change_that_cannot_be_answered_by_a_statement_is_put_alone() {
    // Nothing of ours is shown, another transaction is in the way, or there is no room.
    let foreign = "{\"Error\":{\"Code\":\"ConditionalCheckFailed\",\"Item\":{\"pk\":{\"S\":\"other\"}}}}";
    let codes = ["ConditionalCheckFailed", "TransactionConflict", "ThrottlingError", "ValidationError"];
    for told in codes.map(error).iter().map(String::as_str).chain([foreign]) {
        let script = Script::play(&[(200, &responses(&[DONE, told, DONE])), (200, "{}")]);
        assert_eq!(told_of_changes(&script).await, [Ok(()), Ok(()), Ok(())], "{told}");
        assert_eq!(script.asked(), 2, "{told}");
    }
}
