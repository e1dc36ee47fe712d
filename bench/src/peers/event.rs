//! Events as an event source mapping of SQS sends them, and what an answer to them must be.

use std::time::{SystemTime, UNIX_EPOCH};

use serde_json::{Value, json};
use uuid::Uuid;

use crate::Error;

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
    keys: Vec<String>,
    ids: Vec<String>,
    sent: u128,
}

impl EventBatch {
    pub(crate) fn new(size: usize) -> Self {
        let ids = || (0..size).map(|_| Uuid::new_v4().to_string()).collect();
        let sent = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_millis();
        Self { keys: ids(), ids: ids(), sent }
    }

    pub(crate) fn event(&self, phase: Phase) -> Vec<u8> {
        let records: Vec<_> = self.keys.iter().zip(&self.ids).map(|(key, id)| self.record(phase, key, id)).collect();
        json!({ "Records": records }).to_string().into_bytes()
    }

    fn record(&self, phase: Phase, key: &str, id: &str) -> Value {
        let order = json!({
            "order_id": key, "customer_id": "c-1", "amount_minor": 500, "currency": "EUR",
            "fail": phase == Phase::Failing, "note": "x".repeat(BODY - 150),
        });
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
