//! Table of letters whose changes are told to other systems.
//!
//! All flows write letters and jobs through these ports, so one place tells of each change once, whoever made it.

use redrive_core::ids::{JobId, LetterId, QueueArn};
use redrive_core::integration_event::IntegrationEvent;
use redrive_core::letters::cause::{Cause, Recorded};
use redrive_core::letters::letter::{Letter, LetterWrite};
use redrive_core::letters::listing::{Cursor, Listing, Page};
use redrive_core::letters::summary::{KeptSummary, WaitingSummary};
use redrive_core::ports::{Acts, Causes, Jobs, Letters, Summaries, Turns, Unavailable, WriteError};
use redrive_core::replay::job::{Job, JobBatch, ListPart};
use redrive_core::replay::{ActRecord, GroupTurn, Look};
use redrive_core::time::Timestamp;

use crate::announcer::Announcer;

/// A table of letters that tells of what was written to it, once that is written. Without a bus it is that table and nothing more.
#[derive(Debug, Clone)]
pub struct Announced<T> {
    table: T,
    announcer: Option<Announcer>,
}

impl<T> Announced<T> {
    /// The table, and who tells of its changes; `None`: nobody is told.
    pub const fn new(table: T, announcer: Option<Announcer>) -> Self {
        Self { table, announcer }
    }

    fn tell(&self, events: impl IntoIterator<Item = IntegrationEvent>) {
        if let Some(announcer) = &self.announcer {
            events.into_iter().for_each(|event| announcer.tell(event));
        }
    }
}

/// Returns true if a refused write had happened: its answer was lost, and what was found tells of the very same changes.
fn had_happened(events: &[IntegrationEvent], found: Option<&Letter>, replaces: Option<u64>) -> bool {
    let found = found.map(|letter| IntegrationEvent::of_letter(&LetterWrite { letter: letter.clone(), replaces }));
    found.is_some_and(|found| found == events)
}

impl<T: Letters> Letters for Announced<T> {
    async fn read(&self, ids: &[LetterId]) -> Result<Vec<Option<Letter>>, Unavailable> {
        self.table.read(ids).await
    }

    async fn look(&self, ids: &[LetterId]) -> Result<Vec<Option<Look>>, Unavailable> {
        self.table.look(ids).await
    }

    async fn write(&self, writes: Vec<LetterWrite>) -> Vec<Result<(), WriteError<Letter>>> {
        if self.announcer.is_none() {
            return self.table.write(writes).await;
        }
        let noticed: Vec<_> = writes.iter().map(|write| (IntegrationEvent::of_letter(write), write.replaces)).collect();
        let answers = self.table.write(writes).await;
        for ((events, replaces), answer) in noticed.into_iter().zip(&answers) {
            let written = match answer {
                Ok(()) => true,
                Err(WriteError::Condition(found)) => {
                    !events.is_empty() && had_happened(&events, found.as_deref(), replaces)
                }
                Err(WriteError::Unavailable(_)) => false,
            };
            if written {
                self.tell(events);
            }
        }
        answers
    }

    async fn scan(&self, listing: Listing<'_>, from: Cursor, limit: usize) -> Result<Page, Unavailable> {
        self.table.scan(listing, from, limit).await
    }

    fn lanes(&self) -> Vec<Cursor> {
        self.table.lanes()
    }
}

impl<T: Turns> Turns for Announced<T> {
    async fn turn(&self, source: &QueueArn, group: &str) -> Result<Option<GroupTurn>, Unavailable> {
        self.table.turn(source, group).await
    }

    async fn write_turn(&self, turn: GroupTurn) -> Result<(), WriteError<GroupTurn>> {
        self.table.write_turn(turn).await
    }
}

impl<T: Jobs> Jobs for Announced<T> {
    async fn job(&self, id: JobId) -> Result<Option<Job>, Unavailable> {
        self.table.job(id).await
    }

    async fn batches(&self, id: JobId, from: u32) -> Result<Vec<JobBatch>, Unavailable> {
        self.table.batches(id, from).await
    }

    async fn jobs(&self, open: bool, limit: usize) -> Result<Vec<JobId>, Unavailable> {
        self.table.jobs(open, limit).await
    }

    async fn write_job(&self, job: Job) -> Result<(), WriteError<Job>> {
        let event = self.announcer.as_ref().and_then(|_| IntegrationEvent::of_job(&job));
        let answer = self.table.write_job(job).await;
        let written = match &answer {
            Ok(()) => true,
            // A lost answer: what is found is what was written.
            Err(WriteError::Condition(Some(found))) => IntegrationEvent::of_job(found) == event,
            Err(_) => false,
        };
        self.tell(event.filter(|_| written));
        answer
    }

    async fn write_batch(&self, batch: JobBatch) -> Result<(), WriteError<JobBatch>> {
        self.table.write_batch(batch).await
    }

    async fn list_part(&self, id: JobId, n: u32) -> Result<Option<ListPart>, Unavailable> {
        self.table.list_part(id, n).await
    }

    async fn write_list_part(&self, part: ListPart) -> Result<(), WriteError<ListPart>> {
        self.table.write_list_part(part).await
    }
}

impl<T: Causes> Causes for Announced<T> {
    async fn record(&self, sightings: Vec<Cause>, now: Timestamp) -> Vec<Result<Recorded, Unavailable>> {
        self.table.record(sightings, now).await
    }

    async fn erase_example(&self, source: &QueueArn, cause: &str, letter: LetterId) -> Result<(), Unavailable> {
        self.table.erase_example(source, cause, letter).await
    }

    async fn causes(
        &self,
        source: &QueueArn,
        after: Option<String>,
        limit: usize,
    ) -> Result<(Vec<Cause>, bool), Unavailable> {
        self.table.causes(source, after, limit).await
    }
}

impl<T: Acts> Acts for Announced<T> {
    async fn keep_act(&self, act: ActRecord) -> Result<(), Unavailable> {
        self.table.keep_act(act).await
    }

    async fn acts(&self, from: Timestamp, to: Timestamp, limit: usize) -> Result<Vec<ActRecord>, Unavailable> {
        self.table.acts(from, to, limit).await
    }
}

impl<T: Summaries> Summaries for Announced<T> {
    async fn keep_summary(&self, summary: WaitingSummary) -> Result<(), Unavailable> {
        self.table.keep_summary(summary).await
    }

    async fn drop_summary(&self) -> Result<(), Unavailable> {
        self.table.drop_summary().await
    }

    async fn summary(&self) -> Result<Option<KeptSummary>, Unavailable> {
        self.table.summary().await
    }
}
