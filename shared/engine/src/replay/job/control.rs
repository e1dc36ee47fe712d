//! Acts of persons on jobs: create, pause, resume, cancel, and look.

use futures_util::{StreamExt, stream};
use redrive_core::ids::JobId;
use redrive_core::ports::{Clock, Jobs, Unavailable, WriteError};
use redrive_core::replay::Change;
use redrive_core::replay::job::steps::{self, NotThisStep};
use redrive_core::replay::job::{Job, JobState, ListPart, NewJob, add_part};
use redrive_core::time::Timestamp;
use tracing::{info, warn};

use crate::replay::report::JobView;
use crate::rounds::ROUNDS;

/// Number of open jobs that a run knows. It begins with any of them, so that paused ones do not keep it from one that runs.
const OPEN: usize = 10_000;
/// Number of jobs that a list names, of so many that are read for it: those that run come first.
const LISTED: usize = 100;
const READ: usize = 1_000;
/// Number of heads that are read at once.
const AT_ONCE: usize = 16;
/// Number of letters of a job that are told at once.
const LINES: usize = 1_000;

/// Answer to what was asked of a job.
#[derive(Debug)]
pub(crate) enum JobAnswer {
    /// Jobs as they stand.
    Shown(Vec<JobView>),
    /// No such job is there.
    NotFound,
    /// Refusal, and its reason. With the job as it stands, if it is the one that was meant.
    Refused { why: String, job: Option<Box<JobView>> },
    /// Not done: the table changed or did not answer too often.
    Unavailable,
}

impl JobAnswer {
    fn of(job: Job) -> Self {
        Self::Shown(vec![JobView::new(job, &[])])
    }
}

/// Lists which jobs are open.
pub(crate) async fn open_jobs(table: &impl Jobs) -> Result<Vec<JobId>, Unavailable> {
    table.jobs(true, OPEN).await
}

/// Writes a new job down. The next run works on it.
pub(crate) async fn create(
    table: &impl Jobs,
    id: JobId,
    (request, letters): (&NewJob, Option<u32>),
    now: Timestamp,
) -> Result<JobAnswer, Unavailable> {
    let job = Job::new(id, request.clone(), now);
    let letters = letters.or(job.letters);
    let job = job.counting(letters, now);
    let mut tries = 0;
    loop {
        tries += 1;
        match table.write_job(job.clone()).await {
            Ok(()) => break,
            // A lost answer, or the same request again: the job is there.
            Err(WriteError::Condition(Some(found))) if found.is_of(request) => return Ok(JobAnswer::of(*found)),
            Err(WriteError::Condition(_)) => {
                return Ok(JobAnswer::Refused { why: format!("there is another job {id}"), job: None });
            }
            Err(WriteError::Unavailable(error)) if tries >= ROUNDS => return Err(error),
            Err(WriteError::Unavailable(error)) => warn!(job_id = %id, %error, "job was not written"),
        }
    }
    info!(job_id = %id, by = job.by, "job created");
    Ok(JobAnswer::of(job))
}

/// Writes the next part of a job's list, and lets the job begin once the list is whole. A part that is there already stays.
pub(crate) async fn add_to_list(
    (table, clock): (&impl Jobs, &impl Clock),
    part: ListPart,
    edited: bool,
) -> Result<JobAnswer, Unavailable> {
    let refused = |why: String, job: Job| Ok(JobAnswer::Refused { why, job: Some(Box::new(JobView::new(job, &[]))) });
    for _ in 0..ROUNDS {
        let Some(job) = table.job(part.job).await? else { return Ok(JobAnswer::NotFound) };
        // Who chooses the letters of an edit chooses what is edited (R45).
        if job.edit.is_some() && !edited {
            let why = "the job sends an edit, and a part of its list says so (\"edited\": true), as an administrator's request";
            return refused(why.to_owned(), job);
        }
        let had = job.list().is_some_and(|list| part.n < list.parts())
            && !matches!(job.state, JobState::Listing { parts } if part.n >= parts);
        let next = match add_part(&job, &part, clock.now()) {
            _ if had => None,
            Ok(next) => Some(next),
            Err(refusal) => return refused(format!("{refusal}: part {} is not its next one", part.n), job),
        };
        match table.write_list_part(part.clone()).await {
            Ok(()) => {}
            // A lost answer, or the same request again.
            Err(WriteError::Condition(Some(found))) if found.letters == part.letters => {}
            Err(WriteError::Condition(_)) => {
                return refused(format!("part {} of its list is there with other letters", part.n), job);
            }
            Err(WriteError::Unavailable(error)) => {
                warn!(job_id = %part.job, %error, "part of a list was not written");
                continue;
            }
        }
        let Some(next) = next else { return Ok(JobAnswer::of(job)) };
        match table.write_job(next.clone()).await {
            Ok(()) => return Ok(JobAnswer::of(next)),
            Err(WriteError::Condition(_)) => {}
            Err(WriteError::Unavailable(error)) => warn!(job_id = %part.job, %error, "job was not written"),
        }
    }
    Ok(JobAnswer::Unavailable)
}

