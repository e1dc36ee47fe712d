//! Storage of large bodies in DynamoDB: a head and its chunks, together at every moment; and the cost of their writes.

use std::time::Duration;

use redrive_core::letters::edges::{self, ClaimTerms};
use redrive_core::letters::letter::{Letter, LetterWrite};
use redrive_core::ports::{Letters, WriteError};

use crate::answers::Script;
use crate::bodies::{large, noise, policy};
use crate::letters::{changed, letter, write};
use crate::samples::{at, enqueue, token};
use crate::stores::Deployed;

const WEEK: Duration = Duration::from_secs(7 * 86_400);
const WHO: &str = "ann";

crate::stored! {
    a_body_that_fits_its_head_is_one_item,
    head_and_chunks_are_written_together_or_not_at_all,
    chunks_stay_as_they_are_while_their_letter_is_open,
    head_and_chunks_expire_together_and_are_restored_together,
    a_body_that_ends_before_its_letter_stands_apart_from_then_on,
    an_erased_letter_leaves_no_chunk,
    a_chunk_of_another_body_is_not_taken_for_ones_own,
}

async fn create(store: &Deployed, letter: Letter) -> Letter {
    write(store, LetterWrite::create(letter.clone())).await.unwrap();
    letter
}

async fn change(store: &Deployed, next: Letter) -> Letter {
    write(store, LetterWrite::change(next.clone())).await.unwrap();
    next
}

/// The sort keys of a letter's items, and when each expires.
async fn expiries(store: &Deployed, letter: &Letter) -> Vec<(String, Option<u64>)> {
    let items = store.items(letter.id).await;
    let expires = |item: &std::collections::HashMap<_, _>| {
        item.get("expires").map(|at: &aws_sdk_dynamodb::types::AttributeValue| at.as_n().unwrap().parse().unwrap())
    };
    items.iter().map(|(sk, item)| (sk.clone(), expires(item))).collect()
}

async fn a_body_that_fits_its_head_is_one_item(store: &Deployed) {
    for payload in ["{}".to_owned(), noise(200_000), "{\"order\": 1}\n".repeat(80_000)] {
        let new = create(store, Letter { payload, ..letter() }).await;
        let done = change(store, edges::discard(&new, "n", WHO, &policy(4 * WEEK), at(1)).unwrap()).await;
        assert_eq!(expiries(store, &new).await, [("head".to_owned(), done.expires.map(|at| at.as_secs()))]);
    }
}

async fn head_and_chunks_are_written_together_or_not_at_all(store: &Deployed) {
    let first = create(store, letter()).await;
    let large = Letter { id: first.id, ..large() };
    let refused = write(store, LetterWrite::create(large.clone())).await;
    assert!(matches!(refused, Err(WriteError::Condition(Some(_)))));
    let refused = write(store, LetterWrite::change(Letter { version: 9, ..large })).await;
    assert!(matches!(refused, Err(WriteError::Condition(Some(_)))));
    assert_eq!(expiries(store, &first).await, [("head".to_owned(), None)], "no chunk without its head");
    let second = create(store, crate::bodies::large()).await;
    let stored: Vec<_> = expiries(store, &second).await.into_iter().map(|(sk, _)| sk).collect();
    assert_eq!(stored, ["chunk#0", "chunk#1", "chunk#2", "head"]);
}

async fn chunks_stay_as_they_are_while_their_letter_is_open(store: &Deployed) {
    let new = create(store, large()).await;
    let mut before = store.items(new.id).await;
    let head = before.remove("head").unwrap();
    let held = edges::claim(&new, token(), ClaimTerms::default(), WHO, WEEK, at(1)).unwrap();
    let held = change(store, held).await;
    change(store, edges::add_death(&held, &enqueue(), held.reason.clone(), WHO, &policy(WEEK), at(2)).unwrap()).await;
    let mut after = store.items(new.id).await;
    let next = after.remove("head").unwrap();
    assert_eq!(after, before);
    assert_ne!(next, head);
    assert!(!next.contains_key("body") && !next.contains_key("original_payload"));
}

async fn head_and_chunks_expire_together_and_are_restored_together(store: &Deployed) {
    let new = create(store, large()).await;
    let gone = change(store, edges::discard(&new, "n", WHO, &policy(4 * WEEK), at(1)).unwrap()).await;
    let expiry = gone.expires.map(|at| at.as_secs());
    assert!(expiry.is_some() && expiries(store, &gone).await.iter().all(|(_, expires)| *expires == expiry));
    change(store, edges::restore(&gone, "n", WHO, at(2)).unwrap()).await;
    let restored = expiries(store, &gone).await;
    assert!(restored.len() == 4 && restored.iter().all(|(_, expires)| expires.is_none()), "{restored:?}");
}

