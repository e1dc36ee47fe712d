//! Cursor of a job: how far it has looked through its selection, and which of its letters come next.

use std::collections::HashSet;
use std::time::Duration;

use futures_util::{StreamExt, TryStreamExt, stream};
use redrive_core::ids::{LetterId, QueueArn};
use redrive_core::letters::letter::Status;
use redrive_core::ports::{Jobs, Letters, Unavailable};
use redrive_core::processing::ledger::CLOCK_SKEW;
use redrive_core::replay::job::{Job, JobBatch, JobCursor, JobEntry};
use redrive_core::replay::{Candidate, Filter, LIST_PART, Selection};
use redrive_core::time::Timestamp;
use tokio::time::Instant;

/// Number of candidates that are asked for at once: little more than a batch takes.
const PAGE: usize = 100;
/// Number of candidates that are asked for at once where they are only counted: DynamoDB ends a page at 1 MB, which is fewer.
const COUNTED: usize = 2_000;
/// Number of lanes that are counted at once.
const LANES: usize = 4;

/// Time for a search: it reads no page with less than `reserve` left.
#[derive(Debug, Clone, Copy)]
pub(crate) struct SearchTime {
    pub(crate) deadline: Instant,
    pub(crate) reserve: Duration,
}

/// Finds the next letters of a job's selection, at most `count`, and answers with how far the search has come.
pub(crate) async fn next_letters(
    letters: &(impl Letters + Jobs),
    source: &QueueArn,
    (job, open): (&Job, &[JobBatch]),
    count: usize,
    time: SearchTime,
) -> Result<(Vec<JobEntry>, JobCursor), Unavailable> {
    match &job.selection {
        Selection::Ids(_) | Selection::Shown(_) => {
            let ids = job.selection.ids().unwrap_or_default();
            let from = usize::try_from(job.walk.at).unwrap_or(usize::MAX).min(ids.len());
            let to = from.saturating_add(count).min(ids.len());
            let at = u32::try_from(to).unwrap_or(u32::MAX);
            let lines = ids[from..to].iter().copied().map(JobEntry::planned).collect();
            Ok((lines, JobCursor { at, after: None, ended: to == ids.len() }))
        }
        Selection::Listed(listed) => {
            let (from, size) = (job.walk.at, LIST_PART);
            let gone =
                |why: &str| Unavailable { service: "dead-letter table", action: "show a list", why: why.to_owned() };
            let part = letters.list_part(job.id, from / size).await?.ok_or_else(|| gone("a part of it is gone"))?;
            let lines = part.lines(usize::try_from(from % size).unwrap_or(usize::MAX), count);
            let at = from.saturating_add(u32::try_from(lines.len()).unwrap_or(u32::MAX));
            Ok((lines, JobCursor { at, after: None, ended: at >= listed.letters }))
        }
        Selection::Filter(filter) => {
            let under_way: HashSet<_> = open.iter().flat_map(|batch| &batch.lines).map(|line| line.letter).collect();
            let meant = meant(filter, source, job.created_at);
            let fits = |one: &Candidate| meant(one) && !under_way.contains(&one.id);
            let (found, walk) = search(letters, (filter, job.walk), fits, count, time).await?;
            Ok((found.into_iter().map(JobEntry::planned).collect(), walk))
        }
    }
}

/// Fits what a job of a filter means, as far as an index shows. Whoever made the job has seen what was indexed by then, and nothing
/// else: what died later cannot have been. The letter itself is asked before it goes.
fn meant<'a>(
    filter: &'a Filter,
    source: &'a QueueArn,
    created_at: Timestamp,
) -> impl Fn(&Candidate) -> bool + Copy + 'a {
    let by_then = filter.as_of.unwrap_or(created_at).after(CLOCK_SKEW);
    move |one| one.source == *source && filter.fits(one) && one.last_failed_at <= by_then
}

/// Counts the letters that a job of a filter means, as the index shows them now.
pub(crate) async fn count_letters(
    letters: &impl Letters,
    (source, filter): (&QueueArn, &Filter),
    now: Timestamp,
) -> Result<u32, Unavailable> {
    let meant = meant(filter, source, now);
    let listing = filter.listing(Status::Pending);
    let counts = stream::iter(letters.lanes()).map(|lane| async move {
        let mut count = 0_u32;
        letters.scan_all(listing, lane, COUNTED, |one| count = count.saturating_add(u32::from(meant(&one)))).await?;
        Ok::<_, Unavailable>(count)
    });
    counts.buffer_unordered(LANES).try_fold(0_u32, |sum, count| async move { Ok(sum.saturating_add(count)) }).await
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
