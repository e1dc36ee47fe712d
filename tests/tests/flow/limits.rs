//! A queue that takes less than SQS's own limit: what goes there is made to fit, or refused before it is claimed.

use redrive_core::letters::letter::{Letter, Status};
use redrive_core::message::redrive::ATTRIBUTE;
use redrive_core::replay::{ReplayOptions, Request, Selection};
use redrive_engine::ReplayReport;
use redrive_testkit::{Faults, ModelQueue};
use serde_json::json;

use crate::job_bench::JobBench;

/// Limit of the queue in bytes.
const LIMIT: usize = 1_000;

fn letter(bench: &JobBench, n: usize, bytes: usize, stable: bool) -> Letter {
    let plain = bench.letter(n, "c");
    let empty = json!({"order_id": format!("o-{n}"), "more": ""}).to_string().len();
    let payload = json!({"order_id": format!("o-{n}"), "more": "x".repeat(bytes - empty)}).to_string();
    let letter = Letter { payload, key_is_stable: stable, ..plain };
    bench.letters.force(letter.clone());
    letter
}

async fn replay(bench: &JobBench, letters: &[&Letter], options: ReplayOptions) -> ReplayReport {
    let selection = Selection::Ids(letters.iter().map(|letter| letter.id).collect());
    let dry = bench.run("looker", &Request::DryRun { selection: selection.clone(), options: options.clone() }).await;
    let report = bench.run("ann", &Request::Replay { selection, by: "ann".to_owned(), options }).await;
    assert_eq!(
        (dry.would_send, dry.no_attribute_slot, dry.too_large, dry.too_large_letters),
        (report.sent, report.no_attribute_slot, report.too_large, report.too_large_letters.clone()),
        "a dry run says the same"
    );
    report
}

fn carried(queue: &ModelQueue) -> Vec<bool> {
    queue.messages().iter().map(|message| message.attributes.contains_key(ATTRIBUTE)).collect()
}

#[tokio::test(start_paused = true)]
async fn a_message_near_the_queues_own_limit_goes_without_our_attribute_or_is_refused_before_it_is_claimed() {
    let bench = JobBench::new(&Faults::none());
    bench.gauges.set_limit(LIMIT);
    let (small, tight) = (letter(&bench, 1, 100, true), letter(&bench, 2, LIMIT - 50, true));
    let (nameless, large) = (letter(&bench, 3, LIMIT - 50, false), letter(&bench, 4, LIMIT + 1, true));
    let report = replay(&bench, &[&small, &tight, &nameless, &large], ReplayOptions::default()).await;
    assert_eq!((report.sent, report.no_attribute_slot, report.too_large, report.not_sent), (2, 1, 1, 0));
    let why = format!("message has {} bytes, and the queue takes {LIMIT}: raise its MaximumMessageSize", LIMIT + 1);
    assert!(report.too_large_letters[0].why.starts_with(&why), "{report:?}");
    assert_eq!(carried(&bench.queue), [true, false]);
    for refused in [&nameless, &large] {
        let now = bench.letters.letter(refused.id).unwrap();
        assert!(now.status == Status::Pending && now.number.0 == 0, "it was never claimed");
    }
    let report = replay(&bench, &[&nameless], ReplayOptions { as_new: true, ..ReplayOptions::default() }).await;
    assert_eq!((report.sent, carried(&bench.queue)), (1, vec![true, false, false]), "a person took it upon himself");
    let report = replay(&bench, &[&large], ReplayOptions { as_new: true, ..ReplayOptions::default() }).await;
    assert_eq!((report.sent, report.too_large), (0, 1), "nobody can take upon himself what SQS refuses");
}

#[tokio::test(start_paused = true)]
async fn a_queue_that_does_not_say_how_much_it_takes_is_taken_at_sqss_own_limit() {
    let bench = JobBench::new(&Faults::none());
    bench.gauges.set_limit(LIMIT);
    bench.gauges.set_silent(true);
    let tight = letter(&bench, 1, LIMIT - 50, false);
    assert_eq!(replay(&bench, &[&tight], ReplayOptions::default()).await.sent, 1);
    assert_eq!(carried(&bench.queue), [true]);
}
