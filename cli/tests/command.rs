//! The command as a shell sees it: what it refuses, with which exit code, and before anything leaves the machine.

#![allow(clippy::expect_used, clippy::unwrap_used, clippy::panic, reason = "these are tests")]

use std::io::Write;
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use serde_json::json;

/// A port of this machine at which nobody listens.
fn nobody() -> String {
    let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    format!("http://127.0.0.1:{port}")
}

/// Outputs of a stack that does not answer.
fn outputs(name: &str) -> PathBuf {
    let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
    let outputs = json!({
        "endpoint": nobody(),
        "region": "eu-west-1",
        "MainQueueUrl": "http://127.0.0.1/000000000000/orders",
        "MainQueueArn": "arn:aws:sqs:eu-west-1:000000000000:orders",
        "DeadLetterTableName": "letters",
        "LedgerTableName": "ledger",
        "DeadLetterQueueUrl": "http://127.0.0.1/000000000000/orders-dlq",
        "ProcessorFunctionName": "processor",
        "IndexerFunctionName": "indexer",
        "ReplayFunctionName": "replay",
    });
    std::fs::File::create(&path).unwrap().write_all(outputs.to_string().as_bytes()).unwrap();
    path
}

/// Runs it without a terminal, and without an environment that somebody may have.
fn redrive(arguments: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_redrive"));
    command.env_clear().env("AWS_ACCESS_KEY_ID", "test").env("AWS_SECRET_ACCESS_KEY", "test").env("USER", "ann");
    command.env("AWS_MAX_ATTEMPTS", "1").env("AWS_EC2_METADATA_DISABLED", "true");
    command.stdin(Stdio::null()).args(arguments).output().unwrap()
}

/// Interrupts a command once it has asked AWS for something, as Ctrl-C does.
#[cfg(unix)]
#[test]
fn an_interrupted_command_says_what_it_did_and_ends_by_the_signal() {
    use std::os::unix::process::ExitStatusExt;

    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join("interrupted.json");
    let endpoint = format!("http://{}", listener.local_addr().unwrap());
    let outputs = json!({"endpoint": endpoint, "region": "eu-west-1", "DeadLetterTableName": "letters"});
    std::fs::write(&path, outputs.to_string()).unwrap();
    let mut command = Command::new(env!("CARGO_BIN_EXE_redrive"));
    command.env_clear().env("AWS_ACCESS_KEY_ID", "test").env("AWS_SECRET_ACCESS_KEY", "test").env("USER", "ann");
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let child = command.args(["--outputs", path.to_str().unwrap(), "export"]).spawn().unwrap();
    // It is asked, and does not answer.
    let asking = listener.accept().unwrap();
    let interrupt = Command::new("kill").args(["-INT", &child.id().to_string()]).status().unwrap();
    assert!(interrupt.success());
    let output = child.wait_with_output().unwrap();
    drop(asking);
    assert_eq!((output.status.signal(), output.stdout.as_slice()), (Some(2), &b""[..]));
    let text = String::from_utf8(output.stderr).unwrap();
    assert_eq!(text.trim(), "interrupted; no letter was written");
}

fn code(output: &Output) -> i32 {
    output.status.code().unwrap()
}

fn said(output: &Output) -> String {
    String::from_utf8(output.stderr.clone()).unwrap()
}

const COMMANDS: [&str; 25] = [
    "causes",
    "list",
    "show",
    "status",
    "replay",
    "jobs",
    "watch",
    "pause",
    "resume",
    "cancel",
    "discard",
    "restore",
    "note",
    "erase",
    "free",
    "eject",
    "drain",
    "export",
    "fixture",
    "new",
    "import",
    "deploy-function",
    "undeploy",
    "doctor",
    "completions",
];
const ID: &str = "9f1b3c1e-8a51-5c65-9d3e-111111111111";

