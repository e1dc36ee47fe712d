//! The order of a FIFO queue's groups: what is read for core's decisions about it.

use std::sync::Arc;

use redrive_core::letters::letter::{Letter, Status};
use redrive_core::ports::{Letters, Turns, Unavailable, WriteError};
use redrive_core::replay::{Candidate, GroupLeaders, GroupRules, TurnStep, is_fifo};
use redrive_core::replay::{Parted, first_of_groups as part};
use tracing::warn;

use super::request::Terms;
use crate::replay::context::PairContext;
use crate::replay::letter_update::{Behind, LetterOutcome, LetterUpdate, Stage, each};
use crate::replay::pair_memory::HeadReading;
use crate::replay::ports::ReplayPorts;
use crate::replay::scan::lanes::PAGE;
use redrive_core::letters::listing::{Cursor, Listing};

/// Reads which letters of a FIFO queue stand first in their groups, as far as the index knows. What was sent and marked holds up
/// what comes after it until its outcome is known, unless somebody asked for it not to. `None` for any other queue.
pub(crate) async fn heads<P: ReplayPorts>(
    context: PairContext<'_, P>,
    letters: &[Letter],
    after_replayed: bool,
) -> Result<Option<Arc<GroupLeaders>>, Unavailable> {
    if !is_fifo(context.pair.source()) {
        return Ok(None);
    }
    let (at, memory) = (context.now(), &context.memory.heads);
    if let Some(heads) = memory.recall(letters, after_replayed, at) {
        return Ok(Some(heads));
    }
    let (mut heads, rules) = (GroupLeaders::default(), context.group_rules(after_replayed));
    for status in rules.read_for_heads() {
        read_heads(context, status, rules, &mut heads).await?;
    }
    let heads = Arc::new(heads);
    let took = context.now().since(at);
    memory.keep(HeadReading { at, took, after_replayed, heads: Arc::clone(&heads) });
    Ok(Some(heads))
}

async fn read_heads<P: ReplayPorts>(
    context: PairContext<'_, P>,
    status: Status,
    rules: GroupRules,
    heads: &mut GroupLeaders,
) -> Result<(), Unavailable> {
    let add = |one: Candidate| {
        // Another queue's group of the same name is another group.
        if one.source == *context.pair.source() && !rules.is_over(&one, context.now()) {
            heads.add(&one);
        }
    };
    context.letters.scan_all(Listing::all(status), Cursor::START, PAGE, add).await
}

/// Leaves out those whose turn has not come, as far as the index knows.
pub(super) async fn first_of_groups<P: ReplayPorts>(
    context: PairContext<'_, P>,
    terms: Terms<'_>,
    letters: Vec<Letter>,
) -> Stage<Letter> {
    let known = match heads(context, &letters, terms.after_replayed()).await {
        Ok(None) => return Stage::all(letters),
        Ok(Some(heads)) => heads,
        Err(error) => {
            warn!(%error, count = letters.len(), "first letters of message groups could not be read; nothing was sent");
            let ended = each(letters.iter().map(|letter| letter.id), &LetterOutcome::Unavailable);
            return Stage { going: Vec::new(), ended };
        }
    };
    let Parted { first, behind } = part(letters, &known, context.group_rules(terms.after_replayed()), context.now());
    let ended = behind.into_iter().map(|(letter, head)| {
        let outcome = LetterOutcome::Behind { group: letter.group, by: Behind::Head(head) };
        LetterUpdate::of(letter.id, outcome)
    });
    Stage { going: first, ended: ended.collect() }
}

/// Leaves out those of a FIFO queue whose turn has not come, as what is read consistently shows; for the others it is written
/// down that they go. What is claimed already has its turn.
pub(super) async fn take_turns<P: ReplayPorts>(
    context: PairContext<'_, P>,
    terms: Terms<'_>,
    letters: Vec<Letter>,
) -> Stage<Letter> {
    if !is_fifo(context.pair.source()) {
        return Stage::all(letters);
    }
    let rules = context.group_rules(terms.after_replayed());
    let turns = letters.iter().map(|letter| take_turn(context, letter, rules));
    let turns = futures_util::future::join_all(turns).await;
    let mut stage = Stage::with_room_for(letters.len());
    for (letter, turn) in letters.into_iter().zip(turns) {
        match turn {
            Ok(TurnStep::Waits(head)) => {
                stage.end(letter.id, LetterOutcome::Behind { group: letter.group, by: Behind::Turn(head) });
            }
            Ok(_) => stage.going.push(letter),
            Err(error) => {
                warn!(letter_id = %letter.id, %error, "turn of its group is not known; it was not sent");
                stage.end(letter.id, LetterOutcome::Unavailable);
            }
        }
    }
    stage
}

/// Takes a group's turn for a letter: whether it goes or waits.
async fn take_turn<P: ReplayPorts>(
    context: PairContext<'_, P>,
    letter: &Letter,
    rules: GroupRules,
) -> Result<TurnStep, Unavailable> {
    let now = context.now();
    let first = TurnStep::first(letter, now);
    let (TurnStep::Read, Some(group)) = (&first, &letter.group) else { return Ok(first) };
    let found = context.letters.turn(&letter.source, group).await?;
    let ids = found.as_ref().map_or_else(Vec::new, |turn| turn.before(letter));
    let looks = context.letters.look(&ids).await?.into_iter().map(|look| look.map(|look| look.candidate));
    let before: Vec<_> = ids.into_iter().zip(looks).collect();
    let step = TurnStep::decided(letter, found.as_ref(), &before, rules, now);
    let TurnStep::Write(turn) = &step else { return Ok(step) };
    match context.letters.write_turn(turn.clone()).await {
        Ok(()) => Ok(TurnStep::Goes),
        Err(WriteError::Condition(there)) => Ok(TurnStep::refused(turn, there.as_deref())),
        Err(WriteError::Unavailable(error)) => Err(error),
    }
}
