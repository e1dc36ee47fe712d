//! Writer of one topic: exact records, and the answer about each.

use krafka::producer::Producer;
use krafka::{KrafkaError, Record};
use redrive_core::message::broker_record::{BrokerRecord, KafkaPosition, KafkaRecord};
use redrive_core::ports::Unavailable;
use redrive_core::replay::Outgoing;
use tokio::sync::Mutex;
use tracing::warn;

use crate::brokers::Brokers;

/// Topic that is written to. The connection is made with the first record.
pub(crate) struct TopicWriter {
    topic: String,
    brokers: Brokers,
    producer: Mutex<Option<Producer>>,
}

/// Record that is not read as written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct NotWritten {
    /// Short name of the error, without anything of a record.
    pub(crate) code: String,
    /// True if it may be written all the same.
    pub(crate) possibly_written: bool,
}

impl NotWritten {
    fn never(code: &str) -> Self {
        Self { code: code.to_owned(), possibly_written: false }
    }
}

impl TopicWriter {
    pub(crate) fn new(topic: &str, brokers: Brokers) -> Self {
        Self { topic: topic.to_owned(), brokers, producer: Mutex::new(None) }
    }

    /// Writes the records of messages, and waits until each is answered. `partition`: that of a record, where its key does not choose
    /// it.
    pub(crate) async fn write(
        &self,
        messages: &[Outgoing],
        partition: impl Fn(&KafkaRecord) -> Option<i32>,
    ) -> Result<Vec<Result<KafkaPosition, NotWritten>>, Unavailable> {
        let mut kept = self.producer.lock().await;
        let producer = match kept.take() {
            Some(producer) if !producer.is_closed() => producer,
            _ => self.brokers.producer().await.map_err(|error| unavailable(&error))?,
        };
        let (mut handles, mut blocked) = (Vec::with_capacity(messages.len()), false);
        for message in messages {
            handles.push(match message.record.as_deref() {
                // Each would wait for as long: for the topic, or for room.
                Some(_) if blocked => Err((NotWritten::never("NotTried"), false)),
                Some(BrokerRecord::Kafka(own)) => {
                    producer.enqueue(record(&self.topic, own, partition(own))).await.map_err(|error| {
                        blocked = error.is_retriable();
                        (NotWritten::never(&code(&error)), error.is_fatal())
                    })
                }
                _ => Err((NotWritten::never("NotAKafkaRecord"), false)),
            });
        }
        let (mut answers, mut broken) = (Vec::with_capacity(handles.len()), false);
        for handle in handles {
            let written = match handle {
                Ok(handle) => handle.await.map_err(|error| (sent_in_vain(&error), error.is_fatal())),
                Err(why) => Err(why),
            };
            answers.push(match written {
                Ok(at) if at.is_persisted() => {
                    Ok(KafkaPosition { topic: at.topic, partition: at.partition, offset: at.offset })
                }
                Ok(_) => Err(NotWritten { code: "NotAcknowledged".to_owned(), possibly_written: true }),
                Err((why, fatal)) => {
                    broken |= fatal;
                    Err(why)
                }
            });
        }
        if broken {
            warn!("producer cannot go on; the next record makes a new one");
        } else {
            *kept = Some(producer);
        }
        Ok(answers)
    }
}

fn unavailable(error: &KrafkaError) -> Unavailable {
    Unavailable { service: "Kafka", action: "connect for a topic", why: code(error) }
}

/// A record that was handed to the client. Only a broker's own refusal, and a time that ran out before anything was sent, say
/// that it is not written.
fn sent_in_vain(error: &KrafkaError) -> NotWritten {
    let possibly_written = match error {
        KrafkaError::Broker { code, .. } => code.is_retriable(),
        KrafkaError::DeliveryTimeout { possibly_written, .. } => *possibly_written,
        KrafkaError::UnknownTopic { .. } => false,
        _ => true,
    };
    NotWritten { code: code(error), possibly_written }
}

/// A short name of an error, without anything of a record.
fn code(error: &KrafkaError) -> String {
    match error {
        KrafkaError::Broker { code, .. } => format!("{code:?}"),
        KrafkaError::DeliveryTimeout { possibly_written, .. } => {
            format!("DeliveryTimeout, possibly written: {possibly_written}")
        }
        KrafkaError::Network(_) => "Network".to_owned(),
        KrafkaError::Auth { .. } => "Authentication".to_owned(),
        KrafkaError::Timeout { .. } => "Timeout".to_owned(),
        KrafkaError::UnknownTopic { .. } => "UnknownTopic".to_owned(),
        _ => "Other".to_owned(),
    }
}

/// Record for the client: key, value and headers exact, and its own time where it has one. Where no partition is given, the key
/// chooses it, as Java's clients do.
fn record(topic: &str, own: &KafkaRecord, partition: Option<i32>) -> Record {
    let mut record = match &own.value {
        Some(value) => Record::new(topic, value.clone()),
        None => Record::new(topic, Vec::new()).without_value(),
    };
    if let Some(key) = &own.key {
        record = record.key(key.clone());
    }
    if let Some(partition) = partition {
        record = record.partition(partition);
    }
    if let Some(at) = own.timestamp.and_then(|at| i64::try_from(at.as_millis()).ok()) {
        record = record.timestamp(at);
    }
    own.headers.iter().fold(record, |record, header| match &header.value {
        Some(value) => record.header(header.name.as_str(), value.clone()),
        None => record.null_header(header.name.as_str()),
    })
}
