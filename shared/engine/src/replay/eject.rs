use redrive_core::ids::OwnerToken;
use redrive_core::letters::letter::{Letter, LetterWrite, Status};
use redrive_core::ports::{Clock, Entropy};
use redrive_core::replay::job::JobEntry;
use redrive_core::replay::{ConsentTerms, Outgoing};
use redrive_core::time::Timestamp;
use tracing::warn;

use super::send::Claim;
use super::{Ports, ReplayReport, Replayer, Sending};

impl<P: Ports> Replayer<P> {
    /// Puts letters back into the dead-letter queue: claim, send, mark. What waits in doubt may be there already,
    /// and is only put there if it was `named`.
    pub(super) async fn eject(
        &self,
        letters: Vec<Letter>,
        by: &str,
        named: bool,
        report: &mut ReplayReport,
    ) -> Vec<JobEntry> {
        report.considered += letters.len();
        let Some((dead_letters, gauges)) = &self.dead_letters else {
            report.in_custody += letters.len();
            return Vec::new();
        };
        let asked = ConsentTerms { due_by: Timestamp::NEVER, named, forgotten_ok: true, as_new: true };
        let sending = Sending { by, asked, job: None, edit: None, to: None, after_replayed: false, queueing: None };
        let open = self.ejectable(letters, sending, report).await;
        let (open, limit) = self.fitting_back(open, gauges, report).await;
        let now = self.world.now();
        let claims = open.iter().filter_map(|letter| {
            let token = OwnerToken::from_random(self.world.bits());
            let claimed = letter.claim_to_eject(token, by, self.settings.lease, now).ok();
            claimed.map(|next| Claim {
                token,
                lapsed: false,
                former: letter.edited.clone(),
                write: LetterWrite::change(next),
            })
        });
        let claims: Vec<_> = claims.collect();
        report.changed_meanwhile += open.len() - claims.len();
        let mut lines = Vec::new();
        let message = |letter: &Letter| Outgoing::of_ejected(letter, limit);
        let claimed = self.write_claims(claims, message, sending, report, &mut lines).await;
        lines.extend(self.send_all(claimed, dead_letters, sending, report).await);
        lines
    }

    /// Leaves out what the ledger shows as done, what has no body, and what may be in the dead-letter queue already: a claim
    /// that ran out makes its letter wait for a person, unless whoever replays takes it over.
    async fn ejectable(&self, letters: Vec<Letter>, sending: Sending<'_>, report: &mut ReplayReport) -> Vec<Letter> {
        let known = match self.known(&letters).await {
            Ok(known) => known,
            Err(error) => {
                warn!(%error, count = letters.len(), "ledger could not be read; nothing was ejected");
                report.unavailable += letters.len();
                return Vec::new();
            }
        };
        let mut open = Vec::with_capacity(letters.len());
        for (letter, known) in letters.into_iter().zip(known) {
            if letter.is_lapsed(self.world.now()) {
                match self.lapsed(letter, sending, report).await {
                    Ok(Ok(_)) => report.changed_meanwhile += 1,
                    Ok(Err(_)) => {}
                    Err(_) => report.unavailable += 1,
                }
            } else if letter.waits_in_doubt() && !sending.asked.named {
                report.left_in_doubt += 1;
            } else if letter.status != Status::Pending {
                report.changed_meanwhile += 1;
            } else if let Some(effect) = known.effect {
                let resolved = self.resolve(letter, &effect, "found done before it was ejected", report).await;
                report.resolved_instead += usize::from(resolved);
            } else if letter.body.check().is_err() {
                report.no_body += 1;
            } else {
                open.push(letter);
            }
        }
        open
    }
}
