//! The list of queue pairs.

use serde_json::{Value, json};

use super::{ConfigError, IndexerConfig, ReplayConfig};
use redrive_core::letters::policy::Policy;
use redrive_core::message::decode::NamesTwice;
use redrive_core::message::key::KeyFrom;
use redrive_core::message::wrapping::Wrapping;

const SURROUNDINGS: [(&str, &str); 6] = [
    ("AWS_LAMBDA_FUNCTION_NAME", "indexer"),
    ("AWS_LAMBDA_FUNCTION_VERSION", "1"),
    ("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "256"),
    ("AWS_LAMBDA_RUNTIME_API", "127.0.0.1:9001"),
    ("LEDGER_TABLE_NAME", "ledger"),
    ("DEAD_LETTER_TABLE_NAME", "letters"),
];

/// An environment of these variables, which stand before those around them; an empty one is absent.
pub(super) fn lookup<'a>(variables: &'a [(&'a str, &'a str)]) -> impl Fn(&str) -> Option<String> + 'a {
    move |name| {
        let mut all = variables.iter().chain(&SURROUNDINGS);
        all.find(|(known, _)| *known == name).map(|(_, text)| (*text).to_owned())
    }
}

pub(super) fn pair(name: &str) -> Value {
    json!({
        "source_arn": format!("arn:aws:sqs:us-east-1:123456789012:{name}"),
        "source_url": format!("https://sqs.us-east-1.amazonaws.com/123456789012/{name}"),
        "dead_letter_url": format!("https://sqs.us-east-1.amazonaws.com/123456789012/dead-{name}"),
        "scope": name.strip_suffix(".fifo").unwrap_or(name),
    })
}

/// The same with members changed; `null` where it says so, and absent where it says "ABSENT".
pub(super) fn with(mut pair: Value, changes: Value) -> Value {
    for (name, value) in changes.as_object().unwrap().clone() {
        if value == "ABSENT" {
            pair.as_object_mut().unwrap().remove(&name);
        } else {
            pair[name] = value;
        }
    }
    pair
}

fn listed(pairs: &[Value]) -> String {
    json!({ "pairs": pairs }).to_string()
}

pub(super) fn replay(pairs: &[Value]) -> Result<ReplayConfig, ConfigError> {
    ReplayConfig::read(lookup(&[("QUEUE_PAIRS", &listed(pairs))]))
}

/// Returns the places of the problems, without the variable's name.
pub(super) fn places(error: &ConfigError) -> Vec<&str> {
    let place = |text| str::strip_prefix(text, "QUEUE_PAIRS ").unwrap_or(text);
    error.problems.iter().map(|problem| place(&problem.variable)).collect()
}

#[test]
fn what_is_not_said_of_a_pair_is_as_for_a_single_one() {
    let config = replay(&[pair("orders")]).unwrap();
    let read = &config.pairs[0];
    assert_eq!((read.pair.name.as_str(), read.pair.ledger, read.sends), ("orders", true, true));
    assert!(!read.pair.custody && read.ejects_to().is_some_and(|url| url.ends_with("dead-orders")));
    assert_eq!((read.pair.reading.scope.as_str(), &read.pair.reading.pointer), ("orders", &None));
    let single = [
        ("MAIN_QUEUE_URL", "https://sqs.us-east-1.amazonaws.com/123456789012/orders"),
        ("MAIN_QUEUE_ARN", "arn:aws:sqs:us-east-1:123456789012:orders"),
    ];
    let single = ReplayConfig::read(lookup(&single)).unwrap();
    assert_eq!(read.pair.policy, single.pairs[0].pair.policy);
    assert!(single.pairs[0].pair.custody && single.pairs[0].ejects_to().is_none());
}

