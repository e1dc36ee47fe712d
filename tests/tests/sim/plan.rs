//! Plan of a run: all that one seed decides.

mod looking;
mod orders;
mod queued;
mod sharing;

use std::time::Duration;

use rand::rngs::StdRng;
use rand::seq::IndexedRandom;
use rand::{RngExt, SeedableRng};
use redrive_core::ids::{LetterId, MessageId, QueueArn, ReplayNumber, Scope};
use redrive_core::message::envelope::{Attribute, Attributes};
use redrive_core::message::key::Key;
use redrive_core::message::redrive::{self, Redrive};
use redrive_core::processing::outcome::OutageBrake;
use redrive_testkit::clock::ORIGIN;
use redrive_testkit::handlers::{Order, Play};
use redrive_testkit::{CallFault, Chances, Faults, Quirks};

pub(crate) const QUEUE: &str = "orders";
/// Another queue, which nobody of ours consumes.
pub(crate) const ELSEWHERE: &str = "elsewhere";

/// Name of a queue that no pair lists, and whose dead messages come to the pair's dead-letter queue.
pub(crate) const UNLISTED: &str = "unlisted";

/// The ARN of a queue.
pub(crate) fn arn(queue: &str) -> String {
    format!("arn:aws:sqs:us-east-1:000000000000:{queue}")
}

/// Timing by which the dead-letter queue is emptied.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Draining {
    /// Time for which it hides what an indexer has received.
    pub(crate) hidden: Duration,
    /// Wait of a receive.
    pub(crate) wait: Duration,
    /// Delay of the second of two indexers after the first.
    pub(crate) apart: Duration,
}

/// As it is deployed: hidden for longer than an indexer runs.
impl Default for Draining {
    fn default() -> Self {
        Self { hidden: Duration::from_secs(90), wait: Duration::from_secs(1), apart: Duration::ZERO }
    }
}

/// A message that a producer sends.
#[derive(Debug, Clone)]
pub(crate) struct Posting {
    pub(crate) at: Duration,
    pub(crate) body: String,
    pub(crate) attributes: Attributes,
    /// Group of a FIFO queue to which it belongs.
    pub(crate) group: u32,
}

/// Faults of calls in a run.
#[derive(Debug, Clone)]
pub(crate) enum Weather {
    Random(Chances),
    Script(Vec<(usize, CallFault)>),
}

/// A whole run, before it begins.
#[derive(Debug, Clone)]
pub(crate) struct Plan {
    pub(crate) seed: u64,
    pub(crate) postings: Vec<Posting>,
    /// Messages to a queue that no pair lists, and that shares the dead-letter queue.
    pub(crate) unlisted: Vec<Posting>,
    pub(crate) scripts: Vec<(String, Vec<Play>)>,
    /// True if the key's place in the body is configured; else the message id is the key.
    pub(crate) pointer: bool,
    /// Milliseconds by which the clock of each worker goes ahead.
    pub(crate) workers: Vec<i64>,
    pub(crate) batch: usize,
    /// True if the queues are FIFO.
    pub(crate) fifo: bool,
    /// True if the processor sends dead messages to the dead-letter queue itself.
    pub(crate) direct: bool,
    pub(crate) quirks: Quirks,
    pub(crate) draining: Draining,
    pub(crate) index_lag: Duration,
    pub(crate) weather: Weather,
    /// In a thousand: an invocation is killed at some moment, a flow runs twice at once, an operator comes by.
    pub(crate) kills: u32,
    pub(crate) twins: u32,
    pub(crate) operators: u32,
    /// In a thousand: what an operator who comes by does is an edit.
    pub(crate) edits: u32,
    /// In a thousand: whoever comes by takes custody away and has SQS move everything back by itself.
    pub(crate) natives: u32,
    /// In a thousand: SQS throttles a call that sends, or denies it.
    pub(crate) refusals: u32,
    /// In a thousand: a request to replay finds that the process of an earlier one is gone, and starts another.
    pub(crate) reclaims: u32,
    /// True if operators ask for letters to be sent though it is not known what became of those before them in their
    /// groups.
    pub(crate) overtakes: bool,
    /// Number of deaths after which a letter is edited, by somebody who replays all that waits until it is done;
    /// `None`: nobody does.
    pub(crate) amends: Option<u32>,
    /// True if a process has two invocations at once.
    pub(crate) managed: bool,
    /// True if pollers wait after an invocation that failed.
    pub(crate) slows: bool,
    /// Reaction to an outage.
    pub(crate) brake: OutageBrake,
    /// Until when chance has a hand in it.
    pub(crate) calm_after: Duration,
}

