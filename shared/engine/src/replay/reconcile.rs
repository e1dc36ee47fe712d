//! Findings of what the ledger says became of letters.

use std::time::Duration;

use redrive_core::ids::LetterId;
use redrive_core::letters::admission::effect_of;
use redrive_core::letters::edges;
use redrive_core::letters::letter::{Letter, Status};
use redrive_core::message::key::{LedgerKey, PayloadHash};
use redrive_core::ports::{LedgerReader, Unavailable};
use redrive_core::processing::ledger::{Entry, EntryState};
use redrive_core::replay::{Candidate, KeyStatus};
use redrive_core::time::Timestamp;
use tracing::{info, warn};

use super::change::{change, change_all};
use super::context::PairContext;
use super::letter_update::{LetterOutcome, LetterUpdate, each};
use super::ports::ReplayPorts;

/// Time after its send for which a letter is asked about in every run.
const AWAITED: Duration = Duration::from_secs(3_600);

const WHO: &str = "reconciler";
const COMPLETED: &str = "the ledger shows it completed";

/// Reads what the ledger says of each of these letters' keys.
pub(crate) async fn known<P: ReplayPorts>(
    context: PairContext<'_, P>,
    letters: &[Letter],
) -> Result<Vec<KeyStatus>, Unavailable> {
    let ledger = &context.pair.ledger;
    let keys: Vec<_> = letters
        .iter()
        .filter_map(|letter| letter.key.as_ref().map(|key| LedgerKey::owned(&letter.scope, key)))
        .collect();
    let mut entries = ledger.read(&keys).await?.into_iter();
    let (now, retention) = (context.now(), context.settings.ledger_retention);
    let known = |letter: &Letter| {
        let entry = letter.key.as_ref().and_then(|_| entries.next().flatten());
        let live = entry.as_ref().filter(|entry| !entry.expired(now));
        KeyStatus {
            kept: ledger.is_kept(),
            retention,
            entry: live.is_some(),
            effect: effect_of(letter, entry.as_ref(), now),
            few_enqueues_left: live.and_then(|entry| entry.few_enqueues_left(now, retention)),
        }
    };
    Ok(letters.iter().map(known).collect())
}

/// Joins letters with what the ledger says of their keys. Without the ledger's word nothing is done with them: each is unavailable.
/// `undone` says in the log what was not done.
pub(crate) async fn with_known<P: ReplayPorts>(
    context: PairContext<'_, P>,
    letters: Vec<Letter>,
    undone: &'static str,
) -> Result<Vec<(Letter, KeyStatus)>, Vec<LetterUpdate>> {
    match known(context, &letters).await {
        Ok(known) => Ok(letters.into_iter().zip(known).collect()),
        Err(error) => {
            warn!(%error, count = letters.len(), "ledger could not be read; nothing was {undone}");
            Err(each(letters.iter().map(|letter| letter.id), &LetterOutcome::Unavailable))
        }
    }
}

/// Finds, of these candidates, those whose key the ledger shows as completed, and those whose time is up. Where it is not
/// their turn, the ledger is asked only about those that were sent a short while ago. It may answer late: whoever takes the
/// edge reads it anew.
pub(crate) async fn maybe_done<P: ReplayPorts>(
    context: PairContext<'_, P>,
    found: &[Candidate],
    turn: bool,
) -> Result<Vec<LetterId>, Unavailable> {
    let (now, outcome_after) = (context.now(), context.pair.policy.outcome_after);
    let of_now = found.iter().filter(|one| turn || was_just_sent(one, outcome_after, now));
    let keyed: Vec<_> = of_now.filter_map(|one| Some((one, one.key.as_ref()?))).collect();
    let keys: Vec<_> = keyed.iter().map(|(one, key)| LedgerKey::owned(&one.scope, key)).collect();
    let entries = if keys.is_empty() { Vec::new() } else { context.pair.ledger.read_eventually(&keys).await? };
    let completed = |entry: &Option<Entry>| entry.as_ref().is_some_and(|entry| entry.state == EntryState::Completed);
    let done = keyed.iter().zip(&entries).filter(|(_, entry)| completed(entry)).map(|((one, _), _)| one.id);
    let now = context.now();
    let late = found.iter().filter(|one| one.due < now).map(|one| one.id);
    let mut ids: Vec<_> = done.chain(late).collect();
    ids.sort_unstable();
    ids.dedup();
    Ok(ids)
}

