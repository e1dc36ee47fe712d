//! Readings that a job's guard wants to know before more is sent.

use redrive_core::ports::Gauges;
use redrive_core::replay::job::{Job, Readings};
use tracing::warn;

use crate::replay::context::PairContext;
use crate::replay::ports::ReplayPorts;

/// Readings for a guard, and whether all of them could be read: nothing is sent blindly.
#[derive(Debug)]
pub(super) struct GuardReadings {
    pub(super) readings: Readings,
    pub(super) complete: bool,
}

/// Reads what the guard of a running job wants to know.
pub(super) async fn read_for_guard<P: ReplayPorts>(context: PairContext<'_, P>, job: &Job) -> GuardReadings {
    let mut read = GuardReadings { readings: Readings::default(), complete: true };
    if !job.state.runs() {
        return read;
    }
    let gauges = context.pair.gauges_of(job.to.as_ref());
    if job.guard.max_backlog.is_some() && gauges.tells_backlog() {
        match gauges.backlog().await {
            Ok(messages) => read.readings.backlog = Some(messages),
            Err(error) => {
                warn!(job_id = %job.id, %error, "job sends nothing without its guard");
                read.complete = false;
            }
        }
    }
    if let Some(name) = &job.guard.alarm {
        match context.pair.gauges.alarm(name).await {
            Ok(state) => read.readings.alarm = Some(state),
            Err(error) => {
                warn!(job_id = %job.id, %error, "job sends nothing without its guard");
                read.complete = false;
            }
        }
    }
    read
}
