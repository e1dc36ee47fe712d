//! A person puts another body in the place of a letter's: the real replay sends it, and the real processor runs it, and never
//! the old one.

mod keys;
mod others;

use std::time::Duration;

use redrive_core::ids::{Enqueue, LetterId, OwnerToken, ReplayNumber, SendId};
use redrive_core::letters::edges::{self, ClaimTerms};
use redrive_core::letters::letter::{EventKind, Letter, Status};
use redrive_core::message::key::{Key, LedgerKey, PayloadHash};
use redrive_core::ports::Outbox;
use redrive_core::processing::backoff::Schedule;
use redrive_core::processing::ledger::{DeadEnqueues, EnqueueRecord, Entry, EntryState, Origin};
use redrive_core::processing::mask::Masks;
use redrive_core::processing::outcome::OutageBrake;
use redrive_core::processing::outcome::Rules;
use redrive_core::replay::{Edit, Outgoing, ReplayOptions, Request, Selection};
use redrive_core::time::Timestamp;
use redrive_engine::{Order as InOrder, ProcessSettings, Processor, ReplayReport};
use redrive_testkit::handlers::{Order, Scripted};
use redrive_testkit::{CallFault, Faults, ModelQueue, VirtualWorld};
use serde_json::json;
use tokio::runtime::Handle;
use tokio::time::{Instant, sleep};

use crate::job_bench::{JobBench, MINUTE, settings};

const LONG: Duration = Duration::from_secs(30 * 86_400);

/// A letter of an order for 10, that waits for a person.
fn letter(bench: &JobBench, n: usize) -> Letter {
    let payload = Order::body(&format!("o-{n}"), 10);
    let hash = PayloadHash::of_json(&payload.parse().unwrap());
    Letter { payload, hash, ..bench.letter(n, "c") }
}

fn with_letter(faults: &Faults) -> (JobBench, Letter) {
    let bench = JobBench::new(faults);
    let letter = letter(&bench, 1);
    bench.letters.force(letter.clone());
    (bench, letter)
}

fn body(amount: u64) -> Edit {
    Edit::Body(Order::body("o-1", amount))
}

fn patch(operations: serde_json::Value) -> Edit {
    Edit::Patch(serde_json::from_value(operations).unwrap())
}

fn replay(ids: &[LetterId], edit: Option<Edit>) -> Request {
    let options = ReplayOptions { edit, ..ReplayOptions::default() };
    Request::Replay { selection: Selection::Ids(ids.to_vec()), by: "ann".to_owned(), options }
}

async fn edit(bench: &JobBench, letter: &Letter, edit: Edit) -> ReplayReport {
    bench.run("ann", &replay(&[letter.id], Some(edit))).await
}

fn now(bench: &JobBench) -> Timestamp {
    bench.faults.clock().now()
}

fn read(bench: &JobBench, letter: &Letter) -> Letter {
    Letter::clone(&bench.letters.letter(letter.id).unwrap())
}

fn sent(bench: &JobBench) -> Vec<String> {
    bench.queue.messages().iter().map(|message| message.body.clone()).collect()
}

fn key(order: &str) -> LedgerKey {
    LedgerKey::owned(&settings().reading.scope, &Key::new(order).unwrap())
}

/// The letter's first send, whose answer was lost and whose claim ran out: its copy is still in the queue, and the letter waits
/// for a person.
async fn in_doubt(bench: &JobBench, letter: &Letter) -> Letter {
    let claimed = edges::claim(
        letter,
        OwnerToken::from_random(9),
        ClaimTerms::default(),
        "lost",
        Duration::from_secs(5),
        now(bench),
    )
    .unwrap();
    Outbox::send(&bench.queue, vec![Outgoing::of_claimed(&claimed).unwrap()]).await.unwrap().pop().unwrap().unwrap();
    sleep(Duration::from_secs(10)).await;
    let doubted = edges::return_in_doubt(&claimed, "its claim ran out", "lost", now(bench)).unwrap();
    bench.letters.force(doubted.clone());
    doubted
}

/// The processor, at work on the queue for two minutes.
async fn work(bench: &JobBench, handler: &Scripted) {
    let until = Instant::now() + 2 * MINUTE;
    for n in 0_u64.. {
        if Instant::now() >= until || !bench.queue.wait(until - Instant::now()).await {
            return;
        }
        let process = bench.faults.of(&format!("worker.{n}"));
        let batch = bench.queue.clone().with_faults(process.clone()).receive_batch(10);
        let processor = Processor::with_dead_letters(
            handler.clone().with_faults(process.clone()),
            bench.ledger.clone().with_faults(process.clone()),
            bench.queue.clone().with_faults(process.clone()),
            None::<ModelQueue>,
            VirtualWorld::new(bench.faults.clock().clone(), n),
            process_settings(),
            Handle::current(),
        );
        let deadline = Instant::now() + Duration::from_secs(27);
        let report = processor.process(batch.clone(), Origin::default(), deadline).await.unwrap();
        bench.queue.apply_response(&batch, &report.response);
    }
}

