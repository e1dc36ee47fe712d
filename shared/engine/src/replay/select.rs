use redrive_core::ids::LetterId;
use redrive_core::letter::{SHARDS, Status};
use redrive_core::ports::{LedgerReader, Letters, Outbox, Unavailable};
use redrive_core::time::Timestamp;
use tokio::time::Instant;

use super::{BATCH, ReplayReport, Replayer, Step, Wanted};
use crate::World;

/// How many candidates are asked for at once.
const PAGE: usize = 100;

impl<O, R, T, W> Replayer<O, R, T, W>
where
    O: Outbox,
    R: LedgerReader,
    T: Letters,
    W: World,
{
    /// Walks one status of the index, shard by shard and page by page, and takes the step with what fits. The index is
    /// only a list of candidates: every step reads the letter itself and writes under a condition.
    pub(super) async fn each(
        &self,
        status: Status,
        due_by: Timestamp,
        wanted: Wanted<'_>,
        deadline: Instant,
        report: &mut ReplayReport,
        step: Step<'_>,
    ) -> Result<(), Unavailable> {
        for shard in 0..SHARDS {
            let mut after = None;
            loop {
                let page = self.letters.candidates(status, shard, due_by, after, PAGE).await?;
                let ids: Vec<LetterId> = page
                    .candidates
                    .iter()
                    .filter(|candidate| wanted.is_none_or(|filter| filter.fits(candidate)))
                    .map(|candidate| candidate.id)
                    .collect();
                for chunk in ids.chunks(BATCH) {
                    self.step(chunk, deadline, report, step).await;
                    if report.more {
                        return Ok(());
                    }
                }
                let Some(next) = page.next else { break };
                after = Some(next);
            }
        }
        Ok(())
    }
}
