//! Settlements of claims in the ledger.

use std::time::Duration;

use redrive_core::fault::Fault;
use redrive_core::ports::{Clock, CommitError, Ledger, WriteError};
use redrive_core::processing::ledger::{Claim, Entry, EntryWrite, Settlement, Settling, settle as settled_by};
use tracing::warn;

use super::parts::{Frame, Parts};
use super::ports::{EffectsOf, ProcessPorts};
use crate::rounds::ROUNDS;
use crate::world::roll;

/// End of a settlement's writing.
pub(super) enum Settled {
    /// Settlement that is known to be written.
    Done,
    /// Rejected, or its answer never came: nobody may act as if it were written, nor as if it were not.
    Lost,
    /// The effects cannot be committed. Nothing was written: the attempt failed.
    Refused(Fault),
}

/// Result of one try of writing a settlement.
enum SettleResult {
    Written,
    Changed(Option<Box<Entry>>),
    Unknown,
    Conflict,
    Refused(Fault),
}

/// Commits the completion with its effects.
pub(super) async fn complete<P: ProcessPorts>(
    parts: &Parts<P>,
    claim: &Claim,
    effects: &EffectsOf<P>,
    frame: &Frame,
) -> Settled {
    within(frame, settle_with(parts, claim, &Settlement::Complete, Some(effects))).await
}

/// Writes a failure or a release.
pub(super) async fn settle<P: ProcessPorts>(
    parts: &Parts<P>,
    claim: &Claim,
    settlement: &Settlement,
    frame: &Frame,
) -> Settled {
    within(frame, settle_with(parts, claim, settlement, None)).await
}

async fn within(frame: &Frame, settling: impl Future<Output = Settled>) -> Settled {
    tokio::time::timeout_at(frame.deadline, settling).await.unwrap_or(Settled::Lost)
}

/// Asks until an answer is read. To repeat a write whose answer was lost is safe: if it had happened, its own
/// condition fails now, and what is found shows our token with the state that we meant.
async fn settle_with<P: ProcessPorts>(
    parts: &Parts<P>,
    claim: &Claim,
    settlement: &Settlement,
    effects: Option<&EffectsOf<P>>,
) -> Settled {
    let mut found = Some(Box::new(claim.entry().clone()));
    let (mut unknown, mut conflicts) = (false, 0);
    for round in 0..ROUNDS {
        let now = parts.world.now();
        let write = match settled_by(found.as_deref(), claim, settlement, now, now.after(parts.settings.retention)) {
            Settling::Done => return Settled::Done,
            Settling::Rejected => {
                warn!(key = claim.request().key.log_hash(), "settlement rejected: the key has another owner");
                return Settled::Lost;
            }
            Settling::Write(write) => *write,
        };
        match try_write(parts, write, effects).await {
            SettleResult::Written => return Settled::Done,
            SettleResult::Changed(entry) => found = entry,
            // After an unknown answer even a refusal proves nothing about the first try.
            SettleResult::Refused(_) if unknown => return Settled::Lost,
            SettleResult::Refused(fault) => return Settled::Refused(fault),
            SettleResult::Unknown => unknown = true,
            SettleResult::Conflict => conflicts += 1,
        }
        let pause = 10_u64 << round.min(6);
        tokio::time::sleep(Duration::from_millis(pause + roll(&parts.world) % pause)).await;
    }
    if conflicts == ROUNDS {
        let text = "other transactions kept touching the same items";
        return Settled::Refused(Fault::transient("effects-conflict", text));
    }
    Settled::Lost
}

async fn try_write<P: ProcessPorts>(
    parts: &Parts<P>,
    write: EntryWrite,
    effects: Option<&EffectsOf<P>>,
) -> SettleResult {
    let Some(effects) = effects else {
        return match parts.ledger.write(vec![write]).await.pop() {
            Some(Ok(())) => SettleResult::Written,
            Some(Err(WriteError::Condition(found))) => SettleResult::Changed(found),
            Some(Err(WriteError::Unavailable(error))) => {
                warn!(%error, "ledger did not answer a settlement");
                SettleResult::Unknown
            }
            None => SettleResult::Unknown,
        };
    };
    match parts.ledger.commit(write, effects).await {
        Ok(()) => SettleResult::Written,
        Err(CommitError::Condition(found)) => SettleResult::Changed(found),
        Err(CommitError::Refused(fault)) => SettleResult::Refused(fault),
        Err(CommitError::Conflict) => SettleResult::Conflict,
        Err(CommitError::Unavailable(error)) => {
            warn!(%error, "ledger did not answer a completion");
            SettleResult::Unknown
        }
    }
}