#[test]
fn everything_that_can_be_said_of_a_pair_is_used() {
    let said = json!({
        "name": "Orders", "key_pointer": "/order_id", "key_from": "attribute", "duplicate_names": "last", "body_wrapping": "eventbridge", "message_type_at": "detail-type",
        "message_types": ["Placed", "Paid"], "payload_hash": "/order_id,/amount", "error_masks": ["/mail", "/card"],
        "main_retention_days": 5, "dead_letter_retention_days": 10, "resolved_retention_days": 30,
        "body_retention_days": 7, "policy": {"cool_down_seconds": 9, "max_deaths": 2, "rules": [{"match": {"error_code": "c"}, "replay": "never"}]}, "custody": true,
        "destinations": ["arn:aws:sqs:us-east-1:123456789012:orders"],
    });
    let pairs = listed(&[with(pair("orders"), said)]);
    let config = IndexerConfig::read(lookup(&[("QUEUE_PAIRS", &pairs)])).unwrap();
    let read = &config.pairs[0];
    assert_eq!((read.pair.name.as_str(), read.pair.custody, read.masks.is_empty()), ("Orders", true, false));
    assert_eq!(read.pair.reading.wrapping, Wrapping::EventBridge);
    let reading = &read.pair.reading;
    assert_eq!((reading.key_from, reading.names_twice), (KeyFrom::Attribute, NamesTwice::Last));
    assert!(read.pair.reading.pointer.is_some() && read.dead_letter_queue_url.ends_with("/dead-orders"));
    let scopes: Vec<_> = read.pair.reading.scopes().into_iter().map(|scope| scope.as_str().to_owned()).collect();
    assert_eq!(scopes, ["orders.Paid", "orders.Placed"]);
    let Policy { rules, cool_down, max_deaths, resolved_retention, body_retention, outcome_after } =
        read.pair.policy.clone();
    assert_eq!((rules.len(), read.dead_letter_retention.as_secs()), (1, 10 * 86_400));
    assert_eq!((cool_down.as_secs(), max_deaths), (9, 2));
    let days = [resolved_retention, body_retention, outcome_after].map(|time| time.as_secs() / 86_400);
    assert_eq!(days, [30, 7, 16]);
}

#[test]
fn a_consumer_without_our_ledger_is_one_that_is_said_to_be_so_and_only_a_person_replays_for_it() {
    let foreign = with(pair("mail"), json!({ "scope": null }));
    let config = replay(&[pair("orders"), foreign.clone()]).unwrap();
    let read = &config.pairs[1].pair;
    assert_eq!((read.ledger, read.policy.max_deaths, config.ledger_table.as_deref()), (false, 0, Some("ledger")));
    for table in ["", "none"] {
        let variables =
            [("QUEUE_PAIRS", listed(std::slice::from_ref(&foreign))), ("LEDGER_TABLE_NAME", table.to_owned())];
        let variables: Vec<_> = variables.iter().map(|(name, text)| (*name, text.as_str())).collect();
        assert_eq!(ReplayConfig::read(lookup(&variables)).unwrap().ledger_table, None, "{table:?}");
        let ours = [
            ("QUEUE_PAIRS", listed(&[pair("orders")])),
            variables.last().map(|(name, text)| (*name, (*text).to_owned())).unwrap(),
        ];
        let ours: Vec<_> = ours.iter().map(|(name, text)| (*name, text.as_str())).collect();
        assert_eq!(places(&ReplayConfig::read(lookup(&ours)).unwrap_err()), ["LEDGER_TABLE_NAME"]);
    }
}

#[test]
fn a_single_pair_whose_consumer_keeps_no_ledger_says_so_by_the_tables_name() {
    let variables = [
        ("MAIN_QUEUE_URL", "https://sqs.us-east-1.amazonaws.com/123456789012/orders"),
        ("MAIN_QUEUE_ARN", "arn:aws:sqs:us-east-1:123456789012:orders"),
        ("DEAD_LETTER_QUEUE_URL", "https://sqs.us-east-1.amazonaws.com/123456789012/dead"),
        ("CUSTODY", "off"),
        ("LEDGER_TABLE_NAME", "none"),
    ];
    let config = ReplayConfig::read(lookup(&variables)).unwrap();
    let read = &config.pairs[0];
    assert!(!read.pair.ledger && read.pair.policy.max_deaths == 0 && read.ejects_to().is_some());
    assert!(!IndexerConfig::read(lookup(&variables)).unwrap().pairs[0].pair.custody);
    let half = ReplayConfig::read(lookup(&[&variables[..3], &[("CUSTODY", "half")]].concat())).unwrap_err();
    assert_eq!(places(&half), ["CUSTODY"]);
    let scoped = ReplayConfig::read(lookup(&[&variables[..], &[("LEDGER_SCOPE", "orders")]].concat())).unwrap_err();
    assert_eq!(places(&scoped), ["LEDGER_SCOPE"]);
}

#[test]
fn the_example_of_a_list_is_one() {
    let file = concat!(env!("CARGO_MANIFEST_DIR"), "/../../infra/pairs.example.json");
    let config = IndexerConfig::read(lookup(&[("QUEUE_PAIRS_FILE", file)])).unwrap();
    let pairs: Vec<_> =
        config.pairs.iter().map(|read| (read.pair.name.as_str(), read.pair.ledger, read.pair.custody)).collect();
    assert_eq!(pairs, [("orders", true, true), ("mail", false, true), ("steps", true, false)]);
}

