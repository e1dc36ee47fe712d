//! The idempotency ledger: who may run a message, and what became of it.
//!
//! Every rule here is a function of an entry as it was read. What it decides is written only if the entry is still
//! what was read ([`Expect`]), so a decision and its condition cannot disagree, whatever stands behind the port.
//! The optimistic first write needs no read: it supposes that there is no entry, and if there is one, the store's
//! refusal brings it along.

mod buried;
mod claim;
mod entry;
mod free;
mod settle;
mod withdraw;

use std::time::Duration;

pub use buried::{BadGraves, Buried};
pub use claim::{Claim, ClaimRequest, Refusal, Step, claim};
pub use entry::{Attempt, Entry, FEW_LIVES, LastFault, LifeRecord, Origin, State};
pub use free::{Freeing, free};
pub use settle::{Settlement, Settling, settle};
pub use withdraw::{Withdrawal, Withdrawing, withdraw};

/// What is kept of a message's time for settling it.
pub const SETTLE_RESERVE: Duration = Duration::from_secs(1);
/// By how much two workers' clocks may differ.
pub const CLOCK_SKEW: Duration = Duration::from_secs(5);
/// By how much a lease is longer than the time that a handler gets.
///
/// Rule R16 of docs/protocol.md.
pub const LEASE_MARGIN: Duration = SETTLE_RESERVE.saturating_add(CLOCK_SKEW);

use crate::ids::OwnerToken;
use crate::key::LedgerKey;
use crate::time::Timestamp;

/// What must still hold when a write arrives.
///
/// Rule R9 of docs/protocol.md.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Expect {
    /// There is no entry, or one that expired before this instant: DynamoDB deletes late.
    AbsentOrExpired(Timestamp),
    /// The entry is the one that was read. The version alone would not do: an entry that expired and was made
    /// anew counts from 1 again.
    Unchanged {
        /// Its version.
        version: u64,
        /// Its owner.
        owner: OwnerToken,
    },
}

impl Expect {
    /// Whether `found` is what was expected: the model of every store behind the port.
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
    /// Where.
    pub key: LedgerKey,
    /// What; its version is already one more than what it replaces.
    pub entry: Entry,
    /// Under which condition.
    pub expect: Expect,
}
