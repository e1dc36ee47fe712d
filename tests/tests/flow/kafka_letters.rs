//! A dead letter topic of Kafka as letters: each dead record once, with its bytes, and nothing acknowledged that is no letter.

use std::time::Duration;

use redrive_core::ids::LetterId;
use redrive_core::letters::dead_record::DeadRecord;
use redrive_core::letters::exact_record::ExactRecord;
use redrive_core::letters::letter::{ErrorType, Letter, Status};
use redrive_core::message::broker_record::{KafkaHeader, KafkaRecord};
use redrive_core::processing::mask::Redaction;
use redrive_core::time::Timestamp;
use redrive_engine::{IndexedRecords, IndexedSource, RecordIndexer};
use redrive_testkit::handlers::{Order, Play, Scripted};
use redrive_testkit::{CallFault, Faults, ModelLetters, ModelTopic, Redelivery};
use tokio::time::Instant;

use crate::broker_bench::{BrokerBench, TIME};
use crate::house::policy;

/// Key, value and headers of a record.
pub(crate) type RecordParts<'a> = (Option<&'a [u8]>, Option<&'a [u8]>, Vec<KafkaHeader>);

/// A topic, its dead letter topic, and the letters.
pub(crate) struct DeadTopic {
    pub(crate) bench: BrokerBench<ModelTopic>,
    pub(crate) letters: ModelLetters,
}

impl DeadTopic {
    /// A topic without records; until they are indexed, nothing goes wrong.
    pub(crate) fn new(handler: Scripted) -> Self {
        Self { bench: BrokerBench::kafka(handler, Faults::none(), 2), letters: ModelLetters::new() }
    }

    /// A topic whose orders `o-0`, `o-1` and so on have run, by this handler.
    pub(crate) async fn after(handler: Scripted, orders: usize) -> Self {
        let this = Self::new(handler);
        for n in 0..orders {
            let trace = vec![KafkaHeader::text("trace", "t"), KafkaHeader { name: "trace".to_owned(), value: None }];
            let value = Order::body(&format!("o-{n}"), 5);
            this.bench.main.produce(Some(&[0xfe, u8::try_from(n).unwrap()]), Some(value.as_bytes()), trace);
        }
        this.bench.drain(Redelivery::OnlyFailed).await;
        this
    }

    /// Indexes these records in a process that these faults strike.
    async fn index(&self, records: &[KafkaRecord], faults: &Faults) -> IndexedRecords {
        let source = IndexedSource {
            ledger: Some(self.bench.ledger.clone().with_faults(faults.clone())),
            reading: self.bench.reading(),
            policy: policy(),
            redaction: Redaction::default(),
        };
        let letters = self.letters.clone().with_faults(faults.clone());
        let clock = self.bench.faults.clock().clone();
        let dead = records.iter().cloned().map(DeadRecord::of).collect();
        RecordIndexer::new(letters, clock, source).index(dead, Instant::now() + TIME).await
    }

    /// Indexes all of the dead letter topic, again and again until nothing is left; returns the number of invocations.
    pub(crate) async fn index_all(&self, faults: &Faults) -> usize {
        let (mut open, mut invocations) = (self.bench.dead.records(), 0);
        while !open.is_empty() {
            assert!(invocations < 50, "{}", faults.journal().story());
            let left = self.index(&open, faults).await.left;
            open.retain(|record| left.contains(&record.position.message_id()));
            invocations += 1;
        }
        invocations
    }

    pub(crate) fn letters(&self) -> Vec<Letter> {
        let mut all: Vec<_> = self.letters.all().iter().map(|letter| (**letter).clone()).collect();
        all.sort_by(|a, b| a.origin.cmp(&b.origin));
        all
    }
}

fn exact(letter: &Letter) -> ExactRecord {
    ExactRecord::of_letter(&letter.source, &letter.attributes).unwrap()
}

