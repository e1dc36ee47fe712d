//! A batch of a dead letter topic, indexed: what is pushed to a function can only be answered, and not deleted.

use std::collections::{HashMap, HashSet};

use redrive_core::ids::{LetterId, MessageId};
use redrive_core::letters::admission::letter_ids;
use redrive_core::letters::dead_record::DeadRecord;
use redrive_core::message::decode::Inspected;
use redrive_core::ports::{Causes, Clock, LedgerReader, Letters, Turns};
use tokio::time::Instant;
use tracing::warn;

use super::letter_admitter::LetterAdmitter;
use super::report::DrainReport;
use super::run::DrainMemory;
use super::sources::{DeadToIndex, IndexedSource};

/// Number of records that are indexed together, and number of bytes of their bodies that end a step.
const STEP: usize = 100;
const STEP_BYTES: usize = 1 << 20;

/// Outcome of a batch of records.
#[derive(Debug)]
pub struct IndexedRecords {
    /// Counts of the letters. `deleted` are the records that may be acknowledged.
    pub report: DrainReport,
    /// Records that are no letters yet, in their order: they must come again.
    pub left: Vec<MessageId>,
}

/// Writes the records of one dead letter topic down as letters.
#[derive(Debug)]
pub struct RecordIndexer<R, T, C> {
    admitter: LetterAdmitter<R, T, C>,
}

impl<R, T, C> RecordIndexer<R, T, C>
where
    R: LedgerReader,
    T: Letters + Causes + Turns,
    C: Clock,
{
    /// An indexer of the records that died in one source.
    pub fn new(letters: T, clock: C, source: IndexedSource<R>) -> Self {
        Self { admitter: LetterAdmitter { letters, clock, sources: vec![source] } }
    }

    /// Writes records down, each unless it is known. May run twice, late, or beside itself.
    pub async fn index(&self, records: Vec<DeadRecord>, deadline: Instant) -> IndexedRecords {
        let run = DrainMemory::default();
        run.count(|report| report.received = records.len());
        let ids: Vec<_> = records.iter().map(|dead| dead.envelope.message_id.clone()).collect();
        let mut left: HashSet<_> = ids.iter().cloned().collect();
        run.count(|report| report.repeated = ids.len() - left.len());
        let steps = self.admitter.sources.first().map(|source| steps(source, records, &run));
        for step in steps.into_iter().flatten() {
            let Ok(known) = tokio::time::timeout_at(deadline, self.admitter.admit(vec![(0, step)], &run)).await else {
                warn!("the deadline came before all records of a batch were indexed");
                break;
            };
            run.count(|report| report.deleted += known.len());
            for (id, _) in known {
                left.remove(&id);
            }
        }
        self.admitter.record_open_causes(&run, deadline).await;
        let left = ids.into_iter().filter(|id| left.remove(id)).collect();
        IndexedRecords { report: run.into_report(), left }
    }
}

/// Parts of a batch that are looked up and written together. Two records of one letter are never in the same: the second is decided
/// about when the first is there.
fn steps<R>(source: &IndexedSource<R>, records: Vec<DeadRecord>, run: &DrainMemory) -> Vec<Vec<DeadToIndex>> {
    let (mut steps, mut sizes): (Vec<Vec<DeadToIndex>>, Vec<usize>) = (Vec::new(), Vec::new());
    let mut next_of: HashMap<LetterId, usize> = HashMap::new();
    for dead in records.into_iter().filter(|dead| run.first_record(&dead.envelope.message_id)) {
        let (letter, fresh) = fresh(source, dead);
        let bytes = fresh.inspected.envelope.body.len();
        let next = next_of.entry(letter).or_default();
        let fits = |step: &usize| sizes[*step] + bytes <= STEP_BYTES && steps[*step].len() < STEP;
        let place = (*next..steps.len()).find(fits).unwrap_or(steps.len());
        *next = place + 1;
        if place == steps.len() {
            steps.push(Vec::new());
            sizes.push(0);
        }
        steps[place].push(fresh);
        sizes[place] += bytes;
    }
    steps
}

/// A record as it is read, and the letter that it would be.
fn fresh<R>(source: &IndexedSource<R>, DeadRecord { envelope, stated }: DeadRecord) -> (LetterId, DeadToIndex) {
    let inspected = Inspected::new(envelope, &source.reading);
    let stated = source.redacted(stated, &inspected);
    let (named, own) = letter_ids(&inspected, &source.reading);
    (named.unwrap_or(own), DeadToIndex { inspected, claimed: false, stated: Some(stated) })
}
