use futures_util::{StreamExt, stream};
use redrive_core::ids::{JobId, LetterId, MessageId, OwnerToken};
use redrive_core::letters::letter::{Body, Edited, Letter, LetterWrite, Status};
use redrive_core::ports::{Clock, Entropy, Jobs, LedgerReader, Letters, Outbox, Unavailable, WriteError};
use redrive_core::replay::job::{Disposition, JobEntry, SentLetter};
use redrive_core::replay::{Consent, KeyStatus, Outgoing, consent};
use redrive_core::time::Timestamp;
use tracing::{info, warn};

use super::{Ports, ReplayReport, Replayer, Sending};
use crate::batches::batches;

/// How many batches are sent at once.
const SENDS: usize = 10;

/// What stands in the history of a letter that goes without redrive's own attribute.
const AS_NEW: &str = "sent as a new message: no room for redrive's own attribute, and no stable key";

/// A letter that we hold, and its message.
pub(super) struct Claimed {
    pub(super) letter: Letter,
    pub(super) token: OwnerToken,
    pub(super) message: Outgoing,
    /// The edit that the letter had before this claim.
    pub(super) former: Option<Edited>,
}

/// A letter as it is to be claimed, perhaps with another body.
pub(super) struct Ready {
    pub(super) letter: Letter,
    /// The edit that it has in the table.
    pub(super) former: Option<Edited>,
}

impl Ready {
    /// A letter that is not edited now.
    pub(super) fn unchanged(letter: Letter) -> Self {
        Self { former: letter.edited.clone(), letter }
    }
}

/// A claim to be written.
pub(super) struct Claim {
    pub(super) token: OwnerToken,
    /// Whether it takes one over that ran out.
    pub(super) lapsed: bool,
    pub(super) former: Option<Edited>,
    pub(super) write: LetterWrite,
}

impl Claimed {
    /// Its line as long as nothing more is known of it.
    pub(super) fn line(&self, job: Sending<'_>) -> JobEntry {
        line_of(&self.letter, job, Disposition::Sent)
    }
}

pub(super) fn line(letter: LetterId, disposition: Disposition) -> JobEntry {
    JobEntry { disposition, ..JobEntry::planned(letter) }
}

/// The line of a letter that has nothing to be sent.
fn bodiless(letter: &Letter) -> JobEntry {
    let missing = if let Body::Missing { why, .. } = &letter.body { why.as_str() } else { "" };
    let why = letter.check_body().err().map(|why| why.to_string());
    warn!(letter_id = %letter.id, why, missing, "letter has no body that could be sent");
    JobEntry { note: why, ..line(letter.id, Disposition::NoBody) }
}

fn line_of(letter: &Letter, sending: Sending<'_>, disposition: Disposition) -> JobEntry {
    JobEntry { sent: sending.job.and_then(|job| SentLetter::of(letter, job)), ..line(letter.id, disposition) }
}

impl<P: Ports> Replayer<P> {
    /// Claims, sends and marks. Answers with what became of each, as far as anything did: a letter
    /// of which nothing is said was not touched.
    pub(super) async fn send(
        &self,
        letters: Vec<Letter>,
        sending: Sending<'_>,
        report: &mut ReplayReport,
    ) -> Vec<JobEntry> {
        let mut lines = Vec::with_capacity(letters.len());
        // Whoever names letters by their ids may name another queue's.
        let (letters, others): (Vec<_>, Vec<_>) = letters.into_iter().partition(|letter| self.owns(letter));
        report.unlisted += others.len();
        lines.extend(others.iter().map(|letter| line(letter.id, Disposition::NotFound)));
        report.considered += letters.len();
        let sending = self.towards(sending);
        let Some(outbox) = self.outbox(sending.to) else {
            lines.extend(self.nowhere(letters, sending, report).await);
            return lines;
        };
        let open = self.consented(letters, sending, report, &mut lines).await;
        let open = self.fitting(open, sending, report, &mut lines).await;
        let open = self.take_turns(open, sending, report, &mut lines).await;
        let open = self.edited(open, sending, report, &mut lines).await;
        let claimed = self.claim(open, sending, report, &mut lines).await;
        lines.extend(self.send_all(claimed, outbox, sending, report).await);
        lines
    }

