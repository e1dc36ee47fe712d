use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use redrive_core::message::key::LedgerKey;
use redrive_core::ports::{CommitError, Ledger, LedgerMarker, LedgerReader, Unavailable, WriteError};
use redrive_core::processing::ledger::{Changed, Entry, EntryWrite, Expect};
use redrive_core::time::Timestamp;

use super::letters::KEYS;
use super::{Countable, Effects, THROTTLED};
use crate::faults::Faults;
use crate::journal::{Answer, What};
use crate::lock;

const SERVICE: &str = "ledger";

/// The ledger's table, with the counters that stand for everything else in the database. Clones share it.
#[derive(Debug, Clone, Default)]
pub struct ModelLedger {
    tables: Arc<Mutex<Tables>>,
    faults: Faults,
}

#[derive(Debug, Default)]
struct Tables {
    entries: BTreeMap<LedgerKey, Arc<Entry>>,
    counters: BTreeMap<String, u64>,
    reads: ReadCounts,
}

/// Numbers of keys that a ledger was asked for.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct ReadCounts {
    /// Number of consistent reads: entries as they are.
    pub consistently: u64,
    /// Number of other reads: entries as they were a moment ago.
    pub eventually: u64,
}

impl ModelLedger {
    /// Makes an empty ledger.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// The same ledger, as the process of `faults` sees it.
    #[must_use]
    pub fn with_faults(self, faults: Faults) -> Self {
        Self { faults, ..self }
    }

    /// The process as which this view writes.
    #[must_use]
    pub const fn faults(&self) -> &Faults {
        &self.faults
    }

    /// The entry of a key, as it stands.
    #[must_use]
    pub fn entry(&self, key: &LedgerKey) -> Option<Arc<Entry>> {
        lock(&self.tables).entries.get(key).cloned()
    }

    /// Returns all entries by their keys.
    #[must_use]
    pub fn entries(&self) -> BTreeMap<LedgerKey, Arc<Entry>> {
        lock(&self.tables).entries.clone()
    }

    /// Returns the sum that was ever added to a counter.
    #[must_use]
    pub fn counter(&self, name: &str) -> u64 {
        lock(&self.tables).counters.get(name).copied().unwrap_or(0)
    }

    /// Returns the numbers of keys that it was asked for until now.
    #[must_use]
    pub fn reads(&self) -> ReadCounts {
        lock(&self.tables).reads
    }

    /// Removes the entries that had expired by `now`, as DynamoDB does some time.
    pub fn sweep(&self, now: Timestamp) {
        lock(&self.tables).entries.retain(|_, entry| !entry.expired(now));
    }

    /// Writes whatever the condition says: for tests that need a broken store.
    pub fn force(&self, key: LedgerKey, entry: Entry) {
        self.put(&mut lock(&self.tables), key, entry, None);
    }

    fn put(&self, tables: &mut Tables, key: LedgerKey, entry: Entry, effects: Option<Effects>) {
        let after = Arc::new(entry);
        let before = tables.entries.insert(key.clone(), Arc::clone(&after));
        self.faults.record(What::EntryWritten { key, before, after, effects });
    }

    fn apply(&self, write: &EntryWrite, effects: Option<Effects>) -> Result<(), WriteError<Entry>> {
        let mut tables = lock(&self.tables);
        let found = tables.entries.get(&write.key).cloned();
        if !write.expect.holds(found.as_deref()) {
            return Err(WriteError::Condition(found.map(|entry| Box::new((*entry).clone()))));
        }
        for (counter, by) in effects.iter().flat_map(|effects| &effects.adds) {
            *tables.counters.entry(counter.clone()).or_default() += by;
        }
        let entry = match (write.changed, found) {
            (Changed::Completion, Some(found)) => Entry {
                state: write.entry.state,
                lease_until: write.entry.lease_until,
                version: write.entry.version,
                expires: write.entry.expires,
                ..(*found).clone()
            },
            _ => write.entry.clone(),
        };
        self.put(&mut tables, write.key.clone(), entry, effects);
        Ok(())
    }

    fn answered(&self, write: &EntryWrite, answer: Answer) {
        let (key, meant) = (write.key.clone(), Arc::new(write.entry.clone()));
        self.faults.record(What::EntryAnswered { key, meant, answer });
    }
}

fn throttled(action: &'static str) -> Unavailable {
    Unavailable { service: SERVICE, action, why: THROTTLED.to_owned() }
}

fn arc(found: Option<&Entry>) -> Answer {
    Answer::Condition(found.map(|entry| Arc::new(entry.clone())))
}

impl<E: Countable> Ledger<E> for ModelLedger {
    async fn write(&self, writes: Vec<EntryWrite>) -> Vec<Result<(), WriteError<Entry>>> {
        const ACTION: &str = "write entries";
        let (ledger, written) = (self.clone(), writes.clone());
        let answers = self.faults.call(SERVICE, ACTION, move |trouble| {
            let write = |(index, write): (usize, &EntryWrite)| {
                if trouble.refuses(index) { Err(throttled(ACTION).into()) } else { ledger.apply(write, None) }
            };
            written.iter().enumerate().map(write).collect::<Vec<_>>()
        });
        let answers = answers.await.unwrap_or_else(|error| writes.iter().map(|_| Err(error.clone().into())).collect());
        for (write, answer) in writes.iter().zip(&answers) {
            self.answered(
                write,
                match answer {
                    Ok(()) => Answer::Written,
                    Err(WriteError::Condition(found)) => arc(found.as_deref()),
                    Err(WriteError::Unavailable(_)) => Answer::Unavailable,
                },
            );
        }
        answers
    }