fn process_settings() -> ProcessSettings {
    ProcessSettings {
        reading: settings().reading,
        order: InOrder::Keys,
        rules: Rules { schedule: Schedule::parse("1s,5s").unwrap(), max_receives: 10 },
        handler_timeout: Duration::from_secs(10),
        claim_hold: Duration::from_millis(1_250),
        masks: Masks::default(),
        concurrency: 4,
        retention: LONG,
        settle_reserve: Duration::from_secs(1),
        clock_skew: Duration::from_secs(5),
        brake: OutageBrake::default(),
    }
}

/// Returns the number of an order's charges, and the body that was charged.
fn charged(bench: &JobBench, order: &str) -> (u64, Option<PayloadHash>) {
    let entry = bench.ledger.entry(&key(order)).filter(|entry| entry.state == EntryState::Completed);
    (bench.ledger.counter(&format!("charged:{order}")), entry.map(|entry| entry.hash.clone()))
}

fn hash(order: &str, amount: u64) -> PayloadHash {
    PayloadHash::of_json(&Order::body(order, amount).parse().unwrap())
}

#[tokio::test(start_paused = true)]
async fn an_edited_letter_is_sent_with_its_new_body_and_keeps_the_original() {
    let (bench, letter) = with_letter(&Faults::none());
    let report = edit(&bench, &letter, body(12)).await;
    assert_eq!((report.sent, report.edited), (1, 1));
    let now = read(&bench, &letter);
    assert_eq!((&now.payload, now.payload_now(), &now.hash), (&letter.payload, &*Order::body("o-1", 12), &letter.hash));
    assert_eq!((now.status, &now.sends[0].hash, &now.sends[0].key), (Status::Replayed, &hash("o-1", 12), &letter.key));
    let edited = now.history.iter().find(|event| event.what == EventKind::Edited).unwrap();
    assert_eq!((edited.who.as_str(), edited.note.as_deref()), ("ann", None));
    work(&bench, &Scripted::new()).await;
    assert_eq!(charged(&bench, "o-1"), (1, Some(hash("o-1", 12))));
    bench.run("schedule", &Request::Schedule).await;
    assert_eq!(read(&bench, &letter).status, Status::Resolved);
}

#[tokio::test(start_paused = true)]
async fn a_copy_that_is_still_under_way_does_not_run_after_the_edit() {
    // Whether the ledger knows nothing of the key, or that the letter's first enqueue died under it.
    for died_before in [false, true] {
        let (bench, letter) = with_letter(&Faults::none());
        if died_before {
            let enqueues =
                vec![EnqueueRecord { enqueue: letter.enqueue.clone(), attempts: 1, dead: true, withdrawn: false }];
            bench.ledger.force(key("o-1"), Entry { enqueues, ..failed(&bench) });
        }
        let doubted = in_doubt(&bench, &letter).await;
        assert_eq!(edit(&bench, &doubted, body(12)).await.sent, 1);
        let entry = bench.ledger.entry(&key("o-1")).unwrap();
        assert!(entry.withdraws(SendId { letter: letter.id, number: ReplayNumber(1) }), "{entry:?}");
        assert!(entry.is_dead(&letter.enqueue));
        // Both copies are there, the old one first.
        assert_eq!(sent(&bench), [Order::body("o-1", 10), Order::body("o-1", 12)]);
        work(&bench, &Scripted::new()).await;
        assert_eq!(charged(&bench, "o-1"), (1, Some(hash("o-1", 12))));
        let started = bench.faults.journal().story().matches("handler starts").count();
        assert_eq!(started, 1, "only the edited body was run");
        assert_eq!(sent(&bench), [Order::body("o-1", 10)], "the old one waits for SQS to move it");
    }
}

/// An entry of somebody else's failure.
fn failed(bench: &JobBench) -> Entry {
    Entry {
        state: EntryState::Failed,
        owner: OwnerToken::from_random(1),
        lease_until: Timestamp::NEVER,
        hash: hash("o-1", 10),
        version: 7,
        enqueues: Vec::new(),
        send: None,
        fault: None,
        history: Vec::new(),
        withdrawn: Vec::new(),
        dead_enqueues: DeadEnqueues::default(),
        expires: now(bench).after(LONG),
    }
}

