//! Replay over model stores, and a consumer that does with each order what it is told.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use redrive_core::ids::{Enqueue, JobId, LetterId, MessageId, OwnerToken, QueueArn, Scope, SendId};
use redrive_core::letters::letter::{ErrorType, Letter, Reason, Status};
use redrive_core::letters::policy::Policy;
use redrive_core::message::batch::Response;
use redrive_core::message::decode::Reading;
use redrive_core::message::envelope::Record;
use redrive_core::message::key::{Key, LedgerKey, PayloadHash, Pointer};
use redrive_core::message::redrive::{ATTRIBUTE, Redrive};
use redrive_core::processing::ledger::{DeadEnqueues, EnqueueRecord, Entry, EntryState};
use redrive_core::replay::job::{Guard, Job, NewJob};
use redrive_core::replay::{Filter, Request, Selection};
use redrive_core::time::Timestamp;
use redrive_engine::{QueuePair, ReplayReport, ReplaySettings, Replayer, Reports};
use redrive_testkit::clock::VirtualWorld;
use redrive_testkit::letters::waiting;
use redrive_testkit::{Faults, ModelGauges, ModelLedger, ModelLetters, ModelQueue};
use serde_json::json;
use tokio::time::Instant;

use crate::faulty_jobs::{FaultyJobs, JobMutant};

pub(crate) const JOB: JobId = JobId::from_random(7);
pub(crate) const MINUTE: Duration = Duration::from_secs(60);
pub(crate) const DAY: Duration = Duration::from_secs(86_400);

/// Result of the consumer's work on an order.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Does {
    Succeed,
    Fail,
    /// The order is lost without a trace.
    Lose,
}

/// Models behind the ports of a replay.
pub(crate) type BenchPorts = (ModelQueue, Option<ModelLedger>, FaultyJobs, ModelGauges, VirtualWorld);

/// Everything around a replay.
#[derive(Clone)]
pub(crate) struct JobBench {
    pub(crate) faults: Faults,
    pub(crate) queue: ModelQueue,
    pub(crate) letters: ModelLetters,
    pub(crate) ledger: ModelLedger,
    pub(crate) gauges: ModelGauges,
    pub(crate) has_ledger: bool,
    pub(crate) is_fifo: bool,
    /// Rule of jobs that is broken.
    pub(crate) mutant: Option<JobMutant>,
    /// The orders that came to the consumer, as they came.
    pub(crate) came: Arc<Mutex<Vec<String>>>,
    /// Number of copies of each letter that came to the consumer.
    pub(crate) copies: Arc<Mutex<BTreeMap<LetterId, u32>>>,
}

fn source() -> QueueArn {
    QueueArn::new("arn:aws:sqs:us-east-1:000000000000:orders").unwrap()
}

/// Settings of the bench's queue.
pub(crate) struct PairSettings {
    pub(crate) reading: Reading,
    pub(crate) policy: Policy,
}

