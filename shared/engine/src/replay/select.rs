use redrive_core::letter::{SHARDS, Status};
use redrive_core::ports::{Cursor, Gauges, Jobs, LedgerMarker, Letters, Outbox, Page, Unavailable};
use redrive_core::replay::{Heads, is_fifo};

use super::{Listing, Replayer};
use crate::World;

/// How many candidates are asked for at once.
const PAGE: usize = 100;

impl<O, R, T, G, W> Replayer<O, R, T, G, W>
where
    O: Outbox,
    R: LedgerMarker,
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

    /// Of a FIFO queue: which letters stand first in their groups, as far as the index knows. What was sent and marked holds up
    /// what comes after it until its outcome is known, unless somebody asked for it not to.
    pub(super) async fn heads(&self, after_replayed: bool) -> Result<Option<Heads>, Unavailable> {
        let source = &self.settings.reading.source;
        if !is_fifo(source) {
            return Ok(None);
        }
        let mut heads = Heads::default();
        let open = [Status::Pending, Status::Replaying, Status::Replayed];
        for status in open.into_iter().filter(|status| !after_replayed || *status != Status::Replayed) {
            for shard in 0..SHARDS {
                let mut after = None;
                loop {
                    let page = self.page(Listing::all(status), shard, after).await?;
                    // Another queue's group of the same name is another group.
                    page.candidates.iter().filter(|one| one.source == *source).for_each(|one| heads.add(one));
                    let Some(next) = page.next else { break };
                    after = Some(next);
                }
            }
        }
        Ok(Some(heads))
    }
}
