use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use futures_util::future::{join_all, try_join_all};
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use redrive_core::ids::{LetterId, MessageId, QueueArn};
use redrive_core::letters::cause::Cause;
use redrive_core::letters::letter::{Body, Letter, LetterWrite, Status};
use redrive_core::letters::listing::{Cursor, Listing, Page};
use redrive_core::letters::summary::KeptSummary;
use redrive_core::message::key::Key;
use redrive_core::ports::{KeyIndex, Letters, Unavailable, WriteError};
use redrive_core::replay::{ActRecord, Candidate};
use redrive_core::time::Timestamp;

use super::THROTTLED;
use super::jobs::JobItems;
use crate::faults::Faults;
use crate::journal::What;
use crate::lock;

pub(super) const SERVICE: &str = "letters";
/// Number of lanes of a listing, as many as the real table has.
const LANES: u8 = 16;
/// DynamoDB's limits of keys that a call reads, and of statements that a call takes.
pub(super) const KEYS: usize = 100;
const STATEMENTS: usize = 25;

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
    by_status: Index,
    by_cause: Index,
    of_messages: BTreeMap<MessageId, LetterId>,
    lag: Option<(Duration, StdRng)>,
    pub(super) causes: BTreeMap<(QueueArn, String), Cause>,
    pub(super) summary: Option<KeptSummary>,
    pub(super) acts: Vec<ActRecord>,
}

/// Index over the letters, as it shows each of them. It follows the table item by item, and place by place: a letter
/// that moves within the index is deleted in one place and put into the other, in any order. For a while it is in both,
/// or in neither.
#[derive(Debug, Default)]
struct Index(BTreeMap<LetterId, Vec<Shown>>);

#[derive(Debug)]
struct Shown {
    letter: Arc<Letter>,
    from: Timestamp,
    until: Timestamp,
}

impl Index {
    /// A letter was written; `moves`: to another place. It is put after `lags[0]`, and deleted where it was after `lags[1]`.
    fn follow(&mut self, letter: &Arc<Letter>, moves: bool, now: Timestamp, lags: [Duration; 2]) {
        let shown = self.0.entry(letter.id).or_default();
        let [put, gone] = lags.map(|lag| now.after(lag));
        // It never goes back.
        let from = shown.last().map_or(put, |last| last.from.max(put));
        if let Some(last) = shown.last_mut() {
            last.until = if moves { last.from.max(gone) } else { from };
        }
        shown.push(Shown { letter: Arc::clone(letter), from, until: Timestamp::NEVER });
    }

    fn at(&self, now: Timestamp) -> impl Iterator<Item = &Arc<Letter>> {
        let is_shown = move |shown: &&Shown| shown.from <= now && now < shown.until;
        self.0.values().flatten().filter(is_shown).map(|shown| &shown.letter)
    }
}

impl Table {
    fn enter_message_ids(&mut self, write: &LetterWrite) {
        self.of_messages.extend(write.new_message_ids().into_iter().map(|id| (id.clone(), write.letter.id)));
    }
}

impl ModelLetters {
    /// An empty table, whose index is always up to date.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Lets the indexes follow the table by up to `at_most`, by chance, each item by itself.
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

    /// Returns all letters in the store.
    #[must_use]
    pub fn all(&self) -> Vec<Arc<Letter>> {
        lock(&self.table).letters.values().cloned().collect()
    }

    /// Returns all causes in the store.
    #[must_use]
    pub fn all_causes(&self) -> Vec<Cause> {
        lock(&self.table).causes.values().cloned().collect()
    }

    /// Lists the letters of a status that the status index shows now.
    #[must_use]
    pub fn indexed(&self, status: Status) -> Vec<LetterId> {
        let now = self.faults.clock().now();
        lock(&self.table).by_status.at(now).filter(|letter| letter.status == status).map(|letter| letter.id).collect()
    }

    /// Writes whatever the condition says: for tests that need a broken store.
    pub fn force(&self, letter: Letter) {
        let mut table = lock(&self.table);
        table.enter_message_ids(&LetterWrite::create(letter.clone()));
        self.put(&mut table, letter);
    }

