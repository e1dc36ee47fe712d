//! The dead letter topic against krafka's broker in process: exact records, and answers that are lost.

#![allow(clippy::unwrap_used, reason = "tests")]

use std::sync::Arc;

use redrive_core::ids::{LetterId, ReplayNumber};
use redrive_core::kafka_security::KafkaSecurity;
use redrive_core::message::broker_record::{BrokerRecord, KafkaHeader, KafkaPosition, KafkaRecord};
use redrive_core::ports::Outbox;
use redrive_core::replay::Outgoing;
use redrive_core::time::Timestamp;
use redrive_kafka::testing::{ApiKey, Control, ErrorCode, FakeBroker};
use redrive_kafka::{Brokers, DeadLetterTopic, NullKey, SourceTopic};

const TOPIC: &str = "orders.dead";

fn outgoing(record: Option<KafkaRecord>) -> Outgoing {
    Outgoing {
        letter: LetterId::parse("9f1b3c1e-8a51-5c65-9d3e-111111111111").unwrap(),
        number: ReplayNumber(0),
        body: String::new(),
        attributes: Default::default(),
        group: None,
        deduplication: String::new(),
        record: record.map(|record| Arc::new(BrokerRecord::Kafka(record))),
    }
}

fn dead(key: Option<&[u8]>, value: Option<&[u8]>) -> KafkaRecord {
    let position = KafkaPosition { topic: "orders".to_owned(), partition: 2, offset: 17 };
    let header = |value: Option<&[u8]>| KafkaHeader { name: "h".to_owned(), value: value.map(<[u8]>::to_vec) };
    KafkaRecord {
        key: key.map(<[u8]>::to_vec),
        value: value.map(<[u8]>::to_vec),
        headers: vec![header(Some(&[0xff, 0])), header(None), header(Some(b""))],
        timestamp: Some(Timestamp::from_millis(1_763_787_600_123)),
        ..KafkaRecord::at(position)
    }
}

async fn broker() -> (FakeBroker, DeadLetterTopic) {
    let broker = FakeBroker::start().await.unwrap();
    broker.create_topic(TOPIC, 1);
    let brokers = Brokers::new(&broker.bootstrap_servers(), &KafkaSecurity::Plaintext);
    (broker, DeadLetterTopic::new(TOPIC, brokers))
}

#[tokio::test]
async fn a_dead_record_is_written_exactly_with_its_time() {
    let (broker, topic) = broker().await;
    let sent = [dead(Some(&[0xfe]), Some(&[0xff, 0])), dead(None, None), dead(Some(b""), Some(b""))];
    let answers = topic.send(sent.iter().cloned().map(Some).map(outgoing).collect()).await.unwrap();
    let ids: Vec<_> = answers.into_iter().map(|answer| answer.unwrap().to_string()).collect();
    assert_eq!(ids, ["orders.dead-0@0", "orders.dead-0@1", "orders.dead-0@2"]);
    for (written, sent) in broker.all_records(TOPIC).unwrap().iter().zip(&sent) {
        assert_eq!(written.key.as_deref(), sent.key.as_deref());
        assert_eq!(written.value.as_deref(), sent.value.as_deref());
        let headers: Vec<_> = written.headers.iter().map(|(name, value)| (name.as_str(), value.as_deref())).collect();
        assert_eq!(headers, [("h", Some(&[0xff, 0][..])), ("h", None), ("h", Some(&b""[..]))]);
        assert_eq!(written.timestamp, 1_763_787_600_123);
    }
}

#[tokio::test]
async fn an_answer_that_is_lost_after_the_write_makes_no_second_record() {
    let (broker, topic) = broker().await;
    broker.on_once(ApiKey::Produce, |_| Control::ApplyThen(Box::new(Control::Disconnect)));
    let answers = topic.send(vec![outgoing(Some(dead(None, Some(b"{}"))))]).await.unwrap();
    assert!(answers[0].is_ok(), "{answers:?}");
    assert_eq!(broker.next_offset(TOPIC, 0), Some(1));
}

#[tokio::test]
async fn what_the_broker_refuses_is_refused_alone_and_by_its_code() {
    let (broker, topic) = broker().await;
    broker.on_once(ApiKey::Produce, |_| Control::Error(ErrorCode::MessageTooLarge));
    let answers = topic.send(vec![outgoing(Some(dead(None, Some(b"{}")))), outgoing(None)]).await.unwrap();
    assert!(answers.iter().all(Result::is_err), "{answers:?}");
    let again = topic.send(vec![outgoing(Some(dead(None, Some(b"{}"))))]).await.unwrap();
    assert!(again[0].is_ok(), "the producer goes on: {again:?}");
}

