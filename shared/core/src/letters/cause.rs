//! A cause: all letters of one queue that died of the same. What is known of it without reading any of them.
//!
//! Its record is written at most twice in a run of the indexer, however many letters have it, and so is no hot key. How
//! many of its letters wait just now is not in it: that is asked of the index, which shows only what waits.

use std::collections::{BTreeMap, BTreeSet};

use crate::ids::{LetterId, QueueArn};
use crate::letters::candidate::Candidate;
use crate::letters::letter::{ERASED, ErrorType, EventKind, Letter, Status};
use crate::letters::policy::Policy;
use crate::time::Timestamp;

/// Limit of versions of the consumer's function that a cause remembers: the newest stay.
pub const VERSIONS: usize = 32;

/// Summary of a cause: all that is stored of it, or what one run of the indexer adds to that.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cause {
    /// The queue that the letters come from.
    pub source: QueueArn,
    /// Fingerprint that all its letters share.
    pub fingerprint: String,
    /// Kind of failure of its letters.
    pub error_type: ErrorType,
    /// Code of their fault, if it had one.
    pub error_code: Option<String>,
    /// The text of the first of them, masked as it is there.
    pub error_message: String,
    /// The first of them.
    pub example: LetterId,
    /// Time at which the first letter was indexed.
    pub first_seen: Timestamp,
    /// Time at which the last letter was indexed.
    pub last_seen: Timestamp,
    /// The versions of the function in which attempts failed, as far as they are known; at most [`VERSIONS`].
    pub versions: BTreeSet<String>,
    /// Number of deaths that were indexed. It is approximate: a death whose indexing was cut off may be counted twice.
    pub seen: u64,
    /// Time after which it counts as unknown again: as long after the last death as resolved letters are kept.
    pub expires: Timestamp,
}

/// Answer to the question whether a cause was known before.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Recorded {
    /// The cause was never seen, or not for so long that it was forgotten.
    New,
    /// The cause was stored already.
    Known,
}

impl Cause {
    /// Returns what a letter that is about to be written adds to its cause. It is `None` if nothing died: the letter
    /// was found done, or only a copy came back.
    #[must_use]
    pub fn of(letter: &Letter, policy: &Policy, now: Timestamp) -> Option<Self> {
        if letter.status != Status::Pending {
            return None;
        }
        let attempts = letter.history.iter().filter_map(|event| event.attempt.as_ref());
        let own = attempts.filter(|attempt| attempt.enqueue == letter.enqueue);
        let versions = own.map(|attempt| attempt.origin.function_version.clone()).filter(|version| !version.is_empty());
        let expires = now.after(policy.resolved_retention).whole_seconds();
        Some(Self::of_death(letter, newest(versions.collect()), now, expires))
    }

    /// Returns what a letter adds to its cause that was exported and is put back, as the indexer would have said when it came.
    /// `None` unless it waits.
    #[must_use]
    pub fn of_import(letter: &Letter, expires: Timestamp) -> Option<Self> {
        if letter.status != Status::Pending {
            return None;
        }
        let indexed = letter.history.iter().find(|event| event.what == EventKind::Indexed).map(|event| event.at);
        let versions = letter.history.function_version().map(str::to_owned).into_iter().collect();
        Some(Self::of_death(letter, versions, indexed.unwrap_or(letter.reason.last_failed_at), expires))
    }

    fn of_death(letter: &Letter, versions: BTreeSet<String>, at: Timestamp, expires: Timestamp) -> Self {
        Self {
            source: letter.source.clone(),
            fingerprint: letter.fingerprint.clone(),
            error_type: letter.reason.error_type,
            error_code: letter.reason.error_code.clone(),
            error_message: letter.reason.error_message.clone(),
            example: letter.id,
            first_seen: at,
            last_seen: at,
            versions,
            seen: 1,
            expires,
        }
    }

    /// The same, after another sighting: the model of every store behind the port.
    #[must_use]
    pub fn with(self, other: Self) -> Self {
        Self {
            first_seen: self.first_seen.min(other.first_seen),
            last_seen: self.last_seen.max(other.last_seen),
            versions: newest(self.versions.into_iter().chain(other.versions).collect()),
            seen: self.seen.saturating_add(other.seen),
            expires: self.expires.max(other.expires),
            ..self
        }
    }

    /// The same after this letter was erased: the model of every store behind the port.
    #[must_use]
    pub fn without_text_of(self, letter: LetterId) -> Self {
        if self.example == letter { Self { error_message: ERASED.to_owned(), ..self } } else { self }
    }

    /// Returns true if the entry counts as unknown. Compares whole seconds, as DynamoDB's time to live does.
    #[must_use]
    pub const fn expired(&self, now: Timestamp) -> bool {
        self.expires.as_secs() < now.as_secs()
    }
}

/// Returns the versions to forget, so that [`VERSIONS`] are left: the oldest. Numbers are older the smaller they are,
/// and `$LATEST` is no number.
#[must_use]
pub fn forgotten(versions: &BTreeSet<String>) -> Vec<String> {
    let mut by_age: Vec<_> = versions.iter().collect();
    by_age.sort_by_key(|version| version.parse::<u64>().unwrap_or(u64::MAX));
    by_age.into_iter().take(versions.len().saturating_sub(VERSIONS)).cloned().collect()
}

fn newest(mut versions: BTreeSet<String>) -> BTreeSet<String> {
    for version in forgotten(&versions) {
        versions.remove(&version);
    }
    versions
}

/// Letters of a queue that are PENDING, counted in one walk through the index. The counts are exact, but for the
/// index's delay, if the walk reached the end.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct PendingCounts {
    /// Waiting letters by their fingerprint.
    pub causes: BTreeMap<String, PendingSummary>,
    /// Waiting letters by error type.
    pub types: BTreeMap<&'static str, PendingSummary>,
    /// True if the walk ended early: the counts and the age are lower bounds.
    pub at_least: bool,
}

