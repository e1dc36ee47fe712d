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

impl GroupTurn {
    /// Returns the letters of the group that stand before this one.
    #[must_use]
    pub fn before(&self, letter: &Letter) -> Vec<LetterId> {
        let Some(sequence) = &letter.sequence else { return Vec::new() };
        let own: GroupPosition = place(sequence);
        let earlier = |(id, at): &&(LetterId, String)| *id != letter.id && place(at) <= own;
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

    /// Returns the turn with these letters of its group entered. `None` if nothing is to be written: each is named, or stands behind
    /// as many as a turn names.
    #[must_use]
    pub fn entered(letters: &[&Letter], found: Option<&Self>, now: Timestamp) -> Option<Self> {
        let open = found.map_or_else(Vec::new, |turn| turn.under_way.clone());
        let next = Self::with(open, letters, found, now)?;
        found.is_none_or(|found| found.under_way != next.under_way).then_some(next)
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
    fn what_begins_to_wait_is_entered_once_and_the_first_of_a_group_are_named() {
        let now = Timestamp::from_millis(1_000);
        let [first, second] = [letter(9), letter(10)];
        let turn = GroupTurn::entered(&[&second, &first], None, now).unwrap();
        assert_eq!((turn.version, turn.before(&second)), (1, vec![first.id]));
        assert_eq!(GroupTurn::entered(&[&first], Some(&turn), now), None, "nothing is to be written");
        let early = GroupTurn::entered(&[&letter(1)], Some(&turn), now).unwrap();
        assert_eq!((early.version, early.before(&first)), (2, vec![letter(1).id]));
        let moved = Letter { sequence: Some("11".to_owned()), ..letter(9) };
        let turn = GroupTurn::entered(&[&moved], Some(&turn), now).unwrap();
        assert_eq!(
            (turn.before(&second), turn.before(&moved)),
            (vec![], vec![second.id]),
            "never each behind the other"
        );
        let many: Vec<_> = (1..=60).map(letter).collect();
        let many = GroupTurn::entered(&many.iter().collect::<Vec<_>>(), None, now).unwrap();
        assert!(many.is_full() && GroupTurn::entered(&[&letter(61)], Some(&many), now).is_none());
        assert_eq!(GroupTurn::entered(&[&Letter { sequence: None, ..letter(1) }], Some(&many), now), None);
    }
}
