use std::collections::{HashMap, HashSet};
use std::time::Duration;

use redrive_core::ids::{MessageId, ReceiptHandle};
use redrive_core::letters::policy::Policy;
use redrive_core::message::batch::Batch;
use redrive_core::message::decode::Reading;
use redrive_core::message::envelope::Record;
use redrive_core::ports::{Causes, Clock, DeadLetterQueue, LedgerReader, Letters, Turns};
use redrive_core::processing::mask::Redaction;
use redrive_core::time::Timestamp;
use tokio::time::Instant;
use tracing::warn;

use super::letter_admitter::LetterAdmitter;
use super::report::DrainReport;
use super::run::DrainMemory;
use super::sources::{IndexedSource, sorted, tell};

/// Number of messages that a receive gives, and a delete takes.
const RECEIVE: usize = 10;
/// Number of messages that are indexed together, and number of bytes of bodies end the gathering of them (the last receive may bring
/// more): the calls to the tables are shared, and memory stays small.
const STEP: usize = 100;
const STEP_BYTES: usize = 1 << 20;
/// Time for which a message waits for others to be indexed with.
const PATIENCE: Duration = Duration::from_secs(1);

/// Settings of the indexer, for all its queues.
#[derive(Debug, Clone)]
pub struct IndexSettings {
    /// Reading of the messages: the processor's own settings, or the keys would differ.
    pub reading: Reading,
    /// Policy by which a letter may be replayed.
    pub policy: Policy,
    /// Number of pollers that receive at once.
    pub pollers: usize,
    /// Time for which a receive waits for messages.
    pub wait: Duration,
    /// No receive starts with less time left.
    pub reserve: Duration,
}

/// Empties the dead-letter queue into letters.
#[derive(Debug)]
pub struct Indexer<D, R, T, C> {
    queue: D,
    pace: DrainPace,
    admitter: LetterAdmitter<R, T, C>,
}

/// Pace of its receives: see [`IndexSettings`].
#[derive(Debug)]
struct DrainPace {
    pollers: usize,
    wait: Duration,
    reserve: Duration,
}