/// Number and age of waiting letters.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct PendingSummary {
    /// Number of all PENDING letters.
    pub pending: usize,
    /// Number among these that only a person may replay.
    pub for_a_person: usize,
    /// First failure of the oldest letter.
    pub oldest: Option<Timestamp>,
}

impl PendingSummary {
    fn add(&mut self, one: &Candidate) {
        self.pending += 1;
        self.for_a_person += usize::from(one.due == Timestamp::NEVER);
        self.oldest = Some(self.oldest.map_or(one.first_failed_at, |oldest| oldest.min(one.first_failed_at)));
    }
}

impl PendingSummary {
    fn and(self, other: Self) -> Self {
        Self {
            pending: self.pending + other.pending,
            for_a_person: self.for_a_person + other.for_a_person,
            oldest: [self.oldest, other.oldest].into_iter().flatten().min(),
        }
    }
}

impl PendingCounts {
    /// Counts a PENDING letter.
    pub fn add(&mut self, one: &Candidate) {
        self.types.entry(one.error_type.as_str()).or_default().add(one);
        if let Some(cause) = self.causes.get_mut(&one.fingerprint) {
            cause.add(one);
        } else {
            self.causes.entry(one.fingerprint.clone()).or_default().add(one);
        }
    }

    /// Adds the counts of another walk to these.
    #[must_use]
    pub fn and(mut self, other: Self) -> Self {
        for (fingerprint, waiting) in other.causes {
            let mine = self.causes.entry(fingerprint).or_default();
            *mine = mine.and(waiting);
        }
        self.at_least |= other.at_least;
        for (error_type, waiting) in other.types {
            let mine = self.types.entry(error_type).or_default();
            *mine = mine.and(waiting);
        }
        self
    }

    /// Sums up the letters of all error types.
    #[must_use]
    pub fn total(&self) -> PendingSummary {
        self.types.values().fold(PendingSummary::default(), |all, one| all.and(*one))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ids::{MessageId, ReplayNumber, Scope};

    fn at(seconds: u64) -> Timestamp {
        Timestamp::from_millis(seconds * 1_000)
    }

    fn id(message: &str) -> LetterId {
        LetterId::derive(&source(), &MessageId::new(message).unwrap())
    }

    fn source() -> QueueArn {
        QueueArn::new("arn:aws:sqs:us-east-1:1:q").unwrap()
    }

    fn cause(seen_at: u64, versions: &[&str]) -> Cause {
        Cause {
            source: source(),
            fingerprint: "PERMANENT/currency".to_owned(),
            error_type: ErrorType::Permanent,
            error_code: Some("currency".to_owned()),
            error_message: format!("at {seen_at}"),
            example: id(&seen_at.to_string()),
            first_seen: at(seen_at),
            last_seen: at(seen_at),
            versions: versions.iter().map(|version| (*version).to_owned()).collect(),
            seen: 1,
            expires: at(seen_at + 100),
        }
    }

    #[test]
    fn sightings_add_up_and_the_first_example_stays() {
        let known = cause(1, &["7"]).with(cause(9, &["8", "$LATEST"]));
        assert_eq!((known.first_seen, known.last_seen, known.seen, known.expires), (at(1), at(9), 2, at(109)));
        assert_eq!((known.error_message.as_str(), known.example), ("at 1", id("1")));
        assert_eq!(known.versions.iter().collect::<Vec<_>>(), ["$LATEST", "7", "8"]);
        assert!(!known.expired(at(109)) && known.expired(at(110)));
    }

    #[test]
    fn of_many_versions_the_newest_are_remembered() {
        let versions: Vec<_> = (1..=40).map(|version| version.to_string()).chain(["$LATEST".to_owned()]).collect();
        let versions: Vec<_> = versions.iter().map(String::as_str).collect();
        let known = cause(1, &versions[..30]).with(cause(2, &versions[30..]));
        assert_eq!(known.versions.len(), VERSIONS);
        assert!(["40", "10", "$LATEST"].iter().all(|new| known.versions.contains(*new)));
        assert!(!known.versions.contains("9"));
    }

    #[test]
    fn what_waits_is_counted_by_cause_and_by_type() {
        let one = |code: &str, error_type, due, first_failed_at| Candidate {
            id: id(code),
            status: Status::Pending,
            due,
            error_type,
            error_code: None,
            error_message: String::new(),
            fingerprint: code.to_owned(),
            source: QueueArn::new("arn:aws:sqs:us-east-1:1:orders").unwrap(),
            first_failed_at,
            last_failed_at: first_failed_at,
            deaths: 1,
            number: ReplayNumber(0),
            function_version: None,
            group: None,
            sequence: None,
            key: None,
            scope: Scope::new("s").unwrap(),
        };
        let mut pending_counts = PendingCounts::default();
        pending_counts.add(&one("a", ErrorType::Transient, at(5), at(3)));
        pending_counts.add(&one("a", ErrorType::Transient, Timestamp::NEVER, at(2)));
        pending_counts.add(&one("b", ErrorType::Schema, Timestamp::NEVER, at(9)));
        let a = PendingSummary { pending: 2, for_a_person: 1, oldest: Some(at(2)) };
        assert_eq!((pending_counts.causes["a"], pending_counts.types["TRANSIENT"]), (a, a));
        assert_eq!(pending_counts.total(), PendingSummary { pending: 3, for_a_person: 2, oldest: Some(at(2)) });
        assert_eq!(PendingCounts::default().total(), PendingSummary::default());
    }
}
