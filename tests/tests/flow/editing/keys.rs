//! Edits that change a letter's key: to another order, and so only if that is said.

use redrive_core::letters::letter::Status;
use redrive_core::replay::job::{Guard, NewJob};
use redrive_core::replay::{Edit, ReplayOptions, Request, Selection};
use redrive_testkit::Faults;
use redrive_testkit::handlers::{Order, Scripted};
use serde_json::json;

use super::{charged, edit, in_doubt, patch, read, sent, with_letter, work};

fn another_key() -> Edit {
    Edit::Body(Order::body("o-new", 10))
}

#[tokio::test(start_paused = true)]
async fn an_edit_that_changes_the_key_is_refused_unless_it_is_allowed_in_a_job_too() {
    let (bench, letter) = with_letter(&Faults::none());
    let patch = patch(json!([{"op": "replace", "path": "/order_id", "value": "o-new"}]));
    for wrong in [another_key(), patch.clone()] {
        let report = edit(&bench, &letter, wrong).await;
        assert_eq!((report.sent, report.edit_failed), (0, 1));
        assert!(report.refused_edits[0].why.starts_with(r#"key changes from "o-1" to "o-new""#), "{report:?}");
    }
    let job = |guard| NewJob {
        id: None,
        selection: Selection::Ids(vec![letter.id]),
        to: None,
        guard,
        by: "ann".to_owned(),
        why: None,
        edit: Some(patch.clone()),
    };
    bench.run("job", &Request::Job(Box::new(job(Guard::default())))).await;
    bench.run("job", &Request::Work).await;
    assert!(sent(&bench).is_empty() && read(&bench, &letter).status == Status::Pending);
    let allowed = Guard { allow_key_change: true, ..Guard::default() };
    bench.run("allowed", &Request::Job(Box::new(job(allowed)))).await;
    bench.run("allowed", &Request::Work).await;
    work(&bench, &Scripted::new()).await;
    assert_eq!((charged(&bench, "o-1").0, charged(&bench, "o-new").0), (0, 1));
}

#[tokio::test(start_paused = true)]
async fn an_edit_that_changes_the_key_withdraws_the_copies_under_the_old_one() {
    let (bench, letter) = with_letter(&Faults::none());
    let doubted = in_doubt(&bench, &letter).await;
    let options = ReplayOptions { edit: Some(another_key()), allow_key_change: true, ..ReplayOptions::default() };
    let selection = Selection::Ids(vec![doubted.id]);
    bench.run("ann", &Request::Replay { selection, by: "ann".to_owned(), options }).await;
    work(&bench, &Scripted::new()).await;
    assert_eq!((charged(&bench, "o-1"), charged(&bench, "o-new").0), ((0, None), 1));
    bench.run("schedule", &Request::Schedule).await;
    assert_eq!(read(&bench, &letter).status, Status::Resolved);
}
