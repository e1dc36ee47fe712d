//! The committed event files are read as what they are. They have the shapes that AWS sends; `make invoke` sends them
//! to a function.

#![allow(clippy::unwrap_used, clippy::panic, reason = "tests")]

use std::fs;
use std::path::PathBuf;

use redrive_core::ids::{QueueArn, Scope};
use redrive_core::letters::letter::ErrorType;
use redrive_core::message::batch::Batch;
use redrive_core::message::decode::{Inspected, Reading};
use redrive_core::message::key::Pointer;
use redrive_core::replay::{Filter, Request, Selection};
use redrive_lambda::doorbell::{Wake, watched_queues};
use redrive_lambda::event;
use serde_json::Value;

fn folder() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../tests/events")
}

fn fixture(name: &str) -> Value {
    let text = fs::read_to_string(folder().join(name)).unwrap();
    serde_json::from_str(&text).unwrap_or_else(|error| panic!("{name} is not JSON: {error}"))
}

fn queue() -> QueueArn {
    QueueArn::new("arn:aws:sqs:us-east-1:000000000000:redrive-main").unwrap()
}

fn keys(name: &str) -> Vec<Option<String>> {
    let pointer = Pointer::parse("/order_id").ok();
    let reading = Reading { pointer, ..Reading::new(queue(), Scope::new("main").unwrap()) };
    let batch = Batch::open(event::records(&fixture(name).to_string(), &queue()).unwrap()).unwrap();
    assert!(batch.unreadable.is_empty());
    batch.envelopes.into_iter().map(|envelope| Inspected::new(envelope, &reading).key.ok().map(String::from)).collect()
}

#[test]
fn the_batch_of_orders_is_read_with_a_key_each() {
    let expected = ["order-1001", "order-1002", "order-1003"].map(|key| Some(key.to_owned()));
    assert_eq!(keys("sqs.json"), expected);
}

#[test]
fn bodies_that_are_no_orders_do_not_touch_the_one_that_is() {
    let keys = keys("sqs-malformed.json");
    assert_eq!(keys.len(), 6);
    assert_eq!(keys[..4], [None, None, None, None]);
    assert_eq!(keys[5].as_deref(), Some("order-1016"));
}

#[test]
fn the_batches_have_the_shape_of_the_official_type() {
    for name in ["sqs.json", "sqs-malformed.json"] {
        let event: aws_lambda_events::sqs::SqsEvent = serde_json::from_value(fixture(name)).unwrap();
        let ours = event::records(&fixture(name).to_string(), &queue()).unwrap();
        assert_eq!(event.records.len(), ours.len());
        for (theirs, ours) in event.records.iter().zip(&ours) {
            assert_eq!((&theirs.message_id, &theirs.body), (&ours.message_id, &ours.body));
            assert_eq!(theirs.message_attributes.len(), ours.attributes.len());
        }
    }
}

#[test]
fn every_form_of_the_alarm_rings() {
    let depth = "redrive-DepthAlarm-1K7QZ3EXAMPLE";
    for (name, alarm) in [
        ("sns-alarm.json", depth),
        ("cloudwatch-alarm-direct.json", depth),
        ("cloudwatch-alarm-metric-math.json", "waiting-in-both"),
        ("cloudwatch-alarm-composite.json", "any-dead-letters"),
        ("eventbridge-alarm.json", depth),
        ("eventbridge-alarm-composite.json", "any-dead-letters"),
    ] {
        assert_eq!(Wake::parse(&fixture(name)), Ok(Wake::Ring { alarms: vec![alarm.to_owned()] }), "{name}");
    }
    assert_eq!(Wake::parse(&fixture("sweep.json")), Ok(Wake::Sweep));
}

/// Payloads that others recorded and publish; see the README beside them.
#[test]
fn alarms_that_others_recorded_ring_too() {
    let recorded: [(&str, &[&str]); 5] = [
        ("cloudwatch-alarm-metric.json", &["lambda-demo-metric-alarm"]),
        ("cloudwatch-alarm-composite.json", &["CompositeDemo.Main"]),
        ("cloudwatch-alarm-composite-with-suppressor-alarm.json", &["ServiceAggregatedAlarm"]),
        ("cloudwatch-alarm-sns-payload-single-metric.json", &["EXAMPLE"]),
        ("cloudwatch-alarm-sns-payload-multiple-metrics.json", &["EXAMPLE", "EXAMPLE"]),
    ];
    for (name, alarms) in recorded {
        let alarms = alarms.iter().copied().map(str::to_owned).collect();
        assert_eq!(Wake::parse(&fixture(&format!("official/{name}"))), Ok(Wake::Ring { alarms }), "{name}");
    }
}

