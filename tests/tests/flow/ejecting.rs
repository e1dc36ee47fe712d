//! Letters go back into their dead-letter queue, for native tools and before a queue is given up: none is lost, none is in two
//! places without saying so, whatever happens at whichever call.

use std::time::Duration;

use redrive_core::letters::letter::{EventKind, Letter, Status};
use redrive_core::letters::policy::Policy;
use redrive_core::message::envelope::{Attribute, Attributes};
use redrive_core::message::foreign;
use redrive_core::replay::{Request, Selection};
use redrive_engine::{ReplayError, ReplayReport};
use redrive_testkit::handlers::Order;
use redrive_testkit::{CallFault, Faults};
use tokio::time::{Instant, sleep};

use crate::house::{House, LEASE, MINUTE, Pair, all_of, policy};

/// Letters that wait for a person.
fn asking() -> Policy {
    policy().asking()
}

fn eject(selection: Selection) -> Request {
    Request::Eject { selection, by: "ann".to_owned() }
}

/// A pair whose messages with these attributes are letters by now that wait for a person, and whose custody has ended since.
async fn left(pair: Pair, messages: &[Attributes]) -> House {
    let mut house = House { policy: asking(), ..House::new(vec![pair]) };
    for (n, attributes) in messages.iter().enumerate() {
        house.pairs[0].main.send_to("group", Order::body(&format!("o-{n}"), 5), attributes.clone());
    }
    house.pairs[0].dies().await;
    house.drain().await;
    assert_eq!(house.letters.all().len(), messages.len());
    house.pairs[0].custody = false;
    house
}

fn attributes(count: usize) -> Attributes {
    (0..count).map(|n| (format!("a{n}"), Attribute::text(format!("v{n}")))).collect()
}

async fn ejected(house: &House) -> ReplayReport {
    house.ask(&eject(all_of(&house.pairs[0].main))).await.unwrap().together()
}

#[tokio::test(start_paused = true)]
async fn bodies_and_attributes_go_back_verbatim_and_the_reason_where_there_is_a_slot() {
    let house = left(Pair::new("mail").without_ledger(), &[attributes(0), attributes(9), attributes(10)]).await;
    let before: Vec<Letter> = house.letters_of(0);
    assert_eq!(ejected(&house).await.ejected, 3);
    let back = house.pairs[0].dead.messages();
    assert_eq!(back.len(), 3);
    for message in back {
        let letter = before.iter().find(|letter| letter.payload == message.body).unwrap();
        let mut kept = message.attributes.clone();
        let reason = kept.remove(foreign::ATTRIBUTE);
        assert_eq!((kept, reason.is_some()), (letter.attributes.clone(), letter.attributes.len() < 10));
        let told: serde_json::Value =
            reason.map_or(serde_json::Value::Null, |reason| serde_json::from_str(reason.as_text().unwrap()).unwrap());
        assert!(told.is_null() || told["type"] == "UNKNOWN");
        let now = house.letters.letter(letter.id).unwrap();
        assert_eq!((now.status, now.number.0), (Status::Discarded, letter.number.0 + 1));
        assert!(now.resolution_note.as_ref().is_some_and(|note| note.contains(message.id.as_str())));
        let last = now.history.last().unwrap();
        assert_eq!((last.what, last.who.as_str()), (EventKind::Ejected, "ann"));
    }
    assert_eq!(ejected(&house).await.considered, 0, "once is enough");
}

#[tokio::test(start_paused = true)]
async fn what_the_dead_letter_queue_does_not_take_waits_and_says_why() {
    let long = Attributes::from([("long".to_owned(), Attribute::text("x".repeat(2_000)))]);
    let tight = Attributes::from([("tight".to_owned(), Attribute::text("x".repeat(900)))]);
    let house = left(Pair::new("mail").without_ledger(), &[attributes(1), long.clone(), tight]).await;
    house.pairs[0].dead_gauges.set_limit(1_024);
    let report = ejected(&house).await;
    assert_eq!((report.ejected, report.too_large, report.not_sent), (2, 1, 0));
    let waiting = house.letters_of(0).into_iter().find(|letter| letter.attributes == long).unwrap();
    assert_eq!((waiting.status, waiting.number.0), (Status::Pending, 0), "it was never claimed");
    assert_eq!(report.too_large_letters[0].letter, waiting.id);
    let why = &report.too_large_letters[0].why;
    assert!(why.contains("the dead-letter queue takes 1024: raise its MaximumMessageSize"), "{why}");
    let reasons = house.pairs[0].dead.messages();
    let told = reasons.iter().filter(|message| message.attributes.contains_key(foreign::ATTRIBUTE)).count();
    assert_eq!((reasons.len(), told), (2, 1), "where the reason has no room, the message goes without it");
    house.pairs[0].dead_gauges.set_limit(1024 * 1024);
    assert_eq!(ejected(&house).await.ejected, 1, "once the queue takes it");
}

#[tokio::test(start_paused = true)]
async fn while_the_indexer_empties_the_queue_nothing_is_ejected() {
    let mut house = left(Pair::new("mail"), &[attributes(0)]).await;
    house.pairs[0].custody = true;
    for selection in [all_of(&house.pairs[0].main), Selection::Ids(vec![house.letters.all()[0].id])] {
        assert_eq!(house.ask(&eject(selection)).await, Err(ReplayError::InCustody));
    }
    // Beside a pair that may eject, what is in custody is left alone and counted.
    house.pairs.push(Pair::new("orders").without_custody());
    let report = house.ask(&eject(Selection::Ids(vec![house.letters.all()[0].id]))).await.unwrap().together();
    assert_eq!((report.in_custody, report.ejected), (1, 0));
    assert!(house.letters.all()[0].status == Status::Pending && house.pairs[0].dead.is_empty());
}

