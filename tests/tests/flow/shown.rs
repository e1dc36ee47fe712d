//! Requests that touch what was shown: by id and version, or as of a stated instant.

use std::collections::BTreeMap;
use std::time::Duration;

use redrive_core::ids::LetterId;
use redrive_core::letters::edges;
use redrive_core::letters::letter::{Event, EventKind, Letter, Status};
use redrive_core::replay::job::{Disposition, Guard, NewJob};
use redrive_core::replay::{IN_FLIGHT, Remark, ReplayOptions, Request, Selection, Shown};
use redrive_core::time::Timestamp;
use redrive_testkit::Faults;

use crate::job_bench::{Does, JOB, JobBench, of_code, settings};

fn shown(letters: &[Letter]) -> Selection {
    let letters: BTreeMap<_, _> = letters.iter().map(|letter| (letter.id, letter.version)).collect();
    Selection::Shown(Shown { letters, named: false })
}

fn remark(selection: Selection) -> Remark {
    Remark { selection, note: "n".to_owned(), by: "ann".to_owned() }
}

/// Returns what a screen shows of letters: each with the time of its last change, and its version.
fn looks(letters: &[Letter]) -> Vec<(LetterId, Timestamp, u64)> {
    letters.iter().map(|letter| (letter.id, letter.changed_at(), letter.version)).collect()
}

fn all(bench: &JobBench) -> Vec<Letter> {
    bench.letters.all().iter().map(|letter| Letter::clone(letter)).collect()
}

/// Returns a letter that says that it is indexed now.
fn indexed(bench: &JobBench, n: usize) -> Letter {
    let (at, who) = (bench.faults.clock().now(), "indexer".to_owned());
    let event = Event { at, what: EventKind::Indexed, who, note: None, attempt: None };
    Letter { history: vec![event].into(), ..bench.letter(n, "c") }
}

/// Three letters were shown: then one is noted, one dies again, and a fourth is indexed.
async fn changed(bench: &JobBench) -> (Vec<Letter>, Timestamp) {
    let screen = all(bench);
    let at = bench.faults.clock().now();
    tokio::time::sleep(Duration::from_secs(5)).await;
    let now = bench.faults.clock().now();
    bench.letters.force(edges::note(&screen[0], "wait", "bob", now));
    let died =
        edges::add_death(&screen[1], &screen[1].enqueue, screen[1].reason.clone(), "indexer", &settings().policy, now);
    bench.letters.force(died.unwrap());
    bench.letters.force(bench.letter(99, "c"));
    (screen, at)
}

#[tokio::test(start_paused = true)]
async fn only_what_was_shown_is_touched_in_the_version_that_was_shown() {
    let acts: [fn(Remark) -> Request; 2] = [Request::Discard, Request::Erase];
    for act in acts {
        let bench = JobBench::new(&Faults::none()).with_letters(3);
        let (screen, _) = changed(&bench).await;
        let report = bench.run("ann", &act(remark(shown(&screen)))).await;
        assert_eq!(report.changed_meanwhile, 2);
        assert_eq!((bench.count(Status::Discarded), bench.count(Status::Pending)), (1, 3));
        assert_eq!(bench.letters.letter(screen[2].id).unwrap().status, Status::Discarded);
    }
    let bench = JobBench::new(&Faults::none()).with_letters(3);
    let (screen, _) = changed(&bench).await;
    let request =
        Request::Replay { selection: shown(&screen), by: "ann".to_owned(), options: ReplayOptions::default() };
    let report = bench.run("ann", &request).await;
    assert_eq!((report.sent, report.changed_meanwhile, bench.count(Status::Pending)), (1, 2, 3));
}

#[tokio::test(start_paused = true)]
async fn what_was_chosen_by_a_filter_is_not_named_by_its_versions() {
    let bench = JobBench::new(&Faults::none());
    (0..2).for_each(|n| bench.letters.force(bench.letter(n, "never")));
    let request =
        Request::Replay { selection: shown(&all(&bench)), by: "ann".to_owned(), options: ReplayOptions::default() };
    assert_eq!(bench.run("ann", &request).await.policy_never, 2);
}

