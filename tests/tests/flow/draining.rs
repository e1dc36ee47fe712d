//! Many dead messages: in few calls, twice at once, and beside some that cannot be indexed.

use std::collections::BTreeSet;
use std::time::Duration;

use redrive_core::letters::cause::PendingCounts;
use redrive_core::letters::letter::Status;
use redrive_core::letters::policy::Policy;
use redrive_core::message::envelope::Attribute;
use redrive_core::message::foreign;
use redrive_core::message::key::LedgerKey;
use redrive_core::ports::{Causes, LedgerReader, Unavailable};
use redrive_core::processing::ledger::Entry;
use redrive_core::replay::Request;
use redrive_engine::{DrainReport, IndexSettings, Indexer, QueuePair, ReplaySettings, Replayer, pending_counts};
use redrive_testkit::ModelGauges;
use redrive_testkit::clock::{VirtualClock, VirtualWorld};
use redrive_testkit::faults::{CallFault, Faults};
use redrive_testkit::queue::ModelQueue;
use redrive_testkit::store::{ModelLedger, ModelLetters};
use tokio::time::Instant;

use crate::bench::settings;

const HOUR: Duration = Duration::from_secs(3_600);

fn policy() -> Policy {
    let hour = HOUR;
    Policy {
        rules: Vec::new(),
        cool_down: hour,
        max_deaths: 3,
        resolved_retention: hour,
        body_retention: hour,
        outcome_after: hour,
    }
}

struct Dlq {
    faults: Faults,
    queue: ModelQueue,
    letters: ModelLetters,
}

impl Dlq {
    fn new(faults: Faults) -> Self {
        let queue = ModelQueue::new("redrive-dead").with_visibility(Duration::from_secs(300));
        let queue = queue.with_faults(faults.clone());
        Self { letters: ModelLetters::new().with_faults(faults.clone()), queue, faults }
    }

