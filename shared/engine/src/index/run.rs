//! Memory of one drain, which grows by some bytes with each message and each cause, and by no body.

use std::collections::hash_map::RandomState;
use std::collections::{BTreeMap, HashSet};
use std::hash::BuildHasher;
use std::sync::{Mutex, MutexGuard, PoisonError};

use redrive_core::ids::MessageId;
use redrive_core::letters::cause::Cause;

use super::report::DrainReport;

/// More causes than this are not one deployment's mistake but fingerprints gone wild: the rest has no record in this run.
const CAUSES: usize = 1_000;
/// So many queues that are not listed have a line of their own; the others' messages are only counted.
const UNLISTED_SOURCES: usize = 20;

/// Memory of one drain: every id is looked at once, and every cause written down once, and once more at the end.
#[derive(Default)]
pub(super) struct DrainMemory {
    /// By their hashes. That two ids fall together is next to impossible, and then one waits for the next drain.
    begun: Mutex<HashSet<u64>>,
    hasher: RandomState,
    /// By fingerprint, what was seen and is not written yet.
    causes: Mutex<BTreeMap<String, Option<Cause>>>,
    /// Number of messages that stay of each queue that is not listed; `None`: nothing says which queue's they are.
    unlisted_sources: Mutex<BTreeMap<Option<String>, usize>>,
    report: Mutex<DrainReport>,
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl DrainMemory {
    pub(super) fn first_record(&self, id: &MessageId) -> bool {
        lock(&self.begun).insert(self.hasher.hash_one(id.as_str()))
    }

    pub(super) fn count(&self, count: impl FnOnce(&mut DrainReport)) {
        count(&mut lock(&self.report));
    }

    /// Counts a message that stays, because it comes from a queue that is not listed, or nothing says from which.
    pub(super) fn count_unlisted(&self, from: Option<&str>) {
        let mut unlisted_sources = lock(&self.unlisted_sources);
        let known = unlisted_sources.len();
        if let Some(count) = unlisted_sources.get_mut(&from.map(str::to_owned)) {
            *count += 1;
        } else if known < UNLISTED_SOURCES {
            unlisted_sources.insert(from.map(str::to_owned), 1);
        }
        drop(unlisted_sources);
        self.count(|report| match from {
            Some(_) => report.unlisted += 1,
            None => report.source_unsaid += 1,
        });
    }

    /// Takes those messages, by queue.
    pub(super) fn unlisted_sources(&self) -> BTreeMap<Option<String>, usize> {
        std::mem::take(&mut lock(&self.unlisted_sources))
    }

    /// Takes sightings, and gives back those to be written at once: of causes that this run has not met yet.
    pub(super) fn merge(&self, sightings: impl IntoIterator<Item = Cause>) -> Vec<Cause> {
        let mut causes = lock(&self.causes);
        let mut first: BTreeMap<String, Cause> = BTreeMap::new();
        let mut over = 0;
        for sighting in sightings {
            if let Some(known) = first.remove(&sighting.fingerprint) {
                first.insert(sighting.fingerprint.clone(), known.with(sighting));
            } else if let Some(open) = causes.get_mut(&sighting.fingerprint) {
                *open = Some(match open.take() {
                    Some(known) => known.with(sighting),
                    None => sighting,
                });
            } else if causes.len() + first.len() < CAUSES {
                first.insert(sighting.fingerprint.clone(), sighting);
            } else {
                over += 1;
            }
        }
        causes.extend(first.keys().map(|fingerprint| (fingerprint.clone(), None)));
        drop(causes);
        self.count(|report| report.unrecorded_causes += over);
        first.into_values().collect()
    }

    /// Takes back what could not be written, for another try at the end.
    pub(super) fn put_back(&self, sightings: Vec<Cause>) {
        let mut causes = lock(&self.causes);
        for sighting in sightings {
            let open = causes.entry(sighting.fingerprint.clone()).or_default();
            *open = Some(match open.take() {
                Some(known) => sighting.with(known),
                None => sighting,
            });
        }
    }

    /// Takes what is not written yet.
    pub(super) fn open_causes(&self) -> Vec<Cause> {
        lock(&self.causes).values_mut().filter_map(Option::take).collect()
    }

    pub(super) fn into_report(self) -> DrainReport {
        self.report.into_inner().unwrap_or_else(PoisonError::into_inner).closed()
    }
}
