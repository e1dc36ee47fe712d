#!/usr/bin/env bash
# aws_lambda_events 1.2.1 (Rust, crate): one RabbitMQ message without a priority refuses the whole batch.
#
# Lambda writes "priority": null for a message that has none, as users of other runtimes have reported; the type wants a number.
# A message with a priority is taken, and so are null for expiration, type and message id in the same event.
#
# Why it matters: a producer sets no priority unless it needs one. The function fails before its first line, the batch comes again
# at once, and there is no partial answer for RabbitMQ: one such message keeps its neighbours from ever being handled.
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT

mkdir "$dir/src"
cat > "$dir/Cargo.toml" <<'TOML'
[package]
name = "queues"
version = "0.0.0"
edition = "2021"

[dependencies]
aws_lambda_events = { version = "=1.2.1", default-features = false, features = ["rabbitmq"] }
serde_json = "=1.0.145"
TOML
cat > "$dir/src/main.rs" <<'RUST'
use aws_lambda_events::event::rabbitmq::RabbitMqEvent;
use serde_json::{from_value, json, Value};

fn message(priority: Value) -> Value {
    let properties = json!({
        "contentType": "application/json", "contentEncoding": null, "headers": {}, "deliveryMode": 2, "priority": priority,
        "correlationId": null, "replyTo": null, "expiration": null, "messageId": null, "timestamp": null, "type": null,
        "userId": null, "appId": null, "clusterId": null, "bodySize": 2,
    });
    json!({"basicProperties": properties, "redelivered": false, "data": "e30="})
}

fn verdict(messages: Value) -> String {
    let event = json!({
        "eventSource": "aws:rmq", "eventSourceArn": "arn:aws:mq:eu-west-1:123456789012:broker:orders:b-1",
        "rmqMessagesByQueue": {"orders::/": messages},
    });
    from_value::<RabbitMqEvent>(event).map_or_else(|error| format!("refused, {error}"), |_| "taken".to_owned())
}

fn main() {
    println!("priority 1: {}", verdict(json!([message(json!(1))])));
    println!("none: {}", verdict(json!([message(Value::Null)])));
    println!("nine with priority 1, one with none: {}", verdict(json!([
        message(json!(1)), message(json!(1)), message(json!(1)), message(json!(1)), message(json!(1)),
        message(json!(1)), message(json!(1)), message(json!(1)), message(json!(1)), message(Value::Null),
    ])));
}
RUST
seen=$(CARGO_TARGET_DIR=$dir/target cargo run -q --manifest-path "$dir/Cargo.toml")
echo "$seen"
diff <(echo "$seen") - <<'SEEN' || { echo "other messages are refused now" >&2; exit 1; }
priority 1: taken
none: refused, invalid type: null, expected u8
nine with priority 1, one with none: refused, invalid type: null, expected u8
SEEN
