//! Message ids that lead to their letters, beside the letters.

use std::time::Duration;

use redrive_core::ids::{LetterId, MessageId, OwnerToken};
use redrive_core::letters::edges::{self, ClaimTerms};
use redrive_core::letters::letter::{Letter, LetterWrite, Reason, Status};
use redrive_core::ports::{KeyIndex, Letters};
use redrive_core::time::Timestamp;

use crate::answers::Script;
use crate::bodies::policy;
use crate::letters::{changed, letter, write};
use crate::samples::{at, enqueue, unique};
use crate::stores::Store;

crate::contract! {
    a_message_id_leads_to_the_letter_that_a_write_brought_it_to,
    each_message_id_of_many_letters_leads_to_its_own,
    a_text_that_is_no_message_id_leads_nowhere,
}

const WHO: &str = "replay";

fn id() -> MessageId {
    MessageId::new(unique()).unwrap()
}

/// The letter claimed, and what it is once SQS took it as that message.
fn sent(letter: &Letter, message: &MessageId) -> [Letter; 2] {
    let token = OwnerToken::from_random(1);
    let lease = Duration::from_secs(60);
    let claimed = edges::claim(letter, token, ClaimTerms::default(), WHO, lease, at(10)).unwrap();
    let held = (token, claimed.number);
    let sent = edges::mark_sent(&claimed, held, message.clone(), WHO, &policy(lease), at(11)).unwrap();
    [claimed, sent]
}

async fn leads<S: Store>(store: &S, message: &MessageId) -> Option<LetterId> {
    store.letters().of_message(message).await.unwrap()
}

async fn a_message_id_leads_to_the_letter_that_a_write_brought_it_to<S: Store>(store: &S) {
    let (letter, first, second, copy) = (letter(), id(), id(), enqueue());
    write(store, LetterWrite::create(letter.clone())).await.unwrap();
    assert_eq!(leads(store, &letter.origin).await, None, "the letter's own id is made of it");
    let [claimed, one] = sent(&letter, &first);
    write(store, LetterWrite::change(claimed)).await.unwrap();
    assert_eq!(leads(store, &first).await, None);
    write(store, LetterWrite::change(one.clone())).await.unwrap();
    // A copy came back under an id of its own: somebody moved it, or the send was never marked.
    let reason = Reason { last_failed_at: at(12), ..one.reason.clone() };
    let dead = edges::add_death(&one, &copy, reason, WHO, &policy(Duration::from_secs(60)), at(12)).unwrap();
    write(store, LetterWrite::change(dead.clone())).await.unwrap();
    let [claimed, two] = sent(&dead, &second);
    write(store, LetterWrite::change(claimed)).await.unwrap();
    write(store, LetterWrite::change(two.clone())).await.unwrap();
    for message in [&first, &copy.message_id, &second] {
        assert_eq!(leads(store, message).await, Some(letter.id));
    }
    // Whoever writes the same once more, because no answer came, changes nothing.
    assert!(write(store, LetterWrite::change(two.clone())).await.is_err());
    assert_eq!(leads(store, &second).await, Some(letter.id));
    assert_eq!(leads(store, &id()).await, None);
    // On a stage at work nobody shall wait for it.
    let ended = Letter { status: Status::Discarded, ..changed(&two, "ended") };
    write(store, LetterWrite::change(ended)).await.unwrap();
}

async fn each_message_id_of_many_letters_leads_to_its_own<S: Store>(store: &S) {
    // As many as two calls take, and letters that an import brings with all that they were sent as.
    let letters: Vec<_> = (0..30).map(|_| (letter(), id(), id())).collect();
    let imported = |(letter, first, second): &(Letter, MessageId, MessageId)| {
        let [_, mut one] = sent(letter, first);
        let mut again = one.sends.last().unwrap().clone();
        again.message_id = Some(second.clone());
        one.sends.push(again);
        LetterWrite::create(Letter { status: Status::Discarded, ..one })
    };
    let written = store.letters().write(letters.iter().map(imported).collect()).await;
    assert!(written.iter().all(Result::is_ok));
    for (letter, first, second) in &letters {
        assert_eq!((leads(store, first).await, leads(store, second).await), (Some(letter.id), Some(letter.id)));
    }
}

async fn a_text_that_is_no_message_id_leads_nowhere<S: Store>(store: &S) {
    assert_eq!(leads(store, &MessageId::new("x".repeat(100_000)).unwrap()).await, None);
}

#[tokio::test]
async fn a_letter_is_written_whatever_becomes_of_its_message_ids() {
    for refusal in [
        (400, "{\"__type\":\"AccessDeniedException\"}"),
        (200, "{}"),
        (200, "{\"Responses\":[{\"Error\":{\"Code\":\"ThrottlingError\"}}]}"),
    ] {
        let script = Script::route(&[("BatchExecuteStatement", refusal.0, refusal.1), ("PutItem", 200, "{}")]);
        let [_, sent] = sent(&letter(), &id());
        let written = script.aws().await.letters("letters").write(vec![LetterWrite::change(sent)]).await;
        assert_eq!(written, [Ok(())], "{refusal:?}");
    }
}

#[tokio::test]
async fn a_message_id_that_found_no_capacity_is_written_again_and_no_other_is() {
    let throttled = "{\"Responses\":[{\"Error\":{\"Code\":\"ThrottlingError\"}}]}";
    let refused = "{\"Responses\":[{\"Error\":{\"Code\":\"AccessDenied\"}}]}";
    let there = "{\"Responses\":[{\"Error\":{\"Code\":\"DuplicateItem\"}}]}";
    for (answer, calls) in [(throttled, 3), (refused, 1), (there, 1), ("{\"Responses\":[{}]}", 1)] {
        let script = Script::route(&[("BatchExecuteStatement", 200, answer), ("PutItem", 200, "{}")]);
        let [_, sent] = sent(&letter(), &id());
        script.aws().await.letters("letters").write(vec![LetterWrite::change(sent)]).await;
        assert_eq!(script.asked(), calls + 1, "{answer}");
    }
}

#[test]
fn a_message_id_is_kept_for_longer_than_a_year() {
    let [_, sent] = sent(&letter(), &id());
    let expire = LetterWrite::change(sent).message_ids_expire();
    assert!(at(11).after(Duration::from_secs(366 * 86_400)) < expire && expire < Timestamp::NEVER);
}
