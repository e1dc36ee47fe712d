use std::time::Duration;

use redrive_core::ids::LetterId;
use redrive_core::letters::admission::effect_of;
use redrive_core::letters::letter::{Letter, Status};
use redrive_core::message::key::{LedgerKey, PayloadHash};
use redrive_core::ports::{Clock, LedgerReader, Unavailable};
use redrive_core::processing::ledger::{Entry, EntryState};
use redrive_core::replay::{Candidate, KeyStatus};
use tracing::{info, warn};

use super::{Ports, ReplayReport, Replayer};

/// For so long after its send a letter is asked about in every run.
const AWAITED: Duration = Duration::from_secs(3_600);

const WHO: &str = "reconciler";
const COMPLETED: &str = "the ledger shows it completed";

impl<P: Ports> Replayer<P> {
    /// What the ledger says of each of these letters' keys.
    pub(super) async fn known(&self, letters: &[Letter]) -> Result<Vec<KeyStatus>, Unavailable> {
        let keys: Vec<_> = letters
            .iter()
            .filter_map(|letter| letter.key.as_ref().map(|key| LedgerKey::owned(&letter.scope, key)))
            .collect();
        let mut entries = self.ledger.read(&keys).await?.into_iter();
        let now = self.world.now();
        let known = |letter: &Letter| {
            let entry = letter.key.as_ref().and_then(|_| entries.next().flatten());
            KeyStatus {
                kept: self.ledger.is_kept(),
                retention: self.settings.ledger_retention,
                entry: entry.as_ref().is_some_and(|entry| !entry.expired(now)),
                effect: effect_of(letter, entry.as_ref(), now),
                few_enqueues_left: entry
                    .as_ref()
                    .filter(|entry| !entry.expired(now))
                    .and_then(|entry| entry.few_enqueues_left(now, self.settings.ledger_retention)),
            }
        };
        Ok(letters.iter().map(known).collect())
    }

    /// Of these candidates, those whose key the ledger shows as completed, and those whose time is up. Where it is not their
    /// turn, the ledger is asked only about those that were sent a short while ago. It may answer late: whoever takes the edge
    /// reads it anew.
    pub(super) async fn maybe_done(&self, found: &[Candidate], turn: bool) -> Result<Vec<LetterId>, Unavailable> {
        let asked = found.iter().filter(|one| turn || self.was_just_sent(one));
        let keyed: Vec<_> = asked.filter_map(|one| Some((one, one.key.as_ref()?))).collect();
        let keys: Vec<_> = keyed.iter().map(|(one, key)| LedgerKey::owned(&one.scope, key)).collect();
        let entries = if keys.is_empty() { Vec::new() } else { self.ledger.read_eventually(&keys).await? };
        let completed =
            |entry: &Option<Entry>| entry.as_ref().is_some_and(|entry| entry.state == EntryState::Completed);
        let done = keyed.iter().zip(&entries).filter(|(_, entry)| completed(entry)).map(|((one, _), _)| one.id);
        let now = self.world.now();
        let late = found.iter().filter(|one| one.due < now).map(|one| one.id);
        let mut ids: Vec<_> = done.chain(late).collect();
        ids.sort_unstable();
        ids.dedup();
        Ok(ids)
    }

    /// Whether it was sent so lately that its outcome is waited for. REPLAYED is due when that is given up.
    fn was_just_sent(&self, one: &Candidate) -> bool {
        let left = one.due.since(self.world.now());
        one.status == Status::Replayed && left.saturating_add(AWAITED) >= self.settings.policy.outcome_after
    }

    /// Finds out what became of letters that were sent, and of those that wait: a producer may have sent it again, or
    /// another letter of the same key was replayed.
    ///
    /// Rule R36 of docs/protocol.md.
    pub(super) async fn reconcile(&self, letters: Vec<Letter>, report: &mut ReplayReport) {
        let known = match self.known(&letters).await {
            Ok(known) => known,
            Err(error) => {
                warn!(%error, count = letters.len(), "ledger could not be read; nothing was reconciled");
                report.unavailable += letters.len();
                return;
            }
        };
        self.found_out(letters, known, report).await;
    }

    /// The same, of letters of which the ledger was asked.
    pub(super) async fn found_out(&self, letters: Vec<Letter>, known: Vec<KeyStatus>, report: &mut ReplayReport) {
        let policy = &self.settings.policy;
        let moves = letters.into_iter().zip(known).map(|(letter, known)| {
            let edge = move |letter: &Letter| match &known.effect {
                Some(hash) => letter.resolved(hash, COMPLETED, WHO, policy, self.world.now()).ok(),
                None => letter.no_outcome(WHO, self.world.now()).ok(),
            };
            (letter, edge)
        });
        for moved in self.change_all(moves.collect()).await {
            match moved {
                Ok(Some(letter)) if letter.status == Status::Resolved => {
                    self.tell_resolved(&letter, COMPLETED, report);
                    report.resolved += 1;
                }
                Ok(Some(letter)) => {
                    info!(letter_id = %letter.id, "no outcome of a replay until its deadline");
                    report.no_outcome += 1;
                }
                Ok(None) => {}
                Err(_) => report.unavailable += 1,
            }
        }
    }

    /// Takes the edge to RESOLVED, if the letter still stands where it starts.
    pub(super) async fn resolve(
        &self,
        letter: Letter,
        effect: &PayloadHash,
        note: &str,
        report: &mut ReplayReport,
    ) -> bool {
        let policy = &self.settings.policy;
        let edge = |letter: &Letter| letter.resolved(effect, note, WHO, policy, self.world.now()).ok();
        match self.change(letter, edge).await {
            Ok(Some(letter)) => {
                self.tell_resolved(&letter, note, report);
                true
            }
            Ok(None) => false,
            Err(_) => {
                report.unavailable += 1;
                false
            }
        }
    }

    fn tell_resolved(&self, letter: &Letter, note: &str, report: &mut ReplayReport) {
        info!(letter_id = %letter.id, note, "letter resolved");
        report.took.add(self.world.now().since(letter.reason.first_failed_at));
    }
}
