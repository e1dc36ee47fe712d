use redrive_core::letters::summary::{KeptSummary, WaitingSummary};
use redrive_core::ports::{Acts, Summaries, Unavailable};
use redrive_core::replay::ActRecord;
use redrive_core::time::Timestamp;

use super::letters::{ModelLetters, SERVICE};
use crate::lock;

/// Acts are for screens: a schedule of faults is the same with and without them.
impl Acts for ModelLetters {
    async fn keep_act(&self, act: ActRecord) -> Result<(), Unavailable> {
        let acts = &mut lock(&self.table).acts;
        if !acts.contains(&act) {
            acts.push(act);
        }
        Ok(())
    }

    async fn acts(&self, from: Timestamp, to: Timestamp, limit: usize) -> Result<Vec<ActRecord>, Unavailable> {
        let mut found: Vec<_> =
            lock(&self.table).acts.iter().filter(|act| from <= act.at && act.at <= to).cloned().collect();
        found.sort_by_key(|act| std::cmp::Reverse(act.at));
        found.truncate(limit);
        Ok(found)
    }
}

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
