//! Bodies of every size SQS can hold, along every edge: kept byte for byte, erased for ever, and reported when they are lost.

use std::time::Duration;

use redrive_core::ids::{MessageId, ReplayNumber};
use redrive_core::letters::edges::{self, ClaimTerms};
use redrive_core::letters::letter::{Body, Letter, LetterWrite, Status};
use redrive_core::letters::policy::Policy;
use redrive_core::message::envelope::{Attribute, Attributes};
use redrive_core::ports::{Letters, WriteError};
use redrive_core::time::Timestamp;

use crate::letters::{binary, changed, instead, letter, read, round_trip, write};
use crate::samples::{at, enqueue, token};
use crate::stores::Store;

crate::contract! {
    the_largest_body_is_kept_byte_for_byte_with_ten_attributes,
    a_body_of_any_size_is_kept_byte_for_byte,
    a_large_letter_is_created_once_and_the_second_time_shows_the_first_whole,
    a_large_letter_keeps_its_body_along_every_edge,
    of_many_who_change_a_large_letter_at_once_one_does,
    large_and_small_letters_are_read_together_in_order,
    an_erased_letter_is_kept_without_its_body,
    a_letter_whose_body_ends_before_it_is_restored_with_its_body,
    a_lost_body_is_told_and_does_not_hold_its_letter,
    a_body_that_expired_is_not_restored,
}

const WEEK: Duration = Duration::from_secs(7 * 86_400);
const WHO: &str = "ann";

pub(crate) fn policy(body_retention: Duration) -> Policy {
    Policy {
        rules: Vec::new(),
        cool_down: WEEK,
        max_deaths: 1,
        resolved_retention: 4 * WEEK,
        body_retention,
        outcome_after: WEEK,
    }
}

/// Text that compression makes little of.
pub(crate) fn noise(bytes: usize) -> String {
    let mut state = uuid::Uuid::new_v4().as_u64_pair().0 | 1;
    let signs = std::iter::repeat_with(|| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        char::from(32 + u8::try_from(state % 95).unwrap())
    });
    signs.take(bytes).collect()
}

pub(crate) fn large() -> Letter {
    Letter { payload: noise(1 << 20), ..letter() }
}

fn ten_attributes() -> Attributes {
    let mut attributes: Attributes = (0..6).map(|n| (format!("text-{n}"), Attribute::text(noise(5_000)))).collect();
    attributes
        .insert("number".to_owned(), Attribute { data_type: "Number.int".to_owned(), ..Attribute::text("-07.50") });
    attributes.insert("png".to_owned(), binary("Binary.png", (0..=255).cycle().take(60_000).collect()));
    attributes.insert("none".to_owned(), binary("Binary", Vec::new()));
    attributes.insert("ünïcode".to_owned(), Attribute::text("„schön“ 🚚"));
    attributes
}

async fn created<S: Store>(store: &S, letter: Letter) -> Letter {
    write(store, LetterWrite::create(letter.clone())).await.unwrap();
    letter
}

/// Writes the next version, and expects to read exactly that.
async fn moved<S: Store>(store: &S, next: Letter) -> Letter {
    assert_eq!(write(store, LetterWrite::change(next.clone())).await, Ok(()));
    assert_eq!(read(store, next.id).await.as_ref(), Some(&next));
    next
}

async fn the_largest_body_is_kept_byte_for_byte_with_ten_attributes<S: Store>(store: &S) {
    let attributes = ten_attributes();
    assert_eq!(attributes.len(), 10);
    round_trip(store, Letter { attributes, ..large() }).await;
}

async fn a_body_of_any_size_is_kept_byte_for_byte<S: Store>(store: &S) {
    for kib in [0, 1, 3, 4, 5, 100, 255, 256, 257, 300, 301, 390, 400, 410, 700] {
        let bytes = kib * 1024;
        for payload in [noise(bytes), "{\"order\": 1}\n".repeat(bytes / 13), "ä".repeat(bytes / 2)] {
            round_trip(store, Letter { payload, attributes: ten_attributes(), ..letter() }).await;
        }
    }
}

