//! Freeing keys: where so many enqueues of a key are dead that no copy can run any more, a person has them forgotten.

use std::collections::{BTreeMap, BTreeSet};

use redrive_core::letters::letter::Letter;
use redrive_core::message::key::LedgerKey;
use redrive_core::ports::{Clock, LedgerMarker, LedgerReader, WriteError};
use redrive_core::processing::ledger::{EntryWrite, Freeing, free};
use redrive_core::replay::Remark;
use redrive_core::time::Timestamp;
use tracing::{info, warn};

use super::{Ports, ReplayReport, Replayer, Sending};
use crate::ROUNDS;

/// What came of freeing a key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Verdict {
    Freed,
    Nothing,
    Waits,
    Unavailable,
}

impl<P: Ports> Replayer<P> {
    /// Frees the keys of these letters. Each letter says so in its history before its key's entry is touched.
    pub(super) async fn free(&self, letters: Vec<Letter>, remark: &Remark, report: &mut ReplayReport) {
        report.considered += letters.len();
        let (letters, others): (Vec<_>, Vec<_>) = letters.into_iter().partition(|letter| self.owns(letter));
        report.unlisted += others.len();
        if !self.ledger.is_kept() {
            report.nothing_to_free += letters.len();
            return;
        }
        let edge = |letter: &Letter| letter.freed(&remark.note, &remark.by, self.world.now()).ok();
        let mut written = Vec::with_capacity(letters.len());
        for moved in self.change_all(letters.into_iter().map(|letter| (letter, &edge)).collect()).await {
            match moved {
                Ok(Some(letter)) => written.push(letter),
                Ok(None) => report.changed_meanwhile += 1,
                Err(_) => report.unavailable += 1,
            }
        }
        let verdicts = self.free_keys(written.iter().flat_map(keys_of).collect(), remark).await;
        for letter in written {
            let of_letter: Vec<_> = keys_of(&letter).filter_map(|key| verdicts.get(&key).copied()).collect();
            let has = |verdict| of_letter.contains(&verdict);
            *match () {
                () if has(Verdict::Unavailable) => &mut report.unavailable,
                () if has(Verdict::Waits) => &mut report.free_waits,
                () if has(Verdict::Freed) => &mut report.freed,
                () => &mut report.nothing_to_free,
            } += 1;
        }
    }

    async fn free_keys(&self, keys: BTreeSet<LedgerKey>, remark: &Remark) -> BTreeMap<LedgerKey, Verdict> {
        let (mut open, mut verdicts): (Vec<_>, _) = (keys.into_iter().collect(), BTreeMap::new());
        for _ in 0..ROUNDS {
            let writes = self.freeing(&open, &mut verdicts, remark).await;
            let answers = self.ledger.withdraw(writes.iter().map(|(write, _)| write.clone()).collect()).await;
            open = Vec::new();
            for ((write, enqueues), answer) in writes.into_iter().zip(answers) {
                let key = write.key;
                match answer {
                    Ok(()) => {
                        info!(
                            key = key.log_hash(),
                            enqueues,
                            by = remark.by,
                            note = remark.note,
                            "dead lives of a key were forgotten"
                        );
                        verdicts.insert(key, Verdict::Freed);
                    }
                    // Decided anew; a lost answer shows as nothing to do.
                    Err(WriteError::Condition(_)) => open.push(key),
                    Err(WriteError::Unavailable(error)) => {
                        warn!(key = key.log_hash(), %error, "key could not be freed");
                        verdicts.insert(key, Verdict::Unavailable);
                    }
                }
            }
            if open.is_empty() {
                return verdicts;
            }
        }
        verdicts.extend(open.into_iter().map(|key| (key, Verdict::Waits)));
        verdicts
    }

    /// What is to be written to free these keys, with how many enqueues each forgets; of the others it is said why nothing is.
    async fn freeing(
        &self,
        keys: &[LedgerKey],
        verdicts: &mut BTreeMap<LedgerKey, Verdict>,
        remark: &Remark,
    ) -> Vec<(EntryWrite, usize)> {
        let entries = match self.ledger.read(keys).await {
            Ok(entries) => entries,
            Err(error) => {
                warn!(%error, by = remark.by, "ledger could not be read; no key was freed");
                verdicts.extend(keys.iter().map(|key| (key.clone(), Verdict::Unavailable)));
                return Vec::new();
            }
        };
        let mut writes = Vec::with_capacity(keys.len());
        for (key, entry) in keys.iter().zip(entries) {
            let verdict = match free(entry.as_ref(), key, &self.settings.reading.source, self.world.now()) {
                Freeing::Write(write, enqueues) => {
                    writes.push((*write, enqueues));
                    continue;
                }
                Freeing::Nothing => Verdict::Nothing,
                Freeing::Waits => Verdict::Waits,
            };
            verdicts.insert(key.clone(), verdict);
        }
        writes
    }

    /// A letter that the policy would send waits for a person: few enqueues of its key are left, and those are for the mended copy.
    pub(super) async fn leave_to_a_person(
        &self,
        letter: Letter,
        sending: Sending<'_>,
        left: usize,
        report: &mut ReplayReport,
    ) {
        if sending.asked.due_by == Timestamp::NEVER {
            return;
        }
        let id = letter.id;
        let why = format!("the ledger can remember {left} more dead lives of its key; `redrive free` makes room");
        match self.change(letter, |letter| letter.held_back(&why, sending.by, self.world.now()).ok()).await {
            Ok(_) => warn!(letter_id = %id, left, "letter waits for a person: many lives of its key are dead"),
            Err(_) => report.unavailable += 1,
        }
    }
}

/// The entries of every key that a letter has, or was sent with.
fn keys_of(letter: &Letter) -> impl Iterator<Item = LedgerKey> {
    let keys = letter.key.iter().chain(letter.sends.iter().flat_map(|send| &send.key));
    keys.map(|key| LedgerKey::owned(&letter.scope, key))
}
