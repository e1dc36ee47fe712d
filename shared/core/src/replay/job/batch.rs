use serde::{Deserialize, Serialize};

use super::{Disposition, JobCursor};
use crate::ids::{JobId, LetterId, ReplayNumber, Scope, SendId};
use crate::letters::letter::{EventKind, Letter, Status};
use crate::message::key::{Key, LedgerKey, PayloadHash};
use crate::processing::ledger::{Entry, EntryState};
use crate::time::Timestamp;

/// The most letters of a batch: as many as share calls to the tables. It is sent by ten, as SQS takes them.
pub const BATCH: usize = 100;

/// Letters of a job that go together.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct JobBatch {
    /// Id of the job that planned it.
    pub job: JobId,
    /// Number of the batch: 0 for the first.
    pub n: u32,
    /// Letters of the batch, one a line.
    pub lines: Vec<JobEntry>,
    /// Position at which the search for the next batch goes on.
    pub walk: JobCursor,
    /// Time of deletion by DynamoDB.
    pub expires: Timestamp,
    /// Version, incremented by every write.
    pub version: u64,
}

/// Letter of a batch, with its outcome.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct JobEntry {
    /// Id of the letter.
    pub letter: LetterId,
    /// Outcome of the letter so far.
    #[serde(rename = "fate")]
    pub disposition: Disposition,
    /// Version in which the letter was shown, if its job has a list.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub shown: Option<u64>,
    /// The job's last send of it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sent: Option<SentLetter>,
    /// Remark on the outcome: SQS's code, if SQS refused it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub note: Option<String>,
    /// BEHIND: its FIFO group.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub group: Option<String>,
    /// Number of refusals for now in a row by SQS.
    #[serde(default, skip_serializing_if = "is_none")]
    pub refusals: u32,
    /// RETRYING: when it goes again.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub again_at: Option<Timestamp>,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde hands over a reference to the field")]
const fn is_none(refusals: &u32) -> bool {
    *refusals == 0
}

/// Facts about a send: enough to ask the ledger about its outcome without reading the letter.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SentLetter {
    /// The letter's number at it.
    pub number: ReplayNumber,
    /// Scope of the key in the ledger.
    pub scope: Scope,
    /// The key that it was sent with.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key: Option<Key>,
    /// Hash of the body that was sent.
    pub hash: PayloadHash,
    /// Time of the claim.
    pub at: Timestamp,
}

impl SentLetter {
    /// The last send of a letter for a job.
    #[must_use]
    pub fn of(letter: &Letter, job: JobId) -> Option<Self> {
        let send = letter.sends.of_job(job)?;
        Some(Self {
            number: send.number,
            scope: letter.scope.clone(),
            key: send.key.clone(),
            hash: send.hash.clone(),
            at: send.at,
        })
    }

    /// The entry of its key.
    #[must_use]
    pub fn owned(&self) -> Option<LedgerKey> {
        self.key.as_ref().map(|key| LedgerKey::owned(&self.scope, key))
    }
}

impl JobEntry {
    /// A letter that is meant to be sent.
    #[must_use]
    pub const fn planned(letter: LetterId) -> Self {
        Self {
            letter,
            disposition: Disposition::Planned,
            shown: None,
            sent: None,
            note: None,
            group: None,
            refusals: 0,
            again_at: None,
        }
    }

    /// Returns the identity of the send, if there was one.
    #[must_use]
    pub fn send(&self) -> Option<SendId> {
        self.sent.as_ref().map(|sent| SendId { letter: self.letter, number: sent.number })
    }

    /// Returns this line with another outcome; a final outcome stays.
    #[must_use]
    pub fn with(&self, disposition: Disposition) -> Self {
        if self.disposition.is_final() { self.clone() } else { Self { disposition, ..self.clone() } }
    }
}

impl JobBatch {
    /// A batch as it is planned.
    #[must_use]
    pub const fn new(job: JobId, n: u32, lines: Vec<JobEntry>, walk: JobCursor, expires: Timestamp) -> Self {
        Self { job, n, lines, walk, expires, version: 1 }
    }

    /// Returns true if every line is final.
    #[must_use]
    pub fn is_final(&self) -> bool {
        self.lines.iter().all(|line| line.disposition.is_final())
    }

    /// Counts the letters that were sent since `before`, and waited behind others of their group then.
    #[must_use]
    pub fn since_behind(&self, before: &Self) -> usize {
        let was = |now: &JobEntry| {
            before.lines.iter().any(|line| line.letter == now.letter && line.disposition == Disposition::Behind)
        };
        self.lines.iter().filter(|line| line.disposition.is_sent() && was(line)).count()
    }

