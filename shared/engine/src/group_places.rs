//! Places of letters in the groups of FIFO queues: entered before a letter waits, so that whoever asks for a turn finds it there,
//! whatever an index shows.

use std::collections::{BTreeMap, HashSet};

use redrive_core::ids::LetterId;
use redrive_core::letters::letter::Letter;
use redrive_core::ports::{Turns, Unavailable, WriteError};
use redrive_core::replay::{GroupTurn, is_fifo};
use redrive_core::time::Timestamp;
use tracing::warn;

use crate::rounds::ROUNDS;

/// Enters letters that are to wait in the turns of their groups. Returns those that could not be entered, and that must not be
/// written. What is of no FIFO queue needs no place.
///
/// Rule R40 of docs/protocol.md.
pub(crate) async fn enter<'a>(
    table: &impl Turns,
    letters: impl Iterator<Item = &'a Letter>,
    now: Timestamp,
) -> HashSet<LetterId> {
    let mut groups: BTreeMap<_, Vec<&Letter>> = BTreeMap::new();
    for letter in letters.filter(|letter| is_fifo(&letter.source) && letter.sequence.is_some()) {
        if let Some(group) = &letter.group {
            groups.entry((&letter.source, group)).or_default().push(letter);
        }
    }
    let mut left = HashSet::new();
    let entered = groups.values().map(|letters| enter_group(table, letters, now));
    for (letters, entered) in groups.values().zip(futures_util::future::join_all(entered).await) {
        if let Err(error) = entered {
            warn!(%error, count = letters.len(), "letters were not entered in their group, and so not written");
            left.extend(letters.iter().map(|letter| letter.id));
        }
    }
    left
}

async fn enter_group(table: &impl Turns, letters: &[&Letter], now: Timestamp) -> Result<(), Unavailable> {
    let Some((first, group)) = letters.first().and_then(|first| Some((first, first.group.as_ref()?))) else {
        return Ok(());
    };
    for _ in 0..ROUNDS {
        let found = table.turn(&first.source, group).await?;
        let Some(next) = GroupTurn::entered(letters, found.as_ref(), now) else { return Ok(()) };
        match table.write_turn(next.clone()).await {
            Ok(()) => return Ok(()),
            // A lost answer.
            Err(WriteError::Condition(Some(there))) if *there == next => return Ok(()),
            Err(WriteError::Condition(_)) => {}
            Err(WriteError::Unavailable(error)) => return Err(error),
        }
    }
    let why = "others write it all the time".to_owned();
    Err(Unavailable { service: "dead-letter table", action: "write a group's turn", why })
}
