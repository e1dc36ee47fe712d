//! The stores as the flows see them, and the ways in which a mutant's store is broken.

mod mutant;

use std::collections::HashMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use redrive_core::ids::{JobId, LetterId, MessageId, QueueArn, ReceiptHandle};
use redrive_core::letters::letter::{Body, EventKind, Letter, LetterWrite, Status};
use redrive_core::letters::listing::{Cursor, Listing, Page};
use redrive_core::message::decode::{Inspected, Reading};
use redrive_core::message::envelope::Record;
use redrive_core::message::key::{LedgerKey, PayloadHash};
use redrive_core::ports::{
    CommitError, DeadLetterQueue, Jobs, Ledger, LedgerMarker, LedgerReader, Letters, Outbox, Turns, Unavailable,
    WriteError,
};
use redrive_core::processing::ledger::{Changed, DeadEnqueues, Entry, EntryState, EntryWrite, Expect};
use redrive_core::replay::job::{Job, JobBatch, ListPart};
use redrive_core::replay::{GroupTurn, Outgoing};
use redrive_core::time::Timestamp;
use redrive_testkit::{Effects, Faults, ModelLedger, ModelLetters, ModelQueue};

use crate::invariants::envelope;
pub(crate) use mutant::Mutant;

/// Wait of a mutant's claims for a slot, which their leases do not count.
pub(crate) const HELD_TOO_LONG: Duration = Duration::from_secs(14);

/// Ledger that a mutant breaks.
#[derive(Clone)]
pub(crate) struct FaultyLedger {
    pub(crate) inner: ModelLedger,
    mutant: Option<Mutant>,
    dead: ModelQueue,
    reading: Reading,
    /// Entries as the process read them first.
    read_before: Arc<Mutex<HashMap<LedgerKey, Option<Entry>>>>,
}

impl FaultyLedger {
    pub(crate) fn new(inner: ModelLedger, mutant: Option<Mutant>, dead: ModelQueue, reading: Reading) -> Self {
        Self { inner, mutant, dead, reading, read_before: Arc::default() }
    }

    /// As a process sees it.
    pub(crate) fn of(&self, process: &Faults) -> Self {
        let inner = self.inner.clone().with_faults(process.clone());
        Self { inner, read_before: Arc::default(), ..self.clone() }
    }

    fn is(&self, mutant: Mutant) -> bool {
        self.mutant == Some(mutant)
    }

    /// Returns the entry that a claim is shown instead of the one that was found.
    fn shown(&self, found: Option<Box<Entry>>) -> Option<Box<Entry>> {
        let mut entry = found?;
        let free = Timestamp::from_millis(0);
        if self.is(Mutant::DeadEnqueueMayClaim) {
            entry.enqueues.iter_mut().for_each(|record| (record.dead, record.attempts) = (false, 0));
        }
        if self.is(Mutant::LiveLeaseIsTaken) && entry.state == EntryState::InProgress {
            entry.lease_until = free;
        }
        if self.is(Mutant::CompletionIsForgotten) && entry.state == EntryState::Completed {
            (entry.state, entry.lease_until) = (EntryState::Failed, free);
        }
        Some(entry)
    }

    /// Under this condition the write happens, whatever is there.
    fn unfenced(write: &EntryWrite, found: Option<&Entry>) -> EntryWrite {
        let mut write = EntryWrite { changed: Changed::All, ..write.clone() };
        write.expect = found.map_or(Expect::AbsentOrExpired(Timestamp::from_millis(0)), |entry| {
            write.entry.version = entry.version + 1;
            Expect::Unchanged { version: entry.version, owner: entry.owner }
        });
        write
    }
}

impl Ledger<Effects> for FaultyLedger {
    async fn write(&self, mut writes: Vec<EntryWrite>) -> Vec<Result<(), WriteError<Entry>>> {
        if self.is(Mutant::HeldBeyondItsLease) {
            let claims = writes.iter_mut().filter(|write| write.entry.state == EntryState::InProgress);
            claims.for_each(|write| {
                let held = write.entry.lease_until.as_millis().saturating_sub(HELD_TOO_LONG.as_secs() * 1_000);
                write.entry.lease_until = Timestamp::from_millis(held);
            });
        }
        if self.is(Mutant::DeadEnqueuesAreForgotten) {
            writes.iter_mut().for_each(|write| write.entry.dead_enqueues = DeadEnqueues::default());
        }
        let mut answers = Ledger::<Effects>::write(&self.inner, writes.clone()).await;
        for (write, answer) in writes.iter().zip(&mut answers) {
            if self.is(Mutant::FailureTakenForWritten) && write.entry.state == EntryState::Failed {
                *answer = Ok(());
            }
            let Err(WriteError::Condition(found)) = answer else { continue };
            if write.entry.state == EntryState::InProgress {
                *found = self.shown(found.take());
            } else if self.is(Mutant::UnfencedSettle) && matches!(write.expect, Expect::Unchanged { .. }) {
                let again = vec![Self::unfenced(write, found.as_deref())];
                let mut written = Ledger::<Effects>::write(&self.inner, again).await;
                *answer = written.pop().unwrap_or(Ok(()));
            }
        }
        answers
    }

