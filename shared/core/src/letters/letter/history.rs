//! History of a letter, and what is forgotten first where there is no room.
//!
//! A note costs nothing and can be written without end, and so can what functions do by themselves. Neither may wash out what
//! a person did to the letter, or when it came.

use super::{Event, EventKind, HEAD_LIMIT, HISTORY, Letter};
use crate::time::Timestamp;

/// Names under which functions act. No person may pose as one of them.
pub const FUNCTIONS: [&str; 6] = ["schedule", "reconciler", "indexer", "processor", "replay", "job"];
/// Number of notes above which the oldest go first of all.
const NOTES: usize = 20;
/// Number of functions' events above which they go before persons' acts.
const OF_FUNCTIONS: usize = 20;

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

impl Letter {
    pub(super) fn note(&mut self, at: Timestamp, what: EventKind, who: &str, note: Option<String>) {
        self.push(Event { at, what, who: who.to_owned(), note, attempt: None });
    }

    pub(super) fn push(&mut self, event: Event) {
        self.history.push(event);
        while self.history.len() > HISTORY {
            self.forget_an_event();
        }
    }

    /// Forgets what is oldest until it fits into its item, attempts first: a letter that could not be written could never
    /// move again.
    pub(super) fn trimmed(mut self) -> Self {
        while self.head_bytes() > HEAD_LIMIT {
            let attempt = self.history.iter().position(|event| event.what == EventKind::AttemptFailed);
            if let Some(oldest) = attempt {
                self.history.remove(oldest);
            } else if self.history.len() > 1 {
                self.forget_an_event();
            } else if self.sends.len() > 1 {
                self.forget_a_send();
            } else {
                break;
            }
        }
        self
    }

    /// Forgets one event: of many notes the oldest, then of many events of functions, then of notes, and only then of
    /// persons' acts.
    fn forget_an_event(&mut self) {
        let count = |is: fn(&Event) -> bool| self.history.iter().filter(|event| is(event)).count();
        let first = |is: fn(&Event) -> bool| self.history.iter().position(is);
        let is_note = |event: &Event| event.what == EventKind::Noted;
        let many_notes = first(is_note).filter(|_| count(is_note) > NOTES);
        let many_others = || first(Event::is_by_itself).filter(|_| count(Event::is_by_itself) > OF_FUNCTIONS);
        let acts = || first(|event| event.what != EventKind::Indexed);
        let oldest = many_notes.or_else(many_others).or_else(|| first(is_note)).or_else(acts);
        self.history.remove(oldest.unwrap_or(0));
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
