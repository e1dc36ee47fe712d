//! Edits in jobs and dry runs, without a ledger, of letters that are erased, and such as were begun and never claimed.

use redrive_core::ids::{Enqueue, MessageId};
use redrive_core::letters::edges;
use redrive_core::letters::letter::{EventKind, Letter, Status};
use redrive_core::processing::ledger::Entry;
use redrive_core::replay::job::{Disposition, Guard, JobState, NewJob};
use redrive_core::replay::{Edit, Remark, ReplayOptions, Request, Selection};
use redrive_core::time::Timestamp;
use redrive_testkit::handlers::{Order, Play, Scripted};
use redrive_testkit::{CallFault, Faults};
use serde_json::json;

use super::{body, charged, edit, in_doubt, key, letter, now, patch, read, with_letter, work};
use crate::job_bench::{JOB, JobBench, MINUTE, settings};

#[tokio::test(start_paused = true)]
async fn without_a_ledger_a_letter_is_edited_only_if_no_copy_of_it_is_in_doubt() {
    let (bench, letter) = with_letter(&Faults::none());
    let bench = JobBench { has_ledger: false, ..bench };
    let doubted = in_doubt(&bench, &letter).await;
    let report = edit(&bench, &doubted, body(12)).await;
    assert_eq!((report.sent, report.edit_failed), (0, 1));
    assert!(report.refused_edits[0].why.contains("without a ledger that copy cannot be withdrawn"));
    // Nothing is known of the consumer's bodies either.
    bench.letters.force(letter.clone());
    assert_eq!(edit(&bench, &letter, Edit::Body("any text".to_owned())).await.sent, 1);
}

#[tokio::test(start_paused = true)]
async fn a_dry_run_of_an_edit_touches_nothing_and_tells_what_would_go() {
    let (bench, letter) = with_letter(&Faults::none());
    let other = Letter { payload: "text".to_owned(), ..self::letter(&bench, 2) };
    bench.letters.force(other.clone());
    let selection = Selection::Ids(vec![letter.id, other.id]);
    let add = patch(json!([{"op": "add", "path": "/currency", "value": "EUR"}]));
    let before = bench.letters.all();
    let options = ReplayOptions { edit: Some(add), ..ReplayOptions::default() };
    let report = bench.run("look", &Request::DryRun { selection, options }).await;
    assert_eq!((report.would_send, report.edit_failed, report.refused_edits.len()), (1, 1, 1));
    assert_eq!((bench.letters.all(), bench.queue.len(), bench.ledger.entries().len()), (before, 0, 0));
}

/// A job that patches twelve letters, of which one is no order, with a consumer at work.
async fn job_that_edits(faults: &Faults) -> (JobBench, Vec<Letter>) {
    let bench = JobBench::new(faults);
    let mut letters: Vec<_> = (0..12).map(|n| letter(&bench, n)).collect();
    letters[7].payload = "[]".to_owned();
    letters.iter().for_each(|letter| bench.letters.force(letter.clone()));
    // Applied twice it would copy the new amount.
    let operations = json!([{"op": "copy", "from": "/amount", "path": "/before"},
        {"op": "replace", "path": "/amount", "value": 1}]);
    let job = NewJob {
        id: Some(JOB),
        selection: Selection::Ids(letters.iter().map(|letter| letter.id).collect()),
        to: None,
        guard: Guard { canary: 2, ..Guard::default() },
        by: "ann".to_owned(),
        why: None,
        edit: Some(patch(operations)),
    };
    let view = bench.run("creator", &Request::Job(Box::new(job))).await.jobs.remove(0);
    assert!(view.edits && view.job.edit.is_none(), "the answer does not tell the patch");
    let (at_work, handler) = (bench.clone(), Scripted::new());
    tokio::spawn(async move {
        loop {
            work(&at_work, &handler).await;
        }
    });
    let job = bench.until_closed().await;
    assert_eq!((job.state.clone(), job.account.of(Disposition::EditFailed)), (JobState::Done, 1), "{:?}", job.account);
    assert_eq!(job.account.of(Disposition::Resolved), 11, "{:?}", job.account);
    (bench, letters)
}

