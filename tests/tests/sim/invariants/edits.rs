//! Runs that an edit must prevent.

use redrive_core::ids::Enqueue;
use redrive_core::letters::letter::{Letter, Status};
use redrive_core::processing::ledger::Entry;

use super::{Checker, Invariant};

impl Checker {
    /// A letter was claimed, perhaps with another body than before.
    pub(super) fn claimed_with(&mut self, before: &Letter, after: &Letter) {
        if before.edited != after.edited {
            self.edits.insert(after.id, after.number);
        }
        // Who takes a claim over sends what was claimed.
        if before.status == Status::Pending {
            self.unclaimed.insert(after.id, before.edited.clone());
        }
    }

    /// SQS refused a send: the edit that it was claimed with is gone, unless an earlier send may carry it.
    pub(super) fn refused(&mut self, name: &str, after: &Letter) {
        let carried = after
            .edited
            .as_ref()
            .is_some_and(|edited| after.sends.iter().any(|send| send.edited.as_ref() == Some(&edited.whole)));
        let former = self.unclaimed.get(&after.id).is_none_or(|former| *former == after.edited);
        self.must(carried || former, Invariant::RefusedIsUnedited, || {
            format!("{name} keeps an edit whose send SQS refused")
        });
    }

    /// Returns true if a message has the body of a letter from before its edit: it is the original, or a copy with a
    /// number before that of the edit.
    fn is_unedited(&self, enqueue: &Enqueue) -> bool {
        let Some(known) = self.known.get(&enqueue.message_id) else { return false };
        let [own, _] = known.letters;
        let first = own.is_some_and(|own| self.edits.contains_key(&own));
        let send = known.seen.send().filter(|_| &*known.by != "producer");
        let before = send.is_some_and(|send| self.edits.get(&send.letter).is_some_and(|edit| send.number < *edit));
        first || before
    }

    pub(super) fn begins(&mut self, what: &str, enqueue: &Enqueue) {
        self.must(!self.is_unedited(enqueue), Invariant::OnlyTheEditedBody, || {
            format!("{what} of {enqueue} begins, and its letter has been edited")
        });
    }

    /// An effect is committed by whoever holds this entry.
    pub(super) fn effect_begins(&mut self, after: &Entry) {
        if let Some(enqueue) = self.claimed.get(&after.owner.to_string()).cloned() {
            self.begins("the effect", &enqueue);
        }
    }
}

/// An entry with what another one remembers of its enqueues.
fn remembering(before: &Entry, after: &Entry) -> Entry {
    Entry {
        enqueues: after.enqueues.clone(),
        dead_enqueues: after.dead_enqueues.clone(),
        withdrawn: after.withdrawn.clone(),
        version: after.version,
        expires: after.expires,
        ..before.clone()
    }
}

/// Returns true if an entry was only marked: copies of a letter are withdrawn, or its dead enqueues are forgotten.
pub(super) fn is_withdrawal(before: &Entry, after: &Entry) -> bool {
    let enqueues = before.enqueues != after.enqueues || before.dead_enqueues != after.dead_enqueues;
    *after == remembering(before, after) && (enqueues || before.withdrawn != after.withdrawn)
}

/// Returns true if a person had dead enqueues of the entry forgotten.
pub(super) fn is_freed(before: &Entry, after: &Entry) -> bool {
    let same = before.withdrawn == after.withdrawn && before.expires == after.expires;
    same && is_withdrawal(before, after) && after.dead_enqueues() < before.dead_enqueues()
}