    async fn commit(&self, write: EntryWrite, effects: &Effects) -> Result<(), CommitError> {
        match self.inner.commit(write.clone(), effects).await {
            Err(CommitError::Condition(_)) if self.is(Mutant::AcknowledgedAfterARejection) => Ok(()),
            Err(CommitError::Unavailable(_)) if self.is(Mutant::AcknowledgedUnread) => Ok(()),
            Err(CommitError::Condition(found)) if self.is(Mutant::UnfencedSettle) => {
                self.inner.commit(Self::unfenced(&write, found.as_deref()), effects).await
            }
            answer => answer,
        }
    }

    async fn look(&self, keys: &[LedgerKey]) -> Result<Vec<Option<Entry>>, Unavailable> {
        let mut seen = Ledger::<Effects>::look(&self.inner, keys).await?;
        for found in &mut seen {
            *found = self.shown(found.take().map(Box::new)).map(|entry| *entry);
            if let Some(entry) = found.as_mut().filter(|_| self.is(Mutant::LookTakesAnyForCompleted)) {
                entry.state = EntryState::Completed;
            }
        }
        Ok(seen)
    }
}

impl LedgerReader for FaultyLedger {
    async fn read(&self, keys: &[LedgerKey]) -> Result<Vec<Option<Entry>>, Unavailable> {
        let mut entries = self.inner.read(keys).await?;
        if self.is(Mutant::EntriesAreRemembered) {
            let mut before = self.read_before.lock().expect("entries");
            for (key, entry) in keys.iter().zip(&mut entries) {
                *entry = before.entry(key.clone()).or_insert_with(|| entry.clone()).clone();
            }
        }
        if self.is(Mutant::ResolvedWithoutTheHash) {
            for (key, entry) in keys.iter().zip(&mut entries) {
                if let Some(entry) = entry.as_mut().filter(|entry| entry.state == EntryState::Completed) {
                    entry.hash = self.hash_of_dead(key).unwrap_or_else(|| entry.hash.clone());
                }
            }
        }
        Ok(entries)
    }
}

impl LedgerMarker for FaultyLedger {
    async fn withdraw(&self, writes: Vec<EntryWrite>) -> Vec<Result<(), WriteError<Entry>>> {
        if self.is(Mutant::EditedWithoutWithdrawing) {
            return vec![Ok(()); writes.len()];
        }
        self.inner.withdraw(writes).await
    }
}

impl FaultyLedger {
    /// The payload of whatever lies in the dead-letter queue under this key.
    fn hash_of_dead(&self, key: &LedgerKey) -> Option<PayloadHash> {
        let dead = self.dead.messages();
        let seen = dead.iter().map(|message| Inspected::new(envelope(message), &self.reading));
        let own = |seen: &Inspected| seen.key.as_ref().ok().map(|key| LedgerKey::owned(&self.reading.scope, key));
        seen.filter(|seen| own(seen).as_ref() == Some(key)).map(|seen| seen.hash).next()
    }
}

/// Dead-letter table that a mutant breaks.
#[derive(Clone)]
pub(crate) struct FaultyLetters {
    pub(crate) inner: ModelLetters,
    pub(crate) mutant: Option<Mutant>,
}

impl FaultyLetters {
    /// As a process sees it.
    pub(crate) fn of(&self, process: &Faults) -> Self {
        Self { inner: self.inner.clone().with_faults(process.clone()), ..self.clone() }
    }
}

impl Letters for FaultyLetters {
    async fn read(&self, ids: &[LetterId]) -> Result<Vec<Option<Letter>>, Unavailable> {
        Letters::read(&self.inner, ids).await
    }

    async fn write(&self, mut writes: Vec<LetterWrite>) -> Vec<Result<(), WriteError<Letter>>> {
        for send in writes.iter_mut().flat_map(|write| write.letter.sends.iter_mut()) {
            if self.mutant == Some(Mutant::DestinationIsForgotten) {
                send.to = None;
            }
        }
        for write in writes.iter_mut().filter(|write| write.replaces.is_some()) {
            let before = self.inner.letter(write.letter.id).filter(|before| before.status == Status::Replaying);
            match (self.mutant, &write.letter.body) {
                (Some(Mutant::RefusedEditIsKept), Body::Kept { .. }) if write.letter.edited.is_none() => {
                    write.letter.edited = before.and_then(|before| before.edited.clone());
                }
                (Some(Mutant::HeadWithoutItsBody), _) => write.letter.payload.clear(),
                (Some(Mutant::ErasedBodyComesBack), Body::Erased { .. }) => write.letter.body = Body::default(),
                _ => {}
            }
        }
        if self.mutant == Some(Mutant::MarksAreMixedUp) {
            let marked = writes.iter_mut().filter(|write| write.letter.status == Status::Replayed);
            let mut ids: Vec<_> =
                marked.filter_map(|write| Some(&mut write.letter.sends.last_mut()?.message_id)).collect();
            if let [first, .., last] = ids.as_mut_slice() {
                std::mem::swap(*first, *last);
            }
        }
        if self.mutant == Some(Mutant::ChangesAreTakenForNotes) {
            for write in writes.iter_mut().filter(|write| write.replaces.is_some()) {
                let at = write.letter.changed_at();
                write.letter.history.record(at, EventKind::Noted, "operator", None);
            }
        }
        let mut answers = Letters::write(&self.inner, writes.clone()).await;
        for (write, answer) in writes.into_iter().zip(&mut answers) {
            match (self.mutant, &*answer) {
                (Some(Mutant::UnconditionalLetterWrite), Err(WriteError::Condition(found))) => {
                    let replaces = found.as_ref().map(|found| found.version);
                    *answer = Letters::write(&self.inner, vec![LetterWrite { replaces, ..write }]).await.remove(0);
                }
                (Some(Mutant::LetterTakenForWritten), Err(WriteError::Unavailable(_))) => *answer = Ok(()),
                _ => {}
            }
        }
        answers
    }

