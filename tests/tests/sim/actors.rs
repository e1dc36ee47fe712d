//! Actors of the world: producer, workers, indexer, replay; [`crate::operator`] beside them. Each runs the real flows.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use futures_util::future::join_all;
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use redrive_core::ids::{QueueArn, Scope};
use redrive_core::letters::letter::{Letter, Status};
use redrive_core::letters::policy::Policy;
use redrive_core::message::decode::Reading;
use redrive_core::message::envelope::Record;
use redrive_core::message::key::{KeyFrom, Pointer};
use redrive_core::processing::backoff::Schedule;
use redrive_core::processing::ledger::Origin;
use redrive_core::processing::mask::Masks;
use redrive_core::replay::job::{Job, JobState};
use redrive_core::replay::{Candidate, GroupLeaders, Request};
use redrive_core::time::Timestamp;
use redrive_engine::{IndexSettings, Indexer, Order, Outages, ProcessSettings, Processor};
use redrive_testkit::clock::ORIGIN;
use redrive_testkit::handlers::Scripted;
use redrive_testkit::journal::What;
use redrive_testkit::{Faults, ModelGauges, ModelQueue, VirtualWorld};
use tokio::runtime::Handle;
use tokio::time::{Instant, sleep, sleep_until, timeout};

use crate::faulty_stores::{BentDeadLetters, FaultyLedger, FaultyLetters, FaultyOutbox, HELD_TOO_LONG, Mutant};
use crate::looking::Screens;
use crate::plan::{Plan, Posting, QUEUE};
use crate::replay_process::WarmProcesses;

/// Lambda ends an invocation of the processor after this, and one of the others after twice that.
pub(crate) const FUNCTION: Duration = Duration::from_secs(30);
/// A message stays hidden for six function timeouts.
pub(crate) const VISIBILITY: Duration = Duration::from_secs(180);
/// Attempts, and the headroom that receives without an attempt need.
pub(crate) const ATTEMPTS: u32 = 4;
const RECEIVES: u32 = ATTEMPTS + 6;
/// On a FIFO queue those behind a failing message are received with it.
const FIFO_RECEIVES: u32 = 1_000;

/// The receives of the queue's redrive policy.
pub(crate) const fn receives(plan: &Plan) -> u32 {
    if plan.fifo { FIFO_RECEIVES } else { RECEIVES }
}

/// The longest wait of a claim for a slot.
const HOLD: Duration = Duration::from_millis(1_250);
/// By how much clocks may differ.
pub(crate) const SKEW: Duration = Duration::from_secs(5);

/// The world of one run.
pub(crate) struct World {
    pub(crate) plan: Plan,
    pub(crate) faults: Faults,
    pub(crate) main: ModelQueue,
    pub(crate) dead: ModelQueue,
    /// Another queue, which nobody of ours consumes.
    pub(crate) other: ModelQueue,
    /// A queue that no pair lists, and that shares the dead-letter queue.
    pub(crate) unlisted: ModelQueue,
    /// True if the indexer empties the dead-letter queue.
    pub(crate) custody: AtomicBool,
    pub(crate) ledger: FaultyLedger,
    pub(crate) letters: FaultyLetters,
    pub(crate) handler: Scripted,
    pub(crate) gauges: ModelGauges,
    /// Screens of those who acted, as each was shown.
    pub(crate) screens: Mutex<Screens>,
    /// Processes of the replay function that wait for their next request.
    pub(crate) warm: Mutex<WarmProcesses>,
}

pub(crate) fn reading(plan: &Plan) -> Reading {
    let (source, scope) = (QueueArn::new(plan.source()).expect("an ARN"), Scope::new(QUEUE).expect("a scope"));
    let pointer = plan.pointer.then(|| Pointer::parse("/order_id").expect("a pointer"));
    // Its producers use both; which of them counts is not what is simulated.
    Reading { pointer, key_from: KeyFrom::Attribute, ..Reading::new(source, scope) }
}

pub(crate) fn policy() -> Policy {
    Policy {
        rules: Vec::new(),
        cool_down: Duration::from_secs(60),
        max_deaths: 3,
        resolved_retention: Duration::from_secs(90 * 86_400),
        body_retention: Duration::from_secs(30 * 86_400),
        outcome_after: Duration::from_secs(19 * 86_400),
    }
}

impl World {
    pub(crate) fn random(&self, tag: u64) -> StdRng {
        StdRng::seed_from_u64(self.seed(tag))
    }

    fn seed(&self, tag: u64) -> u64 {
        (self.plan.seed << 32).wrapping_mul(0x9E37_79B9_7F4A_7C15) ^ tag
    }

    /// Time and chance of one process.
    pub(crate) fn virtual_world(&self, tag: u64, ahead: i64) -> VirtualWorld {
        VirtualWorld::new(self.faults.clock().skewed(ahead), self.seed(tag))
    }