#[tokio::test(start_paused = true)]
async fn a_filter_with_an_instant_means_what_was_indexed_by_then_and_has_not_changed_since() {
    let bench = JobBench::new(&Faults::none()).with_letters(3);
    tokio::time::sleep(IN_FLIGHT).await;
    let (screen, at) = changed(&bench).await;
    let report = bench.run("ann", &Request::Discard(remark(of_code("c").shown_at(at, looks(&screen)).0))).await;
    // A note changes nothing of what is touched; what died again is told of, and what is new is none of it.
    assert_eq!((report.discarded, report.as_of.as_deref()), (2, Some(at.to_rfc3339().as_str())));
    assert_eq!(bench.letters.letter(screen[1].id).unwrap().status, Status::Pending);
    assert_eq!(bench.count(Status::Pending), 2);
}

#[tokio::test(start_paused = true)]
async fn a_job_means_what_was_indexed_at_its_instant_however_early_it_had_died() {
    for instant in [true, false] {
        let bench = JobBench::new(&Faults::none()).with_letters(3);
        bench.consume(|_| Does::Succeed);
        let died = bench.letter(50, "c");
        tokio::time::sleep(Duration::from_secs(2)).await;
        let selection = if instant {
            of_code("c").shown_at(bench.faults.clock().now(), looks(&all(&bench))).0
        } else {
            of_code("c")
        };
        let guard = Guard { canary: 1, rate: 1, ..Guard::default() };
        let asked = NewJob { id: Some(JOB), selection, to: None, guard, by: "ann".to_owned(), why: None, edit: None };
        bench.run("create", &Request::Job(Box::new(asked.clone()))).await;
        tokio::time::sleep(Duration::from_secs(1)).await;
        // It died before the job was made, and is indexed only now.
        let now = bench.faults.clock().now();
        bench.letters.force(Letter { history: indexed(&bench, 50).history, ..died.clone() });
        // Asked for a second time, it is the same job.
        assert!(bench.run("again", &Request::Job(Box::new(asked))).await.refused.is_none());
        let job = bench.until_closed().await;
        assert_eq!(job.account.of(Disposition::Resolved), 3);
        assert!(job.selection.instant().is_some_and(|at| at < now), "its instant is stated");
        assert_eq!(bench.letters.letter(died.id).unwrap().status, Status::Pending);
    }
}

/// A write that was on its way at the instant of the look: it adds a letter whose own time is before that.
#[tokio::test(start_paused = true)]
async fn a_letter_that_was_on_its_way_when_somebody_looked_is_touched_by_nobody() {
    let acts: [fn(Selection) -> Request; 3] = [
        |selection| Request::Discard(remark(selection)),
        |selection| Request::Replay { selection, by: "ann".to_owned(), options: ReplayOptions::default() },
        |selection| {
            let guard = Guard { canary: 0, ..Guard::default() };
            let asked =
                NewJob { id: Some(JOB), selection, to: None, guard, by: "ann".to_owned(), why: None, edit: None };
            Request::Job(Box::new(asked))
        },
    ];
    for (place, act) in acts.into_iter().enumerate() {
        let bench = JobBench::new(&Faults::none()).with_letters(1);
        bench.consume(|_| Does::Succeed);
        tokio::time::sleep(IN_FLIGHT).await;
        let (fresh, late) = (indexed(&bench, 50), indexed(&bench, 51));
        bench.letters.force(fresh.clone());
        let (screen, at) = (all(&bench), bench.faults.clock().now());
        tokio::time::sleep(Duration::from_secs(1)).await;
        bench.letters.force(late.clone());
        let (selection, left_out) = of_code("c").shown_at(at, looks(&screen));
        assert_eq!((screen.len(), left_out), (2, 0));
        bench.run("ann", &act(selection)).await;
        if place == 2 {
            assert_eq!(bench.until_closed().await.account.of(Disposition::Resolved), 2);
        }
        // What was shown is touched, however young it is; what was not is not, however old it says that it is.
        assert_eq!(bench.letters.letter(late.id).unwrap().status, Status::Pending, "{place}");
        assert_ne!(bench.letters.letter(fresh.id).unwrap().status, Status::Pending, "{place}");
        assert_eq!(bench.count(Status::Pending), 1, "{place}");
    }
}