/// Pauses, resumes or cancels a job. What is so already stays so.
pub(crate) async fn steer(
    (table, clock): (&impl Jobs, &impl Clock),
    id: JobId,
    to: Change,
    by: &str,
    why: Option<&String>,
) -> Result<JobAnswer, Unavailable> {
    for _ in 0..ROUNDS {
        let Some(job) = table.job(id).await? else { return Ok(JobAnswer::NotFound) };
        if is_so(&job.state, to) {
            return Ok(JobAnswer::of(job));
        }
        let (now, why) = (clock.now(), why.cloned());
        let next = match to {
            Change::Pause => steps::pause(&job, by, why, now),
            Change::Resume => steps::resume(&job, by, why, now),
            Change::Cancel => steps::cancel(&job, by, why, now),
        };
        let next = match next {
            Ok(next) => next,
            Err(refusal @ NotThisStep(_)) => {
                return Ok(JobAnswer::Refused {
                    why: refusal.to_string(),
                    job: Some(Box::new(JobView::new(job, &[]))),
                });
            }
        };
        match table.write_job(next.clone()).await {
            Ok(()) => {
                info!(job_id = %id, state = next.state.as_str(), by, "job changed");
                return Ok(JobAnswer::of(next));
            }
            // It changed meanwhile, or the answer was lost: it is read again.
            Err(WriteError::Condition(_)) => {}
            Err(WriteError::Unavailable(error)) => warn!(job_id = %id, %error, "job was not written"),
        }
    }
    Ok(JobAnswer::Unavailable)
}

/// Tells of one job, and of its letters from one of its batches on.
pub(crate) async fn show(table: &impl Jobs, id: JobId, from: u32) -> Result<JobAnswer, Unavailable> {
    let Some(job) = table.job(id).await? else { return Ok(JobAnswer::NotFound) };
    let (batches, counted) = (table.batches(id, from).await?, job.counted);
    let open = if from <= counted { batches.clone() } else { table.batches(id, counted).await? };
    let lines = batches.into_iter().flat_map(|batch| batch.lines).take(LINES).collect();
    Ok(JobAnswer::Shown(vec![JobView { lines, ..JobView::new(job, &open) }]))
}

/// Tells which jobs there are.
pub(crate) async fn list(table: &impl Jobs, open: bool) -> Result<JobAnswer, Unavailable> {
    let mut found = Vec::new();
    let ids = table.jobs(open, READ).await?;
    let mut heads = stream::iter(ids).map(|id| table.job(id)).buffered(AT_ONCE);
    while let Some(job) = heads.next().await {
        found.extend(job?);
    }
    found.sort_by_key(|job| !job.state.runs());
    found.truncate(LISTED);
    let mut views = Vec::with_capacity(found.len());
    for job in found {
        let batches = table.batches(job.id, job.counted).await?;
        views.push(JobView::new(job, &batches));
    }
    Ok(JobAnswer::Shown(views))
}

const fn is_so(state: &JobState, to: Change) -> bool {
    match to {
        Change::Pause => matches!(state, JobState::Paused { .. }),
        Change::Resume => state.runs(),
        Change::Cancel => matches!(state, JobState::Cancelled),
    }
}