/// Returns true if it was sent so lately that its outcome is waited for. REPLAYED is due when that is given up.
fn was_just_sent(one: &Candidate, outcome_after: Duration, now: Timestamp) -> bool {
    let left = one.due.since(now);
    one.status == Status::Replayed && left.saturating_add(AWAITED) >= outcome_after
}

/// Finds out what became of letters that were sent, and of those that wait: a producer may have sent it again, or
/// another letter of the same key was replayed.
///
/// Rule R36 of docs/protocol.md.
pub(crate) async fn reconcile<P: ReplayPorts>(context: PairContext<'_, P>, letters: Vec<Letter>) -> Vec<LetterUpdate> {
    match with_known(context, letters, "reconciled").await {
        Ok(known) => found_out(context, known).await,
        Err(ended) => ended,
    }
}

/// Moves letters to where they belong by what the ledger was asked about them.
pub(crate) async fn found_out<P: ReplayPorts>(
    context: PairContext<'_, P>,
    letters: Vec<(Letter, KeyStatus)>,
) -> Vec<LetterUpdate> {
    let policy = &context.pair.policy;
    let ids: Vec<_> = letters.iter().map(|(letter, _)| letter.id).collect();
    let moves = letters.into_iter().map(|(letter, known)| {
        let edge = move |letter: &Letter| match &known.effect {
            Some(hash) => edges::resolve(letter, hash, COMPLETED, WHO, policy, context.now()).ok(),
            None => edges::return_without_outcome(letter, WHO, context.now()).ok(),
        };
        (letter, edge)
    });
    let moved = change_all(context.letters, moves.collect()).await;
    let became = ids.into_iter().zip(moved).filter_map(|(id, moved)| {
        let outcome = match moved {
            Ok(Some(letter)) if letter.status == Status::Resolved => {
                LetterOutcome::Resolved { took: tell_resolved(&letter, COMPLETED, context.now()) }
            }
            Ok(Some(letter)) => {
                info!(letter_id = %letter.id, "no outcome of a replay until its deadline");
                LetterOutcome::NoOutcome
            }
            Ok(None) => return None,
            Err(_) => LetterOutcome::Unavailable,
        };
        Some(LetterUpdate::of(id, outcome))
    });
    became.collect()
}

/// Takes the edge to RESOLVED, for a letter that was found done before something else was done with it. `None` if it does
/// not stand where the edge starts any more.
pub(crate) async fn resolve<P: ReplayPorts>(
    context: PairContext<'_, P>,
    letter: Letter,
    effect: &PayloadHash,
    note: &str,
) -> Option<LetterUpdate> {
    let (id, policy) = (letter.id, &context.pair.policy);
    let edge = |letter: &Letter| edges::resolve(letter, effect, note, WHO, policy, context.now()).ok();
    let outcome = match change(context.letters, letter, edge).await {
        Ok(letter) => LetterOutcome::ResolvedBefore { took: tell_resolved(&letter?, note, context.now()) },
        Err(_) => LetterOutcome::Unavailable,
    };
    Some(LetterUpdate::of(id, outcome))
}

/// Logs that a letter came to RESOLVED, and answers with the time since its first failure.
fn tell_resolved(letter: &Letter, note: &str, now: Timestamp) -> Duration {
    info!(letter_id = %letter.id, note, "letter resolved");
    now.since(letter.reason.first_failed_at)
}
