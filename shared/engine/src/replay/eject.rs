use redrive_core::ids::OwnerToken;
use redrive_core::letter::{Letter, LetterWrite};
use redrive_core::ports::{LedgerReader, Letters, Outbox};
use redrive_core::replay::Outgoing;
use tracing::info;

use super::{ReplayReport, Replayer};
use crate::World;
use crate::batches::batches;

/// Why a claim is not taken over.
const EJECTING: &str = "its claim ran out while it was being ejected: it may be in the dead-letter queue";
const NO_LEDGER: &str = "its claim ran out, and without a ledger a second copy would run";

impl<O, R, T, W> Replayer<O, R, T, W>
where
    O: Outbox,
    R: LedgerReader,
    T: Letters,
    W: World,
{
    /// Puts letters back into the dead-letter queue: claim, send, mark; at most ten. What waits in doubt may be there already,
    /// and is only put there if it was `named`.
    pub(super) async fn eject(&self, letters: Vec<Letter>, by: &str, named: bool, report: &mut ReplayReport) {
        report.considered += letters.len();
        let Some(dead_letters) = &self.dead_letters else {
            report.in_custody += letters.len();
            return;
        };
        let letters = self.settled(letters, by, report).await;
        let (doubtful, letters): (Vec<_>, Vec<_>) =
            letters.into_iter().partition(|letter| letter.waits_in_doubt() && !named);
        report.left_in_doubt += doubtful.len();
        let open = self.still_open(letters, |letter| Ok(letter.body.check()?), report).await;
        let now = self.world.now();
        let claims = open.iter().filter_map(|letter| {
            let token = OwnerToken::from_random(self.world.bits());
            let claimed = letter.claim_to_eject(token, by, self.settings.lease, now).ok();
            claimed.map(|next| (token, false, LetterWrite::change(next)))
        });
        let claims: Vec<_> = claims.collect();
        report.changed_meanwhile += open.len() - claims.len();
        let claimed = self.write_claims(claims, Outgoing::of_ejected, report).await;
        for batch in batches(claimed, |claimed| claimed.message.bytes()) {
            self.send_batch(batch, dead_letters, by, report).await;
        }
    }

    /// Leaves out claims that ran out and that nobody may take over: their letters wait for a person.
    pub(super) async fn settled(&self, letters: Vec<Letter>, by: &str, report: &mut ReplayReport) -> Vec<Letter> {
        let mut open = Vec::with_capacity(letters.len());
        for letter in letters {
            let why = match letter.is_lapsed(self.world.now()) {
                true if letter.is_ejecting() => EJECTING,
                true if !self.ledger.is_kept() => NO_LEDGER,
                _ => {
                    open.push(letter);
                    continue;
                }
            };
            match self.change(letter, |letter| letter.in_doubt(why, by, self.world.now()).ok()).await {
                Ok(Some(letter)) => {
                    info!(letter_id = %letter.id, why, "letter is in doubt");
                    report.returned_in_doubt += 1;
                }
                Ok(None) => report.changed_meanwhile += 1,
                Err(_) => report.unavailable += 1,
            }
        }
        open
    }
}