async fn a_body_that_ends_before_its_letter_stands_apart_from_then_on(store: &Deployed) {
    for new in [letter(), large()] {
        let new = create(store, new).await;
        let gone = change(store, edges::discard(&new, "n", WHO, &policy(WEEK), at(1)).unwrap()).await;
        let (body, head) = (gone.body.until().unwrap().as_secs(), gone.expires.unwrap().as_secs());
        assert_eq!(head - body, WEEK.as_secs() * 3);
        let stored = expiries(store, &gone).await;
        assert!(stored.len() > 1);
        for (sk, expires) in stored {
            assert_eq!(expires, Some(if sk == "head" { head } else { body }), "{sk}");
        }
    }
}

async fn an_erased_letter_leaves_no_chunk(store: &Deployed) {
    let secret = Letter { payload: format!("secret{}", noise(900_000)), ..letter() };
    let new = create(store, secret).await;
    let erased = change(store, edges::erase(&new, "asked to", WHO, &policy(WEEK), at(1)).unwrap()).await;
    assert_eq!(expiries(store, &new).await, [("head".to_owned(), erased.expires.map(|at| at.as_secs()))]);
    let new = create(store, Letter { payload: "secret".to_owned(), ..letter() }).await;
    change(store, edges::erase(&new, "asked to", WHO, &policy(WEEK), at(1)).unwrap()).await;
    assert!(!format!("{:?}", store.items(new.id).await).contains("secret"));
}

async fn a_chunk_of_another_body_is_not_taken_for_ones_own(store: &Deployed) {
    let [mine, other] = [create(store, large()).await, create(store, large()).await];
    let mut foreign = store.items(other.id).await.remove("chunk#1").unwrap();
    foreign.insert("pk".to_owned(), aws_sdk_dynamodb::types::AttributeValue::S(mine.id.to_string()));
    let put = store.dynamodb.put_item().table_name(&store.letter_table).set_item(Some(foreign));
    put.send().await.unwrap();
    let told = crate::letters::read(store, mine.id).await.unwrap();
    let redrive_core::letters::letter::Body::Missing { why, .. } = told.body else { panic!("{:?}", told.body) };
    assert_eq!(why, "chunk 1 of 3 belongs to another body");
}

async fn written(script: &Script, write: LetterWrite) -> Result<(), String> {
    let answer = script.aws().await.letters("letters").write(vec![write]).await.pop().unwrap();
    answer.map_err(|error| error.to_string())
}

#[tokio::test]
async fn a_letter_is_one_call_and_only_a_change_of_a_large_one_looks_first() {
    let script = Script::play(&[(200, "{}")]);
    for write in [
        LetterWrite::create(letter()),
        LetterWrite::change(changed(&letter(), "n")),
        LetterWrite::create(large()),
        LetterWrite::change(edges::erase(&letter(), "n", WHO, &policy(WEEK), at(1)).unwrap()),
    ] {
        let before = script.asked();
        assert_eq!(written(&script, write).await, Ok(()));
        assert_eq!(script.asked() - before, 1);
    }
    let head = "{\"Item\":{\"version\":{\"N\":\"1\"},\"chunks\":{\"N\":\"3\"},\"body_tag\":{\"S\":\"t\"},\"body_codec\":{\"S\":\"zlib\"}}}";
    let script = Script::play(&[(200, head), (200, "{}")]);
    assert_eq!(written(&script, LetterWrite::change(changed(&large(), "n"))).await, Ok(()));
    assert_eq!(script.asked(), 2);
}

#[tokio::test]
async fn ten_small_letters_are_read_in_one_call() {
    let script = Script::play(&[(200, "{\"Responses\":{\"letters\":[]},\"UnprocessedKeys\":{}}")]);
    let ids: Vec<_> = (0..10).map(|_| letter().id).collect();
    assert_eq!(script.aws().await.letters("letters").read(&ids).await, Ok(vec![None; 10]));
    assert_eq!(script.asked(), 1);
}

#[tokio::test]
async fn another_transaction_in_the_way_is_waited_for_and_then_no_answer() {
    let conflict = "{\"__type\":\"TransactionCanceledException\",\"CancellationReasons\":[{\"Code\":\"None\"},{\"Code\":\"TransactionConflict\"},{\"Code\":\"None\"},{\"Code\":\"None\"}]}";
    for (line, new) in [(conflict, large()), ("{\"__type\":\"TransactionConflictException\"}", letter())] {
        let script = Script::play(&[(400, line), (400, line), (200, "{}")]);
        assert_eq!(written(&script, LetterWrite::create(new.clone())).await, Ok(()));
        assert_eq!(script.asked(), 3);
        let script = Script::play(&[(400, line)]);
        let told = written(&script, LetterWrite::create(new)).await.unwrap_err();
        assert!(told.starts_with("dead-letter table did not write a letter: Transaction"), "{told}");
        assert_eq!(script.asked(), 5);
    }
}