#[test]
fn an_alarm_says_which_queue_it_watches_in_each_of_its_forms_and_a_sweep_says_none() {
    for name in ["sns-alarm.json", "cloudwatch-alarm-direct.json", "eventbridge-alarm.json"] {
        assert_eq!(watched_queues(&fixture(name)), ["redrive-DeadLetterQueue-9ZEXAMPLE"], "{name}");
    }
    for name in ["sweep.json", "cloudwatch-alarm-composite.json", "schedule.json"] {
        assert!(watched_queues(&fixture(name)).is_empty(), "{name}");
    }
}

/// Metric, metric-math and composite alarms write their state alike; one of these has ended.
#[test]
fn several_alarms_in_one_event_ring_those_that_went_off() {
    let alarms = ["waiting-in-both", "any-dead-letters"].map(str::to_owned).to_vec();
    assert_eq!(Wake::parse(&fixture("sns-alarms.json")), Ok(Wake::Ring { alarms }));
}

#[test]
fn the_end_of_an_alarm_and_too_few_data_are_no_reason_to_look_in_any_form() {
    for name in ["sns-alarm-ok.json", "cloudwatch-alarm-ok.json", "eventbridge-alarm-insufficient-data.json"] {
        assert_eq!(Wake::parse(&fixture(name)), Ok(Wake::Nothing), "{name}");
    }
}

#[test]
fn the_alarms_have_the_shape_of_the_official_types() {
    use aws_lambda_events::cloudwatch_alarms::{CloudWatchAlarm, CloudWatchCompositeAlarm, CloudWatchMetricAlarm};
    use aws_lambda_events::sns::{CloudWatchAlarmPayload, SnsEvent};
    for name in ["cloudwatch-alarm-direct.json", "cloudwatch-alarm-ok.json"] {
        let alarm: CloudWatchMetricAlarm = serde_json::from_value(fixture(name)).unwrap();
        assert!(!alarm.alarm_data.configuration.metrics.is_empty(), "{name}");
    }
    // Its configuration of metrics knows no expressions.
    let alarm: CloudWatchAlarm = serde_json::from_value(fixture("cloudwatch-alarm-metric-math.json")).unwrap();
    assert_eq!(alarm.alarm_data.alarm_name, "waiting-in-both");
    let alarm: CloudWatchCompositeAlarm = serde_json::from_value(fixture("cloudwatch-alarm-composite.json")).unwrap();
    assert_eq!(alarm.alarm_data.alarm_name, "any-dead-letters");
    for name in ["sns-alarm.json", "sns-alarms.json", "sns-alarm-ok.json"] {
        let event: SnsEvent = serde_json::from_value(fixture(name)).unwrap();
        for record in event.records {
            let message: Value = serde_json::from_str(&record.sns.message).unwrap();
            // The official type knows metrics only.
            if message.get("Trigger").is_some() {
                serde_json::from_value::<CloudWatchAlarmPayload>(message).unwrap();
            }
        }
    }
}

#[test]
fn every_request_to_replay_is_understood() {
    assert_eq!(Request::parse(&fixture("schedule.json")), Ok(Request::Schedule));
    let filter = |error_type, code: Option<&str>| {
        Selection::Filter(Filter {
            error_type: Some(error_type),
            error_code: code.map(str::to_owned),
            ..Filter::default()
        })
    };
    let replay = Request::parse(&fixture("replay-currency.json")).unwrap();
    assert!(
        matches!(&replay, Request::Replay { selection, .. } if *selection == filter(ErrorType::Permanent, Some("currency")))
    );
    let discard = Request::parse(&fixture("discard-schema.json")).unwrap();
    assert!(matches!(&discard, Request::Discard(asked) if asked.selection == filter(ErrorType::Schema, None)));
}

/// A file that is sent to the wrong function is answered with an error, and no file is without a reader.
#[test]
fn every_file_is_for_exactly_one_function() {
    let entries = fs::read_dir(folder()).unwrap().map(Result::unwrap);
    for entry in entries.filter(|entry| entry.path().is_file()) {
        let name = entry.file_name().into_string().unwrap();
        let readers = [
            event::records(&fixture(&name).to_string(), &queue()).is_ok_and(|records| Batch::open(records).is_ok()),
            Wake::parse(&fixture(&name)).is_ok(),
            Request::parse(&fixture(&name)).is_ok(),
        ];
        assert_eq!(readers.iter().filter(|reads| **reads).count(), 1, "{name}: {readers:?}");
    }
}
