use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use redrive_core::cause::Cause;
use redrive_core::ids::{LetterId, QueueArn};
use redrive_core::letter::{Body, Letter, LetterWrite, SHARDS, Status};
use redrive_core::ports::{Cursor, Letters, Page, Unavailable, WriteError};
use redrive_core::replay::Candidate;
use redrive_core::time::Timestamp;

use super::THROTTLED;
use super::jobs::JobItems;
use crate::faults::Faults;
use crate::journal::What;
use crate::lock;

pub(super) const SERVICE: &str = "letters";

/// The dead-letter table and its index. Clones share it.
#[derive(Debug, Clone, Default)]
pub struct ModelLetters {
    pub(super) table: Arc<Mutex<Table>>,
    pub(super) jobs: Arc<Mutex<JobItems>>,
    pub(super) faults: Faults,
}

#[derive(Debug, Default)]
pub(super) struct Table {
    letters: BTreeMap<LetterId, Arc<Letter>>,
    /// What the index shows of a letter, and from when on.
    index: BTreeMap<LetterId, Vec<(Timestamp, Arc<Letter>)>>,
    lag: Option<(Duration, StdRng)>,
    pub(super) causes: BTreeMap<(QueueArn, String), Cause>,
}

impl ModelLetters {
    /// An empty table, whose index is always up to date.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Lets the index follow the table by up to `at_most`, by chance.
    #[must_use]
    pub fn with_index_lag(self, seed: u64, at_most: Duration) -> Self {
        lock(&self.table).lag = Some((at_most, StdRng::seed_from_u64(seed)));
        self
    }

    /// The same table, as the process of `faults` sees it.
    #[must_use]
    pub fn with_faults(self, faults: Faults) -> Self {
        Self { faults, ..self }
    }

    /// A letter, as it stands.
    #[must_use]
    pub fn letter(&self, id: LetterId) -> Option<Arc<Letter>> {
        lock(&self.table).letters.get(&id).cloned()
    }

    /// All letters.
    #[must_use]
    pub fn all(&self) -> Vec<Arc<Letter>> {
        lock(&self.table).letters.values().cloned().collect()
    }

    /// All causes.
    #[must_use]
    pub fn all_causes(&self) -> Vec<Cause> {
        lock(&self.table).causes.values().cloned().collect()
    }

    /// Writes whatever the condition says: for tests that need a broken store.
    pub fn force(&self, letter: Letter) {
        self.put(&mut lock(&self.table), letter);
    }

    /// What DynamoDB does some time: letters, and bodies before their letters, whose time had ended by `now` are gone.
    pub fn sweep(&self, now: Timestamp) {
        let mut table = lock(&self.table);
        let ended = |at: Option<Timestamp>| at.is_some_and(|at| at < now);
        table.causes.retain(|_, cause| !ended(Some(cause.expires)));
        table.letters.retain(|_, letter| !ended(letter.expires));
        let Table { letters, index, .. } = &mut *table;
        index.retain(|id, _| letters.contains_key(id));
        for letter in letters.values_mut().filter(|letter| ended(letter.body.until())) {
            *letter = Arc::new(without_body(Letter::clone(letter)));
        }
    }

    /// Loses a letter's body, and nothing else: for tests that need a damaged store.
    pub fn lose_body(&self, id: LetterId) {
        if let Some(letter) = lock(&self.table).letters.get_mut(&id) {
            *letter = Arc::new(without_body(Letter::clone(letter)));
        }
    }

    fn put(&self, table: &mut Table, letter: Letter) {
        let now = self.faults.clock().now();
        let after = Arc::new(letter);
        let before = table.letters.insert(after.id, Arc::clone(&after));
        let lag = table
            .lag
            .as_mut()
            .map_or(Duration::ZERO, |(at_most, random)| random.random_range(Duration::ZERO..=*at_most));
        let seen = table.index.entry(after.id).or_default();
        // The index never goes back.
        let from = seen.last().map_or(now, |(from, _)| *from).max(now.after(lag));
        seen.push((from, Arc::clone(&after)));
        self.faults.record(What::LetterWritten { before, after });
    }

