//! Events as an event source mapping of SQS or Kafka sends them, and what an answer to them must be.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{SystemTime, UNIX_EPOCH};

use base64::Engine;
use base64::engine::general_purpose::STANDARD as BASE64;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::Error;

/// Source of the events.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum EventSource {
    Sqs,
    Kafka,
}

impl EventSource {
    pub(crate) fn parse(word: &str) -> Result<Self, Error> {
        match word {
            "sqs" => Ok(Self::Sqs),
            "kafka" => Ok(Self::Kafka),
            _ => Err("--source is sqs or kafka".into()),
        }
    }

    /// Cases that are measured. A record of Kafka whose handler fails waits in its invocation: that is no cost of the calls.
    pub(crate) const fn phases(self) -> &'static [Phase] {
        match self {
            Self::Sqs => &Phase::ALL,
            Self::Kafka => &[Phase::First, Phase::Duplicate, Phase::Redelivered],
        }
    }
}

/// Topic of Kafka's records, and the number of its partitions.
pub(crate) const TOPIC: &str = "bench";
const PARTITIONS: usize = 4;

pub(crate) const ARN: &str = "arn:aws:sqs:us-east-1:000000000000:bench";
/// Size of a body in bytes, nearly.
const BODY: usize = 1_000;

/// Case of a batch: what its messages are to the function.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Phase {
    /// Nobody has seen them before.
    First,
    /// A producer has sent them again: the same keys in other messages.
    Duplicate,
    /// SQS delivers messages again that were completed.
    Redelivered,
    /// The handler fails for each.
    Failing,
}

impl Phase {
    pub(crate) const ALL: [Self; 4] = [Self::First, Self::Duplicate, Self::Redelivered, Self::Failing];

    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::First => "first",
            Self::Duplicate => "duplicate",
            Self::Redelivered => "redelivered",
            Self::Failing => "failing",
        }
    }
}

/// Messages of a batch.
pub(crate) struct EventBatch {
    source: EventSource,
    keys: Vec<String>,
    ids: Vec<String>,
    /// First offset in each partition, and that of a producer's second copies.
    offsets: [usize; 2],
    sent: u128,
}

impl EventBatch {
    pub(crate) fn new(source: EventSource, size: usize) -> Self {
        static NEXT: AtomicUsize = AtomicUsize::new(0);
        let ids = || (0..size).map(|_| Uuid::new_v4().to_string()).collect();
        let sent = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_millis();
        let offsets = [(); 2].map(|()| NEXT.fetch_add(size, Ordering::Relaxed));
        Self { source, keys: ids(), ids: ids(), offsets, sent }
    }

    pub(crate) fn event(&self, phase: Phase) -> Vec<u8> {
        if self.source == EventSource::Kafka {
            return self.of_topic(phase);
        }
        let records: Vec<_> = self.keys.iter().zip(&self.ids).map(|(key, id)| self.record(phase, key, id)).collect();
        json!({ "Records": records }).to_string().into_bytes()
    }

    fn of_topic(&self, phase: Phase) -> Vec<u8> {
        let first = self.offsets[usize::from(phase == Phase::Duplicate)];
        let mut partitions: BTreeMap<String, Vec<Value>> = BTreeMap::new();
        for (place, key) in self.keys.iter().enumerate() {
            let (partition, offset) = (place % PARTITIONS, first + place / PARTITIONS);
            let record = json!({
                "topic": TOPIC, "partition": partition, "offset": offset, "timestamp": self.sent, "timestampType": "CREATE_TIME",
                "key": BASE64.encode(key), "value": BASE64.encode(order(phase, key).to_string()),
                "headers": [{"trace": [116, 45, 49]}],
            });
            partitions.entry(format!("{TOPIC}-{partition}")).or_default().push(record);
        }
        let event =
            json!({"eventSource": "SelfManagedKafka", "bootstrapServers": "127.0.0.1:9", "records": partitions});
        event.to_string().into_bytes()
    }

    fn record(&self, phase: Phase, key: &str, id: &str) -> Value {
        let order = order(phase, key);
        let id = if phase == Phase::Duplicate { Uuid::new_v4().to_string() } else { id.to_owned() };
        let count = if phase == Phase::Redelivered { "2" } else { "1" };
        let sent = self.sent.to_string();
        json!({
            "messageId": id, "receiptHandle": "h".repeat(180), "body": order.to_string(),
            "attributes": {
                "ApproximateReceiveCount": count, "SentTimestamp": sent, "SenderId": "AIDAEXAMPLE",
                "ApproximateFirstReceiveTimestamp": sent,
            },
            "messageAttributes": {}, "md5OfBody": "e4e68fb7bd0e697a0ae8f1bb342846b3",
            "eventSource": "aws:sqs", "eventSourceARN": ARN, "awsRegion": "us-east-1",
        })
    }

    /// Holds an answer to what the phase must end in: all succeed, or all fail.
    pub(crate) fn check(&self, phase: Phase, answer: &[u8]) -> Result<(), Error> {
        let answer: Value = serde_json::from_slice(answer)?;
        let failed = answer["batchItemFailures"].as_array().map_or(0, Vec::len);
        let expected = if phase == Phase::Failing { self.ids.len() } else { 0 };
        if failed == expected { Ok(()) } else { Err(format!("{failed} failures, where {expected} belong").into()) }
    }
}

fn order(phase: Phase, key: &str) -> Value {
    json!({
        "order_id": key, "customer_id": "c-1", "amount_minor": 500, "currency": "EUR",
        "fail": phase == Phase::Failing, "note": "x".repeat(BODY - 150),
    })
}
