//! A batch of a dead letter topic, as Lambda's event source mapping sends it.
//!
//! Nothing of it is refused for what it holds: a record that nobody understands is a letter with its bytes.

use redrive_core::letters::dead_record::DeadRecord;
use redrive_core::letters::stated_death::{FailedRecord, failed_record};
use redrive_core::message::broker_record::KafkaRecord;
use serde_json::Value;

use crate::kafka_event::{NotAKafkaBatch, kafka_records};

/// The dead records of an event, each partition's in their order. `topics`: those whose records die there. What Lambda's mapping has
/// written around a record of one of them is taken off; around any other it stays.
///
/// # Errors
/// [`NotAKafkaBatch`].
pub fn dead_records(event: Value, dead_letter_topic: &str, topics: &[&str]) -> Result<Vec<DeadRecord>, NotAKafkaBatch> {
    let records = kafka_records(event, &[dead_letter_topic])?;
    Ok(records.into_iter().map(|record| dead_record(record, topics)).collect())
}

fn dead_record(record: KafkaRecord, topics: &[&str]) -> DeadRecord {
    let failed = record.value.as_deref().and_then(failed_record);
    let Some(FailedRecord { death, event }) = failed else { return DeadRecord::of(record) };
    let inner = kafka_records(event, topics).ok().and_then(|inner| inner.into_iter().next());
    match inner.filter(|inner| inner.flaw.is_none()) {
        Some(inner) => DeadRecord::within(record.position, inner, death),
        None => DeadRecord::of(record),
    }
}

#[cfg(test)]
mod tests {
    use base64::Engine;
    use base64::engine::general_purpose::STANDARD as BASE64;
    use redrive_core::message::broker_record::BrokerRecord;
    use serde_json::json;

    use super::*;

    fn read(value: &str) -> DeadRecord {
        let record = json!({"topic": "orders.dead", "partition": 1, "offset": 5, "value": BASE64.encode(value)});
        let event = json!({"records": {"orders.dead-1": [record]}});
        dead_records(event, "orders.dead", &["orders"]).unwrap().remove(0)
    }

    fn wrapped(record: &Value) -> String {
        json!({
            "requestContext": {"condition": "RetryAttemptsExhausted", "functionArn": "arn:aws:lambda:r:1:function:f",
                "approximateInvokeCount": 3},
            "version": "1.0", "KafkaBatchInfo": {"batchSize": 1}, "payload": {"records": {"orders-0": [record]}},
        })
        .to_string()
    }

    #[test]
    fn what_lambda_wrote_around_a_record_is_taken_off_and_its_place_is_the_outer_ones() {
        let inner = json!({"topic": "orders", "partition": 0, "offset": 100, "key": "/w==", "value": "e30=",
            "headers": [{"trace": [116]}]});
        let dead = read(&wrapped(&inner));
        assert_eq!((dead.envelope.message_id.as_str(), dead.envelope.body.as_str()), ("orders.dead-1@5", "{}"));
        let Some(BrokerRecord::Kafka(record)) = dead.envelope.broker.as_deref() else { panic!("Kafka's") };
        assert_eq!((record.key.as_deref(), record.headers[0].name.as_str()), (Some(&[0xff][..]), "trace"));
        assert_eq!((dead.stated.text.as_str(), dead.stated.attempts), ("Lambda: RetryAttemptsExhausted", 3));
    }

    #[test]
    fn what_is_around_another_topics_record_or_one_that_cannot_be_read_stays_as_it_is() {
        let foreign = json!({"topic": "secrets", "partition": 0, "offset": 100, "value": "e30="});
        let flawed = json!({"topic": "orders", "partition": 0, "offset": 100, "value": 7});
        let lost = json!({"topic": "orders"});
        for inner in [foreign, flawed, lost] {
            let text = wrapped(&inner);
            assert_eq!(read(&text).envelope.body, text);
        }
        assert_eq!(read("no JSON").envelope.body, "no JSON");
    }

    #[test]
    fn a_record_of_another_topic_than_the_dead_letter_topic_fails_the_invocation() {
        let event = json!({"records": {"orders-0": [{"offset": 1}]}});
        let error = dead_records(event, "orders.dead", &["orders"]).unwrap_err();
        assert_eq!(error, NotAKafkaBatch::OtherTopic(0));
    }
}
