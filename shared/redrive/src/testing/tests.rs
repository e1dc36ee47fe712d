//! The ten lines catch a handler that charges twice, one that loses, and one that forgets the key. What they show of retries,
//! deadlines and groups is what the engine does.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use redrive_core::fault::{Class, Fault, ResultExt};
use redrive_core::fixture::{Kept, Salt, redacted};
use redrive_core::ids::{Enqueue, MessageId, QueueArn, Scope};
use redrive_core::letters::letter::{Body, NoBody, Reason};
use redrive_core::message::envelope::Attribute;
use redrive_core::processing::handler::{Context, Handler};
use redrive_testkit::clock::ORIGIN;
use redrive_testkit::letters::waiting;
use serde_json::Value;
use tokio::time::sleep;

use super::{Fixture, KeyedService, Scenario};

const ORDER: &str = r#"{"order_id": "o-1"}"#;

/// Mistake of a handler.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Mistake {
    None,
    ChargesTwice,
    ForgetsTheKey,
    MakesAKeyOfItsOwn,
    SwallowsTheError,
    ActsAfterwards,
}

struct Charger(KeyedService, Mistake);

impl Handler for Charger {
    type Message = Value;
    type Effects = ();

    async fn handle(&self, _: &Value, context: &Context) -> Result<(), Fault> {
        let Self(payments, mistake) = self;
        let key = context.key.as_str();
        match mistake {
            Mistake::None => payments.call(Some(key), "charge").await.transient("payments")?,
            Mistake::ChargesTwice => {
                payments.call(Some(key), "charge").await.transient("payments")?;
                payments.call(Some(&format!("{key}-again")), "charge").await.transient("payments")?;
            }
            Mistake::ForgetsTheKey => payments.call(None, "charge").await.transient("payments")?,
            Mistake::MakesAKeyOfItsOwn => {
                static NEXT: AtomicU32 = AtomicU32::new(0);
                let own = format!("{key}-{}", NEXT.fetch_add(1, Ordering::SeqCst));
                payments.call(Some(&own), "charge").await.transient("payments")?;
            }
            Mistake::SwallowsTheError => drop(payments.call(Some(key), "charge").await),
            Mistake::ActsAfterwards => {
                let (payments, key) = (payments.clone(), key.to_owned());
                tokio::spawn(async move { payments.call(Some(&key), "charge").await });
            }
        }
        Ok(())
    }
}

fn scenario(mistake: Mistake) -> Scenario<Charger> {
    Scenario::of(move |world| Charger(world.service("payments"), mistake)).key_at("/order_id").send(ORDER)
}

/// The test of ten lines: what becomes of the order under some fault, if it is not charged once.
fn caught(mistake: Mistake) -> Option<String> {
    let outcomes = scenario(mistake).send(ORDER).under_every_fault();
    let once = [("charge".to_owned(), 1)].into();
    let wrong =
        |outcome: &&super::Outcome<()>| outcome.service_effects("payments") != once || !outcome.dead().is_empty();
    outcomes.iter().find(wrong).map(|outcome| outcome.fault().to_owned())
}

#[test]
fn a_handler_that_hands_the_key_on_is_charged_once_under_every_fault() {
    assert_eq!(caught(Mistake::None), None);
    assert_eq!(scenario(Mistake::None).run_twice().difference(), None);
}

#[test]
fn each_mistake_is_caught_by_the_ten_lines() {
    assert_eq!(caught(Mistake::ChargesTwice).as_deref(), Some("nothing went wrong"));
    for mistake in
        [Mistake::ForgetsTheKey, Mistake::MakesAKeyOfItsOwn, Mistake::SwallowsTheError, Mistake::ActsAfterwards]
    {
        let fault = caught(mistake).unwrap_or_else(|| panic!("{mistake:?} is not caught"));
        assert_ne!(fault, "nothing went wrong", "{mistake:?} shows only when something goes wrong");
    }
}

#[test]
fn two_attempts_differ_if_the_key_is_missing_or_new() {
    let difference = |mistake| scenario(mistake).run_twice().difference().unwrap();
    let missing = difference(Mistake::ForgetsTheKey);
    assert_eq!(missing, "payments was called without a key: charge");
    assert!(difference(Mistake::MakesAKeyOfItsOwn).starts_with("the first attempt called"));
}

/// A handler that knows three currencies, and others only once it is mended.
struct Currencies {
    mended: bool,
}

impl Handler for Currencies {
    type Message = Value;
    type Effects = ();

    async fn handle(&self, order: &Value, _: &Context) -> Result<(), Fault> {
        let known = self.mended || order["currency"] == "EUR";
        if known { Ok(()) } else { Err(Fault::permanent("currency", "currency is not supported")) }
    }
}

