//! The command on the stage: one letter from its death to its erasure, with nothing but the command.

#![allow(clippy::expect_used, clippy::unwrap_used, clippy::panic, reason = "these are tests")]

use std::process::{Command, Output, Stdio};
use std::time::{Duration, Instant};

use aws_config::{BehaviorVersion, Region};
use redrive_core::ids::{LetterId, MessageId, QueueArn};
use serde_json::Value;

/// How long anything may take on the stage.
const PATIENCE: Duration = Duration::from_secs(90);
/// How often it is looked at.
const LOOK: Duration = Duration::from_millis(200);

struct Stage {
    path: String,
    outputs: Value,
}

impl Stage {
    fn connect() -> Self {
        let path = std::env::var("STAGE_OUTPUTS").expect("STAGE_OUTPUTS names the stage's outputs; run `make test`");
        let outputs = serde_json::from_str(&std::fs::read_to_string(&path).unwrap()).unwrap();
        Self { path, outputs }
    }

    fn output(&self, name: &str) -> &str {
        self.outputs[name].as_str().unwrap()
    }

    /// Sends a message, and says which letter it will be.
    async fn send(&self, body: &str) -> LetterId {
        let config = aws_config::defaults(BehaviorVersion::latest())
            .endpoint_url(self.output("endpoint"))
            .region(Region::new(self.output("region").to_owned()))
            .load()
            .await;
        let sqs = aws_sdk_sqs::Client::new(&config);
        let sent = sqs.send_message().queue_url(self.output("MainQueueUrl")).message_body(body).send().await.unwrap();
        let origin = sent.message_id.and_then(MessageId::new).unwrap();
        LetterId::derive(&QueueArn::new(self.output("MainQueueArn")).unwrap(), &origin)
    }

    fn redrive(&self, arguments: &[&str]) -> Output {
        let mut command = Command::new(env!("CARGO_BIN_EXE_redrive"));
        command.env_remove("REDRIVE_STACK").env_remove("REDRIVE_OUTPUTS").env_remove("REDRIVE_BY");
        command.args(["--outputs", &self.path, "--by", "e2e", "--json"]);
        command.stdin(Stdio::null()).args(arguments).output().unwrap()
    }

    /// What it says, once it ends with this code.
    async fn until(&self, code: i32, arguments: &[&str], fits: impl Fn(&Value) -> bool) -> Value {
        let started = Instant::now();
        loop {
            let output = self.redrive(arguments);
            let said = serde_json::from_slice(&output.stdout).unwrap_or_default();
            if output.status.code() == Some(code) && fits(&said) {
                return said;
            }
            assert!(started.elapsed() < PATIENCE, "{arguments:?}: {output:?}");
            tokio::time::sleep(LOOK).await;
        }
    }

    async fn shown(&self, id: &str, status: &str) -> Value {
        self.until(0, &["show", id], |seen| seen["letter"]["status"] == status).await
    }
}

#[tokio::test]
#[ignore = "needs the stage"]
async fn a_letter_is_seen_given_up_taken_back_replayed_by_a_job_and_erased() {
    let stage = Stage::connect();
    // SQS takes no escape character, but its younger brother.
    let body = "no json \u{9b}31m at all";
    let id = stage.send(body).await.to_string();
    let seen = stage.shown(&id, "PENDING").await;
    assert_eq!((&seen["letter"]["original_payload"], &seen["letter"]["error_type"]), (&body.into(), &"SCHEMA".into()));
    let cause = seen["letter"]["fingerprint"].as_str().unwrap();
    stage
        .until(0, &["causes"], |all| all["causes"].as_array().unwrap().iter().any(|one| one["fingerprint"] == cause))
        .await;

    assert_eq!(stage.redrive(&["discard", &id, "--note", "n"]).status.code(), Some(4), "nobody said yes");
    assert_eq!(stage.redrive(&["discard", &id, "--note", "given up", "--yes"]).status.code(), Some(0));
    let seen = stage.shown(&id, "DISCARDED").await;
    assert_eq!(seen["letter"]["resolution_note"], "given up");
    assert_eq!(stage.redrive(&["restore", &id, "--note", "taken back"]).status.code(), Some(0));
    stage.shown(&id, "PENDING").await;

    let job = stage.redrive(&["replay", &id, "--yes", "--why", "tried"]);
    assert_eq!(job.status.code(), Some(0), "{job:?}");
    let job: Value = serde_json::from_slice(&job.stdout).unwrap();
    let job = job["id"].as_str().unwrap();
    // It is still no JSON.
    let told = stage.until(1, &["watch", job, "--every", "1"], |told| told["closed_at"].is_string()).await;
    assert_eq!(told["known"]["failed_again"], 1, "{told}");
    let by = told["by"].as_str().unwrap();
    assert!(by.starts_with("arn:aws:") && by.ends_with(" (e2e)"), "{by}");
    let seen = stage.until(0, &["show", &id], |seen| seen["letter"]["deaths"] == 2).await;
    assert_eq!(seen["letter"]["sends"][0]["job"], job);

    stage.until(0, &["erase", &id, "--note", "asked for", "--yes"], |_| true).await;
    let seen = stage.shown(&id, "DISCARDED").await;
    assert_eq!((&seen["letter"]["erased"]["by"], seen["letter"].get("original_payload")), (&by.into(), None));
}

