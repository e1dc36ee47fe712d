//! Sends that SQS refuses: nothing of them stays, and a job tries again what may pass.

use redrive_core::letters::edges;
use redrive_core::letters::letter::{EventKind, Letter, Status};
use redrive_core::replay::job::{Disposition, Guard, JobState, NewJob, Stop, TRIES};
use redrive_core::replay::{Edit, ReplayOptions, Request, Selection};
use redrive_testkit::Faults;
use serde_json::json;
use std::time::Duration;

use crate::job_bench::{Does, JOB, JobBench, MINUTE, of_code};

/// Makes the patch of a job, which adds and replaces as an adversary would.
fn patch() -> Edit {
    let operations = json!([{"op": "test", "path": "/currency", "value": "CHF"},
        {"op": "replace", "path": "/currency", "value": "EUR"}, {"op": "add", "path": "/tags/-", "value": "mended"}]);
    Edit::Patch(serde_json::from_value(operations).unwrap())
}

fn order(bench: &JobBench, n: usize) -> Letter {
    let payload = json!({"order_id": format!("o-{n}"), "currency": "CHF", "tags": ["a"]});
    let hash = redrive_core::message::key::PayloadHash::of_json(&payload.to_string().parse().unwrap());
    Letter { payload: payload.to_string(), hash, ..bench.letter(n, "c") }
}

fn replay(letter: &Letter, edit: Option<Edit>) -> Request {
    let options = ReplayOptions { edit, ..ReplayOptions::default() };
    Request::Replay { selection: Selection::Ids(vec![letter.id]), by: "ann".to_owned(), options }
}

fn bodies(bench: &JobBench) -> Vec<String> {
    bench.queue.messages().iter().map(|message| message.body.clone()).collect()
}

