//! Headers as each framework writes them, and any others.

use proptest::prelude::*;

use super::*;
use crate::message::broker_record::{AmqpTable, AmqpValue};
use crate::message::key::Key;

fn at(topic: &str, partition: i32, offset: i64) -> KafkaPosition {
    KafkaPosition { topic: topic.to_owned(), partition, offset }
}

fn header(name: &str, value: &[u8]) -> KafkaHeader {
    KafkaHeader { name: name.to_owned(), value: Some(value.to_vec()) }
}

fn texts(all: &[(&str, &str)]) -> Vec<KafkaHeader> {
    all.iter().map(|(name, value)| header(name, value.as_bytes())).collect()
}

fn spring() -> Vec<KafkaHeader> {
    vec![
        header("kafka_dlt-original-topic", b"orders"),
        header("kafka_dlt-original-partition", &2_i32.to_be_bytes()),
        header("kafka_dlt-original-offset", &12_345_i64.to_be_bytes()),
        header("kafka_dlt-original-timestamp", &1_763_787_600_123_i64.to_be_bytes()),
        header("kafka_dlt-original-consumer-group", b"billing"),
        header("kafka_dlt-exception-fqcn", b"org.springframework.kafka.listener.ListenerExecutionFailedException"),
        header("kafka_dlt-exception-cause-fqcn", b"shop.CurrencyException"),
        header("kafka_dlt-exception-message", b"CHF is not supported"),
        header("kafka_deliveryAttempt", &3_i32.to_be_bytes()),
    ]
}

fn ours<'a>(origin: &'a KafkaPosition, key: Option<&'a Key>) -> Written<'a> {
    let at = Some(Timestamp::from_millis(5));
    Written { origin, at, reason: "currency: CHF is not supported", attempts: 3, key }
}

#[test]
fn ours_come_after_the_records_own_headers_which_keep_their_order_and_repeats() {
    let (origin, key) = (at("orders", 2, 17), Key::new("o-1").unwrap());
    let own = vec![header("b", &[0xff]), header("a", b"1"), KafkaHeader { name: "a".to_owned(), value: None }];
    let written = headers_of(&own, ours(&origin, Some(&key)));
    assert_eq!(written[..3], own);
    assert_eq!(written[3..].iter().map(|header| header.name.as_str()).collect::<Vec<_>>(), HEADERS);
    let read = StatedDeath::of_kafka(&written).unwrap();
    let expected = StatedDeath {
        origin: Some(origin),
        at: Some(Timestamp::from_millis(5)),
        text: Some("currency: CHF is not supported".to_owned()),
        attempts: Some(3),
        ..StatedDeath::by(DeathAuthor::Redrive)
    };
    assert_eq!(read, expected);
}

#[test]
fn a_second_death_takes_the_place_of_the_first_and_the_producers_key_is_not_said_twice() {
    let (first, second, key) = (at("orders", 2, 17), at("orders", 0, 99), Key::new("o-1").unwrap());
    let own = texts(&[("idempotency-key", "o-1"), ("trace", "t")]);
    let once = headers_of(&own, ours(&first, Some(&key)));
    let twice = headers_of(&once, ours(&second, Some(&key)));
    assert_eq!((once.len(), twice.len()), (8, 8));
    assert_eq!(StatedDeath::of_kafka(&twice).unwrap().origin, Some(second));
    let forged = texts(&[("original-offset", "1")]);
    assert_eq!(headers_of(&forged, ours(&first, None))[0], forged[0], "without a topic it is a producer's own");
}

#[test]
fn springs_numbers_are_javas_bytes_and_the_first_of_several_origins_is_the_origin() {
    let mut again = spring();
    again.extend([
        header("kafka_dlt-original-topic", b"orders-retry-0"),
        header("kafka_dlt-original-partition", &0_i32.to_be_bytes()),
        header("kafka_dlt-exception-message", b"the last of all"),
    ]);
    let read = StatedDeath::of_kafka(&again).unwrap();
    assert_eq!((read.by, read.origin), (DeathAuthor::Spring, Some(at("orders", 2, 12_345))));
    assert_eq!(
        (read.class.as_deref(), read.text.as_deref()),
        (Some("shop.CurrencyException"), Some("the last of all"))
    );
    assert_eq!((read.attempts, read.at), (Some(3), Some(Timestamp::from_millis(1_763_787_600_123))));
    let in_text = texts(&[("kafka_dlt-original-topic", "orders"), ("kafka_dlt-original-partition", "1234")]);
    assert_eq!(StatedDeath::of_kafka(&in_text).unwrap().origin, None, "1234 as bytes would be partition 825373492");
}

