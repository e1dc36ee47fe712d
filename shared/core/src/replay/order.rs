//! The order of a FIFO queue: of each message group one letter is under way at a time, the earliest first.

use std::collections::BTreeMap;

use super::Candidate;
use crate::ids::{LetterId, QueueArn};
use crate::letters::letter::{Letter, Status};
use crate::time::Timestamp;

/// Heads of the message groups: of each the first letter among those that are not final.
#[derive(Debug, Clone, Default)]
pub struct GroupLeaders(BTreeMap<String, (GroupPosition, LetterId)>);

/// SQS's sequence number: 20 digits, more of them the later.
pub(super) type GroupPosition = (usize, String);

impl GroupLeaders {
    /// Counts a letter in that is PENDING, REPLAYING or REPLAYED: a DISCARDED one holds nobody up, and a RESOLVED one
    /// has had its turn. So has one that went to another queue: REPLAYED is final there.
    pub fn add(&mut self, open: &Candidate) {
        if open.status == Status::Replayed && open.due == Timestamp::NEVER {
            return;
        }
        let (Some(group), Some(sequence)) = (&open.group, &open.sequence) else { return };
        let here = (place(sequence), open.id);
        let head = self.0.entry(group.clone()).or_insert_with(|| here.clone());
        if here < *head {
            *head = here;
        }
    }

    /// Returns true if a letter may go: it is the first of its group, or none is known to be. A letter without group or
    /// sequence number has no order.
    ///
    /// Rule R40 of docs/protocol.md.
    #[must_use]
    pub fn lets(&self, letter: &Letter) -> bool {
        self.before(letter).is_none()
    }

    /// The head of a group.
    #[must_use]
    pub fn of(&self, group: &str) -> Option<LetterId> {
        self.0.get(group).map(|(_, head)| *head)
    }

    /// Returns true if a letter has a place among these: it is the head of its group, or comes after that. A letter
    /// that came later has none, as a rule.
    #[must_use]
    pub fn knows(&self, letter: &Letter) -> bool {
        let (Some(group), Some(sequence)) = (&letter.group, &letter.sequence) else { return true };
        self.0.get(group).is_some_and(|(head, _)| *head <= place(sequence))
    }

    /// Returns the letter that this one waits for. Of two at one place the lower id comes first.
    #[must_use]
    pub fn before(&self, letter: &Letter) -> Option<LetterId> {
        let (group, sequence) = (letter.group.as_ref()?, letter.sequence.as_ref()?);
        let (head, id) = self.0.get(group)?;
        ((head, id) < (&place(sequence), &letter.id)).then_some(*id)
    }
}

pub(super) fn place(sequence: &str) -> GroupPosition {
    let digits = sequence.trim_start_matches('0');
    (digits.len(), digits.to_owned())
}

/// Returns true for a queue that keeps an order.
#[must_use]
pub fn is_fifo(queue: &QueueArn) -> bool {
    queue.as_str().ends_with(".fifo")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::replay::consent::tests::letter as any;

    fn letter(n: u8, group: &str, sequence: &str) -> Letter {
        let letter = any(Timestamp::from_millis(1), "c");
        let origin = crate::ids::MessageId::new(format!("m-{n}")).unwrap();
        let id = LetterId::derive(&letter.source, &origin);
        Letter { id, origin, group: Some(group.to_owned()), sequence: Some(sequence.to_owned()), ..letter }
    }

    #[test]
    fn only_the_earliest_open_letter_of_a_group_goes_and_groups_do_not_wait_for_each_other() {
        let letters = [letter(1, "a", "100"), letter(2, "a", "99"), letter(3, "a", "0098"), letter(4, "b", "7")];
        let mut heads = GroupLeaders::default();
        letters.iter().for_each(|letter| heads.add(&Candidate::of(letter)));
        assert_eq!(letters.each_ref().map(|letter| heads.lets(letter)), [false, false, true, true]);
        assert!(heads.lets(&letter(5, "c", "1")), "nobody else is known there");
        assert!(heads.lets(&letter(6, "a", "97")), "the index has not seen it yet");
        assert!(heads.lets(&Letter { sequence: None, ..letter(7, "a", "100") }));
        assert_eq!(heads.before(&letters[0]), Some(letters[2].id));
        assert_eq!((heads.of("a"), heads.of("c")), (Some(letters[2].id), None));
        let known =
            [&letters[0], &letters[2], &letter(5, "c", "1"), &letter(6, "a", "97")].map(|letter| heads.knows(letter));
        assert_eq!(known, [true, true, false, false]);
    }

    #[test]
    fn of_two_letters_at_one_place_one_goes_first() {
        let mut two = [letter(1, "a", "9"), letter(2, "a", "9")];
        two.sort_by_key(|letter| letter.id);
        for known in [&two[..], &two[..1]] {
            let mut heads = GroupLeaders::default();
            known.iter().for_each(|letter| heads.add(&Candidate::of(letter)));
            assert_eq!(two.each_ref().map(|letter| heads.before(letter)), [None, Some(two[0].id)]);
        }
        let mut heads = GroupLeaders::default();
        heads.add(&Candidate::of(&two[1]));
        assert_eq!(heads.before(&two[0]), None);
    }

    #[test]
    fn what_was_sent_holds_up_its_group_until_its_outcome_can_come_no_more_unless_it_went_to_another_queue() {
        for (due, holds) in [(Timestamp::from_millis(9), true), (Timestamp::NEVER, false)] {
            let mut heads = GroupLeaders::default();
            heads.add(&Candidate::of(&Letter { status: Status::Replayed, due, ..letter(1, "a", "1") }));
            heads.add(&Candidate::of(&letter(2, "a", "2")));
            assert_eq!(heads.lets(&letter(2, "a", "2")), !holds, "{due:?}");
        }
    }
}