    /// What would become of these letters. Nothing is touched.
    pub(super) async fn look(&self, letters: Vec<Letter>, sending: Sending<'_>, report: &mut ReplayReport) {
        report.considered += letters.len();
        let sending = self.towards(sending);
        if self.outbox(sending.to).is_none() {
            report.no_destination += letters.len();
            return;
        }
        let Ok(known) = self.known(&letters).await else {
            report.unavailable += letters.len();
            return;
        };
        let limit = self.limit(sending).await;
        for (letter, known) in letters.iter().zip(&known) {
            match consent(letter, known, sending.asked, &self.settings.policy, self.world.now()) {
                Consent::Send if !Self::would_fit(letter, sending, limit, report) => {}
                Consent::Lapsed if sending.to.is_some() => report.changed_meanwhile += 1,
                Consent::Send | Consent::Lapsed if sending.edit.is_some() => self.look_at_edit(letter, sending, report),
                Consent::Send | Consent::Lapsed => {
                    report.would_send += 1;
                    report.warn_of(letter, self.world.now());
                }
                Consent::Done(_) => report.resolved_instead += 1,
                Consent::NotNow => report.changed_meanwhile += 1,
                Consent::Never => report.policy_never += 1,
                Consent::Forgotten => report.forgotten += 1,
                Consent::NoRoom => report.no_attribute_slot += 1,
                Consent::NoBody => report.no_body += 1,
                Consent::TooManyLives => report.too_many_lives += 1,
            }
        }
    }

    /// The ledger's word on letters that are about to be sent; none of them goes without it.
    async fn known_before(&self, letters: &[Letter], report: &mut ReplayReport) -> Option<Vec<KeyStatus>> {
        let known = self.known(letters).await;
        if let Err(error) = &known {
            warn!(%error, count = letters.len(), "ledger could not be read; nothing was sent");
            report.unavailable += letters.len();
        }
        known.ok()
    }

    /// Leaves out what the ledger shows as done, what may not go, and what cannot be sent.
    async fn consented(
        &self,
        letters: Vec<Letter>,
        sending: Sending<'_>,
        report: &mut ReplayReport,
        lines: &mut Vec<JobEntry>,
    ) -> Vec<Letter> {
        let letters = self.whose_turn(letters, sending, report, lines).await;
        let Some(known) = self.known_before(&letters, report).await else { return Vec::new() };
        let limit = sending.queueing.map_or(usize::MAX, |job| job.limit);
        let mut open = Vec::with_capacity(letters.len());
        for (letter, known) in letters.into_iter().zip(known) {
            let id = letter.id;
            let (disposition, count) =
                match consent(&letter, &known, sending.asked, &self.settings.policy, self.world.now()) {
                    // Without a ledger only a person replays, whatever a letter was promised when there was one.
                    Consent::Send if !self.ledger.is_kept() && sending.asked.due_by != Timestamp::NEVER => {
                        (Disposition::ChangedMeanwhile, &mut report.changed_meanwhile)
                    }
                    Consent::Send => {
                        if open.len() < limit {
                            open.push(letter);
                        }
                        continue;
                    }
                    // The job sent it once, and it came back; the claim that ran out since is somebody else's to take over.
                    Consent::Lapsed if sending.job.is_some_and(|job| sent_before(&letter, job)) => {
                        lines.push(line_of(&letter, sending, Disposition::Sent));
                        continue;
                    }
                    // It may be in its own queue: whoever stands in for its holder sends it there again, or nobody does.
                    Consent::Lapsed if sending.to.is_some() && letter.destination().is_none() => {
                        (Disposition::ChangedMeanwhile, &mut report.changed_meanwhile)
                    }
                    Consent::Lapsed => {
                        match self.lapsed(letter, sending, report).await {
                            Ok(Ok(letter)) => open.push(letter),
                            Ok(Err(line)) => lines.push(line),
                            Err(_) => report.unavailable += 1,
                        }
                        continue;
                    }
                    Consent::Done(hash) => {
                        if self.resolve(letter, &hash, "found done before it was sent", report).await {
                            (Disposition::ResolvedBefore, &mut report.resolved_instead)
                        } else {
                            continue;
                        }
                    }
                    Consent::NotNow => (Disposition::ChangedMeanwhile, &mut report.changed_meanwhile),
                    Consent::Never => (Disposition::PolicyNever, &mut report.policy_never),
                    Consent::Forgotten => (Disposition::Forgotten, &mut report.forgotten),
                    Consent::NoRoom => (Disposition::NoAttributeSlot, &mut report.no_attribute_slot),
                    Consent::TooManyLives => {
                        self.leave_to_a_person(letter, sending, known.few_enqueues_left.unwrap_or(0), report).await;
                        (Disposition::TooManyLives, &mut report.too_many_lives)
                    }
                    Consent::NoBody => {
                        report.no_body += 1;
                        lines.push(bodiless(&letter));
                        continue;
                    }
                };
            *count += 1;
            lines.push(line(id, disposition));
        }
        open
    }

