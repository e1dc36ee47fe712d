//! Order within a FIFO queue's group: whose turn it is.

use std::time::Duration;

use redrive_core::letters::letter::{Letter, Status};
use redrive_core::replay::{Candidate, GroupLeaders};
use redrive_core::time::Timestamp;

use super::{Checker, Invariant};

/// Longest time after which a claim may still rest on an earlier look: a letter before it was brought back meanwhile,
/// by a person or where nobody waits for outcomes.
const LATE: Duration = Duration::from_secs(180);

impl Checker {
    /// A letter that waited was claimed: none before it in its group waits, or is under way.
    pub(super) fn claimed_in_order(&mut self, name: &str, before: &Letter, after: &Letter) {
        if !self.plan.fifo || before.status != Status::Pending || after.is_ejecting() {
            return;
        }
        let holds = |status| match status {
            Status::Pending | Status::Replaying => true,
            Status::Replayed => !self.plan.overtakes,
            Status::Resolved | Status::Discarded => false,
        };
        // A restored letter was final when its group was looked at, and one that died again was sent, if that is enough.
        let lately = |since: Option<&Timestamp>| since.is_some_and(|since| since.after(LATE) >= self.at);
        let back = |letter: &Letter| {
            let again = self.plan.overtakes && letter.number.0 > 0 && lately(self.since.get(&letter.id));
            again || lately(self.restored.get(&letter.id))
        };
        let mut heads = GroupLeaders::default();
        let others = self.letters.values().filter(|other| other.id != after.id);
        let holding = others.filter(|other| holds(other.status) && !back(other));
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
