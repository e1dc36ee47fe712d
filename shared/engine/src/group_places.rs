//! Places of letters in the groups of FIFO queues: entered before a letter waits, so that whoever asks for a turn finds it there,
//! whatever an index shows.

use std::collections::{BTreeMap, HashMap, HashSet};

use redrive_core::ids::LetterId;
use redrive_core::letters::letter::Letter;
use redrive_core::ports::{Turns, Unavailable, WriteError};
use redrive_core::replay::{Entered, Entering, GroupTurn, is_fifo};
use redrive_core::time::Timestamp;
use tracing::warn;

use crate::rounds::ROUNDS;

/// Result of entering letters in the turns of their groups.
#[derive(Debug, Default)]
pub(crate) struct Places {
    /// Letters that could not be entered, and that must not be written.
    pub(crate) left: HashSet<LetterId>,
    given: HashMap<LetterId, String>,
}

impl Places {
    /// Returns the letter with the place that it was given, if that is not its own.
    pub(crate) fn placed(&self, letter: Letter) -> Letter {
        match self.given.get(&letter.id) {
            Some(given) => Letter { sequence: Some(given.clone()), ..letter },
            None => letter,
        }
    }
}

/// Enters letters that are to wait in the turns of their groups. What is of no FIFO queue needs no place.
///
/// Rule R40 of docs/protocol.md.
pub(crate) async fn enter<'a>(
    table: &impl Turns,
    letters: impl Iterator<Item = Entering<'a>>,
    now: Timestamp,
) -> Places {
    let mut groups: BTreeMap<_, Vec<Entering<'_>>> = BTreeMap::new();
    for entering in letters.filter(|entering| is_fifo(&entering.letter.source) && entering.letter.sequence.is_some()) {
        if let Some(group) = &entering.letter.group {
            groups.entry((&entering.letter.source, group)).or_default().push(entering);
        }
    }
    let mut places = Places::default();
    let entered = groups.values().map(|letters| enter_group(table, letters, now));
    for (letters, entered) in groups.values().zip(futures_util::future::join_all(entered).await) {
        match entered {
            Ok(given) => places.given.extend(given),
            Err(error) => {
                warn!(%error, count = letters.len(), "letters were not entered in their group, and so not written");
                places.left.extend(letters.iter().map(|entering| entering.letter.id));
            }
        }
    }
    places
}

async fn enter_group(
    table: &impl Turns,
    letters: &[Entering<'_>],
    now: Timestamp,
) -> Result<Vec<(LetterId, String)>, Unavailable> {
    let Some((first, group)) = letters.first().and_then(|first| Some((first.letter, first.letter.group.as_ref()?)))
    else {
        return Ok(Vec::new());
    };
    for _ in 0..ROUNDS {
        let found = table.turn(&first.source, group).await?;
        let Entered { turn, given } = GroupTurn::entered(letters, found.as_ref(), now);
        let Some(next) = turn else { return Ok(given) };
        match table.write_turn(next.clone()).await {
            Ok(()) => return Ok(given),
            // A lost answer.
            Err(WriteError::Condition(Some(there))) if *there == next => return Ok(given),
            Err(WriteError::Condition(_)) => {}
            Err(WriteError::Unavailable(error)) => return Err(error),
        }
    }
    let why = "others write it all the time".to_owned();
    Err(Unavailable { service: "dead-letter table", action: "write a group's turn", why })
}