    /// A claim ran out: whoever stands in for its holder takes it over; or nobody does, and it waits in doubt.
    pub(super) async fn lapsed(
        &self,
        letter: Letter,
        sending: Sending<'_>,
        report: &mut ReplayReport,
    ) -> Result<Result<Letter, JobEntry>, Unavailable> {
        let why = if letter.is_ejecting() {
            "its claim ran out while it was being ejected: it may be in the dead-letter queue"
        } else if letter.destination().is_some() {
            "its claim ran out while it was sent to another queue, where a second copy would run"
        } else if !self.ledger.is_kept() {
            "its claim ran out, and without a ledger a second copy would run"
        } else if !self.sends {
            "its claim ran out, and nothing is sent to its queue any more"
        } else if self.holder_runs(&letter).await? {
            return Ok(Ok(letter));
        } else {
            "its claim ran out, and its job does not run any more"
        };
        let id = letter.id;
        let doubted = self.change(letter, |letter| letter.in_doubt(why, sending.by, self.world.now()).ok()).await?;
        Ok(Err(match doubted {
            Some(letter) => {
                info!(letter_id = %id, why, "letter is in doubt");
                report.returned_in_doubt += 1;
                line_of(&letter, sending, Disposition::InDoubt)
            }
            None => {
                report.changed_meanwhile += 1;
                line(id, Disposition::Sent)
            }
        }))
    }

    /// The standing job always runs; any other must be asked.
    async fn holder_runs(&self, letter: &Letter) -> Result<bool, Unavailable> {
        match letter.claimed_for() {
            None => Ok(true),
            Some(job) => Ok(self.letters.job(job).await?.is_some_and(|job| job.state.runs())),
        }
    }

    async fn claim(
        &self,
        open: Vec<Ready>,
        sending: Sending<'_>,
        report: &mut ReplayReport,
        lines: &mut Vec<JobEntry>,
    ) -> Vec<Claimed> {
        let (now, limit) = (self.world.now(), self.limit(sending).await);
        let mut claims = Vec::with_capacity(open.len());
        for Ready { letter, former } in open {
            let token = OwnerToken::from_random(self.world.bits());
            // What it is by now: where it died for want of a key or a type, the configuration may have been mended since.
            let (kind, key) = self.settings.reading.identify(letter.payload_now(), &letter.attributes);
            let scope = kind.map_or_else(|_| letter.scope.clone(), |kind| kind.scope);
            let letter = Letter { scope, ..letter };
            match letter.claim(token, key.and_then(Result::ok), sending.by, self.settings.lease, now) {
                Ok(next) => {
                    report.warn_of(&letter, now);
                    let next = next.for_job(sending.job).bound_for(sending.to);
                    let next = match sending.to {
                        Some(to) => next.remarked(&format!("to {to}")),
                        None if Outgoing::check(&letter).is_err() => next.remarked(AS_NEW),
                        None => next,
                    };
                    let lapsed = letter.status == Status::Replaying;
                    claims.push(Claim { token, lapsed, former, write: LetterWrite::change(next) });
                }
                Err(_) => report.changed_meanwhile += 1,
            }
        }
        let message = |letter: &Letter| Outgoing::of_claimed(letter).map(|message| message.within(limit));
        self.write_claims(claims, message, sending, report, lines).await
    }