#[test]
fn connect_streams_and_share_groups_write_their_numbers_as_text() {
    let connect = texts(&[
        ("__connect.errors.topic", "orders"),
        ("__connect.errors.partition", "2"),
        ("__connect.errors.offset", "17"),
        ("__connect.errors.connector.name", "sink"),
        ("__connect.errors.exception.class.name", "org.apache.kafka.connect.errors.DataException"),
        ("__connect.errors.exception.message", "Deletes are not enabled"),
    ]);
    let streams = texts(&[
        ("__streams.errors.exception", "java.lang.IllegalStateException: count must not be negative"),
        ("__streams.errors.message", "count must not be negative"),
        ("__streams.errors.topic", "orders"),
        ("__streams.errors.partition", "2"),
        ("__streams.errors.offset", "17"),
    ]);
    let group = texts(&[
        ("__dlq.errors.topic", "orders"),
        ("__dlq.errors.partition", "2"),
        ("__dlq.errors.offset", "17"),
        ("__dlq.errors.group", "billing"),
        ("__dlq.errors.delivery.count", "5"),
        ("__dlq.errors.message", "Offset delivery count exceeded the threshold."),
    ]);
    for (headers, by, class, attempts) in [
        (connect, DeathAuthor::Connect, Some("org.apache.kafka.connect.errors.DataException"), None),
        (streams, DeathAuthor::Streams, Some("java.lang.IllegalStateException"), None),
        (group, DeathAuthor::ShareGroup, None, Some(5)),
    ] {
        let read = StatedDeath::of_kafka(&headers).unwrap();
        assert_eq!((read.by, read.origin), (by, Some(at("orders", 2, 17))));
        assert_eq!((read.class.as_deref(), read.attempts), (class, attempts), "{}", by.as_str());
        assert!(read.text.is_some());
    }
}

#[test]
fn of_several_authors_the_last_one_counts() {
    let origin = at("orders", 0, 1);
    let after = headers_of(&spring(), ours(&origin, None));
    assert_eq!(StatedDeath::of_kafka(&after).unwrap().by, DeathAuthor::Redrive);
    let before: Vec<_> = headers_of(&[], ours(&origin, None)).into_iter().chain(spring()).collect();
    assert_eq!(StatedDeath::of_kafka(&before).unwrap().by, DeathAuthor::Spring);
    assert_eq!(StatedDeath::of_kafka(&texts(&[("trace", "t")])), None);
}

#[test]
fn lambdas_record_has_the_record_in_it_and_only_one() {
    let record = r#"{"topic":"orders","partition":0,"offset":100,"value":"e30=","headers":[]}"#;
    let envelope = |records: &str| {
        format!(
            r#"{{"requestContext":{{"condition":"RetriesExhausted","functionArn":"arn:f","approximateInvokeCount":3}},
            "version":"1.0","KafkaBatchInfo":{{"batchSize":1}},"payload":{{"records":{{"orders-0":[{records}]}}}}}}"#
        )
    };
    let read = failed_record(envelope(record).as_bytes()).unwrap();
    assert_eq!(read.death.origin, Some(at("orders", 0, 100)));
    assert_eq!((read.death.class.as_deref(), read.death.attempts), (Some("RetriesExhausted"), Some(3)));
    assert_eq!(read.event["records"]["orders-0"][0]["value"], "e30=");
    for other in [envelope(""), envelope(&format!("{record},{record}")), "{}".to_owned(), "null".to_owned()] {
        assert_eq!(failed_record(other.as_bytes()), None, "{other}");
    }
}

/// A table as `x-death` has it.
fn death(queue: &str, reason: &str, count: i64, key: &str) -> AmqpValue {
    let entry = |name: &str, value| (name.to_owned(), value);
    AmqpValue::Table(AmqpTable(vec![
        entry("count", AmqpValue::Int(count)),
        entry("reason", AmqpValue::text(reason)),
        entry("queue", AmqpValue::text(queue)),
        entry("time", AmqpValue::text("Nov 29, 2026, 12:54:24 PM")),
        entry("exchange", AmqpValue::text("")),
        entry("routing-keys", AmqpValue::Array(vec![AmqpValue::text(key)])),
    ]))
}

