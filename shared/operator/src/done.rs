//! Letters that the ledger shows as done before they say so themselves: replay notes it with its next run.

use std::collections::BTreeSet;

use redrive_core::ids::LetterId;
use redrive_core::letters::admission::effect_of;
use redrive_core::letters::letter::Status;
use redrive_core::message::key::LedgerKey;
use redrive_core::ports::{LedgerReader, Letters, Unavailable};
use redrive_core::processing::ledger::EntryState;
use redrive_core::replay::Candidate;
use redrive_core::time::Timestamp;

/// Number of letters that are read in one call.
const LETTERS: usize = 100;

/// Finds, of these letters, those whose effect the ledger shows as done.
///
/// # Errors
///
/// The tables'.
pub async fn done<L: Letters, R: LedgerReader>(
    letters: &L,
    ledger: &R,
    found: &[Candidate],
    now: Timestamp,
) -> Result<BTreeSet<LetterId>, Unavailable> {
    let open = found.iter().filter(|one| !matches!(one.status, Status::Resolved | Status::Discarded));
    let keyed: Vec<_> = open.filter_map(|one| Some((one, one.key.as_ref()?))).collect();
    let keys: Vec<_> = keyed.iter().map(|(one, key)| LedgerKey::owned(&one.scope, key)).collect();
    if keys.is_empty() || !ledger.is_kept() {
        return Ok(BTreeSet::new());
    }
    let entries = ledger.read_eventually(&keys).await?;
    let completed = keyed.iter().zip(entries).filter_map(|((one, _), entry)| {
        let entry = entry.filter(|entry| entry.state == EntryState::Completed && !entry.expired(now))?;
        Some((one.id, entry))
    });
    // Another payload under the same key is not this letter's effect, and only the letter knows its sends.
    let completed: Vec<_> = completed.collect();
    let mut all = BTreeSet::new();
    for some in completed.chunks(LETTERS) {
        let ids: Vec<_> = some.iter().map(|(id, _)| *id).collect();
        let read = letters.read(&ids).await?.into_iter().zip(some);
        let effects = read.filter_map(|(letter, (id, entry))| effect_of(&letter?, Some(entry), now).map(|_| *id));
        all.extend(effects);
    }
    Ok(all)
}

#[cfg(test)]
mod tests {
    use redrive_core::letters::letter::Letter;
    use redrive_core::message::key::PayloadHash;
    use redrive_core::processing::ledger::Entry;
    use redrive_testkit::{ModelLedger, ModelLetters};

    use super::*;
    use crate::samples::{self, NOW};

    #[tokio::test]
    async fn a_letter_is_done_once_the_ledger_shows_its_own_payload_completed() {
        let letters = ModelLetters::new();
        let letter = Letter { status: Status::Replayed, ..samples::full() };
        letters.force(letter.clone());
        let found = [Candidate::of(&letter)];
        let asked = async |entry: Option<Entry>, found: &[Candidate]| {
            let ledger = ModelLedger::new();
            if let (Some(entry), Some(key)) = (entry, &letter.key) {
                ledger.force(LedgerKey::owned(&letter.scope, key), entry);
            }
            done(&letters, &ledger, found, NOW).await.unwrap()
        };
        let entry = samples::entry(&letter);
        let completed = Entry { state: EntryState::Completed, ..entry.clone() };
        assert!(asked(None, &found).await.is_empty());
        assert!(asked(Some(entry), &found).await.is_empty(), "it failed");
        assert_eq!(asked(Some(completed.clone()), &found).await, [letter.id].into());
        let other = Entry { hash: PayloadHash::of_text("another payload"), ..completed.clone() };
        assert!(asked(Some(other), &found).await.is_empty());
        let expired = Entry { expires: Timestamp::from_millis(NOW.as_millis() - 1), ..completed.clone() };
        assert!(asked(Some(expired), &found).await.is_empty());
        let closed = [Candidate { status: Status::Resolved, ..found[0].clone() }];
        assert!(asked(Some(completed), &closed).await.is_empty(), "it says so itself");
    }
}
