//! Summary of all waiting letters by cause, which the schedule's walk keeps for screens.
//!
//! It is as old as the walk that made it, and says so. Nothing that a machine decides may rest on it: a letter is acted on by
//! what the table says of it then. Rule R44 of docs/protocol.md.

use std::collections::hash_map::DefaultHasher;
use std::collections::{BTreeMap, BTreeSet};
use std::hash::{Hash, Hasher};
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::ids::LetterId;
use crate::letters::candidate::Candidate;
use crate::letters::waiting::WaitingCause;
use crate::time::Timestamp;

/// Number of waiting letters from which a summary is kept: fewer are read whenever somebody looks.
pub const KEPT_FROM: u64 = 2_000;
/// Limit of causes that a summary tells apart.
pub const CAUSES: usize = 500;
/// Limit of distinct texts that a summary has of a cause.
pub const TEXTS: usize = 10;
/// Least and greatest age up to which a summary is used. Between them it may miss one run of its schedule.
const AGES: [Duration; 2] = [Duration::from_secs(180), Duration::from_secs(900)];
/// Time for which a run may take longer than the one before it.
const MARGIN: Duration = Duration::from_secs(60);

/// Letters of causes that are not told apart.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct OtherCauses {
    /// Number of these causes.
    pub causes: u64,
    /// Number of their letters.
    pub letters: u64,
    /// Numbers of these letters by error type.
    pub types: BTreeMap<String, u64>,
    /// Earliest first failure of these letters.
    pub first: Option<Timestamp>,
}

impl OtherCauses {
    fn add(&mut self, cause: &WaitingCause) {
        self.letters += cause.letters;
        *self.types.entry(cause.error_type.as_str().to_owned()).or_default() += cause.letters;
        self.first = Some(self.first.map_or(cause.first, |first| first.min(cause.first)));
    }

    fn join(&mut self, other: Self) {
        self.causes += other.causes;
        self.letters += other.letters;
        other.types.into_iter().for_each(|(word, letters)| *self.types.entry(word).or_default() += letters);
        self.first = [self.first, other.first].into_iter().flatten().min();
    }
}

/// Waiting letters counted by cause in bounded memory. Each cause that it tells apart is counted in full.
#[derive(Debug, Clone)]
pub struct CauseTally {
    /// Limit of causes that are told apart.
    limit: usize,
    causes: BTreeMap<String, WaitingCause>,
    others: OtherCauses,
    /// Hashes of the names of the causes that are not told apart.
    other_names: BTreeSet<u64>,
    first_in_ledger: Option<(Timestamp, LetterId)>,
}

impl Default for CauseTally {
    fn default() -> Self {
        Self::of_at_most(CAUSES)
    }
}

fn hashed(fingerprint: &str) -> u64 {
    let mut hasher = DefaultHasher::new();
    fingerprint.hash(&mut hasher);
    hasher.finish()
}

impl CauseTally {
    /// Makes an empty tally that tells apart at most so many causes.
    #[must_use]
    pub fn of_at_most(limit: usize) -> Self {
        Self {
            limit,
            causes: BTreeMap::new(),
            others: OtherCauses::default(),
            other_names: BTreeSet::new(),
            first_in_ledger: None,
        }
    }

    /// Counts a letter that waits.
    pub fn add(&mut self, found: &Candidate) {
        if found.is_in_ledger() {
            let first = Some((found.last_failed_at, found.id));
            self.first_in_ledger = [self.first_in_ledger, first].into_iter().flatten().min();
        }
        self.add_cause(WaitingCause::of(found, false));
    }

    fn add_cause(&mut self, cause: WaitingCause) {
        if let Some(known) = self.causes.get_mut(&cause.fingerprint) {
            known.join(cause, TEXTS);
        } else if self.causes.len() < self.limit && !self.other_names.contains(&hashed(&cause.fingerprint)) {
            self.causes.insert(cause.fingerprint.clone(), cause);
        } else {
            self.other_names.insert(hashed(&cause.fingerprint));
            self.others.add(&cause);
        }
    }

    /// Adds the letters of another tally: the limit of the two stays this one's.
    #[must_use]
    pub fn and(mut self, other: Self) -> Self {
        self.first_in_ledger = [self.first_in_ledger, other.first_in_ledger].into_iter().flatten().min();
        self.others.join(other.others);
        self.other_names.extend(other.other_names);
        // One that either of them does not tell apart is counted in full nowhere.
        let split: Vec<_> =
            self.causes.keys().filter(|name| self.other_names.contains(&hashed(name))).cloned().collect();
        for cause in split.iter().filter_map(|name| self.causes.remove(name)).collect::<Vec<_>>() {
            self.others.add(&cause);
        }
        other.causes.into_values().for_each(|cause| self.add_cause(cause));
        self
    }

    /// Makes the summary of all that was counted, as of the beginning of the walk: the largest causes first.
    #[must_use]
    pub fn summary(self, as_of: Timestamp) -> WaitingSummary {
        let mut causes: Vec<_> = self.causes.into_values().collect();
        causes.sort_by(|one, other| {
            other.letters.cmp(&one.letters).then_with(|| one.fingerprint.cmp(&other.fingerprint))
        });
        let others = OtherCauses { causes: self.other_names.len() as u64, ..self.others };
        let first_in_ledger = self.first_in_ledger.map(|(_, id)| id);
        WaitingSummary { as_of, causes, others, first_in_ledger }.of_at_most(self.limit)
    }
}

/// Summary of all letters that waited at an instant.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct WaitingSummary {
    /// Instant at which the walk began: no letter was read before.
    pub as_of: Timestamp,
    /// Causes that are told apart, the largest first.
    pub causes: Vec<WaitingCause>,
    /// Letters of all other causes.
    pub others: OtherCauses,
    /// Letter with a ledger entry that failed longest ago: the ledger forgets its key first.
    pub first_in_ledger: Option<LetterId>,
}

impl WaitingSummary {
    /// Returns the number of all letters.
    #[must_use]
    pub fn letters(&self) -> u64 {
        self.causes.iter().map(|cause| cause.letters).sum::<u64>() + self.others.letters
    }

    /// Returns the same with at most so many causes told apart: the smallest are counted with the others.
    #[must_use]
    pub fn of_at_most(mut self, causes: usize) -> Self {
        for cause in self.causes.drain(causes.min(self.causes.len())..) {
            self.others.add(&cause);
            self.others.causes += 1;
        }
        self
    }
}

/// Summary as the table keeps it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeptSummary {
    /// Summary of the latest walk.
    pub summary: WaitingSummary,
    /// Instant of the walk before it; the same instant if there was none.
    pub before: Timestamp,
}

impl KeptSummary {
    /// Returns true if a screen may show it: a summary that missed more than one run of its schedule is out of date, and so is
    /// any that is older than a quarter of an hour.
    #[must_use]
    pub fn is_usable(&self, now: Timestamp) -> bool {
        let every = self.summary.as_of.since(self.before);
        now.since(self.summary.as_of) <= (every * 2 + MARGIN).clamp(AGES[0], AGES[1])
    }
}

#[cfg(test)]
mod tests;