#[test]
fn a_command_line_that_is_not_understood_ends_with_2() {
    let outputs = outputs("usage.json");
    let outputs = outputs.to_str().unwrap();
    let with = |arguments: &[&str]| redrive(&[&["--outputs", outputs], arguments].concat());
    for arguments in [
        &["frobnicate"][..],
        &[],
        &["show", ""],
        &["list", "--type", "SAD"],
        &["list", "--since", "yesterday"],
        &["replay", "--yes"],
        &["replay", "--yes", ID, "--cause", "c"],
        &["replay", "--yes", ID, "--rate", "0"],
        &["replay", "--now", "--canary", "1", ID],
        &["discard", ID],
        &["discard", ID, "--note", " ", "--yes"],
        &["pause", "--by", "", ID],
        &["causes", "--stack", "also"],
        &["watch", ID, "--every", "0"],
        &["doctor", "--rule", "no-such-rule"],
        &["doctor", "--explain", "no-depth-alarm", "--strict"],
        &["eject", "--yes"],
        &["import"],
        &["import", "--yes", "/no/such/file"],
        &["import", "--yes", outputs],
        &["undeploy"],
        &["deploy-function", "ledger"],
    ] {
        let output = with(arguments);
        assert_eq!(code(&output), 2, "{arguments:?}: {}", said(&output));
        assert!(output.stdout.is_empty() && !output.stderr.is_empty(), "{arguments:?}");
    }
    assert_eq!(code(&redrive(&["causes"])), 2, "no stack is named");
    assert_eq!(code(&redrive(&["causes", "--outputs", "/no/such/file"])), 2);
}

#[test]
fn what_sends_or_destroys_is_refused_without_a_terminal_and_without_yes() {
    let outputs = outputs("refusals.json");
    for arguments in [
        &["replay", ID][..],
        &["replay", "--now", "--cause", "PERMANENT/currency"],
        &["discard", ID, "--note", "n"],
        &["erase", "--type", "schema", "--note", "n"],
        &["--json", "erase", ID, "--note", "n"],
        &["free", ID, "--note", "n"],
        &["eject", "--queue", "orders"],
        &["import", "/no/such/file"],
    ] {
        let output = redrive(&[&["--outputs", outputs.to_str().unwrap()], arguments].concat());
        assert_eq!(code(&output), 4, "{arguments:?}: {}", said(&output));
        assert!(output.stdout.is_empty() && said(&output).contains("--yes"), "{arguments:?}");
    }
}

#[test]
fn an_aws_that_does_not_answer_ends_with_3() {
    let outputs = outputs("silent.json");
    for arguments in [
        &["causes"][..],
        &["show", ID],
        &["status"],
        &["jobs"],
        &["drain"],
        &["doctor"],
        &["discard", ID, "--note", "n", "--yes"],
        &["eject", ID, "--yes"],
        &["undeploy", "orders", "--yes"],
        &["deploy-function", "processor"],
    ] {
        let output = redrive(&[&["--outputs", outputs.to_str().unwrap()], arguments].concat());
        assert_eq!(code(&output), 3, "{arguments:?}: {}", said(&output));
        assert!(output.stdout.is_empty(), "{arguments:?}");
    }
    let output = redrive(&["causes", "--stack", "s", "--region", "eu-west-1", "--endpoint-url", &nobody()]);
    assert_eq!(code(&output), 3, "{}", said(&output));
}

/// Runs the command on a machine without AWS's usual variables but these. Returns its code and its one line.
fn alone(variables: &[(&str, &str)], arguments: &[&str]) -> (i32, String) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_redrive"));
    command.env_clear().env("USER", "ann").env("AWS_MAX_ATTEMPTS", "1").env("AWS_EC2_METADATA_DISABLED", "true");
    command.env("HOME", "/nowhere").envs(variables.iter().copied());
    let output = command.stdin(Stdio::null()).args(arguments).output().unwrap();
    let said = said(&output);
    for dump in ["Error {", "Failure(", "ConnectorError", "Some(", "source:"] {
        assert!(!said.contains(dump), "{said}");
    }
    assert_eq!(said.trim_end().lines().count(), 1, "{said}");
    (code(&output), said)
}

#[test]
fn what_keeps_aws_from_answering_is_one_sentence_with_what_was_tried_and_the_mend() {
    let outputs = outputs("reach.json");
    let outputs = outputs.to_str().unwrap();
    let keys = [("AWS_ACCESS_KEY_ID", "test"), ("AWS_SECRET_ACCESS_KEY", "test")];
    for command in [&["causes"][..], &["status"], &["doctor"]] {
        let (code, said) = alone(&[], &[&["--outputs", outputs], command].concat());
        assert!(code == 3 && said.contains("no AWS credentials") && said.contains("AWS_PROFILE"), "{code} {said}");
        assert!(said.contains("Environment, Profile") && !said.contains("\\n"), "{said}");
        let (code, said) = alone(&keys, &[&["--stack", "orders"], command].concat());
        assert!(code == 2 && said.contains("no AWS region") && said.contains("--region"), "{code} {said}");
    }
    for (command, tried) in [
        (&["causes"][..], "dead-letter table letters in eu-west-1 at http://127.0.0.1:"),
        (&["show", ID], "dead-letter table letters in eu-west-1 at http://127.0.0.1:"),
        (&["drain"], "queue orders-dlq did not say how deep it is in eu-west-1 at http://127.0.0.1:"),
        (&["doctor"], "no queue could be read in eu-west-1 at http://127.0.0.1:"),
    ] {
        let (code, said) = alone(&keys, &[&["--outputs", outputs], command].concat());
        assert!(code == 3 && said.contains(tried) && said.contains("is the endpoint the right one"), "{code} {said}");
    }
    let region = ["--stack", "orders", "--region", "eu-west-1", "--endpoint-url", "http://127.0.0.1:1", "causes"];
    let (code, said) = alone(&keys, &region);
    assert!(code == 3 && said.contains("stack orders could not be described in eu-west-1 at http://127.0.0.1:1"));
}

