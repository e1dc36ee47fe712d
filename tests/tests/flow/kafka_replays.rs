//! Letters of Kafka back in their topic: by their keys, with their bytes, and charged once whatever happens on the way.

use std::time::Duration;

use redrive_core::letters::letter::{Letter, Status};
use redrive_core::message::broker_record::{KafkaHeader, KafkaRecord};
use redrive_core::message::redrive::Redrive;
use redrive_core::replay::job::{Guard, NewJob};
use redrive_core::replay::{Edit, Remark, ReplayOptions, Request, Selection};
use redrive_engine::{QueuePair, ReplayReport, ReplaySettings, Replayer};
use redrive_testkit::clock::VirtualWorld;
use redrive_testkit::handlers::{Order, Play, Scripted};
use redrive_testkit::{CallFault, Faults, ModelGauges, Redelivery};
use tokio::time::Instant;

use crate::house::{LEASE, MINUTE, policy};
use crate::kafka_letters::{DeadTopic, RecordParts};

const DAY: Duration = Duration::from_secs(86_400);

impl DeadTopic {
    /// Asks a replay in a process that these faults strike.
    async fn ask(&self, request: &Request, faults: &Faults) -> ReplayReport {
        let ledger = Some(self.bench.ledger.clone().with_faults(faults.clone()));
        let topic = self.bench.main.clone().with_faults(faults.clone());
        let reading = self.bench.reading();
        let pair = QueuePair::new(reading, policy(), topic, ledger, ModelGauges::new());
        let settings = ReplaySettings { lease: LEASE, ledger_retention: 30 * DAY, reserve: Duration::from_secs(1) };
        let world = VirtualWorld::new(self.bench.faults.clock().clone(), 1);
        let letters = self.letters.clone().with_faults(faults.clone());
        let replayer = Replayer::new(letters, world, settings, vec![pair]);
        replayer.run(request, Instant::now() + MINUTE).await.map(|reports| reports.together()).unwrap_or_default()
    }

    /// The topic's new records run, their dead become letters, and the schedule looks what became of all.
    async fn settle(&self) {
        self.bench.drain(Redelivery::FromLowest).await;
        self.index_all(&Faults::none()).await;
        tokio::time::advance(LEASE + Duration::from_secs(1)).await;
        self.ask(&Request::Schedule, &Faults::none()).await;
    }
}

fn replay(letter: &Letter, edit: Option<Edit>) -> Request {
    // The model's records have no time, so that the ledger may have forgotten what has no entry there.
    let options = ReplayOptions { edit, forgotten_ok: true, ..ReplayOptions::default() };
    Request::Replay { selection: Selection::Ids(vec![letter.id]), by: "ann".to_owned(), options }
}

/// Orders of which `o-1` dies once, and is good from then on.
async fn cured() -> (DeadTopic, Letter) {
    let topic = DeadTopic::after(Scripted::new().on("o-1", [Play::Permanent, Play::Succeed]), 3).await;
    topic.index_all(&Faults::none()).await;
    let letter = topic.letters().remove(0);
    (topic, letter)
}

/// Records that were written to the topic after the first three.
fn replayed(topic: &DeadTopic) -> Vec<KafkaRecord> {
    let is_sent = |record: &KafkaRecord| record.headers.iter().any(|header| header.name == "redrive");
    topic.bench.main.records().into_iter().filter(is_sent).collect()
}

#[tokio::test(start_paused = true)]
async fn a_letter_goes_back_by_its_key_with_its_bytes_and_headers_but_for_those_of_its_death() {
    let (topic, letter) = cured().await;
    let came = topic.bench.main.records().into_iter().find(|record| record.key == Some(vec![0xfe, 1])).unwrap();
    assert_eq!(topic.ask(&replay(&letter, None), &Faults::none()).await.sent, 1);
    let [sent] = &replayed(&topic)[..] else { panic!("one was sent") };
    assert_eq!((&sent.key, &sent.value, sent.position.partition), (&came.key, &came.value, came.position.partition));
    assert_eq!((&sent.headers[..2], sent.headers.len()), (&came.headers[..], 3));
    let text = String::from_utf8(sent.headers[2].value.clone().unwrap()).unwrap();
    let redrive = Redrive::decode(&text, &letter.source).unwrap();
    assert_eq!((redrive.letter, redrive.number.0, redrive.died), (letter.id, 1, None));
    assert_eq!(sent.timestamp, None, "the time of its sending");
    topic.settle().await;
    let letter = topic.letters().remove(0);
    assert_eq!((letter.status, topic.bench.charged("o-1")), (Status::Resolved, 1));
    assert_eq!(topic.bench.dead.records().len(), 1, "nothing died again");
}

