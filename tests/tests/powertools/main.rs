//! The real libraries of Powertools write their table, and the processor honours what they wrote: `make test-powertools` has both, and
//! an emulator of DynamoDB on loopback.

#![allow(clippy::expect_used, clippy::unwrap_used, clippy::panic, reason = "these are tests")]

use std::io::Write;
use std::path::Path;
use std::process::{Command, Stdio};

use aws_config::BehaviorVersion;
use aws_sdk_dynamodb::types::{AttributeDefinition, BillingMode, KeySchemaElement, KeyType, ScalarAttributeType};
use redrive_aws::LedgerTable;
use redrive_core::ids::MessageId;
use redrive_core::ports::Ledger;
use redrive_core::processing::powertools::{PowertoolsKeys, PowertoolsMessage, PowertoolsState, Selected};
use serde_json::json;
use uuid::Uuid;

const PAYLOADS: [&str; 4] = [r#"{"order_id":"o-1","amount":1.50,"name":"Größe 😀"}"#, r#""o-2""#, r#"["o-3",7]"#, "17"];

fn variable(name: &str) -> String {
    std::env::var(name).unwrap_or_else(|_| panic!("{name} is not set; run `make test-powertools`"))
}

/// Runs a library's program, and returns the ids that it prints.
fn written(mut program: Command, table: &str, payloads: &[&str], state: &str) -> Vec<String> {
    let lines: String =
        payloads.iter().map(|payload| format!("{}\n", json!({"payload": payload, "state": state}))).collect();
    let program = program.env("POWERTOOLS_TABLE", table).stdin(Stdio::piped()).stdout(Stdio::piped());
    let mut child = program.spawn().unwrap();
    child.stdin.take().unwrap().write_all(lines.as_bytes()).unwrap();
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success(), "{:?}", output.status);
    String::from_utf8(output.stdout).unwrap().lines().map(str::to_owned).collect()
}

fn program(language: &str) -> Command {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("powertools");
    if language == "python" {
        let mut python = Command::new(variable("POWERTOOLS_PYTHON"));
        python.arg(folder.join("write.py"));
        return python;
    }
    let mut node = Command::new("node");
    node.arg(folder.join("write.mjs")).current_dir(variable("POWERTOOLS_NODE"));
    node
}

async fn table(client: &aws_sdk_dynamodb::Client) -> String {
    let name = format!("powertools-{}", Uuid::new_v4());
    let id =
        AttributeDefinition::builder().attribute_name("id").attribute_type(ScalarAttributeType::S).build().unwrap();
    let key = KeySchemaElement::builder().attribute_name("id").key_type(KeyType::Hash).build().unwrap();
    let create = client.create_table().table_name(&name).attribute_definitions(id).key_schema(key);
    create.billing_mode(BillingMode::PayPerRequest).send().await.unwrap();
    name
}

fn messages(payloads: &[&str]) -> Vec<PowertoolsMessage> {
    let message = |payload: &&str| PowertoolsMessage {
        message_id: MessageId::new("m").unwrap(),
        content: Some(payload.parse().unwrap()),
    };
    payloads.iter().map(message).collect()
}

#[tokio::test]
#[ignore = "needs the libraries and an emulator: make test-powertools"]
async fn what_the_libraries_of_both_languages_wrote_is_honoured() {
    let config =
        aws_config::defaults(BehaviorVersion::latest()).endpoint_url(variable("AWS_ENDPOINT_URL")).load().await;
    let client = aws_sdk_dynamodb::Client::new(&config);
    for language in ["python", "typescript"] {
        let table = table(&client).await;
        let (done, busy) = PAYLOADS.split_at(2);
        written(program(language), &table, done, "COMPLETED");
        written(program(language), &table, busy, "INPROGRESS");
        let keys = PowertoolsKeys::new("orders", Selected::Body).unwrap();
        let ledger = LedgerTable::new(client.clone(), "ledger").honouring(table, keys);
        let all = messages(&[PAYLOADS[0], PAYLOADS[1], PAYLOADS[2], PAYLOADS[3], r#""new""#]);
        let states = Ledger::<()>::look_at_powertools(&ledger, &all).await.unwrap();
        assert_eq!(states[..2], [PowertoolsState::Completed; 2], "{language}");
        assert!(matches!(states[2..4], [PowertoolsState::InProgress(_), PowertoolsState::InProgress(_)]), "{states:?}");
        assert_eq!(states[4], PowertoolsState::Free, "{language}");
    }
}

#[test]
#[ignore = "needs the libraries: make test-powertools"]
fn the_recorded_ids_are_those_of_the_libraries() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/core/src/processing/powertools/keys.json");
    let recorded: Vec<serde_json::Value> = serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap();
    let payloads: Vec<_> = recorded.iter().map(|one| one["payload"].as_str().unwrap()).collect();
    for language in ["python", "typescript"] {
        let ids: Vec<_> = recorded.iter().map(|one| one[language].as_str().unwrap().to_owned()).collect();
        assert_eq!(written(program(language), "none", &payloads, "TOLD"), ids, "{language}");
    }
}
