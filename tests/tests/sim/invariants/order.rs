//! Order within a FIFO queue's group: whose turn it is.

use redrive_core::ids::LetterId;
use redrive_core::letters::letter::{Letter, Status};
use redrive_core::replay::{Candidate, GroupLeaders, GroupTurn};
use redrive_core::time::Timestamp;
use redrive_testkit::journal::Actor;

use super::{Checker, Invariant};

impl Checker {
    /// A process has read the turn of a group.
    pub(super) fn turn_read(&mut self, actor: &Actor, group: &str, version: u64) {
        let reads = self.turns_read.entry((actor.clone(), group.to_owned())).or_default();
        reads.push((version, self.event));
    }

    /// A process has written the turn of a group: what is claimed by it was decided by what was read of the version before.
    pub(super) fn turn_written(&mut self, actor: &Actor, turn: &GroupTurn) {
        let reads = self.turns_read.get(&(actor.clone(), turn.group.clone()));
        let read = reads.and_then(|reads| reads.iter().rev().find(|(version, _)| version + 1 == turn.version));
        let Some((_, event)) = read.copied() else { return };
        self.turns.extend(turn.under_way.iter().map(|(id, _)| ((actor.clone(), *id), event)));
    }

    /// A letter was written: keeps since which event it holds up what comes after it in its group.
    pub(super) fn holds_up(&mut self, after: &Letter) {
        let holds = match after.status {
            Status::Pending | Status::Replaying => true,
            Status::Replayed => !self.plan.overtakes && after.due != Timestamp::NEVER,
            Status::Resolved | Status::Discarded => false,
        };
        if holds {
            self.holding.entry(after.id).or_insert(self.event);
        } else {
            self.holding.remove(&after.id);
        }
    }

    /// A letter that waited was claimed: when its turn was read, none before it in its group waited or was under way that
    /// still does.
    pub(super) fn claimed_in_order(&mut self, actor: &Actor, before: &Letter, after: &Letter) {
        let claimed = after.status == Status::Replaying && after.number != before.number;
        if !self.plan.fifo || !claimed || before.status != Status::Pending || after.is_ejecting() {
            return;
        }
        let Some(group) = after.group.clone().filter(|_| after.sequence.is_some()) else { return };
        let read = || Some(self.turns_read.get(&(actor.clone(), group))?.last()?.1);
        let read = self.turns.get(&(actor.clone(), after.id)).copied().or_else(read);
        let held =
            |other: &LetterId| self.holding.get(other).is_some_and(|since| read.is_none_or(|read| *since < read));
        let mut heads = GroupLeaders::default();
        let others = self.letters.values().filter(|other| other.id != after.id && held(&other.id));
        others.for_each(|other| heads.add(&Candidate::of(other)));
        let first = heads.before(after);
        self.must(first.is_none(), Invariant::SendsAreInOrder, || {
            let first = first.map_or_else(String::new, |id| id.to_string());
            format!("letter {} was claimed, and letter {first} is before it in its group", after.id)
        });
    }
}
