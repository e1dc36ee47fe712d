//! An indexer's way with a dead message, as the engine goes it: read, decide, write, delete. And the reconciler's.

use redrive_core::letters::letter::{Letter, LetterWrite, Status};

use crate::answers::Plan;
use crate::bounds::Mutant;
use crate::state::{Indexer, Place, REPLAYED, SENT, State, Who, broken, keyless, letter_of};
use crate::tables::{NOTHING, Ref};
use crate::world::{Action, World};

impl World {
    pub(crate) fn index_actions(&self, s: &State, out: &mut Vec<Action>) {
        for (i, indexer) in s.indexers.iter().enumerate() {
            match indexer {
                Indexer::Idle => continue,
                Indexer::Write { unknown, .. } => {
                    out.push(Action::IndexWrite(i));
                    if s.left.lost > 0 {
                        out.push(Action::IndexLose(i));
                    }
                    if s.left.late > 0 && s.late_letter == NOTHING {
                        out.push(Action::IndexDelay(i));
                    }
                    if *unknown {
                        out.push(Action::IndexGiveUp(i));
                    }
                }
                Indexer::Delete { .. } => out.push(Action::IndexDelete(i)),
            }
            if s.left.crashes > 0 {
                out.push(Action::IndexCrash(i));
            }
        }
        for (cell, letter) in s.letters.iter().enumerate() {
            if *letter != NOTHING && self.core.resolve(*letter, self.owned_of(s, cell)).is_some() {
                out.push(Action::Reconcile(cell));
            }
        }
    }

    /// The entry of the key of the letter in this cell.
    fn owned_of(&self, s: &State, cell: usize) -> Ref {
        s.ledger[self.core.key(Who::new(cell / 3, SENT))]
    }

    pub(crate) fn index(&self, s: &mut State, action: Action) {
        match action {
            Action::Index(i, message) => {
                let who = s.who(message);
                let named =
                    if who.enqueue() == REPLAYED { s.letters[letter_of(Who::new(message, SENT))] } else { NOTHING };
                let found = [s.ledger[keyless(who)], s.ledger[self.core.key(who)], named, s.letters[letter_of(who)]];
                self.admitted(s, i, who, found);
                if self.core.is(Mutant::DeletedBeforeWritten)
                    && s.indexers[i] != Indexer::Idle
                    && s.is_at(who, Place::Dlq)
                {
                    s.messages[message].place = Place::Indexed;
                }
            }
            Action::IndexWrite(i) => self.index_write(s, i),
            Action::IndexLose(i) => {
                s.left.lost -= 1;
                let Indexer::Write { who, found, put, .. } = s.indexers[i] else { return };
                self.write_letter(s, put);
                s.indexers[i] = Indexer::Write { who, found, put, unknown: true };
            }
            Action::IndexDelay(i) => {
                s.left.late -= 1;
                let Indexer::Write { who, found, put, .. } = s.indexers[i] else { return };
                s.late_letter = put;
                s.indexers[i] = Indexer::Write { who, found, put, unknown: true };
            }
            Action::IndexGiveUp(i) => s.indexers[i] = Indexer::Idle,
            Action::IndexDelete(i) => {
                let Indexer::Delete { who } = s.indexers[i] else { return };
                if s.is_at(who, Place::Dlq) {
                    s.messages[who.message()].place = Place::Indexed;
                }
                s.indexers[i] = Indexer::Idle;
            }
            Action::IndexCrash(i) => {
                s.left.crashes -= 1;
                s.indexers[i] = Indexer::Idle;
            }
            Action::ArriveLetter => {
                let put = std::mem::take(&mut s.late_letter);
                self.write_letter(s, put);
            }
            Action::Reconcile(cell) => {
                if let Some(put) = self.core.resolve(s.letters[cell], self.owned_of(s, cell)) {
                    self.write_letter(s, put);
                }
            }
            _ => unreachable!("no indexer's action"),
        }
    }

    fn admitted(&self, s: &mut State, i: usize, who: Who, found: [Ref; 4]) {
        s.indexers[i] = match self.core.admit(who, found) {
            Plan::Put(put) => Indexer::Write { who, found, put, unknown: false },
            Plan::Delete => Indexer::Delete { who },
            Plan::Leave => Indexer::Idle,
        };
    }

    fn index_write(&self, s: &mut State, i: usize) {
        let Indexer::Write { who, mut found, put, .. } = s.indexers[i] else { return };
        if self.write_letter(s, put) {
            s.indexers[i] = Indexer::Delete { who };
            return;
        }
        let write = self.core.letter_puts.thing(put);
        let there = s.letters[write.cell];
        if there == write.letter {
            // A lost answer: what is found is what was written.
            s.indexers[i] = Indexer::Delete { who };
            return;
        }
        // Decide again with what was found, as `Findings::saw` says.
        let is_named = who.enqueue() == REPLAYED && write.cell == letter_of(Who::new(who.message(), SENT));
        found[if is_named { 2 } else { 3 }] = there;
        self.admitted(s, i, who, found);
    }

    /// Carries out a conditional write of a letter. `false`: its condition failed.
    pub(crate) fn write_letter(&self, s: &mut State, put: Ref) -> bool {
        let put = self.core.letter_puts.thing(put);
        let new = self.core.letters.thing(put.letter);
        let found = self.core.letters.get(s.letters[put.cell]);
        let write = LetterWrite { letter: Letter::clone(&new), replaces: put.replaces };
        if !write.holds(found.as_deref()) && !self.core.is(Mutant::UnconditionalLetterWrite) {
            return false;
        }
        if !is_edge(found.as_deref(), &new) {
            s.broken |= broken::NOT_AN_EDGE;
        }
        if found.is_some_and(|old| matches!(old.status, Status::Resolved) && new.status != old.status) {
            s.broken |= broken::BROUGHT_BACK;
        }
        s.letters[put.cell] = put.letter;
        true
    }
}

/// Returns true if the protocol knows this edge of a letter.
fn is_edge(old: Option<&Letter>, new: &Letter) -> bool {
    use Status::{Discarded, Pending, Replayed, Replaying, Resolved};
    let Some(old) = old else { return matches!(new.status, Pending | Resolved) };
    let grows = new.number >= old.number && new.deaths >= old.deaths && new.version == old.version + 1;
    grows
        && match (old.status, new.status) {
            (Pending, Replaying) => new.number == old.number.next(),
            (Replaying, Replayed | Pending) | (Replayed, Pending) | (Pending | Replayed, Resolved) => true,
            (Pending, Discarded) | (Discarded, Pending) => true,
            // Written down in its history only.
            (old, new) => old == new,
        }
}
