//! Freeing keys: where so many enqueues of a key are dead that no copy can run any more, a person has them forgotten.

use std::collections::{BTreeMap, BTreeSet};

use redrive_core::letters::edges;
use redrive_core::letters::letter::Letter;
use redrive_core::message::key::LedgerKey;
use redrive_core::ports::{LedgerMarker, LedgerReader, WriteError};
use redrive_core::processing::ledger::{EntryWrite, Freeing, free as free_entry};
use redrive_core::replay::Remark;
use tracing::{info, warn};

use crate::replay::change::change_all;
use crate::replay::context::PairContext;
use crate::replay::letter_update::{LetterOutcome, LetterUpdate, each};
use crate::replay::ports::ReplayPorts;
use crate::rounds::ROUNDS;

/// Outcome of freeing a key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum KeyOutcome {
    Freed,
    Nothing,
    Waits,
    Unavailable,
}

/// Frees the keys of these letters. Each letter says so in its history before its key's entry is touched.
pub(crate) async fn free<P: ReplayPorts>(
    context: PairContext<'_, P>,
    letters: Vec<Letter>,
    remark: &Remark,
) -> Vec<LetterUpdate> {
    let mut updates = each(letters.iter().map(|letter| letter.id), &LetterOutcome::Considered);
    let (letters, others): (Vec<_>, Vec<_>) = letters.into_iter().partition(|letter| context.pair.owns(letter));
    updates.extend(each(others.iter().map(|letter| letter.id), &LetterOutcome::Unlisted));
    let ids: Vec<_> = letters.iter().map(|letter| letter.id).collect();
    if !context.pair.ledger.is_kept() {
        updates.extend(each(ids, &LetterOutcome::NothingToFree));
        return updates;
    }
    let edge = |letter: &Letter| edges::note_freeing(letter, &remark.note, &remark.by, context.now()).ok();
    let moves = letters.into_iter().map(|letter| (letter, &edge)).collect();
    let mut written = Vec::with_capacity(ids.len());
    for (id, moved) in ids.into_iter().zip(change_all(context.letters, moves).await) {
        match moved {
            Ok(Some(letter)) => written.push(letter),
            Ok(None) => updates.push(LetterUpdate::of(id, LetterOutcome::ChangedMeanwhile)),
            Err(_) => updates.push(LetterUpdate::of(id, LetterOutcome::Unavailable)),
        }
    }
    let outcomes = free_keys(context, written.iter().flat_map(keys_of).collect(), remark).await;
    updates.extend(written.iter().map(|letter| LetterUpdate::of(letter.id, of_letter(letter, &outcomes))));
    updates
}

/// Outcome of a letter, by what became of its keys: the worst of it.
fn of_letter(letter: &Letter, outcomes: &BTreeMap<LedgerKey, KeyOutcome>) -> LetterOutcome {
    let of_keys: Vec<_> = keys_of(letter).filter_map(|key| outcomes.get(&key).copied()).collect();
    let has = |outcome| of_keys.contains(&outcome);
    match () {
        () if has(KeyOutcome::Unavailable) => LetterOutcome::Unavailable,
        () if has(KeyOutcome::Waits) => LetterOutcome::FreeWaits,
        () if has(KeyOutcome::Freed) => LetterOutcome::Freed,
        () => LetterOutcome::NothingToFree,
    }
}

async fn free_keys<P: ReplayPorts>(
    context: PairContext<'_, P>,
    keys: BTreeSet<LedgerKey>,
    remark: &Remark,
) -> BTreeMap<LedgerKey, KeyOutcome> {
    let (mut open, mut outcomes): (Vec<_>, _) = (keys.into_iter().collect(), BTreeMap::new());
    for _ in 0..ROUNDS {
        let (writes, decided) = freeing(context, &open, remark).await;
        outcomes.extend(decided);
        let answers = context.pair.ledger.withdraw(writes.iter().map(|(write, _)| write.clone()).collect()).await;
        open = Vec::new();
        for ((write, enqueues), answer) in writes.into_iter().zip(answers) {
            let key = write.key;
            match answer {
                Ok(()) => {
                    let (by, note) = (&remark.by, &remark.note);
                    info!(key = key.log_hash(), enqueues, by, note, "dead enqueues of a key were forgotten");
                    outcomes.insert(key, KeyOutcome::Freed);
                }
                // Decided anew; a lost answer shows as nothing to do.
                Err(WriteError::Condition(_)) => open.push(key),
                Err(WriteError::Unavailable(error)) => {
                    warn!(key = key.log_hash(), %error, "key could not be freed");
                    outcomes.insert(key, KeyOutcome::Unavailable);
                }
            }
        }
        if open.is_empty() {
            return outcomes;
        }
    }
    outcomes.extend(open.into_iter().map(|key| (key, KeyOutcome::Waits)));
    outcomes
}

/// Writes that free these keys, with how many enqueues each forgets; and of the other keys, why nothing is written.
async fn freeing<P: ReplayPorts>(
    context: PairContext<'_, P>,
    keys: &[LedgerKey],
    remark: &Remark,
) -> (Vec<(EntryWrite, usize)>, Vec<(LedgerKey, KeyOutcome)>) {
    let (mut writes, mut decided) = (Vec::with_capacity(keys.len()), Vec::new());
    let entries = match context.pair.ledger.read(keys).await {
        Ok(entries) => entries,
        Err(error) => {
            warn!(%error, by = remark.by, "ledger could not be read; no key was freed");
            decided.extend(keys.iter().map(|key| (key.clone(), KeyOutcome::Unavailable)));
            return (writes, decided);
        }
    };
    for (key, entry) in keys.iter().zip(entries) {
        match free_entry(entry.as_ref(), key, context.pair.source(), context.now()) {
            Freeing::Write(write, enqueues) => writes.push((*write, enqueues)),
            Freeing::Nothing => decided.push((key.clone(), KeyOutcome::Nothing)),
            Freeing::Waits => decided.push((key.clone(), KeyOutcome::Waits)),
        }
    }
    (writes, decided)
}

/// The entries of every key that a letter has, or was sent with.
fn keys_of(letter: &Letter) -> impl Iterator<Item = LedgerKey> {
    let keys = letter.key.iter().chain(letter.sends.iter().flat_map(|send| &send.key));
    keys.map(|key| LedgerKey::owned(&letter.scope, key))
}
