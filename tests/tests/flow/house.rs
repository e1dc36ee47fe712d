//! Several queue pairs over one dead-letter table and one ledger, as one installation of indexer and replay serves them.

use std::time::Duration;

use redrive_core::fault::Fault;
use redrive_core::ids::{OwnerToken, QueueArn, Scope};
use redrive_core::letters::letter::Letter;
use redrive_core::letters::policy::Policy;
use redrive_core::message::decode::Reading;
use redrive_core::message::key::{LedgerKey, Pointer};
use redrive_core::processing::ledger::{Entry, EntryState, Origin};
use redrive_core::processing::mask::Redaction;
use redrive_core::replay::{Filter, Request, Selection};
use redrive_engine::{
    Announced, Announcer, Destination, DrainReport, IndexSettings, IndexedSource, Indexer, QueuePair, ReplayError,
    ReplaySettings, Replayer, Reports, drain_all,
};
use redrive_testkit::clock::{VirtualClock, VirtualWorld};
use redrive_testkit::{Faults, ModelGauges, ModelLedger, ModelLetters, ModelQueue};
use tokio::time::Instant;

pub(crate) const MINUTE: Duration = Duration::from_secs(60);
pub(crate) const LEASE: Duration = MINUTE;
const DAY: Duration = Duration::from_secs(86_400);

pub(crate) type AnIndexer = Indexer<ModelQueue, Option<ModelLedger>, Announced<ModelLetters>, VirtualClock>;
/// A queue pair as the replay functions here know it.
pub(crate) type ReplayedPair = QueuePair<ModelQueue, Option<ModelLedger>, ModelGauges>;
pub(crate) type AReplayer =
    Replayer<(ModelQueue, Option<ModelLedger>, Announced<ModelLetters>, ModelGauges, VirtualWorld)>;

/// A queue pair. Nobody consumes its main queue but by receiving in vain.
pub(crate) struct Pair {
    pub(crate) main: ModelQueue,
    pub(crate) dead: ModelQueue,
    /// True if its consumer keeps our ledger.
    pub(crate) ledger: bool,
    /// True if the indexer empties its dead-letter queue.
    pub(crate) custody: bool,
    /// True if its letters may be sent back to it.
    pub(crate) sends: bool,
    /// Other queues that they may be sent to.
    pub(crate) others: Vec<ModelQueue>,
    /// Gauges of the dead-letter queue.
    pub(crate) dead_gauges: ModelGauges,
    /// The ledger's scope, if it is not the queue's name.
    pub(crate) scope: Option<&'static str>,
}

impl Pair {
    pub(crate) fn new(name: &str) -> Self {
        let dead = ModelQueue::new(&format!("{name}-dead")).with_visibility(2 * MINUTE).with_retention(14 * DAY);
        let main = ModelQueue::new(name).with_redrive_policy(&dead, 1).with_visibility(Duration::ZERO);
        let dead_gauges = ModelGauges::new();
        Self { main, dead, ledger: true, custody: true, sends: true, others: Vec::new(), dead_gauges, scope: None }
    }

    pub(crate) fn fifo(name: &str) -> Self {
        let pair = Self::new(name);
        let dead = pair.dead.fifo();
        let main = ModelQueue::new(name).fifo().with_redrive_policy(&dead, 1).with_visibility(Duration::ZERO);
        Self { main, dead, ..pair }
    }

    /// Makes a pair whose dead messages come to the dead-letter queue of another pair.
    pub(crate) fn sharing(name: &str, other: &Self) -> Self {
        let dead = other.dead.clone();
        let main = ModelQueue::new(name).with_redrive_policy(&dead, 1).with_visibility(Duration::ZERO);
        Self { main, dead, ..Self::new(name) }
    }

    pub(crate) fn in_scope(self, scope: &'static str) -> Self {
        Self { scope: Some(scope), ..self }
    }

    pub(crate) fn without_ledger(self) -> Self {
        Self { ledger: false, ..self }
    }

    pub(crate) fn may_send_to(self, queue: &ModelQueue) -> Self {
        Self { others: vec![queue.clone()], ..self }
    }

    pub(crate) fn without_custody(self) -> Self {
        Self { custody: false, ..self }
    }

    /// A main queue's only messages are received in vain until its redrive policy moves them.
    pub(crate) async fn dies(&self) {
        while !self.main.is_empty() {
            self.main.receive_batch(10);
            tokio::time::advance(Duration::from_secs(1)).await;
        }
    }

    fn reading(&self) -> Reading {
        let source = self.main.arn();
        let name = self.scope.map_or_else(|| source.name().replace(".fifo", ""), str::to_owned);
        let pointer = Pointer::parse("/order_id").ok();
        Reading { pointer, ..Reading::new(source, Scope::new(name).unwrap()) }
    }
}

pub(crate) fn policy() -> Policy {
    Policy {
        rules: Vec::new(),
        cool_down: MINUTE,
        max_deaths: 3,
        resolved_retention: 90 * DAY,
        body_retention: 90 * DAY,
        outcome_after: 19 * DAY,
    }
}

/// Installation of several queue pairs.
pub(crate) struct House {
    pub(crate) pairs: Vec<Pair>,
    pub(crate) ledger: ModelLedger,
    pub(crate) letters: ModelLetters,
    pub(crate) clock: VirtualClock,
    /// By which letters are indexed.
    pub(crate) policy: Policy,
    /// Announcer of changes of its letters.
    pub(crate) announcer: Option<Announcer>,
}

