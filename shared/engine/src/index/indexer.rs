use std::collections::{HashMap, HashSet};
use std::time::Duration;

use redrive_core::ids::{MessageId, ReceiptHandle};
use redrive_core::letters::admission::{Admission, admit};
use redrive_core::letters::cause::{Cause, Recorded};
use redrive_core::letters::letter::{Letter, LetterWrite, Status};
use redrive_core::letters::policy::Policy;
use redrive_core::message::batch::Batch;
use redrive_core::message::decode::Reading;
use redrive_core::message::envelope::Record;
use redrive_core::ports::{Causes, Clock, DeadLetterQueue, LedgerReader, Letters, Turns, WriteError};
use redrive_core::processing::mask::Redaction;
use redrive_core::replay::Entering;
use redrive_core::time::Timestamp;
use tokio::time::Instant;
use tracing::{info, warn};

use super::dead::Dead;
use super::look_up::look_up;
use super::report::DrainReport;
use super::run::DrainMemory;
use super::sources::{IndexedSource, sorted, tell};
use crate::group_places;
use crate::rounds::ROUNDS;

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
    letters: T,
    clock: C,
    pace: DrainPace,
    /// The queues whose dead letters it holds, at least one.
    sources: Vec<IndexedSource<R>>,
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
        Self { queue, letters, clock, pace: DrainPace { pollers, wait, reserve }, sources: vec![source] }
    }

    /// Redaction of the texts that messages of its sources bring with them; those in the ledger were redacted before.
    #[must_use]
    pub fn with_redaction(mut self, redaction: Redaction) -> Self {
        self.sources.iter_mut().for_each(|source| source.redaction = redaction.clone());
        self
    }

    /// The same, where another source shares the dead-letter queue.
    #[must_use]
    pub fn shared_by(mut self, source: IndexedSource<R>) -> Self {
        self.sources.push(source);
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
        let causes = run.open_causes();
        let count = causes.len();
        let failed = tokio::time::timeout_at(deadline, self.record(causes, &run)).await;
        run.count(|report| report.unrecorded_causes += failed.map_or(count, |failed| failed.len()));
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
        let mut dead = Vec::with_capacity(waiting.len());
        for of_one in sorted(&self.sources, fresh, run) {
            dead.extend(look_up(&self.sources, &self.letters, of_one, run).await);
        }
        // Write first, delete second.
        let known = self.write_in_order(dead, run).await;
        for id in self.delete(known, run).await {
            waiting.remove(&id);
        }
        run.count(|report| report.left(waiting.into_values().min()));
    }

    /// Writes letters, those of a FIFO queue's group one after the other: if one of them cannot be written, those behind it stay in
    /// the dead-letter queue, too. So of a group the letter that comes first in order is there first.
    async fn write_in_order(&self, dead: Vec<Dead>, run: &DrainMemory) -> Vec<(MessageId, ReceiptHandle)> {
        let (mut ranks, mut met): (Vec<Vec<Dead>>, HashMap<String, usize>) = (Vec::new(), HashMap::new());
        for dead in dead {
            let envelope = &dead.inspected.envelope;
            let group = envelope.group.as_ref().filter(|_| envelope.sequence.is_some());
            let rank = group.map_or(0, |group| {
                let next = met.entry(group.clone()).or_default();
                *next += 1;
                *next - 1
            });
            ranks.resize_with(ranks.len().max(rank + 1), Vec::new);
            ranks[rank].push(dead);
        }
        let (mut known, mut stuck) = (Vec::new(), HashSet::new());
        for mut rank in ranks {
            let before = rank.len();
            rank.retain(|dead| dead.inspected.envelope.group.as_ref().is_none_or(|group| !stuck.contains(group)));
            run.count(|report| report.unavailable += before - rank.len());
            let of = |dead: &Dead| (dead.inspected.envelope.message_id.clone(), dead.inspected.envelope.group.clone());
            let all: Vec<_> = rank.iter().map(of).collect();
            let written = self.write(rank, run).await;
            let done: HashSet<_> = written.iter().map(|(id, _)| id.clone()).collect();
            stuck.extend(all.into_iter().filter(|(id, _)| !done.contains(id)).filter_map(|(_, group)| group));
            known.extend(written);
        }
        known
    }

    /// Writes what is decided, deciding again where something changed meanwhile; returns the messages that the table
    /// knows now.
    ///
    /// Rule R29 of docs/protocol.md.
    async fn write(&self, mut open: Vec<Dead>, run: &DrainMemory) -> Vec<(MessageId, ReceiptHandle)> {
        let mut known = Vec::with_capacity(open.len());
        for _ in 0..ROUNDS {
            let (mut admitted, mut writes) = (Vec::new(), Vec::new());
            for dead in open {
                let IndexedSource { reading, policy, .. } = &self.sources[dead.source];
                match admit(&dead.inspected, &dead.found, reading, policy, self.clock.now()) {
                    Admission::Create(letter) => {
                        writes.push(LetterWrite::create(*letter));
                        admitted.push(dead);
                    }
                    Admission::Change(letter) => {
                        writes.push(LetterWrite::change(*letter));
                        admitted.push(dead);
                    }
                    Admission::Delete => known.push(handle(&dead)),
                    Admission::Leave(why) => {
                        info!(message_id = %dead.inspected.envelope.message_id, ?why, "message stays in the dead-letter queue");
                        run.count(|report| report.leave(why));
                    }
                }
            }
            if writes.is_empty() {
                return known;
            }
            let (admitted, writes) = self.entered(admitted, writes, run).await;
            // A cause first, so that none is missing that a letter names.
            let now = self.clock.now();
            let policy = |dead: &Dead| &self.sources[dead.source].policy;
            let sightings =
                admitted.iter().zip(&writes).filter_map(|(dead, write)| Cause::of(&write.letter, policy(dead), now));
            run.put_back(self.record(run.merge(sightings), run).await);
            let answers = self.letters.write(writes.clone()).await;
            open = Vec::new();
            for ((mut dead, write), answer) in admitted.into_iter().zip(writes).zip(answers) {
                match answer {
                    // A lost answer: what is found is what was written.
                    Err(WriteError::Condition(Some(found))) if *found == write.letter => {
                        known.push(settled(&dead, &write, run))
                    }
                    Ok(()) => known.push(settled(&dead, &write, run)),
                    Err(WriteError::Condition(found)) => {
                        dead.found.saw(&dead.inspected, write.letter.id, found.map(|letter| *letter));
                        open.push(dead);
                    }
                    Err(WriteError::Unavailable(error)) => {
                        warn!(message_id = %dead.inspected.envelope.message_id, %error, "letter was not written");
                        run.count(|report| report.unavailable += 1);
                    }
                }
            }
        }
        run.count(|report| report.unavailable += open.len());
        known
    }

    /// Enters letters that are to wait in their FIFO groups. Leaves out those that could not be entered: they stay in the queue.
    async fn entered(
        &self,
        admitted: Vec<Dead>,
        writes: Vec<LetterWrite>,
        run: &DrainMemory,
    ) -> (Vec<Dead>, Vec<LetterWrite>) {
        let waiting = admitted.iter().zip(&writes).filter(|(_, write)| write.letter.status == Status::Pending);
        let entering = waiting.map(|(dead, LetterWrite { letter, .. })| {
            let former = dead.found.letter(letter.id).and_then(|former| former.sequence.as_deref());
            Entering { letter, former }
        });
        let places = group_places::enter(&self.letters, entering, self.clock.now()).await;
        let before = admitted.len();
        let kept = admitted.into_iter().zip(writes).filter(|(_, write)| !places.left.contains(&write.letter.id));
        let placed = |write: LetterWrite| LetterWrite { letter: places.placed(write.letter), ..write };
        let (admitted, writes): (Vec<_>, Vec<_>) = kept.map(|(dead, write)| (dead, placed(write))).unzip();
        run.count(|report| report.unavailable += before - admitted.len());
        (admitted, writes)
    }

    /// Writes sightings down, and gives those back that were not written. They keep no letter out.
    async fn record(&self, sightings: Vec<Cause>, run: &DrainMemory) -> Vec<Cause> {
        let mut failed = Vec::new();
        if sightings.is_empty() {
            return failed;
        }
        let answers = self.letters.record(sightings.clone(), self.clock.now()).await;
        for (cause, answer) in sightings.into_iter().zip(answers) {
            let (fingerprint, error_type) = (&cause.fingerprint, cause.error_type.as_str());
            match answer {
                Ok(Recorded::Known) => {}
                Ok(Recorded::New) => {
                    let letter_id = cause.example;
                    warn!(fingerprint, error_type, %letter_id, "messages die of a new cause");
                    run.count(|report| report.new_fingerprints += 1);
                }
                Err(error) => {
                    warn!(%error, fingerprint, "cause was not recorded");
                    failed.push(cause);
                }
            }
        }
        failed
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

/// Counts and logs a letter that was written.
fn settled(dead: &Dead, write: &LetterWrite, run: &DrainMemory) -> (MessageId, ReceiptHandle) {
    log(dead, &write.letter);
    run.count(|report| report.count(&write.letter, write.replaces.is_none()));
    handle(dead)
}

fn handle(dead: &Dead) -> (MessageId, ReceiptHandle) {
    (dead.inspected.envelope.message_id.clone(), dead.inspected.envelope.receipt_handle.clone())
}

fn log(dead: &Dead, letter: &Letter) {
    let (message_id, letter_id, status) = (&dead.inspected.envelope.message_id, letter.id, letter.status);
    let (error_type, fingerprint) = (letter.reason.error_type.as_str(), &letter.fingerprint);
    let (deaths, attempts) = (letter.deaths, letter.reason.attempt_count);
    info!(%message_id, %letter_id, %status, error_type, fingerprint, deaths, attempts, "message indexed");
}