    /// Removes the letters, and bodies before their letters, whose time had ended by `now`, as DynamoDB does some time.
    pub fn sweep(&self, now: Timestamp) {
        let mut table = lock(&self.table);
        let ended = |at: Option<Timestamp>| at.is_some_and(|at| at < now);
        table.causes.retain(|_, cause| !ended(Some(cause.expires)));
        table.letters.retain(|_, letter| !ended(letter.expires));
        let Table { letters, by_status, by_cause, .. } = &mut *table;
        [by_status, by_cause].into_iter().for_each(|index| index.0.retain(|id, _| letters.contains_key(id)));
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
        let mut lag = || match &mut table.lag {
            Some((at_most, random)) => random.random_range(Duration::ZERO..=*at_most),
            None => Duration::ZERO,
        };
        let [of_status, of_cause] = [[lag(), lag()], [lag(), lag()]];
        let by_status = |letter: &Letter| (letter.status, letter.due);
        let by_cause = |letter: &Letter| (letter.fingerprint.clone(), letter.reason.first_failed_at);
        let moves = before.as_ref().is_some_and(|before| by_status(before) != by_status(&after));
        table.by_status.follow(&after, moves, now, of_status);
        let moves = before.as_ref().is_some_and(|before| by_cause(before) != by_cause(&after));
        table.by_cause.follow(&after, moves, now, of_cause);
        self.faults.record(What::LetterWritten { before, after });
    }

    fn apply(&self, write: &LetterWrite) -> Result<(), WriteError<Letter>> {
        let mut table = lock(&self.table);
        // Beside the letter's write and not with it: the message is the letter's, whoever writes the letter first.
        table.enter_message_ids(write);
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

impl ModelLetters {
    /// Writes as many letters as a call takes.
    async fn write_some(&self, writes: Vec<LetterWrite>) -> Vec<Result<(), WriteError<Letter>>> {
        const ACTION: &str = "write letters";
        let (letters, written) = (self.clone(), writes.clone());
        let answers = self.faults.call(SERVICE, ACTION, move |trouble| {
            let write = |(index, write): (usize, &LetterWrite)| {
                if trouble.refuses(index) {
                    let why = THROTTLED.to_owned();
                    return Err(Unavailable { service: SERVICE, action: ACTION, why }.into());
                }
                letters.apply(write)
            };
            written.iter().enumerate().map(write).collect()
        });
        answers.await.unwrap_or_else(|error| writes.iter().map(|_| Err(error.clone().into())).collect())
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

impl KeyIndex for ModelLetters {
    async fn of_key(&self, key: &Key) -> Result<Option<Vec<LetterId>>, Unavailable> {
        let query = || {
            let table = lock(&self.table);
            let of_key = table.letters.values().filter(|letter| letter.key.as_ref() == Some(key));
            Some(of_key.map(|letter| letter.id).collect())
        };
        self.faults.ask_an_index(SERVICE, "query the index of keys", query).await
    }

    async fn of_message(&self, id: &MessageId) -> Result<Option<LetterId>, Unavailable> {
        let read = || lock(&self.table).of_messages.get(id).copied();
        self.faults.ask(SERVICE, "read a message id", read).await
    }
}

impl Letters for ModelLetters {
    async fn read(&self, ids: &[LetterId]) -> Result<Vec<Option<Letter>>, Unavailable> {
        let read = |some: &[LetterId]| -> Vec<_> {
            let table = lock(&self.table);
            some.iter().map(|id| table.letters.get(id).map(|letter| (**letter).clone())).collect()
        };
        let calls = ids.chunks(KEYS).map(|some| self.faults.ask(SERVICE, "read letters", move || read(some)));
        try_join_all(calls).await.map(|read| read.concat())
    }

    async fn write(&self, writes: Vec<LetterWrite>) -> Vec<Result<(), WriteError<Letter>>> {
        let calls = writes.chunks(STATEMENTS).map(|some| self.write_some(some.to_vec()));
        join_all(calls).await.concat()
    }
    async fn scan(&self, listing: Listing<'_>, from: Cursor, limit: usize) -> Result<Page, Unavailable> {
        let (action, index): (_, fn(&Table) -> &Index) = match listing {
            Listing::Status { .. } => ("query the status index", |table| &table.by_status),
            Listing::Cause { .. } => ("query the index by cause", |table| &table.by_cause),
        };
        // Every status of a cause stands in one place of its index.
        let stands_there = |letter: &Letter| match listing {
            Listing::Status { status, due_by } => letter.status == status && letter.due <= due_by,
            Listing::Cause { fingerprint, .. } => letter.fingerprint == fingerprint,
        };
        let query = || {
            let table = lock(&self.table);
            let mut found: Vec<_> = index(&table)
                .at(self.faults.clock().now())
                .filter(|letter| letter.id.part(LANES) == from.lane() && stands_there(letter))
                .map(|letter| Candidate::of(letter))
                .filter(|one| from.after().is_none_or(|after| listing.place(one) > after))
                .collect();
            found.sort_by_key(|one| listing.place(one));
            let more = found.len() > limit;
            found.truncate(limit);
            Page::new(listing, from, found, more, LANES)
        };
        self.faults.ask_an_index(SERVICE, action, query).await
    }

    fn lanes(&self) -> Vec<Cursor> {
        (0..LANES).map(Cursor::of_lane).collect()
    }
}