#[tokio::test]
async fn a_topic_that_is_not_there_is_not_made_and_is_waited_for_once() {
    let broker = FakeBroker::start().await.unwrap();
    let brokers = Brokers::new(&broker.bootstrap_servers(), &KafkaSecurity::Plaintext);
    let three = [(); 3].map(|()| outgoing(Some(dead(None, None))));
    let answers = DeadLetterTopic::new("mistyped", brokers).send(three.into()).await.unwrap();
    let codes: Vec<_> = answers.iter().map(|answer| answer.as_ref().unwrap_err().as_str()).collect();
    assert_eq!(codes, ["UnknownTopicOrPartition", "NotTried", "NotTried"]);
}

#[tokio::test]
async fn a_cluster_that_is_not_there_is_unavailable() {
    let brokers = Brokers::new("127.0.0.1:1", &KafkaSecurity::Plaintext);
    let answer = DeadLetterTopic::new(TOPIC, brokers).send(vec![outgoing(Some(dead(None, None)))]).await;
    assert_eq!(answer.unwrap_err().service, "Kafka");
}

#[tokio::test]
async fn connections_that_a_broker_has_closed_since_the_last_dead_record_are_made_anew() {
    let (broker, topic) = broker().await;
    for sent in 1..=2 {
        let answers = topic.send(vec![outgoing(Some(dead(None, Some(b"{}"))))]).await.unwrap();
        assert!(answers[0].is_ok(), "{answers:?}");
        assert_eq!(broker.next_offset(TOPIC, 0), Some(sent));
        broker.crash(0);
        broker.restart(0);
    }
}

async fn topic(broker: &FakeBroker, null_key: NullKey) -> SourceTopic {
    broker.create_topic("orders", 4);
    SourceTopic::new("orders", Brokers::new(&broker.bootstrap_servers(), &KafkaSecurity::Plaintext), null_key)
}

#[tokio::test]
async fn a_letter_without_a_key_goes_to_its_first_partition_only_if_that_is_asked_for_and_known() {
    let broker = FakeBroker::start().await.unwrap();
    let original = topic(&broker, NullKey::Original).await;
    let elsewhere = KafkaPosition { topic: "orders.dead".to_owned(), partition: 3, offset: 5 };
    let known = dead(None, Some(b"known"));
    let unknown = KafkaRecord { position: elsewhere, ..dead(None, Some(b"unknown")) };
    for _ in 0..3 {
        let answers = original.send(vec![outgoing(Some(known.clone()))]).await.unwrap();
        assert!(answers[0].as_ref().unwrap().as_str().starts_with("orders-2@"), "{answers:?}");
        assert!(original.send(vec![outgoing(Some(unknown.clone()))]).await.unwrap()[0].is_ok());
    }
    let keyed = dead(Some(b"k"), Some(b"{}"));
    let place = |answer: Vec<Result<_, String>>| -> redrive_core::ids::MessageId {
        answer.into_iter().next().unwrap().unwrap()
    };
    let by_key = place(original.send(vec![outgoing(Some(keyed.clone()))]).await.unwrap());
    let again = place(original.send(vec![outgoing(Some(keyed))]).await.unwrap());
    assert_eq!(by_key.as_str().split('@').next(), again.as_str().split('@').next(), "a key chooses its partition");
}

#[tokio::test]
async fn a_batch_of_which_one_record_may_be_written_is_unknown_and_a_refusal_is_the_records_own() {
    let broker = FakeBroker::start().await.unwrap();
    let orders = topic(&broker, NullKey::Any).await;
    broker.on_once(ApiKey::Produce, |_| Control::Error(ErrorCode::MessageTooLarge));
    let answers = orders.send(vec![outgoing(Some(dead(Some(b"k"), Some(b"{}"))))]).await.unwrap();
    assert_eq!(answers, [Err("MessageTooLarge".to_owned())]);
    broker.on(ApiKey::Produce, |_| Control::ApplyThen(Box::new(Control::Disconnect)));
    let unknown = orders.send(vec![outgoing(Some(dead(Some(b"k"), Some(b"{}"))))]).await;
    assert_eq!(unknown.unwrap_err().action, "answer about records");
}
