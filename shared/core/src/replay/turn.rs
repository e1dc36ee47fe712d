//! Turn of a letter in its message group, as an item that is read consistently. An index is late, and shows a letter
//! that moves in neither of its places for a while.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::order::{GroupPosition, place};
use crate::ids::{LetterId, QueueArn};
use crate::letters::letter::Letter;
use crate::time::Timestamp;

/// Time for which a FIFO queue's letter rests after its last change before it may go: what was indexed before it stands
/// in the index by then. DynamoDB's indexes are behind by a second as a rule, and longer under load.
pub const REST: Duration = Duration::from_secs(30);
/// Limit of letters of a group that its turn names: the first ones.
const OPEN: usize = 50;
/// Time for which a turn is remembered after its last letter began: longer than anything returns from a queue.
const RETENTION: Duration = Duration::from_secs(90 * 24 * 3600);

/// A group of a FIFO queue, and the first of its letters that are not found final. Whoever makes a letter wait (indexes it, adds a death,
/// restores it) enters it here first. Whoever claims one writes it here first, too, under the condition that nobody else has written.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct GroupTurn {
    /// Source queue of the group.
    pub source: QueueArn,
    /// Name of the message group.
    pub group: String,
    /// Letters with their sequence numbers: those that wait or are under way, and some that are final.
    pub under_way: Vec<(LetterId, String)>,
    /// Time of deletion by DynamoDB.
    pub expires: Timestamp,
    /// Version, incremented by every write.
    pub version: u64,
}

/// A letter that is about to wait in its group.
#[derive(Debug, Clone, Copy)]
pub struct Entering<'a> {
    /// Letter as it is to be written.
    pub letter: &'a Letter,
    /// Sequence number of the letter that it replaces; `None` if there is none.
    pub former: Option<&'a str>,
}

/// Group's turn after letters were entered, and the places that they were given.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Entered {
    /// Turn to write; `None` if nothing changes: each letter is named, or stands behind as many as a turn names.
    pub turn: Option<GroupTurn>,
    /// Letters that stand at another place than their own sequence number: somebody entered them meanwhile, from another message
    /// of the same letter. Whoever writes such a letter writes this place with it, or it would wait for letters that wait for it.
    pub given: Vec<(LetterId, String)>,
}

impl GroupTurn {
    /// Returns the letters of the group that stand before this one. Of two at one place, as one dead message may have that was indexed
    /// twice, the lower id comes first: neither waits for the other for ever.
    #[must_use]
    pub fn before(&self, letter: &Letter) -> Vec<LetterId> {
        let Some(sequence) = &letter.sequence else { return Vec::new() };
        let own: (GroupPosition, LetterId) = (place(sequence), letter.id);
        let earlier = |(id, at): &&(LetterId, String)| *id != letter.id && (place(at), *id) < own;
        self.under_way.iter().filter(earlier).map(|(id, _)| *id).collect()
    }

    /// Returns the turn of this letter, after what was read of its group (`None`: nothing is there), without those found final (`over`).
    /// `None` for a letter without a place, or behind more letters than a turn names.
    #[must_use]
    pub fn of(letter: &Letter, found: Option<&Self>, over: &[LetterId], now: Timestamp) -> Option<Self> {
        let mut open = found.map_or_else(Vec::new, |turn| turn.under_way.clone());
        open.retain(|(id, _)| *id != letter.id && !over.contains(id));
        let next = Self::with(open, &[letter], found, now)?;
        next.under_way.iter().any(|(id, _)| *id == letter.id).then_some(next)
    }

    /// Returns the turn with these letters of its group entered. The place that somebody gave a letter meanwhile stays: the write of
    /// one of the two will be refused, and must not move the letter behind others.
    ///
    /// Rule R40 of docs/protocol.md.
    #[must_use]
    pub fn entered(letters: &[Entering<'_>], found: Option<&Self>, now: Timestamp) -> Entered {
        let open = found.map_or_else(Vec::new, |turn| turn.under_way.clone());
        let given: Vec<_> = letters.iter().filter_map(|entering| entering.given(&open)).collect();
        let own = letters.iter().map(|entering| entering.letter);
        let moved: Vec<_> = own.filter(|letter| given.iter().all(|(id, _)| *id != letter.id)).collect();
        let next = Self::with(open, &moved, found, now);
        let turn = next.filter(|next| found.is_none_or(|found| found.under_way != next.under_way));
        Entered { turn, given }
    }

    /// Returns true if there is no room for another letter: then those that hold up nobody make room.
    #[must_use]
    pub const fn is_full(&self) -> bool {
        self.under_way.len() >= OPEN
    }

    fn with(
        mut open: Vec<(LetterId, String)>,
        letters: &[&Letter],
        found: Option<&Self>,
        now: Timestamp,
    ) -> Option<Self> {
        let first = letters.first()?;
        let (source, group) = (first.source.clone(), first.group.clone()?);
        for letter in letters {
            let Some(sequence) = &letter.sequence else { continue };
            // One that came back and died again stands where its last message stood: named at its former place, it would wait for
            // letters that wait for it.
            open.retain(|(id, _)| *id != letter.id);
            open.push((letter.id, sequence.clone()));
        }
        open.sort_by_key(|(_, at)| place(at));
        // The first ones hold up the others.
        open.truncate(OPEN);
        let version = found.map_or(1, |turn| turn.version + 1);
        let expires = now.after(RETENTION).whole_seconds();
        Some(Self { source, group, under_way: open, expires, version })
    }
}

impl Entering<'_> {
    /// Returns the place at which the turn names this letter, if it is neither its own nor that of the letter that it replaces.
    fn given(&self, open: &[(LetterId, String)]) -> Option<(LetterId, String)> {
        let (_, named) = open.iter().find(|(id, _)| *id == self.letter.id)?;
        let known = [self.letter.sequence.as_deref(), self.former].contains(&Some(named.as_str()));
        (!known && self.letter.sequence.is_some()).then(|| (self.letter.id, named.clone()))
    }
}

