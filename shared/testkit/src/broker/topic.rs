//! A Kafka topic, and one consumer group that reads it as Lambda's event source mapping does.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use redrive_core::ids::MessageId;
use redrive_core::message::broker_record::{BrokerRecord, KafkaHeader, KafkaPosition, KafkaRecord};
use redrive_core::message::kafka_response::KafkaResponse;
use redrive_core::ports::{DelayBy, MainQueue, Outbox, Unavailable, VisibilityChange};
use redrive_core::replay::Outgoing;

use crate::faults::Faults;
use crate::lock;

/// Records that are delivered again after a partial batch response. AWS's documents leave open which.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Redelivery {
    /// Only the records that the response names.
    OnlyFailed,
    /// Every record of a partition from the lowest one on that the response names.
    FromLowest,
}

/// A topic. Clones share it.
///
/// A process takes its own view of it by [`Self::with_faults`].
#[derive(Debug, Clone)]
pub struct ModelTopic {
    name: Arc<str>,
    state: Arc<Mutex<TopicState>>,
    faults: Faults,
}

#[derive(Debug)]
struct TopicState {
    partitions: Vec<Vec<KafkaRecord>>,
    /// Offset of the next record that the group has not committed, of each partition.
    committed: Vec<usize>,
    largest: usize,
}

impl ModelTopic {
    /// An empty topic of so many partitions, which takes records of a megabyte.
    #[must_use]
    pub fn new(name: &str, partitions: usize) -> Self {
        let (partitions, committed) = (vec![Vec::new(); partitions.max(1)], vec![0; partitions.max(1)]);
        let state = TopicState { partitions, committed, largest: 1024 * 1024 };
        Self { name: name.into(), state: Arc::new(Mutex::new(state)), faults: Faults::none() }
    }

    /// Sets the most bytes of a record (`max.message.bytes`).
    #[must_use]
    pub fn with_largest(self, largest: usize) -> Self {
        lock(&self.state).largest = largest;
        self
    }

    /// The same topic, as the process of `faults` sees it.
    #[must_use]
    pub fn with_faults(self, faults: Faults) -> Self {
        Self { faults, ..self }
    }

    /// A producer writes a record. Its key chooses the partition; without a key it is the first one.
    pub fn produce(&self, key: Option<&[u8]>, value: Option<&[u8]>, headers: Vec<KafkaHeader>) -> KafkaPosition {
        let position = KafkaPosition { topic: self.name.to_string(), partition: 0, offset: 0 };
        let (key, value) = (key.map(<[u8]>::to_vec), value.map(<[u8]>::to_vec));
        self.write(KafkaRecord { key, value, headers, ..KafkaRecord::at(position) })
    }

    /// Returns every record of the topic, by partition and offset.
    #[must_use]
    pub fn records(&self) -> Vec<KafkaRecord> {
        lock(&self.state).partitions.concat()
    }

    /// Returns the number of records that the group has not committed.
    #[must_use]
    pub fn lag(&self) -> usize {
        let state = lock(&self.state);
        state.partitions.iter().zip(&state.committed).map(|(records, committed)| records.len() - committed).sum()
    }

    /// Takes a batch: at most `at_most` records from the committed offsets on, each partition's in its order.
    #[must_use]
    pub fn poll(&self, at_most: usize) -> Vec<KafkaRecord> {
        let state = lock(&self.state);
        let next = state.partitions.iter().zip(&state.committed).flat_map(|(records, from)| &records[*from..]);
        next.take(at_most).cloned().collect()
    }

    /// Records of a batch that are delivered again. `None` for a response is a failed invocation; so is one that names a record which
    /// is not of the batch.
    #[must_use]
    pub fn remaining(
        batch: &[KafkaRecord],
        response: Option<&KafkaResponse>,
        redelivery: Redelivery,
    ) -> Vec<KafkaRecord> {
        let Some(response) = response else { return batch.to_vec() };
        let place = |record: &KafkaRecord| (record.position.topic_partition(), record.position.offset);
        let mut lowest: BTreeMap<String, i64> = BTreeMap::new();
        let mut named = Vec::new();
        for (partition, offset) in response.returned() {
            if !batch.iter().any(|record| place(record) == (partition.to_owned(), offset)) {
                return batch.to_vec();
            }
            let low = lowest.entry(partition.to_owned()).or_insert(offset);
            *low = offset.min(*low);
            named.push((partition.to_owned(), offset));
        }
        let again = |record: &&KafkaRecord| {
            let (partition, offset) = place(record);
            match redelivery {
                Redelivery::OnlyFailed => named.contains(&(partition, offset)),
                Redelivery::FromLowest => lowest.get(&partition).is_some_and(|low| offset >= *low),
            }
        };
        batch.iter().filter(again).cloned().collect()
    }

    /// Commits a batch, of which nothing remains.
    pub fn commit(&self, batch: &[KafkaRecord]) {
        let mut state = lock(&self.state);
        for KafkaPosition { partition, offset, .. } in batch.iter().map(|record| &record.position) {
            let (partition, next) = (index(*partition), index(*offset) + 1);
            if let Some(committed) = state.committed.get_mut(partition) {
                *committed = next.max(*committed);
            }
        }
    }

    /// Writes a record at the end of the partition that its key chooses.
    fn write(&self, mut record: KafkaRecord) -> KafkaPosition {
        let mut state = lock(&self.state);
        let hash = record.key.iter().flatten().fold(0_usize, |hash, byte| hash.wrapping_mul(31) + usize::from(*byte));
        let partition = hash % state.partitions.len();
        let records = &mut state.partitions[partition];
        record.position = KafkaPosition {
            topic: self.name.to_string(),
            partition: i32::try_from(partition).unwrap_or_default(),
            offset: i64::try_from(records.len()).unwrap_or_default(),
        };
        records.push(record.clone());
        record.position
    }
}

fn index(number: impl TryInto<usize>) -> usize {
    number.try_into().unwrap_or_default()
}

/// A partition cannot delay a record: the invocation waits.
impl MainQueue for ModelTopic {
    const DELAY: DelayBy = DelayBy::Waiting;

    async fn change_visibility(&self, _: Vec<VisibilityChange>) -> Vec<(MessageId, String)> {
        Vec::new()
    }
}

impl Outbox for ModelTopic {
    async fn send(&self, messages: Vec<Outgoing>) -> Result<Vec<Result<MessageId, String>>, Unavailable> {
        let topic = self.clone();
        let produce = move |trouble: crate::faults::Trouble| {
            let send = |(index, message): (usize, &Outgoing)| {
                let Some(BrokerRecord::Kafka(record)) = message.record.as_deref() else {
                    return Err("NOT_A_KAFKA_RECORD".to_owned());
                };
                if trouble.refuses(index) {
                    return Err("NOT_ENOUGH_REPLICAS".to_owned());
                }
                if record.bytes() > lock(&topic.state).largest {
                    return Err("MESSAGE_TOO_LARGE".to_owned());
                }
                Ok(topic.write(record.clone()).message_id())
            };
            messages.iter().enumerate().map(send).collect::<Vec<_>>()
        };
        self.faults.call("dead letter topic", "produce records", produce).await
    }
}