/// Each change, and where its problem is told.
#[test]
fn every_member_that_cannot_be_meant_is_refused_at_its_place() {
    for (change, place) in [
        (json!({"name": "a b"}), "name"),
        (json!({"name": 7}), "name"),
        (json!({"source_arn": "orders"}), "source_arn"),
        (json!({"source_arn": "ABSENT"}), "source_arn"),
        (json!({"source_arn": null}), "source_arn"),
        (json!({"source_url": "orders"}), "source_url"),
        (json!({"source_url": "ABSENT"}), "source_url"),
        (json!({"source_url": "https://sqs.us-east-1.amazonaws.com/123456789012/refunds"}), "source_url"),
        (json!({"source_url": "https://sqs.us-east-1.amazonaws.com/210987654321/orders"}), "source_url"),
        (json!({"dead_letter_url": "dead"}), "dead_letter_url"),
        (json!({"dead_letter_url": "ABSENT"}), "dead_letter_url"),
        (json!({"dead_letter_url": "https://sqs.us-east-1.amazonaws.com/1/dead.fifo"}), "dead_letter_url"),
        (json!({"dead_letter_url": "https://sqs.us-east-1.amazonaws.com/123456789012/orders"}), "dead_letter_url"),
        (json!({"scope": "ABSENT"}), "scope"),
        (json!({"scope": "!life"}), "scope"),
        (json!({"scope": ""}), "scope"),
        (json!({"scope": 7}), "scope"),
        (json!({"key_pointer": "order_id"}), "key_pointer"),
        (json!({"body_wrapping": "paper"}), "body_wrapping"),
        (json!({"message_type_at": "attribute:type"}), "message_types"),
        (json!({"message_types": ["charge"]}), "message_type_at"),
        (json!({"message_type_at": "detail-type", "message_types": ["charge"]}), "message_type_at"),
        (json!({"message_type_at": "attribute:type", "message_types": "charge"}), "message_types"),
        (json!({"message_type_at": "attribute:type", "message_types": ["charge", 7]}), "message_types/1"),
        (json!({"message_type_at": "attribute:type", "message_types": ["charge", " "]}), "message_types/1"),
        (json!({"message_type_at": "attribute:type", "message_types": ["a b", "a c", "a-b"]}), "message_types"),
        (json!({"payload_hash": "md5"}), "payload_hash"),
        (json!({"key_from": "body"}), "key_from"),
        (json!({"key_from": "pointer"}), "key_from"),
        (json!({"duplicate_names": "first"}), "duplicate_names"),
        (json!({"error_masks": ["/mail", "card"]}), "error_masks/1"),
        (json!({"error_masks": ["/a,/b"]}), "error_masks/0"),
        (json!({"error_masks": "/mail"}), "error_masks"),
        (json!({"main_retention_days": 0}), "main_retention_days"),
        (json!({"main_retention_days": "4"}), "main_retention_days"),
        (json!({"dead_letter_retention_days": 15}), "dead_letter_retention_days"),
        (json!({"resolved_retention_days": 18}), "resolved_retention_days"),
        (json!({"body_retention_days": 91}), "body_retention_days"),
        (json!({"policy": "ask"}), "policy"),
        (json!({"policy": {"max_deaths": 0}}), "policy/max_deaths"),
        (json!({"policy": {"cool_down_seconds": 1.5}}), "policy/cool_down_seconds"),
        (json!({"policy": {"cooldown": 1}}), "policy/cooldown"),
        (json!({"policy": {"rules": 7}}), "policy/rules"),
        (json!({"policy": {"rules": [{"match": {}, "replay": "always"}]}}), "policy/rules/0/replay"),
        (json!({"destinations": "all"}), "destinations"),
        (json!({"custody": "yes"}), "custody"),
        (json!({"cust/ody": true}), "cust~1ody"),
    ] {
        let error = replay(&[pair("refunds"), with(pair("orders"), change.clone())]).unwrap_err();
        assert_eq!(places(&error), [format!("/pairs/1/{place}")], "{change}: {error}");
        assert!(!error.problems[0].allowed.is_empty(), "{change}");
    }
}

#[test]
fn everything_wrong_with_a_list_is_told_at_once() {
    let bad = with(pair("mail"), json!({"scope": "ABSENT", "custody": 1, "unknown": 2, "policy": {"max_deaths": "x"}}));
    let pairs = [json!(7), with(pair("orders"), json!({"name": ""})), bad];
    let error = replay(&pairs).unwrap_err();
    assert_eq!(
        places(&error),
        [
            "/pairs/0",
            "/pairs/1/name",
            "/pairs/2/scope",
            "/pairs/2/policy/max_deaths",
            "/pairs/2/custody",
            "/pairs/2/unknown"
        ]
    );
}

