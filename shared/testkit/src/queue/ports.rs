//! The queue as core's ports see it, with everything that may happen to a call on its way.

use std::time::Duration;

use redrive_core::ids::{MessageId, ReceiptHandle};
use redrive_core::message::envelope::Record;
use redrive_core::ports::{DeadLetterQueue, MainQueue, Outbox, Unavailable, VisibilityChange};
use redrive_core::replay::Outgoing;

use super::ModelQueue;
use crate::lock;

/// SQS's limit of entries in a batch, and of their bytes together.
const BATCH: (usize, usize) = (10, 1024 * 1024);
/// SQS's limit of message attributes.
const ATTRIBUTES: usize = 10;
const THROTTLED: &str = "RequestThrottled";

impl MainQueue for ModelQueue {
    async fn change_visibility(&self, changes: Vec<VisibilityChange>) -> Vec<(MessageId, String)> {
        let mut failed = Vec::new();
        for ten in changes.chunks(BATCH.0) {
            let (queue, changes_now) = (self.clone(), ten.to_vec());
            let answer = self.faults.call("main queue", "change visibilities", move |trouble| {
                let set = |(index, change): (usize, &VisibilityChange)| {
                    let refused = trouble.refuses(index).then_some(THROTTLED);
                    let code = refused.or_else(|| {
                        queue.locked().set_visibility(&change.message_id, &change.receipt_handle, change.delay).err()
                    })?;
                    Some((change.message_id.clone(), code.to_owned()))
                };
                changes_now.iter().enumerate().filter_map(set).collect::<Vec<_>>()
            });
            failed.extend(answer.await.unwrap_or_else(|error| {
                ten.iter().map(|change| (change.message_id.clone(), error.why.clone())).collect()
            }));
        }
        failed
    }

    async fn in_flight(&self) -> Option<u64> {
        let count = || {
            let now = self.faults.clock().now();
            lock(&self.state).held.iter().filter(|held| held.visible_at > now).count()
        };
        self.faults.ask("main queue", "count what is in flight", count).await.ok().map(|count| count as u64)
    }
}

impl DeadLetterQueue for ModelQueue {
    async fn receive(&self, wait: Duration) -> Result<Vec<Record>, Unavailable> {
        self.wait(wait).await;
        let queue = self.clone();
        self.faults.call("dead-letter queue", "receive messages", move |_| queue.receive_batch(BATCH.0)).await
    }

    async fn delete(&self, messages: Vec<(MessageId, ReceiptHandle)>) -> Vec<(MessageId, String)> {
        let (queue, deleted) = (self.clone(), messages.clone());
        let answer = self.faults.call("dead-letter queue", "delete messages", move |trouble| {
            let mut failed = Vec::new();
            for (index, (id, handle)) in deleted.iter().enumerate() {
                if trouble.refuses(index) || index >= BATCH.0 {
                    failed.push((id.clone(), THROTTLED.to_owned()));
                } else {
                    queue.locked().remove(id, handle);
                }
            }
            failed
        });
        answer.await.unwrap_or_else(|error| messages.into_iter().map(|(id, _)| (id, error.why.clone())).collect())
    }
}

impl Outbox for ModelQueue {
    async fn send(&self, messages: Vec<Outgoing>) -> Result<Vec<Result<MessageId, String>>, Unavailable> {
        let queue = self.clone();
        let answer = self.faults.call("main queue", "send messages", move |trouble| {
            let bytes: usize = messages.iter().map(Outgoing::bytes).sum();
            if messages.len() > BATCH.0 || bytes > BATCH.1 {
                return Err("the batch is larger than SQS allows");
            }
            let mut queue = queue.locked();
            if let Some(code) = queue.state.refusal() {
                return Ok(vec![Err(code.to_owned()); messages.len()]);
            }
            let mut send = |(index, message): (usize, &Outgoing)| {
                if trouble.refuses(index) {
                    return Err(THROTTLED.to_owned());
                }
                if message.attributes.len() > ATTRIBUTES || message.bytes() > queue.state.largest {
                    return Err("InvalidParameterValue".to_owned());
                }
                let Outgoing { body, attributes, group, deduplication, .. } = message.clone();
                let once = queue.state.fifo.then_some(deduplication);
                Ok(queue.accept(body, attributes, group, once))
            };
            Ok(messages.iter().enumerate().map(&mut send).collect())
        });
        answer.await?.map_err(|why| Unavailable { service: "main queue", action: "send messages", why: why.to_owned() })
    }
}
