use redrive_core::ids::QueueArn;
use redrive_core::ports::Unavailable;
use thiserror::Error;

/// Reasons why a request came to its end early, or was not begun.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum ReplayError {
    /// The dead-letter table could not be asked for candidates. What was done until then stands.
    #[error(transparent)]
    Unavailable(#[from] Unavailable),
    /// Nothing was touched. The request is not quoted: whatever is sent by mistake may hold anything.
    #[error(
        "the queue is not configured, and nothing was sent; list it (QUEUE_PAIRS) to replay its letters, which can be \
         discarded, restored, noted, erased and exported as they are; configured: {}", names(.0)
    )]
    NotListed(Vec<QueueArn>),
    /// Refused, and nothing was touched.
    #[error(
        "selection excludes no letter that failed until now, and so would choose every one; add a field that excludes some"
    )]
    ChoosesAll,
    /// Refused, and nothing was touched.
    #[error(
        "nothing was ejected: the indexer empties the dead-letter queue and would bring the letters back, or the queue's URL is \
         not configured; first switch the pair's custody off, and wait for the indexer's last run to end"
    )]
    InCustody,
    /// Refused, and nothing was touched.
    #[error(
        "\"to\" is not among the destinations of the letters' own queue, and nothing was sent; name one that is, or list it there; \
         listed: {}", names(.0)
    )]
    NotADestination(Vec<QueueArn>),
}

fn names(queues: &[QueueArn]) -> String {
    let names: Vec<_> = queues.iter().map(QueueArn::as_str).collect();
    if names.is_empty() { "none".to_owned() } else { names.join(", ") }
}