#[tokio::test(start_paused = true)]
async fn a_dead_record_is_one_letter_of_the_place_where_it_died_with_its_reason_from_the_ledger_and_its_bytes() {
    let topic = DeadTopic::after(Scripted::new().on("o-1", [Play::Permanent]), 3).await;
    let records = topic.bench.dead.records();
    assert_eq!(topic.index(&records, &Faults::none()).await.report.created, 1);
    let [letter] = &topic.letters()[..] else { panic!("one died") };
    let came = topic.bench.main.records().into_iter().find(|record| record.key == Some(vec![0xfe, 1])).unwrap();
    assert_eq!(letter.id, LetterId::derive(&letter.source, &came.position.message_id()));
    let place = (Some(came.position.partition.to_string()), Some(came.position.offset.to_string()));
    assert_eq!((letter.partition.clone(), letter.offset.clone()), place);
    assert_eq!((letter.status, letter.reason.error_type), (Status::Pending, ErrorType::Permanent));
    assert_eq!((letter.reason.attempt_count, letter.key.as_ref().unwrap().as_str()), (1, "o-1"));
    assert_eq!(letter.payload.as_bytes(), came.value.unwrap());
    assert_eq!((exact(letter).key, &exact(letter).headers[..2]), (came.key, &came.headers[..]));
}

#[tokio::test(start_paused = true)]
async fn a_record_that_comes_again_and_a_second_dead_record_of_one_origin_create_nothing() {
    let topic = DeadTopic::after(Scripted::new().on("o-1", [Play::Permanent]), 3).await;
    // The processor's batch comes again, once before the indexer runs and once after it.
    let batch = topic.bench.main.records();
    topic.bench.answer(&batch).await;
    let records = topic.bench.dead.records();
    assert_eq!(records.len(), 2);
    for created in [1, 0] {
        let indexed = topic.index(&records, &Faults::none()).await;
        assert_eq!((indexed.report.created, indexed.report.deleted, indexed.left.len()), (created, 2, 0));
    }
    topic.bench.answer(&batch).await;
    let twice = [topic.bench.dead.records(), topic.bench.dead.records()].concat();
    let indexed = topic.index(&twice, &Faults::none()).await;
    assert_eq!((indexed.report.created, indexed.report.repeated, indexed.left.len()), (0, 3, 0));
    assert_eq!((topic.letters().len(), topic.letters()[0].deaths), (1, 1));
}

#[tokio::test(start_paused = true)]
async fn records_of_others_and_junk_are_letters_that_wait_for_a_person_with_every_byte() {
    let topic = DeadTopic::new(Scripted::new());
    let header = |name: &str, value: &[u8]| KafkaHeader { name: name.to_owned(), value: Some(value.to_vec()) };
    let spring = vec![
        header("kafka_dlt-original-topic", b"orders"),
        header("kafka_dlt-original-partition", &1_i32.to_be_bytes()),
        header("kafka_dlt-original-offset", &7_i64.to_be_bytes()),
        header("kafka_dlt-exception-fqcn", b"shop.CurrencyException"),
        header("kafka_deliveryAttempt", &3_i32.to_be_bytes()),
    ];
    let body = Order::body("o-1", 5);
    let sent: [RecordParts<'_>; 5] = [
        (Some(b"k"), Some(body.as_bytes()), spring),
        (None, Some(b"null"), vec![KafkaHeader { name: String::new(), value: None }; 2]),
        (Some(b""), None, Vec::new()),
        (Some(&[0xff]), Some(&[0xd7, 0xff, 0]), vec![header("a", &[0xff]), header("a", b"")]),
        (None, Some(b"data:application/octet-stream;base64,103/"), vec![header("redrive", b"{}")]),
    ];
    for (key, value, headers) in &sent {
        topic.bench.dead.produce(*key, *value, headers.clone());
    }
    assert_eq!(topic.index_all(&Faults::none()).await, 1);
    let letters = topic.letters();
    assert_eq!(letters.len(), sent.len());
    for letter in &letters {
        let (seen, value) = (exact(letter), exact(letter).value_of(&letter.payload));
        let same = sent.iter().filter(|(key, own, headers)| {
            (key.map(<[u8]>::to_vec), own.map(<[u8]>::to_vec), headers)
                == (seen.key.clone(), value.clone(), &seen.headers)
        });
        assert_eq!(same.count(), 1, "{seen:?}");
        assert_eq!((letter.reason.error_type, letter.due), (ErrorType::Unknown, Timestamp::NEVER));
        assert_eq!((&letter.partition, &letter.offset), (&None, &None), "no place is believed");
    }
    let spring = letters.iter().find(|letter| letter.key.as_ref().is_some_and(|key| key.as_str() == "o-1")).unwrap();
    assert_eq!((spring.fingerprint.as_str(), spring.reason.attempt_count), ("UNKNOWN/shop.CurrencyException", 3));
    let note = spring.history[0].note.as_deref().unwrap();
    assert!(note.starts_with("read at orders.dead-") && note.ends_with("says that it died at orders-1@7"), "{note}");
}

