//! Owner of a job: a job is of one queue.

use std::collections::BTreeSet;

use redrive_core::ids::{JobId, LetterId, QueueArn};
use redrive_core::ports::{Jobs, Letters, Unavailable};

/// Number of letters that are read at once.
const READ: usize = 20;

/// Reads which queue a job is of. `None`: anybody's, because it is gone, or no letter of it is there.
pub(crate) async fn owner(table: &(impl Letters + Jobs), id: JobId) -> Result<Option<QueueArn>, Unavailable> {
    let Some(job) = table.job(id).await? else { return Ok(None) };
    let Some(ids) = job.selection.ids() else { return Ok(job.selection.source().cloned()) };
    for chunk in ids.chunks(READ) {
        if let Some(letter) = table.read(chunk).await?.into_iter().flatten().next() {
            return Ok(Some(letter.source));
        }
    }
    Ok(None)
}

/// Reads which queues these letters are of.
pub(crate) async fn sources(table: &impl Letters, ids: &[LetterId]) -> Result<BTreeSet<QueueArn>, Unavailable> {
    let mut sources = BTreeSet::new();
    for chunk in ids.chunks(READ) {
        sources.extend(table.read(chunk).await?.into_iter().flatten().map(|letter| letter.source));
    }
    Ok(sources)
}
