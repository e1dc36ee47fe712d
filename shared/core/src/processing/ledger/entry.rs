use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::dead_enqueues::{DEAD_MARKS, DeadEnqueues};
use super::enqueue_record::EnqueueRecord;
use crate::fault::{CODE_LIMIT, Class, Fault, TEXT_LIMIT};
use crate::ids::{Enqueue, MessageId, OwnerToken, SendId};
use crate::message::key::PayloadHash;
use crate::processing::backoff::Schedule;
use crate::text::capped;
use crate::time::Timestamp;

/// Number of enqueues that an entry names in full; dead ones beyond them are remembered in short.
///
/// Rule R19 of docs/protocol.md.
pub(super) const ENQUEUES: usize = 8;
/// Number of enqueues that are left when a person must look: the policy leaves such letters to a person.
pub const FEW_ENQUEUES: usize = 8;
/// Number of failed attempts that an entry remembers.
const HISTORY: usize = 10;
/// An entry that failed stays below this many bytes, its key apart: a failed condition bills the whole item.
///
/// Rule R7 of docs/protocol.md.
const ENTRY_BYTES: usize = 4 * 1024 - 256;
/// The most bytes of an error text in the history; the last fault keeps more.
const HISTORY_TEXT: usize = 64;

/// State of a message's key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum EntryState {
    /// A worker runs the message, until the lease ends.
    InProgress,
    /// The message is done. Never leaves this state but by expiry.
    Completed,
    /// The last attempt failed; whether another may follow is the enqueue's matter.
    Failed,
}

/// Invocation in which an attempt ran: enough to find its log lines.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
pub struct Origin {
    /// Request id of Lambda.
    pub request_id: String,
    /// Version of the function.
    pub function_version: String,
    /// Name of the log stream.
    pub log_stream: String,
}

/// Attempt of an enqueue that failed.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Attempt {
    /// Enqueue that was attempted.
    #[serde(rename = "life")]
    pub enqueue: Enqueue,
    /// Time at which it ended.
    pub at: Timestamp,
    /// Class of the fault.
    pub class: Class,
    /// Code of the fault.
    pub code: String,
    /// The beginning of its text.
    pub text: String,
    /// Invocation in which it ran.
    pub origin: Origin,
}

/// The last failure, with as much text as is kept.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct LastFault {
    /// Class of the fault.
    pub class: Class,
    /// Code of the fault.
    pub code: String,
    /// Text of the fault.
    pub text: String,
}

impl From<&Fault> for LastFault {
    fn from(fault: &Fault) -> Self {
        // A fault made by hand may be of any length.
        Self { class: fault.class, code: capped(&fault.code, CODE_LIMIT), text: capped(&fault.text, TEXT_LIMIT) }
    }
}

/// Ledger entry of one key, or a keyless entry of one enqueue or send.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Entry {
    /// State of the key.
    pub state: EntryState,
    /// Token of the present owner, or of the last one.
    pub owner: OwnerToken,
    /// Time until which nobody else may claim it; [`Timestamp::NEVER`] for COMPLETED and for a dead enqueue's failure, the
    /// epoch for a failure that may be retried.
    pub lease_until: Timestamp,
    /// Hash of the payload that holds the key.
    pub hash: PayloadHash,
    /// Version, incremented by every write.
    pub version: u64,
    /// The last enqueues, oldest first.
    #[serde(rename = "lives")]
    pub enqueues: Vec<EnqueueRecord>,
    /// Dead enqueues before them.
    #[serde(default, skip_serializing_if = "DeadEnqueues::is_empty")]
    #[serde(rename = "buried")]
    pub dead_enqueues: DeadEnqueues,
    /// The send that claimed it last, if it was one.
    pub send: Option<SendId>,
    /// Last failure, if there was one.
    pub fault: Option<LastFault>,
    /// The last failed attempts, oldest first.
    pub history: Vec<Attempt>,
    /// Letters that were edited, each with its highest number by then: a copy with a number up to that one is dead.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub withdrawn: Vec<SendId>,
    /// Time after which the entry counts as absent.
    pub expires: Timestamp,
}

/// Time until which an enqueue rests after its last failed attempt, by the schedule. `None`: no attempt of it is known to have
/// failed last. For a source that can delay nothing: it delivers again at once.
#[must_use]
pub fn rests_until(entry: &Entry, enqueue: &Enqueue, schedule: &Schedule) -> Option<Timestamp> {
    let last = entry.history.iter().rev().find(|attempt| attempt.enqueue == *enqueue)?;
    let failed = entry.state == EntryState::Failed;
    failed.then(|| last.at.after(schedule.least(entry.attempts(enqueue))))
}

