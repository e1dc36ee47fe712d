//! Outcome of a job's letters that were sent: first the ledger is asked, and only where it is silent the letter.

use std::time::Duration;

use redrive_core::letters::letter::{EventKind, Letter, Status};
use redrive_core::message::key::LedgerKey;
use redrive_core::ports::{LedgerReader, Unavailable};
use redrive_core::replay::job::{Disposition, Job, JobEntry, SendOutcome, SentLetter, outcome, seen_again};
use redrive_core::time::Timestamp;

use crate::replay::context::PairContext;
use crate::replay::ports::ReplayPorts;
use crate::replay::scan::letter_reads::{LetterRead, LetterReads};

/// Age of a send from which the letter itself is read, if the ledger is silent.
const YOUNG: Duration = Duration::from_secs(10);

/// Observations of letters that were sent.
#[derive(Debug, Default)]
pub(super) struct Observed {
    /// Lines as they are known now.
    pub(super) lines: Vec<JobEntry>,
    /// Letters whose claims ran out.
    pub(super) lapsed: Vec<Letter>,
}

/// Sees what became of the letters of these lines that were sent.
pub(super) async fn observe<P: ReplayPorts>(
    context: PairContext<'_, P>,
    job: &Job,
    lines: &[JobEntry],
) -> Result<Observed, Unavailable> {
    let awaited: Vec<_> =
        lines.iter().filter(|line| matches!(line.disposition, Disposition::Sent | Disposition::Failing)).collect();
    if awaited.is_empty() {
        return Ok(Observed::default());
    }
    // The ledger may know the same message of another copy, but nothing of one that went to another queue.
    let kept = context.pair.ledger.is_kept() && job.to.is_none();
    let outcomes = if kept { outcomes(context, &awaited).await? } else { vec![SendOutcome::Silent; awaited.len()] };
    let now = context.now();
    let (mut observed, mut silent) = (Observed::default(), Vec::new());
    for (line, outcome) in awaited.into_iter().zip(outcomes) {
        let age = line.sent.as_ref().map_or(Duration::MAX, |sent| now.since(sent.at));
        let over = age > job.guard.window();
        match outcome {
            SendOutcome::Succeeded => observed.lines.push(line.with(Disposition::Resolved)),
            SendOutcome::Failed => observed.lines.push(line.with(Disposition::FailedAgain)),
            SendOutcome::Failing if over => observed.lines.push(line.with(Disposition::FailedAgain)),
            SendOutcome::Failing => observed.lines.push(line.with(Disposition::Failing)),
            SendOutcome::Silent if age > YOUNG || over || !kept => silent.push((line, over)),
            SendOutcome::Silent => {}
        }
    }
    let ids: Vec<_> = silent.iter().map(|(line, _)| line.letter).collect();
    if ids.is_empty() {
        return Ok(observed);
    }
    let unheard = if kept { Disposition::Unknown } else { Disposition::Assumed };
    let (mut reads, mut silent) = (LetterReads::of(&ids), silent.into_iter());
    while let Some(LetterRead { letters, .. }) = reads.next(context.letters).await {
        for (letter, (line, over)) in letters?.into_iter().zip(silent.by_ref()) {
            match letter {
                None => observed.lines.push(line.with(Disposition::NotFound)),
                Some(letter) => {
                    let (line, lapsed) = by_letter(job, line, letter, over.then_some(unheard), now);
                    observed.lines.extend(line);
                    observed.lapsed.extend(lapsed);
                }
            }
        }
    }
    Ok(observed)
}

/// Reads what the letter itself says of a send of which the ledger says nothing; `unheard`: what it is if the letter says nothing,
/// either, and its time is up. A letter whose claim ran out is handed back.
fn by_letter(
    job: &Job,
    line: &JobEntry,
    letter: Letter,
    unheard: Option<Disposition>,
    now: Timestamp,
) -> (Option<JobEntry>, Option<Letter>) {
    let of_job = SentLetter::of(&letter, job.id);
    if of_job.is_none()
        && let Some(code) = taken_back(&letter, line)
    {
        // SQS had refused its send, and whoever heard that could not write it here.
        return (Some(JobEntry { sent: None, note: Some(code), ..line.with(Disposition::Refused) }), None);
    }
    let Some(sent) = of_job.or_else(|| line.sent.clone()) else { return (None, None) };
    if letter.is_lapsed(now) {
        return (None, Some(letter));
    }
    let line = match seen_again(&letter, &sent).or(unheard) {
        Some(disposition) => line.with(disposition),
        None => line.clone(),
    };
    (Some(JobEntry { sent: Some(sent), ..line }), None)
}

/// Reads what the ledger says of each of these sends.
async fn outcomes<P: ReplayPorts>(
    context: PairContext<'_, P>,
    awaited: &[&JobEntry],
) -> Result<Vec<SendOutcome>, Unavailable> {
    let mut keys = Vec::with_capacity(awaited.len() * 3);
    for line in awaited {
        let Some((send, sent)) = line.send().zip(line.sent.as_ref()) else { continue };
        keys.extend(sent.owned());
        keys.extend([LedgerKey::of_send(send, &sent.hash), LedgerKey::of_send_without_hash(send)]);
    }
    let read = if keys.is_empty() { Vec::new() } else { context.pair.ledger.read(&keys).await? };
    let mut entries = read.into_iter();
    let now = context.now();
    let of = |line: &&JobEntry| {
        let Some(sent) = &line.sent else { return SendOutcome::Silent };
        let owned = sent.owned().and_then(|_| entries.next().flatten());
        let (keyless, old) = (entries.next().flatten(), entries.next().flatten());
        let keyless = keyless.or(old);
        outcome(sent, line.letter, owned.as_ref(), keyless.as_ref(), now)
    };
    Ok(awaited.iter().map(of).collect())
}

/// Code with which SQS refused the send of a letter that has none of its job: it says so after the claim.
fn taken_back(letter: &Letter, line: &JobEntry) -> Option<String> {
    if matches!(letter.status, Status::Replaying | Status::Resolved) {
        return None;
    }
    let since = line.sent.as_ref().map(|sent| sent.at);
    let last = letter.history.iter().rev().find(|event| event.what == EventKind::NotSent);
    let last = last.filter(|event| since.is_none_or(|since| event.at >= since));
    match last {
        Some(event) => event.note.clone(),
        // Its history was cut short.
        None => line.sent.is_none().then(String::new),
    }
}
