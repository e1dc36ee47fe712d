//! Causes for which letters wait, with their letters counted.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use redrive_core::ids::{LetterId, QueueArn};
use redrive_core::letters::fingerprint::normalised;
use redrive_core::letters::letter::ErrorType;
use redrive_core::ports::{Causes, Letters, Unavailable};
use redrive_core::replay::Candidate;
use redrive_core::time::Timestamp;
use serde_json::{Value, json};

use crate::next_step::{NextStep, StepCounts};
use crate::policies::Policies;
use crate::walk::Wanted;

/// An hour in milliseconds.
const HOUR: u64 = 3_600_000;
/// Limit of hours of a cause's curve.
const HOURS: usize = 14 * 24;
/// Time for which a cause is new.
const NEW: Duration = Duration::from_secs(86_400);
/// Number of records of causes that are read at once, and of such pages.
const RECORDS: usize = 1_000;
const RECORD_PAGES: usize = 5;
/// Limit of distinct texts of a cause that are counted.
const DISTINCT: usize = 100;

/// Letters whose last failure was in one hour.
#[derive(Debug, Clone, Copy)]
struct HourOfFailures {
    letters: u64,
    first: Timestamp,
}

/// Letters with one fingerprint, as the index knows them.
#[derive(Debug, Clone)]
pub struct CauseRow {
    /// Fingerprint, which is its name.
    pub fingerprint: String,
    /// Number of its letters.
    pub letters: u64,
    /// The class of the error.
    pub class: ErrorType,
    code: Option<String>,
    /// ARNs of the queues that they came from.
    pub queues: BTreeSet<String>,
    /// Earliest first failure of its letters.
    pub first: Timestamp,
    /// Latest failure of its letters.
    pub last: Timestamp,
    /// Versions of the function in which they failed last.
    pub versions: BTreeSet<String>,
    /// The error's text in the letter that failed last.
    pub example: String,
    /// The distinct texts, without what differs from one letter to the next: how many letters have it, and one as it is.
    texts: BTreeMap<String, (u64, String)>,
    /// Letters whose text is none of those.
    pub other_texts: u64,
    /// Letters by who acts on them next.
    pub steps: StepCounts,
    /// Letter that failed last, to look at.
    pub sample: LetterId,
    /// Letters by the hour of their last failure, the last 14 days of them: see [`CauseRow::curve`].
    hours: BTreeMap<u64, HourOfFailures>,
    /// Time at which the indexer saw the cause first, if its record is kept: see [`mark_new`].
    pub seen_since: Option<Timestamp>,
}

/// Causes by their names.
pub type CauseRows = BTreeMap<String, CauseRow>;

impl CauseRow {
    fn of(found: Candidate, policies: &Policies) -> Self {
        let at = found.last_failed_at;
        let mut steps = StepCounts::default();
        steps.add(NextStep::of(&found, policies.of(&found.source), false));
        Self {
            steps,
            sample: found.id,
            hours: [(at.as_millis() / HOUR, HourOfFailures { letters: 1, first: at })].into(),
            seen_since: None,
            fingerprint: found.fingerprint,
            letters: 1,
            class: found.error_type,
            code: found.error_code,
            queues: [found.source.to_string()].into(),
            first: found.first_failed_at,
            last: found.last_failed_at,
            versions: found.function_version.into_iter().collect(),
            texts: [(normalised(&found.error_message), (1, found.error_message.clone()))].into(),
            other_texts: 0,
            example: found.error_message,
        }
    }

    fn join(&mut self, other: Self) {
        self.letters += other.letters;
        self.first = self.first.min(other.first);
        // Of two that failed at once the text decides, so that the same letters always look the same.
        if (other.last, &other.example, other.sample) > (self.last, &self.example, self.sample) {
            (self.example, self.sample) = (other.example, other.sample);
        }
        self.steps.join(&other.steps);
        for (hour, more) in other.hours {
            let known = self.hours.entry(hour).or_insert(HourOfFailures { letters: 0, first: more.first });
            known.letters += more.letters;
            known.first = known.first.min(more.first);
        }
        while self.hours.len() > HOURS {
            self.hours.pop_first();
        }
        self.seen_since = [self.seen_since, other.seen_since].into_iter().flatten().min();
        self.last = self.last.max(other.last);
        self.other_texts += other.other_texts;
        for (distinct, (letters, text)) in other.texts {
            let room = self.texts.len() < DISTINCT;
            match self.texts.get_mut(&distinct) {
                Some(known) => {
                    known.0 += letters;
                    // The same letters always look the same.
                    known.1 = text.min(std::mem::take(&mut known.1));
                }
                None if room => drop(self.texts.insert(distinct, (letters, text))),
                None => self.other_texts += letters,
            }
        }
        self.queues.extend(other.queues);
        self.versions.extend(other.versions);
    }

    /// Returns true if the cause came up within a day before `now`, for the first time that its record tells of.
    #[must_use]
    pub fn is_new(&self, now: Timestamp) -> bool {
        self.seen_since.is_some_and(|since| now.since(since) < NEW)
    }

