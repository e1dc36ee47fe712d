//! Nothing that was taken from an erased letter's message is left in the dead-letter table.

use std::fmt::Debug;

use redrive_core::fault::Class;
use redrive_core::ids::{Enqueue, LetterId, MessageId};
use redrive_core::letters::cause::Cause;
use redrive_core::letters::edges;
use redrive_core::letters::letter::{Body, Letter, Reason};
use redrive_core::message::envelope::Attribute;
use redrive_core::message::key::{Key, PayloadHash};
use redrive_core::ports::Causes;
use redrive_core::processing::ledger::{Attempt, Origin};
use redrive_core::replay::job::{Guard, NewJob};
use redrive_core::replay::{Change, Edit, Remark, Request, Selection};
use redrive_engine::ReplayReport;
use redrive_testkit::Faults;
use serde_json::json;

use crate::job_bench::{Does, JOB, JobBench, settings};

/// Mark that every part of the message has in it.
const MARK: &str = "hush";

fn letter(bench: &JobBench, n: usize) -> Letter {
    let plain = bench.letter(n, "c");
    let payload = json!({"order_id": format!("{MARK}-{n}"), "customer": MARK});
    let text = format!("order {MARK}-{n} of {MARK} is refused");
    let attempt = Attempt {
        enqueue: plain.enqueue.clone(),
        at: plain.sent_at,
        class: Class::Permanent,
        code: "c".to_owned(),
        text: text.clone(),
        origin: Origin::default(),
    };
    let reason = Reason { error_message: text, attempts: vec![attempt], ..plain.reason.clone() };
    let enqueue = Enqueue { message_id: MessageId::new(format!("again-{n}")).unwrap(), ..plain.enqueue.clone() };
    let policy = &settings().policy;
    let died = edges::add_death(&plain, &enqueue, reason, "indexer", policy, plain.sent_at).unwrap();
    Letter {
        key: Key::new(format!("{MARK}-{n}")).ok(),
        hash: PayloadHash::of_json(&payload.to_string().parse().unwrap()),
        payload: payload.to_string(),
        attributes: [(MARK.to_owned(), Attribute::text(MARK))].into(),
        group: Some(MARK.to_owned()),
        version: 1,
        ..died
    }
}

async fn with_letters(bench: &JobBench, count: usize) -> Vec<Letter> {
    let letters: Vec<_> = (1..=count).map(|n| letter(bench, n)).collect();
    for letter in &letters {
        bench.letters.force(letter.clone());
        let cause = Cause::of(letter, &settings().policy, letter.sent_at).unwrap();
        bench.letters.record(vec![cause], letter.sent_at).await.remove(0).unwrap();
    }
    letters
}

async fn edited(bench: &JobBench, ids: Vec<LetterId>, edit: Edit) {
    let asked = NewJob {
        id: Some(JOB),
        selection: Selection::Ids(ids),
        to: None,
        guard: Guard { canary: 1, ..Guard::default() },
        by: "ann".to_owned(),
        why: None,
        edit: Some(edit),
    };
    bench.run("creator", &Request::Job(Box::new(asked))).await;
}

async fn erase(bench: &JobBench, letter: &Letter) -> ReplayReport {
    let selection = Selection::Ids(vec![letter.id]);
    let remark = Remark { selection, note: "asked to".to_owned(), by: "ann".to_owned() };
    bench.run("eraser", &Request::Erase(remark)).await
}

/// Everything in the table, part by part.
fn parts(bench: &JobBench) -> Vec<(&'static str, String)> {
    let jobs = bench.letters.all_jobs();
    let batches: Vec<_> = jobs.iter().flat_map(|job| bench.letters.all_batches(job.id)).collect();
    let told = |part: &dyn Debug| format!("{part:?}");
    vec![
        ("letters", told(&bench.letters.all())),
        ("jobs", told(&jobs)),
        ("batches", told(&batches)),
        ("causes", told(&bench.letters.all_causes())),
    ]
}

#[tokio::test(start_paused = true)]
async fn an_erased_letter_leaves_nothing_of_its_message_in_letters_jobs_batches_and_causes() {
    let bench = JobBench::new(&Faults::none());
    let letter = with_letters(&bench, 1).await.remove(0);
    let body = json!({"order_id": format!("{MARK}-1"), "customer": format!("{MARK} again")});
    edited(&bench, vec![letter.id], Edit::Body(body.to_string())).await;
    bench.consume(|_| Does::Fail);
    bench.until_closed().await;
    let sent = Letter::clone(&bench.letters.letter(letter.id).unwrap());
    assert_eq!(erase(&bench, &letter).await.changed_meanwhile, 1, "a copy is under way, and may come back to it");
    let policy = settings().policy;
    let died =
        edges::add_death(&sent, &letter.enqueue, letter.reason.clone(), "indexer", &policy, letter.sent_at).unwrap();
    bench.letters.force(died);
    for (part, text) in parts(&bench) {
        assert!(text.contains(MARK), "{part} have something to erase: {text}");
    }
    let report = erase(&bench, &letter).await;
    assert_eq!((report.erased, report.edits_kept, report.unavailable), (1, 0, 0));
    for (part, text) in parts(&bench) {
        assert!(!text.contains(MARK), "{part} still have it: {text}");
    }
    let erased = bench.letters.letter(letter.id).unwrap();
    assert!(matches!(&erased.body, Body::Erased { by, note, .. } if by == "ann" && note == "asked to"));
    assert!(erased.hash == letter.hash && erased.reason.error_code.as_deref() == Some("c"), "what it was stays known");
}

#[tokio::test(start_paused = true)]
async fn a_body_that_a_job_never_sent_goes_too_and_a_patch_once_no_other_letter_needs_it() {
    let bench = JobBench::new(&Faults::none());
    let letters = with_letters(&bench, 2).await;
    let patch = json!([{"op": "replace", "path": "/customer", "value": format!("{MARK} mended")}]);
    let patch = Edit::Patch(serde_json::from_value(patch).unwrap());
    edited(&bench, letters.iter().map(|letter| letter.id).collect(), patch).await;
    let change = |to| Request::Change { job: JOB, to, by: "ann".to_owned(), why: None };
    bench.run("ann", &change(Change::Pause)).await;
    let report = erase(&bench, &letters[0]).await;
    assert_eq!((report.erased, report.edits_kept), (1, 1));
    assert!(bench.job().edit.is_some(), "the other letter would go without it");
    bench.run("ann", &change(Change::Cancel)).await;
    bench.run("worker", &Request::Work).await;
    assert!(!bench.job().is_open());
    let report = erase(&bench, &letters[0]).await;
    assert_eq!((report.erased, report.changed_meanwhile, report.edits_kept), (0, 1, 0), "once is for ever");
    assert_eq!(bench.job().edit, None);

    let bench = JobBench::new(&Faults::none());
    let letter = with_letters(&bench, 1).await.remove(0);
    edited(&bench, vec![letter.id], Edit::Body(json!({"order_id": MARK}).to_string())).await;
    bench.run("ann", &change(Change::Pause)).await;
    assert_eq!(erase(&bench, &letter).await.erased, 1);
    assert_eq!(bench.job().edit, None, "it was of this letter alone");
}