/// Returns true if a letter has rested for so long that the index shows all that came before it.
#[must_use]
pub fn has_rested(letter: &Letter, now: Timestamp) -> bool {
    letter.history.last().is_none_or(|event| event.at.after(REST) < now)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ids::MessageId;
    use crate::replay::consent::tests::letter as any;

    fn letter(n: u8) -> Letter {
        let letter = any(Timestamp::from_millis(1), "c");
        let origin = MessageId::new(format!("m-{n}")).unwrap();
        let id = LetterId::derive(&letter.source, &origin);
        Letter { id, origin, group: Some("g".to_owned()), sequence: Some(n.to_string()), ..letter }
    }

    #[test]
    fn a_turn_remembers_who_went_until_that_is_found_final() {
        let now = Timestamp::from_millis(1_000);
        let first = GroupTurn::of(&letter(9), None, &[], now).unwrap();
        let second = GroupTurn::of(&letter(10), Some(&first), &[], now).unwrap();
        assert_eq!((first.version, second.version, second.before(&letter(9))), (1, 2, vec![]));
        assert_eq!(second.before(&letter(11)), [letter(9).id, letter(10).id], "by number, and not by text");
        let third = GroupTurn::of(&letter(11), Some(&second), &[letter(9).id], now).unwrap();
        assert_eq!(third.before(&letter(12)), [letter(10).id, letter(11).id]);
        let again = GroupTurn::of(&letter(11), Some(&third), &[], now).unwrap();
        assert_eq!(again.under_way, third.under_way, "once each");
        assert_eq!(GroupTurn::of(&Letter { sequence: None, ..letter(1) }, None, &[], now), None);
        let many = (1..=70)
            .fold(None, |turn: Option<GroupTurn>, n| GroupTurn::of(&letter(n), turn.as_ref(), &[], now).or(turn));
        let many = many.unwrap();
        assert_eq!((many.under_way.len(), many.before(&letter(2)), many.is_full()), (OPEN, vec![letter(1).id], true));
        assert_eq!(GroupTurn::of(&letter(71), Some(&many), &[], now), None, "it would not be remembered");
    }

    #[test]
    fn of_two_letters_at_one_place_one_goes_first() {
        let at_one = |n| Letter { sequence: Some("9".to_owned()), ..letter(n) };
        let mut two = [at_one(1), at_one(2)];
        two.sort_by_key(|letter| letter.id);
        let turn = GroupTurn::entered(&two.each_ref().map(new), None, Timestamp::from_millis(1)).turn.unwrap();
        assert_eq!(two.each_ref().map(|letter| turn.before(letter)), [vec![], vec![two[0].id]]);
    }

    fn new(letter: &Letter) -> Entering<'_> {
        Entering { letter, former: None }
    }

    #[test]
    fn what_begins_to_wait_is_entered_once_and_the_first_of_a_group_are_named() {
        let now = Timestamp::from_millis(1_000);
        let [first, second] = [letter(9), letter(10)];
        let turn = GroupTurn::entered(&[new(&second), new(&first)], None, now).turn.unwrap();
        assert_eq!((turn.version, turn.before(&second)), (1, vec![first.id]));
        assert_eq!(
            GroupTurn::entered(&[new(&first)], Some(&turn), now),
            Entered::default(),
            "nothing is to be written"
        );
        let early = GroupTurn::entered(&[new(&letter(1))], Some(&turn), now).turn.unwrap();
        assert_eq!((early.version, early.before(&first)), (2, vec![letter(1).id]));
        let many: Vec<_> = (1..=60).map(letter).collect();
        let many = GroupTurn::entered(&many.iter().map(new).collect::<Vec<_>>(), None, now).turn.unwrap();
        assert!(many.is_full() && GroupTurn::entered(&[new(&letter(61))], Some(&many), now).turn.is_none());
        let without = Letter { sequence: None, ..letter(1) };
        assert_eq!(GroupTurn::entered(&[new(&without)], Some(&many), now), Entered::default());
    }

    #[test]
    fn a_letter_that_died_again_moves_and_one_that_another_message_entered_meanwhile_stays() {
        let now = Timestamp::from_millis(1_000);
        let [first, second] = [letter(9), letter(10)];
        let turn = GroupTurn::entered(&[new(&first), new(&second)], None, now).turn.unwrap();
        let again = Letter { sequence: Some("11".to_owned()), ..letter(9) };
        let moved = GroupTurn::entered(&[Entering { letter: &again, former: Some("9") }], Some(&turn), now);
        assert_eq!(moved.given, []);
        let moved = moved.turn.unwrap();
        assert_eq!(
            (moved.before(&second), moved.before(&again)),
            (vec![], vec![second.id]),
            "never each behind the other"
        );
        // Another copy of the dead message: of a letter that is not yet there, and of one that died again.
        for (former, turn, at) in [(None, &turn, "9"), (Some("9"), &moved, "11")] {
            let copy = Letter { sequence: Some("12".to_owned()), ..letter(9) };
            let entered = GroupTurn::entered(&[Entering { letter: &copy, former }], Some(turn), now);
            assert_eq!(entered, Entered { turn: None, given: vec![(first.id, at.to_owned())] });
        }
    }
}
