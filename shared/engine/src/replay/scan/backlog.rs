use redrive_core::letters::cause::PendingCounts;
use redrive_core::letters::letter::Status;
use redrive_core::letters::listing::{Cursor, Listing};
use redrive_core::ports::{Letters, Unavailable};

/// Number of candidates that are asked for at once.
const PAGE: usize = 1_000;

/// Counts what is PENDING, by cause and by type, in one walk through that listing. Letters themselves are not read, and nothing
/// that does not wait.
///
/// # Errors
/// [`Unavailable`] if the index did not answer.
pub async fn pending_counts(letters: &impl Letters) -> Result<PendingCounts, Unavailable> {
    let mut pending_counts = PendingCounts::default();
    let pending = Listing::all(Status::Pending);
    letters.scan_all(pending, Cursor::START, PAGE, |one| pending_counts.add(&one)).await?;
    Ok(pending_counts)
}
