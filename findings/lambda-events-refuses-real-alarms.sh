#!/usr/bin/env bash
# aws_lambda_events 1.2.1 (Rust, crate): the types for CloudWatch alarms refuse three kinds of alarms that CloudWatch sends.
#
# CloudWatchMetricAlarm needs metricStat in each metric, and an expression of metric math has none.
# It keeps the period in 16 bits: an alarm over a day (86,400 seconds) does not fit.
# CloudWatchCompositeAlarm needs actionsSuppressor, which an alarm without a suppressor does not have.
# CloudWatchAlarm, whose configuration is plain JSON, takes all of them.
#
# Why it matters: the alarm on a dead-letter queue often adds up two metrics, or looks at a day.
# The function that it rings fails before its first line, on each of Lambda's retries, and the doorbell is silent.
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT

mkdir "$dir/src"
cat > "$dir/Cargo.toml" <<'TOML'
[package]
name = "alarms"
version = "0.0.0"
edition = "2021"

[dependencies]
aws_lambda_events = { version = "=1.2.1", default-features = false, features = ["cloudwatch_alarms"] }
serde_json = "=1.0.145"
TOML
cat > "$dir/src/main.rs" <<'RUST'
use aws_lambda_events::event::cloudwatch_alarms::{CloudWatchAlarm, CloudWatchCompositeAlarm, CloudWatchMetricAlarm};
use serde_json::{from_value, json, Value};

fn alarm(configuration: Value) -> Value {
    let state = json!({"value": "ALARM", "reason": "Threshold Crossed", "timestamp": "2026-11-01T10:00:00.000+0000"});
    json!({
        "source": "aws.cloudwatch", "accountId": "123456789012", "region": "eu-west-1", "time": "2026-11-01T10:00:00.000+0000",
        "alarmArn": "arn:aws:cloudwatch:eu-west-1:123456789012:alarm:dead-letters",
        "alarmData": {"alarmName": "dead-letters", "state": state, "configuration": configuration},
    })
}

fn depth(id: &str, period: u32) -> Value {
    let metric = json!({"namespace": "AWS/SQS", "name": "ApproximateNumberOfMessagesVisible", "dimensions": {"QueueName": id}});
    json!({"id": id, "metricStat": {"metric": metric, "period": period, "stat": "Maximum"}, "returnData": period != 60})
}

fn verdict<T>(parsed: Result<T, serde_json::Error>) -> String {
    parsed.map_or_else(|error| format!("refused, {error}"), |_| "taken".to_owned())
}

fn main() {
    let sum = json!({"id": "sum", "expression": "a + b", "returnData": true});
    let hour = alarm(json!({"metrics": [depth("a", 3_600)]}));
    let math = alarm(json!({"metrics": [sum, depth("a", 60), depth("b", 60)]}));
    let day = alarm(json!({"metrics": [depth("a", 86_400)]}));
    let composite = alarm(json!({"alarmRule": "ALARM(one) OR ALARM(two)"}));
    for (name, event) in [("over an hour", &hour), ("metric math", &math), ("over a day", &day)] {
        println!("{name}: {}", verdict(from_value::<CloudWatchMetricAlarm>(event.clone())));
    }
    println!("composite: {}", verdict(from_value::<CloudWatchCompositeAlarm>(composite.clone())));
    for event in [hour, math, day, composite] {
        println!("untyped configuration: {}", verdict(from_value::<CloudWatchAlarm>(event)));
    }
}
RUST
seen=$(CARGO_TARGET_DIR=$dir/target cargo run -q --manifest-path "$dir/Cargo.toml")
echo "$seen"
diff <(echo "$seen") - <<'SEEN' || { echo "other alarms are refused now" >&2; exit 1; }
over an hour: taken
metric math: refused, missing field `metricStat`
over a day: refused, invalid value: integer `86400`, expected u16
composite: refused, missing field `actionsSuppressor`
untyped configuration: taken
untyped configuration: taken
untyped configuration: taken
untyped configuration: taken
SEEN
