//! Letters under their conditions, and the status index.
//!
//! Nothing here is PENDING and due, REPLAYING or REPLAYED: on a stage at work the replay function would take it.

use std::collections::BTreeSet;
use std::time::Duration;

use redrive_core::fault::Class;
use redrive_core::ids::{JobId, LetterId, MessageId, OwnerToken, QueueArn, ReplayNumber, Scope};
use redrive_core::letters::letter::{ErrorType, Event, EventKind, Letter, LetterWrite, Reason, Send, Status};
use redrive_core::letters::listing::{Cursor, Listing};
use redrive_core::message::envelope::{Attribute, AttributeValue};
use redrive_core::message::key::{Key, PayloadHash};
use redrive_core::ports::{KeyIndex, Letters, WriteError};
use redrive_core::processing::ledger::{Attempt, Origin};
use redrive_core::replay::Candidate;
use redrive_core::time::Timestamp;
use redrive_testkit::letters::waiting;

use crate::samples::{at, enqueue, queue, unique};
use crate::stores::Store;

crate::contract! {
    a_letter_is_created_once_and_the_second_time_shows_the_first,
    a_letter_changes_only_from_the_version_that_was_read,
    a_change_of_a_missing_letter_fails_its_condition_and_makes_none,
    each_letter_of_a_batch_has_its_own_answer,
    reads_answer_in_order_whatever_is_asked_twice_or_missing,
    a_letter_keeps_everything_that_can_be_in_it,
    the_body_is_kept_verbatim,
    the_index_lists_what_is_due_in_order_and_page_by_page,
    the_index_follows_a_letter_to_its_next_status,
    the_index_by_cause_lists_one_cause_by_its_first_failure_page_by_page_whatever_the_status,
    the_lanes_of_a_listing_share_no_letter_and_hold_all_of_them,
    the_index_of_keys_leads_to_every_letter_of_a_key_until_it_is_erased,
}

pub(crate) fn letter() -> Letter {
    let reason = Reason {
        error_type: ErrorType::Schema,
        error_code: None,
        error_message: String::new(),
        attempt_count: 1,
        first_failed_at: at(1),
        last_failed_at: at(2),
        attempts: Vec::new(),
    };
    let fingerprint = "SCHEMA not-json".to_owned();
    Letter { fingerprint, ..waiting(queue(), Scope::new("contract").unwrap(), enqueue(), "{}", reason) }
}

pub(crate) fn changed(letter: &Letter, note: &str) -> Letter {
    Letter { version: letter.version + 1, resolution_note: Some(note.to_owned()), ..letter.clone() }
}

pub(crate) type Written = Result<(), WriteError<Letter>>;

pub(crate) async fn write<S: Store>(store: &S, write: LetterWrite) -> Written {
    store.letters().write(vec![write]).await.pop().expect("one answer")
}

pub(crate) async fn read<S: Store>(store: &S, id: LetterId) -> Option<Letter> {
    store.letters().read(&[id]).await.expect("the table answers").pop().expect("one answer")
}

pub(crate) fn instead(written: Written) -> Option<Letter> {
    match written {
        Err(WriteError::Condition(found)) => found.map(|letter| *letter),
        other => panic!("expected a failed condition, got {other:?}"),
    }
}

pub(crate) async fn round_trip<S: Store>(store: &S, letter: Letter) {
    write(store, LetterWrite::create(letter.clone())).await.unwrap();
    assert_eq!(read(store, letter.id).await, Some(letter));
}

async fn a_letter_is_created_once_and_the_second_time_shows_the_first<S: Store>(store: &S) {
    let first = letter();
    assert_eq!(write(store, LetterWrite::create(first.clone())).await, Ok(()));
    let second = Letter { payload: "other".to_owned(), ..first.clone() };
    assert_eq!(instead(write(store, LetterWrite::create(second)).await), Some(first.clone()));
    assert_eq!(read(store, first.id).await, Some(first));
}