#[tokio::test(start_paused = true)]
async fn a_job_edits_each_letter_once_even_if_its_claim_runs_out() {
    let calm = Faults::none();
    job_that_edits(&calm).await;
    let send = calm.calls().iter().position(|call| call.action == "send messages").unwrap();
    // The first send happens, and nobody is told: it is taken over under the next number.
    let (bench, letters) = job_that_edits(&Faults::script([(send, CallFault::LostAnswer)])).await;
    let edited = read(&bench, &letters[0]);
    assert_eq!(edited.payload_now(), r#"{"amount":1,"before":10,"order_id":"o-0"}"#);
    let edits: Vec<_> = edited.history.iter().filter(|event| event.what == EventKind::Edited).collect();
    assert!(edits.len() == 1 && edits[0].who == "ann", "{edits:?}");
    assert_eq!(read(&bench, &letters[7]), letters[7]);
    assert!((0..12).all(|n| bench.ledger.counter(&format!("charged:o-{n}")) == u64::from(n != 7)));
}

#[tokio::test(start_paused = true)]
async fn an_erased_letter_loses_its_edited_body_too_and_a_restored_one_keeps_it() {
    let (bench, letter) = with_letter(&Faults::none());
    edit(&bench, &letter, body(12)).await;
    let enqueue = Enqueue { message_id: MessageId::new("copy").unwrap(), sent_at: now(&bench) };
    let died = edges::add_death(
        &read(&bench, &letter),
        &enqueue,
        letter.reason.clone(),
        "indexer",
        &settings().policy,
        now(&bench),
    );
    bench.letters.force(died.unwrap());
    let remark = || Remark { selection: Selection::Ids(vec![letter.id]), note: "n".to_owned(), by: "ann".to_owned() };
    assert_eq!(bench.run("a", &Request::Discard(remark())).await.discarded, 1);
    assert_eq!(bench.run("b", &Request::Restore(remark())).await.restored, 1);
    assert_eq!(read(&bench, &letter).payload_now(), Order::body("o-1", 12));
    assert_eq!(bench.run("c", &Request::Erase(remark())).await.erased, 1);
    let erased = read(&bench, &letter);
    assert_eq!((&erased.edited, erased.payload.as_str(), erased.body_bytes()), (&None, "", 0));
}

#[tokio::test(start_paused = true)]
async fn a_withdrawn_copy_of_an_edit_that_was_never_claimed_comes_back_unrun_and_its_letter_waits() {
    use redrive_core::letters::admission::{Admission, Findings, admit};
    use redrive_core::message::decode::Inspected;
    use redrive_core::message::envelope::Envelope;
    let (bench, letter) = with_letter(&Faults::script([(6, CallFault::CrashBefore)]));
    let doubted = in_doubt(&bench, &letter).await;
    edit(&bench, &doubted, body(12)).await;
    assert_eq!(read(&bench, &letter), doubted, "it crashed between withdrawing and claiming");
    work(&bench, &Scripted::new().on("o-1", [Play::Succeed])).await;
    assert_eq!(charged(&bench, "o-1").0, 0);
    bench.queue.wait(MINUTE).await;
    let record = bench.queue.receive_batch(10).remove(0);
    let dead = Envelope::read(bench.queue.messages()[0].id.clone(), record).unwrap();
    let dead = Inspected::new(dead, &settings().reading);
    let owned = bench.ledger.entry(&key("o-1")).map(|entry| Entry::clone(&entry));
    for status in [Status::Pending, Status::Replayed] {
        let named = Some(Letter { status, ..doubted.clone() });
        let found = Findings { owned: owned.clone(), named, ..Findings::default() };
        let admission = admit(&dead, &found, &settings().reading, &settings().policy, now(&bench));
        let Admission::Change(back) = admission else { panic!("{admission:?}") };
        assert_eq!((back.status, back.due, back.deaths), (Status::Pending, Timestamp::NEVER, 2));
        assert_eq!(back.reason, doubted.reason, "it did not fail again");
    }
}
