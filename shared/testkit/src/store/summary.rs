use redrive_core::letters::summary::{KeptSummary, WaitingSummary};
use redrive_core::ports::{Summaries, Unavailable};

use super::letters::{ModelLetters, SERVICE};
use crate::lock;

impl Summaries for ModelLetters {
    async fn keep_summary(&self, summary: WaitingSummary) -> Result<(), Unavailable> {
        let letters = self.clone();
        let keep = move |_| {
            let kept = &mut lock(&letters.table).summary;
            let before = kept.as_ref().map_or(summary.as_of, |kept| kept.summary.as_of);
            if kept.is_none() || before < summary.as_of {
                *kept = Some(KeptSummary { summary: summary.clone(), before });
            }
        };
        self.faults.call(SERVICE, "keep a summary", keep).await
    }

    async fn drop_summary(&self) -> Result<(), Unavailable> {
        let letters = self.clone();
        self.faults.call(SERVICE, "drop a summary", move |_| lock(&letters.table).summary = None).await
    }

    async fn summary(&self) -> Result<Option<KeptSummary>, Unavailable> {
        self.faults.ask(SERVICE, "read a summary", || lock(&self.table).summary.clone()).await
    }
}
