//! Dead-letter table whose jobs a mutant breaks: each mutant is a way in which batches that are sent side by side can go wrong.

use redrive_core::ids::{JobId, LetterId, QueueArn};
use redrive_core::letters::letter::{Letter, LetterWrite};
use redrive_core::letters::listing::{Cursor, Listing, Page};
use redrive_core::ports::{Jobs, Letters, Turns, Unavailable, WriteError};
use redrive_core::replay::GroupTurn;
use redrive_core::replay::job::{Job, JobBatch, JobState, ListPart};
use redrive_testkit::ModelLetters;

/// Mutant: a rule of jobs that is broken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum JobMutant {
    /// The head forgets what batches have cost that are sent while others are planned.
    BudgetIsNotPaid,
    /// A job that one batch has stopped goes on with the others.
    StopIsNotWritten,
    /// A batch is planned with a letter of the one that is under way.
    LetterIsPlannedTwice,
    /// Batches that are under way do not count as sent.
    BatchesUnderWayAreNotCounted,
}

/// Dead-letter table that a mutant breaks.
#[derive(Clone)]
pub(crate) struct FaultyJobs {
    pub(crate) inner: ModelLetters,
    pub(crate) mutant: Option<JobMutant>,
}

impl FaultyJobs {
    fn is(&self, mutant: JobMutant) -> bool {
        self.mutant == Some(mutant)
    }

    fn stored(&self, id: JobId) -> Option<Job> {
        self.inner.all_jobs().into_iter().find(|job| job.id == id)
    }
}

impl Jobs for FaultyJobs {
    async fn job(&self, id: JobId) -> Result<Option<Job>, Unavailable> {
        self.inner.job(id).await
    }

    async fn batches(&self, id: JobId, from: u32) -> Result<Vec<JobBatch>, Unavailable> {
        let mut batches = self.inner.batches(id, from).await?;
        batches.retain(|batch| !self.is(JobMutant::BatchesUnderWayAreNotCounted) || batch.is_final());
        Ok(batches)
    }

    async fn jobs(&self, open: bool, limit: usize) -> Result<Vec<JobId>, Unavailable> {
        self.inner.jobs(open, limit).await
    }

    async fn list_part(&self, id: JobId, part: u32) -> Result<Option<ListPart>, Unavailable> {
        self.inner.list_part(id, part).await
    }

    async fn write_list_part(&self, part: ListPart) -> Result<(), WriteError<ListPart>> {
        self.inner.write_list_part(part).await
    }

    async fn write_job(&self, mut job: Job) -> Result<(), WriteError<Job>> {
        if self.is(JobMutant::StopIsNotWritten) && matches!(job.state, JobState::Stopped { .. }) {
            return Ok(());
        }
        let before = self.stored(job.id).filter(|before| before.state == job.state);
        if let Some(before) = before.filter(|_| self.is(JobMutant::BudgetIsNotPaid)) {
            job.bucket = before.bucket;
        }
        self.inner.write_job(job).await
    }

    async fn write_batch(&self, mut batch: JobBatch) -> Result<(), WriteError<JobBatch>> {
        let batches = self.inner.all_batches(batch.job);
        let before = batches.iter().find(|before| before.n + 1 == batch.n);
        let is_new = batches.iter().all(|known| known.n != batch.n);
        match (before, batch.lines.first_mut()) {
            (Some(before), Some(line)) if is_new && self.is(JobMutant::LetterIsPlannedTwice) => {
                line.letter = before.lines[0].letter;
                self.inner.write_batch(batch.clone()).await?;
                // As if another run had been faster.
                Err(WriteError::Condition(Some(Box::new(batch))))
            }
            _ => self.inner.write_batch(batch).await,
        }
    }
}

impl Letters for FaultyJobs {
    async fn read(&self, ids: &[LetterId]) -> Result<Vec<Option<Letter>>, Unavailable> {
        Letters::read(&self.inner, ids).await
    }

    async fn write(&self, writes: Vec<LetterWrite>) -> Vec<Result<(), WriteError<Letter>>> {
        Letters::write(&self.inner, writes).await
    }

    async fn scan(&self, listing: Listing<'_>, from: Cursor, limit: usize) -> Result<Page, Unavailable> {
        self.inner.scan(listing, from, limit).await
    }

    fn lanes(&self) -> Vec<Cursor> {
        self.inner.lanes()
    }
}

impl Turns for FaultyJobs {
    async fn turn(&self, source: &QueueArn, group: &str) -> Result<Option<GroupTurn>, Unavailable> {
        self.inner.turn(source, group).await
    }

    async fn write_turn(&self, turn: GroupTurn) -> Result<(), WriteError<GroupTurn>> {
        self.inner.write_turn(turn).await
    }
}

redrive_tests::forward_causes_and_summaries!(FaultyJobs);