async fn a_letter_changes_only_from_the_version_that_was_read<S: Store>(store: &S) {
    let first = letter();
    write(store, LetterWrite::create(first.clone())).await.unwrap();
    let [mine, theirs] = ["mine", "theirs"].map(|note| changed(&first, note));
    assert_eq!(write(store, LetterWrite::change(mine.clone())).await, Ok(()));
    assert_eq!(instead(write(store, LetterWrite::change(theirs)).await), Some(mine.clone()));
    assert_eq!(write(store, LetterWrite::change(changed(&mine, "next"))).await, Ok(()));
}

async fn a_change_of_a_missing_letter_fails_its_condition_and_makes_none<S: Store>(store: &S) {
    let missing = letter();
    assert_eq!(instead(write(store, LetterWrite::change(changed(&missing, "n"))).await), None);
    assert_eq!(read(store, missing.id).await, None);
}

async fn each_letter_of_a_batch_has_its_own_answer<S: Store>(store: &S) {
    let letters: Vec<_> = (0..40).map(|_| letter()).collect();
    write(store, LetterWrite::create(letters[9].clone())).await.unwrap();
    let answers = store.letters().write(letters.iter().cloned().map(LetterWrite::create).collect()).await;
    for (place, answer) in answers.into_iter().enumerate() {
        match place {
            9 => assert_eq!(instead(answer), Some(letters[9].clone())),
            _ => assert_eq!(answer, Ok(()), "{place}"),
        }
    }
}

async fn reads_answer_in_order_whatever_is_asked_twice_or_missing<S: Store>(store: &S) {
    let letters: Vec<_> = (0..120).map(|_| letter()).collect();
    store.letters().write(letters.iter().cloned().map(LetterWrite::create).collect()).await;
    let mut asked: Vec<_> = letters.iter().rev().map(|letter| letter.id).collect();
    let mut expected: Vec<_> = letters.iter().rev().cloned().map(Some).collect();
    asked.insert(3, letter().id);
    expected.insert(3, None);
    asked.push(letters[5].id);
    expected.push(Some(letters[5].clone()));
    assert_eq!(store.letters().read(&asked).await, Ok(expected));
    assert_eq!(store.letters().read(&[]).await, Ok(Vec::new()));
}

async fn a_letter_keeps_everything_that_can_be_in_it<S: Store>(store: &S) {
    let attempt = Attempt {
        enqueue: enqueue(),
        at: at(1_234),
        class: Class::Timeout,
        code: "handler-timeout".to_owned(),
        text: "„zu spät“".to_owned(),
        origin: Origin { request_id: "r".to_owned(), ..Origin::default() },
    };
    let event = |what, note: Option<&str>, attempt| Event {
        at: at(5_678),
        what,
        who: "ann@example.org".to_owned(),
        note: note.map(str::to_owned),
        attempt,
    };
    let send = |message_id, job| Send {
        number: ReplayNumber(1),
        key: Key::new("k").ok(),
        hash: PayloadHash::of_text("b"),
        message_id,
        at: at(3),
        job,
        edited: None,
        to: job.and_then(|_| QueueArn::new("arn:aws:sqs:us-east-1:1:elsewhere")),
    };
    let full = Letter {
        partition: Some("3".to_owned()),
        offset: Some("99".to_owned()),
        attributes: [
            ("type".to_owned(), Attribute::text("ünïcode 🚚")),
            ("n".to_owned(), Attribute { data_type: "Number.int".to_owned(), ..Attribute::text("-7.50") }),
            ("png".to_owned(), binary("Binary.png", (0..=255).collect())),
            ("none".to_owned(), binary("Binary", Vec::new())),
        ]
        .into(),
        group: Some("tenant".to_owned()),
        sequence: Some("18849496460467696128".to_owned()),
        key: Key::new("schlüssel").ok(),
        key_is_stable: true,
        status: Status::Discarded,
        resolution_note: Some("not ours\nand never was".to_owned()),
        number: ReplayNumber(3),
        deaths: 4,
        sends: vec![send(None, None), send(MessageId::new("m"), Some(JobId::from_random(7)))].into(),
        history: vec![
            event(EventKind::AttemptFailed, None, Some(attempt)),
            event(EventKind::Discarded, Some(""), None),
        ]
        .into(),
        token: Some(OwnerToken::from_random(7)),
        due: at(17),
        expires: Some(at(3_600_000)),
        version: 12,
        ..letter()
    };
    round_trip(store, full).await;
}

