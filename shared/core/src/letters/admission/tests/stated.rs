//! Failures that a message states by itself, beside a ledger and without one.

use super::*;
use crate::message::foreign::ReasonSource;

fn stated(by: ReasonSource, error_type: ErrorType) -> StatedReason {
    StatedReason { by, error_type, code: Some("theirs".to_owned()), text: "their words".to_owned(), attempts: 7 }
}

#[test]
fn what_the_message_says_is_its_reason_where_the_ledger_knows_of_no_attempt() {
    let (dead, another_enqueue) = (message("m-1", 1, BODY, None), message("m-9", 1, BODY, None));
    for owned in [None, Some(failed(&another_enqueue))] {
        let stated = Some(stated(ReasonSource::Consumer, ErrorType::Permanent));
        let letter = created(&dead, &Findings { stated, owned, ..Findings::default() });
        assert_eq!((letter.reason.error_type, letter.reason.attempt_count), (ErrorType::Permanent, 7));
        assert_eq!((letter.fingerprint.as_str(), letter.due), ("PERMANENT/theirs", Timestamp::NEVER));
    }
}

#[test]
fn the_ledgers_record_comes_before_what_the_message_says() {
    let dead = message("m-1", 1, BODY, None);
    let stated = Some(stated(ReasonSource::Consumer, ErrorType::Transient));
    let found = Findings { stated: stated.clone(), owned: Some(failed(&dead)), ..Findings::default() };
    assert_eq!(created(&dead, &found).fingerprint, "PERMANENT/no");

    let by = (OwnerToken::from_random(2), Origin::default());
    let fault = Fault::permanent("key_reused", "used");
    let dead_enqueues = Entry::keyless(dead.envelope.enqueue(), None, dead.hash.clone(), &fault, by, at(300), FOREVER);
    let found = Findings { stated: stated.clone(), keyless: Some(dead_enqueues), ..Findings::default() };
    assert_eq!(created(&dead, &found).fingerprint, "PERMANENT/key_reused");

    let found = Findings { stated: stated.clone(), owned: Some(entry(&dead, None)), ..Findings::default() };
    assert_eq!(admit(&dead, &found, &reading(), &policy(), at(5_000)), Admission::Leave(Leave::LeaseLive));

    let done = Some(entry(&dead, Some(Settlement::Complete)));
    assert_eq!(created(&dead, &Findings { stated, owned: done, ..Findings::default() }).status, Status::Resolved);
}

#[test]
fn what_sns_could_not_deliver_never_ran() {
    let dead = message("m-1", 1, BODY, None);
    let stated = Some(stated(ReasonSource::Sns, ErrorType::Unknown));
    let letter = created(&dead, &Findings { stated, ..Findings::default() });
    assert_eq!((letter.reason.error_type, letter.due), (ErrorType::NeverRan, at(10_000)));
    assert_eq!(letter.reason.error_message, "their words");
}

fn without_a_ledger(stated: Option<StatedReason>) -> Findings {
    Findings { ledger: LedgerView::None, stated, ..Findings::default() }
}

#[test]
fn without_a_ledger_a_message_is_unknown_unless_it_says_why_and_only_a_person_replays_it() {
    let dead = message("m-1", 1, BODY, None);
    let letter = created(&dead, &without_a_ledger(None));
    assert_eq!(
        (letter.reason.error_type, letter.reason.error_code.as_deref()),
        (ErrorType::Unknown, Some("no-reason"))
    );
    assert_eq!(letter.due, Timestamp::NEVER);
    for (by, error_type) in [
        (ReasonSource::Consumer, ErrorType::Transient),
        (ReasonSource::EventBridge, ErrorType::Timeout),
        (ReasonSource::Lambda, ErrorType::Unknown),
        (ReasonSource::Sns, ErrorType::Unknown),
    ] {
        let letter = created(&dead, &without_a_ledger(Some(stated(by, error_type))));
        assert_eq!((letter.reason.error_type, letter.due), (error_type, Timestamp::NEVER));
        assert_eq!(letter.reason.error_code.as_deref(), Some("theirs"));
    }
}

/// Entries that were read all the same would be another queue's.
#[test]
fn without_a_ledger_no_entry_is_believed() {
    let dead = message("m-1", 1, BODY, None);
    for owned in [entry(&dead, None), entry(&dead, Some(Settlement::Complete)), failed(&dead)] {
        let found = Findings { owned: Some(owned), ..without_a_ledger(None) };
        let letter = created(&dead, &found);
        assert_eq!((letter.status, letter.reason.error_code.as_deref()), (Status::Pending, Some("no-reason")));
    }
}

#[test]
fn without_a_ledger_a_replay_that_dies_again_waits_for_a_person_too() {
    let (_, sent, redrive) = sent();
    let dead = message("m-2", 20_001, BODY, Some(&redrive));
    let found = without_a_ledger(Some(stated(ReasonSource::Consumer, ErrorType::Transient)));
    let letter = changed(&dead, &Findings { named: Some(sent), ..found });
    assert_eq!((letter.status, letter.deaths, letter.due), (Status::Pending, 2, Timestamp::NEVER));
    assert_eq!(letter.fingerprint, "TRANSIENT/theirs");
}

/// Any attribute can be written by whoever can send to the queue.
#[test]
fn nothing_that_a_message_says_lets_it_be_replayed_earlier_than_without() {
    let dead = message("m-1", 1, BODY, None);
    for error_type in
        [ErrorType::Transient, ErrorType::Timeout, ErrorType::Permanent, ErrorType::Schema, ErrorType::Unknown]
    {
        for by in [ReasonSource::Consumer, ReasonSource::EventBridge, ReasonSource::Lambda, ReasonSource::Sns] {
            for found in [Findings::default(), without_a_ledger(None)] {
                let silent = created(&dead, &found).due;
                let told = created(&dead, &Findings { stated: Some(stated(by, error_type)), ..found }).due;
                assert!(told >= silent, "{by:?} {error_type:?}");
            }
        }
    }
}
