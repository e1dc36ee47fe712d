//! Random schedules of faults and acts.

use std::collections::BTreeSet;
use std::sync::Mutex;

use redrive_core::letters::letter::{EventKind, Status};
use redrive_core::replay::job::Disposition;
use redrive_testkit::journal::{Event, What};

use crate::plan::{Plan, QUEUE, UNLISTED};
use crate::run::{Run, run};
use crate::search::{Search, breaks, none, report, variable};

/// Number of random schedules that are run by default; `SEEDS` asks for more.
const SEEDS: u64 = 10_000;
/// Number of schedules from which on every edge of a letter and every state of a job must have been seen.
const ENOUGH: u64 = 2_000;

pub(crate) fn seeds() -> u64 {
    variable("SEEDS").unwrap_or(SEEDS)
}

#[test]
fn random_schedules_break_no_promise() {
    let (edges, jobs) = (Mutex::new(BTreeSet::new()), Mutex::new(BTreeSet::new()));
    let wrong = |run: &Run| {
        edges.lock().expect("nobody panics here").extend(edges_of(run));
        jobs.lock().expect("nobody panics here").extend(jobs_of(run));
        breaks(run, |_| true)
    };
    none(&Search::of(seeds()).failures(Plan::random, wrong), "SEED");
    let edges = edges.into_inner().expect("nobody panics here");
    for edge in EDGES.iter().filter(|_| seeds() >= ENOUGH) {
        assert!(edges.contains(edge), "no schedule moves a letter from {:?} to {}", edge.0, edge.1);
    }
    let jobs = jobs.into_inner().expect("nobody panics here");
    for what in OF_JOBS.iter().filter(|_| seeds() >= ENOUGH) {
        assert!(jobs.contains(*what), "no schedule has a job or a letter of one that is {what}");
    }
}

/// States of jobs, and outcomes of their letters, that must all be seen.
const OF_JOBS: [&str; 15] = [
    "CANCELLED",
    "DONE",
    "PAUSED",
    "RAMPING",
    "STOPPED",
    "assumed",
    "changed_meanwhile",
    "elsewhere",
    "elsewhere in doubt",
    "failed_again",
    "in doubt",
    "resolved",
    "resolved_before",
    "taken over",
    "unknown",
];

/// Returns the states of the jobs in a run, and the outcomes of their letters.
fn jobs_of(run: &Run) -> Vec<String> {
    let states = run.jobs.iter().flat_map(|job| job.history.iter().map(|event| event.became.clone()));
    let named = |disposition: &Disposition| serde_json::to_value(disposition).ok()?.as_str().map(str::to_owned);
    let dispositions = run
        .jobs
        .iter()
        .flat_map(|job| DISPOSITIONS.iter().filter(|disposition| job.account.of(**disposition) > 0).filter_map(named));
    let mut claims = run.letters.iter().flat_map(|letter| letter.sends.windows(2));
    let taken_over = claims.any(|two| two[0].job.is_some() && two[0].job == two[1].job);
    let mut events = run.letters.iter().flat_map(|letter| &letter.history);
    let in_doubt = events.any(|event| event.what == EventKind::InDoubt).then(|| "in doubt".to_owned());
    let away = run.letters.iter().filter(|letter| letter.sends.any_to_destination());
    let words = away.flat_map(|letter| {
        let doubted = letter.history.iter().any(|event| event.what == EventKind::InDoubt);
        ["elsewhere", "elsewhere in doubt"].into_iter().take(1 + usize::from(doubted)).map(str::to_owned)
    });
    states.chain(words).chain(dispositions).chain(in_doubt).chain(taken_over.then(|| "taken over".to_owned())).collect()
}

const DISPOSITIONS: [Disposition; 7] = [
    Disposition::Assumed,
    Disposition::ChangedMeanwhile,
    Disposition::FailedAgain,
    Disposition::InDoubt,
    Disposition::Resolved,
    Disposition::ResolvedBefore,
    Disposition::Unknown,
];

/// Edges that no set of schedules may leave out, or its silence would prove nothing.
const EDGES: [(Option<Status>, Status); 12] = [
    (None, Status::Pending),
    (None, Status::Resolved),
    (Some(Status::Pending), Status::Replaying),
    (Some(Status::Pending), Status::Resolved),
    (Some(Status::Pending), Status::Discarded),
    (Some(Status::Discarded), Status::Pending),
    (Some(Status::Replaying), Status::Replaying),
    (Some(Status::Replaying), Status::Replayed),
    (Some(Status::Replaying), Status::Discarded),
    (Some(Status::Replaying), Status::Pending),
    (Some(Status::Replayed), Status::Pending),
    (Some(Status::Replayed), Status::Resolved),
];

/// The edges that letters took in a run.
fn edges_of(run: &Run) -> Vec<(Option<Status>, Status)> {
    let edge = |event: Event| match event.what {
        What::LetterWritten { before, after } => Some((before.map(|before| before.status), after.status)),
        _ => None,
    };
    run.journal.events().into_iter().filter_map(edge).collect()
}

