//! Rights that docs/operate.md lists for each command, held to what the command asks of AWS.

#![allow(clippy::expect_used, clippy::unwrap_used, clippy::panic, reason = "these are tests")]

mod letter_item;

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::{Arc, Mutex};

use letter_item::{ID, candidate};
use redrive_testkit::loopback::{JsonAnswer, JsonRequest, JsonServer};
use serde_json::{Value, json};

type Actions = BTreeSet<String>;

/// Rights that every command may use beside its own, as the page says below the table.
const EVERYWHERE: [&str; 2] = ["cloudformation:DescribeStacks", "sts:GetCallerIdentity"];

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().to_owned()
}

/// Rights of each command, as the page's table has them.
fn documented() -> BTreeMap<String, Actions> {
    let page = std::fs::read_to_string(root().join("docs/operate.md")).unwrap();
    let (_, section) = page.split_once("### Rights of the command").unwrap();
    let rows =
        section.lines().skip_while(|line| !line.starts_with("|---")).skip(1).take_while(|line| line.starts_with('|'));
    let words = |cell: &str| cell.split('`').skip(1).step_by(2).map(str::to_owned).collect::<Vec<_>>();
    let mut all = BTreeMap::new();
    for row in rows {
        let cells: Vec<_> = row.split('|').collect();
        words(cells[2])
            .into_iter()
            .for_each(|command| drop(all.insert(command, words(cells[3]).into_iter().collect())));
    }
    assert!(all.len() > 15, "the table must be found");
    all
}

/// Action that a request asks for; it stands in the target, in the path or in the body, by the service's protocol.
fn action(JsonRequest { method, path, target, body, .. }: &JsonRequest) -> Option<String> {
    if let Some((service, action)) = target.split_once('.') {
        return match service {
            "DynamoDB_20120810" => Some(format!("dynamodb:{}", statements(action, body))),
            "AmazonSQS" => Some(format!("sqs:{action}")),
            other => panic!("a service of another name: {other}"),
        };
    }
    if let Some((_, action)) = path.split_once("/operation/") {
        return Some(format!("cloudwatch:{action}"));
    }
    if let Some((_, rest)) = path.split_once("/functions/") {
        let (_, what) = rest.split_once('/')?;
        return Some(match (what, method.as_str()) {
            ("invocations", "POST") => "lambda:InvokeFunction".to_owned(),
            ("configuration", "GET") => "lambda:GetFunctionConfiguration".to_owned(),
            ("code", _) => "lambda:UpdateFunctionCode".to_owned(),
            other => panic!("a call of Lambda: {other:?}"),
        });
    }
    let action = body.split('&').find_map(|pair| pair.strip_prefix("Action="))?;
    let service = match action {
        "GetCallerIdentity" => "sts",
        "DescribeAlarms" | "GetMetricStatistics" => "cloudwatch",
        _ => "cloudformation",
    };
    Some(format!("{service}:{action}"))
}

/// Names the permission of a statement: IAM has one for each verb of PartiQL.
fn statements<'a>(action: &'a str, body: &str) -> &'a str {
    match action {
        "BatchExecuteStatement" if body.contains("INSERT INTO") => "PartiQLInsert",
        "BatchExecuteStatement" => "PartiQLUpdate",
        "TransactWriteItems" => "PutItem",
        other => other,
    }
}

/// A letter as indexes and table show it.
fn letter() -> Value {
    let mut letter = candidate();
    letter["version"] = json!({"N": "1"});
    letter["history"] = json!({"L": []});
    letter["idempotency_key"] = json!({"S": "o-1"});
    letter
}