#[test]
fn what_is_of_queues_alone_is_refused_for_a_stack_of_kafka_or_rabbitmq() {
    let keys = [("AWS_ACCESS_KEY_ID", "test"), ("AWS_SECRET_ACCESS_KEY", "test")];
    for source in ["kafka://shop/orders", "rabbitmq://shop/orders"] {
        let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join("broker.json");
        let outputs = json!({"endpoint": nobody(), "region": "eu-west-1", "MainQueueArn": source,
            "DeadLetterTableName": "letters", "LedgerTableName": "ledger", "IndexerFunctionName": "indexer"});
        std::fs::write(&path, outputs.to_string()).unwrap();
        for (command, why) in [("drain", "nothing has to be drained"), ("doctor", "docs/sources.md")] {
            let (code, said) = alone(&keys, &["--outputs", path.to_str().unwrap(), command]);
            assert!(code == 2 && said.contains(source) && said.contains(why), "{code} {said}");
        }
    }
}

#[test]
fn help_names_every_command_and_every_exit_code_and_fits_80_columns() {
    let output = redrive(&["--help"]);
    let help = String::from_utf8(output.stdout.clone()).unwrap();
    assert_eq!(code(&output), 0);
    let words =
        ["--json", "--endpoint-url", "NO_COLOR", "\n  0  ", "\n  1  ", "\n  2  ", "\n  3  ", "\n  4  ", "\n  5  "];
    for word in COMMANDS.iter().chain(&words) {
        assert!(help.contains(word), "{word}");
    }
    for command in COMMANDS {
        let output = redrive(&[command, "--help"]);
        assert_eq!(code(&output), 0, "{command:?}");
        for line in String::from_utf8(output.stdout).unwrap().lines() {
            assert!(line.chars().count() <= 80, "{command:?}: {line:?}");
        }
    }
    assert!(help.lines().all(|line| line.chars().count() <= 80), "{help}");
    assert!(!help.contains('\u{1b}'), "nobody looks at it on a terminal");
}

#[test]
fn a_project_is_written_once_and_never_over_another_folder() {
    let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
    let folder = std::path::Path::new(env!("CARGO_TARGET_TMPDIR")).join("order-charger");
    let _ = std::fs::remove_dir_all(&folder);
    let new = || redrive(&["new", folder.to_str().unwrap(), "--path", root.to_str().unwrap()]);
    assert_eq!(code(&new()), 0);
    let files = ["Cargo.toml", "Cargo.lock", "Makefile", "src/main.rs", "src/handler/tests.rs", "template.yaml"];
    files.iter().for_each(|file| assert!(folder.join(file).is_file(), "{file}"));
    std::fs::write(folder.join("src/handler.rs"), "mine").unwrap();
    let again = new();
    assert!(code(&again) == 2 && said(&again).contains("is there already"), "{}", said(&again));
    assert_eq!(std::fs::read_to_string(folder.join("src/handler.rs")).unwrap(), "mine");
    let elsewhere = redrive(&["new", "order-charger", "--path", "/nowhere"]);
    assert!(code(&elsewhere) == 2 && said(&elsewhere).contains("no checkout of Redrive"), "{}", said(&elsewhere));
    assert_eq!(code(&redrive(&["new", "order-charger"])), 2, "the source must be named");
}

#[test]
fn completions_are_written_for_every_shell_and_without_a_stack() {
    for shell in ["bash", "zsh", "fish", "elvish", "powershell"] {
        let output = redrive(&["completions", shell]);
        assert_eq!(code(&output), 0, "{shell}");
        assert!(String::from_utf8(output.stdout).unwrap().contains("causes"), "{shell}");
    }
}
