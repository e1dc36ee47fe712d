//! Fuzz targets: each parses its bytes, and checks what must hold of every result.

use std::collections::BTreeSet;
use std::time::Duration;

use redrive_core::processing::backoff::Schedule;
use redrive_core::message::batch::{Batch, Response};
use redrive_core::message::decode::{Inspected, Reading};
use redrive_core::message::envelope::{Attribute, Attributes, Envelope, Record};
use redrive_core::fault::{Fault, TEXT_LIMIT};
use redrive_core::processing::handler::{Context, Dispatch, Handler};
use redrive_core::ids::{MessageId, QueueArn, Scope};
use redrive_core::message::key::{self, Pointer};
use redrive_core::message::redrive;
use redrive_core::replay::Request;
use redrive_core::message::wrapping::Wrapping;
use redrive_lambda::doorbell::Wake;
use redrive_lambda::event::records;
use serde::Deserialize;
use serde_json::Value;

const SOURCE: &str = "arn:aws:sqs:us-east-1:000000000000:redrive-main";

/// A message type with what serde has errors for.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
#[expect(dead_code, reason = "only its shape matters")]
struct Order {
    order_id: String,
    amount: Option<u32>,
    kind: Option<Kind>,
}

#[derive(Debug, Deserialize)]
#[expect(dead_code, reason = "only its shape matters")]
enum Kind {
    Charge,
    Refund { reason: String },
}

/// A handler that is never run.
struct Orders;

impl Handler for Orders {
    type Message = Order;
    type Effects = ();
    async fn handle(&self, _: &Order, _: &Context) -> Result<(), Fault> {
        Ok(())
    }
}

fn reading(wrapping: Wrapping, pointer: Option<Pointer>) -> Option<Reading> {
    Some(Reading { wrapping, pointer, ..Reading::new(QueueArn::new(SOURCE)?, Scope::new("main")?) })
}

/// An invocation's payload, to envelopes and an answer.
pub fn event(bytes: &[u8]) {
    let (Ok(event), Some(source)) = (serde_json::from_slice::<Value>(bytes), QueueArn::new(SOURCE)) else { return };
    let came: BTreeSet<String> = event["Records"]
        .as_array()
        .into_iter()
        .flatten()
        .filter_map(|record| Some(record["messageId"].as_str()?.to_owned()))
        .collect();
    let Ok(records) = records(&event.to_string(), &source) else { return };
    let Ok(batch) = Batch::open(records) else { return };
    let ids = batch.envelopes.iter().map(|envelope| envelope.message_id.clone());
    let ids: Vec<_> = ids.chain(batch.unreadable.into_iter().map(|(id, _)| id)).collect();
    let answer = Response::returning(ids.clone());
    let once: BTreeSet<_> = answer.returned().map(|id| id.as_str().to_owned()).collect();
    assert_eq!((once.len(), &once), (ids.len(), &came), "each id that came is known, and once");
}

/// A message: wrapping (one byte), pointer, key, `redrive` attribute and body, parted by zeros.
pub fn message(bytes: &[u8]) {
    let Some((first, rest)) = bytes.split_first() else { return };
    let wrapping = [Wrapping::None, Wrapping::Sns, Wrapping::EventBridge][usize::from(first % 3)];
    let text = String::from_utf8_lossy(rest);
    let mut parts = text.splitn(4, '\0');
    let pointer = parts.next().and_then(|text| Pointer::parse(text).ok());
    let attributes = [key::ATTRIBUTE, redrive::ATTRIBUTE]
        .into_iter()
        .filter_map(|name| Some((name.to_owned(), Attribute::text(parts.next().filter(|text| !text.is_empty())?))))
        .collect();
    let body = parts.next().unwrap_or_default();
    let (Some(reading), Some(envelope)) = (reading(wrapping, pointer), envelope(body, attributes)) else { return };
    let seen = Inspected::new(envelope.clone(), &reading);
    let again = Inspected::new(envelope, &reading);
    assert_eq!(
        (&seen.hash, &seen.key, &seen.redrive),
        (&again.hash, &again.key, &again.redrive),
        "read twice, read alike"
    );
    assert!(seen.key.as_ref().is_ok_and(|key| (1..=key::LIMIT).contains(&key.as_str().len())) || seen.key.is_err());
    let _ = seen.keyless();
    if let Err(malformed) = seen.decode(|message_type, body| Orders.decode(message_type, body)) {
        assert!(malformed.fault.text.len() <= TEXT_LIMIT && !malformed.fault.class.retryable());
    }
}

/// Redrive's own attribute: what is taken for valid comes back as it was written.
pub fn redrive(bytes: &[u8]) {
    let text = String::from_utf8_lossy(bytes).into_owned();
    let seen = |text: &str| {
        let attributes = [(redrive::ATTRIBUTE.to_owned(), Attribute::text(text))].into();
        Some(Inspected::new(envelope("{}", attributes)?, &reading(Wrapping::None, None)?))
    };
    let Some(valid) = seen(&text).and_then(|seen| seen.redrive) else { return };
    let again = seen(&valid.encode()).and_then(|seen| seen.redrive);
    assert_eq!(again, Some(valid), "what was read is read again from what it is written as");
}

/// Parses an event that wakes the indexer.
pub fn wake(bytes: &[u8]) {
    let Ok(payload) = serde_json::from_slice(bytes) else { return };
    match Wake::parse(&payload) {
        Ok(Wake::Ring { alarms }) => assert!(!alarms.is_empty(), "somebody rang"),
        Ok(Wake::Sweep | Wake::Nothing) => {}
        Err(error) => assert!(error.to_string().len() < 400, "an error quotes nothing"),
    }
}

/// A request to replay or discard.
pub fn request(bytes: &[u8]) {
    let Ok(payload) = serde_json::from_slice(bytes) else { return };
    match Request::parse(&payload) {
        Ok(Request::Replay { by, .. } | Request::Change { by, .. }) => {
            assert!(!by.trim().is_empty(), "somebody asked")
        }
        Ok(Request::Discard(remark) | Request::Restore(remark) | Request::Note(remark) | Request::Erase(remark) | Request::Free(remark)) => {
            assert!(!remark.by.trim().is_empty() && !remark.note.trim().is_empty(), "somebody asked, and said why")
        }
        Ok(Request::Job(job)) => assert!(!job.by.trim().is_empty(), "somebody asked"),
        Ok(_) => {}
        Err(error) => assert!(error.to_string().len() < 800, "an error quotes nothing"),
    }
}

/// A retry schedule: every delay is one that SQS takes.
pub fn schedule(bytes: &[u8]) {
    let Ok(schedule) = Schedule::parse(&String::from_utf8_lossy(bytes)) else { return };
    assert!((2..=100).contains(&schedule.attempts()));
    for attempt in (0..=schedule.attempts() + 1).chain([u32::MAX]) {
        for roll in [0, 1, 999_983, u64::MAX] {
            let delay = schedule.delay(attempt, roll);
            assert!((Duration::from_secs(1)..Duration::from_secs(12 * 3_600)).contains(&delay), "{delay:?}");
        }
    }
}

fn envelope(body: &str, attributes: Attributes) -> Option<Envelope> {
    let record = Record {
        receipt_handle: Some("handle".to_owned()),
        body: Some(body.to_owned()),
        system: [("SentTimestamp".to_owned(), "1763787600123".to_owned())].into(),
        attributes,
        ..Record::default()
    };
    Envelope::read(MessageId::new("m-1")?, record).ok()
}
