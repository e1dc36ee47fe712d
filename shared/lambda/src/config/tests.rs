mod destinations;
mod kafka;
mod pairs;
mod rabbitmq;

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::collections::BTreeSet;
use std::time::Duration;

use redrive_core::processing::backoff::Schedule;
use redrive_core::replay::AllowedActions;
use redrive_core::settings;

use super::{ConfigError, DestinationConfig, IndexerConfig, ProcessorConfig, ReplayConfig};

const WHOLE: [(&str, &str); 13] = [
    ("AWS_LAMBDA_FUNCTION_NAME", "processor"),
    ("AWS_LAMBDA_FUNCTION_VERSION", "$LATEST"),
    ("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "256"),
    ("AWS_LAMBDA_RUNTIME_API", "127.0.0.1:9001"),
    ("MAIN_QUEUE_URL", "http://127.0.0.1:4566/000000000000/orders"),
    ("MAIN_QUEUE_ARN", "arn:aws:sqs:us-east-1:000000000000:orders"),
    ("DEAD_LETTER_QUEUE_URL", "https://sqs.us-east-1.amazonaws.com/000000000000/orders-dead"),
    ("LEDGER_TABLE_NAME", "ledger"),
    ("DEAD_LETTER_TABLE_NAME", "letters"),
    ("MAX_RECEIVE_COUNT", "11"),
    ("QUEUE_VISIBILITY_TIMEOUT_SECONDS", "180"),
    ("IDEMPOTENCY_KEY_POINTER", ""),
    ("UNRELATED", "x"),
];

/// The whole environment with some variables changed; an empty one is absent.
fn with(changes: &[(&str, &str)]) -> impl Fn(&str) -> Option<String> {
    let all: BTreeMap<String, String> =
        WHOLE.iter().chain(changes).map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
    move |name| all.get(name).cloned()
}

fn refused(changes: &[(&str, &str)]) -> ConfigError {
    ProcessorConfig::read(with(changes)).unwrap_err()
}

#[test]
fn the_defaults_are_the_documented_ones() {
    let config = ProcessorConfig::read(with(&[])).unwrap();
    assert_eq!(config.schedule, Schedule::parse("steps").unwrap());
    assert_eq!((config.concurrency, config.max_receive_count), (64, 11));
    assert_eq!(config.handler_timeout, Duration::from_secs(20));
    assert_eq!(config.ledger_retention.as_secs(), 30 * 86_400);
    assert_eq!((config.reading.scope.as_str(), &config.reading.pointer), ("main", &None));
    assert_eq!((config.function.name.as_str(), config.main_queue_name.as_str()), ("processor", "orders"));

    let policy = ReplayConfig::read(with(&[])).unwrap().pairs.remove(0).pair.policy;
    assert_eq!((policy.cool_down.as_secs(), policy.max_deaths), (300, 3));
    assert_eq!(policy.resolved_retention.as_secs(), 90 * 86_400);
    assert_eq!(policy.outcome_after.as_secs(), 19 * 86_400);
    let indexer = &IndexerConfig::read(with(&[])).unwrap().pairs[0];
    assert_eq!((&indexer.pair.policy, indexer.dead_letter_retention.as_secs()), (&policy, 14 * 86_400));
}

#[test]
fn a_function_carries_out_everything_unless_it_is_told_otherwise() {
    let allowed = |changes: &[(&str, &str)]| ReplayConfig::read(with(changes)).map(|config| config.allowed_actions);
    assert_eq!(allowed(&[]).unwrap(), AllowedActions::All, "a stack from before keeps working");
    assert_eq!(allowed(&[("ALLOWED_ACTIONS", "all")]).unwrap(), AllowedActions::All);
    assert_eq!(allowed(&[("ALLOWED_ACTIONS", "replay")]).unwrap(), AllowedActions::Replay);
    let refused = allowed(&[("ALLOWED_ACTIONS", "erase")]).unwrap_err().to_string();
    assert!(refused.contains("ALLOWED_ACTIONS") && refused.contains("or all"), "{refused}");
}

#[test]
fn others_are_told_over_a_bus_by_its_arn_and_by_default_over_none() {
    let buses = |changes: &[(&str, &str)]| {
        let indexer = IndexerConfig::read(with(changes)).map(|config| config.event_bus)?;
        ReplayConfig::read(with(changes)).map(|config| [indexer, config.event_bus])
    };
    assert_eq!(buses(&[]).unwrap(), [None, None]);
    assert_eq!(buses(&[("EVENT_BUS_ARN", "")]).unwrap(), [None, None]);
    let arn = "arn:aws:events:eu-central-1:123456789012:event-bus/operations";
    assert_eq!(buses(&[("EVENT_BUS_ARN", arn)]).unwrap(), [Some(arn.to_owned()), Some(arn.to_owned())]);
    for wrong in
        ["operations", "arn:aws:sqs:eu-central-1:123456789012:operations", "arn:aws:events:eu-central-1:1:rule/r"]
    {
        let refused = buses(&[("EVENT_BUS_ARN", wrong)]).unwrap_err().to_string();
        assert!(refused.contains("EVENT_BUS_ARN") && refused.contains("event-bus/default"), "{refused}");
    }
}

#[test]
fn what_is_set_is_used() {
    let changes =
        [("IDEMPOTENCY_KEY_POINTER", "/order_id"), ("RETRY_SCHEDULE", "1s,1s,2s"), ("MAX_RECEIVE_COUNT", "9")];
    let config = ProcessorConfig::read(with(&changes)).unwrap();
    assert!(config.reading.pointer.is_some());
    assert_eq!(config.schedule.attempts(), 4);
    let replay = ReplayConfig::read(with(&[("MAIN_RETENTION_DAYS", "10"), ("REPLAY_COOL_DOWN_SECONDS", "2")])).unwrap();
    let policy = &replay.pairs[0].pair.policy;
    assert_eq!((policy.outcome_after.as_secs(), policy.cool_down.as_secs()), (25 * 86_400, 2));
}

#[test]
fn every_problem_is_listed_at_once_with_what_is_allowed() {
    let changes: Vec<_> = WHOLE.iter().map(|(name, _)| (*name, "")).collect();
    let error = refused(&changes);
    let variables: Vec<_> = error.problems.iter().map(|problem| problem.variable.as_str()).collect();
    assert_eq!(
        variables,
        [
            "AWS_LAMBDA_FUNCTION_NAME",
            "AWS_LAMBDA_FUNCTION_VERSION",
            "AWS_LAMBDA_FUNCTION_MEMORY_SIZE",
            "AWS_LAMBDA_RUNTIME_API",
            "MAIN_QUEUE_URL",
            "MAIN_QUEUE_ARN",
            "LEDGER_TABLE_NAME",
            "MAX_RECEIVE_COUNT",
            "QUEUE_VISIBILITY_TIMEOUT_SECONDS",
        ]
    );
    assert!(error.problems.iter().all(|problem| !problem.allowed.is_empty()));
    assert_eq!(error.to_string().lines().count(), 1 + variables.len());
}

#[test]
fn a_value_that_cannot_be_meant_is_refused_by_its_name() {
    for (variable, value, hint) in [
        ("MAIN_QUEUE_URL", "orders", "https://"),
        ("MAIN_QUEUE_URL", "https://sqs.us-east-1.amazonaws.com", "https://"),
        ("MAIN_QUEUE_URL", "http://127.0.0.1:4566/0/.fifo", "https://"),
        ("MAIN_QUEUE_URL", "http://127.0.0.1:4566/0/orders.fifo", "that very queue"),
        ("ON_DEAD", "delete", "redrive (SQS's redrive policy"),
        ("PAYLOAD_HASH", "md5", "canonical, off"),
        ("IDEMPOTENCY_KEY_FROM", "body", "pointer or attribute"),
        ("DUPLICATE_NAMES", "first", "refuse (they are SCHEMA)"),
        ("ERROR_MASKS", "/customer/email,card", "parted by commas"),
        ("MAIN_QUEUE_ARN", "arn:aws:sns:us-east-1:0:orders", "arn:aws:sqs"),
        ("MAIN_QUEUE_ARN", "arn:aws:sqs:us-east-1:0:refunds", "that very queue"),
        ("LEDGER_TABLE_NAME", "my ledger", "DynamoDB"),
        ("LEDGER_SCOPE", "!life", "letters"),
        ("IDEMPOTENCY_KEY_POINTER", "$.order_id", "must start with '/'"),
        ("RETRY_SCHEDULE", "often", "exponential"),
        ("MAX_RECEIVE_COUNT", "many", "whole number from 1"),
        ("MAX_RECEIVE_COUNT", "-1", "whole number from 1"),
        ("HANDLER_TIMEOUT_SECONDS", "0", "from 1 to 5390"),
        ("CONCURRENCY", "1001", "1 to 1000"),
        ("LEDGER_RETENTION_DAYS", "0", "1 to 3650"),
    ] {
        let error = refused(&[(variable, value)]);
        assert_eq!(error.problems.len(), 1, "{variable}={value}: {error}");
        let told_by = if hint == "that very queue" { "MAIN_QUEUE_ARN" } else { variable };
        assert_eq!(error.problems[0].variable, told_by);
        assert!(error.to_string().contains(hint), "{variable}={value}: {error}");
    }
    let error =
        IndexerConfig::read(with(&[("DEAD_LETTER_QUEUE_URL", "dead"), ("REPLAY_MAX_DEATHS", "0")])).unwrap_err();
    assert_eq!(error.problems.len(), 2, "{error}");
    let error = IndexerConfig::read(with(&[("DLQ_RETENTION_DAYS", "15")])).unwrap_err();
    assert!(error.to_string().contains("DLQ_RETENTION_DAYS"), "{error}");
}

#[test]
fn receives_leave_headroom_over_the_attempts_of_the_schedule() {
    assert!(refused(&[("MAX_RECEIVE_COUNT", "10")]).to_string().contains("at least 11"));
    assert!(refused(&[("RETRY_SCHEDULE", "exponential")]).to_string().contains("at least 15"));
    assert!(ProcessorConfig::read(with(&[("RETRY_SCHEDULE", "exponential"), ("MAX_RECEIVE_COUNT", "15")])).is_ok());
}

#[test]
fn a_lease_is_shorter_than_the_visibility_timeout() {
    let config = |handler, visibility| {
        let changes = [("HANDLER_TIMEOUT_SECONDS", handler), ("QUEUE_VISIBILITY_TIMEOUT_SECONDS", visibility)];
        ProcessorConfig::read(with(&changes))
    };
    assert!(config("20", "26").unwrap_err().to_string().contains("less than 20"));
    for (visibility, hold) in [("27", 500), ("28", 1_000), ("180", 2_500)] {
        let config = config("20", visibility).unwrap();
        let lease = config.claim_hold + config.handler_timeout + config.settle_reserve + config.clock_skew;
        assert!(lease.as_secs() < visibility.parse().unwrap(), "{lease:?}");
        assert_eq!(config.claim_hold, Duration::from_millis(hold));
    }
}

#[test]
fn a_handler_ends_before_its_function_and_a_message_is_hidden_for_six_timeouts() {
    let told = |handler, function, visibility| {
        let changes = [
            ("HANDLER_TIMEOUT_SECONDS", handler),
            ("FUNCTION_TIMEOUT_SECONDS", function),
            ("QUEUE_VISIBILITY_TIMEOUT_SECONDS", visibility),
        ];
        let problems = ProcessorConfig::read(with(&changes)).err().map(|error| error.problems).unwrap_or_default();
        problems.iter().map(ToString::to_string).collect::<Vec<_>>().join("; ")
    };
    assert_eq!(told("20", "30", "180"), "");
    assert_eq!(told("29", "30", "180"), "");
    assert!(told("30", "30", "180").contains("HANDLER_TIMEOUT_SECONDS is 30, and Lambda ends the function after 30 s"));
    assert!(told("20", "30", "179").contains("QUEUE_VISIBILITY_TIMEOUT_SECONDS is 179"));
    assert!(told("20", "30", "179").contains("at least 180"));
    assert_eq!(told("20", "900", "5399").matches("; ").count(), 1, "one problem, and what is allowed");
    // Six timeouts may be more than SQS has.
    assert_eq!(told("20", "5400", "43200"), "");
    assert!(told("20", "0", "180").contains("FUNCTION_TIMEOUT_SECONDS"));
    // A template that is older than this check says nothing.
    assert_eq!(told("20", "", "27"), "");
}

#[test]
fn an_arn_names_the_ledger_alone_and_one_of_this_region() {
    let arn = "arn:aws:dynamodb:eu-central-1:123456789012:table/ledger";
    let replay = |region, ledger, letters| {
        let changes = [("AWS_REGION", region), ("LEDGER_TABLE_NAME", ledger), ("DEAD_LETTER_TABLE_NAME", letters)];
        ReplayConfig::read(with(&changes)).map(|config| config.ledger_table).map_err(|error| error.to_string())
    };
    assert_eq!(replay("eu-central-1", arn, "letters"), Ok(Some(arn.to_owned())));
    assert_eq!(replay("", arn, "letters"), Ok(Some(arn.to_owned())), "no region, nothing to compare");
    let error = replay("us-east-1", arn, "letters").unwrap_err();
    assert!(error.contains("a table of us-east-1, where the function runs; this one is of eu-central-1"), "{error}");
    let error = replay("eu-central-1", "ledger", &arn.replace("ledger", "letters")).unwrap_err();
    assert!(error.contains("DEAD_LETTER_TABLE_NAME") && error.contains("the name of a DynamoDB table"), "{error}");
}

#[test]
fn the_ledger_outlives_both_queues() {
    assert!(refused(&[("LEDGER_RETENTION_DAYS", "18")]).to_string().contains("at least 19"));
    assert!(ProcessorConfig::read(with(&[("LEDGER_RETENTION_DAYS", "19")])).is_ok());
    let replay = |days| ReplayConfig::read(with(&[("RESOLVED_RETENTION_DAYS", days)]));
    assert!(replay("18").unwrap_err().to_string().contains("at least 19") && replay("19").is_ok());
    let longer = [("LEDGER_RETENTION_DAYS", "19"), ("MAIN_RETENTION_DAYS", "10")];
    assert!(refused(&longer).to_string().contains("at least 25"));
}

const FIFO: [(&str, &str); 4] = [
    ("MAIN_QUEUE_URL", "http://127.0.0.1:4566/000000000000/orders.fifo"),
    ("MAIN_QUEUE_ARN", "arn:aws:sqs:us-east-1:000000000000:orders.fifo"),
    ("DEAD_LETTER_QUEUE_URL", "http://127.0.0.1:4566/000000000000/orders-dead.fifo"),
    ("MAX_RECEIVE_COUNT", "1000"),
];

#[test]
fn a_fifo_queue_hands_its_dead_over_itself_and_has_all_the_receives_that_there_are() {
    let changed = |changes: &[(&'static str, &'static str)]| {
        let all: Vec<_> = FIFO.iter().chain(changes).copied().collect();
        ProcessorConfig::read(with(&all))
    };
    let config = changed(&[]).unwrap();
    assert!(config.fifo && config.dead_letters.is_some_and(|url| url.ends_with("orders-dead.fifo")));
    assert!(changed(&[("ON_DEAD", "redrive")]).unwrap().dead_letters.is_none());
    assert!(changed(&[("MAX_RECEIVE_COUNT", "20")]).unwrap_err().to_string().contains("die with it"));
    let standard = changed(&[("DEAD_LETTER_QUEUE_URL", "http://127.0.0.1:4566/0/dead")]);
    assert!(standard.unwrap_err().to_string().contains("a FIFO queue"));
    assert!(IndexerConfig::read(with(&FIFO)).is_ok() && ReplayConfig::read(with(&FIFO)).is_ok());
    assert!(IndexerConfig::read(with(&FIFO[2..3])).is_err(), "a standard queue's dead go to no FIFO queue");
}

#[test]
fn a_standard_queue_sends_to_its_dead_letter_queue_only_if_that_is_chosen() {
    assert!(ProcessorConfig::read(with(&[])).unwrap().dead_letters.is_none());
    assert!(ProcessorConfig::read(with(&[("ON_DEAD", "direct")])).unwrap().dead_letters.is_some());
    assert!(refused(&[("ON_DEAD", "direct"), ("DEAD_LETTER_QUEUE_URL", "")]).to_string().contains("is not set"));
}

#[test]
fn types_are_configured_with_their_place_or_not_at_all() {
    let read = |at, names| ProcessorConfig::read(with(&[("MESSAGE_TYPE_AT", at), ("MESSAGE_TYPES", names)]));
    let types = read("attribute:type", "charge, refund").unwrap().reading.types.unwrap();
    assert_eq!(types.names().collect::<Vec<_>>(), ["charge", "refund"]);
    for (at, names, hint) in [
        ("attribute:type", "", "or neither"),
        ("", "charge", "or neither"),
        ("type", "charge", "attribute:NAME"),
        ("detail-type", "charge", "BODY_WRAPPING"),
        ("attribute:type", "charge,,refund", "parted by commas"),
    ] {
        let error = read(at, names).unwrap_err();
        assert_eq!(error.problems.len(), 1, "{at} {names}: {error}");
        assert!(error.to_string().contains(hint), "{at} {names}: {error}");
    }
}

#[test]
fn a_body_is_kept_no_longer_than_its_letter_and_unsaid_as_long() {
    let kept = |body: &'static str, letter: &'static str| {
        let changes = [("BODY_RETENTION_DAYS", body), ("RESOLVED_RETENTION_DAYS", letter)];
        IndexerConfig::read(with(&changes)).map(|config| config.pairs[0].pair.policy.body_retention)
    };
    let days = |count: u64| Duration::from_secs(count * 86_400);
    assert_eq!((kept("7", "90").unwrap(), kept("90", "90").unwrap()), (days(7), days(90)));
    assert_eq!((kept("letter", "60").unwrap(), kept("", "60").unwrap()), (days(60), days(60)));
    assert!(kept("91", "90").unwrap_err().to_string().contains("the letter itself is kept for 90"));
    for wrong in ["0", "-1", "7.5", "week"] {
        assert!(kept(wrong, "90").unwrap_err().to_string().contains("or letter"), "{wrong}");
    }
}

#[test]
fn a_policy_is_refused_at_start_with_its_place_named() {
    let replay = |rules| ReplayConfig::read(with(&[("REPLAY_POLICY", rules)]));
    let rules = r#"[{"match":{"error_code":"currency"},"replay":"never"}]"#;
    assert_eq!(replay(rules).unwrap().pairs[0].pair.policy.rules.len(), 1);
    assert_eq!(IndexerConfig::read(with(&[("REPLAY_POLICY", rules)])).unwrap().pairs[0].pair.policy.rules.len(), 1);
    let told = replay(r#"[{"match":{},"replay":"always"}]"#).unwrap_err().to_string();
    assert!(
        told.contains("REPLAY_POLICY is refused at \"/0/replay\"") && told.contains("never, ask or auto"),
        "{told}"
    );
}

#[test]
fn a_replay_without_a_ledger_is_told_so_in_a_word_and_never_by_silence() {
    let replay = |table| ReplayConfig::read(with(&[("LEDGER_TABLE_NAME", table)]));
    assert_eq!(replay("ledger").unwrap().ledger_table.as_deref(), Some("ledger"));
    assert_eq!(replay("none").unwrap().ledger_table, None);
    let told = replay("").unwrap_err().to_string();
    assert!(told.contains("LEDGER_TABLE_NAME is not set") && told.contains("none, if"), "{told}");
}

/// The variables that a function reads, whatever they hold.
fn read_by(read: impl Fn(&dyn Fn(&str) -> Option<String>)) -> BTreeSet<String> {
    let seen = RefCell::new(BTreeSet::new());
    read(&|name: &str| {
        seen.borrow_mut().insert(name.to_owned());
        with(&[("ON_DEAD", "direct")])(name)
    });
    seen.into_inner().into_iter().filter(|name| !name.starts_with("AWS_")).collect()
}

#[test]
fn a_function_reads_the_variables_that_the_settings_give_it_and_no_others() {
    // What logs and the example handler read is no part of a function's configuration.
    let elsewhere = ["RUST_LOG", "ORDERS_TABLE_NAME", "SUPPORTED_CURRENCIES"];
    let listed = |function| -> BTreeSet<String> {
        let all = settings::all().into_iter().filter(|one| one.functions().contains(&function));
        all.map(|one| one.name().to_owned()).filter(|name| !elsewhere.contains(&name.as_str())).collect()
    };
    assert_eq!(read_by(|lookup| drop(ProcessorConfig::read(lookup))), listed(settings::RedriveFunction::Processor));
    assert_eq!(read_by(|lookup| drop(IndexerConfig::read(lookup))), listed(settings::RedriveFunction::Indexer));
    assert_eq!(read_by(|lookup| drop(ReplayConfig::read(lookup))), listed(settings::RedriveFunction::Replay));
}

#[test]
fn each_word_of_a_setting_is_taken_and_no_other() {
    let refused = |name: &'static str, value: &'static str| {
        let problems = [
            ProcessorConfig::read(with(&[(name, value)])).err(),
            IndexerConfig::read(with(&[(name, value)])).err(),
            ReplayConfig::read(with(&[(name, value)])).err(),
        ];
        problems.into_iter().flatten().flat_map(|error| error.problems).any(|one| one.wrong == format!("is {value:?}"))
    };
    for variable in settings::all() {
        let settings::Setting::Text(word) = variable else { continue };
        for value in word.values {
            assert!(!refused(word.name, value), "{} {value}", word.name);
        }
        assert!(word.values.is_empty() || refused(word.name, "whatever"), "{}", word.name);
    }
}