/// An entry that names no enqueue yet: its state with the end of its lease, owner, hash, version and expiry.
pub(super) fn empty(
    (state, lease_until): (EntryState, Timestamp),
    owner: OwnerToken,
    hash: PayloadHash,
    version: u64,
    expires: Timestamp,
) -> Entry {
    Entry {
        state,
        owner,
        lease_until,
        hash,
        version,
        enqueues: Vec::new(),
        dead_enqueues: DeadEnqueues::default(),
        send: None,
        fault: None,
        history: Vec::new(),
        withdrawn: Vec::new(),
        expires,
    }
}

impl Entry {
    /// Returns true if the entry counts as absent. Compares whole seconds, as DynamoDB's time to live does: a store
    /// compares no finer.
    #[must_use]
    pub const fn expired(&self, now: Timestamp) -> bool {
        self.expires.as_secs() < now.as_secs()
    }

    /// Returns the record of this enqueue.
    #[must_use]
    pub fn enqueue(&self, enqueue: &Enqueue) -> Option<&EnqueueRecord> {
        self.enqueues.iter().find(|record| record.is_of(enqueue))
    }

    /// Returns true if this enqueue will not be run again.
    #[must_use]
    pub fn is_dead(&self, enqueue: &Enqueue) -> bool {
        self.enqueue(enqueue).is_some_and(|record| record.dead) || self.dead_enqueues.holds(enqueue)
    }

    /// Returns true if the entry remembers this enqueue.
    #[must_use]
    pub fn knows(&self, enqueue: &Enqueue) -> bool {
        self.enqueue(enqueue).is_some() || self.dead_enqueues.holds(enqueue)
    }

    /// Returns the number of dead enqueues that are remembered.
    #[must_use]
    pub fn dead_enqueues(&self) -> usize {
        self.enqueues.iter().filter(|record| record.dead).count() + self.dead_enqueues.len()
    }

    /// Returns the number of enqueues that may still die before the next one is refused. `memory` is the ledger's
    /// retention: what died longer ago cannot come back, and makes room.
    #[must_use]
    pub fn enqueues_left(&self, now: Timestamp, memory: Duration) -> usize {
        let mut entry = self.clone();
        entry.forget_the_old(now, memory);
        (ENQUEUES + DEAD_MARKS).saturating_sub(entry.dead_enqueues())
    }

    /// Returns true if this copy of a letter must not run any more, because the letter was edited since.
    #[must_use]
    pub fn withdraws(&self, send: SendId) -> bool {
        self.withdrawn.iter().any(|edited| edited.letter == send.letter && send.number <= edited.number)
    }

    /// Returns true if a message of this enqueue, and of this send if it is one, will not be run again.
    #[must_use]
    pub fn is_over(&self, enqueue: &Enqueue, send: Option<SendId>) -> bool {
        self.is_dead(enqueue) || send.is_some_and(|send| self.withdraws(send))
    }

    /// The same where few are left, and the key is not completed.
    #[must_use]
    pub fn few_enqueues_left(&self, now: Timestamp, memory: Duration) -> Option<usize> {
        let worth_a_look =
            self.state != EntryState::Completed && self.dead_enqueues() + FEW_ENQUEUES >= ENQUEUES + DEAD_MARKS;
        worth_a_look.then(|| self.enqueues_left(now, memory)).filter(|left| *left <= FEW_ENQUEUES)
    }

    /// Returns the number of handler starts for this enqueue.
    #[must_use]
    pub fn attempts(&self, enqueue: &Enqueue) -> u32 {
        self.enqueue(enqueue).map_or_else(|| self.dead_enqueues.attempts(enqueue), |record| record.attempts)
    }

    /// Returns true if an attempt of this enqueue is remembered, though its count may be forgotten.
    #[must_use]
    pub fn was_attempted(&self, enqueue: &Enqueue) -> bool {
        self.attempts(enqueue) > 0 || self.history.iter().any(|attempt| attempt.enqueue == *enqueue)
    }

