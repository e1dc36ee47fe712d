//! Keeping of the waiting letters' summary, which screens show.

use std::sync::atomic::{AtomicBool, Ordering};

use redrive_core::letters::summary::{KEPT_FROM, WaitingSummary};
use redrive_core::ports::Summaries;
use tokio::time::{Instant, timeout_at};
use tracing::warn;

/// Keeper of the summary, for as long as the process lives.
#[derive(Debug, Default)]
pub(super) struct SummaryKeeper {
    /// True once this process has kept one.
    has_kept: AtomicBool,
}

impl SummaryKeeper {
    /// Keeps the summary of a whole walk. Where few letters wait, whoever looks reads them: none is kept then, and the one that
    /// this process kept goes. Any other is out of date by itself before long.
    pub(super) async fn keep(&self, table: &impl Summaries, summary: WaitingSummary, deadline: Instant) {
        let is_large = summary.letters() >= KEPT_FROM;
        // An answer that does not come leaves it open.
        let had_kept = self.has_kept.fetch_or(is_large, Ordering::Relaxed);
        let written = async {
            match (is_large, had_kept) {
                (true, _) => table.keep_summary(summary).await,
                (false, true) => table.drop_summary().await,
                (false, false) => Ok(()),
            }
        };
        match timeout_at(deadline, written).await {
            Ok(Ok(())) => self.has_kept.store(is_large, Ordering::Relaxed),
            Ok(Err(error)) => warn!(%error, "the summary of waiting letters was not kept; screens read the letters"),
            Err(_) => warn!("there was no time to keep the summary of waiting letters; screens read the letters"),
        }
    }
}