pub(crate) fn settings() -> PairSettings {
    let policy = Policy {
        rules: Vec::new(),
        cool_down: MINUTE,
        max_deaths: 3,
        resolved_retention: 90 * DAY,
        body_retention: 90 * DAY,
        outcome_after: 19 * DAY,
    };
    PairSettings {
        reading: Reading {
            pointer: Some(Pointer::parse("/order_id").unwrap()),
            ..Reading::new(source(), Scope::new("main").unwrap())
        },
        policy: policy.with_rules(r#"[{"match":{"error_code":"never"},"replay":"never"}]"#).unwrap(),
    }
}

impl JobBench {
    pub(crate) fn new(faults: &Faults) -> Self {
        Self {
            faults: faults.clone(),
            queue: ModelQueue::new("orders").with_retention(14 * DAY).with_faults(faults.of("sqs")),
            letters: ModelLetters::new().with_faults(faults.of("letters")),
            ledger: ModelLedger::new().with_faults(faults.of("ledger")),
            gauges: ModelGauges::new().with_faults(faults.of("gauges")),
            has_ledger: true,
            is_fifo: false,
            mutant: None,
            came: Arc::default(),
            copies: Arc::default(),
        }
    }

    fn now(&self) -> Timestamp {
        self.faults.clock().now()
    }

    /// The queue that letters come from.
    fn source(&self) -> QueueArn {
        if self.is_fifo { QueueArn::new(format!("{}.fifo", source())).unwrap() } else { source() }
    }

    /// A letter that waits for a person, for an order of this number.
    pub(crate) fn letter(&self, n: usize, code: &str) -> Letter {
        let payload = json!({"order_id": format!("o-{n}")});
        let enqueue = Enqueue { message_id: MessageId::new(format!("m-{n}")).unwrap(), sent_at: self.now() };
        let reason = Reason {
            error_type: ErrorType::Permanent,
            error_code: Some(code.to_owned()),
            error_message: "refused".to_owned(),
            attempt_count: 1,
            first_failed_at: self.now(),
            last_failed_at: self.now(),
            attempts: Vec::new(),
        };
        Letter {
            id: LetterId::derive(&source(), &enqueue.message_id),
            hash: PayloadHash::of_json(&payload.to_string().parse().unwrap()),
            key: Key::new(format!("o-{n}")).ok(),
            key_is_stable: true,
            ..waiting(self.source(), Scope::new("main").unwrap(), enqueue, &payload.to_string(), reason)
        }
    }

    /// So many letters that wait, of one code.
    pub(crate) fn with_letters(self, count: usize) -> Self {
        (0..count).for_each(|n| self.letters.force(self.letter(n, "c")));
        self
    }

    /// Makes a replay, as a process of this name has it.
    pub(crate) fn replayer(&self, name: &str) -> Replayer<BenchPorts> {
        let process = self.faults.of(name);
        let seed = name.bytes().fold(7_u64, |seed, byte| seed.wrapping_mul(31) + u64::from(byte));
        let PairSettings { mut reading, policy } = settings();
        reading.source = self.source();
        let pair = QueuePair::new(
            reading,
            policy,
            self.queue.clone().with_faults(process.clone()),
            self.has_ledger.then(|| self.ledger.clone().with_faults(process.clone())),
            self.gauges.clone().with_faults(process.clone()),
        );
        let letters = FaultyJobs { inner: self.letters.clone().with_faults(process), mutant: self.mutant };
        let world = VirtualWorld::new(self.faults.clock().clone(), seed);
        let settings = ReplaySettings { lease: MINUTE, ledger_retention: 30 * DAY, reserve: Duration::from_secs(3) };
        Replayer::new(letters, world, settings, vec![pair])
    }

    /// Runs replay once, as a process of this name, for up to 55 seconds.
    pub(crate) async fn run(&self, name: &str, request: &Request) -> ReplayReport {
        let replayer = self.replayer(name);
        let process = self.faults.of(name);
        tokio::select! {
            biased;
            () = process.died() => ReplayReport::default(),
            report = replayer.run(request, Instant::now() + Duration::from_secs(55)) => {
                report.as_ref().map(Reports::together).unwrap_or_default()
            }
        }
    }

    /// Asks for a job, as often as it takes.
    pub(crate) async fn create(&self, selection: Selection, guard: Guard) {
        let asked = NewJob {
            id: Some(JOB),
            selection,
            to: None,
            guard,
            by: "ann".to_owned(),
            why: Some("fixed".to_owned()),
            edit: None,
        };
        for n in 0..5 {
            self.run(&format!("creator-{n}"), &Request::Job(Box::new(asked.clone()))).await;
            if self.letters.all_jobs().iter().any(|job| job.id == JOB) {
                return;
            }
        }
        panic!("no job");
    }

    pub(crate) fn job(&self) -> Job {
        self.letters.all_jobs().into_iter().find(|job| job.id == JOB).expect("a job")
    }

    /// The schedule, every minute, until the job is closed.
    pub(crate) async fn until_closed(&self) -> Job {
        for minute in 0..120 {
            let begun = Instant::now();
            self.run(&format!("schedule-{minute}"), &Request::Schedule).await;
            if !self.job().is_open() {
                return self.job();
            }
            tokio::time::sleep_until(begun + MINUTE).await;
        }
        panic!("the job never ends: {:?}", self.job());
    }

    /// Runs the consumer beside the test.
    pub(crate) fn consume(&self, does: impl Fn(&str) -> Does + Send + 'static) {
        let bench = self.clone();
        tokio::spawn(async move {
            loop {
                bench.queue.wait(DAY).await;
                let batch = bench.queue.receive_batch(10);
                batch.iter().for_each(|record| bench.handle(record, &does));
                bench.queue.apply_response(&batch, &Response::default());
            }
        });
    }

    fn handle(&self, record: &Record, does: impl Fn(&str) -> Does) {
        let body: serde_json::Value = serde_json::from_str(record.body.as_deref().unwrap()).unwrap();
        let order = body["order_id"].as_str().unwrap();
        let scope = Scope::new("main").unwrap();
        let carried = record.attributes.get(ATTRIBUTE).and_then(|attribute| attribute.as_text());
        let redrive = carried.and_then(|text| Redrive::decode(text, &source())).expect("a replay's message");
        self.came.lock().unwrap().push(order.to_owned());
        *self.copies.lock().unwrap().entry(redrive.letter).or_default() += 1;
        let key = LedgerKey::owned(&scope, &Key::new(order).unwrap());
        let before = self.ledger.entry(&key);
        let (does, version) = (does(order), before.as_ref().map_or(0, |entry| entry.version));
        if does == Does::Lose || before.is_some_and(|entry| entry.state == EntryState::Completed) {
            return;
        }
        let enqueue =
            Enqueue { message_id: MessageId::new(record.message_id.clone().unwrap()).unwrap(), sent_at: self.now() };
        let send = SendId { letter: redrive.letter, number: redrive.number };
        let failed = does == Does::Fail;
        let entry = Entry {
            state: if failed { EntryState::Failed } else { EntryState::Completed },
            version: version + 1,
            enqueues: vec![EnqueueRecord { enqueue, attempts: 1, dead: failed, withdrawn: false }],
            send: Some(send),
            ..self.done(PayloadHash::of_json(&body.to_string().parse().unwrap()))
        };
        self.ledger.force(key, entry);
    }

    /// A completion by somebody.
    pub(crate) fn done(&self, hash: PayloadHash) -> Entry {
        Entry {
            state: EntryState::Completed,
            owner: OwnerToken::from_random(1),
            lease_until: Timestamp::NEVER,
            hash,
            version: 1,
            enqueues: Vec::new(),
            send: None,
            fault: None,
            history: Vec::new(),
            withdrawn: Vec::new(),
            dead_enqueues: DeadEnqueues::default(),
            expires: self.now().after(30 * DAY),
        }
    }

    /// Returns the number of copies that came to the consumer: of all letters, and of the one with the most.
    pub(crate) fn copies(&self) -> (u32, u32) {
        let copies = self.copies.lock().unwrap();
        (copies.values().sum(), copies.values().max().copied().unwrap_or(0))
    }

    pub(crate) fn count(&self, status: Status) -> usize {
        self.letters.all().iter().filter(|letter| letter.status == status).count()
    }
}

/// All letters of one code.
pub(crate) fn of_code(code: &str) -> Selection {
    Selection::Filter(Filter { error_code: Some(code.to_owned()), ..Filter::default() })
}

/// All letters of one cause.
pub(crate) fn of_cause(fingerprint: &str) -> Selection {
    Selection::Filter(Filter { fingerprint: Some(fingerprint.to_owned()), ..Filter::default() })
}