    pub(crate) fn calm(&self) -> bool {
        self.faults.clock().now() > ORIGIN.after(self.plan.calm_after)
    }

    pub(crate) async fn produce(self: Arc<Self>) {
        let postings = [(&self.main, &self.plan.postings), (&self.unlisted, &self.plan.unlisted)];
        join_all(postings.map(|(queue, postings)| self.post(queue, postings.clone()))).await;
    }

    async fn post(&self, queue: &ModelQueue, mut postings: Vec<Posting>) {
        postings.sort_by_key(|posting| posting.at);
        let start = Instant::now();
        let producer = queue.clone().with_faults(self.faults.of("producer"));
        for posting in postings {
            sleep_until(start + posting.at).await;
            if self.plan.fifo {
                producer.send_to(&format!("group-{}", posting.group), posting.body, posting.attributes);
            } else {
                producer.send(posting.body, posting.attributes);
            }
        }
    }

    /// Polls like an event source mapping: the next batch is taken when the last one is answered.
    pub(crate) async fn work(self: Arc<Self>, worker: usize, ahead: i64) {
        let mut random = self.random(100 + worker as u64);
        let (mut outages, mut failures) = (Outages::default(), 0);
        for invocation in 0_u64.. {
            while !self.main.wait(Duration::from_secs(86_400)).await {}
            let process = self.faults.of(&format!("worker-{worker}.{invocation}"));
            let batch = self.main.clone().with_faults(process.clone()).receive_batch(self.plan.batch);
            if batch.is_empty() {
                continue;
            }
            if !self.calm() && random.random_ratio(self.plan.kills, 1_000) {
                kill_after(&process, Duration::from_millis(random.random_range(0..15_000)));
            }
            let tag = worker as u64 * 1_000_000 + invocation;
            let first = self.invoke(process.clone(), tag, ahead, batch, outages.clone());
            let failed = if self.plan.managed {
                // They share a process: what ends one of them ends the other.
                let twin = self.faults.of(&format!("worker-{worker}.{invocation}+"));
                let batch = self.main.clone().with_faults(twin.clone()).receive_batch(self.plan.batch);
                let second = self.invoke(twin.clone(), tag + 500_000, ahead, batch, outages.clone());
                let ends = |one: Faults, other: Faults| async move {
                    one.died().await;
                    other.kill();
                };
                tokio::spawn(ends(process.clone(), twin.clone()));
                tokio::spawn(ends(twin, process.clone()));
                let (first, second) = tokio::join!(first, second);
                first || second
            } else {
                first.await
            };
            if process.is_dead() {
                outages = Outages::default();
            }
            failures = if failed { failures + 1 } else { 0 };
            if failed && self.plan.slows {
                sleep(Duration::from_secs(1 << failures.min(6))).await;
            }
        }
    }

    /// Invokes the processor with a batch. Returns true if the invocation failed.
    async fn invoke(&self, process: Faults, tag: u64, ahead: i64, batch: Vec<Record>, outages: Outages) -> bool {
        let queue = self.main.clone().with_faults(process.clone());
        let dead = self.dead.clone().with_faults(process.clone());
        let direct = self.plan.direct.then_some(FaultyOutbox { inner: dead, mutant: self.letters.mutant });
        let processor = Processor::with_dead_letters(
            self.handler.clone().with_faults(process.clone()),
            self.ledger.of(&process),
            queue.clone(),
            direct,
            self.virtual_world(tag, ahead),
            self.process_settings(),
            Handle::current(),
        );
        let processor = processor.remembering(outages);
        let origin = Origin { request_id: process.actor().to_string(), ..Origin::default() };
        let deadline = Instant::now() + FUNCTION - Duration::from_secs(3);
        tokio::select! {
            biased;
            () = process.died() => true,
            answer = timeout(FUNCTION, processor.process(batch.clone(), origin, deadline)) => match answer {
                Ok(Ok(report)) => {
                    let failed = report.outage.is_some() && self.plan.brake.signals();
                    if !failed {
                        queue.apply_response(&batch, &report.response);
                    }
                    failed
                }
                Ok(Err(error)) => {
                    process.record(What::Note(format!("invocation failed: {error}")));
                    true
                }
                Err(_) => {
                    process.record(What::Note(LATE.to_owned()));
                    process.kill();
                    true
                }
            }
        }
    }

    fn process_settings(&self) -> ProcessSettings {
        let in_order = self.plan.fifo && self.letters.mutant != Some(Mutant::GroupsAreNotKept);
        ProcessSettings {
            reading: reading(&self.plan),
            order: if in_order { Order::Groups } else { Order::Keys },
            rules: redrive_core::processing::outcome::Rules {
                schedule: Schedule::parse("1s,5s,20s").expect("a schedule"),
                max_receives: receives(&self.plan),
            },
            handler_timeout: Duration::from_secs(10),
            claim_hold: if self.letters.mutant == Some(Mutant::HeldBeyondItsLease) { HELD_TOO_LONG } else { HOLD },
            masks: Masks::default(),
            concurrency: 4,
            retention: Duration::from_secs(30 * 86_400),
            settle_reserve: Duration::from_secs(4),
            clock_skew: SKEW,
            brake: self.plan.brake,
        }
    }

