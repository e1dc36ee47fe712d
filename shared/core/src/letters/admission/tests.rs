mod destination;
mod forged;
mod stated;
mod traced;

use std::time::Duration;

use super::*;
use crate::fault::Fault;
use crate::ids::{MessageId, OwnerToken, QueueArn, Scope};
use crate::letters::edges::{self, ClaimTerms};
use crate::letters::letter::EventKind;
use crate::message::envelope::{Attribute, Envelope, Record};
use crate::message::key::{LedgerKey, Pointer};
use crate::processing::ledger::{ClaimRequest, ClaimStep, Origin, Settlement, Settling, claim, settle};

const BODY: &str = r#"{"order_id":"o-1","amount":3}"#;
const FOREVER: Timestamp = Timestamp::from_millis(1_000_000_000_000);

fn at(millis: u64) -> Timestamp {
    Timestamp::from_millis(millis)
}

fn reading() -> Reading {
    let source = QueueArn::new("arn:aws:sqs:us-east-1:1:orders").unwrap();
    let pointer = Some(Pointer::parse("/order_id").unwrap());
    Reading { pointer, ..Reading::new(source, Scope::new("main").unwrap()) }
}

fn policy() -> Policy {
    Policy {
        rules: Vec::new(),
        cool_down: Duration::from_secs(10),
        max_deaths: 3,
        resolved_retention: Duration::from_secs(60),
        body_retention: Duration::from_secs(60),
        outcome_after: Duration::from_secs(60),
    }
}

fn message(id: &str, sent_at: u64, body: &str, redrive: Option<&Redrive>) -> Inspected {
    let record = Record {
        receipt_handle: Some("handle".to_owned()),
        body: Some(body.to_owned()),
        system: [("SentTimestamp".to_owned(), sent_at.to_string())].into(),
        attributes: redrive
            .map(|r| (crate::message::redrive::ATTRIBUTE.to_owned(), Attribute::text(r.encode())))
            .into_iter()
            .collect(),
        ..Record::default()
    };
    Inspected::new(Envelope::read(MessageId::new(id).unwrap(), record).unwrap(), &reading())
}

fn request(dead: &Inspected, limit: u32) -> ClaimRequest {
    ClaimRequest {
        key: LedgerKey::owned(&reading().scope, dead.key.as_ref().unwrap()),
        enqueue: dead.envelope.enqueue(),
        hash: dead.hash.clone(),
        send: dead.send(),
        token: OwnerToken::from_random(1),
        lease_until: at(5_000),
        limit,
        expires: FOREVER,
        origin: Origin::default(),
    }
}

/// The entry after one attempt of `dead`: claimed, and settled if a settlement is given.
fn entry(dead: &Inspected, settlement: Option<Settlement>) -> Entry {
    let ClaimStep::Claim(write, claim) = claim(None, &request(dead, 3), at(100)) else {
        panic!("absent keys are claimed")
    };
    let Some(settlement) = settlement else { return write.entry };
    match settle(Some(&write.entry), &claim, &settlement, at(200), FOREVER) {
        Settling::Write(write) => write.entry,
        other => panic!("the owner settles: {other:?}"),
    }
}

fn failed(dead: &Inspected) -> Entry {
    entry(dead, Some(Settlement::Fail(Fault::permanent("no", "because"))))
}

fn decide(dead: &Inspected, found: &Findings) -> Admission {
    admit(dead, found, &reading(), &policy(), at(10_000))
}

fn created(dead: &Inspected, found: &Findings) -> Letter {
    match decide(dead, found) {
        Admission::Create(letter) => *letter,
        other => panic!("expected a new letter, got {other:?}"),
    }
}

fn changed(dead: &Inspected, found: &Findings) -> Letter {
    match decide(dead, found) {
        Admission::Change(letter) => *letter,
        other => panic!("expected a changed letter, got {other:?}"),
    }
}

fn claimed(letter: &Letter, token: OwnerToken) -> Letter {
    edges::claim(letter, token, ClaimTerms::default(), "test", Duration::from_secs(60), at(20_000)).unwrap()
}

