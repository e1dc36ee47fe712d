use serde::{Deserialize, Serialize};

use super::{Fate, Walk};
use crate::ids::{JobId, LetterId, Number, Scope, SendId};
use crate::letters::letter::{Happening, Letter, Status};
use crate::message::key::{Key, LedgerKey, PayloadHash};
use crate::processing::ledger::{Entry, State};
use crate::time::Timestamp;

/// The most letters of a batch: SQS's own.
pub const BATCH: usize = 10;

/// Letters of a job that go together.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Batch {
    /// Id of the job that planned it.
    pub job: JobId,
    /// Number of the batch: 0 for the first.
    pub n: u32,
    /// Letters of the batch, one a line.
    pub lines: Vec<Line>,
    /// Position at which the search for the next batch goes on.
    pub walk: Walk,
    /// Time of deletion by DynamoDB.
    pub expires: Timestamp,
    /// Version, incremented by every write.
    pub version: u64,
}

/// Letter of a batch, with its outcome.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Line {
    /// Id of the letter.
    pub letter: LetterId,
    /// Outcome of the letter so far.
    pub fate: Fate,
    /// The job's last send of it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sent: Option<Sent>,
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
pub struct Sent {
    /// The letter's number at it.
    pub number: Number,
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

impl Sent {
    /// The last send of a letter for a job.
    #[must_use]
    pub fn of(letter: &Letter, job: JobId) -> Option<Self> {
        let send = letter.sent_for(job)?;
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

impl Line {
    /// A letter that is meant to be sent.
    #[must_use]
    pub const fn planned(letter: LetterId) -> Self {
        Self { letter, fate: Fate::Planned, sent: None, note: None, group: None, refusals: 0, again_at: None }
    }

    /// Returns the identity of the send, if there was one.
    #[must_use]
    pub fn send(&self) -> Option<SendId> {
        self.sent.as_ref().map(|sent| SendId { letter: self.letter, number: sent.number })
    }

    /// Returns this line with another outcome; a final outcome stays.
    #[must_use]
    pub fn with(&self, fate: Fate) -> Self {
        if self.fate.is_final() { self.clone() } else { Self { fate, ..self.clone() } }
    }
}

impl Batch {
    /// A batch as it is planned.
    #[must_use]
    pub fn new(job: JobId, n: u32, letters: Vec<LetterId>, walk: Walk, expires: Timestamp) -> Self {
        let lines = letters.into_iter().map(Line::planned).collect();
        Self { job, n, lines, walk, expires, version: 1 }
    }

    /// Returns true if every line is final.
    #[must_use]
    pub fn is_final(&self) -> bool {
        self.lines.iter().all(|line| line.fate.is_final())
    }

    /// Counts the letters that were sent since `before`, and waited behind others of their group then.
    #[must_use]
    pub fn since_behind(&self, before: &Self) -> usize {
        let was = |now: &Line| before.lines.iter().any(|line| line.letter == now.letter && line.fate == Fate::Behind);
        self.lines.iter().filter(|line| line.fate.is_sent() && was(line)).count()
    }

    /// Returns true if nothing in the batch moves while its job is paused.
    #[must_use]
    pub fn rests(&self) -> bool {
        self.lines
            .iter()
            .all(|line| line.fate.is_final() || matches!(line.fate, Fate::Planned | Fate::Behind | Fate::Retrying))
    }

    /// The batch without what it knows of the message of an erased letter: the key that it was sent with, and its group.
    #[must_use]
    pub fn without_keys_of(&self, letter: LetterId) -> Option<Self> {
        let stripped = |line: &Line| {
            let sent = line.sent.clone().map(|sent| Sent { key: None, ..sent });
            Line { sent, group: None, ..line.clone() }
        };
        let lines = self.lines.iter().map(|line| if line.letter == letter { stripped(line) } else { line.clone() });
        self.with(lines.collect(), self.expires)
    }

    /// The batch with other lines, if they are others.
    #[must_use]
    pub fn with(&self, lines: Vec<Line>, expires: Timestamp) -> Option<Self> {
        let same = lines == self.lines;
        (!same).then(|| Self { lines, expires, version: self.version + 1, ..self.clone() })
    }
}

/// Outcome of a send as the ledger shows it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// COMPLETED with the hash that was sent.
    Succeeded,
    /// The send is dead, or could never be run.
    Failed,
    /// An attempt failed; the next may succeed.
    Failing,
    /// The ledger says nothing about it.
    Silent,
}

/// The outcome of a send, as the ledger shows it: the entry of its key, and the ownerless one of this very send.
///
/// Rule R35 of docs/protocol.md.
#[must_use]
pub fn outcome(
    sent: &Sent,
    letter: LetterId,
    owned: Option<&Entry>,
    ownerless: Option<&Entry>,
    now: Timestamp,
) -> Outcome {
    let owned = owned.filter(|entry| !entry.expired(now));
    if owned.is_some_and(|entry| entry.state == State::Completed && entry.hash.is_same(&sent.hash)) {
        return Outcome::Succeeded;
    }
    if ownerless.is_some_and(|entry| !entry.expired(now) && entry.hash.is_same(&sent.hash)) {
        return Outcome::Failed;
    }
    let this = Some(SendId { letter, number: sent.number });
    let Some(entry) = owned.filter(|entry| entry.send == this) else { return Outcome::Silent };
    match entry.state {
        // A dead life holds its key for ever; a failure that may be retried frees it at once.
        State::Failed if entry.lease_until == Timestamp::NEVER => Outcome::Failed,
        State::Failed => Outcome::Failing,
        // A later attempt of a life that has failed before.
        State::InProgress if entry.history.iter().any(|attempt| attempt.at >= sent.at) => Outcome::Failing,
        State::InProgress | State::Completed => Outcome::Silent,
    }
}

/// Returns the final outcome that the letter's own history shows for a job's send, if there is one.
#[must_use]
pub fn seen_again(letter: &Letter, sent: &Sent) -> Option<Fate> {
    let claims = [Happening::Claimed, Happening::TakenOver];
    let claim = letter.history.iter().rposition(|event| event.at == sent.at && claims.contains(&event.what));
    let since = letter.history.iter().skip(claim.map_or(0, |claim| claim + 1)).filter(|event| event.at >= sent.at);
    // The first of them is this send's.
    let mut fates = since.filter_map(|event| match event.what {
        Happening::DiedAgain => Some(Fate::FailedAgain),
        Happening::NoOutcome => Some(Fate::Unknown),
        Happening::InDoubt => Some(Fate::InDoubt),
        Happening::NotSent => Some(Fate::Refused),
        Happening::Resolved => Some(Fate::Resolved),
        _ => None,
    });
    let fate = fates.next();
    match letter.status {
        Status::Resolved => Some(Fate::Resolved),
        // It is still under way.
        Status::Replaying | Status::Replayed if letter.number == sent.number => None,
        _ => fate.or(match letter.status {
            // Its line of the history was forgotten; it is back all the same.
            Status::Pending | Status::Discarded if letter.number == sent.number => Some(Fate::FailedAgain),
            _ => None,
        }),
    }
}
