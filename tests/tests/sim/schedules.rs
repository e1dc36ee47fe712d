//! Random schedules.

use std::collections::BTreeSet;
use std::sync::Mutex;

use redrive_core::letter::Status;
use redrive_testkit::journal::{Event, What};

use crate::plan::Plan;
use crate::run::{Run, run};
use crate::search::{Search, breaks, none, report, variable};

/// How many random schedules are run by default; `SEEDS` asks for more.
const SEEDS: u64 = 10_000;

fn seeds() -> u64 {
    variable("SEEDS").unwrap_or(SEEDS)
}

#[test]
fn random_schedules_break_no_promise() {
    let edges = Mutex::new(BTreeSet::new());
    let wrong = |run: &Run| {
        edges.lock().expect("nobody panics here").extend(edges_of(run));
        breaks(run, |_| true)
    };
    none(&Search::of(seeds()).failures(Plan::random, wrong), "SEED");
    let edges = edges.into_inner().expect("nobody panics here");
    for edge in EDGES.iter().filter(|_| seeds() >= SEEDS) {
        assert!(edges.contains(edge), "no schedule moves a letter from {:?} to {}", edge.0, edge.1);
    }
}

/// What no set of schedules may leave out, or its silence would prove nothing.
const EDGES: [(Option<Status>, Status); 10] = [
    (None, Status::Pending),
    (None, Status::Resolved),
    (Some(Status::Pending), Status::Replaying),
    (Some(Status::Pending), Status::Resolved),
    (Some(Status::Pending), Status::Discarded),
    (Some(Status::Replaying), Status::Replaying),
    (Some(Status::Replaying), Status::Replayed),
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

#[test]
fn fifo_queues_break_no_promise() {
    none(&Search::of(seeds() / 3).failures(Plan::fifo, |run| breaks(run, |_| true)), "FIFO=1 SEED");
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
    let plan = match (variable("FORGED"), variable("FIFO")) {
        (Some(_), _) => Plan::forged(seed),
        (_, Some(_)) => Plan::fifo(seed),
        _ => Plan::random(seed),
    };
    let run = run(&plan, None);
    eprintln!("{plan:#?}\n{}", run.journal.story());
    let broken = breaks(&run, |_| true);
    assert!(broken.is_none(), "{}", report(&run, &broken.unwrap_or_default(), &format!("SEED={seed}")));
}