    /// The alarm, and the sweep every minute.
    pub(crate) async fn index(self: Arc<Self>) {
        let mut random = self.random(200);
        for round in 0_u64.. {
            self.dead.wait(Duration::from_secs(60)).await;
            if !self.custody.load(Ordering::SeqCst) {
                sleep(Duration::from_secs(1)).await;
                continue;
            }
            let twins = if random.random_ratio(self.plan.twins, 1_000) { 2 } else { 1 };
            let mut runs = Vec::new();
            for twin in 0..twins {
                let process = self.faults.of(&format!("indexer-{twin}.{round}"));
                if !self.calm() && random.random_ratio(self.plan.kills, 1_000) {
                    kill_after(&process, Duration::from_millis(random.random_range(0..3_000)));
                }
                let (world, apart) = (Arc::clone(&self), self.plan.draining.apart * twin);
                runs.push(tokio::spawn(async move {
                    sleep(apart).await;
                    world.drain(process).await;
                }));
            }
            join_all(runs).await;
            // What is in flight there comes back by itself.
            sleep(Duration::from_secs(5)).await;
        }
    }

    async fn drain(self: Arc<Self>, process: Faults) {
        let settings = IndexSettings {
            reading: reading(&self.plan),
            policy: policy(),
            pollers: 2,
            wait: self.plan.draining.wait,
            reserve: Duration::from_secs(10),
        };
        let indexer = Indexer::new(
            BentDeadLetters { inner: self.dead.clone().with_faults(process.clone()), mutant: self.letters.mutant },
            self.ledger.of(&process),
            self.letters.of(&process),
            self.faults.clock().clone(),
            settings,
        );
        tokio::select! {
            biased;
            () = process.died() => {}
            ended = timeout(2 * FUNCTION, indexer.drain(Instant::now() + 2 * FUNCTION - Duration::from_secs(3))) => {
                if ended.is_err() { process.kill() }
            }
        }
    }

    /// The schedule: every minute, or not quite.
    pub(crate) async fn replay(self: Arc<Self>) {
        let mut random = self.random(300);
        for round in 0_u64.. {
            sleep(Duration::from_millis(random.random_range(60_000..120_000))).await;
            let twins = if random.random_ratio(self.plan.twins, 1_000) { 2 } else { 1 };
            let mut runs = Vec::new();
            for twin in 0..twins {
                let process = self.replay_process(400 + round * 2 + twin);
                if !self.calm() && random.random_ratio(self.plan.kills, 1_000) {
                    kill_after(&process.faults, Duration::from_millis(random.random_range(0..5_000)));
                }
                let (world, act) = (Arc::clone(&self), format!("schedule.{twin}.{round}"));
                runs.push(tokio::spawn(async move { world.serve(process, &act, Request::Schedule).await }));
            }
            join_all(runs).await;
        }
    }

    /// Returns true if nothing is under way any more, and nothing will be.
    pub(crate) fn rests(&self) -> bool {
        let letters = self.letters.inner.all();
        // Whatever stands before it in its group is settled, and so nothing lets it go.
        let mut heads = GroupLeaders::default();
        letters.iter().filter(|letter| is_open(letter)).for_each(|letter| heads.add(&Candidate::of(letter)));
        let settled = |letter: &Letter| match letter.status {
            Status::Pending => letter.due == Timestamp::NEVER || self.plan.fifo && !heads.lets(letter),
            Status::Resolved | Status::Discarded => true,
            Status::Replayed => letter.destination().is_some(),
            Status::Replaying => false,
        };
        // Nobody is there any more who would resume a job.
        let waits = |job: &Job| job.is_open() && !matches!(job.state, JobState::Paused { .. });
        let jobs = self.letters.inner.all_jobs();
        self.is_amended()
            && !jobs.iter().any(waits)
            && self.main.is_empty()
            && self.own_dead() == 0
            && letters.iter().all(|letter| settled(letter))
    }
}

/// Returns true if something is still to become of the letter.
pub(crate) const fn is_open(letter: &Letter) -> bool {
    !matches!(letter.status, Status::Resolved | Status::Discarded)
}

/// Remark on an invocation that did not answer in its time.
pub(crate) const LATE: &str = "killed by Lambda: it did not answer in time";

fn kill_after(process: &Faults, time: Duration) {
    let process = process.clone();
    tokio::spawn(async move {
        sleep(time).await;
        process.kill();
    });
}