/// Answers as AWS would of a stack with one letter.
fn answer(action: &str, body: &str) -> String {
    let endpoint = "https://sqs.eu-west-1.amazonaws.com";
    let outputs = [
        ("MainQueueUrl", format!("{endpoint}/123456789012/orders")),
        ("MainQueueArn", "arn:aws:sqs:eu-west-1:123456789012:orders".to_owned()),
        ("DeadLetterQueueUrl", format!("{endpoint}/123456789012/orders-dlq")),
        ("DeadLetterQueueArn", "arn:aws:sqs:eu-west-1:123456789012:orders-dlq".to_owned()),
        ("DeadLetterTableName", "letters".to_owned()),
        ("LedgerTableName", "ledger".to_owned()),
        ("IndexerFunctionName", "indexer".to_owned()),
        ("ReplayFunctionName", "replay".to_owned()),
    ];
    match action {
        "cloudformation:DescribeStacks" => {
            let outputs = outputs.map(|(name, value)| {
                format!("<member><OutputKey>{name}</OutputKey><OutputValue>{value}</OutputValue></member>")
            });
            format!(
                "<DescribeStacksResponse><DescribeStacksResult><Stacks><member><StackName>orders</StackName>\
                 <StackId>id</StackId><StackStatus>CREATE_COMPLETE</StackStatus><CreationTime>2026-11-22T12:16:00Z</CreationTime>\
                 <Outputs>{}</Outputs></member></Stacks></DescribeStacksResult></DescribeStacksResponse>",
                outputs.concat()
            )
        }
        "dynamodb:Query" => {
            let found = body.contains("PENDING#03") || body.contains("PERMANENT/currency#03");
            let items = if found { vec![letter()] } else { Vec::new() };
            json!({"Items": items, "Count": items.len(), "ScannedCount": items.len()}).to_string()
        }
        "dynamodb:BatchGetItem" => {
            // Of the table that is asked for, and of no other.
            let (table, items) =
                if body.contains(r#""letters""#) { ("letters", vec![letter()]) } else { ("ledger", Vec::new()) };
            json!({"Responses": {table: items}, "UnprocessedKeys": {}}).to_string()
        }
        "sqs:GetQueueAttributes" => {
            let numbers = json!({"ApproximateNumberOfMessages": "1", "ApproximateNumberOfMessagesNotVisible": "0",
                "ApproximateNumberOfMessagesDelayed": "0", "MessageRetentionPeriod": "1209600"});
            json!({"Attributes": numbers}).to_string()
        }
        _ => json!({}).to_string(),
    }
}

/// An AWS on loopback, and what was asked of it.
fn aws() -> (JsonServer, Arc<Mutex<Actions>>) {
    let asked = Arc::new(Mutex::new(Actions::new()));
    let noted = Arc::clone(&asked);
    let server = JsonServer::answering_by(move |request| {
        let Some(action) = action(request) else { return JsonAnswer::text(404, "") };
        noted.lock().unwrap().insert(action.clone());
        JsonAnswer::text(200, &answer(&action, &request.body))
    });
    (server, asked)
}

/// Returns what a command line asks of AWS.
fn asked(arguments: &[&str]) -> Actions {
    let (server, asked) = aws();
    let folder = env!("CARGO_TARGET_TMPDIR");
    std::fs::write(Path::new(folder).join("fix.json"), r#"[{"op":"add","path":"/currency","value":"EUR"}]"#).unwrap();
    let mut command = Command::new(env!("CARGO_BIN_EXE_redrive"));
    command.env_clear().env("AWS_ACCESS_KEY_ID", "test").env("AWS_SECRET_ACCESS_KEY", "test").env("USER", "ann");
    command.env("AWS_MAX_ATTEMPTS", "1").env("AWS_EC2_METADATA_DISABLED", "true").current_dir(folder);
    command.stdin(Stdio::null());
    command.args(["--endpoint-url", &server.endpoint(), "--region", "eu-west-1", "--stack", "orders"]);
    let output = command.args(arguments).output().unwrap();
    eprintln!("{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
    let mut asked = asked.lock().unwrap().clone();
    asked.retain(|right| !EVERYWHERE.contains(&right.as_str()));
    asked
}

/// Lines of each command that looks or acts, and together ask for all that such a command can ask for.
fn lines(command: &str) -> Vec<Vec<&str>> {
    const FILTER: [&str; 2] = ["--cause", "PERMANENT/currency"];
    let remark = |command| [&[command][..], &FILTER, &["--note", "n", "--yes"]].concat();
    match command {
        "show" | "fixture" => vec![vec![command, ID], vec![command, "o-1"]],
        "find" => vec![vec![command, "o-1"]],
        "watch" | "pause" | "resume" | "cancel" => vec![vec![command, ID]],
        "list" => vec![vec![command], vec![command, "--oldest"], [&[command][..], &FILTER].concat()],
        "replay" => vec![
            [&[command][..], &FILTER, &["--now", "--yes"]].concat(),
            [&[command][..], &FILTER, &["--patch", "fix.json", "--dry-run"]].concat(),
            vec![command, "--job", ID, "--rest", "--dry-run"],
        ],
        "eject" => vec![[&[command][..], &FILTER, &["--yes"]].concat()],
        "discard" | "restore" | "note" | "erase" | "free" => vec![remark(command)],
        _ => vec![vec![command]],
    }
}

#[test]
fn a_command_that_looks_or_acts_asks_for_what_its_row_lists_and_nothing_else() {
    let documented = documented();
    let mut rows: BTreeMap<&Actions, (Vec<&str>, Actions)> = BTreeMap::new();
    let written = ["import", "deploy-function", "undeploy", "doctor"];
    for (command, rights) in documented.iter().filter(|(command, _)| !written.contains(&command.as_str())) {
        for line in lines(command) {
            let asked = asked(&line);
            assert!(!asked.is_empty(), "{line:?} asks nothing");
            let more: Vec<_> = asked.difference(rights).collect();
            assert!(more.is_empty(), "{line:?} asks for {more:?}, which docs/operate.md does not list");
            let (commands, all) = rows.entry(rights).or_default();
            commands.push(command);
            all.extend(asked);
        }
    }
    for (rights, (commands, asked)) in rows {
        assert_eq!(asked, *rights, "docs/operate.md lists more than {commands:?} ask for");
    }
}

/// Names of the operations of AWS's SDK that files of the command call.
fn operations(files: &[&str]) -> Actions {
    let mut all = Actions::new();
    for file in files {
        let code = std::fs::read_to_string(root().join("cli/src").join(file)).unwrap();
        let code = code.split("#[cfg(test)]").next().unwrap();
        for name in code.split('.').filter_map(|part| part.split_once("()").map(|(name, _)| name)) {
            let verbs = ["get_", "list_", "describe_", "delete_", "update_", "simulate_"];
            if verbs.iter().any(|verb| name.starts_with(verb))
                && name.chars().all(|c| c.is_ascii_lowercase() || c == '_')
            {
                let words = name.split('_').map(|word| word[..1].to_uppercase() + &word[1..]);
                all.insert(words.collect());
            }
        }
    }
    all
}

fn names(rights: &Actions) -> Actions {
    rights.iter().map(|right| right.split_once(':').unwrap().1.to_owned()).collect()
}

#[test]
fn the_doctor_asks_for_what_its_row_lists_and_nothing_else() {
    let files = ["alarms", "functions", "queues", "roles", "topics"].map(|file| format!("doctor/aws/{file}.rs"));
    let operations = operations(&files.each_ref().map(String::as_str));
    assert_eq!(operations, names(&documented()["doctor"]));
}

#[test]
fn deploying_and_deleting_ask_for_what_their_rows_list_and_nothing_else() {
    let documented = documented();
    let mut listed: Actions = names(&documented["deploy-function"]);
    listed.extend(names(&documented["undeploy"]));
    // Letters and messages are counted before a stack is deleted, as `status` does.
    let counted = ["Query", "GetQueueAttributes"].map(str::to_owned);
    let mut operations = operations(&["aws/deployment.rs"]);
    assert!(operations.remove("DescribeStacks"), "a right of every command");
    operations.extend(counted);
    assert_eq!(operations, listed);
}

#[test]
fn import_writes_letters_as_the_indexer_may() {
    let template = std::fs::read_to_string(root().join("infra/template.yaml")).unwrap();
    let (_, statement) = template.split_once("- Sid: WriteLetters").unwrap();
    let actions = statement.lines().map(str::trim).skip_while(|line| *line != "Action:").skip(1);
    let actions: Actions = actions.map_while(|line| line.strip_prefix("- ").map(str::to_owned)).collect();
    let mut rights = documented()["import"].clone();
    assert!(rights.remove("lambda:GetFunctionConfiguration"), "to know which queues are configured");
    assert_eq!(rights, actions);
}
