//! A job's items as they are written: each if nobody else was faster.

use redrive_core::ports::{Jobs, Unavailable, WriteError};
use redrive_core::replay::job::{Job, JobBatch};
use tracing::info;

/// Reason why a job's turn ends early.
#[derive(Debug)]
pub(super) enum Halt {
    /// A table or queue did not answer.
    Unavailable(Unavailable),
    /// Somebody else was faster, or what was read is not the whole truth any more: the next turn reads the job anew.
    ReadAnew,
    /// The run's time is over.
    OutOfTime,
}

impl From<Unavailable> for Halt {
    fn from(error: Unavailable) -> Self {
        Self::Unavailable(error)
    }
}

/// Writes a head. If it is not there any more as it was read, whoever was faster has decided.
pub(super) async fn write_head(table: &impl Jobs, next: Job) -> Result<Job, Halt> {
    match table.write_job(next.clone()).await {
        Ok(()) => {
            info!(job_id = %next.id, state = next.state.as_str(), version = next.version, "job goes on");
            Ok(next)
        }
        // A lost answer.
        Err(WriteError::Condition(Some(found))) if *found == next => Ok(next),
        Err(WriteError::Condition(_)) => Err(Halt::ReadAnew),
        Err(WriteError::Unavailable(error)) => Err(error.into()),
    }
}

/// Writes a batch, or finds what somebody else made of it.
pub(super) async fn write_batch(table: &impl Jobs, next: JobBatch) -> Result<JobBatch, Unavailable> {
    match table.write_batch(next.clone()).await {
        Ok(()) => Ok(next),
        Err(WriteError::Condition(Some(found))) => Ok(*found),
        Err(WriteError::Condition(None)) => {
            Err(Unavailable { service: "dead-letter table", action: "show a batch", why: "it is gone".to_owned() })
        }
        Err(WriteError::Unavailable(error)) => Err(error),
    }
}
