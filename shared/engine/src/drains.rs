//! Several dead-letter queues emptied in one invocation, so that none waits for another to be empty.

use std::collections::VecDeque;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use redrive_core::message::source::LONGEST_LOOK;
use redrive_core::ports::{Causes, Clock, DeadLetterQueue, LedgerReader, Letters, Turns};
use tokio::time::Instant;

use crate::{DrainReport, Indexer};

/// Number of queues that are emptied at once.
pub const LANES: usize = 4;
/// A turn is no shorter, its reserve apart: a receive waits for a second, and a queue whose turn ends before it has begun is
/// not looked at.
const LEAST: Duration = Duration::from_secs(2);

/// A queue and how it went so far.
struct QueueProgress {
    place: usize,
    report: Option<DrainReport>,
}

/// Empties every queue, [`LANES`] at once, and answers with a report for each, in their order; `None` for one that had no
/// turn.
///
/// Whoever waits has an equal share of the time that is left; what an empty queue does not need is the others'. A queue that
/// is not empty at the end of its turn has another when all the others have had theirs; no turn is longer than
/// [`LONGEST_LOOK`], so that an invocation may last for as long as it takes until the next. The first turns start at `first`
/// (any number), so that an invocation that always ends too early does not always leave out the same queues.
pub async fn drain_all<D, R, T, C>(
    indexers: &[Indexer<D, R, T, C>],
    first: usize,
    deadline: Instant,
) -> Vec<Option<DrainReport>>
where
    D: DeadLetterQueue,
    R: LedgerReader,
    T: Letters + Causes + Turns,
    C: Clock,
{
    let count = indexers.len();
    let turns = (0..count).map(|n| QueueProgress { place: (first % count + n) % count, report: None });
    let waiting = Mutex::new(turns.collect::<VecDeque<_>>());
    let done = Mutex::new((0..count).map(|_| None).collect::<Vec<_>>());
    let lanes = (0..LANES.min(count)).map(|_| async {
        while let Some((mut turn, share)) = next(&waiting, deadline) {
            let indexer = &indexers[turn.place];
            if deadline.saturating_duration_since(Instant::now()) <= indexer.reserve() {
                put(&done, turn);
                continue;
            }
            let turn_time = share.min(LONGEST_LOOK).max(indexer.reserve() + LEAST);
            let end = deadline.min(Instant::now() + turn_time);
            let report = indexer.drain(end).await;
            let empty = Instant::now() + indexer.reserve() < end;
            turn.report = Some(turn.report.unwrap_or_default().and(report));
            if empty { put(&done, turn) } else { lock(&waiting).push_back(turn) }
        }
    });
    futures_util::future::join_all(lanes).await;
    done.into_inner().unwrap_or_else(PoisonError::into_inner)
}

/// Takes the queue whose turn it is, and says for how long.
fn next(waiting: &Mutex<VecDeque<QueueProgress>>, deadline: Instant) -> Option<(QueueProgress, Duration)> {
    let mut waiting = lock(waiting);
    let left = u32::try_from(waiting.len().div_ceil(LANES)).unwrap_or(u32::MAX);
    let turn = waiting.pop_front()?;
    Some((turn, deadline.saturating_duration_since(Instant::now()) / left))
}

fn put(done: &Mutex<Vec<Option<DrainReport>>>, turn: QueueProgress) {
    lock(done)[turn.place] = turn.report;
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
