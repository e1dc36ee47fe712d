//! SQS behind the ports, one adapter for each part that a function may play: each needs other permissions.

mod dead_letters;
mod main_queue;
mod message;
mod outbox;

pub use dead_letters::SqsDeadLetterQueue;
pub use main_queue::SqsMainQueue;
pub use outbox::SqsOutbox;

use aws_sdk_sqs::types::BatchResultErrorEntry;

/// Limit of entries in a batch call of SQS.
const BATCH: usize = 10;
/// Limit of calls that are under way at once.
const WIDTH: usize = 16;

/// The place in its batch that an entry's id names: the ids that we send are places, since SQS's own would be too
/// long or stand there twice.
fn place(id: &str) -> Option<usize> {
    id.parse().ok()
}

/// The entries that SQS refused, by their places, with its code.
fn refused(failed: &[BatchResultErrorEntry]) -> impl Iterator<Item = (usize, String)> {
    failed.iter().filter_map(|entry| Some((place(&entry.id)?, entry.code.clone())))
}
