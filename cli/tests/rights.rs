//! Rights that docs/operate.md lists for each command, held to what the command asks of AWS.

#![allow(clippy::expect_used, clippy::unwrap_used, clippy::panic, reason = "these are tests")]

mod letter_item;
mod requested;

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::{Arc, LazyLock, Mutex};

use letter_item::{ID, candidate};
use redrive_testkit::loopback::{JsonAnswer, JsonServer};
use requested::{action, resources};
use serde_json::{Value, json};

type Actions = BTreeSet<String>;
/// Actions, each on a resource by its name in the template; `*` where AWS knows none.
type Grants = BTreeSet<(String, String)>;
/// Lines of each command, each with what it asks of AWS.
type Calls = BTreeMap<String, Vec<(Vec<&'static str>, Grants)>>;

/// Rights that every command may use beside its own, as the page says below the table.
const EVERYWHERE: [&str; 2] = ["cloudformation:DescribeStacks", "sts:GetCallerIdentity"];

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().to_owned()
}

/// Row of the page's table.
struct Row {
    rights: Actions,
    /// Policy of the template that gives the rights, beside those before it; `None` if there is none.
    policy: Option<String>,
}

/// Rights of each command, as the page's table has them.
fn documented() -> BTreeMap<String, Row> {
    let page = std::fs::read_to_string(root().join("docs/operate.md")).unwrap();
    let (_, section) = page.split_once("### Rights of the command").unwrap();
    let rows =
        section.lines().skip_while(|line| !line.starts_with("|---")).skip(1).take_while(|line| line.starts_with('|'));
    let words = |cell: &str| cell.split('`').skip(1).step_by(2).map(str::to_owned).collect::<Vec<_>>();
    let mut all = BTreeMap::new();
    for row in rows {
        let cells: Vec<_> = row.split('|').collect();
        for command in words(cells[2]) {
            let (rights, policy) = (words(cells[3]).into_iter().collect(), words(cells[4]).pop());
            all.insert(command, Row { rights, policy });
        }
    }
    assert!(all.len() > 15, "the table must be found");
    all
}