    async fn scan(&self, listing: Listing<'_>, from: Cursor, limit: usize) -> Result<Page, Unavailable> {
        let mut page = self.inner.scan(listing, from, limit).await?;
        if self.mutant == Some(Mutant::GroupsAreNotIndexed) {
            page.candidates.iter_mut().for_each(|candidate| candidate.group = None);
        }
        Ok(page)
    }

    fn lanes(&self) -> Vec<Cursor> {
        self.inner.lanes()
    }
}

impl Turns for FaultyLetters {
    async fn turn(&self, source: &QueueArn, group: &str) -> Result<Option<GroupTurn>, Unavailable> {
        match self.mutant {
            Some(Mutant::TurnsAreForgotten) => self.inner.turn(source, group).await.map(|_| None),
            _ => self.inner.turn(source, group).await,
        }
    }

    async fn write_turn(&self, turn: GroupTurn) -> Result<(), WriteError<GroupTurn>> {
        match self.mutant {
            Some(Mutant::TurnsAreForgotten) => Ok(()),
            _ => self.inner.write_turn(turn).await,
        }
    }
}

/// Jobs are not bent.
impl Jobs for FaultyLetters {
    async fn job(&self, id: JobId) -> Result<Option<Job>, Unavailable> {
        self.inner.job(id).await
    }

    async fn batches(&self, id: JobId, from: u32) -> Result<Vec<JobBatch>, Unavailable> {
        self.inner.batches(id, from).await
    }

    async fn jobs(&self, open: bool, limit: usize) -> Result<Vec<JobId>, Unavailable> {
        self.inner.jobs(open, limit).await
    }

    async fn write_job(&self, job: Job) -> Result<(), WriteError<Job>> {
        self.inner.write_job(job).await
    }

    async fn write_batch(&self, batch: JobBatch) -> Result<(), WriteError<JobBatch>> {
        self.inner.write_batch(batch).await
    }

    async fn list_part(&self, id: JobId, n: u32) -> Result<Option<ListPart>, Unavailable> {
        self.inner.list_part(id, n).await
    }

    async fn write_list_part(&self, part: ListPart) -> Result<(), WriteError<ListPart>> {
        self.inner.write_list_part(part).await
    }
}

// No mutant breaks these: no decision rests on them.
redrive_tests::forward_causes_and_summaries!(FaultyLetters);

/// Dead-letter queue as the indexer sees it, broken by a mutant.
pub(crate) struct BentDeadLetters {
    pub(crate) inner: ModelQueue,
    pub(crate) mutant: Option<Mutant>,
}

impl DeadLetterQueue for BentDeadLetters {
    async fn receive(&self, wait: Duration) -> Result<Vec<Record>, Unavailable> {
        let mut records = self.inner.receive(wait).await?;
        if self.mutant == Some(Mutant::SourceIsIgnored) {
            records.iter_mut().for_each(|record| drop(record.system.remove("DeadLetterQueueSourceArn")));
        }
        Ok(records)
    }

    async fn delete(&self, messages: Vec<(MessageId, ReceiptHandle)>) -> Vec<(MessageId, String)> {
        self.inner.delete(messages).await
    }
}

/// Queue to which replay sends, and the processor its dead messages, broken by a mutant.
pub(crate) struct FaultyOutbox {
    pub(crate) inner: ModelQueue,
    pub(crate) mutant: Option<Mutant>,
}

impl Outbox for FaultyOutbox {
    async fn send(&self, mut messages: Vec<Outgoing>) -> Result<Vec<Result<MessageId, String>>, Unavailable> {
        let any = || MessageId::new("any").expect("an id");
        if self.mutant == Some(Mutant::DeduplicationWithoutTheNumber) {
            messages.iter_mut().for_each(|message| message.deduplication = message.letter.to_string());
        }
        let count = messages.len();
        let answers = Outbox::send(&self.inner, messages).await;
        if answers.is_err() && self.mutant == Some(Mutant::HandedOverUnread) {
            return Ok(vec![Ok(any()); count]);
        }
        let mut answers = answers?;
        if self.mutant == Some(Mutant::RefusalTakenForSent) {
            answers.iter_mut().for_each(|answer| *answer = Ok(any()));
        }
        Ok(answers)
    }
}
