//! Former copies of letters withdrawn in the ledger, so that none of them runs.

use std::collections::{BTreeMap, BTreeSet, HashSet};

use redrive_core::ids::SendId;
use redrive_core::letters::letter::{Letter, Send};
use redrive_core::message::key::{LedgerKey, PayloadHash};
use redrive_core::ports::{LedgerMarker, LedgerReader, WriteError};
use redrive_core::processing::ledger::{Entry, EntryWrite, Withdrawal, Withdrawing, withdraw};
use redrive_core::replay::{Outgoing, Prepared};
use tracing::warn;

use crate::replay::context::PairContext;
use crate::replay::ports::ReplayPorts;
use crate::rounds::ROUNDS;

/// Outcome of withdrawing a letter's former copies.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Withdrawn {
    /// None of them runs any more.
    Clear,
    /// Copy that has had its effect.
    Done(PayloadHash),
    /// Somebody runs one of them.
    Waits,
    /// The ledger has no room for another dead enqueue of the key.
    Full,
    Unavailable,
}

/// Key of one letter whose copies are to be withdrawn; the letter by its place.
type Asking = (usize, Withdrawal);

/// Entries in which copies of a letter may run: of every key that they may have had.
fn withdrawals<P: ReplayPorts>(context: PairContext<'_, P>, letter: &Letter, prepared: &Prepared) -> Vec<Withdrawal> {
    let reading = &context.pair.reading;
    // Where it died for want of a key or a type, the configuration may have been mended since.
    let read = [letter.payload.as_str(), letter.payload_now()].map(|body| reading.identify(body, &letter.attributes));
    let mut keys: BTreeSet<_> = letter.key.iter().chain(letter.sends.iter().flat_map(|send| &send.key)).collect();
    keys.extend(read.iter().filter_map(|(_, key)| key.as_ref()?.as_ref().ok()));
    let mut scopes = vec![&letter.scope, &prepared.scope];
    scopes.extend(read.iter().filter_map(|(kind, _)| kind.as_ref().ok().map(|kind| &kind.scope)));
    let entries: BTreeSet<_> =
        scopes.iter().flat_map(|scope| keys.iter().map(|key| LedgerKey::owned(scope, key))).collect();
    let limit = context.memory.limits.least();
    let of = |key| Withdrawal {
        key,
        send: SendId { letter: letter.id, number: letter.number },
        messages: letter.unnumbered(|send| is_bare(letter, send, limit)),
        token: context.token(),
        hash: letter.hash_now().clone(),
        expires: context.now().after(context.settings.ledger_retention).whole_seconds(),
    };
    entries.into_iter().map(of).collect()
}

/// Withdraws the copies of many letters. One answer for each, in order.
pub(super) async fn withdraw_all<P: ReplayPorts>(
    context: PairContext<'_, P>,
    edits: &[(Letter, Prepared)],
) -> Vec<Withdrawn> {
    let ledger = &context.pair.ledger;
    let mut withdrawn = vec![Withdrawn::Clear; edits.len()];
    if !ledger.is_kept() || edits.is_empty() {
        return withdrawn;
    }
    let of = |(place, (letter, prepared)): (usize, &(Letter, Prepared))| {
        withdrawals(context, letter, prepared)
            .into_iter()
            .map(move |withdrawal| (place, withdrawal))
            .collect::<Vec<_>>()
    };
    let mut open: Vec<Asking> = edits.iter().enumerate().flat_map(of).collect();
    let keys: BTreeSet<_> = open.iter().map(|(_, withdrawal)| withdrawal.key.clone()).collect();
    let keys: Vec<_> = keys.into_iter().collect();
    let mut known: BTreeMap<_, _> = match ledger.read(&keys).await {
        Ok(entries) => keys.into_iter().zip(entries).collect(),
        Err(error) => {
            warn!(%error, count = edits.len(), "ledger could not be read; nothing was edited");
            return vec![Withdrawn::Unavailable; edits.len()];
        }
    };
    for _ in 0..ROUNDS {
        let (asking, rest) = decide(context, open, edits, &known, &mut withdrawn);
        open = rest;
        if asking.is_empty() {
            return withdrawn;
        }
        let (withdrawal, writes): (Vec<_>, Vec<_>) = asking.into_iter().unzip();
        let answers = ledger.withdraw(writes.clone()).await;
        for (((place, withdrawal), write), answer) in withdrawal.into_iter().zip(writes).zip(answers) {
            match answer {
                Ok(()) => drop(known.insert(write.key, Some(write.entry))),
                // Decided anew; a lost answer shows as done.
                Err(WriteError::Condition(found)) => {
                    known.insert(write.key, found.map(|entry| *entry));
                    open.push((place, withdrawal));
                }
                Err(WriteError::Unavailable(error)) => {
                    warn!(key = write.key.log_hash(), %error, "copies could not be withdrawn");
                    withdrawn[place] = Withdrawn::Unavailable;
                }
            }
        }
    }
    open.iter().for_each(|(place, _)| withdrawn[*place] = Withdrawn::Waits);
    withdrawn
}

/// Finds what is to be written now, one write of a key, and what is left for the next round. A letter that is not to be edited
/// now withdraws nothing.
fn decide<P: ReplayPorts>(
    context: PairContext<'_, P>,
    open: Vec<Asking>,
    edits: &[(Letter, Prepared)],
    known: &BTreeMap<LedgerKey, Option<Entry>>,
    withdrawn: &mut [Withdrawn],
) -> (Vec<(Asking, EntryWrite)>, Vec<Asking>) {
    let mut writes = Vec::new();
    for (place, withdrawal) in open {
        let found = known.get(&withdrawal.key).and_then(Option::as_ref);
        let outcome = match withdraw(found, &withdrawal, context.now()) {
            Withdrawing::Write(write) => {
                writes.push(((place, withdrawal), *write));
                continue;
            }
            Withdrawing::Completed(hash) if edits[place].0.is_effect(&hash) => Withdrawn::Done(hash),
            // Another payload holds the key: copies of this one are refused.
            Withdrawing::Completed(_) | Withdrawing::Done => continue,
            Withdrawing::Waits => Withdrawn::Waits,
            Withdrawing::Full => Withdrawn::Full,
        };
        if !matches!(withdrawn[place], Withdrawn::Done(_)) {
            withdrawn[place] = outcome;
        }
    }
    writes.retain(|((place, _), _)| withdrawn[*place] == Withdrawn::Clear);
    let mut first = HashSet::new();
    let (now, later): (Vec<_>, Vec<_>) = writes.into_iter().partition(|(_, write)| first.insert(write.key.clone()));
    (now, later.into_iter().map(|(asking, _)| asking).collect())
}

/// Returns true if a send went without redrive's own attribute: elsewhere each does, and back none with an edited body.
pub(super) fn is_bare(letter: &Letter, send: &Send, limit: usize) -> bool {
    let room = || Outgoing::has_room_within(letter, &letter.payload, send.key.as_ref(), limit);
    send.to.is_some() || send.edited.is_none() && !room()
}
