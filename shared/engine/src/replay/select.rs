use std::collections::HashSet;

use redrive_core::ids::LetterId;
use redrive_core::letter::{SHARDS, Status};
use redrive_core::ports::{Cursor, Gauges, Jobs, LedgerReader, Letters, Outbox, Page, Unavailable};
use redrive_core::replay::{Candidate, Filter, Heads, is_fifo};
use tokio::time::Instant;

use super::{BATCH, Listing, ReplayReport, Replayer, Step};
use crate::{World, roll};

/// How many candidates are asked for at once.
const PAGE: usize = 100;

impl<O, R, T, G, W> Replayer<O, R, T, G, W>
where
    O: Outbox,
    R: LedgerReader,
    T: Letters + Jobs,
    G: Gauges,
    W: World,
{
    /// One page of a listing, of what still stands where it is looked for.
    pub(super) async fn page(
        &self,
        listing: Listing<'_>,
        shard: u8,
        after: Option<Cursor>,
    ) -> Result<Page, Unavailable> {
        match listing {
            Listing::Status { status, due_by } => self.letters.candidates(status, shard, due_by, after, PAGE).await,
            Listing::Cause { fingerprint, status } => {
                let mut page = self.letters.of_cause(fingerprint, shard, after, PAGE).await?;
                page.candidates.retain(|candidate| candidate.status == status);
                Ok(page)
            }
        }
    }

    /// Of a FIFO queue: which letters stand first in their groups, as far as the index knows.
    pub(super) async fn heads(&self) -> Result<Option<Heads>, Unavailable> {
        if !is_fifo(&self.settings.reading.source) {
            return Ok(None);
        }
        let mut heads = Heads::default();
        for status in [Status::Pending, Status::Replaying, Status::Replayed] {
            for shard in 0..SHARDS {
                let mut after = None;
                loop {
                    let page = self.page(Listing::all(status), shard, after).await?;
                    page.candidates.iter().for_each(|candidate| heads.add(candidate));
                    let Some(next) = page.next else { break };
                    after = Some(next);
                }
            }
        }
        Ok(Some(heads))
    }

    /// Walks a part of an index, shard by shard and page by page, and takes the step with what fits. The index is
    /// only a list of candidates: every step reads the letter itself and writes under a condition. It starts anywhere, so
    /// that a run which always ends too early does not always leave out the same shards.
    pub(super) async fn each(
        &self,
        listing: Listing<'_>,
        wanted: Option<&Filter>,
        deadline: Instant,
        report: &mut ReplayReport,
        step: Step<'_>,
    ) -> Result<(), Unavailable> {
        let first = u8::try_from(roll(&self.world) % u64::from(SHARDS)).unwrap_or_default();
        for shard in (0..SHARDS).map(|n| (first + n) % SHARDS) {
            let mut after = None;
            // A step may move a letter to a later place of the same shard: it has had its turn.
            let mut met = HashSet::new();
            loop {
                if !self.time_left(deadline) {
                    report.more = true;
                    return Ok(());
                }
                let page = self.page(listing, shard, after).await?;
                let mut fitting: Vec<Candidate> = page.candidates;
                fitting
                    .retain(|candidate| wanted.is_none_or(|filter| filter.fits(candidate)) && met.insert(candidate.id));
                if let Some(tally) = &mut report.tally {
                    fitting.iter().for_each(|one| tally.add(one));
                }
                for chunk in self.worth_reading(fitting, step, report).await.chunks(BATCH) {
                    self.step(chunk, deadline, report, step).await;
                    if report.stops() {
                        return Ok(());
                    }
                }
                let Some(next) = page.next else { break };
                after = Some(next);
            }
        }
        Ok(())
    }

    /// Whole letters are large: of those that only wait, the ledger is asked first, and only what it shows as completed is
    /// read. REPLAYED ones are read all: their deadline may have passed.
    async fn worth_reading(&self, found: Vec<Candidate>, step: Step<'_>, report: &mut ReplayReport) -> Vec<LetterId> {
        if !matches!(step, Step::Reconcile) || found.is_empty() {
            return found.into_iter().map(|candidate| candidate.id).collect();
        }
        match self.maybe_done(&found).await {
            Ok(ids) => ids,
            Err(_) => {
                report.unavailable += found.len();
                Vec::new()
            }
        }
    }
}
