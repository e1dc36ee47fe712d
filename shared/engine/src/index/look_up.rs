//! Everything that the tables know of dead messages, before anything is decided about them.

use redrive_core::letters::admission::{Findings, LedgerView, keyless_key, letter_ids, old_keyless_key};
use redrive_core::letters::letter::Letter;
use redrive_core::ports::{LedgerReader, Letters, Unavailable};
use redrive_core::processing::ledger::Entry;
use tracing::warn;

use super::dead::Dead;
use super::run::DrainMemory;
use super::sources::{DeadToIndex, IndexedSource, OfOne};

/// Everything that the tables know of these messages. What cannot be read because of one of them is read in parts: it must
/// not keep the others out.
pub(super) async fn look_up<R: LedgerReader, T: Letters>(
    sources: &[IndexedSource<R>],
    letters: &T,
    (source, fresh): OfOne,
    run: &DrainMemory,
) -> Vec<Dead> {
    let of = &sources[source];
    let (mut open, mut found, mut failures) = (vec![fresh], Vec::new(), 0);
    while let Some(mut part) = open.pop().filter(|part| !part.is_empty()) {
        match read(of, letters, &part).await {
            Ok((entries, letters)) => found.extend(joined(of, (source, part), entries, letters)),
            // A table that gives no answer at all is not asked over and over.
            Err(_) if part.len() > 1 && (failures < 4 || !found.is_empty() && failures < 16) => {
                failures += 1;
                let rest = part.split_off(part.len() / 2);
                open.extend([part, rest]);
            }
            Err(error) => {
                let count = part.len();
                warn!(%error, count, "tables could not be read; the messages stay in the dead-letter queue");
                run.count(|report| report.unavailable += count);
            }
        }
    }
    found
}

async fn read<R: LedgerReader, T: Letters>(
    source: &IndexedSource<R>,
    letters: &T,
    fresh: &[DeadToIndex],
) -> Result<(Vec<Option<Entry>>, Vec<Option<Letter>>), Unavailable> {
    let mut keys = Vec::with_capacity(fresh.len() * 3);
    let mut ids = Vec::with_capacity(fresh.len() * 2);
    for DeadToIndex { inspected: dead, .. } in fresh {
        keys.push(keyless_key(dead));
        keys.push(old_keyless_key(dead).unwrap_or_else(|| keyless_key(dead)));
        // Without a key of its own it can have no entry but the keyless one.
        keys.push(dead.owned().unwrap_or_else(|| keyless_key(dead)));
        let (named, own) = letter_ids(dead, &source.reading);
        ids.extend([named.unwrap_or(own), own]);
    }
    futures_util::future::try_join(source.ledger.read(&keys), letters.read(&ids)).await
}

/// Messages, and what was read of them, two by two.
fn joined<R: LedgerReader>(
    of: &IndexedSource<R>,
    (source, fresh): OfOne,
    entries: Vec<Option<Entry>>,
    letters: Vec<Option<Letter>>,
) -> impl Iterator<Item = Dead> {
    let (mut entries, mut letters) = (entries.into_iter(), letters.into_iter());
    fresh.into_iter().map(move |DeadToIndex { inspected, claimed, stated }| {
        let (keyless, old) = (entries.next().flatten(), entries.next().flatten());
        let keyless = keyless.or(old);
        let owned = entries.next().flatten().filter(|_| inspected.owned().is_some());
        let named = letters.next().flatten().filter(|_| inspected.redrive.is_some());
        let own = letters.next().flatten();
        let ledger = if of.ledger.is_kept() { LedgerView::Read } else { LedgerView::None };
        Dead { source, inspected, found: Findings { ledger, stated, keyless, owned, named, own, claimed } }
    })
}
