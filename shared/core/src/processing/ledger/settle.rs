use super::claim::Claim;
use super::entry::{Entry, EntryState};
use super::{Changed, EntryWrite, Expect};
use crate::fault::Fault;
use crate::time::Timestamp;

/// Result of a claimed attempt.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Settlement {
    /// The attempt succeeded; its effects are committed.
    Complete,
    /// The attempt failed with a fault.
    Fail(Fault),
    /// The attempt never started: there was no time left once the claim was answered. It is taken back.
    ///
    /// Rule R12 of docs/protocol.md.
    Release,
}

/// Next step of a settlement.
#[derive(Debug)]
pub enum Settling {
    /// Write this. If its condition fails, ask again with what was found.
    Write(Box<EntryWrite>),
    /// The settlement is written already: the answer was lost on the way.
    Done,
    /// Another worker owns the key by now: nothing may be written, acknowledged or made visible.
    Rejected,
}

/// Returns true if a failed attempt was the enqueue's last.
fn is_last(claim: &Claim, fault: &Fault) -> bool {
    !fault.class.retryable() || claim.attempt() >= claim.request().limit
}

impl Claim {
    /// Returns true if this fault ends the enqueue: its class is never retried, or no attempt is left.
    #[must_use]
    pub fn is_fatal(&self, fault: &Fault) -> bool {
        is_last(self, fault)
    }
}

/// Decides a settlement against the entry as it was last seen; at first that is the entry that the claim wrote.
///
/// Rule R11 of docs/protocol.md.
///
/// Only the owner may settle, and only while IN_PROGRESS: a worker that comes too late changes nothing. Too late is also who
/// runs a body that was edited since: its lease had lapsed by then.
#[must_use]
pub fn settle(
    found: Option<&Entry>,
    claim: &Claim,
    settlement: &Settlement,
    now: Timestamp,
    expires: Timestamp,
) -> Settling {
    let Some(entry) = found.filter(|entry| entry.owner == claim.request().token) else {
        return Settling::Rejected;
    };
    let target = match settlement {
        Settlement::Complete => EntryState::Completed,
        Settlement::Fail(_) | Settlement::Release => EntryState::Failed,
    };
    let over = entry.is_over(&claim.request().enqueue, claim.request().send);
    match entry.state {
        EntryState::InProgress if over => return Settling::Rejected,
        EntryState::InProgress => {}
        state if state == target => return Settling::Done,
        _ => return Settling::Rejected,
    }
    let expect = Expect::Unchanged { version: entry.version, owner: entry.owner };
    let mut entry = entry.clone();
    entry.version += 1;
    entry.state = target;
    entry.expires = expires;
    entry.lease_until = Timestamp::NEVER;
    let request = claim.request();
    let free = Timestamp::from_millis(0);
    match settlement {
        Settlement::Complete => {}
        Settlement::Release => {
            entry.take_back_attempt(&request.enqueue);
            entry.lease_until = free;
        }
        Settlement::Fail(fault) => {
            entry.record_failure(&request.enqueue, fault, request.origin.clone(), now);
            if is_last(claim, fault) {
                entry.mark_dead(&request.enqueue);
            } else {
                entry.lease_until = free;
            }
        }
    }
    let changed = if *settlement == Settlement::Complete { Changed::Completion } else { Changed::All };
    Settling::Write(Box::new(EntryWrite { key: claim.request().key.clone(), entry, expect, changed }))
}
