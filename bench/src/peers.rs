//! Redrive beside its peers, in one run: function processes that get the same events from a Runtime API and make their calls to one
//! endpoint. Contestants take turns, in an order that rotates; each is warm before it is measured.

mod contestant;
mod endpoint;
mod event;
mod expression;
mod report;
mod runtime_api;
mod table;

use std::path::PathBuf;
use std::time::Duration;

use serde::Serialize;
use serde_json::Value;

use crate::Error;
use crate::lab::ask;
use crate::server::Server;
pub(crate) use contestant::Programs;
use contestant::{Peer, PeerProcess, redrive};
pub(crate) use event::EventSource;
use event::{EventBatch, Phase};

/// EventBatch sizes, and the rounds of each.
const SIZES: [(usize, usize); 4] = [(10, 60), (100, 20), (1_000, 6), (10_000, 2)];
/// Times that the endpoint takes for a call, in milliseconds.
const DELAYS: [u64; 2] = [5, 0];
/// Starts of each process from nothing.
const STARTS: usize = 15;

/// Options of a run.
pub(crate) struct PeerPlan {
    /// Source of the events. Kafka is measured with batches of a hundred, Lambda's own default.
    pub(crate) source: EventSource,
    pub(crate) programs: Programs,
    /// Sizes to measure; empty: all.
    pub(crate) sizes: Vec<usize>,
    /// Share of the rounds to run, in percent.
    pub(crate) percent: usize,
    /// Folder that gets figures, plot and table.
    pub(crate) into: PathBuf,
}

impl PeerPlan {
    fn peers(&self) -> Vec<Peer> {
        Peer::ALL.into_iter().filter(|peer| peer.takes(self.source)).collect()
    }
}

/// Figures of one invocation.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct BatchFigure {
    peer: &'static str,
    delay_ms: u64,
    size: usize,
    phase: &'static str,
    wall_ms: f64,
    cpu_us: f64,
    counts: Value,
}

/// Figures of a process.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct ProcessFigure {
    peer: &'static str,
    size: usize,
    delay_ms: u64,
    start_ms: f64,
    resident_mb: f64,
    peak_mb: f64,
}

/// All figures of a run.
#[derive(Debug, Default, Serialize)]
pub(crate) struct PeerFigures {
    batches: Vec<BatchFigure>,
    processes: Vec<ProcessFigure>,
    starts: Vec<(&'static str, f64)>,
    binary_mb: Vec<(&'static str, f64)>,
}

/// Serves until it is killed.
pub(crate) fn serve() -> Result<(), Error> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(endpoint::serve())
}

pub(crate) fn run(plan: &PeerPlan) -> Result<(), Error> {
    let server = Server::start("serve-peers")?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let figures = runtime.block_on(measure(plan, &server.endpoint))?;
    report::write(&figures, plan.source, &plan.into)
}

async fn measure(plan: &PeerPlan, endpoint: &str) -> Result<PeerFigures, Error> {
    let mut figures = PeerFigures { binary_mb: binaries(plan.source)?, ..PeerFigures::default() };
    ask(endpoint, "/delay?0")?;
    for round in 0..(STARTS * plan.percent / 100).max(1) {
        for peer in rotated(&plan.peers(), round) {
            let start = PeerProcess::start(peer, plan.source, &plan.programs, endpoint).await?.start;
            figures.starts.push((peer.name(), millis(start)));
        }
    }
    for (size, rounds) in SIZES {
        let by_default = plan.source == EventSource::Sqs || size == 100;
        if if plan.sizes.is_empty() { !by_default } else { !plan.sizes.contains(&size) } {
            continue;
        }
        for delay in DELAYS {
            compare(plan, endpoint, (size, delay), (rounds * plan.percent / 100).max(1), &mut figures).await?;
        }
    }
    Ok(figures)
}

/// Measures all contestants that take batches of a size.
async fn compare(
    plan: &PeerPlan,
    endpoint: &str,
    (size, delay): (usize, u64),
    rounds: usize,
    figures: &mut PeerFigures,
) -> Result<(), Error> {
    eprintln!("batches of {size} at {delay} ms, {rounds} rounds");
    let mut processes = Vec::new();
    ask(endpoint, "/delay?0")?;
    for peer in plan.peers().into_iter().filter(|peer| size <= peer.most()) {
        let (table, key) = peer.table();
        ask(endpoint, &format!("/table?{table},{key}"))?;
        let process = PeerProcess::start(peer, plan.source, &plan.programs, endpoint).await?;
        for _ in 0..peer.warm_up() {
            invoke(&process, &EventBatch::new(plan.source, 10), Phase::First).await?;
        }
        processes.push(process);
    }
    ask(endpoint, &format!("/delay?{delay}"))?;
    for round in 0..rounds {
        let batch = || EventBatch::new(plan.source, size);
        let batches: Vec<_> = processes.iter().map(|_| [batch(), batch()]).collect();
        for &phase in plan.source.phases() {
            for (process, [batch, failing]) in rotated(&processes.iter().zip(&batches).collect::<Vec<_>>(), round) {
                let batch = if phase == Phase::Failing { failing } else { batch };
                ask(endpoint, "/counts")?;
                let before = process.usage().cpu;
                let took = invoke(process, batch, phase).await?;
                let cpu = process.usage().cpu.saturating_sub(before);
                figures.batches.push(BatchFigure {
                    peer: process.peer.name(),
                    delay_ms: delay,
                    size,
                    phase: phase.name(),
                    wall_ms: millis(took),
                    cpu_us: (cpu.as_secs_f64() * 1e6).round(),
                    counts: ask(endpoint, "/counts")?,
                });
            }
        }
    }
    figures.processes.extend(processes.iter().map(|process| {
        let (peer, usage) = (process.peer.name(), process.usage());
        let mb = |kb: u64| u32::try_from(kb).map_or(f64::NAN, f64::from) / 1024.0;
        let (resident_mb, peak_mb) = (mb(usage.resident_kb), mb(usage.peak_kb));
        ProcessFigure { peer, size, delay_ms: delay, start_ms: millis(process.start), resident_mb, peak_mb }
    }));
    Ok(())
}

async fn invoke(process: &PeerProcess, batch: &EventBatch, phase: Phase) -> Result<Duration, Error> {
    let invoked = process.api.invoke(batch.event(phase)).await;
    let invoked = invoked.map_err(|error| format!("{}, {}: {error}", process.peer.name(), phase.name()))?;
    let checked = batch.check(phase, &invoked.answer);
    checked.map_err(|error| format!("{}, {}: {error}", process.peer.name(), phase.name()))?;
    Ok(invoked.took)
}

fn rotated<T: Copy>(all: &[T], by: usize) -> Vec<T> {
    let by = by % all.len().max(1);
    [&all[by..], &all[..by]].concat()
}

/// Returns a time in milliseconds, to the microsecond.
fn millis(time: Duration) -> f64 {
    (time.as_secs_f64() * 1e6).round() / 1e3
}

/// Sizes of the two binaries of Rust that stand beside this one.
fn binaries(source: EventSource) -> Result<Vec<(&'static str, f64)>, Error> {
    let beside = std::env::current_exe()?;
    let size = |name: &str| -> Result<f64, Error> {
        let length = std::fs::metadata(beside.with_file_name(name))?.len();
        Ok(f64::from(u32::try_from(length)?) / 1e6)
    };
    Ok(vec![(Peer::Redrive.name(), size(redrive(source))?), (Peer::Bare.name(), size("bare-sdk")?)])
}