#[tokio::test(start_paused = true)]
async fn any_bytes_come_back_as_they_were_with_repeats_nulls_and_a_tombstone() {
    let topic = DeadTopic::new(Scripted::new());
    let header =
        |name: &str, value: Option<&[u8]>| KafkaHeader { name: name.to_owned(), value: value.map(<[u8]>::to_vec) };
    let all: [RecordParts<'_>; 4] = [
        (
            Some(&[0xff, 0]),
            Some(&[0xd7, 0xff]),
            vec![header("a", Some(&[0xff])), header("a", None), header("a", Some(b""))],
        ),
        (None, None, Vec::new()),
        (Some(b""), Some(b""), vec![header("original-topic", Some(b"theirs"))]),
        (None, Some(b"data:application/octet-stream;base64,103/"), vec![header("redrive", Some(b"forged"))]),
    ];
    for (key, value, headers) in &all {
        topic.bench.dead.produce(*key, *value, headers.clone());
    }
    topic.index_all(&Faults::none()).await;
    for letter in topic.letters() {
        assert_eq!(topic.ask(&replay(&letter, None), &Faults::none()).await.sent, 1);
    }
    let sent = replayed(&topic);
    for (key, value, headers) in all {
        let own: Vec<_> = headers.into_iter().filter(|header| header.name != "redrive").collect();
        let same = sent.iter().filter(|record| {
            let (redrive, before) = record.headers.split_last().unwrap();
            (record.key.as_deref(), record.value.as_deref(), redrive.name.as_str()) == (key, value, "redrive")
                && before == own
        });
        assert_eq!(same.count(), 1, "{key:?} {value:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn what_dies_again_is_the_same_letter_and_its_next_replay_runs_once() {
    let plays = [Play::Permanent, Play::Permanent, Play::Succeed];
    let topic = DeadTopic::after(Scripted::new().on("o-1", plays), 3).await;
    topic.index_all(&Faults::none()).await;
    for (deaths, status) in [(2, Status::Pending), (2, Status::Resolved)] {
        topic.ask(&replay(&topic.letters()[0], None), &Faults::none()).await;
        topic.settle().await;
        let [letter] = &topic.letters()[..] else { panic!("one letter") };
        assert_eq!((letter.deaths, letter.status), (deaths, status));
    }
    assert_eq!((topic.bench.charged("o-1"), replayed(&topic).len()), (1, 2));
}

#[tokio::test(start_paused = true)]
async fn an_edited_letter_runs_with_its_new_body_and_a_discarded_one_never() {
    let (topic, letter) = cured().await;
    let body = Order::body("o-1", 7);
    topic.ask(&replay(&letter, Some(Edit::Body(body.clone()))), &Faults::none()).await;
    assert_eq!(replayed(&topic)[0].value.as_deref(), Some(body.as_bytes()));
    topic.settle().await;
    assert_eq!((topic.letters()[0].status, topic.bench.charged("o-1")), (Status::Resolved, 1));

    let (topic, letter) = cured().await;
    let (selection, by) = (Selection::Ids(vec![letter.id]), "ann".to_owned());
    topic.ask(&Request::Discard(Remark { selection, by, note: "no".to_owned() }), &Faults::none()).await;
    topic.ask(&replay(&letter, None), &Faults::none()).await;
    topic.settle().await;
    assert_eq!((topic.letters()[0].status, replayed(&topic).len()), (Status::Discarded, 0));
}

#[tokio::test(start_paused = true)]
async fn a_guarded_job_sends_its_letters_once_and_ends_when_all_of_them_ran() {
    let (topic, letter) = cured().await;
    let (selection, by) = (Selection::Ids(vec![letter.id]), "ann".to_owned());
    let job = NewJob { id: None, selection, to: None, guard: Guard::default(), by, why: None, edit: None };
    let view = topic.ask(&Request::Job(Box::new(job)), &Faults::none()).await;
    assert_eq!(view.jobs.len(), 1);
    for _ in 0..4 {
        topic.ask(&Request::Schedule, &Faults::none()).await;
        topic.settle().await;
    }
    assert_eq!((topic.letters()[0].status, topic.bench.charged("o-1")), (Status::Resolved, 1));
    assert_eq!(replayed(&topic).len(), 1);
    let open = topic.ask(&Request::Jobs { open: true }, &Faults::none()).await;
    assert!(open.jobs.is_empty(), "it is done");
}

#[tokio::test(start_paused = true)]
async fn an_answer_of_any_call_of_a_replay_that_is_lost_refused_doubled_or_late_charges_exactly_once() {
    let calls = {
        let ((topic, letter), faults) = (cured().await, Faults::none());
        topic.ask(&replay(&letter, None), &faults).await;
        faults.calls().len()
    };
    assert!(calls > 3, "{calls}");
    let all = [CallFault::LostAnswer, CallFault::Refused, CallFault::Twice, CallFault::Late(Duration::from_secs(90))];
    for call in 0..calls {
        for fault in all {
            let ((topic, letter), faults) = (cured().await, Faults::script([(call, fault)]));
            for _ in 0..3 {
                topic.ask(&replay(&letter, None), &faults).await;
                topic.settle().await;
            }
            let story = || format!("{fault:?} of call {call}\n{}", faults.journal().story());
            let [letter] = &topic.letters()[..] else { panic!("one letter: {}", story()) };
            assert_eq!((letter.status, topic.bench.charged("o-1")), (Status::Resolved, 1), "{}", story());
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_topic_that_refuses_a_record_leaves_its_letter_waiting_with_the_brokers_code() {
    let (topic, letter) = cured().await;
    let _ = topic.bench.main.clone().with_largest(1);
    let report = topic.ask(&replay(&letter, None), &Faults::none()).await;
    assert_eq!(report.sent, 0);
    let letter = topic.letters().remove(0);
    let note = letter.history.last().unwrap().note.clone().unwrap_or_default();
    assert_eq!(letter.status, Status::Pending);
    assert!(note.contains("MESSAGE_TOO_LARGE"), "{note}");
}