#[tokio::test(start_paused = true)]
async fn what_the_ledger_shows_as_done_is_resolved_and_not_ejected() {
    let house = left(Pair::new("orders"), &[attributes(0)]).await;
    let letter = house.letters_of(0).remove(0);
    house.complete(&letter);
    let report = ejected(&house).await;
    assert_eq!((report.resolved_instead, report.ejected, house.pairs[0].dead.len()), (1, 0, 0));
    assert_eq!(house.letters_of(0)[0].status, Status::Resolved);
    assert_eq!(
        report.took.samples(),
        [house.clock.now().since(letter.reason.first_failed_at)],
        "as long as it took is measured"
    );
}

/// Another message of its key, with the same payload, was handled.

#[tokio::test(start_paused = true)]
async fn an_ejected_message_that_is_indexed_again_is_a_letter_of_its_own_with_its_reason() {
    let mut house = left(Pair::new("orders"), &[attributes(0)]).await;
    let old = house.letters_of(0).remove(0);
    ejected(&house).await;
    house.pairs[0].custody = true;
    house.drain().await;
    let letters = house.letters_of(0);
    let new = letters.iter().find(|letter| letter.id != old.id).unwrap();
    assert_eq!((letters.len(), new.status, &new.payload, &new.key), (2, Status::Pending, &old.payload, &old.key));
    assert_eq!(new.reason.error_message, old.reason.error_message);
    assert!(house.pairs[0].dead.is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_fifo_queues_letters_go_back_with_their_groups_each_once() {
    let house = left(Pair::fifo("steps.fifo"), &[attributes(0), attributes(1)]).await;
    assert_eq!(ejected(&house).await.ejected, 2);
    let back = house.pairs[0].dead.messages();
    assert!(back.len() == 2 && back.iter().all(|message| message.group.as_deref() == Some("group")));
}

/// Runs one ejection in which a call goes wrong, a schedule every minute beside it, and a second ejection in calm.
async fn story(ledger: bool, call_fault: Option<(usize, CallFault)>, by_id: bool) -> (House, Faults) {
    let pair = if ledger { Pair::new("orders") } else { Pair::new("orders").without_ledger() };
    let house = left(pair, &[attributes(0), attributes(10), attributes(3)]).await;
    let faults = Faults::script(call_fault);
    let process = faults.of("ejector");
    let selection = if by_id {
        Selection::Ids(house.letters.all().iter().map(|letter| letter.id).collect())
    } else {
        all_of(&house.pairs[0].main)
    };
    let (replayer, request) = (house.replayer(&asking(), Some(&process)), eject(selection));
    let deadline = Instant::now() + 10 * MINUTE;
    let ejector = tokio::spawn(async move {
        tokio::select! {
            biased;
            () = process.died() => {}
            _ = replayer.run(&request, deadline) => {}
        }
    });
    let schedule = house.replayer(&asking(), None);
    for _ in 0..5 {
        sleep(LEASE).await;
        schedule.run(&Request::Schedule, Instant::now() + MINUTE).await.unwrap();
    }
    ejector.await.unwrap();
    let again = eject(all_of(&house.pairs[0].main));
    schedule.run(&again, Instant::now() + MINUTE).await.unwrap();
    (house, faults)
}

/// Returns what is wrong at the end, if anything.
fn wrong(house: &House) -> Option<String> {
    let (main, dead) = (house.pairs[0].main.messages(), house.pairs[0].dead.messages());
    if !main.is_empty() {
        return Some("an ejected letter was replayed".to_owned());
    }
    house.letters.all().iter().find_map(|letter| {
        let copies = dead.iter().filter(|message| message.body == letter.payload).count();
        let well = match letter.status {
            Status::Discarded => letter.history.has(EventKind::Ejected) && copies == 1,
            // Perhaps it is there, and it says so.
            Status::Pending => letter.waits_in_doubt() && copies <= 1,
            _ => false,
        };
        (!well).then(|| format!("{} with {copies} copies: {:?}", letter.status, letter.history.last()))
    })
}

const CALL_FAULTS: [CallFault; 9] = [
    CallFault::Refused,
    CallFault::LostAnswer,
    CallFault::CrashBefore,
    CallFault::CrashAfter,
    CallFault::Partly(0b101),
    CallFault::Late(Duration::from_secs(40)),
    CallFault::Late(Duration::from_secs(100)),
    CallFault::Slow(Duration::from_secs(100)),
    CallFault::SlowAnswer(Duration::from_secs(100)),
];

#[tokio::test(start_paused = true)]
async fn whatever_happens_at_whichever_call_no_letter_is_lost_doubled_or_replayed() {
    let (mut runs, mut doubts) = (0, 0);
    for (ledger, by_id) in [(true, false), (true, true), (false, false), (false, true)] {
        let (house, faults) = story(ledger, None, by_id).await;
        assert_eq!(wrong(&house), None);
        assert!(house.letters.all().iter().all(|letter| letter.status == Status::Discarded));
        for index in 0..faults.calls().len() {
            for call_fault in CALL_FAULTS {
                let (house, _) = story(ledger, Some((index, call_fault)), by_id).await;
                assert_eq!(wrong(&house), None, "{call_fault:?} at call {index}, ledger {ledger}, by id {by_id}");
                runs += 1;
                doubts += house.letters.all().iter().filter(|letter| letter.waits_in_doubt()).count();
            }
        }
    }
    eprintln!("{runs} runs, {doubts} letters in doubt");
    assert!(runs > 300 && doubts > 10, "{runs} runs, {doubts} letters in doubt");
}
