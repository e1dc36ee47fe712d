//! Output of `list` and `causes`, read from a table that answers like DynamoDB.

#![allow(clippy::expect_used, clippy::unwrap_used, clippy::panic, reason = "these are tests")]

mod letter_item;

use std::path::Path;
use std::process::{Command, Output, Stdio};

use letter_item::{ID, candidate};
use redrive_testkit::loopback::{JsonAnswer, JsonServer};
use serde_json::{Value, json};

/// Head of that letter, whose message points to S3.
fn head() -> Value {
    let mut head = candidate();
    head["version"] = json!({"N": "1"});
    head["history"] = json!({"L": []});
    head["body_in_s3"] = json!({"M": {"bucket": {"S": "large"}, "key": {"S": "8b79b963"}, "bytes": {"N": "4194336"}}});
    head
}

fn answer(target: &str, request: &str) -> Value {
    if target.ends_with("BatchGetItem") {
        return json!({"Responses": {"letters": [head()]}, "UnprocessedKeys": {}});
    }
    let items = if request.contains("PENDING#03") { vec![candidate()] } else { Vec::new() };
    json!({"Items": items, "Count": items.len(), "ScannedCount": items.len()})
}

/// A table with one letter, which answers until it is dropped, and a file of outputs that names it.
fn table(name: &str) -> (JsonServer, String) {
    let server = JsonServer::answering_by(|request| JsonAnswer::json(200, &answer(&request.target, &request.body)));
    let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
    let outputs = json!({"endpoint": server.endpoint(), "region": "eu-west-1", "DeadLetterTableName": "letters"});
    std::fs::write(&path, outputs.to_string()).unwrap();
    (server, path.to_str().unwrap().to_owned())
}

fn redrive(outputs: &str, arguments: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_redrive"));
    command.env_clear().env("AWS_ACCESS_KEY_ID", "test").env("AWS_SECRET_ACCESS_KEY", "test").env("USER", "ann");
    command.stdin(Stdio::null()).args(["--outputs", outputs]).args(arguments).output().unwrap()
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).unwrap()
}

#[test]
fn a_letter_whose_body_stands_in_s3_is_marked_in_the_list() {
    let (_table, outputs) = table("in-s3.json");
    for order in [&["list"][..], &["list", "--oldest"]] {
        let output = redrive(&outputs, order);
        let lines = text(&output.stdout);
        assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
        assert!(lines.starts_with("ID ") && lines.contains(" PERMANENT "), "{lines}");
        assert!(lines.contains(" [S3] currency: CHF\n"), "nothing is cut: {lines}");
        assert!(text(&output.stderr).starts_with("[S3]: the body stands in S3"), "{}", text(&output.stderr));
        let output = redrive(&outputs, &[&["--json"], order].concat());
        let letter: Value = serde_json::from_slice(&output.stdout).unwrap();
        let place = json!({"bucket": "large", "key": "8b79b963", "bytes": 4_194_336, "attribute": null});
        assert_eq!((letter["dlq_message_id"].as_str(), &letter["body_in_s3"]), (Some(ID), &place));
    }
}

#[test]
fn of_a_cause_that_is_not_there_the_error_says_all() {
    let (_table, outputs) = table("unknown.json");
    for command in [&["list"][..], &["list", "--oldest"], &["causes"], &["--json", "list"], &["--json", "causes"]] {
        let output = redrive(&outputs, &[command, &["--cause", "UNKNOWN"]].concat());
        let said = text(&output.stderr);
        assert_eq!((output.status.code(), text(&output.stdout).as_str()), (Some(1), ""), "{command:?}: {said}");
        assert!(said.starts_with("redrive: no letter that fits is PENDING with the cause UNKNOWN"), "{said}");
        assert_eq!(said.lines().count(), 1, "{said}");
    }
    for command in ["list", "causes", "export"] {
        let output = redrive(&outputs, &[command, "--code", "curency"]);
        let why = text(&output.stderr);
        assert_eq!((output.status.code(), text(&output.stdout).as_str()), (Some(1), ""), "{command}: {why}");
        assert!(why.contains("no letter that fits is PENDING with the code curency"), "{why}");
    }
    let output = redrive(&outputs, &["list", "--type", "timeout"]);
    assert_eq!((output.status.code(), text(&output.stderr).as_str()), (Some(0), "no letters\n"));
}
