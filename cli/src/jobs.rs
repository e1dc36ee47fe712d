//! Replay jobs, as they stand.

use futures_util::{StreamExt, TryStreamExt, stream};
use redrive_core::ids::JobId;
use redrive_core::ports::{Jobs, Unavailable};
use redrive_core::replay::job::{Account, Job, JobState};
use redrive_core::time::Timestamp;
use serde_json::{Value, json};

use crate::text::{indented, instant, shown, table, words};
use crate::who::short;

/// Limit of jobs that are listed, of those that are read for it: those that run come first.
const LISTED: usize = 100;
const READ: usize = 1_000;
/// Number of jobs that are read at once.
const AT_ONCE: usize = 16;

/// A job, and what is known of all its letters.
#[derive(Debug, Clone)]
pub(crate) struct JobOverview {
    pub(crate) job: Job,
    pub(crate) known: Account,
}

/// Reads a job with its batches.
pub(crate) async fn read<J: Jobs>(jobs: &J, id: JobId) -> Result<Option<JobOverview>, Unavailable> {
    let Some(job) = jobs.job(id).await? else { return Ok(None) };
    let batches = jobs.batches(id, job.counted).await?;
    let known = job.known(&batches);
    Ok(Some(JobOverview { job, known }))
}

/// A job as the replay function tells of it.
pub(crate) fn told(answer: &Value) -> Option<JobOverview> {
    let job = serde_json::from_value(answer.clone()).ok()?;
    Some(JobOverview { job, known: serde_json::from_value(answer.get("known")?.clone()).ok()? })
}

/// Reads the open ones, or the closed ones: those that run first, and then the latest.
pub(crate) async fn gather<J: Jobs>(jobs: &J, open: bool) -> Result<Vec<JobOverview>, Unavailable> {
    let ids = jobs.jobs(open, READ).await?;
    let found: Vec<_> = stream::iter(ids).map(|id| read(jobs, id)).buffered(AT_ONCE).try_collect().await?;
    let mut found: Vec<_> = found.into_iter().flatten().collect();
    found.sort_by_key(|seen| !seen.job.state.runs());
    found.truncate(LISTED);
    Ok(found)
}

/// The job's own fields, its times as RFC 3339, and what is `known` of all its letters.
pub(crate) fn document(seen: &JobOverview) -> Value {
    let mut all = json!(seen.job);
    all["known"] = json!(seen.known);
    let time = |at: Option<Timestamp>| at.map_or(Value::Null, |at| Value::String(at.to_rfc3339()));
    all["created_at"] = time(Some(seen.job.created_at));
    all["closed_at"] = time(seen.job.closed_at);
    all["expires"] = time(seen.job.expires);
    for (n, event) in seen.job.history.iter().enumerate() {
        all["history"][n]["at"] = time(Some(event.at));
    }
    all
}

pub(crate) fn documents(seen: &[JobOverview]) -> Value {
    json!({"jobs": seen.iter().map(document).collect::<Vec<_>>()})
}

/// The jobs as a table.
pub(crate) fn render(seen: &[JobOverview], width: usize) -> String {
    if seen.is_empty() {
        return "No jobs.\n".to_owned();
    }
    let number = |n: u32, head: &str| format!("{n:>0$}", head.len());
    let rows = seen.iter().map(|JobOverview { job, known }| {
        vec![
            job.id.to_string(),
            job.state.as_str().to_owned(),
            number(known.sent(), "SENT"),
            number(known.succeeded(), "   OK"),
            number(known.failed(), "FAILED"),
            // First where it goes: whoever asked may have a long name.
            job.to
                .as_ref()
                .map_or_else(|| shown(short(&job.by)), |to| shown(&format!("to {}, {}", to.name(), short(&job.by)))),
        ]
    });
    table(&["JOB", "STATE", "SENT", "   OK", "FAILED", "BY"], &rows.collect::<Vec<_>>(), width)
}

/// Describes the outcomes of its letters: `resolved 36, failed again 1`.
pub(crate) fn dispositions(known: &Account) -> String {
    let counts = json!(known);
    let counts = counts.as_object().into_iter().flatten();
    let told: Vec<_> = counts.map(|(disposition, n)| format!("{} {n}", words(disposition))).collect();
    if told.is_empty() { "no letter yet".to_owned() } else { told.join(", ") }
}

/// Renders a job, with its history and the account of its letters.
pub(crate) fn account(seen: &JobOverview, width: usize) -> String {
    let job = &seen.job;
    let mut text = String::new();
    let mut add = |indent: usize, value: &str| text.push_str(&indented(value, indent, width));
    add(0, &format!("Job {} is {}", job.id, job.state.as_str()));
    if let JobState::Stopped { why } = &job.state {
        add(2, &shown(&format!("stopped by itself: {why}")));
    }
    add(2, &shown(&format!("asked for by {}", job.by)));
    if let Some(to) = &job.to {
        add(2, &shown(&format!("sends to {to}, not back")));
    }
    for event in &job.history {
        let why = event.why.as_ref().map_or(String::new(), |why| format!(": {why}"));
        let who = if event.who == job.name() { "itself" } else { &event.who };
        add(2, &shown(&format!("{}  {} by {who}{why}", instant(event.at), event.became)));
    }
    add(2, &format!("letters: {}", dispositions(&seen.known)));
    text
}