    /// The last failure of this very enqueue, else the entry's last.
    #[must_use]
    pub fn fault_of(&self, enqueue: &Enqueue) -> Option<LastFault> {
        let own = self.history.iter().rev().find(|attempt| attempt.enqueue == *enqueue);
        match (own, self.history.last()) {
            (Some(own), Some(last)) if own != last => {
                Some(LastFault { class: own.class, code: own.code.clone(), text: own.text.clone() })
            }
            _ => self.fault.clone(),
        }
    }

    /// The outcome of a message that owns no key: SCHEMA, or a key that was used for something else. The
    /// first such outcome of an enqueue or send stays.
    #[must_use]
    pub fn keyless(
        enqueue: Enqueue,
        send: Option<SendId>,
        hash: PayloadHash,
        fault: &Fault,
        by: (OwnerToken, Origin),
        now: Timestamp,
        expires: Timestamp,
    ) -> Self {
        let (owner, origin) = by;
        let dead = EnqueueRecord { enqueue: enqueue.clone(), attempts: 0, dead: true, withdrawn: false };
        let failed = empty((EntryState::Failed, Timestamp::NEVER), owner, hash, 1, expires);
        let mut entry = Self { enqueues: vec![dead], send, ..failed };
        entry.record_failure(&enqueue, fault, origin, now);
        entry
    }

    /// Counts an attempt of `enqueue`. A ninth enqueue buries the oldest dead one, or else evicts the oldest that is not dead. `false` if
    /// all are dead and no grave is left: a dead enqueue that was forgotten could run again.
    pub(super) fn start_attempt(&mut self, enqueue: &Enqueue, now: Timestamp, memory: Duration) -> bool {
        if let Some(record) = self.enqueues.iter_mut().find(|record| record.enqueue == *enqueue) {
            record.attempts = record.attempts.saturating_add(1);
            return true;
        }
        self.remember(
            EnqueueRecord { enqueue: enqueue.clone(), attempts: 1, dead: false, withdrawn: false },
            now,
            memory,
        )
    }

    fn remember(&mut self, record: EnqueueRecord, now: Timestamp, memory: Duration) -> bool {
        if self.enqueues.len() >= ENQUEUES {
            self.forget_the_old(now, memory);
        }
        if self.enqueues.len() >= ENQUEUES {
            let oldest = |dead: bool| self.enqueues.iter().position(|record| record.dead == dead);
            match (oldest(true), oldest(false)) {
                (Some(dead), _) if self.dead_enqueues.len() < DEAD_MARKS => {
                    let dead = self.enqueues.remove(dead);
                    self.dead_enqueues.add(&dead, now);
                }
                (_, Some(living)) => drop(self.enqueues.remove(living)),
                _ => return false,
            }
        }
        self.enqueues.push(record);
        true
    }

    /// Forgets dead enqueues that can come back no more: SQS has deleted every message that was enqueued so long ago.
    fn forget_the_old(&mut self, now: Timestamp, memory: Duration) {
        let gone = |enqueue: &Enqueue| enqueue.sent_at != Enqueue::UNDATED && enqueue.sent_at.after(memory) < now;
        self.enqueues.retain(|record| !(record.dead && gone(&record.enqueue)));
        self.dead_enqueues.forget_the_old(now, memory);
    }

    /// Marks a message dead, whenever it was or will be enqueued. `false` if no room is left for that.
    pub(super) fn mark_message_dead(&mut self, id: &MessageId, now: Timestamp, memory: Duration) -> bool {
        let enqueue = Enqueue { message_id: id.clone(), sent_at: Enqueue::UNDATED };
        let own = |record: &EnqueueRecord| record.enqueue.message_id == *id;
        let marked = |record: &EnqueueRecord| own(record) && record.dead && record.withdrawn;
        if self.enqueues.iter().any(marked) || self.dead_enqueues.withdraws(id) {
            return true;
        }
        let attempts = self.enqueues.iter().filter(|record| own(record)).map(|record| record.attempts);
        let attempts = attempts.fold(self.dead_enqueues.attempts(&enqueue), u32::saturating_add);
        self.enqueues.retain(|record| !own(record));
        self.remember(EnqueueRecord { enqueue, attempts, dead: true, withdrawn: true }, now, memory)
    }

    /// Takes back an attempt that never started.
    pub(super) fn take_back_attempt(&mut self, enqueue: &Enqueue) {
        if let Some(record) = self.enqueues.iter_mut().find(|record| record.enqueue == *enqueue) {
            record.attempts = record.attempts.saturating_sub(1);
        }
        self.enqueues.retain(|record| record.dead || record.attempts > 0);
    }