    /// Writes claims, and answers with those that hold and the message of each.
    pub(super) async fn write_claims(
        &self,
        claims: Vec<Claim>,
        message: impl Fn(&Letter) -> Option<Outgoing> + Send,
        sending: Sending<'_>,
        report: &mut ReplayReport,
        lines: &mut Vec<JobEntry>,
    ) -> Vec<Claimed> {
        if claims.is_empty() {
            return Vec::new();
        }
        let answers = self.letters.write(claims.iter().map(|claim| claim.write.clone()).collect()).await;
        let mut claimed = Vec::with_capacity(claims.len());
        for (Claim { token, lapsed, former, write }, answer) in claims.into_iter().zip(answers) {
            let letter = match answer {
                Ok(()) => write.letter,
                // A lost answer: it is ours.
                Err(WriteError::Condition(Some(found))) if *found == write.letter => *found,
                Err(WriteError::Condition(found)) => {
                    report.changed_meanwhile += 1;
                    // Another run of the same job was faster, or somebody else was.
                    let twin = found.filter(|found| sending.job.is_some_and(|job| found.sent_for(job).is_some()));
                    lines.push(twin.map_or_else(
                        || line(write.letter.id, Disposition::ChangedMeanwhile),
                        |found| line_of(&found, sending, Disposition::Sent),
                    ));
                    continue;
                }
                Err(WriteError::Unavailable(error)) => {
                    warn!(letter_id = %write.letter.id, %error, "claim was not answered");
                    report.in_doubt += 1;
                    continue;
                }
            };
            report.taken_over += usize::from(lapsed);
            report.edited += usize::from(sending.edit.is_some() && !lapsed);
            if let Some(message) = message(&letter) {
                claimed.push(Claimed { letter, token, message, former });
            }
        }
        claimed
    }

    /// Sends what is claimed in batches, several at once, and marks each batch as soon as it is answered.
    pub(super) async fn send_all(
        &self,
        claimed: Vec<Claimed>,
        to: &P::Outbox,
        sending: Sending<'_>,
        report: &mut ReplayReport,
    ) -> Vec<JobEntry> {
        let batches = batches(claimed, |claimed| claimed.message.bytes()).into_iter();
        let mut sends = stream::iter(batches.map(|batch| self.send_batch(batch, to, sending))).buffered(SENDS);
        let mut lines = Vec::new();
        while let Some((sent, of_batch)) = sends.next().await {
            report.add(&sent);
            lines.extend(of_batch);
        }
        lines
    }

    async fn send_batch(
        &self,
        batch: Vec<Claimed>,
        to: &P::Outbox,
        sending: Sending<'_>,
    ) -> (ReplayReport, Vec<JobEntry>) {
        let mut report = ReplayReport::default();
        // Whoever was held up for longer than the lease must not send: another has taken over.
        let now = self.world.now();
        let (batch, late): (Vec<_>, Vec<_>) = batch.into_iter().partition(|claimed| claimed.letter.due > now);
        report.in_doubt += late.len();
        let mut lines: Vec<_> = late.iter().map(|claimed| claimed.line(sending)).collect();
        if batch.is_empty() {
            return (report, lines);
        }
        let messages = batch.iter().map(|claimed| claimed.message.clone()).collect();
        match to.send(messages).await {
            Ok(answers) => {
                report.stopped = refused_alike(&answers);
                lines.extend(self.mark(batch, answers, sending, &mut report).await);
            }
            Err(error) => {
                warn!(%error, count = batch.len(), "send was not answered; the letters stay claimed");
                report.in_doubt += batch.len();
                lines.extend(batch.iter().map(|claimed| claimed.line(sending)));
            }
        }
        (report, lines)
    }
}

/// Whether this job sent it, and another holds it now.
pub(super) fn sent_before(letter: &Letter, job: JobId) -> bool {
    letter.sent_for(job).is_some() && letter.claimed_for() != Some(job)
}

/// The code with which every one of a batch was refused: then the queue is the matter, and not the letters.
fn refused_alike(answers: &[Result<MessageId, String>]) -> Option<String> {
    let first = answers.first()?.as_ref().err()?;
    let alike = answers.len() > 1 && answers.iter().all(|answer| answer.as_ref().err() == Some(first));
    alike.then(|| first.clone())
}