impl Plan {
    /// Makes a plan of everything by chance.
    pub(crate) fn random(seed: u64) -> Self {
        let mut random = StdRng::seed_from_u64(seed);
        let rough = random.random_ratio(4, 5);
        let weather = if rough { Chances::rough().worse(random.random_range(1..=3)) } else { Chances::calm() };
        let rare = |random: &mut StdRng, most: u32| if rough { random.random_range(0..=most) } else { 0 };
        let mut plan = Self {
            seed,
            postings: Vec::new(),
            unlisted: Vec::new(),
            scripts: Vec::new(),
            pointer: random.random_ratio(9, 10),
            workers: vec![random.random_range(-2_500..=2_500), random.random_range(-2_500..=2_500)],
            batch: *[1, 3, 10].choose(&mut random).unwrap_or(&10),
            fifo: false,
            direct: random.random_ratio(1, 4),
            quirks: Quirks {
                delivered_twice: rare(&mut random, 80),
                delete_does_not_stick: rare(&mut random, 80),
                stale_delete_works: 500,
                new_id_on_move: rare(&mut random, 200),
                same_id_on_return: if rough { 500 } else { 0 },
                shuffled: rough,
            },
            draining: Draining::default(),
            index_lag: Duration::from_secs(random.random_range(0..5)),
            weather: Weather::Random(weather),
            kills: rare(&mut random, 60),
            twins: random.random_range(0..300),
            operators: rare(&mut random, 500),
            // By the seed itself, so that every other seed is the story that it was.
            edits: if seed % 2 == 1 { 400 } else { 0 },
            refusals: if rough && seed % 5 < 2 { 150 } else { 0 },
            natives: if rough && seed.is_multiple_of(3) { 200 } else { 0 },
            reclaims: [1_000, 0, 250, 250][usize::try_from(seed % 4).unwrap_or(0)],
            overtakes: seed % 4 < 2,
            amends: None,
            managed: seed.is_multiple_of(5),
            slows: seed % 8 < 4,
            brake: [OutageBrake::Signal, OutageBrake::Quiet, OutageBrake::Off][usize::try_from(seed % 3).unwrap_or(0)],
            calm_after: if rough { weather.calm_after } else { Duration::from_secs(60) },
        };
        for n in 0..random.random_range(4..12) {
            plan.order(n, &mut random);
        }
        plan.postings.sort_by_key(|posting| posting.at);
        plan
    }

    /// The same with FIFO queues, most of whose groups have more than one message.
    pub(crate) fn fifo(seed: u64) -> Self {
        Self { fifo: true, direct: true, ..Self::random(seed) }
    }

    /// FIFO plan with one group, and with indexes that are late: some are later than a letter rests.
    pub(crate) fn lagging(seed: u64) -> Self {
        let mut plan = Self {
            index_lag: Duration::from_secs(if seed.is_multiple_of(2) { 25 } else { 150 }),
            overtakes: false,
            ..Self::fifo(seed)
        };
        plan.postings.iter_mut().for_each(|posting| posting.group = 0);
        plan.scripts
            .iter_mut()
            .for_each(|(_, plays)| *plays = [vec![Play::Permanent; 2], vec![Play::Succeed]].concat());
        Self { operators: 900, edits: 0, natives: 0, ..plan }
    }

    /// And a message that names another one's letter: a producer has read the attribute of a replay, and uses it.
    pub(crate) fn forged(seed: u64) -> Self {
        let mut plan = Self::random(seed);
        let random = &mut StdRng::seed_from_u64(!seed);
        let index = random.random_range(0..plan.postings.len());
        let origin = format!("{QUEUE}-{}", index + 1);
        let order: Option<Order> = serde_json::from_str(&plan.postings[index].body).ok();
        let order_id = order.map_or_else(|| "none".to_owned(), |order| order.order_id);
        let key = if plan.pointer { &order_id } else { &origin };
        let at = Duration::from_millis(random.random_range(60_000..600_000));
        plan.postings.push(Posting {
            at,
            body: Order::body(&order_id, 666),
            attributes: forged(&origin, key),
            group: 0,
        });
        plan
    }

