//! Run of a plan, from the first send until everything is at rest.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::AtomicBool;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use redrive_core::letters::letter::Letter;
use redrive_core::message::key::LedgerKey;
use redrive_core::processing::ledger::Entry;
use redrive_core::replay::Request;
use redrive_core::replay::job::Job;
use redrive_testkit::clock::ORIGIN;
use redrive_testkit::handlers::Scripted;
use redrive_testkit::{Call, Journal, ModelGauges, ModelLedger, ModelLetters, ModelQueue};
use tokio::time::sleep;

use crate::actors::{VISIBILITY, World, reading, receives};
use crate::faulty_stores::{FaultyLedger, FaultyLetters, Mutant};
use crate::invariants::{self, Violation};
use crate::plan::{ELSEWHERE, Plan, QUEUE};
use crate::replay_process::WarmProcesses;
use crate::sharing;

/// Time after the last event: nothing is late by more than two minutes.
const AFTERMATH: Duration = Duration::from_secs(150);
/// A run that is not at rest by then never will be.
const PATIENCE: Duration = Duration::from_secs(12 * 3600);

/// Result of a run, for the checks.
pub(crate) struct Run {
    pub(crate) violations: Vec<Violation>,
    pub(crate) journal: Journal,
    pub(crate) calls: Vec<Call>,
    /// Number of charges of each key.
    pub(crate) charged: BTreeMap<String, u64>,
    pub(crate) letters: Vec<Arc<Letter>>,
    pub(crate) ledger: BTreeMap<LedgerKey, Arc<Entry>>,
    pub(crate) jobs: Vec<Job>,
    /// The fingerprints of all causes that are known.
    pub(crate) causes: BTreeSet<String>,
}

/// Plays a plan, in the real world or in a broken one.
pub(crate) fn run(plan: &Plan, mutant: Option<Mutant>) -> Run {
    let runtime =
        tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().expect("a runtime");
    runtime.block_on(play(plan, mutant))
}

async fn play(plan: &Plan, mutant: Option<Mutant>) -> Run {
    let faults = plan.faults();
    let dead = ModelQueue::new(&plan.named("dead"))
        .with_visibility(plan.draining.hidden)
        .with_retention(Duration::from_secs(14 * 86_400))
        .with_quirks(plan.seed ^ 2, plan.quirks)
        .with_faults(faults.of("dead"));
    let dead = if plan.fifo { dead.fifo() } else { dead };
    let main = ModelQueue::new(&plan.named(QUEUE))
        .with_visibility(VISIBILITY)
        .with_redrive_policy(&dead, receives(plan))
        .with_quirks(plan.seed ^ 1, plan.quirks)
        .with_faults(faults.of("sqs"));
    let main = if plan.fifo { main.fifo() } else { main };
    let handler = plan.scripts.iter().fold(Scripted::new(), |all, (key, plays)| all.on(key, plays.iter().cloned()));
    let letters = ModelLetters::new().with_index_lag(plan.seed ^ 3, plan.index_lag).with_faults(faults.of("letters"));
    let ledger = ModelLedger::new().with_faults(faults.of("ledger"));
    let other = ModelQueue::new(ELSEWHERE)
        .with_retention(Duration::from_secs(14 * 86_400))
        .with_quirks(plan.seed ^ 4, plan.quirks)
        .with_faults(faults.of("elsewhere"));
    let unlisted = sharing::queue(plan, &dead, &faults);
    let world = Arc::new(World {
        plan: plan.clone(),
        faults: faults.clone(),
        ledger: FaultyLedger::new(ledger, mutant, dead.clone(), reading(plan)),
        letters: FaultyLetters { inner: letters, mutant },
        main,
        dead,
        other,
        unlisted,
        custody: AtomicBool::new(true),
        handler,
        gauges: ModelGauges::new(),
        screens: Mutex::default(),
        warm: Mutex::new(WarmProcesses::new(plan)),
    });
    for (queue, seed) in [(&world.main, plan.seed ^ 5), (&world.other, plan.seed ^ 6)] {
        queue.refuse_sends(seed, &[("RequestThrottled", plan.refusals), ("AccessDenied", plan.refusals / 4)]);
    }
    let produced = tokio::spawn(Arc::clone(&world).produce());
    begin(&world);

    let _ = produced.await;
    sleep(plan.calm_after.saturating_sub(faults.clock().now().since(ORIGIN))).await;
    [&world.main, &world.other].into_iter().for_each(|queue| queue.refuse_sends(0, &[]));
    sleep(AFTERMATH).await;
    come_to_rest(&world).await;
    let violations = invariants::check(&faults.journal().events(), &world);
    let charged =
        plan.scripts.iter().map(|(key, _)| (key.clone(), world.ledger.inner.counter(&format!("charged:{key}"))));
    Run {
        violations,
        journal: faults.journal().clone(),
        calls: faults.calls(),
        charged: charged.collect(),
        letters: world.letters.inner.all(),
        ledger: world.ledger.inner.entries(),
        jobs: world.letters.inner.all_jobs(),
        causes: world.letters.inner.all_causes().into_iter().map(|cause| cause.fingerprint).collect(),
    }
}

/// Starts everybody who acts but the producer.
fn begin(world: &Arc<World>) {
    for (worker, ahead) in world.plan.workers.iter().enumerate() {
        tokio::spawn(Arc::clone(world).work(worker, *ahead));
    }
    if !world.plan.unlisted.is_empty() {
        tokio::spawn(Arc::clone(world).fail_unlisted());
    }
    tokio::spawn(Arc::clone(world).index());
    tokio::spawn(Arc::clone(world).replay());
    tokio::spawn(Arc::clone(world).operate());
    tokio::spawn(Arc::clone(world).amend());
}

/// Waits until everything is at rest, and stays so.
async fn come_to_rest(world: &Arc<World>) {
    let patient = || world.faults.clock().now().since(ORIGIN) < PATIENCE;
    loop {
        while !world.rests() && patient() {
            sleep(Duration::from_secs(30)).await;
        }
        // The index catches up, and the schedule comes once more.
        sleep(world.plan.index_lag + Duration::from_secs(10)).await;
        world.request(u64::MAX, "schedule.last", Request::Schedule).await;
        // What it found done may have held up others.
        if world.rests() || !patient() {
            return;
        }
    }
}
