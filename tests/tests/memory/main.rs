//! Memory grows with what is under way at once, and not with what there is to do. A binary of its own: its allocator counts.

#![allow(clippy::expect_used, clippy::unwrap_used, clippy::panic, reason = "these are tests")]

mod draining;
mod replaying;

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use peak_alloc::PeakAlloc;
use redrive_core::fault::Fault;
use redrive_core::ids::{MessageId, QueueArn, Scope};
use redrive_core::message::decode::Reading;
use redrive_core::message::envelope::Record;
use redrive_core::message::key::{LedgerKey, Pointer};
use redrive_core::ports::{CommitError, Ledger, MainQueue, Unavailable, VisibilityChange, WriteError};
use redrive_core::processing::backoff::Schedule;
use redrive_core::processing::handler::{Context, Handler};
use redrive_core::processing::ledger::{Entry, EntryWrite, Origin};
use redrive_core::processing::mask::Masks;
use redrive_core::processing::outcome::{OutageBrake, Rules};
use redrive_engine::{Order, ProcessSettings, Processor};
use redrive_testkit::clock::{VirtualClock, VirtualWorld};
use serde::Deserialize;
use tokio::runtime::{Builder, Handle};
use tokio::time::Instant;

#[global_allocator]
static MEMORY: PeakAlloc = PeakAlloc;

/// Lock for one measurement at a time: they share the allocator.
static ALONE: Mutex<()> = Mutex::new(());

/// Measures the peak of memory that some work needs above what was there before it, in bytes. Returns it with the
/// work's result.
fn peak_of<T>(work: impl FnOnce() -> T) -> (usize, T) {
    let before = MEMORY.current_usage();
    MEMORY.reset_peak_usage();
    let done = work();
    (MEMORY.peak_usage().saturating_sub(before), done)
}

/// A ledger that agrees to everything and keeps nothing.
#[derive(Clone)]
struct Agrees;

impl Ledger<()> for Agrees {
    async fn write(&self, writes: Vec<EntryWrite>) -> Vec<Result<(), WriteError<Entry>>> {
        tokio::time::sleep(Duration::from_millis(5)).await;
        writes.iter().map(|_| Ok(())).collect()
    }

    async fn commit(&self, _: EntryWrite, (): &()) -> Result<(), CommitError> {
        tokio::time::sleep(Duration::from_millis(5)).await;
        Ok(())
    }

    async fn look(&self, keys: &[LedgerKey]) -> Result<Vec<Option<Entry>>, Unavailable> {
        Ok(vec![None; keys.len()])
    }
}

struct Quiet;

impl MainQueue for Quiet {
    async fn change_visibility(&self, _: Vec<VisibilityChange>) -> Vec<(MessageId, String)> {
        Vec::new()
    }
}

/// A message whose decoded body takes ten times what its text does.
#[derive(Deserialize)]
struct Wide {
    numbers: Vec<serde_json::Value>,
}

struct Adder;

impl Handler for Adder {
    type Message = Wide;
    type Effects = ();
    async fn handle(&self, wide: &Wide, _: &Context) -> Result<(), Fault> {
        tokio::time::sleep(Duration::from_millis(10)).await;
        if wide.numbers.is_empty() { Err(Fault::permanent("empty", "there are no numbers")) } else { Ok(()) }
    }
}

fn records(count: usize) -> Vec<Record> {
    records_from(0, count)
}

fn records_from(first: usize, count: usize) -> Vec<Record> {
    let numbers = vec!["1"; 250].join(",");
    let record = |n: usize| Record {
        message_id: Some(format!("3f333df6-90a4-4fda-8dd3-{n:012}")),
        receipt_handle: Some("h".repeat(200)),
        body: Some(format!("{{\"order_id\":\"o-{n}\",\"numbers\":[{numbers}]}}")),
        system: [("SentTimestamp".to_owned(), "1763787600123".to_owned())].into(),
        ..Record::default()
    };
    (first..first + count).map(record).collect()
}

fn processed(count: usize) -> usize {
    let reading = Reading {
        pointer: Pointer::parse("/order_id").ok(),
        ..Reading::new(QueueArn::new("arn:aws:sqs:us-east-1:1:q").unwrap(), Scope::new("main").unwrap())
    };
    let settings = ProcessSettings {
        reading,
        order: Order::Keys,
        rules: Rules { schedule: Schedule::parse("steps").unwrap(), max_receives: 11 },
        handler_timeout: Duration::from_secs(60),
        claim_hold: Duration::from_millis(7_500),
        masks: Masks::default(),
        concurrency: 64,
        retention: Duration::from_secs(86_400),
        settle_reserve: Duration::from_secs(1),
        clock_skew: Duration::from_secs(5),
        brake: OutageBrake::default(),
    };
    let runtime = Builder::new_current_thread().enable_time().start_paused(true).build().unwrap();
    runtime.block_on(async {
        let world = VirtualWorld::new(VirtualClock::new(), 7);
        let processor = Processor::new(Adder, Agrees, Quiet, world, settings, Handle::current());
        let batch = records(count);
        let (peak, report) = {
            let before = MEMORY.current_usage();
            MEMORY.reset_peak_usage();
            let report = processor.process(batch, Origin::default(), Instant::now() + Duration::from_secs(800)).await;
            (MEMORY.peak_usage().saturating_sub(before), report.unwrap())
        };
        assert_eq!(report.counts.completed, count);
        peak
    })
}

#[test]
fn a_batch_of_ten_thousand_is_decoded_as_its_turn_comes() {
    let _alone = ALONE.lock().unwrap_or_else(PoisonError::into_inner);
    let (few, many) = (processed(1_000), processed(10_000));
    let (input, _) = peak_of(|| records(10_000));
    eprintln!("above a batch of 1,000: {few} bytes; of 10,000, which has {input}: {many}");
    // What is kept of each waiting message: its place, its seat, its end. Decoded, each would take some 18 KB.
    let each = many.saturating_sub(few) / 9_000;
    assert!(each < 1_024, "{each} bytes more for each message more");
}
