//! Ports for what screens show, and nothing decides by: both stand in the dead-letter table, under keys of their own.

use std::future::Future;

use super::Unavailable;
use crate::letters::summary::{KeptSummary, WaitingSummary};
use crate::replay::ActRecord;
use crate::time::Timestamp;

/// Acts of people on letters.
pub trait Acts: Send + Sync + 'static {
    /// Keeps an act for two days. The same one twice is kept once.
    fn keep_act(&self, act: ActRecord) -> impl Future<Output = Result<(), Unavailable>> + Send;

    /// Reads the acts from an instant to another, at most `limit` of each hour, the latest first. Perhaps as they were a moment ago.
    fn acts(
        &self,
        from: Timestamp,
        to: Timestamp,
        limit: usize,
    ) -> impl Future<Output = Result<Vec<ActRecord>, Unavailable>> + Send;
}

/// Summary of the waiting letters.
pub trait Summaries: Acts {
    /// Keeps a summary, unless a later one is kept.
    fn keep_summary(&self, summary: WaitingSummary) -> impl Future<Output = Result<(), Unavailable>> + Send;

    /// Takes the kept summary away, if there is one.
    fn drop_summary(&self) -> impl Future<Output = Result<(), Unavailable>> + Send;

    /// Reads the kept summary, perhaps as it was a moment ago; `None` if none is kept, or one in a form of another version.
    fn summary(&self) -> impl Future<Output = Result<Option<KeptSummary>, Unavailable>> + Send;
}