    /// Returns the time since which it grows: of the hours without a break up to now, the first failure. `None`: nothing failed
    /// in the last two hours.
    #[must_use]
    pub fn grows_since(&self, now: Timestamp) -> Option<Timestamp> {
        let (mut hour, last) = self.hours.last_key_value()?;
        if now.since(self.last).as_secs() >= 2 * HOUR / 1_000 {
            return None;
        }
        let mut since = last.first;
        for (earlier, failures) in self.hours.iter().rev().skip(1) {
            if hour - earlier > 1 {
                break;
            }
            (hour, since) = (earlier, failures.first);
        }
        Some(since)
    }

    /// Returns the numbers of letters by the hour of their last failure, the earliest first, each with the hour's beginning.
    /// Hours without one are left out.
    pub fn curve(&self) -> impl Iterator<Item = (Timestamp, u64)> {
        self.hours.iter().map(|(hour, failures)| (Timestamp::from_millis(hour * HOUR), failures.letters))
    }

    /// The distinct texts, the commonest first.
    pub fn texts(&self) -> Vec<(u64, &str)> {
        let mut texts: Vec<_> = self.texts.values().map(|(letters, text)| (*letters, text.as_str())).collect();
        texts.sort_by(|one, other| other.0.cmp(&one.0).then_with(|| one.1.cmp(other.1)));
        texts
    }

    /// Returns the cause as JSON, with the names of a letter's fields.
    pub fn json(&self) -> Value {
        json!({
            "fingerprint": self.fingerprint,
            "letters": self.letters,
            "error_type": self.class,
            "error_code": self.code,
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

fn add(causes: &mut CauseRows, cause: CauseRow) {
    match causes.get_mut(&cause.fingerprint) {
        Some(known) => known.join(cause),
        None => drop(causes.insert(cause.fingerprint.clone(), cause)),
    }
}

/// Counts a letter to those that died of the same.
pub fn join(causes: &mut CauseRows, found: Candidate, policies: &Policies) {
    add(causes, CauseRow::of(found, policies));
}

/// Counts the causes of what is wanted, the largest first.
///
/// # Errors
///
/// The table's.
pub async fn gather<L: Letters + Causes>(
    letters: &L,
    wanted: &Wanted,
    policies: &Policies,
) -> Result<Vec<CauseRow>, Unavailable> {
    let sums = wanted.sums(letters, |causes: &mut CauseRows, found| join(causes, found, policies)).await?;
    let mut causes = merged(sums);
    mark_new(letters, &mut causes).await?;
    Ok(causes)
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
pub fn merged(sums: impl IntoIterator<Item = CauseRows>) -> Vec<CauseRow> {
    let mut all = CauseRows::new();
    sums.into_iter().flat_map(CauseRows::into_values).for_each(|cause| add(&mut all, cause));
    sorted(all)
}

/// Sorts causes by their number of letters, the largest first.
pub fn sorted(causes: CauseRows) -> Vec<CauseRow> {
    let mut causes: Vec<_> = causes.into_values().collect();
    causes.sort_by(|one, other| other.letters.cmp(&one.letters).then_with(|| one.fingerprint.cmp(&other.fingerprint)));
    causes
}

/// Returns the number of letters of all causes.
pub fn total(causes: &[CauseRow]) -> u64 {
    causes.iter().map(|cause| cause.letters).sum()
}

/// Returns all causes as JSON.
pub fn document(causes: &[CauseRow]) -> Value {
    json!({"letters": total(causes), "causes": causes.iter().map(CauseRow::json).collect::<Vec<_>>()})
}

#[cfg(test)]
mod tests {
    use redrive_core::letters::cause::Cause;
    use redrive_core::letters::letter::Status;
    use redrive_core::replay::Filter;
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
            join(&mut rows, one, &Policies::default());
        }
        rows.into_values().next().unwrap()
    }

    #[test]
    fn a_cause_grows_since_the_first_failure_of_the_hours_without_a_break() {
        assert_eq!(row(&[5, 50, 110, 600, 650]).grows_since(NOW), Some(before(110)));
        assert_eq!(row(&[5]).grows_since(NOW), Some(before(5)));
        assert_eq!(row(&[130, 200]).grows_since(NOW), None, "nothing came lately");
        let curve: Vec<_> = row(&[5, 50, 110, 600]).curve().map(|(_, letters)| letters).collect();
        assert_eq!(curve, [1, 1, 2], "the earliest first");
    }

    #[tokio::test]
    async fn a_cause_is_new_for_a_day_after_the_indexer_saw_it_first() {
        let store = ModelLetters::new();
        let letter = samples::letters().swap_remove(0);
        store.force(letter.clone());
        let wanted = Wanted { filter: Filter::default(), statuses: vec![Status::Pending] };
        let gathered = async || gather(&store, &wanted, &Policies::default()).await.unwrap().remove(0);
        assert!(!gathered().await.is_new(NOW), "without a record nobody knows");
        let seen = Cause::of(&letter, &samples::policy(), before(30)).unwrap();
        store.record(vec![seen], before(30)).await;
        let row = gathered().await;
        assert_eq!((row.seen_since, row.is_new(NOW)), (Some(before(30)), true));
        assert!(!row.is_new(NOW.after(Duration::from_secs(86_400))));
        assert_eq!(row.sample, letter.id);
    }
}
