//! Many runs at once, and what to tell of the ones that went wrong.

use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};
use std::thread;
use std::time::Instant;

use crate::faulty_stores::Mutant;
use crate::invariants::{Invariant, Violation};
use crate::plan::Plan;
use crate::run::{Run, run};

/// A run that went wrong.
pub(crate) struct Failure {
    pub(crate) number: u64,
    pub(crate) what: String,
    pub(crate) run: Run,
}

/// Search for violations: how many runs, in which world.
#[derive(Clone, Copy)]
pub(crate) struct Search {
    pub(crate) runs: u64,
    pub(crate) mutant: Option<Mutant>,
    /// So many failures are enough to see what is wrong.
    pub(crate) enough: usize,
}

impl Search {
    /// Searches the real world, without a mutant.
    pub(crate) const fn of(runs: u64) -> Self {
        Self { runs, mutant: None, enough: 20 }
    }

    /// Runs plans until all are run or enough went wrong, as `wrong` tells; the failures in order.
    pub(crate) fn failures(
        self,
        plan: impl Fn(u64) -> Plan + Sync,
        wrong: impl Fn(&Run) -> Option<String> + Sync,
    ) -> Vec<Failure> {
        let (next, calls, events) = (AtomicU64::new(0), AtomicUsize::new(0), AtomicUsize::new(0));
        let failed = Mutex::new(Vec::new());
        let failures = || failed.lock().unwrap_or_else(PoisonError::into_inner);
        let begun = Instant::now();
        let work = || {
            while failures().len() < self.enough {
                let number = next.fetch_add(1, Ordering::Relaxed);
                if number >= self.runs {
                    return;
                }
                let run = run(&plan(number), self.mutant);
                calls.fetch_add(run.calls.len(), Ordering::Relaxed);
                events.fetch_add(run.journal.len(), Ordering::Relaxed);
                if let Some(what) = wrong(&run) {
                    failures().push(Failure { number, what, run });
                }
            }
        };
        thread::scope(|scope| {
            for _ in 0..thread::available_parallelism().map_or(1, usize::from) {
                scope.spawn(work);
            }
        });
        let (runs, seconds) = (next.into_inner().min(self.runs), begun.elapsed().as_secs_f32());
        eprintln!("{runs} runs, {} calls, {} events in {seconds:.1} s", calls.into_inner(), events.into_inner());
        let mut failed = failed.into_inner().unwrap_or_else(PoisonError::into_inner);
        failed.sort_by_key(|failure| failure.number);
        failed
    }
}

/// The first broken promise among those that are minded.
pub(crate) fn breaks(run: &Run, minds: impl Fn(Invariant) -> bool) -> Option<String> {
    run.violations.iter().find(|violation| minds(violation.invariant)).map(ToString::to_string)
}

/// Reports what went wrong, the story around it, and how to see all of it.
pub(crate) fn report(run: &Run, what: &str, again: &str) -> String {
    let at = run.violations.iter().map(|Violation { event, .. }| *event).min().unwrap_or(0);
    let story = run.journal.story();
    let around: Vec<_> = story.lines().skip(at.saturating_sub(60)).take(64).collect();
    let command = format!("{again} cargo test -p redrive-tests --test sim -- --nocapture");
    format!("{what}\n{}\n\nagain, with the whole story: {command}\n", around.join("\n"))
}

/// Panics with the first failure, and names the others. `variable` runs one of them again.
pub(crate) fn none(failures: &[Failure], variable: &str) {
    for failure in failures.iter().skip(1) {
        eprintln!("{variable}={}: {}", failure.number, failure.what);
    }
    if let Some(Failure { number, what, run }) = failures.first() {
        let again = format!("{variable}={number}");
        panic!("{} failed, the first is {again}: {}", failures.len(), report(run, what, &again));
    }
}

/// A number from the environment.
pub(crate) fn variable(name: &str) -> Option<u64> {
    std::env::var(name).ok()?.parse().ok()
}
