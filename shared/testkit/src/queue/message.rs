use std::time::Duration;

use redrive_core::ids::{MessageId, QueueArn, ReceiptHandle};
use redrive_core::message::envelope::{Attributes, Record};
use redrive_core::time::Timestamp;

use super::LONGEST;

/// A message in a queue.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ModelMessage {
    /// Id of the message.
    pub id: MessageId,
    /// Time of its send; a standard queue keeps it on the way to the dead-letter queue.
    pub sent_at: Timestamp,
    /// Body of the message.
    pub body: String,
    /// Message attributes, by name.
    pub attributes: Attributes,
    /// Value of `MessageGroupId`, on a FIFO queue.
    pub group: Option<String>,
    /// `SequenceNumber`, in a FIFO queue.
    pub sequence: Option<u64>,
    /// `MessageDeduplicationId`, in a FIFO queue, if the sender gave one.
    pub deduplication: Option<String>,
    /// The queue whose redrive policy moved it.
    pub from: Option<QueueArn>,
}

/// A message and where it stands.
#[derive(Debug)]
pub(super) struct Held {
    pub(super) message: std::sync::Arc<ModelMessage>,
    pub(super) visible_at: Timestamp,
    pub(super) receives: u32,
    /// Handles it was handed out with, and when; the newest last.
    pub(super) handles: Vec<(ReceiptHandle, Timestamp)>,
}

impl Held {
    pub(super) fn hand_out(&mut self, handle: &str, now: Timestamp) -> Record {
        self.handles.extend(ReceiptHandle::new(handle).map(|handle| (handle, now)));
        let message = &self.message;
        let first = self.handles.first().map_or(now, |(_, at)| *at);
        let mut system = std::collections::BTreeMap::from([
            ("SentTimestamp".to_owned(), message.sent_at.as_millis().to_string()),
            ("ApproximateReceiveCount".to_owned(), self.receives.to_string()),
            ("ApproximateFirstReceiveTimestamp".to_owned(), first.as_millis().to_string()),
            ("SenderId".to_owned(), "AIDAEXAMPLE".to_owned()),
        ]);
        system.extend(message.group.clone().map(|group| ("MessageGroupId".to_owned(), group)));
        system.extend(message.sequence.map(|number| ("SequenceNumber".to_owned(), format!("{number:020}"))));
        system.extend(message.deduplication.clone().map(|once| ("MessageDeduplicationId".to_owned(), once)));
        let from = message.from.as_ref().map(|from| from.as_str().to_owned());
        system.extend(from.map(|from| ("DeadLetterQueueSourceArn".to_owned(), from)));
        Record {
            message_id: Some(message.id.as_str().to_owned()),
            receipt_handle: Some(handle.to_owned()),
            body: Some(message.body.clone()),
            system,
            attributes: message.attributes.clone(),
        }
    }

    /// Hides a message in flight by any handle of it, an old one too: SQS does not promise more.
    pub(super) fn change_visibility(
        &mut self,
        handle: &ReceiptHandle,
        delay: Duration,
        now: Timestamp,
    ) -> Result<(), &'static str> {
        if !self.handles.iter().any(|(known, _)| known == handle) {
            return Err("ReceiptHandleIsInvalid");
        }
        if self.visible_at <= now {
            return Err("MessageNotInflight");
        }
        let received = self.handles.last().map_or(now, |(_, at)| *at);
        if delay + now.since(received) > LONGEST {
            return Err("InvalidParameterValue");
        }
        self.visible_at = now.after(delay);
        Ok(())
    }
}
