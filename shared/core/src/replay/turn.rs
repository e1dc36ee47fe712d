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
/// Limit of remembered letters of a group that were sent, and of which nothing final was read.
const UNDER_WAY: usize = 20;
/// Time for which a turn is remembered after its last letter began: longer than anything returns from a queue.
const RETENTION: Duration = Duration::from_secs(90 * 24 * 3600);

/// A group of a FIFO queue, and its letters that were claimed and not found final since. Whoever claims one of the group writes that
/// here first, under the condition that nobody else has.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct GroupTurn {
    /// Source queue of the group.
    pub source: QueueArn,
    /// Name of the message group.
    pub group: String,
    /// Letters under way, with their sequence numbers.
    pub under_way: Vec<(LetterId, String)>,
    /// Time of deletion by DynamoDB.
    pub expires: Timestamp,
    /// Version, incremented by every write.
    pub version: u64,
}

impl GroupTurn {
    /// Returns the letters under way that stand before this one.
    #[must_use]
    pub fn before(&self, letter: &Letter) -> Vec<LetterId> {
        let Some(sequence) = &letter.sequence else { return Vec::new() };
        let own: GroupPosition = place(sequence);
        let earlier = |(id, at): &&(LetterId, String)| *id != letter.id && place(at) <= own;
        self.under_way.iter().filter(earlier).map(|(id, _)| *id).collect()
    }

    /// The turn of this letter, after what was read of its group (`None`: nothing is there). `over`: what was found final. `None` for
    /// a letter without a place.
    #[must_use]
    pub fn of(letter: &Letter, found: Option<&Self>, over: &[LetterId], now: Timestamp) -> Option<Self> {
        let (group, sequence) = (letter.group.clone()?, letter.sequence.clone()?);
        let mut under_way = found.map_or_else(Vec::new, |turn| turn.under_way.clone());
        under_way.retain(|(id, _)| *id != letter.id && !over.contains(id));
        under_way.push((letter.id, sequence));
        under_way.sort_by_key(|(_, at)| place(at));
        // The first ones hold up the others.
        under_way.truncate(UNDER_WAY);
        let version = found.map_or(1, |turn| turn.version + 1);
        let expires = now.after(RETENTION).whole_seconds();
        Some(Self { source: letter.source.clone(), group, under_way, expires, version })
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
        let many = (1..=30)
            .fold(None, |turn: Option<GroupTurn>, n| GroupTurn::of(&letter(n), turn.as_ref(), &[], now))
            .unwrap();
        assert_eq!((many.under_way.len(), many.before(&letter(2))), (UNDER_WAY, vec![letter(1).id]));
    }
}
