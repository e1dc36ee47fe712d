//! Waiting letters of one cause, summed up: what a screen shows of them without reading each again.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use crate::ids::{LetterId, QueueArn};
use crate::letters::candidate::Candidate;
use crate::letters::fingerprint::normalised;
use crate::letters::letter::{ErrorType, Status};
use crate::letters::spread::FailureSpread;
use crate::time::Timestamp;

/// An hour in milliseconds.
const HOUR: u64 = 3_600_000;
/// Limit of hours of failures that a cause remembers.
const HOURS: usize = 14 * 24;

/// Everything of a letter, beside its cause, that says who acts on it next under any policy.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct StepInputs {
    /// Queue that the letter came from: its policy decides.
    pub source: QueueArn,
    /// Status of the letter.
    pub status: Status,
    /// Number of its deaths.
    pub deaths: u32,
    /// True if no schedule sends it: it is due never.
    pub never_due: bool,
    /// True if the ledger shows its effect as done.
    pub done: bool,
}

impl StepInputs {
    fn of(found: &Candidate, done: bool) -> Self {
        Self {
            source: found.source.clone(),
            status: found.status,
            deaths: found.deaths,
            never_due: found.due == Timestamp::NEVER,
            done,
        }
    }
}

/// Letters of one cause that have the same next step.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StepGroup {
    /// Inputs of the step, which all its letters share.
    #[serde(flatten)]
    pub inputs: StepInputs,
    /// Number of its letters.
    pub letters: u64,
    /// Time at which the first of them is due.
    pub due: Timestamp,
}

/// Letters whose last failure was in one hour.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
struct FailuresOfHour {
    letters: u64,
    first: Timestamp,
}

/// Letters with one fingerprint, as an index shows them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct WaitingCause {
    /// Fingerprint, which is its name.
    pub fingerprint: String,
    /// Number of its letters.
    pub letters: u64,
    /// Kind of failure of its letters.
    pub error_type: ErrorType,
    /// Code of their fault, if it had one.
    pub error_code: Option<String>,
    /// ARNs of the queues that they came from.
    pub queues: BTreeSet<String>,
    /// Earliest first failure of its letters.
    pub first: Timestamp,
    /// Latest failure of its letters.
    pub last: Timestamp,
    /// Versions of the function in which they failed last.
    pub versions: BTreeSet<String>,
    /// Text of the error in the letter that failed last.
    pub example: String,
    /// Letter that failed last, to look at.
    pub sample: LetterId,
    /// Distinct texts, without what differs from one letter to the next: how many letters have it, and one as it is.
    texts: BTreeMap<String, (u64, String)>,
    /// Letters whose text is none of those.
    pub other_texts: u64,
    /// Letters by what says who acts on them next, in the order of these inputs.
    pub steps: Vec<StepGroup>,
    /// Last failures of its letters over time.
    pub spread: FailureSpread,
    /// Letters by the hour of their last failure, the last 14 days of them.
    hours: BTreeMap<u64, FailuresOfHour>,
}

impl WaitingCause {
    /// Makes the cause of one letter. `done`: the ledger shows its effect as completed.
    #[must_use]
    pub fn of(found: &Candidate, done: bool) -> Self {
        let at = found.last_failed_at;
        Self {
            fingerprint: found.fingerprint.clone(),
            letters: 1,
            error_type: found.error_type,
            error_code: found.error_code.clone(),
            queues: [found.source.to_string()].into(),
            first: found.first_failed_at,
            last: at,
            versions: found.function_version.iter().cloned().collect(),
            example: found.error_message.clone(),
            sample: found.id,
            texts: [(normalised(&found.error_message), (1, found.error_message.clone()))].into(),
            other_texts: 0,
            steps: vec![StepGroup { inputs: StepInputs::of(found, done), letters: 1, due: found.due }],
            spread: FailureSpread::of(at),
            hours: [(at.as_millis() / HOUR, FailuresOfHour { letters: 1, first: at })].into(),
        }
    }

    /// Adds other letters of the same cause; of distinct texts it keeps at most `texts`.
    pub fn join(&mut self, other: Self, texts: usize) {
        self.letters += other.letters;
        self.first = self.first.min(other.first);
        // Of two that failed at once the text decides, so that the same letters always look the same.
        if (other.last, &other.example, other.sample) > (self.last, &self.example, self.sample) {
            (self.example, self.sample) = (other.example, other.sample);
        }
        self.last = self.last.max(other.last);
        for group in other.steps {
            self.join_group(group);
        }
        self.spread.join(other.spread);
        for (hour, more) in other.hours {
            let known = self.hours.entry(hour).or_insert(FailuresOfHour { letters: 0, first: more.first });
            known.letters += more.letters;
            known.first = known.first.min(more.first);
        }
        while self.hours.len() > HOURS {
            self.hours.pop_first();
        }
        self.other_texts += other.other_texts;
        for (distinct, (letters, text)) in other.texts {
            let room = self.texts.len() < texts;
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

    fn join_group(&mut self, group: StepGroup) {
        match self.steps.binary_search_by(|known| known.inputs.cmp(&group.inputs)) {
            Ok(place) => {
                let known = &mut self.steps[place];
                known.letters += group.letters;
                known.due = known.due.min(group.due);
            }
            Err(place) => self.steps.insert(place, group),
        }
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

    /// Returns the distinct texts with their numbers of letters, the commonest first.
    #[must_use]
    pub fn texts(&self) -> Vec<(u64, &str)> {
        let mut texts: Vec<_> = self.texts.values().map(|(letters, text)| (*letters, text.as_str())).collect();
        texts.sort_by(|one, other| other.0.cmp(&one.0).then_with(|| one.1.cmp(other.1)));
        texts
    }
}
