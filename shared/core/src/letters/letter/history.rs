//! History of a letter, and what is forgotten first where there is no room.
//!
//! A note costs nothing and can be written without end, and so can what functions do by themselves. Neither may wash out what
//! a person did to the letter, or when it came.

use std::ops::{Deref, DerefMut};
use std::slice;

use serde::{Deserialize, Serialize};

use super::REMEMBERED;
use crate::processing::ledger::Attempt;
use crate::time::Timestamp;

/// Names under which functions act. No person may pose as one of them.
pub const FUNCTIONS: [&str; 6] = ["schedule", "reconciler", "indexer", "processor", "replay", "job"];
/// Number of notes above which the oldest go first of all.
const NOTES: usize = 20;
/// Number of functions' events above which they go before persons' acts.
const OF_FUNCTIONS: usize = 20;

/// Kinds of events in a letter's history.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum EventKind {
    /// An attempt of the handler failed.
    AttemptFailed,
    /// The indexer recorded the letter.
    Indexed,
    /// The letter, or another copy of it, died again.
    DiedAgain,
    /// A run claimed the letter in order to send it.
    Claimed,
    /// A claim ran out, and somebody else took it over.
    TakenOver,
    /// The letter was sent.
    Sent,
    /// SQS refused the letter.
    NotSent,
    /// A claim ran out, nobody takes it over, and it may have been sent.
    InDoubt,
    /// The letter was put back into the dead-letter queue.
    Ejected,
    /// No outcome of the letter was seen until its deadline.
    NoOutcome,
    /// The effect of the letter happened.
    Resolved,
    /// A person had its body changed before it was sent.
    Edited,
    /// A person gave it up.
    Discarded,
    /// A person took that back.
    Restored,
    /// A person had its body removed.
    Erased,
    /// A person wrote something down about it.
    Noted,
    /// A person had the dead enqueues of its key forgotten.
    Freed,
    /// The policy leaves it to a person, because few enqueues of its key are left.
    HeldBack,
}

/// Event in a letter's history.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Event {
    /// Time of the event.
    pub at: Timestamp,
    /// Kind of the event.
    pub what: EventKind,
    /// Function that did it, or the operator who asked for it.
    pub who: String,
    /// Further text about the event.
    pub note: Option<String>,
    /// The attempt, if it was one.
    pub attempt: Option<Attempt>,
}

/// Returns true if a name is, or begins with, a function's: as people read it, without regard to case and punctuation.
#[must_use]
pub fn is_function(name: &str) -> bool {
    let first = name.split_whitespace().next().unwrap_or_default();
    let word: String = first.chars().filter(|c| c.is_alphanumeric()).flat_map(char::to_lowercase).collect();
    FUNCTIONS.contains(&word.as_str())
}

impl Event {
    /// Returns true if a person did something to the letter. A note only says something.
    #[must_use]
    pub fn is_an_act(&self) -> bool {
        self.what != EventKind::Noted && !is_function(&self.who)
    }

    fn is_by_itself(&self) -> bool {
        is_function(&self.who) && self.what != EventKind::Indexed
    }
}

/// Last events of a letter, the oldest first.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default)]
pub struct History(Vec<Event>);

impl History {
    /// Adds an event without an attempt.
    pub fn record(&mut self, at: Timestamp, what: EventKind, who: &str, note: Option<String>) {
        self.push(Event { at, what, who: who.to_owned(), note, attempt: None });
    }

    /// Adds an event, and forgets another where there are too many.
    pub fn push(&mut self, event: Event) {
        self.0.push(event);
        while self.0.len() > REMEMBERED && self.forget_an_event() {}
    }

    /// Keeps the events that fit.
    pub fn retain(&mut self, fits: impl FnMut(&Event) -> bool) {
        self.0.retain(fits);
    }

    /// Returns true if an event of this kind is remembered.
    #[must_use]
    pub fn has(&self, what: EventKind) -> bool {
        self.iter().any(|event| event.what == what)
    }

    /// Returns the time of the last change of which the history tells, notes apart.
    #[must_use]
    pub fn changed_at(&self) -> Option<Timestamp> {
        let is_change = |event: &&Event| !matches!(event.what, EventKind::Noted | EventKind::AttemptFailed);
        self.iter().rev().find(is_change).map(|event| event.at)
    }

    /// Returns the version of the function in which the last attempt failed that is remembered.
    #[must_use]
    pub fn function_version(&self) -> Option<&str> {
        let attempt = self.iter().rev().find_map(|event| event.attempt.as_ref())?;
        Some(attempt.origin.function_version.as_str()).filter(|version| !version.is_empty())
    }

    /// Forgets the oldest attempt. Returns false if there is none.
    pub(in crate::letters) fn forget_an_attempt(&mut self) -> bool {
        let attempt = self.iter().position(|event| event.what == EventKind::AttemptFailed);
        attempt.map(|oldest| self.0.remove(oldest)).is_some()
    }

    /// Forgets one event: of many notes the oldest, then of many events of functions, then of notes, and only then of
    /// persons' acts. Returns false if only one event is left, which stays.
    pub(in crate::letters) fn forget_an_event(&mut self) -> bool {
        if self.0.len() < 2 {
            return false;
        }
        let count = |is: fn(&Event) -> bool| self.iter().filter(|event| is(event)).count();
        let first = |is: fn(&Event) -> bool| self.iter().position(is);
        let is_note = |event: &Event| event.what == EventKind::Noted;
        let many_notes = first(is_note).filter(|_| count(is_note) > NOTES);
        let many_others = || first(Event::is_by_itself).filter(|_| count(Event::is_by_itself) > OF_FUNCTIONS);
        let acts = || first(|event| event.what != EventKind::Indexed);
        let oldest = many_notes.or_else(many_others).or_else(|| first(is_note)).or_else(acts);
        self.0.remove(oldest.unwrap_or(0));
        true
    }
}

impl Deref for History {
    type Target = [Event];

    fn deref(&self) -> &Self::Target {
        &self.0
    }
}

impl DerefMut for History {
    fn deref_mut(&mut self) -> &mut Self::Target {
        &mut self.0
    }
}

impl FromIterator<Event> for History {
    fn from_iter<I: IntoIterator<Item = Event>>(events: I) -> Self {
        Self(events.into_iter().collect())
    }
}

impl From<Vec<Event>> for History {
    fn from(events: Vec<Event>) -> Self {
        Self(events)
    }
}

impl<'a> IntoIterator for &'a History {
    type Item = &'a Event;
    type IntoIter = slice::Iter<'a, Event>;

    fn into_iter(self) -> Self::IntoIter {
        self.iter()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_that_reads_as_a_functions_is_one_and_a_persons_is_not() {
        for name in ["schedule", " Schedule ", "schedule (unverified)", "indexer\u{200b}", "job 7 of ann", "RECONCILER"]
        {
            assert!(is_function(name), "{name:?}");
        }
        for name in ["ann", "ann the indexer", "indexer-team", "arn:aws:iam::1:user/schedule", "", "jobs"] {
            assert!(!is_function(name), "{name:?}");
        }
    }
}
