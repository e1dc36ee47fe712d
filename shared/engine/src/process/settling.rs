use std::time::Duration;

use redrive_core::fault::Fault;
use redrive_core::ports::{CommitError, Ledger, MainQueue, Outbox, WriteError};
use redrive_core::processing::handler::Dispatch;
use redrive_core::processing::ledger::{Claim, Entry, EntryWrite, Settlement, Settling, settle};
use tracing::warn;

use super::{Frame, Parts};
use crate::rounds::ROUNDS;
use crate::world::{World, roll};

/// How a settlement ended.
pub(super) enum Settled {
    /// Read as written.
    Done,
    /// Rejected, or its answer never came: nobody may act as if it were written, nor as if it were not.
    Lost,
    /// The effects cannot be committed. Nothing was written: the attempt failed.
    Refused(Fault),
}

/// What one try of writing a settlement came to.
enum SettleResult {
    Written,
    Changed(Option<Box<Entry>>),
    Unknown,
    Conflict,
    Refused(Fault),
}

impl<H, L, Q, W, D> Parts<H, L, Q, W, D>
where
    H: Dispatch,
    L: Ledger<H::Effects>,
    Q: MainQueue,
    W: World,
    D: Outbox,
{
    /// Commits the completion with its effects.
    pub(super) async fn complete(&self, claim: &Claim, effects: &H::Effects, frame: &Frame) -> Settled {
        self.within(frame, self.settle_with(claim, &Settlement::Complete, Some(effects))).await
    }

    /// Writes a failure.
    pub(super) async fn settle(&self, claim: &Claim, settlement: &Settlement, frame: &Frame) -> Settled {
        self.within(frame, self.settle_with(claim, settlement, None)).await
    }

    async fn within(&self, frame: &Frame, settling: impl Future<Output = Settled>) -> Settled {
        tokio::time::timeout_at(frame.deadline, settling).await.unwrap_or(Settled::Lost)
    }

    /// Asks until an answer is read. To repeat a write whose answer was lost is safe: if it had happened, its own
    /// condition fails now, and what is found shows our token with the state that we meant.
    async fn settle_with(&self, claim: &Claim, settlement: &Settlement, effects: Option<&H::Effects>) -> Settled {
        let mut found = Some(Box::new(claim.entry().clone()));
        let (mut unknown, mut conflicts) = (false, 0);
        for round in 0..ROUNDS {
            let now = self.world.now();
            let write = match settle(found.as_deref(), claim, settlement, now, now.after(self.settings.retention)) {
                Settling::Done => return Settled::Done,
                Settling::Rejected => {
                    warn!(key = claim.request().key.log_hash(), "settlement rejected: the key has another owner");
                    return Settled::Lost;
                }
                Settling::Write(write) => *write,
            };
            match self.try_write(write, effects).await {
                SettleResult::Written => return Settled::Done,
                SettleResult::Changed(entry) => found = entry,
                // After an unknown answer even a refusal proves nothing about the first try.
                SettleResult::Refused(_) if unknown => return Settled::Lost,
                SettleResult::Refused(fault) => return Settled::Refused(fault),
                SettleResult::Unknown => unknown = true,
                SettleResult::Conflict => conflicts += 1,
            }
            let pause = 10_u64 << round.min(6);
            tokio::time::sleep(Duration::from_millis(pause + roll(&self.world) % pause)).await;
        }
        if conflicts == ROUNDS {
            let text = "other transactions kept touching the same items";
            return Settled::Refused(Fault::transient("effects-conflict", text));
        }
        Settled::Lost
    }

    async fn try_write(&self, write: EntryWrite, effects: Option<&H::Effects>) -> SettleResult {
        let Some(effects) = effects else {
            return match self.ledger.write(vec![write]).await.pop() {
                Some(Ok(())) => SettleResult::Written,
                Some(Err(WriteError::Condition(found))) => SettleResult::Changed(found),
                Some(Err(WriteError::Unavailable(error))) => {
                    warn!(%error, "ledger did not answer a settlement");
                    SettleResult::Unknown
                }
                None => SettleResult::Unknown,
            };
        };
        match self.ledger.commit(write, effects).await {
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
}
