//! Causes for which letters wait, as screens show them.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Deref;
use std::time::Duration;

use redrive_core::ids::QueueArn;
use redrive_core::letters::waiting::WaitingCause;
use redrive_core::ports::{Causes, Unavailable};
use redrive_core::replay::Candidate;
use redrive_core::time::Timestamp;
use serde_json::{Value, json};

use crate::next_step::StepCounts;
use crate::policies::Policies;

/// Time for which a cause is new.
const NEW: Duration = Duration::from_secs(86_400);
/// Number of records of causes that are read at once, and of such pages.
const RECORDS: usize = 1_000;
const RECORD_PAGES: usize = 5;
/// Limit of distinct texts of a cause that are counted.
const DISTINCT: usize = 100;

/// Causes by their names.
pub type CauseRows = BTreeMap<String, WaitingCause>;

/// Cause with everything that a screen shows of it; its letters, summed up, by reference.
#[derive(Debug, Clone)]
pub struct CauseRow {
    waiting: WaitingCause,
    /// Letters by who acts on them next.
    pub steps: StepCounts,
    /// Time at which the indexer saw the cause first, if its record is kept: see [`mark_new`].
    pub seen_since: Option<Timestamp>,
}

impl Deref for CauseRow {
    type Target = WaitingCause;

    fn deref(&self) -> &WaitingCause {
        &self.waiting
    }
}

impl CauseRow {
    /// Makes the row of a cause, whose letters are sent by these policies.
    #[must_use]
    pub fn of(waiting: WaitingCause, policies: &Policies) -> Self {
        Self { steps: StepCounts::of(&waiting, policies), waiting, seen_since: None }
    }

    /// Returns its letters, summed up.
    #[must_use]
    pub fn into_waiting(self) -> WaitingCause {
        self.waiting
    }

    /// Returns true if the cause came up within a day before `now`, for the first time that its record tells of.
    #[must_use]
    pub fn is_new(&self, now: Timestamp) -> bool {
        self.seen_since.is_some_and(|since| now.since(since) < NEW)
    }

    /// Returns the cause as JSON, with the names of a letter's fields.
    pub fn json(&self) -> Value {
        json!({
            "fingerprint": self.fingerprint,
            "letters": self.letters,
            "error_type": self.error_type,
            "error_code": self.error_code,
            "source_topic": self.queues,
            "first_failed_at": self.first.to_rfc3339(),
            "last_failed_at": self.last.to_rfc3339(),
            "function_version": self.versions,
            "error_message": self.example,
            "sample": self.sample,
            "seen_since": self.seen_since.map(Timestamp::to_rfc3339),
            "next_steps": self.steps.json(),
            "texts": self.texts().iter().map(|(letters, text)| json!({"letters": letters, "text": text})).collect::<Vec<_>>(),
        })
    }
}

fn add(causes: &mut CauseRows, cause: WaitingCause) {
    match causes.get_mut(&cause.fingerprint) {
        Some(known) => known.join(cause, DISTINCT),
        None => drop(causes.insert(cause.fingerprint.clone(), cause)),
    }
}

/// Counts a letter to those that died of the same. `done`: the ledger shows its effect as completed.
pub fn join(causes: &mut CauseRows, found: &Candidate, done: bool) {
    add(causes, WaitingCause::of(found, done));
}

/// Looks up since when each cause is known. The indexer keeps a record of each, for a while after it was seen last.
///
/// # Errors
///
/// The table's.
pub async fn mark_new<C: Causes>(records: &C, causes: &mut [CauseRow]) -> Result<(), Unavailable> {
    let queues: BTreeSet<String> = causes.iter().flat_map(|cause| cause.queues.iter().cloned()).collect();
    let mut since: BTreeMap<String, Timestamp> = BTreeMap::new();
    for queue in queues.iter().filter_map(|arn| QueueArn::new(arn.as_str())) {
        let (mut after, mut more, mut pages) = (None, true, 0);
        while more && pages < RECORD_PAGES {
            let (records, further) = records.causes(&queue, after.take(), RECORDS).await?;
            after = records.last().map(|record| record.fingerprint.clone());
            for record in records {
                let first = since.entry(record.fingerprint).or_insert(record.first_seen);
                *first = record.first_seen.min(*first);
            }
            (more, pages) = (further && after.is_some(), pages + 1);
        }
    }
    causes.iter_mut().for_each(|cause| cause.seen_since = since.get(&cause.fingerprint).copied());
    Ok(())
}

/// Merges several counts into one.
pub fn merged(sums: impl IntoIterator<Item = CauseRows>) -> CauseRows {
    let mut all = CauseRows::new();
    sums.into_iter().flat_map(CauseRows::into_values).for_each(|cause| add(&mut all, cause));
    all
}

/// Makes the rows of causes, whose letters are sent by these policies, sorted by their number of letters: the largest first.
pub fn sorted(causes: CauseRows, policies: &Policies) -> Vec<CauseRow> {
    let mut causes: Vec<_> = causes.into_values().map(|cause| CauseRow::of(cause, policies)).collect();
    causes.sort_by(|one, other| other.letters.cmp(&one.letters).then_with(|| one.fingerprint.cmp(&other.fingerprint)));
    causes
}

/// Returns the number of letters of these causes.
pub fn total(causes: &[CauseRow]) -> u64 {
    causes.iter().map(|cause| cause.letters).sum()
}

/// Returns causes as JSON, with the number of their letters.
pub fn document(causes: &[CauseRow]) -> Value {
    json!({"letters": total(causes), "causes": causes.iter().map(CauseRow::json).collect::<Vec<_>>()})
}

#[cfg(test)]
mod tests {
    use redrive_core::letters::cause::Cause;
    use redrive_testkit::ModelLetters;

    use super::*;
    use crate::samples::{self, NOW};

    fn before(minutes: u64) -> Timestamp {
        Timestamp::from_millis(NOW.as_millis() - minutes * 60_000)
    }

    fn row(failed: &[u64]) -> CauseRow {
        let mut rows = CauseRows::new();
        for minutes in failed {
            let mut one = Candidate::of(&samples::letters()[0]);
            one.last_failed_at = before(*minutes);
            join(&mut rows, &one, false);
        }
        sorted(rows, &Policies::default()).remove(0)
    }

    #[test]
    fn a_cause_grows_since_the_first_failure_of_the_hours_without_a_break() {
        assert_eq!(row(&[5, 50, 110, 600, 650]).grows_since(NOW), Some(before(110)));
        assert_eq!(row(&[5]).grows_since(NOW), Some(before(5)));
        assert_eq!(row(&[130, 200]).grows_since(NOW), None, "nothing came lately");
    }

    #[tokio::test]
    async fn a_cause_is_new_for_a_day_after_the_indexer_saw_it_first() {
        let store = ModelLetters::new();
        let letter = samples::letters().swap_remove(0);
        store.force(letter.clone());
        let gathered = async || {
            let mut rows = CauseRows::new();
            join(&mut rows, &Candidate::of(&letter), false);
            let mut rows = sorted(rows, &Policies::default());
            mark_new(&store, &mut rows).await.unwrap();
            rows.remove(0)
        };
        assert!(!gathered().await.is_new(NOW), "without a record nobody knows");
        let seen = Cause::of(&letter, &samples::policy(), before(30)).unwrap();
        store.record(vec![seen], before(30)).await;
        let row = gathered().await;
        assert_eq!((row.seen_since, row.is_new(NOW)), (Some(before(30)), true));
        assert!(!row.is_new(NOW.after(Duration::from_secs(86_400))));
        assert_eq!(row.sample, letter.id);
    }
}
