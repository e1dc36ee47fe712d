//! A dead letter queue of RabbitMQ as letters, and letters back in their queue: each dead message once, with its bytes, and charged
//! once whatever happens on the way.

use std::time::Duration;

use redrive_core::ids::LetterId;
use redrive_core::letters::dead_message::told_apart;
use redrive_core::letters::dead_record::DeadRecord;
use redrive_core::letters::exact_message::ExactMessage;
use redrive_core::letters::letter::{ErrorType, Letter, Status};
use redrive_core::message::broker_record::{AmqpTable, AmqpValue, BrokerRecord, RabbitMessage, RabbitQueue};
use redrive_core::processing::mask::Redaction;
use redrive_core::replay::{Edit, ReplayOptions, Request, Selection};
use redrive_core::time::Timestamp;
use redrive_engine::{IndexedRecords, IndexedSource, QueuePair, RecordIndexer, ReplayReport, ReplaySettings, Replayer};
use redrive_testkit::clock::VirtualWorld;
use redrive_testkit::handlers::{Order, Play, Scripted};
use redrive_testkit::{CallFault, Faults, ModelGauges, ModelLetters, ModelRabbitQueue};
use tokio::time::Instant;

use crate::broker_bench::{BrokerBench, TIME};
use crate::house::{LEASE, MINUTE, policy};

const DAY: Duration = Duration::from_secs(86_400);
const ALL: [CallFault; 5] = [
    CallFault::LostAnswer,
    CallFault::Refused,
    CallFault::Twice,
    CallFault::Late(Duration::from_secs(2)),
    CallFault::Partly(1),
];

/// A queue, its dead letter queue, and the letters.
struct DeadQueue {
    bench: BrokerBench<ModelRabbitQueue>,
    letters: ModelLetters,
}

impl DeadQueue {
    fn new(handler: Scripted) -> Self {
        Self { bench: BrokerBench::rabbitmq(handler, Faults::none()), letters: ModelLetters::new() }
    }

    /// A queue whose orders `o-0`, `o-1` and so on have run, by this handler; every second one has a `message-id`.
    async fn after(handler: Scripted, orders: usize) -> Self {
        let this = Self::new(handler);
        for n in 0..orders {
            this.bench.main.add(order(n), Duration::ZERO);
        }
        this.bench.drain().await;
        this
    }

    /// Indexes one batch of the dead letter queue in a process that these faults strike; what is not all indexed comes again.
    async fn index(&self, faults: &Faults) -> IndexedRecords {
        let source = IndexedSource {
            ledger: Some(self.bench.ledger.clone().with_faults(faults.clone())),
            reading: self.bench.reading(),
            policy: policy(),
            redaction: Redaction::default(),
        };
        let letters = self.letters.clone().with_faults(faults.clone());
        let clock = self.bench.faults.clock().clone();
        let now = clock.now();
        let dead = self.bench.dead.take(100).into_iter().map(|message| DeadRecord::of_rabbitmq(message, now)).collect();
        let indexer = RecordIndexer::new(letters, clock, source);
        let indexed = indexer.index(told_apart(dead), Instant::now() + TIME).await;
        self.bench.dead.settle(indexed.left.is_empty());
        indexed
    }

    async fn index_all(&self, faults: &Faults) {
        for _ in 0..50 {
            if self.bench.dead.messages().is_empty() {
                return;
            }
            self.index(faults).await;
        }
        panic!("the dead letter queue never empties\n{}", faults.journal().story());
    }

    fn letters(&self) -> Vec<Letter> {
        let mut all: Vec<_> = self.letters.all().iter().map(|letter| (**letter).clone()).collect();
        all.sort_by(|a, b| a.payload.cmp(&b.payload));
        all
    }

    /// Asks a replay in a process that these faults strike.
    async fn ask(&self, request: &Request, faults: &Faults) -> ReplayReport {
        let ledger = Some(self.bench.ledger.clone().with_faults(faults.clone()));
        let queue = self.bench.main.clone().with_faults(faults.clone());
        let pair = QueuePair::new(self.bench.reading(), policy(), queue, ledger, ModelGauges::new());
        let settings = ReplaySettings { lease: LEASE, ledger_retention: 30 * DAY, reserve: Duration::from_secs(1) };
        let world = VirtualWorld::new(self.bench.faults.clock().clone(), 1);
        let letters = self.letters.clone().with_faults(faults.clone());
        let replayer = Replayer::new(letters, world, settings, vec![pair]);
        replayer.run(request, Instant::now() + MINUTE).await.map(|reports| reports.together()).unwrap_or_default()
    }

    /// The queue's messages run, their dead become letters, and the schedule looks what became of all.
    async fn settle(&self) {
        self.bench.drain().await;
        self.index_all(&Faults::none()).await;
        tokio::time::advance(LEASE + Duration::from_secs(1)).await;
        self.ask(&Request::Schedule, &Faults::none()).await;
    }
}