#[test]
fn the_deaths_of_3_and_of_4_are_read_alike_and_the_first_is_the_origin() {
    let old = AmqpTable(vec![(
        "x-death".to_owned(),
        AmqpValue::Array(vec![
            death("orders.retry", "expired", 2, "orders.retry"),
            death("orders", "rejected", 3, "placed"),
        ]),
    )]);
    let mut new = old.clone();
    for (name, value) in [
        ("x-first-death-exchange", "shop"),
        ("x-first-death-queue", "orders"),
        ("x-first-death-reason", "rejected"),
        ("x-last-death-reason", "expired"),
    ] {
        new.set(name, AmqpValue::text(value));
    }
    for (headers, exchange) in [(old, ""), (new, "shop")] {
        let read = x_death(&headers).unwrap();
        assert_eq!((read.queue.as_deref(), read.reason.as_deref()), (Some("orders"), Some("expired")));
        assert_eq!(
            (read.exchange.as_deref(), read.routing_keys.as_slice()),
            (Some(exchange), &["placed".to_owned()][..])
        );
        assert_eq!((read.count, read.stated().attempts), (5, Some(5)));
    }
    // The message died in its own queue again: that table comes first now.
    let again = AmqpTable(vec![
        ("x-first-death-queue".to_owned(), AmqpValue::text("orders")),
        (
            "x-death".to_owned(),
            AmqpValue::Array(vec![
                death("orders", "rejected", 2, "placed"),
                death("orders.retry", "expired", 1, "orders.retry"),
            ]),
        ),
    ]);
    let read = x_death(&again).unwrap();
    assert_eq!((read.routing_keys, read.reason.as_deref()), (vec!["placed".to_owned()], Some("rejected")));
    assert_eq!(x_death(&AmqpTable::default()), None);
}

/// Any value of an AMQP table, some tables deep.
fn any_value() -> impl Strategy<Value = AmqpValue> {
    let leaf = prop_oneof![
        Just(AmqpValue::Null),
        any::<i64>().prop_map(AmqpValue::Int),
        prop::collection::vec(any::<u8>(), 0..9).prop_map(AmqpValue::Bytes),
    ];
    let name = prop::sample::select(vec!["count", "queue", "reason", "exchange", "routing-keys", "other"]);
    leaf.prop_recursive(3, 24, 4, move |inner| {
        let table = prop::collection::vec((name.clone().prop_map(str::to_owned), inner.clone()), 0..5);
        prop_oneof![
            prop::collection::vec(inner, 0..4).prop_map(AmqpValue::Array),
            table.prop_map(|entries| AmqpValue::Table(AmqpTable(entries))),
        ]
    })
}

proptest! {
    #[test]
    fn any_headers_are_read_without_a_panic_and_ours_are_read_back(
        names in prop::collection::vec(prop::sample::select(vec![
            "kafka_dlt-original-topic", "kafka_dlt-original-partition", "kafka_dlt-original-offset", "__connect.errors.topic",
            "__streams.errors.exception", "__streams.errors.topic", "__dlq.errors.topic", "__dlq.errors.delivery.count",
            "original-topic", "original-offset", "attempt-count", "idempotency-key", "x",
        ]), 0..9),
        values in prop::collection::vec(prop::option::of(prop::collection::vec(any::<u8>(), 0..12)), 9),
        partition in 0..=i32::MAX, offset in 0..=i64::MAX,
    ) {
        let own: Vec<_> = names.iter().zip(values).map(|(name, value)| KafkaHeader { name: (*name).to_owned(), value }).collect();
        let _ = StatedDeath::of_kafka(&own);
        let origin = at("orders", partition, offset);
        let read = StatedDeath::of_kafka(&headers_of(&own, ours(&origin, None))).unwrap();
        prop_assert_eq!((read.by, read.origin, read.attempts), (DeathAuthor::Redrive, Some(origin), Some(3)));
    }

    #[test]
    fn any_x_death_and_any_value_are_read_without_a_panic(value in any_value(), bytes in prop::collection::vec(any::<u8>(), 0..64)) {
        let headers = AmqpTable(vec![("x-death".to_owned(), value.clone()), ("x-first-death-queue".to_owned(), value)]);
        let _ = x_death(&headers);
        prop_assert_eq!(failed_record(&bytes), None);
    }
}
