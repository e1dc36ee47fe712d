//! The idempotency ledger: who may run a message, and what became of it.
//!
//! Every rule here is a function of an entry as it was read. What it decides is written only if the entry is still
//! what was read ([`Expect`]), so a decision and its condition cannot disagree, whatever stands behind the port.
//! The optimistic first write needs no read: it supposes that there is no entry, and if there is one, the store's
//! refusal brings it along.

mod claim;
mod dead_enqueues;
mod enqueue_record;
mod entry;
mod free;
mod settle;
mod withdraw;

use std::time::Duration;

pub use claim::{Claim, ClaimRefusal, ClaimRequest, ClaimStep, claim};
pub use dead_enqueues::{BadDeadMarks, DeadEnqueues};
pub use enqueue_record::EnqueueRecord;
pub use entry::{Attempt, Entry, EntryState, FEW_ENQUEUES, LastFault, Origin, rests_until};
pub use free::{Freeing, free};
pub use settle::{Settlement, Settling, settle};
pub use withdraw::{Withdrawal, Withdrawing, withdraw};

/// Part of a message's time that is kept for settling it.
pub const SETTLE_RESERVE: Duration = Duration::from_secs(1);
/// Greatest difference between two workers' clocks.
pub const CLOCK_SKEW: Duration = Duration::from_secs(5);
/// Margin of a lease over the time that a handler gets.
///
/// Rule R16 of docs/protocol.md.
pub const LEASE_MARGIN: Duration = SETTLE_RESERVE.saturating_add(CLOCK_SKEW);

/// Returns the longest time for which a claim may wait for a handler's free slot: an eighth of the handler's time, and half
/// of what a lease without that wait leaves of the visibility timeout at the most.
///
/// Rule R16 of docs/protocol.md.
#[must_use]
pub fn claim_hold(handler_timeout: Duration, visibility: Duration) -> Duration {
    (handler_timeout / 8).min(visibility.saturating_sub(handler_timeout + LEASE_MARGIN) / 2)
}

use crate::ids::OwnerToken;
use crate::message::key::LedgerKey;
use crate::time::Timestamp;

/// Condition that must still hold when a write arrives.
///
/// Rule R9 of docs/protocol.md.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Expect {
    /// The entry is absent, or expired before this instant: DynamoDB deletes late.
    AbsentOrExpired(Timestamp),
    /// The entry is the one that was read. The version alone would not do: an entry that expired and was made
    /// anew counts from 1 again.
    Unchanged {
        /// Version that was read.
        version: u64,
        /// Owner that was read.
        owner: OwnerToken,
    },
}

impl Expect {
    /// Returns true if `found` meets the condition. Every store behind the port must behave like this.
    #[must_use]
    pub fn holds(&self, found: Option<&Entry>) -> bool {
        match (*self, found) {
            (Self::AbsentOrExpired(now), Some(entry)) => entry.expired(now),
            (Self::AbsentOrExpired(_), None) => true,
            (Self::Unchanged { version, owner }, Some(entry)) => entry.version == version && entry.owner == owner,
            (Self::Unchanged { .. }, None) => false,
        }
    }
}

/// A whole entry, to be put under a condition.
#[derive(Debug, Clone)]
pub struct EntryWrite {
    /// Key of the entry.
    pub key: LedgerKey,
    /// Entry to write; its version is already one more than what it replaces.
    pub entry: Entry,
    /// Condition of the write.
    pub expect: Expect,
    /// Part of the entry in which it may differ from what it replaces.
    pub changed: Changed,
}

/// Part of an entry in which it may differ from the one that was read. Where that one is still there, a store may leave the
/// rest as it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Changed {
    /// Any part may differ.
    All,
    /// State, lease, version and expiry may differ, as after a completion.
    Completion,
}
