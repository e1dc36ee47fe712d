//! Pages over many waiting letters, and the acts of late.

use std::time::Duration;

use redrive_core::letters::letter::Status;
use redrive_core::letters::listing::{Cursor, Listing};
use redrive_core::letters::summary::CauseTally;
use redrive_core::ports::{Acts, Letters, Summaries};
use redrive_core::replay::ActRecord;
use redrive_core::time::Timestamp;

use crate::browser::{Browser, NOW};
use crate::incident::Incident;
use crate::story;

fn filled() -> Incident {
    let incident = Incident::at(NOW);
    story::fill(&incident, 0);
    incident
}

fn before(seconds: u64) -> Timestamp {
    Timestamp::from_millis(NOW.as_millis() - seconds * 1_000)
}

/// Keeps a summary as the schedule's walk does.
async fn keep(incident: &Incident, causes: usize, as_of: Timestamp) {
    let mut tally = CauseTally::of_at_most(causes);
    let waiting = Listing::all(Status::Pending);
    incident.letters.scan_all(waiting, Cursor::START, 1_000, |one| tally.add(&one)).await.unwrap();
    incident.letters.keep_summary(tally.summary(as_of)).await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn causes_from_the_schedules_summary_say_of_when_they_are_and_read_no_waiting_letter() {
    let incident = filled();
    let read = Browser::open(&incident).await.get("/").await.body;
    assert!(read.contains("251 letters of") && !read.contains("as the schedule counted them"), "{read}");
    keep(&incident, 2, before(100)).await;
    let calls = incident.faults.calls().len();
    let kept = Browser::open(&incident).await.get("/").await.body;
    for shown in ["251 letters of", "as the schedule counted them at", "(1m ago)", "<b>148 ×</b>", "smaller cause"] {
        assert!(kept.contains(shown), "{shown} is not in {kept}");
    }
    let queries =
        incident.faults.calls()[calls..].iter().filter(|call| call.action == "query the status index").count();
    assert_eq!(queries, 2 * incident.letters.lanes().len(), "only what is under way is read");
    let overview = Browser::open(&incident).await.get("/overview").await.body;
    assert!(overview.contains("PERMANENT"), "failures by class, too");
}

#[tokio::test(start_paused = true)]
async fn the_overview_shows_what_people_did_to_letters_of_late() {
    let incident = filled();
    let who = "arn:aws:sts::123456789012:assumed-role/on-call/ann".to_owned();
    for (at, action, letters) in
        [(before(600), "discard", 2), (before(500), "discard", 1), (before(300), "restore", 2), (before(60), "note", 1)]
    {
        let why = Some("test <orders>".to_owned());
        incident
            .letters
            .keep_act(ActRecord { at, who: who.clone(), action: action.to_owned(), letters, why })
            .await
            .unwrap();
    }
    let (action, why) = ("erase".to_owned(), Some("long ago".to_owned()));
    incident.letters.keep_act(ActRecord { at: before(7_200), who, action, letters: 1, why }).await.unwrap();
    let browser = Browser::open(&incident).await;
    browser.get("/overview").await;
    tokio::time::sleep(Duration::from_secs(1)).await;
    let html = browser.get("/overview").await.body;
    for shown in [
        "Acts of the last hour",
        "ann</span>: discarded 3 letters",
        "ann</span>: restored 2 letters",
        "ann</span>: wrote a note on 1 letter",
        "test &lt;orders&gt;",
    ] {
        assert!(html.contains(shown), "{shown} is not in {html}");
    }
    assert!(!html.contains("long ago"), "{html}");
}
