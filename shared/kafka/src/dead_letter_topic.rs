//! The dead letter topic, as the processor writes to it.

use krafka::producer::Producer;
use krafka::{KrafkaError, Record};
use redrive_core::ids::MessageId;
use redrive_core::message::broker_record::{BrokerRecord, KafkaPosition, KafkaRecord};
use redrive_core::ports::{Outbox, Unavailable};
use redrive_core::replay::Outgoing;
use tokio::sync::Mutex;
use tracing::warn;

use crate::brokers::Brokers;

/// Topic for the dead. The connection is made with the first of them: most invocations have none.
pub struct DeadLetterTopic {
    topic: String,
    brokers: Brokers,
    producer: Mutex<Option<Producer>>,
}

impl DeadLetterTopic {
    /// Topic of this name in this cluster. Connects to nothing yet.
    #[must_use]
    pub fn new(topic: &str, brokers: Brokers) -> Self {
        Self { topic: topic.to_owned(), brokers, producer: Mutex::new(None) }
    }

    fn unavailable(error: &KrafkaError) -> Unavailable {
        Unavailable { service: "Kafka", action: "connect for the dead letter topic", why: code(error) }
    }
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

/// Record for the client: key, value and headers exact, and the time of the original. The partition is chosen by the key, as
/// Java's clients do.
fn record(topic: &str, own: &KafkaRecord) -> Record {
    let mut record = match &own.value {
        Some(value) => Record::new(topic, value.clone()),
        None => Record::new(topic, Vec::new()).without_value(),
    };
    if let Some(key) = &own.key {
        record = record.key(key.clone());
    }
    if let Some(at) = own.timestamp.and_then(|at| i64::try_from(at.as_millis()).ok()) {
        record = record.timestamp(at);
    }
    own.headers.iter().fold(record, |record, header| match &header.value {
        Some(value) => record.header(header.name.as_str(), value.clone()),
        None => record.null_header(header.name.as_str()),
    })
}

impl Outbox for DeadLetterTopic {
    /// Writes records, and waits until each is read as written. What timed out may be written all the same: it is answered as
    /// refused, and comes again.
    async fn send(&self, messages: Vec<Outgoing>) -> Result<Vec<Result<MessageId, String>>, Unavailable> {
        let mut kept = self.producer.lock().await;
        let producer = match kept.take() {
            Some(producer) if !producer.is_closed() => producer,
            _ => self.brokers.producer().await.map_err(|error| Self::unavailable(&error))?,
        };
        let (mut handles, mut blocked) = (Vec::with_capacity(messages.len()), false);
        for message in &messages {
            handles.push(match message.record.as_deref() {
                // Each would wait for as long: for the topic, or for room.
                Some(_) if blocked => Err(("NotTried".to_owned(), false)),
                Some(BrokerRecord::Kafka(own)) => producer.enqueue(record(&self.topic, own)).await.map_err(|error| {
                    blocked = error.is_retriable();
                    (code(&error), error.is_fatal())
                }),
                _ => Err(("NotAKafkaRecord".to_owned(), false)),
            });
        }
        let (mut answers, mut broken) = (Vec::with_capacity(handles.len()), false);
        for handle in handles {
            let written = match handle {
                Ok(handle) => handle.await.map_err(|error| (code(&error), error.is_fatal())),
                Err(why) => Err(why),
            };
            answers.push(match written {
                Ok(at) if at.is_persisted() => {
                    let place = KafkaPosition { topic: at.topic, partition: at.partition, offset: at.offset };
                    Ok(place.message_id())
                }
                Ok(_) => Err("NotAcknowledged".to_owned()),
                Err((why, fatal)) => {
                    broken |= fatal;
                    Err(why)
                }
            });
        }
        if broken {
            warn!("producer cannot go on; the next dead record makes a new one");
        } else {
            *kept = Some(producer);
        }
        Ok(answers)
    }
}