#[test]
fn two_pairs_share_neither_main_queue_nor_name_nor_scope() {
    for (change, places_told) in [
        (
            json!({"source_arn": pair("orders")["source_arn"], "source_url": pair("orders")["source_url"], "name": "x"}),
            vec!["source_arn"],
        ),
        (
            json!({"dead_letter_url": "https://queue.amazonaws.com/123456789012/dead-orders", "custody": true}),
            vec!["custody"],
        ),
        (json!({"name": "orders"}), vec!["name"]),
        (json!({"scope": "orders"}), vec!["scope"]),
        (json!({"dead_letter_url": pair("orders")["source_url"]}), vec!["dead_letter_url"]),
    ] {
        let error = replay(&[pair("orders"), with(pair("refunds"), change.clone())]).unwrap_err();
        let expected: Vec<_> = places_told.iter().map(|place| format!("/pairs/1/{place}")).collect();
        assert_eq!(places(&error), expected, "{change}: {error}");
    }
    // A type's own scope is one, too.
    let typed = with(pair("orders"), json!({"message_type_at": "attribute:type", "message_types": ["charge"]}));
    let error = replay(&[typed.clone(), with(pair("refunds"), json!({"scope": "orders.charge"}))]).unwrap_err();
    assert_eq!(places(&error), ["/pairs/1/scope"]);
    assert!(replay(&[typed, with(pair("refunds"), json!({"scope": "orders"}))]).is_ok());
    let without_ledger = |name| with(pair(name), json!({ "scope": null }));
    assert!(replay(&[without_ledger("a"), without_ledger("b")]).is_ok());
}

#[test]
fn pairs_may_share_a_dead_letter_queue_if_both_or_neither_are_in_custody() {
    let dead =
        |custody: bool| json!({"dead_letter_url": "https://queue.amazonaws.com/123456789012/dead", "custody": custody});
    for custody in [true, false] {
        let pairs = [with(pair("orders"), dead(custody)), with(pair("refunds"), dead(custody))];
        let config = IndexerConfig::read(lookup(&[("QUEUE_PAIRS", &listed(&pairs))])).unwrap();
        let queues: Vec<_> = config.pairs.iter().map(|pair| pair.dead_letter_queue().to_owned()).collect();
        assert_eq!(queues, ["/123456789012/dead", "/123456789012/dead"]);
        let error = replay(&[with(pair("orders"), dead(custody)), with(pair("refunds"), dead(!custody))]).unwrap_err();
        assert_eq!(places(&error), ["/pairs/1/custody"], "{error}");
        assert!(error.to_string().contains("shares its dead-letter queue"), "{error}");
    }
}

#[test]
fn a_fifo_queue_and_its_dead_letter_queue_stand_beside_standard_ones() {
    let config = replay(&[pair("orders"), pair("steps.fifo")]).unwrap();
    assert_eq!(config.pairs[1].pair.name, "steps.fifo");
}

#[test]
fn what_is_no_list_is_refused() {
    for (text, place) in [
        ("[]", "QUEUE_PAIRS"),
        ("{", "QUEUE_PAIRS"),
        ("{}", "/pairs"),
        (r#"{"pairs": []}"#, "/pairs"),
        (r#"{"pairs": {}}"#, "/pairs"),
    ] {
        let error = IndexerConfig::read(lookup(&[("QUEUE_PAIRS", text)])).unwrap_err();
        assert_eq!(places(&error), [place], "{text}: {error}");
    }
    let beside = listed(&[pair("orders")]).replacen('{', r#"{"queues": [], "#, 1);
    assert_eq!(places(&IndexerConfig::read(lookup(&[("QUEUE_PAIRS", &beside)])).unwrap_err()), ["/queues"]);
}

#[test]
fn a_list_stands_in_one_place_only() {
    let pairs = listed(&[pair("orders")]);
    let both = [("QUEUE_PAIRS", pairs.as_str()), ("QUEUE_PAIRS_FILE", "/opt/pairs.json")];
    assert_eq!(places(&ReplayConfig::read(lookup(&both)).unwrap_err()), ["QUEUE_PAIRS_FILE"]);
    let single =
        [("QUEUE_PAIRS", pairs.as_str()), ("MAIN_QUEUE_URL", "https://x/1/orders"), ("REPLAY_MAX_DEATHS", "3")];
    assert_eq!(places(&ReplayConfig::read(lookup(&single)).unwrap_err()), ["MAIN_QUEUE_URL", "REPLAY_MAX_DEATHS"]);
}

#[test]
fn a_list_may_be_a_file_and_one_that_cannot_be_read_is_refused_by_its_name() {
    let path = std::env::temp_dir().join(format!("redrive-pairs-{}.json", std::process::id()));
    std::fs::write(&path, listed(&[pair("orders"), pair("refunds")])).unwrap();
    let file = path.to_str().unwrap();
    assert_eq!(ReplayConfig::read(lookup(&[("QUEUE_PAIRS_FILE", file)])).unwrap().pairs.len(), 2);
    std::fs::remove_file(&path).unwrap();
    let error = ReplayConfig::read(lookup(&[("QUEUE_PAIRS_FILE", file)])).unwrap_err();
    assert_eq!(places(&error), ["QUEUE_PAIRS_FILE"]);
}
