use std::collections::{BTreeMap, HashSet};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use redrive_core::admission::{Admission, Findings, Leave, LedgerView, admit, letter_ids, ownerless_key};
use redrive_core::batch::Batch;
use redrive_core::decode::{Inspected, Reading};
use redrive_core::envelope::Record;
use redrive_core::foreign::{Said, Teller};
use redrive_core::ids::{MessageId, ReceiptHandle};
use redrive_core::letter::{Happening, Letter, LetterWrite, Status};
use redrive_core::mask::Redaction;
use redrive_core::policy::Policy;
use redrive_core::ports::{Clock, DeadLetterQueue, LedgerReader, Letters, Unavailable, WriteError};
use serde::Serialize;
use tokio::time::Instant;
use tracing::{info, warn};

use crate::ROUNDS;

/// How the indexer works.
#[derive(Debug, Clone)]
pub struct IndexSettings {
    /// How messages are read: the processor's own settings, or the keys would differ.
    pub reading: Reading,
    /// When a letter may be replayed.
    pub policy: Policy,
    /// How many receive at once.
    pub pollers: usize,
    /// How long a receive waits for messages.
    pub wait: Duration,
    /// No receive starts with less time left.
    pub reserve: Duration,
}

/// What became of the messages of one drain.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct DrainReport {
    /// Messages received.
    pub received: usize,
    /// New letters.
    pub created: usize,
    /// Of these and of the changed ones: PENDING, by error type.
    pub pending: BTreeMap<&'static str, usize>,
    /// New letters that are RESOLVED at once, and old ones that came to it.
    pub resolved: usize,
    /// Letters that died again, or whose copy did.
    pub changed: usize,
    /// Messages deleted from the queue.
    pub deleted: usize,
    /// Messages that should have been deleted and were not; the next drain knows them.
    pub delete_failures: usize,
    /// Left in the queue: somebody still runs them.
    pub lease_live: usize,
    /// Left in the queue: a table or queue did not answer.
    pub unavailable: usize,
    /// Left in the queue: without an id or a timestamp, or seen twice in this drain.
    pub skipped: usize,
}

impl DrainReport {
    fn count(&mut self, letter: &Letter, new: bool) {
        let resolved_now = letter.history.last().is_some_and(|event| event.what == Happening::Resolved);
        if new {
            self.created += 1;
        } else {
            self.changed += 1;
        }
        match letter.status {
            Status::Pending => *self.pending.entry(letter.reason.error_type.as_str()).or_default() += 1,
            Status::Resolved if resolved_now => self.resolved += 1,
            _ => {}
        }
    }

    /// Both together.
    #[must_use]
    pub fn and(mut self, other: Self) -> Self {
        let Self { received, created, pending, resolved, changed, deleted, .. } = other;
        let Self { delete_failures, lease_live, unavailable, skipped, .. } = other;
        pending.into_iter().for_each(|(error_type, count)| *self.pending.entry(error_type).or_default() += count);
        self.received += received;
        self.created += created;
        self.resolved += resolved;
        self.changed += changed;
        self.deleted += deleted;
        self.delete_failures += delete_failures;
        self.lease_live += lease_live;
        self.unavailable += unavailable;
        self.skipped += skipped;
        self
    }

    fn leave(&mut self, why: Leave) {
        match why {
            Leave::LeaseLive => self.lease_live += 1,
        }
    }
}

/// Empties the dead-letter queue into letters.
#[derive(Debug)]
pub struct Indexer<D, R, T, C> {
    queue: D,
    ledger: R,
    letters: T,
    clock: C,
    settings: IndexSettings,
    redaction: Redaction,
}

/// One drain's memory: every id is looked at once.
#[derive(Default)]
struct Run {
    seen: Mutex<HashSet<MessageId>>,
    report: Mutex<DrainReport>,
}

impl Run {
    fn first_sight(&self, id: &MessageId) -> bool {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner).insert(id.clone())
    }

    fn count(&self, count: impl FnOnce(&mut DrainReport)) {
        count(&mut self.report.lock().unwrap_or_else(PoisonError::into_inner));
    }
}