#[tokio::test(start_paused = true)]
async fn an_edit_whose_send_is_refused_leaves_nothing_behind_and_the_same_command_edits_once() {
    let bench = JobBench::new(&Faults::none());
    let letter = order(&bench, 1);
    bench.letters.force(letter.clone());
    for code in ["RequestThrottled", "AccessDenied", "InvalidMessageContents"] {
        bench.queue.refuse_sends(1, &[(code, 1_000)]);
        let report = bench.run("ann", &replay(&letter, Some(patch()))).await;
        assert_eq!((report.not_sent, report.sent), (1, 0));
        let now = Letter::clone(&bench.letters.letter(letter.id).unwrap());
        assert_eq!((now.status, &now.edited, now.payload_now()), (Status::Pending, &None, letter.payload.as_str()));
        assert!(
            now.history.iter().all(|event| event.what != EventKind::Edited),
            "what was never sent was never edited"
        );
        assert_eq!(
            now.history.last().map(|event| (event.what, event.note.clone())),
            Some((EventKind::NotSent, Some(code.to_owned())))
        );
    }
    bench.queue.refuse_sends(1, &[]);
    assert_eq!(bench.run("ann-again", &replay(&letter, Some(patch()))).await.sent, 1);
    assert_eq!(bodies(&bench), [r#"{"currency":"EUR","order_id":"o-1","tags":["a","mended"]}"#]);
}

#[tokio::test(start_paused = true)]
async fn a_refused_second_edit_leaves_the_first_one_as_it_was() {
    let bench = JobBench::new(&Faults::none());
    let letter = order(&bench, 1);
    bench.letters.force(letter.clone());
    bench.consume(|_| Does::Fail);
    assert_eq!(bench.run("ann", &replay(&letter, Some(patch()))).await.sent, 1);
    tokio::time::sleep(MINUTE).await;
    // It has died again.
    let sent = Letter::clone(&bench.letters.letter(letter.id).unwrap());
    let back = edges::add_death(
        &sent,
        &sent.enqueue,
        sent.reason.clone(),
        "indexer",
        &crate::job_bench::settings().policy,
        bench.faults.clock().now(),
    );
    let back = back.unwrap();
    bench.letters.force(back.clone());
    bench.queue.refuse_sends(1, &[("RequestThrottled", 1_000)]);
    let body = Edit::Body(json!({"order_id": "o-1", "currency": "USD"}).to_string());
    assert_eq!(bench.run("bob", &replay(&letter, Some(body))).await.not_sent, 1);
    let now = bench.letters.letter(letter.id).unwrap();
    assert!(back.edited.is_some());
    assert_eq!((now.status, &now.edited), (Status::Pending, &back.edited));
}

async fn patched(bench: &JobBench) {
    let (selection, guard) = (of_code("c"), Guard { rate: 20, step_seconds: 5, ..Guard::default() });
    let asked =
        NewJob { id: Some(JOB), selection, to: None, guard, by: "ann".to_owned(), why: None, edit: Some(patch()) };
    bench.run("creator", &Request::Job(Box::new(asked))).await;
}

#[tokio::test(start_paused = true)]
async fn a_job_of_a_hundred_letters_under_throttling_and_denials_ends_with_a_hundred() {
    for seed in 0..10 {
        let bench = JobBench::new(&Faults::none());
        (0..100).for_each(|n| bench.letters.force(order(&bench, n)));
        bench.queue.refuse_sends(seed, &[("RequestThrottled", 100), ("AccessDenied", 20)]);
        bench.consume(|_| Does::Succeed);
        patched(&bench).await;
        let job = bench.until_closed().await;
        assert_eq!(
            (&job.state, job.account.of(Disposition::Resolved), job.account.total()),
            (&JobState::Done, 100, 100),
            "seed {seed}"
        );
        assert_eq!(bench.copies(), (100, 1));
        let edited = bench.letters.all().iter().all(|letter| letter.payload_now().contains(r#""tags":["a","mended"]"#));
        assert!(edited, "each was edited, and once");
    }
}

#[tokio::test(start_paused = true)]
async fn a_job_that_is_denied_for_good_waits_says_so_and_stops_with_the_code() {
    let bench = JobBench::new(&Faults::none());
    (0..100).for_each(|n| bench.letters.force(order(&bench, n)));
    bench.queue.refuse_sends(1, &[("AccessDenied", 1_000)]);
    patched(&bench).await;
    let report = bench.run("first", &Request::Work).await;
    assert_eq!(
        (report.jobs[0].job.state.clone(), report.jobs[0].known.of(Disposition::Retrying)),
        (JobState::Canary, 10)
    );
    let job = bench.until_closed().await;
    assert_eq!(job.state, JobState::Stopped { why: Stop::StillRefused { code: "AccessDenied".to_owned() } });
    let refused = job.account.of(Disposition::Refused);
    assert_eq!((refused + job.account.of(Disposition::NotReached), job.account.total()), (10, 10));
    assert!(refused > 0 && bench.count(Status::Pending) == 100);
    let tries = bench
        .letters
        .all()
        .iter()
        .map(|letter| letter.history.iter().filter(|event| event.what == EventKind::NotSent).count())
        .max();
    assert_eq!(tries, Some(TRIES as usize));
    let told = job.history.last().unwrap().why.clone().unwrap();
    assert_eq!(told, "SQS still refuses a letter with AccessDenied after 10 tries");
}

#[tokio::test(start_paused = true)]
async fn a_queue_that_is_not_there_stops_a_job_at_once() {
    let bench = JobBench::new(&Faults::none());
    (0..100).for_each(|n| bench.letters.force(order(&bench, n)));
    bench.queue.refuse_sends(1, &[("QueueDoesNotExist", 1_000)]);
    patched(&bench).await;
    let begun = bench.faults.clock().now();
    let job = bench.until_closed().await;
    assert_eq!(job.state, JobState::Stopped { why: Stop::Refused { code: "QueueDoesNotExist".to_owned() } });
    assert!(bench.faults.clock().now().since(begun) < Duration::from_secs(60));
}
