//! Forgeries that a producer can make: the attribute of a replay, and with it the place of another message's outcome.

use super::*;
use crate::processing::ledger::EnqueueRecord;

fn outcome_of(dead: &Inspected, code: &'static str) -> Entry {
    let by = (OwnerToken::from_random(2), Origin::default());
    let fault = Fault::schema(code, "the body has no amount");
    Entry::keyless(dead.envelope.enqueue(), dead.send(), dead.hash.clone(), &fault, by, at(300), FOREVER)
}

/// The second death of a letter that was sent once, and a message of another body with the same attribute.
fn copies() -> (Letter, Inspected, Inspected) {
    let (_, sent, redrive) = sent();
    let other = r#"{"order_id":"o-1","evil":1}"#;
    (sent, message("m-2", 20_001, BODY, Some(&redrive)), message("evil", 5, other, Some(&redrive)))
}

#[test]
fn an_outcome_that_a_forgery_left_makes_a_letter_unknown_for_a_person_and_never_never_ran() {
    let (letter, dead, forged) = copies();
    let found = Findings {
        named: Some(letter),
        keyless: Some(outcome_of(&forged, "forged")),
        owned: Some(failed(&message("m-1", 1, BODY, None))),
        ..Findings::default()
    };
    let auto = policy().with_rules(r#"[{"match":{"error_type":"UNKNOWN"},"replay":"auto"}]"#);
    for policy in [policy(), auto.unwrap()] {
        let Admission::Change(back) = admit(&dead, &found, &reading(), &policy, at(30_000)) else {
            panic!("it returns")
        };
        assert_eq!((back.reason.error_type, back.due), (ErrorType::Unknown, Timestamp::NEVER));
        assert_eq!((back.reason.error_code.as_deref(), back.deaths), (Some("other-outcome"), 2));
    }
}

#[test]
fn each_payload_has_a_place_of_its_own_for_the_outcome_of_one_send() {
    let (letter, dead, forged) = copies();
    assert_ne!(keyless_key(&dead), keyless_key(&forged));
    assert_eq!(old_keyless_key(&dead), old_keyless_key(&forged), "as processors wrote before");
    let found = Findings { named: Some(letter), keyless: Some(outcome_of(&dead, "decode")), ..Findings::default() };
    let back = changed(&dead, &found);
    assert_eq!((back.reason.error_type, back.reason.error_code.as_deref()), (ErrorType::Schema, Some("decode")));
    assert_eq!(old_keyless_key(&message("m-1", 1, BODY, None)), None, "a life is nobody else's");
}

fn with(dead: &Inspected, operation: &str) -> Inspected {
    let mut envelope = dead.envelope.clone();
    envelope.attributes.insert("operation".to_owned(), Attribute::text(operation));
    Inspected::new(envelope, &reading())
}

#[test]
fn a_copy_with_other_attributes_stands_for_itself_with_a_ledger_and_without() {
    for ledger in [LedgerView::Read, LedgerView::None] {
        let (_, sent, redrive) = sent();
        let first = with(&message("m-1", 1, BODY, None), "charge");
        let letter = created(&first, &Findings { ledger, ..Findings::default() });
        let letter = Letter { number: sent.number, sends: sent.sends, status: Status::Replayed, ..letter };
        let copy = |operation| with(&message("m-3", 700, BODY, Some(&redrive)), operation);
        let found = Findings { ledger, named: Some(letter.clone()), ..Findings::default() };
        assert_eq!(changed(&copy("charge"), &found).deaths, 2);
        let refund = created(&copy("refund"), &found);
        assert_ne!(refund.id, letter.id, "it would be in no queue and in no letter");
        assert_eq!(refund.attributes["operation"], Attribute::text("refund"));
        // A letter from before the hash was kept is told apart by its attributes, and known by the rest once they are gone.
        let old = Letter { attributes_hash: None, ..letter };
        let found = |letter: &Letter| Findings { ledger, named: Some(letter.clone()), ..Findings::default() };
        assert_ne!(created(&copy("refund"), &found(&old)).id, old.id);
        assert_eq!(changed(&copy("charge"), &found(&old)).id, old.id);
        let body = Body::Erased { at: at(1), by: "ann".to_owned(), note: "n".to_owned() };
        let erased = Letter { body, attributes: [].into(), payload: String::new(), ..old };
        assert_eq!(changed(&copy("charge"), &found(&erased)).id, erased.id);
    }
}

#[test]
fn a_death_that_the_ledger_proves_is_not_that_of_a_copy_with_other_attributes() {
    let dead = with(&message("m-1", 1, BODY, None), "charge");
    let found = Findings { owned: Some(failed(&dead)), ..Findings::default() };
    let told = dead.redrive_at_death(&reading().source, &reading().scope);
    let copy = |id: &str, operation: &str| with(&message(id, 700, BODY, Some(&told)), operation);
    let letter = created(&copy("d-1", "charge"), &found);
    let found = Findings { named: Some(letter.clone()), ..found };
    assert_eq!(decide(&copy("d-2", "charge"), &found), Admission::Delete);
    assert_ne!(created(&copy("d-2", "refund"), &found).id, letter.id);
}

#[test]
fn a_source_that_only_an_attribute_tells_lets_nothing_go_by_itself() {
    let dead = message("d-1", 700, BODY, None);
    let by_itself = created(&dead, &Findings::default());
    assert_eq!(by_itself.reason.error_type, ErrorType::NeverRan);
    assert_ne!(by_itself.due, Timestamp::NEVER);
    let claimed = created(&dead, &Findings { claimed: true, ..Findings::default() });
    assert_eq!((claimed.reason.error_type, claimed.due), (ErrorType::NeverRan, Timestamp::NEVER));
    // The ledger proves a death of that queue.
    let (first, found) = (message("m-1", 1, BODY, None), Findings { claimed: true, ..Findings::default() });
    let transient = entry(&first, Some(Settlement::Fail(Fault::transient("t", "t"))));
    let dead = Entry {
        enqueues: transient.enqueues.iter().cloned().map(|enqueue| EnqueueRecord { dead: true, ..enqueue }).collect(),
        ..transient
    };
    let proven = created(&handed_over(&first, "d-2"), &Findings { owned: Some(dead), ..found });
    assert_ne!(proven.due, Timestamp::NEVER);
}
