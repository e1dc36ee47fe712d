//! The replay function's processes: each is warm after its first request, and remembers what that one has read.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use redrive_core::replay::Request;
use redrive_engine::{Destination, QueuePair, ReplaySettings, Replayer};
use redrive_testkit::journal::What;
use redrive_testkit::{Faults, ModelGauges, ModelQueue, VirtualWorld};
use tokio::time::{Instant, timeout};

use crate::actors::{FUNCTION, World, policy, reading};
use crate::faulty_stores::{FaultyLedger, FaultyLetters, FaultyOutbox};
use crate::plan::Plan;

/// Remark of a process that begins with a request; the request's name follows.
pub(crate) const SERVES: &str = "serves ";

/// Ports of the replay function in the simulator.
type SimulatedPorts = (FaultyOutbox, FaultyLedger, FaultyLetters, ModelGauges, VirtualWorld);

/// Process of the replay function: it serves one request after the other, until it dies or is taken away.
pub(crate) struct ReplayProcess {
    pub(crate) faults: Faults,
    replayer: Replayer<SimulatedPorts>,
    /// Setting that it was started with: the pair's custody.
    custody: bool,
}

/// Processes that wait for their next request, as Lambda keeps them.
pub(crate) struct WarmProcesses {
    idle: Vec<ReplayProcess>,
    started: u64,
    chance: StdRng,
    reclaims: u32,
}

impl WarmProcesses {
    pub(crate) fn new(plan: &Plan) -> Self {
        let chance = StdRng::seed_from_u64(!plan.seed);
        Self { idle: Vec::new(), started: 0, chance, reclaims: plan.reclaims }
    }

    /// Takes the process that has waited least, if one lives that was started with this setting. The others are of an
    /// earlier deployment, and serve no more.
    fn take(&mut self, custody: bool) -> Option<ReplayProcess> {
        self.idle.retain(|process| !process.faults.is_dead() && process.custody == custody);
        let stays = !self.chance.random_ratio(self.reclaims, 1_000);
        self.idle.pop().filter(|_| stays)
    }

    /// Name of another process.
    fn next_name(&mut self) -> String {
        self.started += 1;
        format!("replay-{}", self.started)
    }
}

impl World {
    /// Finds the replay function a process: one that waits, or a new one whose chance is decided by `tag`.
    pub(crate) fn replay_process(&self, tag: u64) -> ReplayProcess {
        let custody = self.custody.load(Ordering::SeqCst);
        let mut warm = self.warm.lock().expect("processes");
        let kept = warm.take(custody);
        kept.unwrap_or_else(|| self.cold_process(self.faults.of(&warm.next_name()), tag, custody))
    }

    /// Starts a process of the replay function.
    fn cold_process(&self, process: Faults, tag: u64, custody: bool) -> ReplayProcess {
        let settings = ReplaySettings {
            lease: Duration::from_secs(90),
            ledger_retention: Duration::from_secs(30 * 86_400),
            reserve: Duration::from_secs(10),
        };
        let outbox = |queue: &ModelQueue| FaultyOutbox {
            inner: queue.clone().with_faults(process.clone()),
            mutant: self.letters.mutant,
        };
        let gauges = self.gauges.clone().with_faults(process.clone());
        let other = Destination { arn: self.other.arn(), outbox: outbox(&self.other), gauges: gauges.clone() };
        let pair = QueuePair {
            reading: reading(&self.plan),
            policy: policy(),
            outbox: Some(outbox(&self.main)),
            dead_letters: (!custody).then(|| (outbox(&self.dead), gauges.clone())),
            destinations: vec![other],
            ledger: self.ledger.of(&process),
            gauges,
        };
        let replayer = Replayer::new(self.letters.of(&process), self.virtual_world(tag, 0), settings, vec![pair]);
        ReplayProcess { faults: process, replayer, custody }
    }

    /// Has any process of the replay function serve a request.
    pub(crate) async fn request(self: &Arc<Self>, tag: u64, act: &str, request: Request) {
        self.serve(self.replay_process(tag), act, request).await;
    }

    /// Has this process serve a request, and keeps it for the next one if it lives. `act` names the request.
    pub(crate) async fn serve(self: &Arc<Self>, process: ReplayProcess, act: &str, request: Request) {
        process.faults.record(What::Note(format!("{SERVES}{act}")));
        let deadline = Instant::now() + 2 * FUNCTION - Duration::from_secs(3);
        tokio::select! {
            biased;
            () = process.faults.died() => {}
            ended = timeout(2 * FUNCTION, process.replayer.run(&request, deadline)) => {
                if ended.is_err() { process.faults.kill() }
            }
        }
        self.warm.lock().expect("processes").idle.push(process);
    }
}