#[tokio::test(start_paused = true)]
async fn a_forged_death_makes_a_letter_of_its_own_and_keeps_no_true_one_out() {
    let topic = DeadTopic::after(Scripted::new().on("o-1", [Play::Permanent]), 3).await;
    let true_one = topic.bench.dead.records().remove(0);
    // Another payload under the header of a true death, and the true header with a count of its own.
    let other = Order::body("o-1", 999);
    let mut counted = true_one.headers.clone();
    counted
        .iter_mut()
        .filter(|header| header.name == "attempt-count")
        .for_each(|count| count.value = Some(b"77".to_vec()));
    topic.bench.dead.produce(Some(b"forged"), Some(other.as_bytes()), true_one.headers.clone());
    topic.bench.dead.produce(Some(b"forged"), true_one.value.as_deref(), counted);
    let mut records = topic.bench.dead.records();
    records.sort_by_key(|record| record.key.as_deref() != Some(b"forged"));
    topic.index(&records, &Faults::none()).await;
    let letters = topic.letters();
    assert_eq!(letters.len(), 2, "the true one, and one of another payload");
    let (of_origin, own): (Vec<_>, Vec<_>) = letters.iter().partition(|letter| letter.partition.is_some());
    assert_eq!((of_origin[0].reason.attempt_count, of_origin[0].reason.error_type), (1, ErrorType::Permanent));
    assert_eq!((own[0].payload.as_str(), own[0].due), (other.as_str(), Timestamp::NEVER));
}

#[tokio::test(start_paused = true)]
async fn an_answer_of_any_call_that_is_lost_refused_doubled_or_late_loses_nothing_and_creates_nothing_twice() {
    let handler = || Scripted::new().on("o-1", [Play::Permanent]).on("o-3", [Play::Permanent]);
    let calls = {
        let (topic, faults) = (DeadTopic::after(handler(), 4).await, Faults::none());
        topic.index_all(&faults).await;
        faults.calls().len()
    };
    assert!(calls > 3, "{calls}");
    let all = [
        CallFault::LostAnswer,
        CallFault::Refused,
        CallFault::Twice,
        CallFault::Late(Duration::from_secs(2)),
        CallFault::Partly(1),
    ];
    for call in 0..calls {
        for fault in all {
            let (topic, faults) = (DeadTopic::after(handler(), 4).await, Faults::script([(call, fault)]));
            // One more of each origin.
            topic.bench.answer(&topic.bench.main.records()).await;
            let invocations = topic.index_all(&faults).await;
            let story = || format!("{fault:?} of call {call}\n{}", faults.journal().story());
            let letters = topic.letters();
            let origins: Vec<_> = letters.iter().map(|letter| letter.key.as_ref().unwrap().as_str()).collect();
            assert_eq!(origins.len(), 2, "{}", story());
            assert!(origins.contains(&"o-1") && origins.contains(&"o-3"), "{}", story());
            assert!(letters.iter().all(|letter| letter.deaths == 1 && letter.partition.is_some()), "{}", story());
            assert!(invocations <= 3, "{}", story());
        }
    }
}

#[tokio::test(start_paused = true)]
async fn what_is_no_letter_by_the_deadline_is_named_and_a_table_that_is_out_names_all() {
    let topic = DeadTopic::after(Scripted::new().on("o-0", [Play::Permanent]).on("o-1", [Play::Permanent]), 2).await;
    let records = topic.bench.dead.records();
    let ids: Vec<_> = records.iter().map(|record| record.position.message_id()).collect();
    let out = Faults::script((0..20).map(|call| (call, CallFault::Refused)));
    let indexed = topic.index(&records, &out).await;
    assert_eq!((indexed.left, indexed.report.unavailable), (ids.clone(), 2));
    let slow = Faults::none().with_latency(TIME);
    assert_eq!(topic.index(&records, &slow).await.left, ids);
    assert_eq!(topic.index(&records, &Faults::none()).await.left, []);
    assert_eq!(topic.letters().len(), 2);
}