pub(crate) fn binary(data_type: &str, bytes: Vec<u8>) -> Attribute {
    Attribute { data_type: data_type.to_owned(), value: AttributeValue::Binary(bytes) }
}

async fn the_body_is_kept_verbatim<S: Store>(store: &S) {
    for payload in ["", " \t\r\n", "null", "„ünïcode“ — 🚚 שלום \u{fffd}", "{\"a\": 1.0,\n \"a\": 2}", "\"\\u0000\""]
    {
        round_trip(store, Letter { payload: payload.to_owned(), ..letter() }).await;
    }
}

/// A letter in the first of sixteen lanes, as every store of ours has.
fn letter_in_lane_0() -> Letter {
    loop {
        let enqueue = enqueue();
        let id = LetterId::derive(&queue(), &enqueue.message_id);
        if id.part(16) == 0 {
            return Letter { id, origin: enqueue.message_id.clone(), enqueue, status: Status::Discarded, ..letter() };
        }
    }
}

/// All candidates of the first lane, read in pages of two.
async fn list<S: Store>(store: &S, listing: Listing<'_>) -> Vec<Candidate> {
    let (mut listed, mut next) = (Vec::new(), store.letters().lanes().first().copied());
    while let Some(from) = next {
        let page = store.letters().scan(listing, from, 2).await.expect("the index answers");
        assert!(page.candidates.len() <= 2);
        listed.extend(page.candidates);
        assert!(page.next != Some(from), "a page leads on");
        next = page.next;
    }
    listed
}

