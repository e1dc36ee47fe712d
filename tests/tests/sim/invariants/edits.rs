//! What an edit keeps from running.

use redrive_core::ids::Life;
use redrive_core::ledger::Entry;
use redrive_core::letter::Letter;

use super::{Checker, Invariant};

impl Checker {
    /// A letter was claimed, perhaps with another body than before.
    pub(super) fn claimed_with(&mut self, before: &Letter, after: &Letter) {
        if before.edited != after.edited {
            self.edits.insert(after.id, after.number);
        }
    }

    /// Whether a message has the body of a letter from before its edit: it is what the letter was at first, or a copy of a
    /// number before that of the edit.
    fn is_unedited(&self, life: &Life) -> bool {
        let Some(known) = self.known.get(&life.message_id) else { return false };
        let [own, _] = known.letters;
        let first = own.is_some_and(|own| self.edits.contains_key(&own));
        let send = known.seen.send().filter(|_| &*known.by != "producer");
        let before = send.is_some_and(|send| self.edits.get(&send.letter).is_some_and(|edit| send.number < *edit));
        first || before
    }

    pub(super) fn begins(&mut self, what: &str, life: &Life) {
        self.must(!self.is_unedited(life), Invariant::OnlyTheEditedBody, || {
            format!("{what} of {life} begins, and its letter has been edited")
        });
    }

    /// An effect is committed by whoever holds this entry.
    pub(super) fn effect_begins(&mut self, after: &Entry) {
        if let Some(life) = self.claimed.get(&after.owner.to_string()).cloned() {
            self.begins("the effect", &life);
        }
    }
}

/// Whether an entry was only marked: that copies of a letter are withdrawn.
pub(super) fn is_withdrawal(before: &Entry, after: &Entry) -> bool {
    let marked = Entry {
        lives: after.lives.clone(),
        withdrawn: after.withdrawn.clone(),
        version: after.version,
        expires: after.expires,
        ..before.clone()
    };
    *after == marked && (before.lives != after.lives || before.withdrawn != after.withdrawn)
}