/// A letter as indexes and table show it.
fn letter() -> Value {
    let mut letter = candidate();
    let text = |text: &str| json!({"S": text});
    let at = "2026-11-22T12:16:00.000Z";
    let more = [
        ("status_shard", text("PENDING#03")),
        ("fingerprint_shard", text("PERMANENT/currency#03")),
        ("dlq_message_id", text(ID)),
        ("origin_message_id", text("m-1")),
        ("life", json!({"M": {"message_id": text("m-1"), "sent_at": text(at)}})),
        ("sent_timestamp", text(at)),
        ("original_payload", text(r#"{"order_id":"o-1","currency":"CHF"}"#)),
        ("payload_hash", text(&"0".repeat(64))),
        ("key_is_stable", json!({"BOOL": true})),
        ("idempotency_key", text("o-1")),
        ("attempt_count", json!({"N": "1"})),
        ("sends", json!({"L": []})),
        ("history", json!({"L": []})),
        ("version", json!({"N": "1"})),
    ];
    more.into_iter().for_each(|(name, value)| letter[name] = value);
    letter
}

/// Outputs of a stack from a template. One that is attached to queues names none but its own.
fn outputs(template: &str) -> Vec<(&'static str, String)> {
    let endpoint = "https://sqs.eu-west-1.amazonaws.com";
    let all = [
        ("MainQueueUrl", format!("{endpoint}/123456789012/orders")),
        ("MainQueueArn", "arn:aws:sqs:eu-west-1:123456789012:orders".to_owned()),
        ("DeadLetterQueueUrl", format!("{endpoint}/123456789012/orders-dlq")),
        ("DeadLetterQueueArn", "arn:aws:sqs:eu-west-1:123456789012:orders-dlq".to_owned()),
        ("DeadLetterTableName", "letters".to_owned()),
        ("LedgerTableName", "ledger".to_owned()),
        ("IndexerFunctionName", "indexer".to_owned()),
        ("ReplayFunctionName", "replay".to_owned()),
        ("AdministrationFunctionName", "administration".to_owned()),
        ("FailedInvocationsQueueUrl", format!("{endpoint}/123456789012/orders-failed")),
    ];
    let text = template_text(template);
    let (_, text) = text.split_once("\nOutputs:").unwrap();
    all.into_iter().filter(|(name, _)| text.contains(&format!("\n  {name}:\n"))).collect()
}

fn template_text(name: &str) -> String {
    std::fs::read_to_string(root().join("infra").join(name)).unwrap()
}

/// Answers as AWS would of a stack with one letter.
fn answer(template: &str, action: &str, body: &str) -> String {
    match action {
        "cloudformation:DescribeStacks" => {
            let outputs: Vec<_> = outputs(template)
                .iter()
                .map(|(name, value)| {
                    format!("<member><OutputKey>{name}</OutputKey><OutputValue>{value}</OutputValue></member>")
                })
                .collect();
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
        // What is tried first is found to be something to do.
        "lambda:InvokeFunction" if body.contains(r#""dry_run":true"#) => {
            json!({"considered": 1, "would_send": 1, "edited": 1, "more": false}).to_string()
        }
        _ => json!({}).to_string(),
    }
}

/// An AWS on loopback, and what was asked of it.
fn aws(template: &'static str) -> (JsonServer, Arc<Mutex<Grants>>) {
    let asked = Arc::new(Mutex::new(Grants::new()));
    let noted = Arc::clone(&asked);
    let server = JsonServer::answering_by(move |request| {
        let Some(action) = action(request) else { return JsonAnswer::text(404, "") };
        let on = resources(&action, request);
        noted.lock().unwrap().extend(on.into_iter().map(|resource| (action.clone(), resource)));
        JsonAnswer::text(200, &answer(template, &action, &request.body))
    });
    (server, asked)
}

/// Returns what a command line asks of AWS, of a stack from a template.
fn asked(template: &'static str, arguments: &[&str]) -> Grants {
    let (server, asked) = aws(template);
    let folder = env!("CARGO_TARGET_TMPDIR");
    std::fs::write(Path::new(folder).join("fix.json"), r#"[{"op":"add","path":"/currency","value":"EUR"}]"#).unwrap();
    std::fs::write(Path::new(folder).join("body.json"), r#"{"order_id":"o-1","currency":"EUR"}"#).unwrap();
    let mut command = Command::new(env!("CARGO_BIN_EXE_redrive"));
    command.env_clear().env("AWS_ACCESS_KEY_ID", "test").env("AWS_SECRET_ACCESS_KEY", "test").env("USER", "ann");
    command.env("AWS_MAX_ATTEMPTS", "1").env("AWS_EC2_METADATA_DISABLED", "true").current_dir(folder);
    command.stdin(Stdio::null());
    command.args(["--endpoint-url", &server.endpoint(), "--region", "eu-west-1", "--stack", "orders"]);
    let output = command.args(arguments).output().unwrap();
    eprintln!("{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
    let mut asked = asked.lock().unwrap().clone();
    asked.retain(|(right, _)| right != "sts:GetCallerIdentity");
    asked
}

/// Actions that a command's row lists, of what it asked for.
fn listed(asked: &Grants) -> Actions {
    asked.iter().map(|(right, _)| right.clone()).filter(|right| !EVERYWHERE.contains(&right.as_str())).collect()
}

/// Calls of every line of the commands that look or act, in a stack of the whole template.
static WHOLE: LazyLock<Calls> = LazyLock::new(|| recorded("template.yaml"));

/// Commands whose calls are not recorded, because a test reads them out of the code.
const WRITTEN: [&str; 4] = ["import", "deploy-function", "undeploy", "doctor"];

fn recorded(template: &'static str) -> Calls {
    let commands = documented().into_keys().filter(|command| !WRITTEN.contains(&command.as_str()));
    let calls = |command: &String| {
        let lines = lines(command).into_iter();
        lines
            .map(|line| {
                let asked = asked(template, &line);
                (line, asked)
            })
            .collect()
    };
    commands
        .map(|command| {
            let calls = calls(&command);
            (command, calls)
        })
        .collect()
}

/// Lines of each command that looks or acts, and together ask for all that such a command can ask for.
fn lines(command: &str) -> Vec<Vec<&'static str>> {
    const FILTER: [&str; 2] = ["--cause", "PERMANENT/currency"];
    let known = [
        "find", "list", "export", "fixture", "jobs", "watch", "causes", "show", "status", "replay", "discard",
        "restore", "note", "pause", "resume", "cancel", "drain", "erase", "free", "eject",
    ];
    let name = command.split(' ').next().unwrap();
    let name = *known.iter().find(|one| **one == name).unwrap_or_else(|| panic!("{command} has no line here"));
    match command {
        "show" | "fixture" => vec![vec![name, ID], vec![name, "o-1"]],
        "find" => vec![vec![name, "o-1"]],
        "watch" | "pause" | "resume" | "cancel" => vec![vec![name, ID]],
        "list" => vec![vec![name], vec![name, "--oldest"], [&[name][..], &FILTER].concat()],
        "replay" => vec![
            [&[name][..], &FILTER, &["--now", "--yes"]].concat(),
            [&[name][..], &FILTER, &["--yes"]].concat(),
            [&[name][..], &FILTER, &["--patch", "fix.json", "--dry-run"]].concat(),
            vec![name, "--job", ID, "--rest", "--dry-run"],
        ],
        "replay --edit" => vec![vec![name, ID, "--edit", "body.json", "--now", "--yes"]],
        "replay --patch" => vec![
            [&[name][..], &FILTER, &["--patch", "fix.json", "--now", "--yes"]].concat(),
            [&[name][..], &FILTER, &["--patch", "fix.json", "--yes"]].concat(),
        ],
        "eject" => vec![[&[name][..], &FILTER, &["--yes"]].concat()],
        "discard" | "restore" | "note" | "erase" | "free" => {
            vec![[&[name][..], &FILTER, &["--note", "n", "--yes"]].concat()]
        }
        _ => vec![vec![name]],
    }
}

#[test]
fn a_command_that_looks_or_acts_asks_for_what_its_row_lists_and_nothing_else() {
    let documented = documented();
    let mut rows: BTreeMap<&Actions, (Vec<&str>, Actions)> = BTreeMap::new();
    for (command, calls) in &*WHOLE {
        let rights = &documented[command].rights;
        for (line, grants) in calls {
            let asked = listed(grants);
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

/// Policies for people, each beside those before it.
const POLICIES: [&str; 3] = ["ReaderPolicy", "OperatorPolicy", "AdministratorPolicy"];

/// Grants of a policy for people, as a template has it. Where the stack's own key encrypts the tables, DynamoDB asks for its
/// use, and not the command.
fn granted(template: &str, policy: &str) -> Grants {
    let text = template_text(template);
    let (_, policy) = text.split_once(&format!("\n  {policy}:\n")).unwrap();
    let end = policy.match_indices("\n  ").map(|(at, _)| at).find(|at| !policy[at + 3..].starts_with(' '));
    let mut grants = Grants::new();
    for statement in policy[..end.unwrap()].split("Sid: ").skip(1).filter(|one| !one.starts_with("ReadWhatIsEncrypted"))
    {
        let statement: Vec<_> = statement.lines().filter(|line| !line.trim().starts_with('#')).collect();
        let statement = statement.join("\n");
        let (before, resources) = statement.split_once("Resource:").unwrap();
        let words = |text: &str| -> Vec<String> {
            text.split([' ', ',', '[', ']', '\'', '\n']).filter(|word| !word.is_empty()).map(str::to_owned).collect()
        };
        let resources = words(resources).into_iter().filter_map(|word| match word.as_str() {
            "*" => Some(word),
            stack if stack.contains(":stack/${AWS::StackName}/*") => Some("stack".to_owned()),
            arn => arn.contains(".Arn").then(|| arn.replace(".Arn", "").replace(['$', '{', '}'], "")),
        });
        let resources: Vec<_> = resources.collect();
        assert!(!resources.is_empty(), "{statement}");
        for action in words(before.split_once("Action:").unwrap().1) {
            grants.extend(resources.iter().map(|resource| (action.clone(), resource.clone())));
        }
    }
    grants
}

/// Holds the policies of a template to the calls of the commands that each of them is for.
fn held(template: &str, calls: &Calls) {
    let documented = documented();
    let (mut may, mut used) = (Grants::new(), Grants::new());
    for policy in POLICIES {
        let own = granted(template, policy);
        assert!(own.is_disjoint(&may), "{policy} repeats what is granted before it");
        may.extend(own.iter().cloned());
        let of_it = calls.iter().filter(|(command, _)| documented[*command].policy.as_deref() == Some(policy));
        let lines: Vec<_> = of_it.flat_map(|(_, lines)| lines).collect();
        assert!(!lines.is_empty(), "no command needs {policy}");
        for (line, asked) in lines {
            let more: Vec<_> = asked.difference(&may).collect();
            assert!(more.is_empty(), "{line:?} asks for {more:?}, which {template} does not grant by {policy}");
            used.extend(asked.iter().cloned());
        }
        let idle: Vec<_> = own.difference(&used).collect();
        assert!(idle.is_empty(), "{policy} of {template} grants {idle:?}, which none of its commands asks for");
    }
}

#[test]
fn readers_operators_and_administrators_are_granted_what_their_commands_ask_for_and_nothing_else() {
    held("template.yaml", &WHOLE);
    held("attach.yaml", &recorded("attach.yaml"));
}

#[test]
fn only_administrators_commands_ask_the_administration_function() {
    let documented = documented();
    let administration = ("lambda:InvokeFunction".to_owned(), "AdministrationFunction".to_owned());
    for (command, calls) in &*WHOLE {
        let administers = documented[command].policy.as_deref() == Some("AdministratorPolicy");
        for (line, asked) in calls {
            assert_eq!(asked.contains(&administration), administers, "{line:?}");
        }
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
    assert_eq!(operations, names(&documented()["doctor"].rights));
}

#[test]
fn deploying_and_deleting_ask_for_what_their_rows_list_and_nothing_else() {
    let documented = documented();
    let mut listed: Actions = names(&documented["deploy-function"].rights);
    listed.extend(names(&documented["undeploy"].rights));
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
    let mut rights = documented().remove("import").unwrap().rights;
    assert!(rights.remove("lambda:GetFunctionConfiguration"), "to know which queues are configured");
    assert_eq!(rights, actions);
}
