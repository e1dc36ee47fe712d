//! The summary of the waiting letters. A table has but one, so that one sentence says all; its instants are long ago, and nobody
//! who looks at a stage meanwhile takes it for that of a run.

use std::time::Duration;

use redrive_core::letters::summary::{CauseTally, KeptSummary, WaitingSummary};
use redrive_core::ports::Summaries;
use redrive_core::replay::Candidate;
use redrive_core::time::Timestamp;

use crate::letters::letter;
use crate::samples::at;
use crate::stores::Store;

crate::contract! {
    a_summary_is_kept_whole_until_a_later_one_or_its_end,
}

fn summary(letters: usize, as_of: Timestamp) -> WaitingSummary {
    let mut tally = CauseTally::default();
    (0..letters).for_each(|_| tally.add(&Candidate::of(&letter())));
    tally.summary(as_of)
}

async fn a_summary_is_kept_whole_until_a_later_one_or_its_end<S: Store>(store: &S) {
    let table = store.letters();
    let kept = async || table.summary().await.expect("the table answers");
    let keep = async |summary: &WaitingSummary| table.keep_summary(summary.clone()).await.expect("the table answers");
    table.drop_summary().await.expect("the table answers");
    assert_eq!(kept().await, None);
    let times = [0, 60, 121].map(|seconds| at(1_000_000).after(Duration::from_secs(seconds)));
    let [first, second, third] = [(3, times[0]), (5, times[1]), (0, times[2])].map(|(n, as_of)| summary(n, as_of));
    keep(&first).await;
    assert_eq!(kept().await, Some(KeptSummary { summary: first.clone(), before: times[0] }), "none was before it");
    keep(&third).await;
    keep(&second).await;
    keep(&third).await;
    assert_eq!(kept().await, Some(KeptSummary { summary: third, before: times[0] }), "an earlier walk comes too late");
    table.drop_summary().await.expect("the table answers");
    table.drop_summary().await.expect("the table answers");
    assert_eq!(kept().await, None);
    keep(&second).await;
    assert_eq!(kept().await, Some(KeptSummary { summary: second, before: times[1] }));
    table.drop_summary().await.expect("the table answers");
}
