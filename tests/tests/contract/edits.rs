//! Edited bodies beside the letters' own, of every size, along every edge.

use std::time::Duration;

use redrive_core::letters::edges::{self, ClaimTerms};
use redrive_core::letters::letter::{Edited, Letter, LetterWrite};
use redrive_core::message::key::PayloadHash;
use redrive_core::ports::Letters;

use crate::bodies::{large, noise, policy};
use crate::letters::{letter, read, write};
use crate::samples::{at, enqueue, token};
use crate::stores::{Deployed, Store};

crate::contract! {
    an_edited_body_of_any_size_is_kept_beside_the_original,
    an_edited_letter_keeps_both_bodies_along_every_edge,
    a_letter_is_edited_again_with_a_body_of_any_other_size,
    an_erased_letter_loses_its_edited_body_too,
    edited_letters_are_written_together_with_others,
}

const WEEK: Duration = Duration::from_secs(7 * 86_400);
const SIZES: [usize; 4] = [2, 5_000, 400_000, 1 << 20];

/// The letter as it is claimed with another body of this size.
fn edited(letter: &Letter, size: usize) -> Letter {
    let payload = noise(size);
    let edited = Edited {
        hash: PayloadHash::of_text(&payload),
        whole: PayloadHash::of_text("whole"),
        payload,
        by: "ann".to_owned(),
        at: at(3),
        lost: None,
    };
    edges::claim(&edges::prepare_edit(letter.clone(), edited), token(), ClaimTerms::default(), "ann", WEEK, at(3))
        .unwrap()
}

async fn change<S: Store>(store: &S, next: Letter) -> Letter {
    write(store, LetterWrite::change(next.clone())).await.unwrap();
    assert_eq!(read(store, next.id).await.as_ref(), Some(&next));
    next
}

async fn create<S: Store>(store: &S, letter: Letter) -> Letter {
    write(store, LetterWrite::create(letter.clone())).await.unwrap();
    letter
}

async fn an_edited_body_of_any_size_is_kept_beside_the_original<S: Store>(store: &S) {
    for original in [letter(), large()] {
        for size in SIZES {
            let new = create(store, Letter { id: letter().id, ..original.clone() }).await;
            change(store, edited(&new, size)).await;
        }
    }
}

async fn an_edited_letter_keeps_both_bodies_along_every_edge<S: Store>(store: &S) {
    for (original, size) in [(letter(), 2), (letter(), 900_000), (large(), 2), (large(), 900_000)] {
        for retention in [WEEK, 8 * WEEK] {
            let new = create(store, Letter { id: letter().id, ..original.clone() }).await;
            let held = change(store, edited(&new, size)).await;
            let back =
                edges::add_death(&held, &enqueue(), held.reason.clone(), "indexer", &policy(retention), at(4)).unwrap();
            let back = change(store, back).await;
            let gone = change(store, edges::discard(&back, "n", "ann", &policy(retention), at(5)).unwrap()).await;
            let again = change(store, edges::restore(&gone, "n", "ann", at(6)).unwrap()).await;
            assert_eq!(again.edited, held.edited);
            change(store, edges::claim(&again, token(), ClaimTerms::default(), "ann", WEEK, at(7)).unwrap()).await;
        }
    }
}

async fn a_letter_is_edited_again_with_a_body_of_any_other_size<S: Store>(store: &S) {
    for first in SIZES {
        for second in SIZES {
            let new = create(store, letter()).await;
            let held = change(store, edited(&new, first)).await;
            let back =
                edges::add_death(&held, &enqueue(), held.reason.clone(), "indexer", &policy(WEEK), at(4)).unwrap();
            let back = change(store, back).await;
            change(store, edited(&back, second)).await;
        }
    }
}

async fn an_erased_letter_loses_its_edited_body_too<S: Store>(store: &S) {
    for size in SIZES {
        let new = create(store, letter()).await;
        let held = change(store, edited(&new, size)).await;
        let back = edges::add_death(&held, &enqueue(), held.reason.clone(), "indexer", &policy(WEEK), at(4)).unwrap();
        let back = change(store, back).await;
        change(store, edges::erase(&back, "asked to", "ann", &policy(WEEK), at(5)).unwrap()).await;
    }
}

async fn edited_letters_are_written_together_with_others<S: Store>(store: &S) {
    let mut letters = Vec::new();
    for n in 0..30 {
        letters.push(create(store, if n % 10 == 9 { large() } else { letter() }).await);
    }
    let next: Vec<_> = letters.iter().enumerate().map(|(n, letter)| edited(letter, SIZES[n % 3])).collect();
    let answers = store.letters().write(next.iter().cloned().map(LetterWrite::change).collect()).await;
    assert!(answers.iter().all(Result::is_ok), "{answers:?}");
    let ids: Vec<_> = next.iter().map(|letter| letter.id).collect();
    assert_eq!(store.letters().read(&ids).await, Ok(next.into_iter().map(Some).collect()));
}

mod apart {
    use super::*;

    crate::stored! { edited_chunks_end_with_their_letter_and_none_is_left_behind }

    async fn edited_chunks_end_with_their_letter_and_none_is_left_behind(store: &Deployed) {
        let keys = async |letter: &Letter| store.items(letter.id).await.into_keys().collect::<Vec<_>>();
        let new = create(store, letter()).await;
        let held = change(store, edited(&new, 900_000)).await;
        assert_eq!(keys(&new).await, ["edited#0", "edited#1", "edited#2", "head"]);
        let back = edges::add_death(&held, &enqueue(), held.reason.clone(), "indexer", &policy(WEEK), at(4)).unwrap();
        let held = change(store, edited(&change(store, back).await, 400_000)).await;
        assert_eq!(keys(&new).await, ["edited#0", "edited#1", "head"], "what is beyond the new one is gone");
        let back = edges::add_death(&held, &enqueue(), held.reason.clone(), "indexer", &policy(WEEK), at(6)).unwrap();
        let back = change(store, back).await;
        let gone = change(store, edges::discard(&back, "n", "ann", &policy(8 * WEEK), at(7)).unwrap()).await;
        for (sk, item) in store.items(new.id).await {
            let expires: u64 = item["expires"].as_n().unwrap().parse().unwrap();
            assert_eq!(Some(expires), gone.expires.map(|at| at.as_secs()), "{sk}");
        }
        store.delete(new.id, "edited#1").await;
        let lost = read(store, new.id).await.unwrap();
        assert_eq!(lost.edited.as_ref().unwrap().lost.as_deref(), Some("chunk 1 of 2 is not there"));
        assert_eq!((&lost.payload, lost.check_body().is_err()), (&new.payload, true), "the original is there");
        let noted = edges::note(&lost, "it is lost", "ann", at(8));
        write(store, LetterWrite::change(noted)).await.unwrap();
        assert_eq!(read(store, new.id).await.unwrap().payload, new.payload);
    }
}
