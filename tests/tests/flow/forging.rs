//! A producer that knows of a replay: it cannot write the outcome of it, and not have its own message taken for a copy.

use redrive_core::ids::{MessageId, ReplayNumber, Scope};
use redrive_core::letters::letter::{ErrorType, Letter, Status};
use redrive_core::message::envelope::{Attribute, Attributes};
use redrive_core::message::key::{Key, LedgerKey};
use redrive_core::message::redrive::{ATTRIBUTE, Redrive};
use redrive_core::ports::Letters;
use redrive_core::replay::{ReplayOptions, Request, Selection};
use redrive_core::time::Timestamp;
use redrive_testkit::handlers::Scripted;
use serde_json::{Value, json};

use crate::bench::{Bench, event, record, settings};
use crate::house::{House, Pair};

/// A body that the handler cannot be given: it has no amount.
const VICTIM: &str = r#"{"order_id":"V"}"#;

fn with(mut record: Value, redrive: &Redrive) -> Value {
    record["messageAttributes"] = json!({ATTRIBUTE: {"stringValue": redrive.encode(), "dataType": "String"}});
    record
}

/// Replays the only letter, has the processor see what was sent, and indexes it when it is dead.
async fn replayed(house: &House, bench: &Bench) -> Letter {
    let letter = house.letters_of(0).remove(0);
    let selection = Selection::Ids(vec![letter.id]);
    let request = Request::Replay { selection, by: "ann".to_owned(), options: ReplayOptions::default() };
    assert_eq!(house.ask(&request).await.unwrap().together().sent, 1);
    let sent = house.pairs[0].main.messages().remove(0);
    let carried: Redrive = serde_json::from_str(sent.attributes[ATTRIBUTE].as_text().unwrap()).unwrap();
    bench.returned(event(&[with(record(sent.id.as_str(), &sent.body), &carried)])).await;
    house.pairs[0].dies().await;
    house.drain().await;
    house.letters_of(0).remove(0)
}

#[tokio::test(start_paused = true)]
async fn a_forged_replay_does_not_write_the_outcome_of_somebody_elses_send() {
    let bench = Bench::new(Scripted::new());
    // The pair's scope is its queue's name; the processor's must be the same.
    let house = House { ledger: bench.store().clone(), ..House::new(vec![Pair::new("redrive-main").in_scope("main")]) };
    house.pairs[0].main.send(VICTIM, Attributes::new());
    house.pairs[0].dies().await;
    house.drain().await;
    let letter = house.letters_of(0).remove(0);
    let forged = |number: u32| Redrive {
        letter: letter.id,
        number: ReplayNumber(number),
        key: Key::new("V").ok(),
        scope: Scope::new("main").unwrap(),
        origin: letter.origin.clone(),
        sent_at: Timestamp::from_millis(1),
        died: None,
        trace: None,
    };
    for number in 1..=3 {
        let evil = record(&format!("evil-{number}"), &format!(r#"{{"order_id":"V","evil":{number}}}"#));
        bench.returned(event(&[with(evil, &forged(number))])).await;
    }
    let back = replayed(&house, &bench).await;
    assert_eq!((back.status, back.deaths, back.due), (Status::Pending, 2, Timestamp::NEVER));
    assert_eq!((back.reason.error_type, back.reason.error_code.as_deref()), (ErrorType::Schema, Some("decode")));
    assert_eq!(house.ask(&Request::Schedule).await.unwrap().together().sent, 0, "its reason keeps it for a person");
    // What a processor wrote before the hash was a part of the place.
    let send = redrive_core::ids::SendId { letter: letter.id, number: ReplayNumber(2) };
    let evil = bench.store().entry(&LedgerKey::of_send(
        forged(1).send().unwrap(),
        &settings().reading.hash_of(r#"{"order_id":"V","evil":1}"#),
    ));
    bench.store().force(LedgerKey::of_send_without_hash(send), (*evil.unwrap()).clone());
    let request = Request::Replay {
        selection: Selection::Ids(vec![letter.id]),
        by: "ann".to_owned(),
        options: ReplayOptions::default(),
    };
    assert_eq!(house.ask(&request).await.unwrap().together().sent, 1);
    house.pairs[0].dies().await;
    house.drain().await;
    let back = house.letters_of(0).remove(0);
    assert_eq!((back.reason.error_type, back.due, back.deaths), (ErrorType::Unknown, Timestamp::NEVER, 3));
}

#[tokio::test(start_paused = true)]
async fn a_message_that_copies_body_and_attribute_of_a_replay_is_indexed_if_it_has_other_attributes() {
    let house = House::new(vec![Pair::new("orders").without_ledger()]);
    let operation = |word: &str| ("operation".to_owned(), Attribute::text(word));
    house.pairs[0].main.send(VICTIM, [operation("charge")].into());
    house.pairs[0].dies().await;
    house.drain().await;
    let charge = house.letters_of(0).remove(0);
    let request = Request::Replay {
        selection: Selection::Ids(vec![charge.id]),
        by: "ann".to_owned(),
        options: ReplayOptions::default(),
    };
    house.ask(&request).await.unwrap();
    let sent = house.pairs[0].main.messages().remove(0);
    // Its consumer is done with it, and forwards what it got as another operation.
    let handed_on: Attributes = sent.attributes.clone().into_iter().chain([operation("refund")]).collect();
    assert!(handed_on.contains_key(ATTRIBUTE));
    house.pairs[0].dies().await;
    house.drain().await;
    assert_eq!(
        house.letters.read(&[charge.id]).await.unwrap()[0].as_ref().unwrap().deaths,
        2,
        "the copy itself is one"
    );
    let id: MessageId = house.pairs[0].main.send(VICTIM, handed_on);
    house.pairs[0].dies().await;
    house.drain().await;
    let letters = house.letters_of(0);
    let refund = letters.iter().find(|letter| letter.origin == id).expect("a letter of the refund");
    assert_eq!(refund.attributes["operation"].as_text(), Some("refund"));
    assert_eq!(letters.iter().find(|letter| letter.id == charge.id).unwrap().deaths, 2);
}