/// An index follows its table in its own time.
async fn until_listed<S: Store>(store: &S, status: Status, due_by: Timestamp, expected: &[&Letter]) {
    let mut ours = Vec::new();
    for _ in 0..100 {
        ours = list(store, Listing::due(status, due_by)).await;
        ours.retain(|candidate| candidate.fingerprint == expected[0].fingerprint);
        if ours.len() == expected.len() {
            break;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    let expected: Vec<_> = expected.iter().map(|letter| Candidate::of(letter)).collect();
    assert_eq!(ours, expected);
}

async fn the_index_lists_what_is_due_in_order_and_page_by_page<S: Store>(store: &S) {
    let fingerprint = unique();
    let mut letters: Vec<_> = (0..7)
        .map(|n| Letter { fingerprint: fingerprint.clone(), due: at(7_000 - n * 1_000), ..letter_in_lane_0() })
        .collect();
    letters[2].reason.error_code = Some("code".to_owned());
    store.letters().write(letters.iter().cloned().map(LetterWrite::create).collect()).await;
    letters.sort_by_key(|letter| letter.due);
    let due = |count: usize| letters[..count].iter().collect::<Vec<_>>();
    until_listed(store, Status::Discarded, at(5_000), &due(5)).await;
    until_listed(store, Status::Discarded, at(4_999), &due(4)).await;
    until_listed(store, Status::Discarded, Timestamp::NEVER, &due(7)).await;
}

async fn the_index_follows_a_letter_to_its_next_status<S: Store>(store: &S) {
    let fingerprint = unique();
    let waiting = || Letter { fingerprint: fingerprint.clone(), status: Status::Pending, ..letter_in_lane_0() };
    let [stays, goes] = [waiting(), waiting()];
    for letter in [&stays, &goes] {
        write(store, LetterWrite::create(letter.clone())).await.unwrap();
    }
    let gone = Letter { status: Status::Resolved, due: at(9), ..changed(&goes, "done") };
    write(store, LetterWrite::change(gone.clone())).await.unwrap();
    until_listed(store, Status::Resolved, at(9), &[&gone]).await;
    until_listed(store, Status::Pending, Timestamp::NEVER, &[&stays]).await;
}

async fn the_index_by_cause_lists_one_cause_by_its_first_failure_page_by_page_whatever_the_status<S: Store>(store: &S) {
    let (fingerprint, other) = (unique(), unique());
    let mut letters: Vec<_> =
        (0..5).map(|_| Letter { fingerprint: fingerprint.clone(), ..letter_in_lane_0() }).collect();
    for (n, letter) in letters.iter_mut().enumerate() {
        letter.reason.first_failed_at = at(9_000 - n as u64 * 1_000);
        letter.reason.error_message = "ünïcode in the text".to_owned();
    }
    letters[1].status = Status::Pending;
    letters[2].status = Status::Resolved;
    letters[3].history.push(failed_in("41"));
    let destination = Letter { fingerprint: other, ..letter_in_lane_0() };
    let all = letters.iter().cloned().chain([destination]).map(LetterWrite::create).collect();
    assert!(store.letters().write(all).await.iter().all(Result::is_ok));
    letters.sort_by_key(|letter| letter.reason.first_failed_at);
    let expected: Vec<_> = letters.iter().map(Candidate::of).collect();
    let mut listed = Vec::new();
    for _ in 0..100 {
        listed = list(store, Listing::Cause { fingerprint: &fingerprint, status: None }).await;
        if listed.len() == expected.len() {
            break;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    assert_eq!(listed, expected);
    assert_eq!(expected.iter().filter(|one| one.function_version.as_deref() == Some("41")).count(), 1);
}

async fn of_key<S: Store>(store: &S, key: &Key, expected: &[LetterId]) {
    let expected: BTreeSet<_> = expected.iter().copied().collect();
    for _ in 0..50 {
        let found = store.letters().of_key(key).await.unwrap().expect("the table has the index");
        if found.into_iter().collect::<BTreeSet<_>>() == expected {
            return;
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    panic!("the index of keys never showed {expected:?}");
}

async fn the_index_of_keys_leads_to_every_letter_of_a_key_until_it_is_erased<S: Store>(store: &S) {
    let key = Key::new(unique()).unwrap();
    let [one, other] = [(), ()].map(|()| Letter { key: Some(key.clone()), ..letter() });
    of_key(store, &key, &[]).await;
    for letter in [&one, &other, &letter()] {
        write(store, LetterWrite::create(letter.clone())).await.unwrap();
    }
    of_key(store, &key, &[one.id, other.id]).await;
    let erased = Letter { key: None, ..changed(&one, "erased") };
    write(store, LetterWrite::change(erased)).await.unwrap();
    of_key(store, &key, &[other.id]).await;
}

async fn the_lanes_of_a_listing_share_no_letter_and_hold_all_of_them<S: Store>(store: &S) {
    let fingerprint = unique();
    let of_cause = || {
        let enqueue = enqueue();
        let id = LetterId::derive(&queue(), &enqueue.message_id);
        Letter { id, origin: enqueue.message_id.clone(), enqueue, fingerprint: fingerprint.clone(), ..letter() }
    };
    let letters: Vec<_> = (0..40).map(|_| of_cause()).collect();
    let mut expected: Vec<_> = letters.iter().map(|letter| letter.id).collect();
    expected.sort_unstable();
    for few in letters.chunks(10) {
        let written = store.letters().write(few.iter().cloned().map(LetterWrite::create).collect()).await;
        assert!(written.iter().all(Result::is_ok));
    }
    let listing = Listing::Cause { fingerprint: &fingerprint, status: None };
    let mut whole = Vec::new();
    for _ in 0..100 {
        whole.clear();
        store.letters().scan_all(listing, Cursor::START, 2, |one| whole.push(one.id)).await.expect("the index answers");
        if whole.len() == expected.len() {
            break;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    let (mut by_lane, lanes) = (Vec::new(), store.letters().lanes());
    for lane in &lanes {
        store.letters().scan_all(listing, *lane, 2, |one| by_lane.push(one.id)).await.expect("the index answers");
    }
    assert_eq!(whole, by_lane, "a whole walk takes lane after lane");
    whole.sort_unstable();
    assert_eq!(whole, expected);
}

fn failed_in(version: &str) -> Event {
    let attempt = Attempt {
        enqueue: enqueue(),
        at: at(1_234),
        class: Class::Permanent,
        code: "c".to_owned(),
        text: "t".to_owned(),
        origin: Origin { function_version: version.to_owned(), ..Origin::default() },
    };
    let (what, who) = (EventKind::AttemptFailed, "indexer".to_owned());
    Event { at: at(5_678), what, who, note: None, attempt: Some(attempt) }
}
