//! Cursor of a job: how far it has looked through its selection, and which of its letters come next.

use std::collections::HashSet;
use std::time::Duration;

use redrive_core::ids::{LetterId, QueueArn};
use redrive_core::letters::letter::Status;
use redrive_core::ports::{Letters, Unavailable};
use redrive_core::processing::ledger::CLOCK_SKEW;
use redrive_core::replay::job::{Job, JobBatch, JobCursor};
use redrive_core::replay::{Candidate, Filter, Selection};
use tokio::time::Instant;

/// Number of candidates that are asked for at once: little more than a batch takes.
const PAGE: usize = 100;

/// Time for a search: it reads no page with less than `reserve` left.
#[derive(Debug, Clone, Copy)]
pub(crate) struct SearchTime {
    pub(crate) deadline: Instant,
    pub(crate) reserve: Duration,
}

/// Finds the next letters of a job's selection, at most `count`, and answers with how far the search has come.
pub(crate) async fn next_letters(
    letters: &impl Letters,
    source: &QueueArn,
    (job, open): (&Job, &[JobBatch]),
    count: usize,
    time: SearchTime,
) -> Result<(Vec<LetterId>, JobCursor), Unavailable> {
    match &job.selection {
        Selection::Ids(_) | Selection::Shown(_) => {
            let ids = job.selection.ids().unwrap_or_default();
            let from = usize::try_from(job.walk.at).unwrap_or(usize::MAX).min(ids.len());
            let to = from.saturating_add(count).min(ids.len());
            let at = u32::try_from(to).unwrap_or(u32::MAX);
            Ok((ids[from..to].to_vec(), JobCursor { at, after: None, ended: to == ids.len() }))
        }
        Selection::Filter(filter) => {
            let under_way: HashSet<_> = open.iter().flat_map(|batch| &batch.lines).map(|line| line.letter).collect();
            // Whoever made the job has seen what was indexed by then, and nothing else: what died later cannot have been.
            // The letter itself is asked before it goes.
            let by_then = filter.as_of.unwrap_or(job.created_at).after(CLOCK_SKEW);
            let fits = |one: &Candidate| {
                one.source == *source
                    && filter.fits(one)
                    && one.last_failed_at <= by_then
                    && !under_way.contains(&one.id)
            };
            search(letters, (filter, job.walk), fits, count, time).await
        }
    }
}

async fn search(
    letters: &impl Letters,
    (filter, mut walk): (&Filter, JobCursor),
    fits: impl Fn(&Candidate) -> bool,
    count: usize,
    time: SearchTime,
) -> Result<(Vec<LetterId>, JobCursor), Unavailable> {
    let listing = filter.listing(Status::Pending);
    let mut found = Vec::new();
    let time_left = || time.deadline.saturating_duration_since(Instant::now()) >= time.reserve;
    while !walk.ended && found.len() < count && time_left() {
        let from = walk.cursor();
        let page = letters.scan(listing, from, PAGE).await?;
        let mut rest = page.candidates.iter();
        let mut last = None;
        while found.len() < count
            && let Some(candidate) = rest.next()
        {
            last = Some(candidate);
            if fits(candidate) && !found.contains(&candidate.id) {
                found.push(candidate.id);
            }
        }
        walk = match (rest.next(), last) {
            // There is more on this page.
            (Some(_), Some(last)) => walk.on(Some(from.behind(listing.place(last)))),
            _ => walk.on(page.next),
        };
    }
    Ok((found, walk))
}