async fn a_large_letter_is_created_once_and_the_second_time_shows_the_first_whole<S: Store>(store: &S) {
    let first = created(store, large()).await;
    // A lost answer looks the same: what is found is what was written.
    assert_eq!(instead(write(store, LetterWrite::create(first.clone())).await), Some(first.clone()));
    let second = Letter { payload: noise(900_000), ..first.clone() };
    assert_eq!(instead(write(store, LetterWrite::create(second)).await), Some(first.clone()));
    assert_eq!(read(store, first.id).await, Some(first.clone()));
    let missing = large();
    assert_eq!(instead(write(store, LetterWrite::change(changed(&missing, "n"))).await), None);
    assert_eq!(read(store, missing.id).await, None);
}

async fn a_large_letter_keeps_its_body_along_every_edge<S: Store>(store: &S) {
    for body_retention in [WEEK, 4 * WEEK] {
        let policy = policy(body_retention);
        let new = created(store, Letter { attributes: ten_attributes(), ..large() }).await;
        let token = token();
        // No replay may find it due, REPLAYING or REPLAYED on a stage at work.
        let held = edges::claim(&new, token, ClaimTerms::default(), WHO, WEEK, at(1)).unwrap();
        let held = moved(store, Letter { due: Timestamp::NEVER, ..held }).await;
        let sent = edges::mark_sent(&held, (token, ReplayNumber(1)), MessageId::new("m").unwrap(), WHO, &policy, at(2))
            .unwrap();
        let sent = moved(store, Letter { due: Timestamp::NEVER, ..sent }).await;
        let back =
            moved(store, edges::add_death(&sent, &enqueue(), sent.reason.clone(), WHO, &policy, at(3)).unwrap()).await;
        let gone = moved(store, edges::discard(&back, "n", WHO, &policy, at(4)).unwrap()).await;
        let seen = moved(store, edges::add_copy(&gone, &enqueue(), WHO, "n", at(5))).await;
        let restored = moved(store, edges::restore(&seen, "n", WHO, at(6)).unwrap()).await;
        let resolved = moved(store, edges::resolve(&restored, &restored.hash, "n", WHO, &policy, at(7)).unwrap()).await;
        assert_eq!((&resolved.payload, &resolved.attributes), (&new.payload, &new.attributes));
    }
}

async fn of_many_who_change_a_large_letter_at_once_one_does<S: Store>(store: &S) {
    let first = created(store, large()).await;
    let policy = policy(WEEK);
    let ends = (0..8).map(|n| edges::discard(&first, &format!("by {n}"), WHO, &policy, at(n)).unwrap());
    let writes = ends.map(|end| store.letters().write(vec![LetterWrite::change(end)]));
    let answers = futures_util::future::join_all(writes).await;
    let now = read(store, first.id).await.unwrap();
    let (mut won, mut lost) = (0, 0);
    for answer in answers.into_iter().flatten() {
        match answer {
            Ok(()) => won += 1,
            Err(WriteError::Condition(found)) => {
                assert_eq!(found.as_deref(), Some(&now));
                lost += 1;
            }
            Err(WriteError::Unavailable(error)) => panic!("{error}"),
        }
    }
    assert_eq!((won, lost), (1, 7));
    assert_eq!((now.version, now.status, &now.payload), (2, Status::Discarded, &first.payload));
}

async fn large_and_small_letters_are_read_together_in_order<S: Store>(store: &S) {
    let mut letters = Vec::new();
    for n in 0..12 {
        letters.push(created(store, if n % 3 == 0 { large() } else { letter() }).await);
    }
    let mut asked: Vec<_> = letters.iter().map(|letter| letter.id).collect();
    let mut expected: Vec<_> = letters.iter().cloned().map(Some).collect();
    asked.extend([letter().id, letters[3].id]);
    expected.extend([None, Some(letters[3].clone())]);
    assert_eq!(store.letters().read(&asked).await, Ok(expected));
}