/// A message and what the tables say of it.
struct Dead {
    seen: Inspected,
    found: Findings,
}

impl<D, R, T, C> Indexer<D, R, T, C>
where
    D: DeadLetterQueue,
    R: LedgerReader,
    T: Letters,
    C: Clock,
{
    /// An indexer of one queue pair.
    pub fn new(queue: D, ledger: R, letters: T, clock: C, settings: IndexSettings) -> Self {
        Self { queue, ledger, letters, clock, settings, redaction: Redaction::default() }
    }

    /// What is done to the texts that messages bring with them; those in the ledger were redacted before.
    #[must_use]
    pub fn with_redaction(self, redaction: Redaction) -> Self {
        Self { redaction, ..self }
    }

    /// No receive starts with less time left.
    pub(crate) const fn reserve(&self) -> Duration {
        self.settings.reserve
    }

    /// Receives until the queue is empty or the deadline nears. May run twice, late, or beside itself.
    pub async fn drain(&self, deadline: Instant) -> DrainReport {
        let run = Run::default();
        let pollers = (0..self.settings.pollers.max(1)).map(|_| self.poll(&run, deadline));
        futures_util::future::join_all(pollers).await;
        run.report.into_inner().unwrap_or_else(PoisonError::into_inner)
    }

    async fn poll(&self, run: &Run, deadline: Instant) {
        while deadline.saturating_duration_since(Instant::now()) > self.settings.reserve {
            match self.queue.receive(self.settings.wait).await {
                Ok(records) if records.is_empty() => return,
                // What a hanging call leaves behind is seen again by the next drain.
                Ok(records) => drop(tokio::time::timeout_at(deadline, self.index(records, run)).await),
                Err(error) => {
                    warn!(%error, "dead-letter queue could not be received from");
                    run.count(|report| report.unavailable += 1);
                    return;
                }
            }
        }
    }

    async fn index(&self, records: Vec<Record>, run: &Run) {
        let count = records.len();
        run.count(|report| report.received += count);
        let Ok(batch) = Batch::open(records) else {
            run.count(|report| report.skipped += count);
            return;
        };
        let fresh: Vec<_> = batch.envelopes.into_iter().filter(|dead| run.first_sight(&dead.message_id)).collect();
        run.count(|report| report.skipped += count - fresh.len());
        let fresh: Vec<_> = fresh.into_iter().map(|dead| Inspected::new(dead, &self.settings.reading)).collect();
        let count = fresh.len();
        let dead = match self.look_up(fresh).await {
            Ok(dead) => dead,
            Err(error) => {
                warn!(%error, count, "tables could not be read; the messages stay in the dead-letter queue");
                run.count(|report| report.unavailable += count);
                return;
            }
        };
        // Write first, delete second.
        let known = self.write(dead, run).await;
        self.delete(known, run).await;
    }

    /// Reads everything that the tables know of these messages.
    async fn look_up(&self, fresh: Vec<Inspected>) -> Result<Vec<Dead>, Unavailable> {
        let mut keys = Vec::with_capacity(fresh.len() * 2);
        let mut ids = Vec::with_capacity(fresh.len() * 2);
        for dead in &fresh {
            keys.push(ownerless_key(dead));
            // Without a key of its own it can have no entry but the ownerless one.
            keys.push(dead.owned().unwrap_or_else(|| ownerless_key(dead)));
            let (named, own) = letter_ids(dead, &self.settings.reading);
            ids.extend([named.unwrap_or(own), own]);
        }
        let ledger = if self.ledger.is_kept() { LedgerView::Read } else { LedgerView::None };
        let (entries, letters) = (self.ledger.read(&keys).await?, self.letters.read(&ids).await?);
        let (mut entries, mut letters) = (entries.into_iter(), letters.into_iter());
        let dead = fresh.into_iter().map(|seen| {
            let ownerless = entries.next().flatten();
            let owned = entries.next().flatten().filter(|_| seen.owned().is_some());
            let named = letters.next().flatten().filter(|_| seen.redrive.is_some());
            let own = letters.next().flatten();
            let said = self.said(&seen);
            Dead { seen, found: Findings { ledger, said, ownerless, owned, named, own } }
        });
        Ok(dead.collect())
    }

    /// What a message says by itself about its death, fit to be stored.
    fn said(&self, seen: &Inspected) -> Option<Said> {
        let said = Said::of(&seen.envelope)?;
        if said.by == Teller::Sns {
            // Our own words.
            return Some(said);
        }
        let text = self.redaction.apply(&said.text, seen.json.as_ref().ok());
        Some(Said { text, ..said })
    }

    /// Writes what is decided, deciding again where something changed meanwhile; returns the messages that the table
    /// knows now.
    async fn write(&self, mut open: Vec<Dead>, run: &Run) -> Vec<(MessageId, ReceiptHandle)> {
        let (reading, policy) = (&self.settings.reading, &self.settings.policy);
        let mut known = Vec::with_capacity(open.len());
        for _ in 0..ROUNDS {
            let (mut asked, mut writes) = (Vec::new(), Vec::new());
            for dead in open {
                match admit(&dead.seen, &dead.found, reading, policy, self.clock.now()) {
                    Admission::Create(letter) => {
                        writes.push(LetterWrite::create(*letter));
                        asked.push(dead);
                    }
                    Admission::Change(letter) => {
                        writes.push(LetterWrite::change(*letter));
                        asked.push(dead);
                    }
                    Admission::Delete => known.push(handle(&dead)),
                    Admission::Leave(why) => {
                        info!(message_id = %dead.seen.envelope.message_id, ?why, "message stays in the dead-letter queue");
                        run.count(|report| report.leave(why));
                    }
                }
            }
            if writes.is_empty() {
                return known;
            }
            let answers = self.letters.write(writes.clone()).await;
            open = Vec::new();
            for ((mut dead, write), answer) in asked.into_iter().zip(writes).zip(answers) {
                match answer {
                    // A lost answer: what is found is what was written.
                    Err(WriteError::Condition(Some(found))) if *found == write.letter => {
                        known.push(settled(&dead, &write, run))
                    }
                    Ok(()) => known.push(settled(&dead, &write, run)),
                    Err(WriteError::Condition(found)) => {
                        dead.found.saw(&dead.seen, write.letter.id, found.map(|letter| *letter));
                        open.push(dead);
                    }
                    Err(WriteError::Unavailable(error)) => {
                        warn!(message_id = %dead.seen.envelope.message_id, %error, "letter was not written");
                        run.count(|report| report.unavailable += 1);
                    }
                }
            }
        }
        run.count(|report| report.unavailable += open.len());
        known
    }

    async fn delete(&self, known: Vec<(MessageId, ReceiptHandle)>, run: &Run) {
        let count = known.len();
        if count == 0 {
            return;
        }
        let failed = self.queue.delete(known).await;
        for (message_id, code) in &failed {
            warn!(%message_id, code, "indexed message was not deleted; the next drain knows it");
        }
        run.count(|report| {
            report.deleted += count.saturating_sub(failed.len());
            report.delete_failures += failed.len();
        });
    }
}

/// Counts and logs a letter that was written.
fn settled(dead: &Dead, write: &LetterWrite, run: &Run) -> (MessageId, ReceiptHandle) {
    log(dead, &write.letter);
    run.count(|report| report.count(&write.letter, write.replaces.is_none()));
    handle(dead)
}

fn handle(dead: &Dead) -> (MessageId, ReceiptHandle) {
    (dead.seen.envelope.message_id.clone(), dead.seen.envelope.receipt_handle.clone())
}

fn log(dead: &Dead, letter: &Letter) {
    let (message_id, letter_id, status) = (&dead.seen.envelope.message_id, letter.id, letter.status);
    let (error_type, fingerprint) = (letter.reason.error_type.as_str(), &letter.fingerprint);
    let (deaths, attempts) = (letter.deaths, letter.reason.attempt_count);
    info!(%message_id, %letter_id, %status, error_type, fingerprint, deaths, attempts, "message indexed");
}
