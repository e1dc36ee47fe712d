//! Numbers of calls that a message makes, by its way: `make costs` multiplies them with prices.
//!
//! Measured of the real processor and indexer, over models that count; held to infra/calls.json. To change that file, run with
//! `WRITE_CALLS=1`, and look at the difference.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

use redrive_core::ids::Scope;
use redrive_core::letters::policy::Policy;
use redrive_core::message::decode::Reading;
use redrive_core::message::key::Pointer;
use redrive_core::processing::backoff::Schedule;
use redrive_core::processing::ledger::Origin;
use redrive_core::processing::mask::Masks;
use redrive_core::processing::outcome::{OutageBrake, Rules};
use redrive_engine::{IndexSettings, Indexer, Order as InOrder, ProcessSettings, Processor};
use redrive_testkit::clock::VirtualWorld;
use redrive_testkit::handlers::{Order, Play, Scripted};
use redrive_testkit::{Faults, ModelLedger, ModelLetters, ModelQueue};
use tokio::runtime::Handle;
use tokio::time::Instant;

const MINUTE: Duration = Duration::from_secs(60);
const DAY: Duration = Duration::from_secs(86_400);
/// As infra/template.yaml has it for standard queues.
const RECEIVES: u32 = 11;

/// Sends one message alone through a processor that hands over its dead itself, or leaves them to SQS. Returns the
/// calls that were made.
async fn measured(play: Play, direct: bool) -> BTreeMap<String, usize> {
    let faults = Faults::none();
    let dead = ModelQueue::new("dead").with_visibility(2 * MINUTE).with_retention(14 * DAY).with_faults(faults.clone());
    let main = ModelQueue::new("main").with_visibility(3 * MINUTE).with_retention(4 * DAY).with_faults(faults.clone());
    let main = main.with_redrive_policy(&dead, RECEIVES);
    let (ledger, letters) =
        (ModelLedger::new().with_faults(faults.clone()), ModelLetters::new().with_faults(faults.clone()));
    let reading =
        Reading { pointer: Pointer::parse("/order_id").ok(), ..Reading::new(main.arn(), Scope::new("main").unwrap()) };
    let settings = ProcessSettings {
        reading: reading.clone(),
        order: InOrder::Keys,
        rules: Rules { schedule: Schedule::parse("1s,5s,30s,2m,10m").unwrap(), max_receives: RECEIVES },
        handler_timeout: Duration::from_secs(10),
        claim_hold: Duration::from_millis(1_250),
        masks: Masks::default(),
        concurrency: 4,
        retention: 30 * DAY,
        settle_reserve: Duration::from_secs(1),
        clock_skew: Duration::from_secs(5),
        brake: OutageBrake::default(),
    };
    main.send(Order::body("o-1", 10), Default::default());
    let handler = Scripted::new().on("o-1", [play]).with_faults(faults.clone());
    let mut counts = BTreeMap::new();
    while !main.is_empty() && main.wait(DAY).await {
        let batch = main.receive_batch(10);
        if batch.is_empty() {
            continue;
        }
        let processor = Processor::with_dead_letters(
            handler.clone(),
            ledger.clone(),
            main.clone(),
            direct.then(|| dead.clone()),
            VirtualWorld::new(faults.clock().clone(), 7),
            settings.clone(),
            Handle::current(),
        );
        let report = processor.process(batch.clone(), Origin::default(), Instant::now() + MINUTE).await.unwrap();
        main.apply_response(&batch, &report.response);
        *counts.entry("processor: invocations".to_owned()).or_default() += 1;
        *counts.entry("processor: messages received".to_owned()).or_default() += batch.len();
    }
    let processed = faults.calls().len();
    let policy = Policy {
        rules: Vec::new(),
        cool_down: MINUTE,
        max_deaths: 3,
        resolved_retention: 90 * DAY,
        body_retention: 90 * DAY,
        outcome_after: 19 * DAY,
    };
    let settings =
        IndexSettings { reading, policy, pollers: 1, wait: Duration::from_secs(1), reserve: Duration::from_secs(3) };
    if !dead.is_empty() {
        let indexer = Indexer::new(dead.clone(), ledger, letters.clone(), faults.clock().clone(), settings);
        let report = indexer.drain(Instant::now() + MINUTE).await;
        assert_eq!((report.created, report.deleted, letters.all().len()), (1, 1, 1));
    }
    for (n, call) in faults.calls().into_iter().enumerate() {
        let function = if n < processed { "processor" } else { "indexer" };
        *counts.entry(format!("{function}: {}: {}", call.service, call.action)).or_default() += 1;
    }
    counts
}

#[tokio::test(start_paused = true)]
async fn the_calls_of_a_message_are_those_that_its_cost_is_reckoned_from() {
    let dies = || Play::Permanent;
    let ways = [
        ("success", measured(Play::Succeed, false).await),
        ("permanent_by_redrive", measured(dies(), false).await),
        ("permanent_direct", measured(dies(), true).await),
    ];
    let found = serde_json::to_string_pretty(&BTreeMap::from(ways)).unwrap() + "\n";
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../infra/calls.json");
    if std::env::var_os("WRITE_CALLS").is_some() {
        std::fs::write(&path, &found).unwrap();
    }
    assert_eq!(std::fs::read_to_string(&path).unwrap_or_default(), found, "WRITE_CALLS=1 writes infra/calls.json");
}