#[test]
fn yesterdays_incident_dies_of_the_same_until_the_handler_is_mended() {
    let body = r#"{"order_id": "o-4711", "customer": "Ann Lee", "amount": 1999, "currency": "CHF"}"#;
    let enqueue = Enqueue { message_id: MessageId::new("m-1").unwrap(), sent_at: ORIGIN };
    let fault = Fault::permanent("currency", "currency is not supported");
    let reason = Reason {
        error_type: fault.class.into(),
        error_code: Some(fault.code.to_string()),
        error_message: fault.text,
        attempt_count: 1,
        first_failed_at: ORIGIN,
        last_failed_at: ORIGIN,
        attempts: Vec::new(),
    };
    let source = QueueArn::new("arn:aws:sqs:us-east-1:000000000000:orders").unwrap();
    let mut letter = waiting(source, Scope::new("orders").unwrap(), enqueue, body, reason);
    letter.attributes = [("idempotency-key".to_owned(), Attribute::text("o-4711"))].into();
    let kept = [Kept::parse("/currency").unwrap(), Kept::parse("/curency").unwrap()];
    let redacted = redacted(&letter, &kept, Salt(7)).unwrap();
    assert_eq!(redacted.unmatched, ["/curency"]);
    let document = serde_json::to_string_pretty(&redacted.fixture).unwrap();
    assert!(!["4711", "Ann", "Lee", "1999"].iter().any(|value| document.contains(value)), "{document}");

    // What a user writes: the file is read, and its message runs.
    let fixture = Fixture::read(&document).unwrap();
    let run = |mended| {
        let scenario = Scenario::of(move |_| Currencies { mended }).key_at("/order_id").send_fixture(&fixture);
        scenario.run()
    };
    let (before, after) = (run(false), run(true));
    let dead = &before.dead()[0];
    assert_eq!((dead.class, Some(dead.code.clone())), (Some(Class::Permanent), fixture.error_code.clone()), "{before}");
    // Its key in the attribute is still that in the body, or it would be SCHEMA.
    assert_eq!((after.completed().len(), after.dead().len()), (1, 0), "{after}");
    letter.body = Body::Erased { at: ORIGIN, by: "ann".to_owned(), note: "asked for".to_owned() };
    assert_eq!(redrive_core::fixture::redacted(&letter, &[], Salt(7)).unwrap_err(), NoBody::Erased);
}

/// A handler of several steps, each of which takes a second; the first attempt may take for ever.
struct Slow {
    hangs: bool,
}

impl Handler for Slow {
    type Message = Value;
    type Effects = &'static str;

    async fn handle(&self, _: &Value, context: &Context) -> Result<&'static str, Fault> {
        if self.hangs && context.attempt == 1 {
            sleep(Duration::from_secs(86_400)).await;
        }
        for _ in 0..3 {
            sleep(Duration::from_secs(1)).await;
        }
        Ok("done")
    }
}

#[test]
fn the_process_dies_at_each_await_and_the_effects_are_committed_once_all_the_same() {
    let scenario = Scenario::of(|_| Slow { hangs: false }).key_at("/order_id").send(ORDER);
    let outcomes = scenario.under_every_fault();
    let faults: BTreeSet<_> = outcomes.iter().map(|outcome| outcome.fault().to_owned()).collect();
    for number in 0..3 {
        assert!(faults.contains(&format!("the process died at await {number} of the handler")), "{faults:?}");
    }
    assert!(faults.iter().any(|fault| fault.contains("CrashAfter")) && faults.contains("nothing went wrong"));
    for outcome in outcomes {
        assert_eq!(outcome.effects_of("o-1"), [&"done"], "{outcome}");
    }
}

#[test]
fn an_attempt_without_an_end_is_ended_in_virtual_time_and_tried_again() {
    let scenario = Scenario::of(|_| Slow { hangs: true }).key_at("/order_id").send(ORDER);
    let outcome = scenario.handler_timeout(Duration::from_secs(7)).retries("60s").run();
    assert_eq!((outcome.attempts_of("o-1"), outcome.completed()), (2, vec!["o-1"]), "{outcome}");
    assert!(outcome.elapsed() > Duration::from_secs(7 + 20), "{outcome}");
}

#[test]
fn a_message_that_never_succeeds_is_dead_after_its_attempts_with_its_reason() {
    struct Down;
    impl Handler for Down {
        type Message = Value;
        type Effects = ();
        async fn handle(&self, _: &Value, _: &Context) -> Result<(), Fault> {
            Err(Fault::transient("down", "it is down"))
        }
    }
    let outcome = Scenario::of(|_| Down).key_at("/order_id").retries("1s,2s").send(ORDER).send("no JSON").run();
    assert_eq!(outcome.attempts_of("o-1"), 3, "{outcome}");
    let mut dead: Vec<_> = outcome.dead().iter().map(|dead| (dead.class, dead.code.as_str())).collect();
    dead.sort_by_key(|(_, code)| code.to_owned());
    assert_eq!(dead, [(Some(Class::Transient), "down"), (Some(Class::Schema), "not-json")]);
    let story = outcome.to_string();
    assert!(story.contains("moved to orders-dead") && story.contains("attempt 3"), "{story}");
}