    async fn commit(&self, write: EntryWrite, effects: &E) -> Result<(), CommitError> {
        let (ledger, written, effects) = (self.clone(), write.clone(), effects.counted());
        let answer = self.faults.call(SERVICE, "commit a completion", move |trouble| {
            if trouble.conflict {
                return Err(CommitError::Conflict);
            }
            // DynamoDB names every reason of a cancelled transaction; the ledger's own goes first.
            let refusal = effects.refusal.clone().filter(|_| {
                let found = ledger.entry(&written.key);
                written.expect.holds(found.as_deref())
            });
            if let Some(fault) = refusal {
                return Err(CommitError::Refused(fault));
            }
            ledger.apply(&written, Some(effects.clone())).map_err(|error| match error {
                WriteError::Condition(found) => CommitError::Condition(found),
                WriteError::Unavailable(error) => error.into(),
            })
        });
        let answer = answer.await.unwrap_or_else(|error| Err(error.into()));
        self.answered(
            &write,
            match &answer {
                Ok(()) => Answer::Written,
                Err(CommitError::Condition(found)) => arc(found.as_deref()),
                Err(CommitError::Conflict | CommitError::Refused(_)) => Answer::NotWritten,
                Err(CommitError::Unavailable(_)) => Answer::Unavailable,
            },
        );
        answer
    }

    async fn look(&self, keys: &[LedgerKey]) -> Result<Vec<Option<Entry>>, Unavailable> {
        let read = || {
            let tables = lock(&self.tables);
            keys.iter().map(|key| tables.entries.get(key).map(|entry| (**entry).clone())).collect::<Vec<_>>()
        };
        let found = self.faults.ask(SERVICE, "read entries", read).await?;
        for (key, found) in keys.iter().zip(&found) {
            self.faults.record(What::EntryRead { key: key.clone(), found: found.clone().map(Arc::new) });
        }
        Ok(found)
    }
}

impl LedgerReader for ModelLedger {
    async fn read(&self, keys: &[LedgerKey]) -> Result<Vec<Option<Entry>>, Unavailable> {
        self.answer(keys, |reads| &mut reads.consistently).await
    }

    async fn read_eventually(&self, keys: &[LedgerKey]) -> Result<Vec<Option<Entry>>, Unavailable> {
        self.answer(keys, |reads| &mut reads.eventually).await
    }
}

impl ModelLedger {
    async fn answer(
        &self,
        keys: &[LedgerKey],
        count: fn(&mut ReadCounts) -> &mut u64,
    ) -> Result<Vec<Option<Entry>>, Unavailable> {
        let read = |some: &[LedgerKey]| -> Vec<_> {
            let mut tables = lock(&self.tables);
            *count(&mut tables.reads) += some.len() as u64;
            some.iter().map(|key| tables.entries.get(key).map(|entry| (**entry).clone())).collect()
        };
        let calls = keys.chunks(KEYS).map(|some| self.faults.ask(SERVICE, "read entries", move || read(some)));
        futures_util::future::try_join_all(calls).await.map(|read| read.concat())
    }
}

impl LedgerMarker for ModelLedger {
    async fn withdraw(&self, writes: Vec<EntryWrite>) -> Vec<Result<(), WriteError<Entry>>> {
        const ACTION: &str = "withdraw copies";
        let (ledger, written) = (self.clone(), writes.clone());
        let answers = self.faults.call(SERVICE, ACTION, move |trouble| {
            let write = |(index, write): (usize, &EntryWrite)| {
                if trouble.refuses(index) { Err(throttled(ACTION).into()) } else { ledger.mark(write) }
            };
            written.iter().enumerate().map(write).collect::<Vec<_>>()
        });
        answers.await.unwrap_or_else(|error| writes.iter().map(|_| Err(error.clone().into())).collect())
    }
}

impl ModelLedger {
    /// Writes what replay may write: a tombstone where nothing is, and five attributes of an existing entry.
    fn mark(&self, write: &EntryWrite) -> Result<(), WriteError<Entry>> {
        let mut tables = lock(&self.tables);
        let found = tables.entries.get(&write.key).cloned();
        let entry = match (&write.expect, found.as_deref()) {
            (Expect::AbsentOrExpired(_), None) => write.entry.clone(),
            (Expect::Unchanged { .. }, Some(entry)) if write.expect.holds(Some(entry)) => Entry {
                enqueues: write.entry.enqueues.clone(),
                dead_enqueues: write.entry.dead_enqueues.clone(),
                withdrawn: write.entry.withdrawn.clone(),
                version: write.entry.version,
                expires: write.entry.expires,
                ..entry.clone()
            },
            (_, found) => return Err(WriteError::Condition(found.cloned().map(Box::new))),
        };
        self.put(&mut tables, write.key.clone(), entry, None);
        Ok(())
    }
}