#[tokio::test(start_paused = true)]
async fn an_edit_waits_as_long_as_somebody_runs_the_key_and_nothing_is_sent() {
    let (bench, letter) = with_letter(&Faults::none());
    let lease_until = now(&bench).after(MINUTE);
    let running = Entry { state: EntryState::InProgress, lease_until, ..failed(&bench) };
    bench.ledger.force(key("o-1"), running.clone());
    let report = edit(&bench, &letter, body(12)).await;
    assert_eq!((report.sent, report.edit_waits, report.edited), (0, 1, 0));
    assert_eq!((read(&bench, &letter), bench.ledger.entry(&key("o-1")).unwrap().version), (letter.clone(), 7));
    sleep(2 * MINUTE).await;
    assert_eq!(edit(&bench, &letter, body(12)).await.sent, 1);
    let entry = bench.ledger.entry(&key("o-1")).unwrap();
    let touched = Entry {
        enqueues: entry.enqueues.clone(),
        withdrawn: entry.withdrawn.clone(),
        version: 8,
        expires: entry.expires,
        ..running
    };
    assert_eq!(*entry, touched, "replay touches nothing else of it");
}

#[tokio::test(start_paused = true)]
async fn a_letter_whose_effect_has_happened_is_resolved_and_not_edited() {
    let (bench, letter) = with_letter(&Faults::none());
    // Under the key of an earlier send, which is not the letter's any more.
    let doubted = in_doubt(&bench, &letter).await;
    let other = Letter { key: Key::new("o-other").ok(), ..doubted };
    bench.letters.force(other.clone());
    bench.ledger.force(key("o-1"), Entry { state: EntryState::Completed, ..failed(&bench) });
    let report = edit(&bench, &other, body(12)).await;
    assert_eq!((report.sent, report.edited, report.resolved_instead), (0, 0, 1));
    assert_eq!((read(&bench, &letter).status, sent(&bench).len()), (Status::Resolved, 1));
    assert!(bench.ledger.entry(&key("o-other")).is_none(), "nothing was withdrawn");
}

