//! The next batch of a job: found, and written down before anything of it is sent.

use redrive_core::replay::job::{Job, JobBatch, JobCursor, JobEntry, steps};

use super::write::{Halt, write_batch, write_head};
use crate::replay::context::PairContext;
use crate::replay::ports::ReplayPorts;
use crate::replay::scan::job_cursor::{SearchTime, next_letters};

/// Outcome of a search for the next batch, with the job as it stands then.
pub(super) enum NextBatch {
    Planned(Job, JobBatch),
    /// Nothing was found as far as it looked.
    Walked(Job),
    /// Nothing was found, and the search went no further.
    End,
}

/// Finds the next letters of a job, at most `count`, and writes them down as a batch.
pub(super) async fn next_batch<P: ReplayPorts>(
    context: PairContext<'_, P>,
    job: &Job,
    open: &[JobBatch],
    count: usize,
) -> Result<NextBatch, Halt> {
    let time = SearchTime { deadline: context.deadline, reserve: context.settings.reserve };
    let (letters, walk) = next_letters(context.letters, context.pair.source(), (job, open), count, time).await?;
    if !letters.is_empty() {
        let (job, batch) = write_planned(context, job, letters, walk).await?;
        return Ok(NextBatch::Planned(job, batch));
    }
    if walk == job.walk {
        return Ok(NextBatch::End);
    }
    Ok(NextBatch::Walked(write_head(context.letters, steps::walk(job, walk)).await?))
}

/// Writes the next batch of a job, and then its head.
pub(super) async fn write_planned<P: ReplayPorts>(
    context: PairContext<'_, P>,
    job: &Job,
    letters: Vec<JobEntry>,
    walk: JobCursor,
) -> Result<(Job, JobBatch), Halt> {
    let now = context.now();
    let expires = Job::batch_expires(&context.pair.policy, now);
    // Somebody else's batch of that number is as good.
    let batch = JobBatch::new(job.id, job.batches, letters, walk, expires);
    let batch = write_batch(context.letters, batch).await?;
    let next = steps::plan(job, &batch, now).map_err(|_| Halt::ReadAnew)?;
    Ok((write_head(context.letters, next).await?, batch))
}
