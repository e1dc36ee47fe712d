//! Remark in a letter's history on where its record was read.

use crate::letters::dead_message::queue_note;
use crate::letters::dead_record::partition_note;
use crate::message::broker_record::BrokerRecord;
use crate::message::envelope::Envelope;

/// Remark on where a letter's record was read, and where it says that it died. `None` of a message of SQS.
#[must_use]
pub(super) fn place_note(envelope: &Envelope) -> Option<String> {
    Some(match envelope.broker.as_deref()? {
        BrokerRecord::Kafka(record) => partition_note(record),
        BrokerRecord::RabbitMq(message) => queue_note(message),
    })
}