impl<D, R, T, C> Indexer<D, R, T, C>
where
    D: DeadLetterQueue,
    R: LedgerReader,
    T: Letters + Causes + Turns,
    C: Clock,
{
    /// An indexer of the dead-letter queue of one source.
    pub fn new(queue: D, ledger: R, letters: T, clock: C, settings: IndexSettings) -> Self {
        let IndexSettings { reading, policy, pollers, wait, reserve } = settings;
        let source = IndexedSource { ledger, reading, policy, redaction: Redaction::default() };
        let admitter = LetterAdmitter { letters, clock, sources: vec![source] };
        Self { queue, pace: DrainPace { pollers, wait, reserve }, admitter }
    }

    /// Redaction of the texts that messages of its sources bring with them; those in the ledger were redacted before.
    #[must_use]
    pub fn with_redaction(mut self, redaction: Redaction) -> Self {
        self.admitter.sources.iter_mut().for_each(|source| source.redaction = redaction.clone());
        self
    }

    /// The same, where another source shares the dead-letter queue.
    #[must_use]
    pub fn shared_by(mut self, source: IndexedSource<R>) -> Self {
        self.admitter.sources.push(source);
        self
    }

    /// No receive starts with less time left.
    pub(crate) const fn reserve(&self) -> Duration {
        self.pace.reserve
    }

    /// Receives until the queue is empty or the deadline nears. May run twice, late, or beside itself.
    pub async fn drain(&self, deadline: Instant) -> DrainReport {
        let run = DrainMemory::default();
        let pollers = (0..self.pace.pollers.max(1)).map(|_| self.poll(&run, deadline));
        futures_util::future::join_all(pollers).await;
        self.admitter.record_open_causes(&run, deadline).await;
        tell(run.unlisted_sources());
        run.into_report()
    }

    async fn poll(&self, run: &DrainMemory, deadline: Instant) {
        let last_start = deadline.checked_sub(self.pace.reserve).unwrap_or(deadline);
        while Instant::now() < last_start {
            let (records, more) = self.gather(run, last_start).await;
            let oldest = records.iter().filter_map(sent_at).min();
            // What a hanging call leaves behind is seen again by the next drain.
            if tokio::time::timeout_at(deadline, self.index(records, run)).await.is_err() {
                warn!("the deadline came before the messages of a step were indexed");
                run.count(|report| report.left(oldest));
            }
            if !more {
                return;
            }
        }
    }

    /// Receives what is indexed together, and says whether there may be more: many messages share a call to a table. Nothing
    /// that was received waits long for others.
    ///
    /// Rule R33 of docs/protocol.md.
    async fn gather(&self, run: &DrainMemory, last_start: Instant) -> (Vec<Record>, bool) {
        let (mut records, mut bytes): (Vec<Record>, usize) = (Vec::new(), 0);
        let until = Instant::now() + PATIENCE;
        loop {
            match tokio::time::timeout_at(last_start, self.queue.receive(self.pace.wait)).await {
                Ok(Ok(more)) if more.is_empty() => return (records, false),
                Ok(Ok(more)) => {
                    run.count(|report| report.received += more.len());
                    bytes += more.iter().filter_map(|record| record.body.as_ref()).map(String::len).sum::<usize>();
                    let had = |new: &Record| records.iter().any(|record| record.message_id == new.message_id);
                    let nothing_new = more.iter().all(had);
                    records.extend(more);
                    if nothing_new {
                        return (records, true);
                    }
                }
                Ok(Err(error)) => {
                    warn!(%error, "dead-letter queue could not be received from");
                    run.count(|report| report.failed_receives += 1);
                    return (records, false);
                }
                Err(_) => return (records, false),
            }
            if records.len() + RECEIVE > STEP || bytes >= STEP_BYTES || Instant::now() >= until.min(last_start) {
                return (records, true);
            }
        }
    }

    async fn index(&self, records: Vec<Record>, run: &DrainMemory) {
        let count = records.len();
        // A record without an id would make the others unreadable.
        let named = |record: &Record| record.message_id.as_ref().is_some_and(|id| !id.is_empty());
        let records: Vec<_> = records.into_iter().filter(named).collect();
        let named = records.len();
        let Ok(batch) = Batch::open(records) else { return run.count(|report| report.skipped += count) };
        let unreadable = batch.unreadable.len();
        let fresh: Vec<_> = batch.envelopes.into_iter().filter(|dead| run.first_record(&dead.message_id)).collect();
        run.count(|report| {
            report.skipped += count - named + unreadable;
            report.repeated += named - unreadable - fresh.len();
        });
        let mut waiting: HashMap<_, _> = fresh.iter().map(|dead| (dead.message_id.clone(), dead.sent_at)).collect();
        // Write first, delete second.
        let known = self.admitter.admit(sorted(&self.admitter.sources, fresh, run), run).await;
        for id in self.delete(known, run).await {
            waiting.remove(&id);
        }
        run.count(|report| report.left(waiting.into_values().min()));
    }

    /// Deletes what the table knows, and says what was deleted.
    async fn delete(&self, known: Vec<(MessageId, ReceiptHandle)>, run: &DrainMemory) -> Vec<MessageId> {
        let ten = |ten: &[(MessageId, ReceiptHandle)]| self.queue.delete(ten.to_vec());
        let failed = futures_util::future::join_all(known.chunks(RECEIVE).map(ten)).await.concat();
        for (message_id, code) in &failed {
            warn!(%message_id, code, "indexed message was not deleted; the next drain knows it");
        }
        let failed: HashSet<_> = failed.into_iter().map(|(message_id, _)| message_id).collect();
        let deleted: Vec<_> = known.into_iter().map(|(id, _)| id).filter(|id| !failed.contains(id)).collect();
        run.count(|report| {
            report.deleted += deleted.len();
            report.delete_failures += failed.len();
        });
        deleted
    }
}

fn sent_at(record: &Record) -> Option<Timestamp> {
    record.system.get("SentTimestamp")?.parse().ok().map(Timestamp::from_millis)
}