fn order(n: usize) -> RabbitMessage {
    let mut message = RabbitMessage::of(RabbitQueue::parse("orders"));
    message.body = Order::body(&format!("o-{n}"), 5).into_bytes();
    message.properties.message_id = (n % 2 == 1).then(|| format!("m-{n}"));
    message.properties.priority = Some(3);
    message.headers = AmqpTable(vec![("tenant".to_owned(), AmqpValue::Bytes(vec![0xff]))]);
    message
}

fn replay(letter: &Letter, edit: Option<Edit>) -> Request {
    let options = ReplayOptions { edit, ..ReplayOptions::default() };
    Request::Replay { selection: Selection::Ids(vec![letter.id]), by: "ann".to_owned(), options }
}

#[tokio::test(start_paused = true)]
async fn a_dead_message_is_one_letter_of_the_message_that_died_with_its_reason_from_the_ledger_and_its_bytes() {
    for n in [0, 1] {
        let queue = DeadQueue::after(Scripted::new().on(&format!("o-{n}"), [Play::Permanent]), 3).await;
        let now = queue.bench.faults.clock().now();
        assert_eq!(queue.index(&Faults::none()).await.report.created, 1);
        let [letter] = &queue.letters()[..] else { panic!("one died") };
        let came = BrokerRecord::RabbitMq(Box::new(order(n))).message_id();
        assert_eq!(letter.id, LetterId::derive(&letter.source, &came), "of the queue where it died");
        assert_eq!((letter.status, letter.reason.error_type), (Status::Pending, ErrorType::Permanent));
        assert_eq!((letter.reason.attempt_count, letter.sent_at), (1, now), "no time is told but that of now");
        assert_eq!(letter.payload.as_bytes(), order(n).body);
        let exact = ExactMessage::of_letter(&letter.source, &letter.attributes).unwrap();
        assert_eq!((exact.properties.priority, exact.headers.get("tenant")), (Some(3), order(n).headers.get("tenant")));
        assert_eq!(letter.history[1].note.as_deref(), Some("read in orders.dead, and says that it died in orders"));
    }
}

#[tokio::test(start_paused = true)]
async fn a_message_that_comes_again_and_a_second_copy_of_one_death_create_nothing() {
    let queue = DeadQueue::after(Scripted::new().on("o-1", [Play::Permanent]), 3).await;
    let dead = queue.bench.dead.messages().remove(0);
    queue.bench.dead.add(dead.clone(), Duration::ZERO);
    let indexed = queue.index(&Faults::none()).await;
    assert_eq!((indexed.report.created, indexed.left.len()), (1, 0));
    // The answer was lost.
    queue.bench.dead.add(RabbitMessage { redelivered: true, ..dead }, Duration::ZERO);
    assert_eq!(queue.index(&Faults::none()).await.report.created, 0);
    assert_eq!((queue.letters().len(), queue.letters()[0].deaths), (1, 1));
}

