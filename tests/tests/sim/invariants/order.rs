//! Whose turn it is in a FIFO queue's group.

use std::time::Duration;

use redrive_core::letter::{Letter, Status};
use redrive_core::replay::{Candidate, Heads};

use super::{Checker, Invariant};

/// An index is late, whoever read it takes his time, and what he writes is late as well: by so much together, at most.
const LATE: Duration = Duration::from_secs(180);

impl Checker {
    /// A letter that waited was claimed: none before it in its group has waited for long, or has been under way for long.
    pub(super) fn claimed_in_order(&mut self, name: &str, before: &Letter, after: &Letter) {
        if !self.plan.fifo || before.status != Status::Pending || after.is_ejecting() {
            return;
        }
        let holds = |status| match status {
            Status::Pending | Status::Replaying => true,
            Status::Replayed => !self.plan.overtakes,
            Status::Resolved | Status::Discarded => false,
        };
        let long = |letter: &Letter| self.since.get(&letter.id).is_some_and(|since| since.after(LATE) < self.at);
        let mut heads = Heads::default();
        let others = self.letters.values().filter(|other| other.id != after.id);
        let holding = others.filter(|other| holds(other.status) && long(other));
        holding.for_each(|other| heads.add(&Candidate::of(other)));
        let first = heads.before(after);
        self.must(first.is_none(), Invariant::SendsAreInOrder, || {
            format!(
                "{name} was claimed, and letter {} is before it in its group",
                first.map_or_else(String::new, |id| id.to_string())
            )
        });
    }
}
