//! Tests of the configuration of a Kafka processor.

use std::collections::BTreeMap;
use std::time::Duration;

use redrive_core::kafka_security::KafkaSecurity;
use redrive_core::message::broker_envelope::KafkaOrder;

use crate::config::{ConfigError, KafkaAnswer, KafkaConfig, KafkaIndexerConfig, KafkaReplayConfig};

const WHOLE: [(&str, &str); 10] = [
    ("AWS_LAMBDA_FUNCTION_NAME", "kafka-processor"),
    ("AWS_LAMBDA_FUNCTION_VERSION", "$LATEST"),
    ("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "256"),
    ("AWS_LAMBDA_RUNTIME_API", "127.0.0.1:9001"),
    ("KAFKA_TOPICS", "orders, orders.retry"),
    ("KAFKA_CLUSTER", "shop"),
    ("KAFKA_BOOTSTRAP_SERVERS", "b-1:9096,b-2:9096"),
    ("KAFKA_DEAD_LETTER_TOPIC", "orders.dead"),
    ("KAFKA_SECURITY", "tls"),
    ("LEDGER_TABLE_NAME", "ledger"),
];

fn read(changes: &[(&str, &str)]) -> Result<KafkaConfig, ConfigError> {
    let all: BTreeMap<_, _> = WHOLE.iter().chain(changes).copied().collect();
    KafkaConfig::read(|name| all.get(name).map(|text| (*text).to_owned()))
}

#[test]
fn what_is_set_is_used_and_the_defaults_lose_nothing_under_any_mapping() {
    let config = read(&[]).unwrap();
    assert_eq!(config.topics, ["orders", "orders.retry"]);
    let processing = config.processing;
    assert_eq!(processing.reading.source.as_str(), "kafka://shop/orders");
    assert_eq!((config.order, config.answer), (KafkaOrder::Partition, KafkaAnswer::Fail));
    assert_eq!((config.security, processing.handler_timeout), (KafkaSecurity::Tls, Duration::from_secs(20)));
    assert_eq!(processing.claim_hold, Duration::from_millis(2_500));
    let login = [("KAFKA_SECURITY", "scram-sha-512"), ("KAFKA_USER", "ann"), ("KAFKA_PASSWORD", "p")];
    let chosen = [("KAFKA_ANSWER", "partial"), ("KAFKA_ORDER", "none")];
    let config = read(&[&login[..], &chosen[..]].concat()).unwrap();
    assert_eq!((config.order, config.answer), (KafkaOrder::None, KafkaAnswer::Partial));
    assert!(matches!(config.security, KafkaSecurity::Sasl(..)));
}

#[test]
fn what_cannot_be_meant_is_refused_by_its_name_and_nothing_of_a_login_is_told() {
    let long = "t".repeat(250);
    for (variable, wrong) in [
        ("KAFKA_TOPICS", "orders,"),
        ("KAFKA_TOPICS", "or ders"),
        ("KAFKA_TOPICS", ".."),
        ("KAFKA_TOPICS", long.as_str()),
        ("KAFKA_CLUSTER", "a/b"),
        ("KAFKA_BOOTSTRAP_SERVERS", "b-1"),
        ("KAFKA_BOOTSTRAP_SERVERS", "b-1:9092,:9092"),
        ("KAFKA_DEAD_LETTER_TOPIC", "orders.retry"),
        ("KAFKA_SECURITY", "sasl"),
        ("KAFKA_SECURITY", "plain"),
        ("KAFKA_ORDER", "all"),
        ("KAFKA_ANSWER", "whole"),
    ] {
        let error = read(&[(variable, wrong)]).unwrap_err();
        let told: Vec<_> = error.problems.iter().map(|problem| problem.variable.as_str()).collect();
        assert_eq!(told, [variable], "{wrong}");
    }
    let error = read(&[("KAFKA_USER", "SECRET"), ("KAFKA_PASSWORD", "SECRET")]).unwrap_err().to_string();
    assert!(error.contains("KAFKA_SECURITY sends no login") && !error.contains("SECRET"), "{error}");
}

#[test]
fn every_problem_is_listed_at_once_and_the_page_of_sources_knows_every_variable() {
    let nothing: Vec<_> = WHOLE.iter().map(|(name, _)| (*name, "")).collect();
    let problems = read(&nothing).unwrap_err().problems;
    assert_eq!(problems.len(), WHOLE.len(), "{problems:?}");
    let page = include_str!("../../../../../docs/sources.md");
    for variable in ["KAFKA_USER", "KAFKA_PASSWORD", "KAFKA_ORDER", "KAFKA_ANSWER"] {
        assert!(page.contains(&format!("| `{variable}` |")), "{variable}");
    }
    for problem in problems.iter().filter(|problem| problem.variable.starts_with("KAFKA")) {
        assert!(page.contains(&format!("| `{}` |", problem.variable)), "{}", problem.variable);
    }
}

#[test]
fn the_indexer_of_a_dead_letter_topic_reads_its_own_and_says_what_is_wrong() {
    let read = |changes: &[(&str, &str)]| {
        let letters = ("DEAD_LETTER_TABLE_NAME", "letters");
        let all: BTreeMap<_, _> = WHOLE.iter().chain([&letters]).chain(changes).copied().collect();
        KafkaIndexerConfig::read(|name| all.get(name).map(|text| (*text).to_owned()))
    };
    let config = read(&[]).unwrap();
    assert_eq!(config.indexing.reading.source.as_str(), "kafka://shop/orders");
    assert_eq!((config.dead_letter_topic.as_str(), config.answer), ("orders.dead", KafkaAnswer::Fail));
    assert!(config.indexing.ledger_table.is_some() && config.indexing.policy.max_deaths > 0);
    let without = read(&[("LEDGER_TABLE_NAME", "none")]).unwrap();
    assert_eq!((without.indexing.ledger_table, without.indexing.policy.max_deaths), (None, 0), "only a person replays");
    for (variable, wrong) in
        [("KAFKA_DEAD_LETTER_TOPIC", "orders.retry"), ("DEAD_LETTER_TABLE_NAME", ""), ("LEDGER_TABLE_NAME", "")]
    {
        let problems = read(&[(variable, wrong)]).unwrap_err().problems;
        let told: Vec<_> = problems.iter().map(|problem| problem.variable.as_str()).collect();
        assert_eq!(told, [variable]);
    }
}

#[test]
fn the_replay_to_a_topic_sends_to_the_first_configured_one_and_a_null_key_anywhere_unless_asked() {
    let read = |changes: &[(&str, &str)]| {
        let letters = ("DEAD_LETTER_TABLE_NAME", "letters");
        let all: BTreeMap<_, _> = WHOLE.iter().chain([&letters]).chain(changes).copied().collect();
        KafkaReplayConfig::read(|name| all.get(name).map(|text| (*text).to_owned()))
    };
    let config = read(&[]).unwrap();
    assert_eq!((config.topic.as_str(), config.null_key_to_original), ("orders", false));
    assert!(read(&[("KAFKA_NULL_KEY", "original")]).unwrap().null_key_to_original);
    for (variable, wrong) in [("KAFKA_NULL_KEY", "first"), ("KAFKA_BOOTSTRAP_SERVERS", ""), ("ALLOWED_ACTIONS", "some")]
    {
        let problems = read(&[(variable, wrong)]).unwrap_err().problems;
        assert_eq!(problems.iter().map(|problem| problem.variable.as_str()).collect::<Vec<_>>(), [variable]);
    }
    let page = include_str!("../../../../../docs/sources.md");
    assert!(page.contains("| `KAFKA_NULL_KEY` |"));
}