#[tokio::test(start_paused = true)]
async fn messages_of_others_and_junk_are_letters_that_wait_for_a_person_and_go_back_with_every_byte() {
    let queue = DeadQueue::new(Scripted::new());
    let text = AmqpValue::text;
    let death = [("reason", text("rejected")), ("queue", text("orders")), ("count", AmqpValue::Int(3))];
    let death = AmqpTable(death.into_iter().map(|(name, value)| (name.to_owned(), value)).collect());
    let deaths = AmqpValue::Array(vec![AmqpValue::Table(death)]);
    let with = |body: &[u8], headers: Vec<(&str, AmqpValue)>| RabbitMessage {
        body: body.to_vec(),
        headers: AmqpTable(headers.into_iter().map(|(name, value)| (name.to_owned(), value)).collect()),
        ..RabbitMessage::of(RabbitQueue::parse("orders.dead"))
    };
    let all = [
        with(Order::body("o-1", 5).as_bytes(), vec![("x-death", deaths), ("x-delivery-count", AmqpValue::Int(9))]),
        with(&[0xd7, 0xff, 0], vec![("a", AmqpValue::Null), ("b", AmqpValue::Real("1.5".to_owned()))]),
        with(b"", vec![("redrive", text("{}"))]),
        with(b"data:application/octet-stream;base64,103/", vec![("failure-reason", text("theirs"))]),
    ];
    all.iter().for_each(|message| queue.bench.dead.add(message.clone(), Duration::ZERO));
    queue.index_all(&Faults::none()).await;
    assert_eq!(queue.letters().len(), all.len());
    for letter in queue.letters() {
        assert_eq!((letter.reason.error_type, letter.due), (ErrorType::Unknown, Timestamp::NEVER));
        assert_eq!(queue.ask(&replay(&letter, None), &Faults::none()).await.sent, 1);
    }
    let rejected = queue.letters().into_iter().find(|letter| letter.fingerprint == "UNKNOWN/rejected").unwrap();
    assert_eq!(rejected.reason.attempt_count, 3, "shown, and never believed");
    let sent = queue.bench.main.messages();
    for message in all {
        let own: Vec<_> =
            message.headers.0.iter().filter(|(name, _)| !name.starts_with("x-") && name != "redrive").collect();
        let same = sent.iter().filter(|sent| {
            let (redrive, before) = sent.headers.0.split_last().unwrap();
            sent.body == message.body && redrive.0 == "redrive" && before.iter().collect::<Vec<_>>() == own
        });
        assert_eq!(same.count(), 1, "{message:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn two_rejected_messages_of_the_same_bytes_are_two_letters() {
    let queue = DeadQueue::new(Scripted::new());
    (0..2).for_each(|_| queue.bench.dead.publish(None, b"{}"));
    queue.index_all(&Faults::none()).await;
    assert_eq!(queue.letters().len(), 2);
}

#[tokio::test(start_paused = true)]
async fn an_answer_of_any_call_that_is_lost_while_indexing_loses_nothing_and_creates_nothing_twice() {
    let handler = || Scripted::new().on("o-1", [Play::Permanent]).on("o-2", [Play::Permanent]);
    let calls = {
        let (queue, faults) = (DeadQueue::after(handler(), 4).await, Faults::none());
        queue.index_all(&faults).await;
        faults.calls().len()
    };
    assert!(calls > 3, "{calls}");
    for (call, fault) in (0..calls).flat_map(|call| ALL.map(|fault| (call, fault))) {
        let (queue, faults) = (DeadQueue::after(handler(), 4).await, Faults::script([(call, fault)]));
        queue.index_all(&faults).await;
        let letters = queue.letters();
        let known = letters.iter().all(|letter| letter.deaths == 1 && letter.reason.error_type == ErrorType::Permanent);
        assert!(letters.len() == 2 && known, "{fault:?} of call {call}\n{}", faults.journal().story());
    }
}

#[tokio::test(start_paused = true)]
async fn an_answer_of_any_call_that_is_lost_while_replaying_charges_the_order_once() {
    let cured = || async {
        let plays = || [Play::Permanent, Play::Succeed];
        let queue = DeadQueue::after(Scripted::new().on("o-0", plays()).on("o-1", plays()), 2).await;
        queue.index_all(&Faults::none()).await;
        queue
    };
    let calls = {
        let (queue, faults) = (cured().await, Faults::none());
        for letter in queue.letters() {
            assert_eq!(queue.ask(&replay(&letter, None), &faults).await.sent, 1);
        }
        faults.calls().len()
    };
    for (call, fault) in (0..calls).flat_map(|call| ALL.map(|fault| (call, fault))) {
        let (queue, faults) = (cured().await, Faults::script([(call, fault)]));
        for letter in queue.letters() {
            queue.ask(&replay(&letter, None), &faults).await;
        }
        for _ in 0..4 {
            queue.settle().await;
            for letter in queue.letters().iter().filter(|letter| letter.status == Status::Pending) {
                queue.ask(&replay(letter, None), &Faults::none()).await;
            }
        }
        let story = || format!("{fault:?} of call {call}\n{}", faults.journal().story());
        assert!(queue.letters().iter().all(|letter| letter.status == Status::Resolved), "{}", story());
        assert_eq!(["o-0", "o-1"].map(|order| queue.bench.charged(order)), [1, 1], "{}", story());
    }
}

#[tokio::test(start_paused = true)]
async fn what_dies_again_is_the_same_letter_with_or_without_an_id_and_an_edited_one_runs_as_it_was_edited() {
    for n in [0, 1] {
        let plays = [Play::Permanent, Play::Permanent, Play::Succeed];
        let queue = DeadQueue::after(Scripted::new().on(&format!("o-{n}"), plays), 2).await;
        queue.index_all(&Faults::none()).await;
        queue.ask(&replay(&queue.letters()[0], None), &Faults::none()).await;
        queue.settle().await;
        let [letter] = &queue.letters()[..] else { panic!("one letter") };
        assert_eq!((letter.deaths, letter.status), (2, Status::Pending));
        let edit = Edit::Body(Order::body(&format!("o-{n}"), 9));
        queue.ask(&replay(letter, Some(edit)), &Faults::none()).await;
        let sent = queue.bench.main.messages().remove(0);
        assert_eq!(
            (sent.body, sent.properties.message_id.is_some()),
            (Order::body(&format!("o-{n}"), 9).into_bytes(), n == 1)
        );
        queue.settle().await;
        assert_eq!((queue.letters()[0].status, queue.bench.charged(&format!("o-{n}"))), (Status::Resolved, 1));
    }
}