    /// So many messages, which say that they died of this.
    fn fill(&self, count: usize, code: &str) {
        let says = format!(r#"{{"type":"PERMANENT","code":"{code}","message":"m"}}"#);
        for n in 0..count {
            let attributes = [(foreign::ATTRIBUTE.to_owned(), Attribute::text(says.clone()))].into();
            self.queue.send(format!("{{\"order_id\":\"{code}-{n}\"}}"), attributes);
        }
    }

    fn indexer(&self, pollers: usize) -> Indexer<ModelQueue, ModelLedger, ModelLetters, VirtualClock> {
        self.indexer_of(ModelLedger::new().with_faults(self.faults.clone()), pollers)
    }

    fn indexer_of<R: LedgerReader>(
        &self,
        ledger: R,
        pollers: usize,
    ) -> Indexer<ModelQueue, R, ModelLetters, VirtualClock> {
        let policy = policy();
        let (wait, reserve) = (Duration::from_secs(1), Duration::from_secs(3));
        let settings = IndexSettings { reading: settings().reading, policy, pollers, wait, reserve };
        Indexer::new(self.queue.clone(), ledger, self.letters.clone(), self.faults.clock().clone(), settings)
    }

    fn calls(&self, action: &str) -> usize {
        self.faults.calls().iter().filter(|call| call.action == action).count()
    }

    fn settled(&self) -> bool {
        self.queue.is_empty() && self.letters.all().iter().all(|letter| letter.status == Status::Pending)
    }
}

async fn drain<R: LedgerReader>(
    indexer: &Indexer<ModelQueue, R, ModelLetters, VirtualClock>,
    seconds: u64,
) -> DrainReport {
    indexer.drain(Instant::now() + Duration::from_secs(seconds)).await
}

#[tokio::test(start_paused = true)]
async fn a_thousand_messages_are_indexed_a_hundred_at_a_time() {
    let dlq = Dlq::new(Faults::none());
    dlq.fill(1_000, "currency");
    let report = drain(&dlq.indexer(4), 60).await;
    assert_eq!((report.received, report.created, report.deleted), (1_000, 1_000, 1_000), "{report:?}");
    assert!(dlq.settled() && dlq.letters.all().len() == 1_000);
    assert_eq!(dlq.calls("delete messages"), 100);
    assert!(dlq.calls("receive messages") <= 104, "each poller finds it empty once");
    let (reads, writes) = (dlq.calls("read letters"), dlq.calls("write letters"));
    // Two letters may stand for a message, and a call takes a hundred keys, or 25 statements.
    assert_eq!((reads, writes), (20, 40));
    assert_eq!(dlq.calls("write causes"), 2, "when it is met, and at the end");
}

#[tokio::test(start_paused = true)]
async fn a_cause_is_new_once_and_counts_its_letters_whoever_indexes_them() {
    let dlq = Dlq::new(Faults::none());
    dlq.fill(150, "currency");
    dlq.fill(30, "no-row");
    let (one, other) = (dlq.indexer(2), dlq.indexer(2));
    let (one, other) = futures_util::future::join(drain(&one, 60), drain(&other, 60)).await;
    assert_eq!((one.created + other.created, one.new_fingerprints + other.new_fingerprints), (180, 2));
    dlq.fill(5, "currency");
    let again = drain(&dlq.indexer(2), 60).await;
    assert_eq!((again.created, again.new_fingerprints, again.unrecorded_causes), (5, 0, 0));
    let (causes, _) = dlq.letters.causes(&settings().reading.source, None, 10).await.unwrap();
    let seen: Vec<_> = causes.iter().map(|cause| (cause.fingerprint.as_str(), cause.seen)).collect();
    assert_eq!(seen, [("PERMANENT/currency", 155), ("PERMANENT/no-row", 30)]);
    let PendingCounts { causes, .. } = pending_counts(&dlq.letters).await.unwrap();
    let waits: Vec<_> = causes.iter().map(|(cause, waits)| (cause.as_str(), waits.pending)).collect();
    assert_eq!(waits, [("PERMANENT/currency", 155), ("PERMANENT/no-row", 30)]);
}

#[tokio::test(start_paused = true)]
async fn a_cause_that_cannot_be_recorded_keeps_no_letter_out() {
    let story = Dlq::new(Faults::none());
    story.fill(3, "currency");
    drain(&story.indexer(1), 60).await;
    let first = story.faults.calls().iter().position(|call| call.action == "write causes").unwrap();
    let last = story.faults.calls().len();

    let dlq = Dlq::new(Faults::script([(first, CallFault::Refused)]));
    dlq.fill(3, "currency");
    let report = drain(&dlq.indexer(1), 60).await;
    assert_eq!((report.created, report.unrecorded_causes, report.new_fingerprints), (3, 0, 1), "the end tries again");

    let dlq = Dlq::new(Faults::script([(first, CallFault::Refused), (last, CallFault::Refused)]));
    dlq.fill(3, "currency");
    let report = drain(&dlq.indexer(1), 60).await;
    assert_eq!((report.created, report.unrecorded_causes, report.new_fingerprints), (3, 1, 0));
    assert!(dlq.settled());
    dlq.fill(1, "currency");
    assert_eq!(drain(&dlq.indexer(1), 60).await.new_fingerprints, 1, "the next letter records it");
}

#[tokio::test(start_paused = true)]
async fn the_schedule_says_what_waits_if_it_saw_all_of_it() {
    let dlq = Dlq::new(Faults::none());
    dlq.fill(40, "currency");
    drain(&dlq.indexer(2), 60).await;
    let settings = ReplaySettings { lease: HOUR, ledger_retention: 1_000_000 * HOUR, reserve: Duration::from_secs(3) };
    let (outbox, ledger) = (ModelQueue::new("redrive-main"), ModelLedger::new());
    let pair = QueuePair::new(self::settings().reading, policy(), outbox, ledger, ModelGauges::new());
    let world = VirtualWorld::new(VirtualClock::new(), 1);
    let replayer = Replayer::new(dlq.letters.clone(), world, settings, vec![pair]);
    let run = async |seconds| {
        let deadline = Instant::now() + Duration::from_secs(seconds);
        replayer.run(&Request::Schedule, deadline).await.unwrap().together().pending_counts
    };
    let all = run(60).await.unwrap().total();
    let oldest = dlq.letters.all().iter().map(|letter| letter.reason.first_failed_at).min();
    assert_eq!((all.pending, all.for_a_person, all.oldest), (40, 40, oldest));
    assert_eq!(run(2).await, None, "there was no time to look");
}

/// A ledger in which some entries cannot be read, and with them nothing that is asked in the same call.
struct Damaged(BTreeSet<String>);

impl LedgerReader for Damaged {
    async fn read(&self, keys: &[LedgerKey]) -> Result<Vec<Option<Entry>>, Unavailable> {
        if keys.iter().any(|key| self.0.contains(key.as_str())) {
            return Err(Unavailable { service: "ledger", action: "give an entry of ours", why: "damaged".to_owned() });
        }
        Ok(vec![None; keys.len()])
    }
}

#[tokio::test(start_paused = true)]
async fn what_cannot_be_indexed_stays_is_counted_and_does_not_stop_the_rest() {
    let dlq = Dlq::new(Faults::none());
    dlq.fill(100, "currency");
    let damaged = Damaged(["main#currency-37".to_owned(), "main#currency-90".to_owned()].into());
    let report = drain(&dlq.indexer_of(damaged, 1), 60).await;
    assert_eq!((report.created, report.deleted, report.unavailable), (98, 98, 2), "{report:?}");
    let bodies: Vec<_> = dlq.queue.messages().iter().map(|message| message.body.clone()).collect();
    assert_eq!(bodies, ["{\"order_id\":\"currency-37\"}", "{\"order_id\":\"currency-90\"}"]);
    let oldest = dlq.queue.messages().iter().map(|message| message.sent_at).min();
    assert_eq!(report.oldest_left, oldest);
}

#[tokio::test(start_paused = true)]
async fn what_the_deadline_cuts_off_is_counted_as_left() {
    let story = Dlq::new(Faults::none());
    story.fill(20, "currency");
    drain(&story.indexer(1), 30).await;
    let write = story.faults.calls().iter().position(|call| call.action == "write letters").unwrap();

    let dlq = Dlq::new(Faults::script([(write, CallFault::Slow(HOUR))]));
    dlq.fill(20, "currency");
    let report = drain(&dlq.indexer(1), 30).await;
    assert_eq!((report.received, report.created, report.unavailable, dlq.queue.len()), (20, 0, 20, 20));
    assert!(report.oldest_left.is_some());
}
