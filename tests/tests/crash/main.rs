//! The real functions, killed while they work: nothing is lost, and nothing is charged twice. In a binary of its own,
//! because it would take the functions away under the other end-to-end tests.

#![allow(clippy::expect_used, clippy::unwrap_used, clippy::panic, reason = "these are tests")]

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;

use redrive_tests::stage::{Stage, until_for};
use serde_json::json;
use uuid::Uuid;

const ORDERS: usize = 120;
const KILLS: usize = 5;

/// The processes of one of the stage's functions. The stage runs them from its own folder; there are none on another
/// endpoint, whose functions run elsewhere.
fn processes(function: &str) -> Vec<u32> {
    let outputs = PathBuf::from(std::env::var("STAGE_OUTPUTS").unwrap());
    let folder = outputs.canonicalize().unwrap().parent().unwrap().to_owned();
    let all = std::fs::read_dir("/proc").unwrap().filter_map(Result::ok);
    let ids = all.filter_map(|entry| entry.file_name().to_str()?.parse::<u32>().ok());
    ids.filter(|id| {
        let runs_here = std::fs::read_link(format!("/proc/{id}/exe")).is_ok_and(|exe| exe.starts_with(&folder));
        let name = format!("AWS_LAMBDA_FUNCTION_NAME={function}");
        let environment = std::fs::read(format!("/proc/{id}/environ")).unwrap_or_default();
        runs_here && environment.split(|byte| *byte == 0).any(|variable| variable == name.as_bytes())
    })
    .collect()
}

fn kill(id: u32) -> bool {
    Command::new("kill").args(["-9", &id.to_string()]).status().is_ok_and(|status| status.success())
}

#[tokio::test]
#[ignore = "needs the stage"]
async fn a_processor_that_is_killed_at_work_loses_nothing_and_charges_nothing_twice() {
    let stage = Stage::connect().await;
    let run = Uuid::new_v4();
    let orders: Vec<_> = (0..ORDERS).map(|n| format!("crash-{run}-{n}")).collect();
    let bodies: Vec<_> = orders
        .iter()
        .map(|id| json!({"order_id": id, "customer_id": "c", "amount_minor": 5, "currency": "EUR"}).to_string())
        .collect();
    futures_util::future::join_all(orders.iter().map(|id| stage.put_order(id))).await;

    let function = stage.output("ProcessorFunctionName");
    let mut killed = 0;
    let mut messages = Vec::new();
    for (round, chunk) in bodies.chunks(ORDERS / KILLS).enumerate() {
        messages.extend(futures_util::future::join_all(chunk.iter().map(|body| stage.send(body))).await);
        // Somewhere within the work on what was just sent.
        tokio::time::sleep(Duration::from_millis(20 * round as u64)).await;
        killed += processes(function).into_iter().filter(|id| kill(*id)).count();
    }
    assert!(killed > 0, "there was a function to kill");

    let by_message: BTreeMap<_, _> = messages.iter().zip(&orders).collect();
    for (message, order) in by_message {
        let ended = async || {
            let charges = stage.charges(order).await.filter(|charges| *charges > 0);
            // A message whose receives were used up by the kills waits in a letter, and is not lost.
            if charges.is_some() { charges } else { stage.letter(message).await.map(|_| 0) }
        };
        let charges = until_for(Duration::from_secs(180), "the order is charged, or a letter", ended).await;
        assert!(charges <= 1, "order {order} was charged {charges} times");
    }
}
