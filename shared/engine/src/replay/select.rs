use redrive_core::ports::{Cursor, Gauges, Jobs, LedgerMarker, Letters, Outbox, Page, Unavailable};

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
}
