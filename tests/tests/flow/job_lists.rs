//! Jobs of a list that is too long for one request: it is handed over in parts, and the job begins once it is whole.

use std::time::Duration;

use redrive_core::letters::letter::{Letter, Status};
use redrive_core::replay::job::{AlarmState, Disposition, Guard, JobState, NewJob};
use redrive_core::replay::{AllowedActions, Edit, LetterList, Patch, Request, Selection};
use redrive_testkit::Faults;

use crate::job_bench::{Does, JOB, JobBench, of_code};

const LETTERS: u32 = 1_001;

/// Part of the list of the first letters.
fn part(bench: &JobBench, part: u32) -> Request {
    part_of(bench, part, false)
}

/// The same for a job that sends edited bodies, or not (R45).
fn part_of(bench: &JobBench, part: u32, edited: bool) -> Request {
    let numbers = part * 500..LETTERS.min(part * 500 + 500);
    let shown = |n: u32| {
        let id = bench.letter(usize::try_from(n).unwrap(), "c").id;
        (id, bench.letters.letter(id).unwrap().version)
    };
    Request::AddToList { job: JOB, part, letters: numbers.map(shown).collect(), edited, by: "ann".to_owned() }
}

#[tokio::test(start_paused = true)]
async fn a_job_begins_once_its_list_is_whole_and_sends_each_letter_once_in_the_version_that_was_shown() {
    let bench = JobBench::new(&Faults::none()).with_letters(1_100);
    bench.consume(|_| Does::Succeed);
    let source_topic = bench.letter(0, "c").source;
    let listed = Selection::Listed(LetterList { source_topic, letters: LETTERS, named: false });
    bench.create(listed, Guard { rate: 500, step_seconds: 1, ..Guard::default() }).await;
    bench.run("part-0", &part(&bench, 0)).await;
    let again = bench.run("part-0-again", &part(&bench, 0)).await;
    assert_eq!((again.refused, &bench.job().state), (None, &JobState::Listing { parts: 1 }), "a lost answer");
    let early = bench.run("part-2", &part(&bench, 2)).await;
    assert!(early.refused.unwrap().contains("part 2 is not its next one"));
    let second = part(&bench, 1);
    let changed = bench.letter(700, "c").id;
    let letter = (*bench.letters.letter(changed).unwrap()).clone();
    bench.letters.force(Letter { version: letter.version + 1, ..letter });
    bench.run("work", &Request::Work).await;
    assert_eq!((bench.copies().0, bench.job().letters), (0, Some(LETTERS)), "the list is not whole");
    bench.run("part-1", &second).await;
    bench.run("part-2-now", &part(&bench, 2)).await;
    let job = bench.until_closed().await;
    assert_eq!((&job.state, bench.copies()), (&JobState::Done, (1_000, 1)));
    assert_eq!((job.account.of(Disposition::Resolved), job.account.of(Disposition::ChangedMeanwhile)), (1_000, 1));
    bench.run("reconciler", &Request::Schedule).await;
    assert_eq!(bench.count(Status::Pending), 100, "99 that nobody listed, and the one that changed");
}

#[tokio::test(start_paused = true)]
async fn whoever_adds_letters_to_a_job_with_an_edit_must_say_so_which_the_operators_function_refuses() {
    let bench = JobBench::new(&Faults::none()).with_letters(1_100);
    let selection =
        Selection::Listed(LetterList { source_topic: bench.letter(0, "c").source, letters: LETTERS, named: false });
    let patch = Patch::parse(r#"[{"op": "add", "path": "/x", "value": 1}]"#).unwrap();
    let (guard, edit) = (Guard::default(), Some(Edit::Patch(patch)));
    let new = NewJob { id: Some(JOB), selection, to: None, guard, by: "ann".to_owned(), why: None, edit };
    bench.run("creator", &Request::Job(Box::new(new))).await;
    let (silent, open) = (part(&bench, 0), part_of(&bench, 0, true));
    let operators = |request| AllowedActions::Replay.check(request).is_ok();
    assert!(operators(&silent) && !operators(&open), "the one reaches the job's table, the other does not");
    let refused = bench.run("operator", &silent).await;
    assert!(refused.refused.unwrap().contains("says so (\"edited\": true)"));
    assert_eq!(bench.job().state, JobState::Listing { parts: 0 });
    let taken = bench.run("administrator", &open).await;
    assert_eq!((taken.refused, &bench.job().state), (None, &JobState::Listing { parts: 1 }));
}

#[tokio::test(start_paused = true)]
async fn a_small_job_is_over_in_seconds_and_knows_its_size_from_the_beginning() {
    let bench = JobBench::new(&Faults::none()).with_letters(60);
    bench.letters.force(bench.letter(1_000, "other"));
    bench.consume(|_| Does::Succeed);
    bench.create(of_code("c"), Guard::default()).await;
    assert_eq!(bench.job().letters, Some(60));
    let job = bench.until_closed().await;
    assert_eq!((&job.state, job.account.of(Disposition::Resolved), bench.copies()), (&JobState::Done, 60, (60, 1)));
    let time = job.closed_at.unwrap().since(job.created_at);
    assert!(time < Duration::from_secs(30), "{time:?}: two minutes by the ramp's slow steps");
}

#[tokio::test(start_paused = true)]
async fn a_job_whose_alarm_is_not_there_or_rings_is_refused() {
    let bench = JobBench::new(&Faults::none()).with_letters(3);
    bench.gauges.set_alarm("rings", AlarmState::Ringing);
    for (alarm, why) in [("nosuch", "there is no alarm nosuch"), ("rings", "is in ALARM")] {
        let guard = Guard { alarm: Some(alarm.to_owned()), ..Guard::default() };
        let request =
            NewJob { id: None, selection: of_code("c"), to: None, guard, by: "ann".to_owned(), why: None, edit: None };
        let report = bench.run("creator", &Request::Job(Box::new(request))).await;
        assert!(report.refused.as_ref().is_some_and(|refusal| refusal.contains(why)), "{:?}", report.refused);
        assert!(bench.letters.all_jobs().is_empty());
    }
}