async fn an_erased_letter_is_kept_without_its_body<S: Store>(store: &S) {
    for body_retention in [WEEK, 4 * WEEK] {
        let policy = policy(body_retention);
        for new in [letter(), Letter { payload: "{}".repeat(9_000), ..letter() }, large()] {
            let new = created(store, Letter { attributes: ten_attributes(), ..new }).await;
            let erased = moved(store, edges::erase(&new, "asked to", WHO, &policy, at(1)).unwrap()).await;
            assert_eq!((erased.body_bytes(), &erased.hash, erased.status), (0, &new.hash, Status::Discarded));
            moved(store, edges::add_copy(&erased, &enqueue(), WHO, "a copy", at(2))).await;

            let new = Letter { payload: new.payload, ..letter() };
            let done = edges::resolve(&created(store, new.clone()).await, &new.hash, "n", WHO, &policy, at(1)).unwrap();
            let done = moved(store, done).await;
            let erased = moved(store, edges::erase(&done, "asked to", WHO, &policy, at(2)).unwrap()).await;
            assert_eq!((erased.expires, erased.status), (done.expires, Status::Resolved));
        }
    }
}

async fn a_letter_whose_body_ends_before_it_is_restored_with_its_body<S: Store>(store: &S) {
    let policy = policy(WEEK);
    for new in [letter(), Letter { payload: noise(50_000), ..letter() }, large()] {
        let new = created(store, Letter { attributes: ten_attributes(), ..new }).await;
        let gone = moved(store, edges::discard(&new, "n", WHO, &policy, at(1)).unwrap()).await;
        assert_eq!(gone.body.until(), Some(at(1).after(WEEK).whole_seconds()));
        let back = moved(store, edges::restore(&gone, "n", WHO, at(2)).unwrap()).await;
        assert_eq!((&back.payload, &back.attributes, back.body.until()), (&new.payload, &new.attributes, None));
        let gone = moved(store, edges::discard(&back, "again", WHO, &policy, at(3)).unwrap()).await;
        moved(store, edges::erase(&gone, "asked to", WHO, &policy, at(4)).unwrap()).await;
    }
}

async fn a_lost_body_is_told_and_does_not_hold_its_letter<S: Store>(store: &S) {
    let policy = policy(4 * WEEK);
    let new = created(store, large()).await;
    store.lose_a_part(new.id).await;
    let lost = read(store, new.id).await.unwrap();
    assert!(matches!(&lost.body, Body::Missing { until: None, why } if !why.is_empty()), "{:?}", lost.body);
    assert_eq!((lost.body_bytes(), &lost.hash, lost.version), (0, &new.hash, 1));
    let next = moved(store, edges::add_copy(&lost, &enqueue(), WHO, "n", at(1))).await;
    let ended = edges::discard(&next, "lost", WHO, &policy, at(2)).unwrap();
    assert_eq!(write(store, LetterWrite::change(ended.clone())).await, Ok(()));
    let ended = read(store, new.id).await.unwrap();
    assert!(ended.body.check().is_err() && ended.status == Status::Discarded);
    moved(store, edges::erase(&ended, "what is left", WHO, &policy, at(3)).unwrap()).await;
}

async fn a_body_that_expired_is_not_restored<S: Store>(store: &S) {
    let policy = policy(WEEK);
    let new = created(store, letter()).await;
    let gone = moved(store, edges::discard(&new, "n", WHO, &policy, at(1)).unwrap()).await;
    let (late, copy) =
        (edges::restore(&gone, "n", WHO, at(2)).unwrap(), edges::add_copy(&gone, &enqueue(), WHO, "n", at(2)));
    store.lose_a_part(new.id).await;
    let found = instead(write(store, LetterWrite::change(late)).await).expect("its head is there");
    assert!(matches!(found.body, Body::Missing { until: Some(_), .. }), "{:?}", found.body);
    assert_eq!((found.version, found.status), (2, Status::Discarded));
    assert!(edges::restore(&found, "n", WHO, at(2)).is_err());
    // Who read it before its body went may still change it, and does not bring it back.
    assert_eq!(write(store, LetterWrite::change(copy)).await, Ok(()));
    assert!(read(store, new.id).await.unwrap().body.check().is_err());
}
