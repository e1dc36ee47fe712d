//! Records of one invocation, and the answer that names only what came in.

use std::collections::{HashMap, HashSet};

use serde::Serialize;
use thiserror::Error;

use crate::ids::MessageId;
use crate::message::envelope::{Envelope, Record, Unreadable};

/// A record has no message id, so it cannot be reported as failed: the invocation fails and nothing is deleted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("record {0} of the batch has no message id; the invocation fails so that nothing is deleted")]
pub struct NoMessageId(pub usize);

/// A batch in which every message id stands once.
#[derive(Debug, Default)]
pub struct Batch {
    /// The records that can be worked on, in the order in which they came.
    pub envelopes: Vec<Envelope>,
    /// Records that lack a field that every record has.
    pub unreadable: Vec<(MessageId, Unreadable)>,
}

impl Batch {
    /// Sorts out a batch as it came. Of records with the same message id the last stays: its handle is the newest.
    ///
    /// Rule R22 of docs/protocol.md.
    ///
    /// # Errors
    /// [`NoMessageId`], if one record has none: without this check it would be deleted with the batch, or make
    /// Lambda fail all of it.
    pub fn open(records: Vec<Record>) -> Result<Self, NoMessageId> {
        let mut ids = Vec::with_capacity(records.len());
        let mut newest: HashMap<MessageId, Record> = HashMap::with_capacity(records.len());
        for (index, mut record) in records.into_iter().enumerate() {
            let id = record.message_id.take().and_then(MessageId::new).ok_or(NoMessageId(index))?;
            if newest.insert(id.clone(), record).is_none() {
                ids.push(id);
            }
        }
        let mut batch = Self::default();
        for id in ids {
            let Some(record) = newest.remove(&id) else { continue };
            match Envelope::read(id.clone(), record) {
                Ok(envelope) => batch.envelopes.push(envelope),
                Err(reason) => batch.unreadable.push((id, reason)),
            }
        }
        Ok(batch)
    }
}

impl From<Vec<Envelope>> for Batch {
    /// Batch of a source whose records are envelopes already. Of two with the same id one stays: they are one record.
    fn from(envelopes: Vec<Envelope>) -> Self {
        let mut known = HashSet::with_capacity(envelopes.len());
        let is_new = |envelope: &Envelope| known.insert(envelope.message_id.clone());
        Self { envelopes: envelopes.into_iter().filter(is_new).collect(), unreadable: Vec::new() }
    }
}

/// Answer for Lambda's event source mapping: the messages that stay in the queue.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Default)]
#[serde(rename_all = "camelCase")]
pub struct Response {
    batch_item_failures: Vec<ItemFailure>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
struct ItemFailure {
    item_identifier: MessageId,
}

impl Response {
    /// Names the messages that stay. A [`MessageId`] is never empty, and ids come from nowhere but the batch.
    #[must_use]
    pub fn returning(ids: impl IntoIterator<Item = MessageId>) -> Self {
        let batch_item_failures = ids.into_iter().map(|item_identifier| ItemFailure { item_identifier }).collect();
        Self { batch_item_failures }
    }

    /// The ids of the messages that stay.
    pub fn returned(&self) -> impl Iterator<Item = &MessageId> {
        self.batch_item_failures.iter().map(|failure| &failure.item_identifier)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record(id: Option<&str>, handle: &str) -> Record {
        Record {
            message_id: id.map(str::to_owned),
            receipt_handle: Some(handle.to_owned()),
            system: [("SentTimestamp".to_owned(), "5".to_owned())].into(),
            ..Record::default()
        }
    }

    #[test]
    fn a_record_without_an_id_fails_the_whole_invocation() {
        for id in [None, Some("")] {
            let records = vec![record(Some("m-1"), "h"), record(id, "h")];
            assert_eq!(Batch::open(records).unwrap_err(), NoMessageId(1));
        }
    }

    #[test]
    fn an_id_that_comes_twice_is_one_message_with_the_newest_handle() {
        let records = vec![record(Some("m-1"), "old"), record(Some("m-2"), "h"), record(Some("m-1"), "new")];
        let batch = Batch::open(records).unwrap();
        let seen: Vec<_> = batch.envelopes.iter().map(|e| (e.message_id.as_str(), e.receipt_handle.as_str())).collect();
        assert_eq!(seen, [("m-1", "new"), ("m-2", "h")]);
    }

    #[test]
    fn one_unreadable_record_leaves_the_others_alone() {
        let mut broken = record(Some("m-1"), "h");
        broken.system.clear();
        let batch = Batch::open(vec![broken, record(Some("m-2"), "h")]).unwrap();
        assert_eq!((batch.unreadable.len(), batch.envelopes.len()), (1, 1));
    }

    #[test]
    fn the_answer_has_lambdas_shape_even_when_nothing_failed() {
        let json = |response: &Response| serde_json::to_string(response).unwrap();
        assert_eq!(json(&Response::default()), r#"{"batchItemFailures":[]}"#);
        let one = Response::returning(MessageId::new("m-1"));
        assert_eq!(json(&one), r#"{"batchItemFailures":[{"itemIdentifier":"m-1"}]}"#);
    }
}
