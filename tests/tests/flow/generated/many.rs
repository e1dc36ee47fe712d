//! Many cases at once, and what to tell of the first that fails.

use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use super::events::Case;

/// No case takes this long but one that never ends.
const HANGS: Duration = Duration::from_secs(300);

/// Number of cases to try.
pub(super) struct Many(u64);

/// Number of the case that a worker is at, plus one; 0 for none.
type Desk = AtomicU64;

impl Many {
    pub(super) const fn of(cases: u64) -> Self {
        Self(cases)
    }

    /// Runs the cases 0, 1, 2, ...; panics with the one that fails, made as small as it can be. `variable` runs it again.
    pub(super) fn none_fails(
        &self,
        variable: &str,
        generate: impl Fn(u64) -> Case + Sync,
        check: impl Fn(&Case) -> Result<(), String> + Sync,
    ) {
        let (next, bytes, stop) = (AtomicU64::new(0), AtomicUsize::new(0), AtomicBool::new(false));
        let first: Mutex<Option<u64>> = Mutex::new(None);
        let desks: Vec<Desk> =
            (0..thread::available_parallelism().map_or(1, usize::from)).map(|_| Desk::new(0)).collect();
        let begun = Instant::now();
        let work = |desk: &Desk| {
            while !stop.load(Ordering::Relaxed) {
                let number = next.fetch_add(1, Ordering::Relaxed);
                if number >= self.0 {
                    break;
                }
                desk.store(number + 1, Ordering::Relaxed);
                let case = generate(number);
                bytes.fetch_add(case.text().len(), Ordering::Relaxed);
                if tried(&case, &check).is_err() {
                    stop.store(true, Ordering::Relaxed);
                    let mut first = first.lock().unwrap_or_else(PoisonError::into_inner);
                    *first = Some(first.map_or(number, |other| other.min(number)));
                }
            }
            desk.store(0, Ordering::Relaxed);
        };
        thread::scope(|scope| {
            let workers: Vec<_> = desks.iter().map(|desk| scope.spawn(move || work(desk))).collect();
            watch(&desks, variable, || workers.iter().all(thread::ScopedJoinHandle::is_finished));
        });
        let seconds = begun.elapsed().as_secs_f32();
        eprintln!("{} events, {} bytes in {seconds:.1} s", next.into_inner().min(self.0), bytes.into_inner());
        if let Some(number) = first.into_inner().unwrap_or_else(PoisonError::into_inner) {
            let (case, what) = smallest(generate(number), &check);
            let again = format!("{variable}={number} cargo test -p redrive-tests --test flow -- --nocapture one_event");
            panic!("{variable}={number}: {what}\nmade smaller, it is {}\nagain: {again}", case.shown(4_000));
        }
    }
}

/// A case that never ends cannot be ended: the process is, and says which it was.
fn watch(desks: &[Desk], variable: &str, done: impl Fn() -> bool) {
    let mut seen: Vec<(u64, Instant)> = desks.iter().map(|_| (0, Instant::now())).collect();
    while !done() {
        thread::sleep(Duration::from_millis(20));
        for (desk, seen) in desks.iter().zip(&mut seen) {
            let number = desk.load(Ordering::Relaxed);
            if number == 0 || number != seen.0 {
                *seen = (number, Instant::now());
            } else if seen.1.elapsed() > HANGS {
                eprintln!("{variable}={} does not end", number - 1);
                std::process::abort();
            }
        }
    }
}

/// Returns what went wrong with a case, a panic included.
fn tried(case: &Case, check: impl Fn(&Case) -> Result<(), String>) -> Result<(), String> {
    let said = |panic: Box<dyn Any + Send>| {
        panic.downcast_ref::<String>().map_or("a panic".to_owned(), |text| format!("a panic: {text}"))
    };
    catch_unwind(AssertUnwindSafe(|| check(case))).unwrap_or_else(|panic| Err(said(panic)))
}

/// The same failure with as few records as show one.
fn smallest(mut case: Case, check: impl Fn(&Case) -> Result<(), String>) -> (Case, String) {
    let mut what = tried(&case, &check).err().unwrap_or_else(|| "it does not fail again".to_owned());
    for place in (0..case.records.len()).rev() {
        let mut less = case.clone();
        less.records.remove(place);
        if let Err(same) = tried(&less, &check) {
            (case, what) = (less, same);
        }
    }
    (case, what)
}

/// A number from the environment.
pub(super) fn variable(name: &str) -> Option<u64> {
    std::env::var(name).ok()?.parse().ok()
}
