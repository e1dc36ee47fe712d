//! The indexer, over ports that keep nothing.

use std::sync::PoisonError;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use redrive_core::ids::{LetterId, MessageId, QueueArn, ReceiptHandle, Scope};
use redrive_core::letters::cause::{Cause, Recorded};
use redrive_core::letters::letter::{Letter, LetterWrite};
use redrive_core::letters::listing::{Cursor, Listing, Page};
use redrive_core::letters::policy::Policy;
use redrive_core::message::decode::Reading;
use redrive_core::message::envelope::Record;
use redrive_core::message::key::LedgerKey;
use redrive_core::ports::{Causes, DeadLetterQueue, LedgerReader, Letters, Turns, Unavailable, WriteError};
use redrive_core::processing::ledger::Entry;
use redrive_core::replay::GroupTurn;
use redrive_core::time::Timestamp;
use redrive_engine::{IndexSettings, Indexer};
use redrive_testkit::clock::VirtualClock;
use tokio::runtime::Builder;
use tokio::time::{Instant, sleep};

use crate::{ALONE, MEMORY, records_from};

/// Every call takes this long, so that pollers overlap.
const CALL: Duration = Duration::from_millis(5);

/// So many messages, of which none exists before it is received.
struct Endless {
    left: AtomicUsize,
}

impl DeadLetterQueue for Endless {
    async fn receive(&self, _: Duration) -> Result<Vec<Record>, Unavailable> {
        sleep(CALL).await;
        let left = self.left.load(Ordering::SeqCst);
        let ten = left.min(10);
        self.left.store(left - ten, Ordering::SeqCst);
        Ok(records_from(left - ten, ten))
    }

    async fn delete(&self, _: Vec<(MessageId, ReceiptHandle)>) -> Vec<(MessageId, String)> {
        sleep(CALL).await;
        Vec::new()
    }
}

struct Nothing;

impl LedgerReader for Nothing {
    async fn read(&self, keys: &[LedgerKey]) -> Result<Vec<Option<Entry>>, Unavailable> {
        sleep(CALL).await;
        Ok(vec![None; keys.len()])
    }
}

impl Letters for Nothing {
    async fn read(&self, ids: &[LetterId]) -> Result<Vec<Option<Letter>>, Unavailable> {
        sleep(CALL).await;
        Ok(vec![None; ids.len()])
    }

    async fn write(&self, writes: Vec<LetterWrite>) -> Vec<Result<(), WriteError<Letter>>> {
        sleep(CALL).await;
        writes.iter().map(|_| Ok(())).collect()
    }

    async fn scan(&self, _: Listing<'_>, _: Cursor, _: usize) -> Result<Page, Unavailable> {
        Ok(Page::default())
    }

    fn lanes(&self) -> Vec<Cursor> {
        vec![Cursor::START]
    }
}

impl Turns for Nothing {
    async fn turn(&self, _: &QueueArn, _: &str) -> Result<Option<GroupTurn>, Unavailable> {
        Ok(None)
    }

    async fn write_turn(&self, _: GroupTurn) -> Result<(), WriteError<GroupTurn>> {
        Ok(())
    }
}

impl Causes for Nothing {
    async fn erase_example(&self, _: &QueueArn, _: &str, _: LetterId) -> Result<(), Unavailable> {
        Ok(())
    }

    async fn record(&self, sightings: Vec<Cause>, _: Timestamp) -> Vec<Result<Recorded, Unavailable>> {
        vec![Ok(Recorded::Known); sightings.len()]
    }

    async fn causes(&self, _: &QueueArn, _: Option<String>, _: usize) -> Result<(Vec<Cause>, bool), Unavailable> {
        Ok((Vec::new(), false))
    }
}

/// Returns the peak of memory that a drain of so many letters needs, in bytes.
fn drained(count: usize) -> usize {
    let hour = Duration::from_secs(3_600);
    let settings = IndexSettings {
        reading: Reading::new(QueueArn::new("arn:aws:sqs:us-east-1:1:q").unwrap(), Scope::new("main").unwrap()),
        policy: Policy {
            rules: Vec::new(),
            cool_down: hour,
            max_deaths: 3,
            resolved_retention: hour,
            body_retention: hour,
            outcome_after: hour,
        },
        pollers: 4,
        wait: Duration::from_secs(1),
        reserve: Duration::from_secs(3),
    };
    let runtime = Builder::new_current_thread().enable_time().start_paused(true).build().unwrap();
    runtime.block_on(async {
        let queue = Endless { left: AtomicUsize::new(count) };
        let indexer = Indexer::new(queue, Nothing, Nothing, VirtualClock::new(), settings);
        let before = MEMORY.current_usage();
        MEMORY.reset_peak_usage();
        let report = indexer.drain(Instant::now() + Duration::from_secs(900)).await;
        assert_eq!((report.created, report.deleted), (count, count), "{report:?}");
        MEMORY.peak_usage().saturating_sub(before)
    })
}

#[test]
fn a_hundred_thousand_dead_messages_need_hardly_more_than_a_thousand() {
    let _alone = ALONE.lock().unwrap_or_else(PoisonError::into_inner);
    let (few, many) = (drained(1_000), drained(100_000));
    eprintln!("draining 1,000: {few} bytes at the peak; 100,000: {many}");
    // What is kept of each message that was seen: its hash. A message itself has a kilobyte.
    let each = many.saturating_sub(few) / 99_000;
    assert!(each < 32, "{each} bytes more for each message more");
}
