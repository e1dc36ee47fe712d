use redrive_core::ids::{MessageId, OwnerToken};
use redrive_core::letter::{Body, Letter, LetterWrite, Status};
use redrive_core::ports::{LedgerReader, Letters, Outbox, WriteError};
use redrive_core::replay::{CannotSend, Outgoing};
use redrive_core::time::Timestamp;
use tracing::{info, warn};

use super::{ReplayReport, Replayer};
use crate::World;
use crate::batches::batches;

/// A letter that we hold, and its message.
pub(super) struct Claimed {
    letter: Letter,
    token: OwnerToken,
    pub(super) message: Outgoing,
}

/// The token of a claim, whether it takes one over that ran out, and its write.
pub(super) type Claim = (OwnerToken, bool, LetterWrite);

impl<O, R, T, W> Replayer<O, R, T, W>
where
    O: Outbox,
    R: LedgerReader,
    T: Letters,
    W: World,
{
    /// Claims, sends and marks; at most ten letters. The index may have been late: what is not due is left alone.
    pub(super) async fn send(&self, letters: Vec<Letter>, by: &str, due_by: Timestamp, report: &mut ReplayReport) {
        report.considered += letters.len();
        if !self.sends {
            report.no_destination += letters.len();
            return;
        }
        let letters = self.settled(letters, by, report).await;
        // Without a ledger only a person replays, whatever a letter was promised when there was one.
        let due_by =
            if self.ledger.is_kept() || due_by == Timestamp::NEVER { due_by } else { Timestamp::from_millis(0) };
        let (letters, later): (Vec<_>, Vec<_>) = letters.into_iter().partition(|letter| letter.due <= due_by);
        report.changed_meanwhile += later.len();
        let open = self.still_open(letters, Outgoing::check, report).await;
        let claimed = self.claim(open, by, report).await;
        for batch in batches(claimed, |claimed| claimed.message.bytes()) {
            self.send_batch(batch, &self.outbox, by, report).await;
        }
    }

    /// Leaves out what the ledger shows as done, and what cannot be sent.
    pub(super) async fn still_open(
        &self,
        letters: Vec<Letter>,
        check: impl Fn(&Letter) -> Result<(), CannotSend>,
        report: &mut ReplayReport,
    ) -> Vec<Letter> {
        let effects = match self.effects(&letters).await {
            Ok(effects) => effects,
            Err(error) => {
                warn!(%error, count = letters.len(), "ledger could not be read; nothing was sent");
                report.unavailable += letters.len();
                return Vec::new();
            }
        };
        let mut open = Vec::with_capacity(letters.len());
        for (letter, effect) in letters.into_iter().zip(effects) {
            match effect {
                Some(hash) if letter.status == Status::Pending => {
                    if self.resolve(letter, &hash, "found done before it was sent", report).await {
                        report.resolved_instead += 1;
                    }
                }
                _ => match check(&letter) {
                    Ok(()) => open.push(letter),
                    Err(error) => count_unsendable(&letter, error, report),
                },
            }
        }
        open
    }

    async fn claim(&self, open: Vec<Letter>, by: &str, report: &mut ReplayReport) -> Vec<Claimed> {
        let now = self.world.now();
        let mut claims = Vec::with_capacity(open.len());
        for letter in &open {
            let token = OwnerToken::from_random(self.world.bits());
            // What it is by now: where it died for want of a key or a type, the configuration may have been mended since.
            let (kind, key) = self.settings.reading.identify(&letter.payload, &letter.attributes);
            let scope = kind.map_or_else(|_| letter.scope.clone(), |kind| kind.scope);
            let letter = Letter { scope, ..letter.clone() };
            match letter.claim(token, key.and_then(Result::ok), by, self.settings.lease, now) {
                Ok(next) => claims.push((token, letter.status == Status::Replaying, LetterWrite::change(next))),
                Err(_) => report.changed_meanwhile += 1,
            }
        }
        self.write_claims(claims, Outgoing::of_claimed, report).await
    }

    /// Writes claims, and answers with those that hold and the message of each.
    pub(super) async fn write_claims(
        &self,
        claims: Vec<Claim>,
        message: fn(&Letter) -> Option<Outgoing>,
        report: &mut ReplayReport,
    ) -> Vec<Claimed> {
        let (tokens, writes): (Vec<_>, Vec<_>) =
            claims.into_iter().map(|(token, lapsed, write)| ((token, lapsed), write)).unzip();
        if writes.is_empty() {
            return Vec::new();
        }
        let answers = self.letters.write(writes.clone()).await;
        let mut claimed = Vec::with_capacity(writes.len());
        for ((write, (token, lapsed)), answer) in writes.into_iter().zip(tokens).zip(answers) {
            let letter = match answer {
                Ok(()) => write.letter,
                // A lost answer: it is ours.
                Err(WriteError::Condition(Some(found))) if *found == write.letter => *found,
                Err(WriteError::Condition(_)) => {
                    report.changed_meanwhile += 1;
                    continue;
                }
                Err(WriteError::Unavailable(error)) => {
                    warn!(letter_id = %write.letter.id, %error, "claim was not answered");
                    report.in_doubt += 1;
                    continue;
                }
            };
            report.taken_over += usize::from(lapsed);
            if let Some(message) = message(&letter) {
                claimed.push(Claimed { letter, token, message });
            }
        }
        claimed
    }

    pub(super) async fn send_batch(&self, batch: Vec<Claimed>, to: &O, by: &str, report: &mut ReplayReport) {
        // Whoever was held up for longer than the lease must not send: another has taken over.
        let now = self.world.now();
        let (batch, late): (Vec<_>, Vec<_>) = batch.into_iter().partition(|claimed| claimed.letter.due > now);
        report.in_doubt += late.len();
        if batch.is_empty() {
            return;
        }
        let messages = batch.iter().map(|claimed| claimed.message.clone()).collect();
        match to.send(messages).await {
            Ok(answers) => {
                report.stopped = refused_alike(&answers);
                for (claimed, answer) in batch.into_iter().zip(answers) {
                    self.mark(claimed, answer, by, report).await;
                }
            }
            Err(error) => {
                warn!(%error, count = batch.len(), "send was not answered; the letters stay claimed");
                report.in_doubt += batch.len();
            }
        }
    }

    async fn mark(&self, claimed: Claimed, answer: Result<MessageId, String>, by: &str, report: &mut ReplayReport) {
        let Claimed { letter, token, .. } = claimed;
        let (policy, number, id) = (&self.settings.policy, letter.number, letter.id);
        let marked = match &answer {
            Ok(sent) if letter.is_ejecting() => {
                let edge = |letter: &Letter| letter.ejected(token, number, sent, by, policy, self.world.now()).ok();
                self.change(letter, edge).await
            }
            Ok(sent) => {
                let edge =
                    |letter: &Letter| letter.sent(token, number, sent.clone(), by, policy, self.world.now()).ok();
                self.change(letter, edge).await
            }
            Err(code) => {
                warn!(letter_id = %id, code, "letter was not sent");
                let edge = |letter: &Letter| letter.not_sent(token, number, code, by, policy, self.world.now()).ok();
                self.change(letter, edge).await
            }
        };
        match (marked, answer) {
            (Ok(Some(letter)), Ok(message_id)) if letter.was_ejected() => {
                info!(letter_id = %id, %number, %message_id, by, "letter ejected");
                report.ejected += 1;
            }
            (Ok(Some(_)), Ok(message_id)) => {
                info!(letter_id = %id, %number, %message_id, by, "letter replayed");
                report.sent += 1;
            }
            (Ok(Some(_)), Err(_)) => report.not_sent += 1,
            // It came back, or was taken over, before it could be marked.
            (Ok(None), _) => report.changed_meanwhile += 1,
            (Err(_), _) => report.in_doubt += 1,
        }
    }
}

/// Counts and tells what cannot be sent.
fn count_unsendable(letter: &Letter, error: CannotSend, report: &mut ReplayReport) {
    let missing = if let Body::Missing { why, .. } = &letter.body { why.as_str() } else { "" };
    warn!(letter_id = %letter.id, %error, missing, "letter cannot be sent");
    match error {
        CannotSend::NoBody(_) => report.no_body += 1,
        CannotSend::NoAttributeSlot | CannotSend::Status(_) => report.no_attribute_slot += 1,
    }
}

/// The code with which every one of a batch was refused: then the queue is the matter, and not the letters.
fn refused_alike(answers: &[Result<MessageId, String>]) -> Option<String> {
    let first = answers.first()?.as_ref().err()?;
    let alike = answers.len() > 1 && answers.iter().all(|answer| answer.as_ref().err() == Some(first));
    alike.then(|| first.clone())
}