#[tokio::test]
#[ignore = "needs the stage"]
async fn a_letter_is_sent_with_the_body_of_a_file_after_its_differences_were_shown() {
    let stage = Stage::connect();
    let id = stage.send("{\"order_id\": ").await.to_string();
    stage.shown(&id, "PENDING").await;
    let body = format!("{{\"order_id\":\"cli-{id}\",\"customer_id\":\"c\",\"amount_minor\":-1,\"currency\":\"EUR\"}}");
    let file = std::env::temp_dir().join(format!("redrive-{id}"));
    std::fs::write(&file, &body).unwrap();
    let file = file.to_str().unwrap();
    let dry = stage.redrive(&["replay", &id, "--edit", file, "--dry-run"]);
    assert_eq!(dry.status.code(), Some(0), "{dry:?}");
    let told: Value = serde_json::from_slice(&dry.stdout).unwrap();
    assert_eq!((&told["edits"][0]["payload"], &told["dry_run"]["would_send"]), (&body.as_str().into(), &1.into()));
    assert_eq!(stage.redrive(&["replay", &id, "--edit", file]).status.code(), Some(4), "nobody said yes");
    let job = stage.redrive(&["replay", &id, "--edit", file, "--yes"]);
    assert_eq!(job.status.code(), Some(0), "{job:?}");
    assert!(!String::from_utf8_lossy(&job.stdout).contains("amount_minor"), "the job's answer tells no body");
    // It can be read now, and is refused for another reason.
    let seen = stage.until(0, &["show", &id], |seen| seen["letter"]["error_code"] == "amount").await;
    assert_eq!((&seen["letter"]["edited"]["payload"], &seen["letter"]["status"]), (&body.into(), &"PENDING".into()));
    assert_eq!(seen["letter"]["idempotency_key"], format!("cli-{id}"));
    std::fs::remove_file(file).unwrap();
}

#[tokio::test]
#[ignore = "needs the stage"]
async fn the_doctor_finds_no_error_in_what_the_template_deploys_and_many_in_a_bare_pair_of_somebody_else() {
    let stage = Stage::connect();
    let found = |output: Output| {
        let told: Value = serde_json::from_slice(&output.stdout).unwrap();
        let rules = told["findings"].as_array().unwrap().iter();
        rules.map(|one| one["rule"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
    };
    // Settings only: what waits and what failed a moment ago is the other tests' doing.
    let settings = ["visibility-below-timeout", "dead-letter-retention-short", "not-encrypted", "permission-missing"];
    let more = ["no-depth-alarm", "partial-responses-ignored", "lease-not-below-visibility", "tls-not-required"];
    let rules: Vec<_> = settings.iter().chain(&more).flat_map(|rule| ["--rule", rule]).collect();
    let output = stage.redrive(&[&["doctor", "--strict"], &rules[..]].concat());
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    assert!(found(output).is_empty());

    let config = aws_config::defaults(BehaviorVersion::latest())
        .endpoint_url(stage.output("endpoint"))
        .region(Region::new(stage.output("region").to_owned()))
        .load()
        .await;
    let sqs = aws_sdk_sqs::Client::new(&config);
    let name = format!("bare-{}", uuid::Uuid::new_v4());
    sqs.create_queue().queue_name(&name).send().await.unwrap();
    let output = stage.redrive(&["doctor", "--queue", &name]);
    assert_eq!(output.status.code(), Some(5), "{output:?}");
    let told = found(output);
    for rule in ["no-dead-letter-queue", "not-encrypted", "tls-not-required", "no-consumer"] {
        assert!(told.iter().any(|one| one == rule), "{rule}: {told:?}");
    }
}