/// A letter of a first death, and the same letter after it was sent once as message `m-2`.
fn sent() -> (Letter, Letter, Redrive) {
    let dead = message("m-1", 1, BODY, None);
    let letter = created(&dead, &Findings { owned: Some(failed(&dead)), ..Findings::default() });
    let token = OwnerToken::from_random(9);
    let claimed = claimed(&letter, token);
    let redrive = Redrive {
        letter: letter.id,
        number: claimed.number,
        key: letter.key.clone(),
        scope: reading().scope,
        origin: letter.origin.clone(),
        sent_at: letter.sent_at,
        died: None,
        trace: None,
    };
    let id = MessageId::new("m-2").unwrap();
    let sent = edges::mark_sent(&claimed, (token, claimed.number), id, "test", &policy(), at(20_001)).unwrap();
    (letter, sent, redrive)
}

#[test]
fn a_first_death_becomes_a_pending_letter_with_the_ledgers_reason() {
    let dead = message("m-1", 1, BODY, None);
    let letter = created(&dead, &Findings { owned: Some(failed(&dead)), ..Findings::default() });
    assert_eq!((letter.status, letter.deaths, letter.version), (Status::Pending, 1, 1));
    assert_eq!((letter.reason.error_type, letter.reason.error_message.as_str()), (ErrorType::Permanent, "because"));
    assert_eq!((letter.fingerprint.as_str(), letter.payload.as_str()), ("PERMANENT/no", BODY));
    assert_eq!(
        letter.history.iter().map(|event| event.what).collect::<Vec<_>>(),
        [EventKind::AttemptFailed, EventKind::Indexed]
    );
}

#[test]
fn a_message_whose_payload_was_completed_is_resolved_at_once() {
    let dead = message("m-1", 1, BODY, None);
    let done = entry(&dead, Some(Settlement::Complete));
    let letter = created(&dead, &Findings { owned: Some(done), ..Findings::default() });
    assert_eq!((letter.status, letter.version), (Status::Resolved, 1));
    assert!(letter.expires.is_some());
}