    /// Returns true if nothing in the batch moves while its job is paused.
    #[must_use]
    pub fn rests(&self) -> bool {
        self.lines.iter().all(|line| {
            line.disposition.is_final()
                || matches!(line.disposition, Disposition::Planned | Disposition::Behind | Disposition::Retrying)
        })
    }

    /// The batch without what it knows of the message of an erased letter: the key that it was sent with, and its group.
    #[must_use]
    pub fn without_keys_of(&self, letter: LetterId) -> Option<Self> {
        let stripped = |line: &JobEntry| {
            let sent = line.sent.clone().map(|sent| SentLetter { key: None, ..sent });
            JobEntry { sent, group: None, ..line.clone() }
        };
        let lines = self.lines.iter().map(|line| if line.letter == letter { stripped(line) } else { line.clone() });
        self.with(lines.collect(), self.expires)
    }

    /// The batch with other lines, if they are others.
    #[must_use]
    pub fn with(&self, lines: Vec<JobEntry>, expires: Timestamp) -> Option<Self> {
        let same = lines == self.lines;
        (!same).then(|| Self { lines, expires, version: self.version + 1, ..self.clone() })
    }
}

/// Outcome of a send as the ledger shows it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SendOutcome {
    /// COMPLETED with the hash that was sent.
    Succeeded,
    /// The send is dead, or could never be run.
    Failed,
    /// An attempt failed; the next may succeed.
    Failing,
    /// The ledger says nothing about it.
    Silent,
}

/// The outcome of a send, as the ledger shows it: the entry of its key, and the keyless one of this very send.
///
/// Rule R35 of docs/protocol.md.
#[must_use]
pub fn outcome(
    sent: &SentLetter,
    letter: LetterId,
    owned: Option<&Entry>,
    keyless: Option<&Entry>,
    now: Timestamp,
) -> SendOutcome {
    let owned = owned.filter(|entry| !entry.expired(now));
    if owned.is_some_and(|entry| entry.state == EntryState::Completed && entry.hash.is_same(&sent.hash)) {
        return SendOutcome::Succeeded;
    }
    if keyless.is_some_and(|entry| !entry.expired(now) && entry.hash.is_same(&sent.hash)) {
        return SendOutcome::Failed;
    }
    let this = Some(SendId { letter, number: sent.number });
    let Some(entry) = owned.filter(|entry| entry.send == this) else { return SendOutcome::Silent };
    match entry.state {
        // A dead enqueue holds its key for ever; a failure that may be retried frees it at once.
        EntryState::Failed if entry.lease_until == Timestamp::NEVER => SendOutcome::Failed,
        EntryState::Failed => SendOutcome::Failing,
        // A later attempt of an enqueue that has failed before.
        EntryState::InProgress if entry.history.iter().any(|attempt| attempt.at >= sent.at) => SendOutcome::Failing,
        EntryState::InProgress | EntryState::Completed => SendOutcome::Silent,
    }
}

/// Returns the final outcome that the letter's own history shows for a job's send, if there is one.
#[must_use]
pub fn seen_again(letter: &Letter, sent: &SentLetter) -> Option<Disposition> {
    let claims = [EventKind::Claimed, EventKind::TakenOver];
    let claim = letter.history.iter().rposition(|event| event.at == sent.at && claims.contains(&event.what));
    let since = letter.history.iter().skip(claim.map_or(0, |claim| claim + 1)).filter(|event| event.at >= sent.at);
    // The first of them is this send's.
    let mut dispositions = since.filter_map(|event| match event.what {
        EventKind::DiedAgain => Some(Disposition::FailedAgain),
        EventKind::NoOutcome => Some(Disposition::Unknown),
        EventKind::InDoubt => Some(Disposition::InDoubt),
        EventKind::NotSent => Some(Disposition::Refused),
        EventKind::Resolved => Some(Disposition::Resolved),
        _ => None,
    });
    let disposition = dispositions.next();
    match letter.status {
        Status::Resolved => Some(Disposition::Resolved),
        // It is still under way.
        Status::Replaying | Status::Replayed if letter.number == sent.number => None,
        _ => disposition.or(match letter.status {
            // Its line of the history was forgotten; it is back all the same.
            Status::Pending | Status::Discarded if letter.number == sent.number => Some(Disposition::FailedAgain),
            _ => None,
        }),
    }
}
