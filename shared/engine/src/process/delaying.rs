//! Delays of messages that are not done, by the means of their source.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use redrive_core::ids::{MessageId, ReceiptHandle};
use redrive_core::message::broker_record::BrokerRecord;
use redrive_core::ports::{DelayBy, DelayedCopy, MainQueue, VisibilityChange};
use redrive_core::processing::backoff;
use tracing::warn;

use super::parts::Parts;
use super::ports::ProcessPorts;
use super::report::Counts;

/// Only delays of this length can fill a queue with messages in flight.
const LONG_DELAY: Duration = Duration::from_secs(60);

/// A message that shall come again after a delay.
pub(super) struct Delayed {
    pub(super) message_id: MessageId,
    pub(super) receipt_handle: ReceiptHandle,
    pub(super) record: Option<Arc<BrokerRecord>>,
    pub(super) delay: Duration,
}

/// Delays messages. Returns those that are acknowledged because of it: a copy of each waits elsewhere.
pub(super) async fn delay<P: ProcessPorts>(
    parts: &Parts<P>,
    delays: Vec<Delayed>,
    counts: &mut Counts,
) -> HashSet<MessageId> {
    match P::Queue::DELAY {
        DelayBy::Visibility => {
            change_visibility(parts, delays, counts).await;
            HashSet::new()
        }
        DelayBy::Copy => put_off(parts, delays, counts).await,
        DelayBy::Waiting => HashSet::new(),
    }
}

/// Sets visibilities. A message whose own could not be set comes back when its visibility timeout ends.
async fn change_visibility<P: ProcessPorts>(parts: &Parts<P>, delays: Vec<Delayed>, counts: &mut Counts) {
    if delays.is_empty() {
        return;
    }
    let change =
        |Delayed { message_id, receipt_handle, delay, .. }| VisibilityChange { message_id, receipt_handle, delay };
    let mut changes: Vec<_> = delays.into_iter().map(change).collect();
    // Until the queue has said otherwise.
    counts.visibility_failures = changes.len();
    if changes.iter().any(|change| change.delay >= LONG_DELAY) {
        let in_flight = parts.queue.in_flight().await.unwrap_or_default();
        counts.crowded = usize::from(backoff::is_crowded(in_flight));
        for change in &mut changes {
            change.delay = backoff::crowded(change.delay, in_flight);
        }
    }
    let failed = parts.queue.change_visibility(changes).await;
    for (message_id, code) in &failed {
        warn!(%message_id, code, "visibility was not set");
    }
    counts.visibility_failures = failed.len();
}

/// Has copies wait elsewhere. A message whose copy is not known to be there stays: the copy, if there is one, is the same enqueue.
async fn put_off<P: ProcessPorts>(parts: &Parts<P>, delays: Vec<Delayed>, counts: &mut Counts) -> HashSet<MessageId> {
    let copy = |Delayed { message_id, record, delay, .. }| Some(DelayedCopy { message_id, record: record?, delay });
    let copies: Vec<_> = delays.into_iter().filter_map(copy).collect();
    if copies.is_empty() {
        return HashSet::new();
    }
    let mut away: HashSet<_> = copies.iter().map(|copy| copy.message_id.clone()).collect();
    let failed = parts.queue.delay(copies).await;
    for (message_id, code) in &failed {
        warn!(%message_id, code, "copy is not known to wait; the message stays");
        away.remove(message_id);
    }
    counts.visibility_failures = failed.len();
    counts.put_off = away.len();
    away
}