#[test]
fn a_completion_with_another_payload_never_resolves() {
    let other = message("m-0", 1, r#"{"order_id":"o-1","amount":999}"#, None);
    let done = entry(&other, Some(Settlement::Complete));
    let dead = message("m-1", 1, BODY, None);
    let reused = Fault::permanent("key_reused", "used");
    let by = (OwnerToken::from_random(2), Origin::default());
    let keyless = Entry::keyless(dead.envelope.enqueue(), None, dead.hash.clone(), &reused, by, at(300), FOREVER);
    let found = Findings { owned: Some(done), keyless: Some(keyless), ..Findings::default() };
    let letter = created(&dead, &found);
    assert_eq!((letter.status, letter.reason.error_code.as_deref()), (Status::Pending, Some("key_reused")));
}

#[test]
fn a_live_lease_keeps_the_message_in_the_queue_and_a_lapsed_one_is_a_lost_worker() {
    let dead = message("m-1", 1, BODY, None);
    let found = Findings { owned: Some(entry(&dead, None)), ..Findings::default() };
    assert_eq!(admit(&dead, &found, &reading(), &policy(), at(5_000)), Admission::Leave(Leave::LeaseLive));
    let letter = created(&dead, &found);
    assert_eq!(letter.reason.error_type, ErrorType::Timeout);
    assert_eq!((letter.reason.error_code.as_deref(), letter.reason.attempt_count), (Some("worker-lost"), 1));
}

#[test]
fn without_an_attempt_of_this_enqueue_it_never_ran_and_is_due_at_once() {
    let dead = message("m-1", 1, BODY, None);
    let another_enqueue = message("m-9", 1, BODY, None);
    for owned in [None, Some(failed(&another_enqueue))] {
        let letter = created(&dead, &Findings { owned, ..Findings::default() });
        assert_eq!((letter.reason.error_type, letter.reason.attempt_count), (ErrorType::NeverRan, 0));
        assert_eq!(letter.due, at(10_000));
    }
}

#[test]
fn the_same_enqueue_is_only_deleted_whatever_became_of_its_letter() {
    let dead = message("m-1", 1, BODY, None);
    let (letter, sent, _) = sent();
    let discarded = edges::discard(&letter, "n", "ann", &policy(), at(1)).unwrap();
    for letter in [letter, sent, discarded] {
        let found = Findings { owned: Some(failed(&dead)), own: Some(letter), ..Findings::default() };
        assert_eq!(decide(&dead, &found), Admission::Delete);
    }
}

#[test]
fn a_replay_that_dies_brings_its_letter_back_with_one_more_death() {
    let (_, sent, redrive) = sent();
    let dead = message("m-2", 20_001, BODY, Some(&redrive));
    let found = Findings { owned: Some(failed(&dead)), named: Some(sent.clone()), ..Findings::default() };
    let letter = changed(&dead, &found);
    assert_eq!((letter.id, letter.status, letter.deaths), (sent.id, Status::Pending, 2));
    assert_eq!(letter.version, sent.version + 1);
    // Seen again, the same death is only deleted.
    assert_eq!(decide(&dead, &Findings { named: Some(letter), ..found }), Admission::Delete);
}

#[test]
fn a_replay_that_dies_before_it_is_marked_comes_back_too_and_the_mark_is_refused() {
    let (letter, _, redrive) = sent();
    let token = OwnerToken::from_random(9);
    let claimed = claimed(&letter, token);
    let dead = message("m-2", 20_001, BODY, Some(&redrive));
    let back = changed(&dead, &Findings { owned: Some(failed(&dead)), named: Some(claimed), ..Findings::default() });
    assert_eq!(back.status, Status::Pending);
    let id = MessageId::new("m-2").unwrap();
    assert!(edges::mark_sent(&back, (token, back.number), id, "test", &policy(), at(1)).is_err());
}

#[test]
fn an_older_number_is_only_deleted_and_a_number_never_sent_is_a_forgery() {
    let (_, sent, redrive) = sent();
    let newer = Letter { number: ReplayNumber(7), ..sent.clone() };
    let dead = message("m-2", 20_001, BODY, Some(&redrive));
    let found = Findings { owned: Some(failed(&dead)), named: Some(newer), ..Findings::default() };
    assert_eq!(decide(&dead, &found), Admission::Delete);

    let forged = Redrive { number: ReplayNumber(8), ..redrive };
    let dead = message("m-3", 1, BODY, Some(&forged));
    let letter =
        created(&dead, &Findings { owned: Some(failed(&dead)), named: Some(sent.clone()), ..Findings::default() });
    assert_ne!(letter.id, sent.id, "it stands for itself");
}

#[test]
fn another_body_or_key_under_a_copied_attribute_stands_for_itself() {
    let (_, sent, redrive) = sent();
    let keyless = Reading { pointer: None, ..reading() };
    let resolved = Letter { status: Status::Resolved, ..sent.clone() };
    let foreign = |body: &str| {
        let plain = message("m-7", 5, body, Some(&redrive));
        Inspected::new(plain.envelope, &keyless)
    };
    for named in [sent, resolved] {
        let dead = foreign(r#"{"something":"else"}"#);
        assert!(dead.redrive.is_some(), "nothing in the message itself gives it away");
        let found = Findings { named: Some(named.clone()), ..Findings::default() };
        match admit(&dead, &found, &keyless, &policy(), at(10_000)) {
            Admission::Create(letter) => assert_ne!(letter.id, named.id),
            other => panic!("its body would be lost: {other:?}"),
        }
    }
}

#[test]
fn an_attribute_that_names_a_letter_which_is_not_there_says_nothing() {
    let (_, _, redrive) = sent();
    let dead = message("m-9", 5, BODY, Some(&redrive));
    let letter = created(&dead, &Findings { owned: Some(failed(&dead)), ..Findings::default() });
    assert_ne!(letter.id, redrive.letter, "it would swallow the message that it names");
    assert_eq!((letter.origin.as_str(), letter.number), ("m-9", ReplayNumber(0)));
}

#[test]
fn a_lost_worker_is_not_blamed_for_another_lifes_failure() {
    let (lost, other) = (message("m-1", 1, BODY, None), message("m-2", 1, BODY, None));
    let open = entry(&lost, None);
    let later = ClaimRequest { token: OwnerToken::from_random(3), ..request(&other, 3) };
    let ClaimStep::Claim(write, claim) = claim(Some(&open), &later, at(6_000)) else { panic!("the lease has lapsed") };
    let fault = Settlement::Fail(Fault::permanent("no", "because"));
    let Settling::Write(write) = settle(Some(&write.entry), &claim, &fault, at(6_100), FOREVER) else { panic!() };
    let letter = created(&lost, &Findings { owned: Some(write.entry), ..Findings::default() });
    assert_eq!(letter.reason.error_code.as_deref(), Some("worker-lost"));
}

#[test]
fn a_copy_that_dies_after_the_end_is_written_down_and_changes_nothing() {
    let (letter, _, redrive) = sent();
    let ended = edges::discard(&letter, "n", "ann", &policy(), at(1)).unwrap();
    let ended = Letter { number: redrive.number, ..ended };
    let dead = message("m-2", 20_001, BODY, Some(&redrive));
    let seen = changed(&dead, &Findings { owned: Some(failed(&dead)), named: Some(ended), ..Findings::default() });
    assert_eq!((seen.status, seen.resolution_note.as_deref()), (Status::Discarded, Some("n")));
    assert_eq!(seen.history.last().map(|event| event.what), Some(EventKind::DiedAgain));
}

#[test]
fn a_body_of_any_size_that_sqs_holds_becomes_a_letter() {
    let body = format!(r#"{{"order_id":"o-1","text":"{}"}}"#, "x".repeat((1 << 20) - 40));
    let dead = message("m-1", 1, &body, None);
    let found = Findings { owned: Some(failed(&dead)), ..Findings::default() };
    let letter = created(&dead, &found);
    assert_eq!((&letter.payload, &letter.body), (&body, &Body::default()));
    assert!(letter.head_bytes() < 10_000, "the body is no part of its head");
    let done = Findings { owned: Some(entry(&dead, Some(Settlement::Complete))), ..Findings::default() };
    assert_eq!(created(&dead, &done).status, Status::Resolved);
}

#[test]
fn a_copy_of_an_erased_letter_does_not_bring_its_body_back() {
    let (letter, _, redrive) = sent();
    let erased = edges::erase(&letter, "asked to", "ann", &policy(), at(1)).unwrap();
    let erased = Letter { number: redrive.number, ..erased };
    let by_number = message("m-2", 20_001, BODY, Some(&redrive));
    let by_id = message("m-1", 20_001, BODY, None);
    for (dead, named, own) in [(by_number, Some(erased.clone()), None), (by_id, None, Some(erased.clone()))] {
        let seen = changed(&dead, &Findings { owned: Some(failed(&dead)), named, own, ..Findings::default() });
        assert_eq!((seen.status, seen.payload.as_str(), &seen.body), (Status::Discarded, "", &erased.body));
    }
}

#[test]
fn an_expired_entry_is_no_entry() {
    let dead = message("m-1", 1, BODY, None);
    let found = Findings { owned: Some(Entry { expires: at(1_000), ..failed(&dead) }), ..Findings::default() };
    assert_eq!(created(&dead, &found).reason.error_type, ErrorType::NeverRan);
}

/// The message that the processor sends to the dead-letter queue at the end of an enqueue.
fn handed_over(dead: &Inspected, as_id: &str) -> Inspected {
    message(as_id, 700, &dead.envelope.body, Some(&dead.redrive_at_death(&reading().source, &reading().scope)))
}

#[test]
fn what_the_processor_sent_itself_is_the_letter_of_the_enqueue_that_ended() {
    let dead = message("m-1", 1, BODY, None);
    let copy = handed_over(&dead, "d-1");
    let found = Findings { owned: Some(failed(&dead)), ..Findings::default() };
    let letter = created(&copy, &found);
    assert_eq!(letter.id, LetterId::derive(&reading().source, &dead.envelope.message_id));
    assert_eq!((&letter.origin, letter.sent_at), (&dead.envelope.message_id, dead.envelope.sent_at));
    assert_eq!((&letter.enqueue, letter.reason.error_type), (&dead.envelope.enqueue(), ErrorType::Permanent));
    assert!(letter.attributes.is_empty(), "redrive's own attribute is not the producer's");
    // The answer to the send was lost, and it was sent twice.
    let again = Findings { named: Some(letter), ..found };
    assert_eq!(decide(&handed_over(&dead, "d-2"), &again), Admission::Delete);
}

#[test]
fn a_replay_that_the_processor_sent_back_is_one_more_death_of_its_letter() {
    let (_, sent, redrive) = sent();
    let dead = message("m-2", 500, BODY, Some(&redrive));
    let found = Findings { owned: Some(failed(&dead)), named: Some(sent), ..Findings::default() };
    let letter = changed(&handed_over(&dead, "d-2"), &found);
    assert_eq!((letter.status, letter.deaths, &letter.enqueue), (Status::Pending, 2, &dead.envelope.enqueue()));
    let again = Findings { named: Some(letter), ..found };
    assert_eq!(decide(&handed_over(&dead, "d-3"), &again), Admission::Delete);
}

#[test]
fn a_death_that_the_ledger_does_not_know_proves_nothing() {
    let dead = message("m-1", 1, BODY, None);
    let forged = message("d-1", 700, BODY, Some(&dead.redrive_at_death(&reading().source, &reading().scope)));
    let own = LetterId::derive(&reading().source, &MessageId::new("d-1").unwrap());
    for owned in [None, Some(entry(&dead, Some(Settlement::Fail(Fault::transient("t", "t")))))] {
        assert_eq!(created(&forged, &Findings { owned, ..Findings::default() }).id, own);
    }
    // Nor does one with another body.
    let other = message("d-1", 700, r#"{"order_id":"o-1","amount":4}"#, forged.redrive.as_ref());
    assert_eq!(created(&other, &Findings { owned: Some(failed(&dead)), ..Findings::default() }).id, own);
}

#[test]
fn what_sqs_moved_is_in_its_own_enqueue_whatever_death_it_tells_of() {
    let dead = message("m-1", 1, BODY, None);
    let found = Findings { owned: Some(failed(&dead)), ..Findings::default() };
    let letter = created(&handed_over(&dead, "d-1"), &found);
    // Somebody moved the copy back by SQS's own means, and it died again on the ordinary way.
    let mut again = handed_over(&dead, "d-9");
    again.envelope.moved_from = Some("arn".to_owned());
    let letter = changed(&again, &Findings { named: Some(letter), ..found.clone() });
    assert_eq!((letter.deaths, letter.enqueue.message_id.as_str()), (2, "d-9"));
    // And a late duplicate of the first copy is nothing new.
    assert_eq!(decide(&handed_over(&dead, "d-2"), &Findings { named: Some(letter), ..found }), Admission::Delete);
}

#[test]
fn a_death_without_a_key_is_found_under_the_enqueue_that_ended() {
    let dead = message("m-1", 1, "not json", None);
    let (hash, enqueue) = (dead.hash.clone(), dead.envelope.enqueue());
    let by = (OwnerToken::from_random(7), Origin::default());
    let entry = Entry::keyless(enqueue, None, hash, &Fault::permanent("not-json", "it is not"), by, at(300), FOREVER);
    let copy = handed_over(&dead, "d-1");
    assert_eq!(keyless_key(&copy), dead.keyless());
    let letter = created(&copy, &Findings { keyless: Some(entry), ..Findings::default() });
    assert_eq!((letter.origin.as_str(), letter.reason.error_code.as_deref()), ("m-1", Some("not-json")));
}
