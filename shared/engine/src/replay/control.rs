use futures_util::{StreamExt, stream};
use redrive_core::ids::JobId;
use redrive_core::ports::{Clock, Entropy, Jobs, Unavailable, WriteError};
use redrive_core::replay::Change;
use redrive_core::replay::job::{Job, JobState, NewJob, NotThisStep};
use tracing::{info, warn};

use super::{JobView, Ports, ReplayReport, Replayer};
use crate::ROUNDS;

/// How many jobs a list names, of so many that are read for it: those that run come first.
const LISTED: usize = 100;
const READ: usize = 1_000;
/// How many heads are read at once.
const AT_ONCE: usize = 16;
/// How many letters of a job are told at once.
const LINES: usize = 1_000;

impl<P: Ports> Replayer<P> {
    /// Writes a new job down. The next run works on it.
    pub(super) async fn create(&self, asked: &NewJob, report: &mut ReplayReport) -> Result<(), Unavailable> {
        let id = asked.id.unwrap_or_else(|| JobId::from_random(self.world.bits()));
        let job = Job::new(id, asked.clone(), self.world.now());
        let mut tries = 0;
        loop {
            tries += 1;
            match self.letters.write_job(job.clone()).await {
                Ok(()) => break,
                // A lost answer, or the same request again: the job is there.
                Err(WriteError::Condition(Some(found))) if found.is_of(asked) => {
                    report.show(JobView::new(*found, &[]));
                    return Ok(());
                }
                Err(WriteError::Condition(_)) => {
                    report.refused = Some(format!("there is another job {id}"));
                    return Ok(());
                }
                Err(WriteError::Unavailable(error)) if tries >= ROUNDS => return Err(error),
                Err(WriteError::Unavailable(error)) => warn!(job_id = %id, %error, "job was not written"),
            }
        }
        info!(job_id = %id, by = job.by, "job created");
        report.show(JobView::new(job, &[]));
        Ok(())
    }

    /// Pauses, resumes or cancels a job. What is so already stays so.
    pub(super) async fn steer(
        &self,
        id: JobId,
        to: Change,
        by: &str,
        why: Option<String>,
        report: &mut ReplayReport,
    ) -> Result<(), Unavailable> {
        for _ in 0..ROUNDS {
            let Some(job) = self.letters.job(id).await? else {
                report.not_found += 1;
                return Ok(());
            };
            if is_so(&job.state, to) {
                report.show(JobView::new(job, &[]));
                return Ok(());
            }
            let now = self.world.now();
            let next = match to {
                Change::Pause => job.paused(by, why.clone(), now),
                Change::Resume => job.resumed(by, why.clone(), now),
                Change::Cancel => job.cancelled(by, why.clone(), now),
            };
            let next = match next {
                Ok(next) => next,
                Err(refusal @ NotThisStep(_)) => {
                    report.refused = Some(refusal.to_string());
                    report.show(JobView::new(job, &[]));
                    return Ok(());
                }
            };
            match self.letters.write_job(next.clone()).await {
                Ok(()) => {
                    info!(job_id = %id, state = next.state.as_str(), by, "job changed");
                    report.show(JobView::new(next, &[]));
                    return Ok(());
                }
                // It changed meanwhile, or the answer was lost: it is read again.
                Err(WriteError::Condition(_)) => {}
                Err(WriteError::Unavailable(error)) => warn!(job_id = %id, %error, "job was not written"),
            }
        }
        report.unavailable += 1;
        Ok(())
    }

    /// Tells of one job, and of its letters from one of its batches on.
    pub(super) async fn show(&self, id: JobId, from: u32, report: &mut ReplayReport) -> Result<(), Unavailable> {
        let Some(job) = self.letters.job(id).await? else {
            report.not_found += 1;
            return Ok(());
        };
        let (batches, counted) = (self.letters.batches(id, from).await?, job.counted);
        let open = if from <= counted { batches.clone() } else { self.letters.batches(id, counted).await? };
        let mut view = JobView::new(job, &open);
        view.lines = batches.into_iter().flat_map(|batch| batch.lines).take(LINES).collect();
        report.show(view);
        Ok(())
    }

    /// Tells which jobs there are.
    pub(super) async fn list(&self, open: bool, report: &mut ReplayReport) -> Result<(), Unavailable> {
        let mut found = Vec::new();
        let ids = self.letters.jobs(open, READ).await?;
        let mut heads = stream::iter(ids).map(|id| self.letters.job(id)).buffered(AT_ONCE);
        while let Some(job) = heads.next().await {
            found.extend(job?);
        }
        found.sort_by_key(|job| !job.state.runs());
        found.truncate(LISTED);
        for job in found {
            let batches = self.letters.batches(job.id, job.counted).await?;
            report.show(JobView::new(job, &batches));
        }
        Ok(())
    }
}

const fn is_so(state: &JobState, to: Change) -> bool {
    match to {
        Change::Pause => matches!(state, JobState::Paused { .. }),
        Change::Resume => state.runs(),
        Change::Cancel => matches!(state, JobState::Cancelled),
    }
}