/// A job took over a claim of the schedule's, of a letter that it had sent before: two of 400,000 schedules. A letter that died
/// again stood behind one that stood behind it: one of 3,333 schedules of FIFO queues. In these stories each request to replay
/// has a process of its own.
#[test]
fn seeds_that_once_broke_a_promise_hold() {
    let reclaiming = |plan| Plan { reclaims: 1_000, ..plan };
    let plans = [
        ("SEED=77378", reclaiming(Plan::random(77_378))),
        ("SEED=160726", reclaiming(Plan::random(160_726))),
        ("FIFO=1 SEED=2451", reclaiming(Plan::fifo(2_451))),
        ("LAGGING=1 SEED=4862", Plan::lagging(4_862)),
        ("LAGGING=1 SEED=1644", Plan::lagging(1_644)),
        ("EDITED=1 SEED=29975", Plan::edited(29_975)),
    ];
    for (name, plan) in plans {
        let run = run(&plan, None);
        let broken = breaks(&run, |_| true);
        assert!(broken.is_none(), "{}", report(&run, &broken.unwrap_or_default(), name));
    }
}

#[test]
fn fifo_queues_break_no_promise() {
    none(&Search::of(seeds() / 3).failures(Plan::fifo, |run| breaks(run, |_| true)), "FIFO=1 SEED");
}

#[test]
fn claims_that_wait_for_a_slot_break_no_promise_in_any_weather() {
    none(&Search::of(seeds() / 4).failures(Plan::queued_by, |run| breaks(run, |_| true)), "QUEUED=1 SEED");
}

#[test]
fn a_groups_letters_go_in_order_however_late_the_index_is() {
    none(&Search::of(seeds() / 20).failures(Plan::lagging, |run| breaks(run, |_| true)), "LAGGING=1 SEED");
}

#[test]
fn letters_that_are_edited_all_the_time_break_no_promise() {
    none(&Search::of(seeds() / 3).failures(Plan::edited, |run| breaks(run, |_| true)), "EDITED=1 SEED");
}

#[test]
fn what_sqs_itself_moves_back_breaks_no_promise() {
    let ids = Mutex::new(BTreeSet::new());
    let wrong = |run: &Run| {
        ids.lock().expect("nobody panics here").extend(moved_back(run));
        breaks(run, |_| true)
    };
    none(&Search::of(seeds() / 20).failures(Plan::redriven, wrong), "REDRIVEN=1 SEED");
    let ids = ids.into_inner().expect("nobody panics here");
    assert_eq!(ids, BTreeSet::from([false, true]), "it keeps its id, and it gets another one");
}

/// Of each message that SQS itself moved back to the main queue: whether it kept its id.
fn moved_back(run: &Run) -> Vec<bool> {
    let kept = |event: Event| match event.what {
        What::Moved { to, id, message, .. } if to.starts_with(QUEUE) => Some(id == message.id),
        _ => None,
    };
    run.journal.events().into_iter().filter_map(kept).collect()
}

#[test]
fn what_comes_while_somebody_looks_is_touched_by_nobody() {
    none(&Search::of(seeds() / 20).failures(Plan::watched, |run| breaks(run, |_| true)), "WATCHED=1 SEED");
}

#[test]
fn what_died_in_a_queue_that_no_pair_lists_stays_in_the_shared_dead_letter_queue() {
    let moves = Mutex::new(BTreeSet::new());
    let wrong = |run: &Run| {
        moves.lock().expect("nobody panics here").extend(unlisted_moves(run));
        breaks(run, |_| true)
    };
    none(&Search::of(seeds() / 20).failures(Plan::shared, wrong), "SHARED=1 SEED");
    let moves = moves.into_inner().expect("nobody panics here");
    assert_eq!(moves, BTreeSet::from([false, true]), "it dies, and SQS moves it back");
}

/// Returns each move of a message of the queue that no pair lists: true if it went back there.
fn unlisted_moves(run: &Run) -> Vec<bool> {
    let back = |event: Event| match event.what {
        What::Moved { to, .. } if to.starts_with(UNLISTED) => Some(true),
        What::Moved { from, .. } if from.starts_with(UNLISTED) => Some(false),
        _ => None,
    };
    run.journal.events().into_iter().filter_map(back).collect()
}

#[test]
fn a_forged_attribute_loses_nothing() {
    none(&Search::of(seeds() / 3).failures(Plan::forged, |run| breaks(run, |_| true)), "FORGED=1 SEED");
}

#[test]
fn the_same_seed_is_the_same_story() {
    for seed in 0..30 {
        let story = || run(&Plan::random(seed), None).journal.story();
        let (one, again) = (story(), story());
        for (line, (one, again)) in one.lines().zip(again.lines()).enumerate() {
            assert_eq!(one, again, "seed {seed}, line {line}");
        }
        assert_eq!(one.len(), again.len(), "seed {seed}");
    }
}

/// `SEED=7 cargo test -p redrive-tests --test sim -- --nocapture one_seed` tells the whole story of a seed.
#[test]
fn one_seed() {
    let Some(seed) = variable("SEED") else { return };
    let plan = match ["FORGED", "FIFO", "EDITED", "REDRIVEN", "CROWDED", "SHARED", "WATCHED", "QUEUED", "LAGGING"]
        .iter()
        .position(|name| variable(name).is_some())
    {
        Some(0) => Plan::forged(seed),
        Some(1) => Plan::fifo(seed),
        Some(2) => Plan::edited(seed),
        Some(3) => Plan::redriven(seed),
        Some(4) => Plan::crowded_by(seed),
        Some(5) => Plan::shared(seed),
        Some(6) => Plan::watched(seed),
        Some(7) => Plan::queued_by(seed),
        Some(_) => Plan::lagging(seed),
        None => Plan::random(seed),
    };
    let run = run(&plan, None);
    eprintln!("{plan:#?}\n{}", run.journal.story());
    let broken = breaks(&run, |_| true);
    assert!(broken.is_none(), "{}", report(&run, &broken.unwrap_or_default(), &format!("SEED={seed}")));
}
