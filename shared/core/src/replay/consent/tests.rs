use super::*;
use crate::ids::{Enqueue, LetterId, MessageId, OwnerToken, QueueArn, ReplayNumber, Scope};
use crate::letters::edges::{self, ClaimTerms};
use crate::letters::letter::{ErrorType, Form, History, Reason, Sends};
use crate::message::envelope::{Attribute, Attributes};
use crate::message::key::Key;
use crate::message::redrive::ATTRIBUTE;

const DAY: Duration = Duration::from_secs(86_400);

fn now() -> Timestamp {
    Timestamp::from_millis(0).after(100 * DAY)
}

fn policy() -> Policy {
    let policy = Policy {
        rules: Vec::new(),
        cool_down: DAY,
        max_deaths: 3,
        resolved_retention: DAY,
        body_retention: DAY,
        outcome_after: DAY,
    };
    policy.with_rules(r#"[{"match":{"error_code":"never"},"replay":"never"}]"#).unwrap()
}

pub(crate) fn letter(sent_at: Timestamp, code: &str) -> Letter {
    let (source, origin) = (QueueArn::new("q").unwrap(), MessageId::new("m").unwrap());
    Letter {
        id: LetterId::derive(&source, &origin),
        source,
        moved_from: None,
        partition: None,
        offset: None,
        payload: "{}".to_owned(),
        form: Form::Message,
        attributes: Attributes::new(),
        attributes_hash: None,
        body: crate::letters::letter::Body::default(),
        edited: None,
        group: None,
        sequence: None,
        enqueue: Enqueue { message_id: origin.clone(), sent_at },
        origin,
        sent_at,
        trace: None,
        hash: PayloadHash::of_text("{}"),
        key: Key::new("k").ok(),
        key_is_stable: false,
        scope: Scope::new("main").unwrap(),
        reason: Reason {
            error_type: ErrorType::Permanent,
            error_code: Some(code.to_owned()),
            error_message: String::new(),
            attempt_count: 1,
            first_failed_at: sent_at,
            last_failed_at: sent_at,
            attempts: Vec::new(),
        },
        fingerprint: String::new(),
        status: Status::Pending,
        resolution_note: None,
        number: ReplayNumber(0),
        deaths: 1,
        sends: Sends::default(),
        history: History::default(),
        token: None,
        due: Timestamp::NEVER,
        expires: None,
        version: 1,
    }
}

const PERSON: ConsentTerms =
    ConsentTerms { due_by: Timestamp::NEVER, named: false, forgotten_ok: false, as_new: false };

fn known(entry: bool) -> KeyStatus {
    KeyStatus { kept: true, retention: 30 * DAY, entry, effect: None, few_enqueues_left: None }
}

fn decide(letter: &Letter, known: &KeyStatus, asked: ConsentTerms) -> Consent {
    consent(letter, known, asked, &policy(), now())
}

fn yesterday() -> Timestamp {
    Timestamp::from_millis(0).after(99 * DAY)
}

#[test]
fn a_policy_of_never_holds_until_the_letter_is_named_by_its_id() {
    let letter = letter(yesterday(), "never");
    assert_eq!(decide(&letter, &known(true), PERSON), Consent::Never);
    assert_eq!(decide(&letter, &known(true), ConsentTerms { named: true, ..PERSON }), Consent::Send);
}

#[test]
fn a_letter_older_than_the_ledgers_memory_goes_only_if_that_is_said() {
    let old = letter(Timestamp::from_millis(0).after(69 * DAY), "c");
    assert_eq!(decide(&old, &known(false), PERSON), Consent::Forgotten);
    assert_eq!(decide(&old, &known(false), ConsentTerms { forgotten_ok: true, ..PERSON }), Consent::Send);
    assert_eq!(decide(&old, &known(true), PERSON), Consent::Send, "the ledger does remember");
    assert_eq!(decide(&letter(yesterday(), "c"), &known(false), PERSON), Consent::Send);
    let no_ledger = KeyStatus { kept: false, ..known(false) };
    assert_eq!(decide(&old, &no_ledger, PERSON), Consent::Send, "there is nothing that could have forgotten");
}

#[test]
fn without_room_for_the_attribute_a_stable_key_is_enough_and_else_it_must_be_said() {
    let mut full = letter(yesterday(), "c");
    full.attributes = (0..10).map(|n| (format!("a{n}"), Attribute::text("x"))).collect();
    assert_eq!(decide(&full, &known(true), PERSON), Consent::NoRoom);
    assert_eq!(decide(&full, &known(true), ConsentTerms { as_new: true, ..PERSON }), Consent::Send);
    full.key_is_stable = true;
    assert_eq!(decide(&full, &known(true), PERSON), Consent::Send);
    let large = Letter { payload: "x".repeat(1024 * 1024), ..letter(yesterday(), "c") };
    assert_eq!(decide(&large, &known(true), PERSON), Consent::NoRoom);

    let claimed = edges::claim(&full, OwnerToken::from_random(1), ClaimTerms::default(), "x", DAY, now()).unwrap();
    let message = Outgoing::of_claimed(&claimed).unwrap();
    assert!(message.attributes.len() == 10 && !message.attributes.contains_key(ATTRIBUTE));
    let roomy =
        edges::claim(&letter(yesterday(), "c"), OwnerToken::from_random(1), ClaimTerms::default(), "x", DAY, now())
            .unwrap();
    assert!(Outgoing::of_claimed(&roomy).unwrap().attributes.contains_key(ATTRIBUTE));
}

#[test]
fn what_is_done_is_resolved_what_is_held_is_left_and_what_ran_out_is_its_holders_matter() {
    let letter = letter(yesterday(), "c");
    let done = KeyStatus { effect: Some(letter.hash.clone()), ..known(true) };
    assert_eq!(decide(&letter, &done, PERSON), Consent::Done(letter.hash.clone()));
    let claimed =
        edges::claim(&letter, OwnerToken::from_random(1), ClaimTerms::default(), "x", DAY, yesterday()).unwrap();
    assert_eq!(decide(&claimed, &known(true), PERSON), Consent::NotNow);
    let later = now().after(DAY);
    assert_eq!(consent(&claimed, &known(true), PERSON, &policy(), later), Consent::Lapsed);
    let scheduled = ConsentTerms { due_by: now(), ..PERSON };
    assert_eq!(decide(&letter, &known(true), scheduled), Consent::NotNow, "it is not due");
    assert_eq!(decide(&Letter { status: Status::Replayed, ..letter }, &known(true), PERSON), Consent::NotNow);
}

#[test]
fn the_last_enqueues_of_a_key_are_left_to_a_person_and_no_copy_goes_that_would_be_refused() {
    let letter = Letter { due: yesterday(), ..letter(yesterday(), "c") };
    let by_policy = ConsentTerms { due_by: now(), ..PERSON };
    let of = |few_enqueues_left, asked| decide(&letter, &KeyStatus { few_enqueues_left, ..known(true) }, asked);
    assert_eq!([of(None, by_policy), of(None, PERSON)], [Consent::Send, Consent::Send]);
    assert_eq!([of(Some(8), by_policy), of(Some(8), PERSON)], [Consent::TooManyEnqueues, Consent::Send]);
    assert_eq!([of(Some(0), by_policy), of(Some(0), PERSON)], [Consent::TooManyEnqueues, Consent::TooManyEnqueues]);
}
