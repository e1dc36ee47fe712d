use std::collections::HashSet;
use std::time::Duration;

use redrive_core::ids::LetterId;
use redrive_core::letters::letter::Status;
use redrive_core::ports::{Letters, Unavailable};
use redrive_core::replay::job::{Job, JobBatch, JobCursor};
use redrive_core::replay::{Candidate, Filter, Selection};
use tokio::time::Instant;

use super::{PAGE, Ports, Replayer};

/// By how much the clock of whoever wrote a failure down may differ from that of whoever replays.
pub(super) const SKEW: Duration = Duration::from_secs(5);

impl<P: Ports> Replayer<P> {
    /// The next letters of a job's selection, at most `count`, and how far the search has come.
    pub(super) async fn next_letters(
        &self,
        job: &Job,
        open: &[JobBatch],
        count: usize,
        deadline: Instant,
    ) -> Result<(Vec<LetterId>, JobCursor), Unavailable> {
        match &job.selection {
            Selection::Ids(_) | Selection::Shown(_) => {
                let ids = job.selection.ids().unwrap_or_default();
                let from = usize::try_from(job.walk.at).unwrap_or(usize::MAX).min(ids.len());
                let to = from.saturating_add(count).min(ids.len());
                let at = u32::try_from(to).unwrap_or(u32::MAX);
                Ok((ids[from..to].to_vec(), JobCursor { at, after: None, ended: to == ids.len() }))
            }
            Selection::Filter(filter) => self.search(job, filter, open, count, deadline).await,
        }
    }

    async fn search(
        &self,
        job: &Job,
        filter: &Filter,
        open: &[JobBatch],
        count: usize,
        deadline: Instant,
    ) -> Result<(Vec<LetterId>, JobCursor), Unavailable> {
        let listing = filter.listing(Status::Pending);
        let under_way: HashSet<_> = open.iter().flat_map(|batch| &batch.lines).map(|line| line.letter).collect();
        // Whoever made the job has seen what was indexed by then, and nothing else: what died later cannot have been. The
        // letter itself is asked before it goes.
        let by_then = filter.as_of.unwrap_or(job.created_at).after(SKEW);
        let ours = &self.settings.reading.source;
        let fits = |one: &Candidate| {
            one.source == *ours && filter.fits(one) && one.last_failed_at <= by_then && !under_way.contains(&one.id)
        };
        let (mut found, mut walk) = (Vec::new(), job.walk);
        while !walk.ended && found.len() < count && self.time_left(deadline) {
            let from = walk.cursor();
            let page = self.letters.scan(listing, from, PAGE).await?;
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
}