    /// A small story in which everything happens once, and every call takes 5 ms.
    pub(crate) fn small(call_faults: Vec<(usize, CallFault)>) -> Self {
        let post =
            |at, body: String| Posting { at: Duration::from_secs(at), body, attributes: Attributes::new(), group: 0 };
        Self {
            seed: 0,
            postings: vec![
                post(0, Order::body("good", 1)),
                post(0, Order::body("late", 1)),
                post(0, Order::body("late", 1)),
                post(0, Order::body("dies", 1)),
                post(0, Order::body("refused", 1)),
                post(0, "not JSON".to_owned()),
                post(4, Order::body("good", 1)),
                post(4, Order::body("good", 2)),
            ],
            unlisted: Vec::new(),
            scripts: vec![
                ("good".to_owned(), vec![]),
                ("late".to_owned(), vec![Play::Transient, Play::Succeed]),
                ("dies".to_owned(), dies_once()),
                ("refused".to_owned(), vec![Play::Permanent]),
            ],
            pointer: true,
            workers: vec![0, 0],
            batch: 10,
            fifo: false,
            direct: false,
            quirks: Quirks::default(),
            draining: Draining::default(),
            index_lag: Duration::ZERO,
            weather: Weather::Script(call_faults),
            kills: 0,
            twins: 0,
            operators: 0,
            edits: 0,
            natives: 0,
            refusals: 0,
            reclaims: 0,
            overtakes: false,
            amends: None,
            managed: false,
            slows: false,
            brake: OutageBrake::Quiet,
            calm_after: Duration::from_secs(10),
        }
    }

    /// The same with two indexers at once, each of which gets what the other has in hand: the dead-letter queue hides messages
    /// for less than it takes to index them.
    pub(crate) fn two_indexers(call_faults: Vec<(usize, CallFault)>) -> Self {
        // The second finds it visible again just as the first has begun to read.
        let [hidden, wait, apart] = [13, 2, 17].map(Duration::from_millis);
        Self { twins: 1_000, draining: Draining { hidden, wait, apart }, ..Self::small(call_faults) }
    }

    /// Everything by chance, and operators who come by all the time and edit what they find.
    pub(crate) fn edited(seed: u64) -> Self {
        Self { operators: 900, edits: 800, refusals: 100, ..Self::random(seed) }
    }

    /// Everything by chance, and operators who have SQS move everything back again and again.
    pub(crate) fn redriven(seed: u64) -> Self {
        let random = Self::random(seed);
        let quirks = Quirks { same_id_on_return: 500, ..random.quirks };
        Self { fifo: seed % 4 == 3, operators: 600, natives: 250, quirks, ..random }
    }

    /// Plans a message that is refused, replayed as it is, refused again, and then edited. The consumer takes one at a
    /// time.
    pub(crate) fn amended(call_faults: Vec<(usize, CallFault)>) -> Self {
        let small = Self::small(call_faults);
        let postings = small.postings.iter().filter(|posting| posting.body.contains("refused")).cloned().collect();
        let plays = vec![Play::Permanent, Play::Permanent, Play::Succeed];
        Self { postings, scripts: vec![("refused".to_owned(), plays)], amends: Some(2), batch: 1, ..small }
    }

    /// Plans an outage: a dependency of the handler is down for three quarters of a minute, and a dozen orders come
    /// meanwhile.
    pub(crate) fn down(slows: bool, brake: OutageBrake) -> Self {
        let small = Self::small(Vec::new());
        let id = |n: u64| format!("o-{n}");
        let at = |n: u64| Duration::from_secs(n / 4);
        let posting =
            |n: u64| Posting { at: at(n), body: Order::body(&id(n), 1), attributes: Attributes::new(), group: 0 };
        let postings = (0..12).map(posting).collect();
        let scripts = (0..12).map(|n| (id(n), vec![Play::DownUntil(Duration::from_secs(45))])).collect();
        Self { postings, scripts, slows, brake, workers: vec![0], ..small }
    }

