//! Tests of the configuration of a RabbitMQ processor.

use std::collections::BTreeMap;
use std::time::Duration;

use redrive_core::message::broker_record::RabbitQueue;

use crate::config::{ConfigError, RabbitConfig, RabbitIndexerConfig, RabbitReplayConfig};

const WHOLE: [(&str, &str); 11] = [
    ("AWS_LAMBDA_FUNCTION_NAME", "rabbitmq-processor"),
    ("AWS_LAMBDA_FUNCTION_VERSION", "$LATEST"),
    ("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "256"),
    ("AWS_LAMBDA_RUNTIME_API", "127.0.0.1:9001"),
    ("RABBITMQ_QUEUE", "orders"),
    ("RABBITMQ_BROKER", "shop"),
    ("RABBITMQ_ENDPOINT", "amqps://b-1.mq.eu-central-1.on.aws:5671"),
    ("RABBITMQ_USER", "SECRET-user"),
    ("RABBITMQ_PASSWORD", "SECRET-password"),
    ("RABBITMQ_DEAD_LETTER_QUEUE", "orders.dead"),
    ("LEDGER_TABLE_NAME", "ledger"),
];

fn read(changes: &[(&str, &str)]) -> Result<RabbitConfig, ConfigError> {
    let all: BTreeMap<_, _> = WHOLE.iter().chain(changes).copied().collect();
    RabbitConfig::read(|name| all.get(name).map(|text| (*text).to_owned()))
}

#[test]
fn what_is_set_is_used_and_an_id_is_asked_for_only_by_choice() {
    let config = read(&[]).unwrap();
    assert_eq!((config.queue.name.as_str(), config.queue.vhost.as_str(), config.needs_id), ("orders", "/", false));
    assert_eq!(config.processing.reading.source.as_str(), "rabbitmq://shop/orders");
    assert_eq!((config.login.user.as_str(), config.login.password.as_str()), ("SECRET-user", "SECRET-password"));
    assert_eq!((config.endpoint.encrypted, config.processing.handler_timeout), (true, Duration::from_secs(20)));
    let config = read(&[("RABBITMQ_VIRTUAL_HOST", "shop"), ("RABBITMQ_WITHOUT_ID", "refuse")]).unwrap();
    assert_eq!((config.queue.vhost.as_str(), config.needs_id), ("shop", true));
    assert_eq!(read(&[("RABBITMQ_QUEUE", "Shop:orders@eu_1.a-b")]).unwrap().queue.name, "Shop:orders@eu_1.a-b");
}

#[test]
fn what_cannot_be_meant_is_refused_by_its_name() {
    let (long_host, long_queue) = ("v".repeat(256), "q".repeat(236));
    for (variable, wrong) in [
        ("RABBITMQ_QUEUE", "or ders"),
        ("RABBITMQ_QUEUE", "shop/orders"),
        ("RABBITMQ_QUEUE", "amq.rabbitmq.reply-to"),
        ("RABBITMQ_QUEUE", long_queue.as_str()),
        ("RABBITMQ_VIRTUAL_HOST", long_host.as_str()),
        ("RABBITMQ_BROKER", "a/b"),
        ("RABBITMQ_ENDPOINT", "https://b-1.mq.eu-central-1.on.aws:443"),
        ("RABBITMQ_DEAD_LETTER_QUEUE", "orders"),
        ("RABBITMQ_DEAD_LETTER_QUEUE", "orders.delay.1000"),
        ("RABBITMQ_DEAD_LETTER_QUEUE", "dead letters"),
        ("RABBITMQ_WITHOUT_ID", "run"),
        ("HANDLER_TIMEOUT_SECONDS", "0"),
    ] {
        let error = read(&[(variable, wrong)]).unwrap_err();
        let told: Vec<_> = error.problems.iter().map(|problem| problem.variable.as_str()).collect();
        assert_eq!(told, [variable], "{wrong}");
    }
}

#[test]
fn nothing_of_a_login_is_shown_not_even_one_that_stands_in_the_address() {
    let config = read(&[]).unwrap();
    assert!(!format!("{config:?}").contains("SECRET"), "{config:?}");
    let error = read(&[("RABBITMQ_ENDPOINT", "amqps://SECRET:SECRET@b-1:5671"), ("RABBITMQ_USER", "")]).unwrap_err();
    assert_eq!(error.problems.len(), 2, "{error}");
    assert!(
        !error.to_string().contains("SECRET") && error.to_string().contains("RABBITMQ_ENDPOINT is no address"),
        "{error}"
    );
}

#[test]
fn every_problem_is_listed_at_once_and_the_page_of_sources_knows_every_variable() {
    let nothing: Vec<_> = WHOLE.iter().map(|(name, _)| (*name, "")).collect();
    let problems = read(&nothing).unwrap_err().problems;
    assert_eq!(problems.len(), WHOLE.len(), "{problems:?}");
    let page = include_str!("../../../../../docs/sources.md");
    let of_rabbitmq = WHOLE.iter().map(|(name, _)| *name).filter(|name| name.starts_with("RABBITMQ"));
    for variable in of_rabbitmq.chain(["RABBITMQ_VIRTUAL_HOST", "RABBITMQ_WITHOUT_ID"]) {
        assert!(page.contains(&format!("| `{variable}` |")), "{variable}");
    }
}

#[test]
fn indexer_and_replay_name_letters_as_the_processor_does_and_without_a_ledger_only_a_person_replays() {
    let variables = |changes: &[(&str, &str)]| -> BTreeMap<String, String> {
        let letters = [("DEAD_LETTER_TABLE_NAME", "letters"), ("RABBITMQ_VIRTUAL_HOST", "shop")];
        let all = WHOLE.iter().chain(&letters).chain(changes);
        all.map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
    };
    let all = variables(&[]);
    let config = RabbitIndexerConfig::read(|name| all.get(name).cloned()).unwrap();
    assert_eq!(config.indexing.reading.source.as_str(), "rabbitmq://shop/orders");
    assert_eq!(config.dead_letter_queue, RabbitQueue::parse("orders.dead::shop"));
    let replay = RabbitReplayConfig::read(|name| all.get(name).cloned()).unwrap();
    assert_eq!((replay.queue, replay.replaying.reading.source.name()), (RabbitQueue::parse("orders::shop"), "orders"));
    assert!(replay.replaying.ledger_table.is_some() && replay.replaying.policy.max_deaths > 0);
    let none = variables(&[("LEDGER_TABLE_NAME", "none")]);
    let without = RabbitReplayConfig::read(|name| none.get(name).cloned()).unwrap().replaying;
    assert_eq!((without.ledger_table, without.policy.max_deaths), (None, 0));
    let same = variables(&[("RABBITMQ_DEAD_LETTER_QUEUE", "orders")]);
    assert!(RabbitIndexerConfig::read(|name| same.get(name).cloned()).is_err());
}
