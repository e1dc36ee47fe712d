//! Traces of a letter's message elsewhere in the dead-letter table, which an erasure has to remove, too.

use std::collections::BTreeSet;

use super::{ErrorType, Letter};
use crate::ids::{JobId, LetterId};
use crate::letters::fingerprint::fingerprint;

/// Placeholder for an erased text.
pub const ERASED: &str = "(erased)";

/// Other places in the dead-letter table with something of a letter's message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Traces {
    /// Id of the letter.
    pub letter: LetterId,
    /// The causes of which it may be the example.
    pub causes: BTreeSet<String>,
    /// The jobs that sent it: their batches name its key, and their heads what it was edited with.
    pub jobs: BTreeSet<JobId>,
}

impl Traces {
    /// Lists the traces, as far as the letter remembers them.
    #[must_use]
    pub fn of(letter: &Letter) -> Self {
        let attempts = letter.history.iter().filter_map(|event| event.attempt.as_ref());
        let died = attempts.map(|attempt| {
            let class = ErrorType::from(attempt.class);
            fingerprint(class.as_str(), Some(&attempt.code), &attempt.text)
        });
        Self {
            letter: letter.id,
            causes: died.chain([letter.fingerprint.clone()]).collect(),
            jobs: letter.sends.iter().filter_map(|send| send.job).collect(),
        }
    }
}
