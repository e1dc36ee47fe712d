//! Other systems are told of letters and jobs over a bus: of each change once, in every way that leads to it, and of nothing that
//! stood in a message. A bus that fails holds nobody up.

use std::collections::BTreeSet;
use std::future::pending;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use redrive_core::ids::LetterId;
use redrive_core::integration_event::{DetailType, IntegrationEvent};
use redrive_core::letters::letter::{Letter, LetterWrite};
use redrive_core::ports::{EVENTS_A_CALL, EventBus, Letters, Unavailable};
use redrive_core::replay::job::{Guard, NewJob};
use redrive_core::replay::{Remark, Request, Selection};
use redrive_engine::{Announced, Announcer, EventCounts};
use redrive_testkit::handlers::Order;
use redrive_testkit::{CallFault, Faults};
use serde_json::{Value, json};

use crate::house::{House, MINUTE, Pair, all_of, policy};

/// Behaviour of the bus at a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Mood {
    Takes,
    /// Refuses every second event of a call.
    RefusesEverySecond,
    RefusesAll,
    IsAway,
    Hangs,
}

/// A bus in memory.
#[derive(Clone)]
struct ModelBus {
    mood: Mood,
    taken: Arc<Mutex<Vec<IntegrationEvent>>>,
    /// Number of events of each call.
    calls: Arc<Mutex<Vec<usize>>>,
}

impl ModelBus {
    fn new(mood: Mood) -> Self {
        Self { mood, taken: Arc::default(), calls: Arc::default() }
    }

    fn told(&self) -> Vec<DetailType> {
        self.taken().iter().map(|event| event.detail_type).collect()
    }