    fn apply(&self, write: &LetterWrite) -> Result<(), WriteError<Letter>> {
        let mut table = lock(&self.table);
        let found = table.letters.get(&write.letter.id);
        if !write.holds(found.map(AsRef::as_ref)) {
            return Err(WriteError::Condition(found.map(|letter| Box::new((**letter).clone()))));
        }
        let mut letter = write.letter.clone();
        if let Some(found) = found.filter(|found| matches!(found.body, Body::Missing { .. })) {
            let restores = letter.body_expires().is_none() && found.body_expires().is_some();
            if restores && letter.body.check().is_ok() {
                return Err(WriteError::Condition(Some(Box::new(Letter::clone(found)))));
            }
            // A change does not bring back what is gone.
            letter = without_body(letter);
        }
        self.put(&mut table, letter);
        Ok(())
    }
}

fn without_body(mut letter: Letter) -> Letter {
    if let Body::Kept { until } = letter.body {
        (letter.payload, letter.attributes) = Default::default();
        letter.body = Body::Missing { until, why: "it is gone".to_owned() };
        if let Some(edited) = &mut letter.edited {
            edited.payload.clear();
            edited.lost = Some("it is gone".to_owned());
        }
    }
    letter
}

impl Table {
    /// The letters as the index shows them.
    fn indexed(&self, now: Timestamp) -> impl Iterator<Item = &Arc<Letter>> {
        let seen = move |seen: &'_ Vec<(Timestamp, Arc<Letter>)>| seen.iter().rposition(|(from, _)| *from <= now);
        self.index.values().filter_map(move |versions| seen(versions).map(|at| &versions[at].1))
    }
}

impl Letters for ModelLetters {
    async fn read(&self, ids: &[LetterId]) -> Result<Vec<Option<Letter>>, Unavailable> {
        let read = || {
            let table = lock(&self.table);
            ids.iter().map(|id| table.letters.get(id).map(|letter| (**letter).clone())).collect()
        };
        self.faults.ask(SERVICE, "read letters", read).await
    }

    async fn write(&self, writes: Vec<LetterWrite>) -> Vec<Result<(), WriteError<Letter>>> {
        const ACTION: &str = "write letters";
        let (letters, asked) = (self.clone(), writes.clone());
        let answers = self.faults.call(SERVICE, ACTION, move |trouble| {
            let write = |(index, write): (usize, &LetterWrite)| {
                if trouble.refuses(index) {
                    let why = THROTTLED.to_owned();
                    return Err(Unavailable { service: SERVICE, action: ACTION, why }.into());
                }
                letters.apply(write)
            };
            asked.iter().enumerate().map(write).collect()
        });
        answers.await.unwrap_or_else(|error| writes.iter().map(|_| Err(error.clone().into())).collect())
    }

    async fn candidates(
        &self,
        status: Status,
        shard: u8,
        due_by: Timestamp,
        after: Option<Cursor>,
        limit: usize,
    ) -> Result<Page, Unavailable> {
        let query = || {
            let table = lock(&self.table);
            let mut found: Vec<_> = table
                .indexed(self.faults.clock().now())
                .filter(|letter| letter.status == status && letter.id.shard(SHARDS) == shard && letter.due <= due_by)
                .filter(|letter| after.as_ref().is_none_or(|after| (letter.due, letter.id) > (after.due, after.id)))
                .map(|letter| Candidate::of(letter))
                .collect();
            found.sort_by_key(|candidate| (candidate.due, candidate.id));
            let more = found.len() > limit;
            found.truncate(limit);
            let next = found.last().filter(|_| more).map(|last| Cursor { id: last.id, due: last.due });
            Page { candidates: found, next }
        };
        self.faults.ask_an_index(SERVICE, "query the status index", query).await
    }

    async fn of_cause(
        &self,
        fingerprint: &str,
        shard: u8,
        after: Option<Cursor>,
        limit: usize,
    ) -> Result<Page, Unavailable> {
        let query = || {
            let place = |candidate: &Candidate| (candidate.first_failed_at, candidate.id);
            let table = lock(&self.table);
            let mut found: Vec<_> = table
                .indexed(self.faults.clock().now())
                .filter(|letter| letter.fingerprint == fingerprint && letter.id.shard(SHARDS) == shard)
                .map(|letter| Candidate::of(letter))
                .filter(|one| after.is_none_or(|after| place(one) > (after.due, after.id)))
                .collect();
            found.sort_by_key(place);
            let more = found.len() > limit;
            found.truncate(limit);
            let next = found.last().filter(|_| more).map(|last| Cursor { id: last.id, due: last.first_failed_at });
            Page { candidates: found, next }
        };
        self.faults.ask_an_index(SERVICE, "query the index by cause", query).await
    }
}
