//! Random schedules.

use crate::plan::Plan;
use crate::run::run;
use crate::search::{Search, breaks, none, report, variable};

/// How many random schedules are run by default; `SEEDS` asks for more.
const SEEDS: u64 = 1_500;

fn seeds() -> u64 {
    variable("SEEDS").unwrap_or(SEEDS)
}

#[test]
fn random_schedules_break_no_promise() {
    none(&Search::of(seeds()).failures(Plan::random, |run| breaks(run, |_| true)), "SEED");
}

#[test]
#[ignore = "whoever names a letter that is not there yet may open it with another body"]
fn a_forged_attribute_loses_nothing() {
    none(&Search::of(seeds()).failures(Plan::forged, |run| breaks(run, |_| true)), "FORGED=1 SEED");
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
    let plan = if variable("FORGED").is_some() { Plan::forged(seed) } else { Plan::random(seed) };
    let run = run(&plan, None);
    eprintln!("{plan:#?}\n{}", run.journal.story());
    let broken = breaks(&run, |_| true);
    assert!(broken.is_none(), "{}", report(&run, &broken.unwrap_or_default(), &format!("SEED={seed}")));
}
