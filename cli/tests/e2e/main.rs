//! The command on the stage: one letter from its death to its erasure, with nothing but the command.

#![allow(clippy::expect_used, clippy::unwrap_used, clippy::panic, reason = "these are tests")]

mod attached;
mod console;
mod stage;

use std::process::Output;

use serde_json::Value;

use stage::Stage;

#[tokio::test]
#[ignore = "needs the stage"]
async fn a_letter_is_seen_given_up_taken_back_replayed_by_a_job_and_erased() {
    let stage = Stage::connect().await;
    // SQS takes no escape character, but its younger brother.
    let body = "no json \u{9b}31m at all";
    let id = stage.send("Main", body).await.to_string();
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

    // It is still no JSON.
    let told = stage.redrive(&["replay", &id, "--yes", "--why", "tried", "--watch"]);
    assert_eq!(told.status.code(), Some(1), "{told:?}");
    let told: Value = serde_json::from_slice(&told.stdout).unwrap();
    assert!(told["closed_at"].is_string() && told["known"]["failed_again"] == 1, "{told}");
    let job = told["id"].as_str().unwrap();
    stage.until(1, &["watch", job, "--every", "1"], |seen| *seen == told).await;
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
    let stage = Stage::connect().await;
    // Its key is told, and nothing else: the ledger has no entry of that.
    let key = format!("cli-{}", uuid::Uuid::new_v4());
    let id = stage.send("Main", &format!("{{\"order_id\":\"{key}\"}}")).await.to_string();
    stage.shown(&id, "PENDING").await;
    let body = format!("{{\"order_id\":\"{key}\",\"customer_id\":\"c\",\"amount_minor\":-1,\"currency\":\"EUR\"}}");
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
    assert_eq!(seen["letter"]["idempotency_key"], key);
    std::fs::remove_file(file).unwrap();
}

#[tokio::test]
#[ignore = "needs the stage"]
async fn the_doctor_finds_no_error_in_what_the_template_deploys_and_many_in_a_bare_pair_of_somebody_else() {
    let stage = Stage::connect().await;
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

    let name = format!("bare-{}", uuid::Uuid::new_v4());
    stage.sqs.create_queue().queue_name(&name).send().await.unwrap();
    let output = stage.redrive(&["doctor", "--queue", &name]);
    assert_eq!(output.status.code(), Some(5), "{output:?}");
    let told = found(output);
    for rule in ["no-dead-letter-queue", "not-encrypted", "tls-not-required", "no-consumer"] {
        assert!(told.iter().any(|one| one == rule), "{rule}: {told:?}");
    }
}
