//! Replay jobs, as they stand.

use std::time::Duration;

use futures_util::{StreamExt, TryStreamExt, stream};
use redrive_core::ids::JobId;
use redrive_core::ports::{Jobs, Unavailable};
use redrive_core::replay::job::{Account, Job};
use redrive_core::time::Timestamp;
use serde_json::{Value, json};

use crate::job_progress::JobProgress;
use crate::text::words;

/// Limit of jobs that are listed, of those that are read for it: those that run come first.
const LISTED: usize = 100;
const READ: usize = 1_000;
/// Number of jobs that are read at once.
const AT_ONCE: usize = 16;
/// Time for which a closed job is listed beside the open ones, and the most of these.
const RECENT: Duration = Duration::from_secs(24 * 3_600);
const RECENT_JOBS: usize = 20;

/// A job, and what is known of all its letters.
#[derive(Debug, Clone)]
pub struct JobOverview {
    /// Head of the job.
    pub job: Job,
    /// Account of all its letters, by what is known of each.
    pub known: Account,
}

impl JobOverview {
    /// Progress of the job over its whole selection.
    pub fn progress(&self, now: Timestamp) -> JobProgress {
        JobProgress::of(&self.job, &self.known, now)
    }
}

/// Reads a job with its batches.
///
/// # Errors
///
/// The table's.
pub async fn read<J: Jobs>(jobs: &J, id: JobId) -> Result<Option<JobOverview>, Unavailable> {
    let Some(job) = jobs.job(id).await? else { return Ok(None) };
    let batches = jobs.batches(id, job.counted).await?;
    let known = job.known(&batches);
    Ok(Some(JobOverview { job, known }))
}

/// A job as the replay function tells of it.
pub fn overview(answer: &Value) -> Option<JobOverview> {
    let job = serde_json::from_value(answer.clone()).ok()?;
    Some(JobOverview { job, known: serde_json::from_value(answer.get("known")?.clone()).ok()? })
}

/// Reads the open jobs, or the closed ones: those that run first, and then the latest.
///
/// # Errors
///
/// The table's.
pub async fn gather<J: Jobs>(jobs: &J, open: bool) -> Result<Vec<JobOverview>, Unavailable> {
    let mut found = latest(jobs, open, READ).await?;
    found.sort_by_key(|overview| !overview.job.state.runs());
    found.truncate(LISTED);
    Ok(found)
}

/// Reads the open jobs, and behind them those that were closed within a day.
///
/// # Errors
///
/// The table's.
pub async fn gather_recent<J: Jobs>(jobs: &J, now: Timestamp) -> Result<Vec<JobOverview>, Unavailable> {
    let mut found = gather(jobs, true).await?;
    let closed = latest(jobs, false, RECENT_JOBS).await?.into_iter();
    let recent = |overview: &JobOverview| overview.job.closed_at.is_some_and(|at| at.after(RECENT) > now);
    // An index is late: one that was closed a moment ago may be among the open ones, too.
    let closed: Vec<_> =
        closed.filter(recent).filter(|overview| found.iter().all(|open| open.job.id != overview.job.id)).collect();
    found.extend(closed);
    Ok(found)
}

async fn latest<J: Jobs>(jobs: &J, open: bool, limit: usize) -> Result<Vec<JobOverview>, Unavailable> {
    let ids = jobs.jobs(open, limit).await?;
    let found: Vec<_> = stream::iter(ids).map(|id| read(jobs, id)).buffered(AT_ONCE).try_collect().await?;
    Ok(found.into_iter().flatten().collect())
}

/// The job's own fields, its times as RFC 3339, and what is `known` of all its letters.
pub fn document(overview: &JobOverview) -> Value {
    let mut all = json!(overview.job);
    all["known"] = json!(overview.known);
    let time = |at: Option<Timestamp>| at.map_or(Value::Null, |at| Value::String(at.to_rfc3339()));
    all["created_at"] = time(Some(overview.job.created_at));
    all["closed_at"] = time(overview.job.closed_at);
    all["expires"] = time(overview.job.expires);
    for (n, event) in overview.job.history.iter().enumerate() {
        all["history"][n]["at"] = time(Some(event.at));
    }
    all
}

/// Returns jobs as one JSON document.
pub fn documents(overviews: &[JobOverview]) -> Value {
    json!({"jobs": overviews.iter().map(document).collect::<Vec<_>>()})
}

/// Describes the outcomes of its letters: `resolved 36, failed again 1`.
pub fn dispositions(known: &Account) -> String {
    let counts = json!(known);
    let counts = counts.as_object().into_iter().flatten();
    let parts: Vec<_> = counts.map(|(disposition, n)| format!("{} {n}", words(disposition))).collect();
    if parts.is_empty() { "no letter yet".to_owned() } else { parts.join(", ") }
}
