//! Pages over many waiting letters, and the acts of late.

use std::time::Duration;

use redrive_core::letters::edges;
use redrive_core::letters::letter::{Letter, Status};
use redrive_core::letters::listing::{Cursor, Listing};
use redrive_core::letters::summary::CauseTally;
use redrive_core::ports::{Letters, Summaries};
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
async fn the_overview_shows_who_gave_letters_up_of_late() {
    let incident = filled();
    let waits = |letter: &Letter| letter.status == Status::Pending;
    let some: Vec<_> = incident.letters.all().into_iter().filter(|letter| waits(letter)).take(4).collect();
    for (n, letter) in some.iter().enumerate() {
        let at = if n < 3 { before(600) } else { before(7_200) };
        let by = "arn:aws:sts::123456789012:assumed-role/on-call/ann";
        incident.letters.force(edges::discard(letter, "test <orders>", by, &Incident::policy(), at).unwrap());
    }
    let browser = Browser::open(&incident).await;
    browser.get("/overview").await;
    tokio::time::sleep(Duration::from_secs(1)).await;
    let html = browser.get("/overview").await.body;
    for shown in ["Acts of the last hour", "ann</span>: discarded 3 letters", "test &lt;orders&gt;"] {
        assert!(html.contains(shown), "{shown} is not in {html}");
    }
}
