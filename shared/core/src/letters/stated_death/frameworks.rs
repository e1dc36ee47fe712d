//! Headers of Spring Kafka, Kafka Connect, Kafka Streams and share groups.

use super::headers::{Headers, big_endian, position, text, time};
use super::{DeathAuthor, StatedDeath};

/// Spring's header of the topic (spring-projects/spring-kafka, `KafkaHeaders.java`, `DLT_ORIGINAL_TOPIC`).
pub(super) const SPRING: &str = "kafka_dlt-original-topic";
/// Header of Connect for the topic (apache/kafka, `connect/runtime/.../errors/DeadLetterQueueReporter.java`).
pub(super) const CONNECT: &str = "__connect.errors.topic";
/// Header of Streams for the topic (apache/kafka, `streams/.../errors/internals/ExceptionHandlerUtils.java`; KIP-1034).
pub(super) const STREAMS: &str = "__streams.errors.topic";
/// Header of a broker for a share group (apache/kafka, `server/.../share/dlq/ShareGroupDLQRecordHelper.java`; KIP-1191). The record's own
/// headers are not copied, and key and value only where the group asks for it.
pub(super) const SHARE_GROUP: &str = "__dlq.errors.topic";

/// Spring's numbers are Java's bytes: partition an `int`, offset and time a `long`. A record that died again has each header once
/// more (`appendOriginalHeaders`), so that the first is the origin's and the last exception the last.
pub(super) fn spring(headers: Headers<'_>) -> StatedDeath {
    let first = |name: &str| headers.first(name).and_then(big_endian);
    // Of a record whose key could not be read the names differ.
    let either = |name: &str| {
        let value = headers.text(&format!("kafka_dlt-exception-{name}"));
        value.or_else(|| headers.text(&format!("kafka_dlt-key-exception-{name}")))
    };
    let attempts = ["kafka_deliveryAttempt", "retry_topic-attempts"];
    StatedDeath {
        origin: position(
            headers.first(SPRING),
            first("kafka_dlt-original-partition"),
            first("kafka_dlt-original-offset"),
        ),
        at: time(first("kafka_dlt-original-timestamp")),
        // The outer exception is nearly always that of the listener's container.
        class: either("cause-fqcn").or_else(|| either("fqcn")),
        text: either("message"),
        attempts: attempts.iter().find_map(|name| headers.last(name).and_then(big_endian)),
        consumer: headers.first("kafka_dlt-original-consumer-group").and_then(text),
        ..StatedDeath::by(DeathAuthor::Spring)
    }
}

/// Connect writes each header only where it is absent, and its numbers as text. It has no count.
pub(super) fn connect(headers: Headers<'_>) -> StatedDeath {
    StatedDeath {
        class: headers.text("__connect.errors.exception.class.name"),
        text: headers.text("__connect.errors.exception.message"),
        consumer: headers.text("__connect.errors.connector.name"),
        ..in_text(headers, "__connect.errors.", DeathAuthor::Connect)
    }
}

/// `exception` is Java's `toString`: the class, a colon and the message.
pub(super) fn streams(headers: Headers<'_>) -> StatedDeath {
    let exception = headers.text("__streams.errors.exception");
    let class = exception.as_deref().map(|text| text.split(':').next().unwrap_or_default().trim().to_owned());
    StatedDeath {
        class: class.filter(|class| !class.is_empty()),
        text: headers.text("__streams.errors.message").or(exception),
        ..in_text(headers, "__streams.errors.", DeathAuthor::Streams)
    }
}

pub(super) fn share_group(headers: Headers<'_>) -> StatedDeath {
    StatedDeath {
        text: headers.text("__dlq.errors.message"),
        attempts: headers.number("__dlq.errors.delivery.count"),
        consumer: headers.text("__dlq.errors.group"),
        ..in_text(headers, "__dlq.errors.", DeathAuthor::ShareGroup)
    }
}

/// A place whose numbers are text.
fn in_text(headers: Headers<'_>, prefix: &str, by: DeathAuthor) -> StatedDeath {
    let name = |part: &str| format!("{prefix}{part}");
    let (partition, offset) = (headers.number(&name("partition")), headers.number(&name("offset")));
    StatedDeath { origin: position(headers.last(&name("topic")), partition, offset), ..StatedDeath::by(by) }
}