    /// A FIFO group whose first two messages die at once and have no attribute left for ours; behind them is a good one.
    pub(crate) fn poisoned(call_faults: Vec<(usize, CallFault)>) -> Self {
        let ten = || (0..10).map(|n| (format!("a-{n}"), Attribute::text("x"))).collect();
        let post = |body: String, attributes| Posting { at: Duration::ZERO, body, attributes, group: 0 };
        let postings = vec![
            post(Order::body("refused", 1), ten()),
            post("not JSON".to_owned(), ten()),
            post(Order::body("good", 1), Attributes::new()),
        ];
        let scripts = vec![("good".to_owned(), vec![]), ("refused".to_owned(), vec![Play::Permanent])];
        Self { fifo: true, direct: true, postings, scripts, workers: vec![0], ..Self::small(call_faults) }
    }

    /// Plans an order that is refused so often, before it succeeds; sent so many times. Somebody replays its letters
    /// until it is done, and edits one that has died `edited_at` times.
    pub(crate) fn crowded(sent: usize, refused: usize, edited_at: u32) -> Self {
        let small = Self::small(Vec::new());
        let posting = small.postings.iter().find(|posting| posting.body.contains("refused"));
        let postings = posting.cloned().into_iter().cycle().take(sent).collect();
        let plays = std::iter::repeat_n(Play::Permanent, refused).chain([Play::Succeed]).collect();
        Self { postings, scripts: vec![("refused".to_owned(), plays)], amends: Some(edited_at), ..small }
    }

    /// The same in the weather of a seed: as many copies as a key can bear, or more.
    pub(crate) fn crowded_by(seed: u64) -> Self {
        let random = Self::random(seed);
        let sent = 3 + usize::try_from(seed % 8).unwrap_or_default() * 9;
        Self { operators: 0, pointer: true, ..random.like(Self::crowded(sent, sent, u32::MAX)) }
    }

    /// Another plan's story in the weather of this one.
    fn like(self, story: Self) -> Self {
        Self { postings: story.postings, scripts: story.scripts, amends: story.amends, ..self }
    }

    /// The same, and the edited body succeeds at its last attempt only: the key is free in between.
    pub(crate) fn amended_slowly(call_faults: Vec<(usize, CallFault)>) -> Self {
        let [refused, again] = [Play::Permanent, Play::Transient];
        let plays = vec![refused.clone(), refused, again.clone(), again.clone(), again, Play::Succeed];
        Self { scripts: vec![("refused".to_owned(), plays)], ..Self::amended(call_faults) }
    }

    /// Two messages with one key and two payloads. The first one's worker completes it, but that takes `slow` to get
    /// there: perhaps longer than its lease.
    pub(crate) fn late_worker(slow: Duration) -> Self {
        let post = |at, amount| Posting {
            at: Duration::from_secs(at),
            body: Order::body("late", amount),
            attributes: Attributes::new(),
            group: 0,
        };
        let first_commit = 1;
        Self {
            postings: vec![post(0, 1), post(1, 2)],
            scripts: vec![("late".to_owned(), vec![])],
            ..Self::small(vec![(first_commit, CallFault::Slow(slow))])
        }
    }

    /// Returns the name of a queue: a FIFO one's ends as SQS wants it to.
    pub(crate) fn named(&self, queue: &str) -> String {
        if self.fifo { format!("{queue}.fifo") } else { queue.to_owned() }
    }

    /// The main queue's ARN.
    pub(crate) fn source(&self) -> String {
        arn(&self.named(QUEUE))
    }

    pub(crate) fn faults(&self) -> Faults {
        match &self.weather {
            Weather::Random(chances) => Faults::random(self.seed ^ 0xFA17, *chances),
            Weather::Script(call_faults) => {
                Faults::script(call_faults.iter().copied()).with_latency(Duration::from_millis(5))
            }
        }
    }
}

/// Transient until its enqueue is over (four attempts), and good in the next.
fn dies_once() -> Vec<Play> {
    vec![Play::Transient, Play::Transient, Play::Transient, Play::Transient, Play::Succeed]
}

/// Makes attributes that a producer could forge who had seen a replayed message.
fn forged(origin: &str, key: &str) -> Attributes {
    let parts = (QueueArn::new(arn(QUEUE)), MessageId::new(origin), Scope::new(QUEUE));
    let (Some(source), Some(origin), Some(scope)) = parts else { return Attributes::new() };
    let letter = LetterId::derive(&source, &origin);
    let key = Key::new(key).ok();
    let redrive =
        Redrive { letter, number: ReplayNumber(1), key, scope, origin, sent_at: ORIGIN, died: None, trace: None };
    Attributes::from([(redrive::ATTRIBUTE.to_owned(), Attribute::text(redrive.encode()))])
}
