//! The order of a FIFO queue as decisions without a table: what is known of a message group goes in, and whose turn it is
//! comes out. [`first_of_groups`] goes by the index, which is late; [`TurnStep`] by what is read consistently.

use super::{Candidate, GroupLeaders, GroupTurn, has_rested};
use crate::ids::LetterId;
use crate::letters::letter::{Letter, Status};
use crate::time::Timestamp;

/// Rules by which letters of a group hold each other up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct GroupRules {
    /// A letter may go once the one before it was sent, whatever becomes of that.
    pub after_replayed: bool,
    /// A ledger says one day what became of a letter that was sent.
    pub kept: bool,
}

impl GroupRules {
    /// Returns true if a letter in this status holds up what comes after it in its group.
    #[must_use]
    pub const fn holds(self, status: Status) -> bool {
        match status {
            Status::Pending | Status::Replaying => true,
            Status::Replayed => !self.after_replayed,
            Status::Resolved | Status::Discarded => false,
        }
    }

    /// Returns true if a sent letter holds nobody up any more: without a ledger nobody says what became of it, and by now nothing
    /// returns.
    #[must_use]
    pub fn is_over(self, one: &Candidate, now: Timestamp) -> bool {
        one.status == Status::Replayed && !self.kept && one.due < now
    }

    /// Statuses whose letters are read to find the heads, in this order. PENDING is read first and last: a letter that comes
    /// back between two readings would be in none of them.
    pub fn read_for_heads(self) -> impl Iterator<Item = Status> {
        let open = [Status::Pending, Status::Replaying, Status::Replayed, Status::Pending];
        open.into_iter().filter(move |status| self.holds(*status))
    }
}

/// Letters of a FIFO queue, parted by whether their turn has come.
#[derive(Debug, Clone, Default)]
pub struct Parted {
    /// Letters that may go, as far as is known.
    pub first: Vec<Letter>,
    /// Letters that wait, each with the head of its group.
    pub behind: Vec<(Letter, LetterId)>,
}

/// Parts letters by the heads that the index shows, and by the letters themselves: the index may not know yet what these
/// are now.
#[must_use]
pub fn first_of_groups(letters: Vec<Letter>, known: &GroupLeaders, rules: GroupRules, now: Timestamp) -> Parted {
    let mut own = GroupLeaders::default();
    let holding = letters.iter().filter(|letter| rules.holds(letter.status));
    holding.map(Candidate::of).filter(|one| !rules.is_over(one, now)).for_each(|one| own.add(&one));
    let mut parted = Parted { first: Vec::with_capacity(letters.len()), behind: Vec::new() };
    for letter in letters {
        let head = own.before(&letter).or_else(|| known.before(&letter));
        match head.filter(|_| letter.status == Status::Pending) {
            Some(head) => parted.behind.push((letter, head)),
            None => parted.first.push(letter),
        }
    }
    parted
}

/// Single step of taking a group's turn.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TurnStep {
    /// The letter may go: it has no order, or its turn already.
    Goes,
    /// The letter waits, behind this one if that is known.
    Waits(Option<LetterId>),
    /// The turn of the letter's group is to be read, and then the letters before it: see [`TurnStep::decided`].
    Read,
    /// The turn is to be written: the letter goes if that succeeds.
    Write(GroupTurn),
}

impl TurnStep {
    /// First step: nothing was read yet.
    #[must_use]
    pub fn first(letter: &Letter, now: Timestamp) -> Self {
        let has_order = letter.group.is_some() && letter.sequence.is_some();
        if !has_order || letter.status != Status::Pending {
            Self::Goes
        } else if !has_rested(letter, now) {
            // What came before it may not be in the index yet.
            Self::Waits(None)
        } else {
            Self::Read
        }
    }

    /// Step after the group's turn was read, and each letter that it names before this one ([`GroupTurn::before`]).
    ///
    /// Rule R40 of docs/protocol.md.
    #[must_use]
    pub fn decided(
        letter: &Letter,
        found: Option<&GroupTurn>,
        before: &[(LetterId, Option<Candidate>)],
        rules: GroupRules,
        now: Timestamp,
    ) -> Self {
        let full = found.is_some_and(GroupTurn::is_full);
        let gone = |one: &Candidate| one.status == Status::Replayed && one.due == Timestamp::NEVER;
        let ended = |one: &Candidate| one.status == Status::Resolved || gone(one) || rules.is_over(one, now);
        let mut over = Vec::new();
        for (id, one) in before {
            match one {
                Some(one) if ended(one) => over.push(*id),
                Some(one) if rules.holds(one.status) => return Self::Waits(Some(one.id)),
                // It may come back: restored, dead again, or indexed only now.
                Some(Candidate { status: Status::Discarded, .. }) | None if full => over.push(*id),
                _ => {}
            }
        }
        match GroupTurn::of(letter, found, &over, now) {
            Some(turn) => Self::Write(turn),
            None => Self::Waits(before.first().map(|(id, _)| *id)),
        }
    }

    /// Step after the write was refused because of what is there instead; a lost answer shows the turn as it was written.
    #[must_use]
    pub fn refused(written: &GroupTurn, there: Option<&GroupTurn>) -> Self {
        if there == Some(written) { Self::Goes } else { Self::Waits(None) }
    }
}

#[cfg(test)]
mod tests;
