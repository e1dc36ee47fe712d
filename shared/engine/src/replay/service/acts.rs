//! Record of what people did to letters, which screens show.

use std::time::Duration;

use redrive_core::ports::Acts;
use redrive_core::replay::Request;
use redrive_core::time::Timestamp;
use tokio::time::{Instant, timeout_at};
use tracing::warn;

use crate::replay::report::ReplayReport;

/// Least time for the record, of an act that took all of its time.
const LEAST: Duration = Duration::from_secs(1);

/// Keeps a person's act on letters, if it changed any. What is done is done, also where this cannot be kept.
pub(super) async fn keep(
    table: &impl Acts,
    request: &Request,
    report: &ReplayReport,
    (now, deadline): (Timestamp, Instant),
) {
    let Some(record) = request.act().and_then(|act| act.record(now, changed(report))) else { return };
    let deadline = deadline.max(Instant::now() + LEAST);
    match timeout_at(deadline, table.keep_act(record)).await {
        Ok(Ok(())) => {}
        Ok(Err(error)) => warn!(%error, "an act was not kept for screens; the letters' histories have it"),
        Err(_) => warn!("there was no time to keep an act for screens; the letters' histories have it"),
    }
}

/// Number of letters that one request of a person changed. Each request changes them in one way.
const fn changed(report: &ReplayReport) -> usize {
    let ReplayReport { sent, ejected, discarded, restored, noted, erased, freed, .. } = report;
    *sent + *ejected + *discarded + *restored + *noted + *erased + *freed
}