#[tokio::test(start_paused = true)]
async fn an_edit_that_does_not_apply_is_told_with_its_reason_and_the_original_is_not_sent() {
    let (bench, first) = with_letter(&Faults::none());
    let letters = [first, letter(&bench, 2), Letter { payload: "secret".to_owned(), ..letter(&bench, 3) }];
    letters.iter().for_each(|letter| bench.letters.force(letter.clone()));
    let ids = letters.each_ref().map(|letter| letter.id);
    let only_first = patch(
        json!([{"op": "test", "path": "/order_id", "value": "o-1"}, {"op": "add", "path": "/amount", "value": 3}]),
    );
    let report = bench.run("ann", &replay(&ids, Some(only_first))).await;
    assert_eq!(
        (report.sent, report.edit_failed, sent(&bench)),
        (
            1,
            2,
            vec![
                Order::body("o-1", 3)
                    .replace("{\"order_id\":\"o-1\",\"amount\":3}", "{\"amount\":3,\"order_id\":\"o-1\"}")
            ]
        )
    );
    let told: Vec<_> = report.refused_edits.iter().map(|refused| (refused.letter, refused.why.as_str())).collect();
    let test = "operation 1 of the patch does not apply: its test failed";
    let text = "cannot be patched, because the body is not JSON: expected value at line 1 column 1; give a whole body";
    assert_eq!(told, [(ids[1], test), (ids[2], text)]);
    assert_eq!(read(&bench, &letters[1]), letters[1]);
    for (wrong, why) in [
        (Edit::Body("not json".to_owned()), "cannot be read: not-json"),
        (Edit::Body(r#"{"order_id":""}"#.to_owned()), "has no key"),
        // Redrive's own attribute carries the key that the letter has.
        (Edit::Body("{}".to_owned()), ""),
    ] {
        let report = edit(&bench, &letters[1], wrong).await;
        let told = report.refused_edits.first().map_or(String::new(), |refused| refused.why.clone());
        assert!(told.contains(why) && (report.sent == 0) != why.is_empty(), "{why:?}: {told:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_claim_of_an_edited_letter_that_runs_out_is_taken_over_with_the_edited_body() {
    // Letters are read, the ledger is asked, and the queue for its limit; copies are withdrawn, the letter is claimed; the send is
    // lost.
    let calls = [
        "read letters",
        "read entries",
        "say how large a message may be",
        "read entries",
        "withdraw copies",
        "write letters",
        "send messages",
    ];
    let faults = Faults::script([(calls.len() - 1, CallFault::Refused)]);
    let (bench, letter) = with_letter(&faults);
    let report = edit(&bench, &letter, body(12)).await;
    let made: Vec<_> = faults.calls().iter().map(|call| call.action).collect();
    assert_eq!((made, report.in_doubt, report.sent), (calls.to_vec(), 1, 0));
    sleep(2 * MINUTE).await;
    bench.run("schedule", &Request::Schedule).await;
    assert_eq!(sent(&bench), [Order::body("o-1", 12)]);
    assert_eq!(read(&bench, &letter).number, ReplayNumber(2));
}

#[tokio::test(start_paused = true)]
async fn whatever_happens_to_a_call_of_an_edit_the_old_body_never_runs_once_the_edit_is_claimed() {
    let call_faults =
        [CallFault::Refused, CallFault::LostAnswer, CallFault::CrashBefore, CallFault::CrashAfter, CallFault::Twice];
    let late = [CallFault::Late(Duration::from_secs(3)), CallFault::Late(Duration::from_secs(90))];
    let mut runs = 0;
    for call in 0..9 {
        for call_fault in call_faults.into_iter().chain(late) {
            let (bench, letter) = with_letter(&Faults::script([(call, call_fault)]));
            // The send of the doubted copy is the first call.
            let doubted = match call {
                0 => letter.clone(),
                _ => in_doubt(&bench, &letter).await,
            };
            for n in 0..6 {
                let request = replay(&[doubted.id], Some(body(12)));
                if read(&bench, &letter).edited.is_none() {
                    bench.run(&format!("ann.{n}"), &request).await;
                }
                bench.run(&format!("schedule.{n}"), &Request::Schedule).await;
                sleep(MINUTE).await;
            }
            let claimed = read(&bench, &letter);
            assert_eq!(claimed.payload_now(), Order::body("o-1", 12), "{call_fault:?} at call {call}");
            work(&bench, &Scripted::new()).await;
            assert_eq!(charged(&bench, "o-1"), (1, Some(hash("o-1", 12))), "{call_fault:?} at call {call}");
            bench.run("schedule", &Request::Schedule).await;
            assert_eq!(read(&bench, &letter).status, Status::Resolved, "{call_fault:?} at call {call}");
            runs += 1;
        }
    }
    assert_eq!(runs, 63);
}

#[tokio::test(start_paused = true)]
async fn an_edited_letter_that_dies_again_is_replayed_with_its_edited_body_and_can_be_edited_again() {
    let (bench, letter) = with_letter(&Faults::none());
    edit(&bench, &letter, body(12)).await;
    let enqueue = Enqueue { message_id: bench.queue.messages()[0].id.clone(), sent_at: now(&bench) };
    let died = edges::add_death(
        &read(&bench, &letter),
        &enqueue,
        letter.reason.clone(),
        "indexer",
        &settings().policy,
        now(&bench),
    );
    bench.letters.force(died.unwrap());
    assert_eq!(bench.run("bob", &replay(&[letter.id], None)).await.sent, 1);
    let again = read(&bench, &letter);
    bench.letters.force(
        edges::add_death(&again, &enqueue, letter.reason.clone(), "indexer", &settings().policy, now(&bench)).unwrap(),
    );
    let more = patch(json!([{"op": "replace", "path": "/amount", "value": 13}]));
    assert_eq!(edit(&bench, &letter, more).await.edited, 1);
    let amounts: Vec<_> = sent(&bench).iter().map(|body| serde_json::from_str::<Order>(body).unwrap().amount).collect();
    assert_eq!(amounts, [12, 12, 13]);
    work(&bench, &Scripted::new()).await;
    assert_eq!(bench.ledger.counter("charged:o-1"), 1);
    assert_eq!(charged(&bench, "o-1").1, Some(hash("o-1", 13)), "the copies of the first edit are withdrawn, too");
}

#[tokio::test(start_paused = true)]
async fn an_edit_gives_a_letter_without_a_key_its_key() {
    let (bench, letter) = with_letter(&Faults::none());
    let broken =
        Letter { payload: "{".to_owned(), hash: PayloadHash::of_text("{"), key: None, key_is_stable: false, ..letter };
    bench.letters.force(broken.clone());
    assert_eq!(edit(&bench, &broken, body(12)).await.sent, 1);
    let now = read(&bench, &broken);
    assert_eq!((&now.key, &now.sends[0].key, now.key_is_stable), (&Key::new("o-1").ok(), &Key::new("o-1").ok(), true));
    work(&bench, &Scripted::new()).await;
    assert_eq!(charged(&bench, "o-1"), (1, Some(hash("o-1", 12))));
}