    fn taken(&self) -> Vec<IntegrationEvent> {
        self.taken.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn calls(&self) -> Vec<usize> {
        self.calls.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl EventBus for ModelBus {
    async fn put(&self, events: &[IntegrationEvent]) -> Result<Vec<Result<(), String>>, Unavailable> {
        self.calls.lock().unwrap_or_else(PoisonError::into_inner).push(events.len());
        let refuses = |n: usize| match self.mood {
            Mood::RefusesEverySecond => n % 2 == 1,
            mood => mood == Mood::RefusesAll,
        };
        match self.mood {
            Mood::Hangs => pending().await,
            Mood::IsAway => Err(Unavailable { service: "event bus", action: "take events", why: "away".to_owned() }),
            _ => {
                let mut taken = self.taken.lock().unwrap_or_else(PoisonError::into_inner);
                let answer = |(n, event): (usize, &IntegrationEvent)| {
                    if refuses(n) {
                        return Err("ThrottlingException".to_owned());
                    }
                    taken.push(event.clone());
                    Ok(())
                };
                Ok(events.iter().enumerate().map(answer).collect())
            }
        }
    }
}

/// A house whose letters a bus is told of.
fn house(mood: Mood) -> (House, ModelBus, Announcer) {
    let bus = ModelBus::new(mood);
    let announcer = Announcer::start(bus.clone());
    let house = House {
        policy: policy().asking(),
        announcer: Some(announcer.clone()),
        ..House::new(vec![Pair::new("orders")])
    };
    (house, bus, announcer)
}

/// Has so many messages die and be indexed.
async fn dead(house: &House, count: usize) -> Vec<Letter> {
    for n in 0..count {
        house.pairs[0].main.send(Order::body(&format!("o-SECRET-{n}"), 5), [].into());
    }
    house.pairs[0].dies().await;
    house.drain().await;
    house.letters_of(0)
}

fn remark(of: LetterId) -> Remark {
    Remark { selection: Selection::Ids(vec![of]), note: "NOTE".to_owned(), by: "ann".to_owned() }
}

#[tokio::test(start_paused = true)]
async fn each_change_is_told_once_in_every_way_that_leads_to_it() {
    let (house, bus, announcer) = house(Mood::Takes);
    let letters = dead(&house, 3).await;
    // Runs that change nothing tell nothing.
    house.drain().await;
    house.ask(&Request::Schedule).await.unwrap();
    announcer.flush().await;
    assert_eq!(bus.told(), [DetailType::LetterCreated; 3]);

    house.complete(&letters[0]);
    house.ask(&Request::Schedule).await.unwrap();
    house.ask(&Request::Schedule).await.unwrap();
    for request in [Request::Discard, Request::Restore, Request::Discard, Request::Note, Request::Erase] {
        tokio::time::advance(MINUTE).await;
        house.ask(&request(remark(letters[1].id))).await.unwrap();
    }
    // An erasure of a letter that waits discards it.
    house.ask(&Request::Erase(remark(letters[2].id))).await.unwrap();
    announcer.flush().await;
    use DetailType::{LetterDiscarded, LetterResolved, LetterRestored};
    assert_eq!(bus.told()[3..], [LetterResolved, LetterDiscarded, LetterRestored, LetterDiscarded, LetterDiscarded]);
    let ids: BTreeSet<_> = bus.taken().iter().map(|event| event.detail()["event_id"].to_string()).collect();
    assert_eq!(ids.len(), 8, "each change has an id of its own");
}

#[tokio::test(start_paused = true)]
async fn a_message_that_was_done_before_it_is_indexed_is_created_then_resolved() {
    let (first, ..) = house(Mood::Takes);
    let letter = dead(&first, 1).await.remove(0);
    let (house, bus, announcer) = house(Mood::Takes);
    house.pairs[0].main.send(letter.payload.clone(), [].into());
    house.complete(&letter);
    house.pairs[0].dies().await;
    house.drain().await;
    announcer.flush().await;
    assert_eq!(bus.told(), [DetailType::LetterCreated, DetailType::LetterResolved]);
}

#[tokio::test(start_paused = true)]
async fn nothing_of_a_message_is_told_and_no_name_or_note_of_a_person() {
    let (house, bus, announcer) = house(Mood::Takes);
    let letters = dead(&house, 1).await;
    house.ask(&Request::Discard(remark(letters[0].id))).await.unwrap();
    announcer.flush().await;
    assert_eq!(bus.taken().len(), 2);
    for event in bus.taken() {
        for hidden in ["SECRET", "NOTE", "ann"] {
            assert!(!event.detail.contains(hidden), "{}", event.detail);
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_write_whose_answer_is_lost_is_told_by_whoever_finds_it_done() {
    let (house, bus, announcer) = house(Mood::Takes);
    let letter = dead(&house, 1).await.remove(0);
    announcer.flush().await;
    let discarded = redrive_core::letters::edges::discard(&letter, "n", "ann", &policy(), house.clock.now()).unwrap();
    let faults = Faults::script([(0, CallFault::LostAnswer)]);
    let table = Announced::new(house.letters.clone().with_faults(faults), Some(announcer.clone()));
    let write = || vec![LetterWrite::change(discarded.clone())];
    assert!(table.write(write()).await[0].is_err());
    announcer.flush().await;
    assert_eq!(bus.told().len(), 1, "nobody knows yet");
    assert!(table.write(write()).await[0].is_err());
    announcer.flush().await;
    assert_eq!(bus.told()[1..], [DetailType::LetterDiscarded]);
}

#[tokio::test(start_paused = true)]
async fn ten_events_share_a_call() {
    let (house, bus, announcer) = house(Mood::Takes);
    dead(&house, 25).await;
    assert_eq!(announcer.flush().await, EventCounts { sent: 25, lost: 0 });
    assert!(bus.calls().iter().all(|events| *events <= EVENTS_A_CALL), "{:?}", bus.calls());
    assert!(bus.calls().len() < 10, "{:?}", bus.calls());
    assert_eq!(announcer.flush().await, EventCounts::default(), "told once");
}

#[tokio::test(start_paused = true)]
async fn what_the_bus_refuses_is_put_again_and_given_up_after_the_third_time() {
    let (house, bus, announcer) = house(Mood::RefusesEverySecond);
    dead(&house, 8).await;
    // Of eight four are refused, of these two, of these one.
    assert_eq!(announcer.flush().await, EventCounts { sent: 7, lost: 1 });
    assert_eq!(bus.calls(), [8, 4, 2]);
}

#[tokio::test(start_paused = true)]
async fn no_bus_holds_up_the_indexing_of_letters() {
    for (mood, lost) in [(Mood::RefusesAll, 3), (Mood::IsAway, 3), (Mood::Hangs, 0)] {
        let (house, bus, announcer) = house(mood);
        let before = tokio::time::Instant::now();
        let letters = dead(&house, 3).await;
        assert!(letters.len() == 3 && house.pairs[0].dead.is_empty(), "{mood:?}");
        assert!(before.elapsed() < MINUTE, "{mood:?}");
        let before = tokio::time::Instant::now();
        assert_eq!(announcer.flush().await, EventCounts { sent: 0, lost }, "{mood:?}");
        assert!(before.elapsed() <= Duration::from_secs(1), "{mood:?}");
        assert!(bus.taken().is_empty());
    }
}

/// A job over all letters. Nobody consumes, so nothing is known of its canary when the window is over.
async fn job(house: &House, consumed: bool) {
    let guard = Guard { outcome_seconds: 60, ..Guard::default() };
    let selection = all_of(&house.pairs[0].main);
    let new = NewJob { id: None, selection, to: None, guard, by: "ann".to_owned(), why: None, edit: None };
    house.ask(&Request::Job(Box::new(new))).await.unwrap();
    if consumed {
        house.letters_of(0).iter().for_each(|letter| house.complete(letter));
    }
    for _ in 0..10 {
        tokio::time::advance(MINUTE).await;
        house.ask(&Request::Work).await.unwrap();
    }
}

#[tokio::test(start_paused = true)]
async fn the_end_of_a_job_is_told_once_with_its_counts() {
    for (consumed, expected, number) in
        [(false, DetailType::JobStopped, "unknown"), (true, DetailType::JobDone, "succeeded")]
    {
        let (house, bus, announcer) = house(Mood::Takes);
        dead(&house, 3).await;
        tokio::time::advance(MINUTE * 6).await;
        job(&house, consumed).await;
        announcer.flush().await;
        let jobs: Vec<_> = bus.taken().into_iter().filter(|event| event.detail().get("job_id").is_some()).collect();
        assert_eq!(jobs.iter().map(|event| event.detail_type).collect::<Vec<_>>(), [expected]);
        let detail = jobs[0].detail();
        assert_eq!(detail["queue_name"], "orders", "{detail}");
        assert!(detail["counted"][number].as_u64().is_some(), "{detail}");
        assert_eq!(detail.get("stop").is_some(), expected == DetailType::JobStopped, "{detail}");
    }
}

/// Events as the bus had them, one of each type.
async fn one_of_each() -> Vec<IntegrationEvent> {
    let mut all = Vec::new();
    for consumed in [false, true] {
        let (house, bus, announcer) = house(Mood::Takes);
        let letters = dead(&house, 3).await;
        tokio::time::advance(MINUTE * 6).await;
        house.ask(&Request::Discard(remark(letters[2].id))).await.unwrap();
        house.ask(&Request::Restore(remark(letters[2].id))).await.unwrap();
        job(&house, consumed).await;
        announcer.flush().await;
        all.extend(bus.taken());
    }
    all.sort_by_key(|event| event.detail_type);
    all.dedup_by_key(|event| event.detail_type);
    all
}

/// `infra/checks/test_events.py` holds these to the schemas. To write them anew: `WRITE_EVENTS=1`.
#[tokio::test(start_paused = true)]
async fn the_examples_in_the_docs_are_what_the_bus_is_told() {
    let all = one_of_each().await;
    assert_eq!(all.iter().map(|event| event.detail_type).collect::<Vec<_>>(), DetailType::ALL);
    let shown = |event: &IntegrationEvent| (event.detail_type.as_str().to_owned(), without_chance(event.detail()));
    let examples = Value::Object(all.iter().map(shown).collect());
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/events/examples.json");
    if std::env::var_os("WRITE_EVENTS").is_some() {
        std::fs::write(&path, serde_json::to_string_pretty(&examples).unwrap() + "\n").unwrap();
    }
    let written: Value = serde_json::from_str(&std::fs::read_to_string(&path).unwrap()).unwrap();
    assert_eq!(
        written, examples,
        "write docs/events/examples.json anew: WRITE_EVENTS=1 cargo test --workspace --locked --test flow"
    );
}

/// The same detail with ids that are alike in every run.
fn without_chance(mut detail: Value) -> Value {
    for (name, fixed) in [
        ("event_id", "5b1f7f0e-6d0a-5a3c-9f0e-0a3c5b1f7f0e"),
        ("letter_id", "0d9e6c3a-1f5b-5e7d-8c2a-4b6f8d0e2a4c"),
        ("message_id", "7c6b5a49-3827-4165-9f4e-3d2c1b0a9f8e"),
        ("job_id", "3f2e1d0c-4b5a-4697-8d7c-6b5a49382716"),
    ] {
        if let Some(value) = detail.get_mut(name) {
            *value = json!(fixed);
        }
    }
    detail
}
