use redrive_core::letters::cause::PendingCounts;
use redrive_core::letters::letter::{SHARDS, Status};
use redrive_core::ports::{Letters, Unavailable};
use redrive_core::time::Timestamp;

/// How many candidates are asked for at once.
const PAGE: usize = 1_000;

/// What is PENDING, by cause and by type: one walk through the index's shards of that status. It reads no letter, and nothing
/// that does not wait.
///
/// # Errors
/// [`Unavailable`] if the index did not answer.
pub async fn pending_counts(letters: &impl Letters) -> Result<PendingCounts, Unavailable> {
    let mut pending_counts = PendingCounts::default();
    for shard in 0..SHARDS {
        let mut after = None;
        loop {
            let page = letters.candidates(Status::Pending, shard, Timestamp::NEVER, after, PAGE).await?;
            page.candidates.iter().for_each(|one| pending_counts.add(one));
            let Some(next) = page.next else { break };
            after = Some(next);
        }
    }
    Ok(pending_counts)
}