    pub(super) fn mark_dead(&mut self, enqueue: &Enqueue) {
        if let Some(record) = self.enqueues.iter_mut().find(|record| record.enqueue == *enqueue) {
            record.dead = true;
        }
    }

    pub(super) fn record_failure(&mut self, enqueue: &Enqueue, fault: &Fault, origin: Origin, at: Timestamp) {
        self.fault = Some(fault.into());
        self.history.push(Attempt {
            enqueue: enqueue.clone(),
            at,
            class: fault.class,
            code: capped(&fault.code, CODE_LIMIT),
            text: capped(&fault.text, HISTORY_TEXT),
            origin,
        });
        while self.history.len() > HISTORY || (self.history.len() > 1 && bytes(self) > ENTRY_BYTES) {
            self.history.remove(0);
        }
    }
}

/// Roughly what the item weighs, attribute names included, its key apart.
fn bytes(entry: &Entry) -> usize {
    let enqueue = |enqueue: &Enqueue| enqueue.message_id.as_str().len() + 8 + 20;
    let fault = entry.fault.as_ref().map_or(0, |fault| fault.code.len() + fault.text.len() + 30);
    let enqueues: usize = entry.enqueues.iter().map(|record| enqueue(&record.enqueue) + 20).sum();
    let history: usize = entry
        .history
        .iter()
        .map(|attempt| {
            let origin = &attempt.origin;
            let ran = origin.request_id.len() + origin.function_version.len() + origin.log_stream.len();
            enqueue(&attempt.enqueue) + attempt.code.len() + attempt.text.len() + ran + 110
        })
        .sum();
    300 + fault + enqueues + history + entry.dead_enqueues.bytes() + entry.withdrawn.len() * 70
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ids::MessageId;

    const MEMORY: Duration = Duration::from_secs(30 * 86_400);

    pub(crate) fn enqueue(n: u64) -> Enqueue {
        Enqueue { message_id: MessageId::new(format!("{n:036}")).unwrap(), sent_at: Timestamp::from_millis(n) }
    }

    fn entry() -> Entry {
        Entry::keyless(
            enqueue(0),
            None,
            PayloadHash::of_text(""),
            &Fault::permanent("code", "text"),
            (OwnerToken::from_random(1), Origin::default()),
            Timestamp::from_millis(0),
            Timestamp::from_millis(9_000),
        )
    }

    #[test]
    fn an_entry_expires_by_whole_seconds() {
        assert!(!entry().expired(Timestamp::from_millis(9_999)));
        assert!(entry().expired(Timestamp::from_millis(10_000)));
    }

    #[test]
    fn a_failed_entry_stays_under_4_kb_whatever_failed() {
        let mut entry = entry();
        let fault = Fault::permanent("c".repeat(400), "t".repeat(4_000));
        let origin = Origin {
            request_id: "r".repeat(36),
            function_version: "$LATEST".to_owned(),
            log_stream: format!("2026/11/22/[$LATEST]{}", "f".repeat(32)),
        };
        for n in 1..100 {
            entry.start_attempt(&enqueue(n), Timestamp::from_millis(n), MEMORY);
            entry.mark_dead(&enqueue(n));
            entry.record_failure(&enqueue(n), &fault, origin.clone(), Timestamp::from_millis(n));
        }
        let json = serde_json::to_string(&entry).unwrap().len();
        assert!(bytes(&entry) < 4_096 && !entry.history.is_empty(), "{} bytes, {json} as JSON", bytes(&entry));
        assert!(entry.history.len() <= HISTORY && entry.enqueues.len() <= ENQUEUES);
    }

    #[test]
    fn a_ninth_enqueue_buries_the_oldest_dead_one_and_evicts_a_living_one_only_if_none_is() {
        let mut entry = entry();
        let starts = |entry: &mut Entry, n| entry.start_attempt(&enqueue(n), Timestamp::from_millis(n), MEMORY);
        assert!((1..=8).all(|n| starts(&mut entry, n)));
        assert!(entry.is_dead(&enqueue(0)) && entry.enqueue(&enqueue(0)).is_none(), "the dead life is buried");
        assert!((1..=8).all(|n| entry.attempts(&enqueue(n)) == 1), "the living keep their counts");
        assert!(starts(&mut entry, 9));
        assert_eq!((entry.attempts(&enqueue(1)), entry.attempts(&enqueue(2)), entry.attempts(&enqueue(9))), (0, 1, 1));
        assert!(entry.is_dead(&enqueue(0)));
    }
}
