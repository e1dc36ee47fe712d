//! Causes for which letters wait, with their letters counted.

use std::collections::{BTreeMap, BTreeSet};

use redrive_core::letters::fingerprint::normalised;
use redrive_core::letters::letter::ErrorType;
use redrive_core::ports::{Letters, Unavailable};
use redrive_core::replay::Candidate;
use redrive_core::time::Timestamp;
use serde_json::{Value, json};

use crate::walk::Wanted;

/// Limit of distinct texts of a cause that are counted.
const DISTINCT: usize = 100;

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
}

/// Causes by their names.
pub type CauseRows = BTreeMap<String, CauseRow>;

impl CauseRow {
    fn of(found: Candidate) -> Self {
        Self {
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
        if (other.last, &other.example) > (self.last, &self.example) {
            self.example = other.example;
        }
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
pub fn join(causes: &mut CauseRows, found: Candidate) {
    add(causes, CauseRow::of(found));
}

/// Counts the causes of what is wanted, the largest first.
///
/// # Errors
///
/// The table's.
pub async fn gather<L: Letters>(letters: &L, wanted: &Wanted) -> Result<Vec<CauseRow>, Unavailable> {
    Ok(merged(wanted.sums(letters, join).await?))
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
