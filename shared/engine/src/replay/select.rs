use redrive_core::ports::{Cursor, Letters, Page, Unavailable};

use super::{Listing, Ports, Replayer};

/// How many candidates are asked for at once.
const PAGE: usize = 100;

impl<P: Ports> Replayer<P> {
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
