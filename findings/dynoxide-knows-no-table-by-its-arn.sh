#!/usr/bin/env bash
# dynoxide-rs 3.2.0 (Rust, crate): an item is not written to a table that is named by its ARN.
#
# DynamoDB takes a table's name or its ARN in TableName: that is how a function reaches a table of another account. The emulator, which is
# held against recordings of DynamoDB, shows a table's ARN in DescribeTable and refuses that very text in PutItem as a bad name.
#
# Why it matters: code that was given a ledger by its ARN passes on AWS and on MiniStack, and fails here with a ValidationException that
# looks like a mistake in the item.
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT

mkdir "$dir/src"
cat > "$dir/Cargo.toml" <<'TOML'
[package]
name = "by-arn"
version = "0.0.0"
edition = "2021"

[dependencies]
dynoxide-rs = { version = "=3.2.0", default-features = false, features = ["native-sqlite"] }
serde_json = "1"
TOML
cat > "$dir/src/main.rs" <<'RUST'
use dynoxide::Database;
use serde_json::{from_value, json, to_value};

fn main() {
    let database = Database::memory().unwrap();
    let table = json!({
        "TableName": "ledger", "BillingMode": "PAY_PER_REQUEST",
        "AttributeDefinitions": [{"AttributeName": "pk", "AttributeType": "S"}],
        "KeySchema": [{"AttributeName": "pk", "KeyType": "HASH"}],
    });
    let made = to_value(database.create_table(from_value(table).unwrap()).unwrap()).unwrap();
    let arn = made["TableDescription"]["TableArn"].as_str().unwrap().to_owned();
    let put = |name: &str| {
        let item = json!({"TableName": name, "Item": {"pk": {"S": "order-7"}}});
        // The name is looked at while the request is read.
        match from_value(item).map(|request| database.put_item(request)) {
            Ok(Ok(_)) => "written".to_owned(),
            Ok(Err(error)) => format!("refused, {error}"),
            Err(error) => format!("refused, {error}"),
        }
    };
    let (by_name, by_arn) = (put("ledger"), put(&arn));
    println!("the table's ARN: {arn}");
    println!("an item for the table by its name: {by_name}");
    println!("an item for the table by its ARN:  {by_arn}");
    assert!(by_name == "written" && by_arn.starts_with("refused"), "the ARN is taken for the table's name now");
}
RUST
cargo run --quiet --manifest-path "$dir/Cargo.toml"