impl House {
    /// The ledger shows a letter's message as done.
    pub(crate) fn complete(&self, letter: &Letter) {
        let (now, by) = (self.clock.now(), (OwnerToken::from_random(1), Origin::default()));
        let fault = Fault::transient("code", "text");
        let entry =
            Entry::keyless(letter.enqueue.clone(), None, letter.hash.clone(), &fault, by, now, now.after(MINUTE));
        let key = LedgerKey::owned(&letter.scope, letter.key.as_ref().unwrap());
        self.ledger.force(key, Entry { state: EntryState::Completed, ..entry });
    }

    pub(crate) fn new(pairs: Vec<Pair>) -> Self {
        Self {
            pairs,
            ledger: ModelLedger::new(),
            letters: ModelLetters::new(),
            clock: VirtualClock::new(),
            policy: policy(),
            announcer: None,
        }
    }

    fn announced(&self, letters: ModelLetters) -> Announced<ModelLetters> {
        Announced::new(letters, self.announcer.clone())
    }

    pub(crate) fn indexers(&self) -> Vec<AnIndexer> {
        let source = |pair: &Pair| IndexedSource {
            ledger: pair.ledger.then(|| self.ledger.clone()),
            reading: pair.reading(),
            policy: self.policy.clone(),
            redaction: Redaction::default(),
        };
        let indexer = |pair: &Pair| {
            let settings = IndexSettings {
                reading: pair.reading(),
                policy: self.policy.clone(),
                pollers: 2,
                wait: Duration::from_secs(1),
                reserve: Duration::from_secs(3),
            };
            let ledger = pair.ledger.then(|| self.ledger.clone());
            let letters = self.announced(self.letters.clone());
            Indexer::new(pair.dead.clone(), ledger, letters, self.clock.clone(), settings)
        };
        let mut indexers: Vec<(QueueArn, AnIndexer)> = Vec::new();
        for pair in self.pairs.iter().filter(|pair| pair.custody) {
            match indexers.iter().position(|(dead, _)| *dead == pair.dead.arn()) {
                Some(place) => {
                    let (dead, shared) = indexers.remove(place);
                    indexers.insert(place, (dead, shared.shared_by(source(pair))));
                }
                None => indexers.push((pair.dead.arn(), indexer(pair))),
            }
        }
        indexers.into_iter().map(|(_, indexer)| indexer).collect()
    }

    /// Queue pairs as replay knows them, perhaps in a process that these faults strike.
    pub(crate) fn replayed_pairs(&self, policy: &Policy, process: Option<&Faults>) -> Vec<ReplayedPair> {
        let strike = |queue: &ModelQueue| {
            process.map_or_else(|| queue.clone(), |process| queue.clone().with_faults(process.clone()))
        };
        let replayed = |pair: &Pair| {
            let policy = if pair.ledger { policy.clone() } else { policy.asking() };
            let ledger = pair.ledger.then(|| self.ledger.clone());
            let ledger = ledger.map(|ledger| match process {
                Some(process) => ledger.with_faults(process.clone()),
                None => ledger,
            });
            let others = pair.others.iter().map(|queue| Destination {
                arn: queue.arn(),
                outbox: strike(queue),
                gauges: ModelGauges::new(),
            });
            QueuePair {
                reading: pair.reading(),
                policy,
                outbox: pair.sends.then(|| strike(&pair.main)),
                dead_letters: (!pair.custody).then(|| (strike(&pair.dead), pair.dead_gauges.clone())),
                destinations: others.collect(),
                ledger,
                gauges: ModelGauges::new(),
            }
        };
        self.pairs.iter().map(replayed).collect()
    }

    /// Replay of these pairs, perhaps in a process that these faults strike.
    pub(crate) fn replayer_of(&self, pairs: Vec<ReplayedPair>, process: Option<&Faults>) -> AReplayer {
        let letters = match process {
            Some(process) => self.letters.clone().with_faults(process.clone()),
            None => self.letters.clone(),
        };
        let settings = ReplaySettings { lease: LEASE, ledger_retention: 30 * DAY, reserve: Duration::from_secs(1) };
        Replayer::new(self.announced(letters), VirtualWorld::new(self.clock.clone(), 1), settings, pairs)
    }

    pub(crate) fn replayer(&self, policy: &Policy, process: Option<&Faults>) -> AReplayer {
        self.replayer_of(self.replayed_pairs(policy, process), process)
    }

    /// Runs the indexer once for all pairs.
    pub(crate) async fn drain(&self) -> Vec<Option<DrainReport>> {
        drain_all(&self.indexers(), 0, Instant::now() + MINUTE).await
    }

    /// Runs replay once for all pairs.
    pub(crate) async fn ask(&self, request: &Request) -> Result<Reports, ReplayError> {
        self.replayer(&policy(), None).run(request, Instant::now() + MINUTE).await
    }

    /// Runs replay once as a process that these faults strike.
    pub(crate) async fn ask_as(&self, process: &Faults, request: &Request) -> Result<Reports, ReplayError> {
        self.replayer(&policy(), Some(process)).run(request, Instant::now() + MINUTE).await
    }

    /// The letters of one pair.
    pub(crate) fn letters_of(&self, pair: usize) -> Vec<Letter> {
        let source = self.pairs[pair].main.arn();
        let all = self.letters.all();
        all.iter().filter(|letter| letter.source == source).map(|letter| (**letter).clone()).collect()
    }
}

/// Every waiting letter of one queue.
pub(crate) fn all_of(queue: &ModelQueue) -> Selection {
    Selection::Filter(Filter { source_topic: Some(queue.arn()), ..Filter::default() })
}
