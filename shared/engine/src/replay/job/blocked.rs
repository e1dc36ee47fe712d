//! Letters of a job that stand behind others of their FIFO groups: what is read for core's decisions about them.

use std::collections::BTreeSet;
use std::sync::Arc;

use redrive_core::ids::LetterId;
use redrive_core::letters::letter::Letter;
use redrive_core::ports::{LedgerReader, Letters, Unavailable};
use redrive_core::replay::GroupLeaders;
use redrive_core::replay::job::{GroupHead, GroupQueue, Job, JobBatch, JobEntry};
use tracing::warn;

use crate::replay::context::PairContext;
use crate::replay::letter_update::{Behind, LetterOutcome, LetterUpdate};
use crate::replay::ports::ReplayPorts;
use crate::replay::reconcile::{found_out, known};
use crate::replay::transfer::fifo::heads;

/// Number of letters that are read at once.
const READ: usize = 20;

/// Heads of groups, and what became of those that were looked at.
#[derive(Debug, Default)]
pub(super) struct Looked<T> {
    pub(super) found: T,
    pub(super) updates: Vec<LetterUpdate>,
}

/// Heads of the groups in which letters of a job stand behind others; finds out what became of these, so that the next
/// ones need not wait for the schedule. Nothing is found if nothing stands behind another.
pub(super) async fn heads_of<P: ReplayPorts>(
    context: PairContext<'_, P>,
    job: &Job,
    open: &[JobBatch],
) -> Result<Looked<Option<Arc<GroupLeaders>>>, Unavailable> {
    if !GroupQueue::needs_heads(job, open) {
        return Ok(Looked::default());
    }
    let Some(heads) = heads(context, &[], job.guard.after_replayed).await? else { return Ok(Looked::default()) };
    let Looked { updates, .. } = look_at(context, GroupQueue::heads_to_ask(open, &heads)).await;
    Ok(Looked { found: Some(heads), updates })
}

/// Lines of letters that a transfer left out because their turn has not come.
pub(super) async fn lines_behind<P: ReplayPorts>(
    context: PairContext<'_, P>,
    queue: &GroupQueue,
    transferred: &[LetterUpdate],
) -> Looked<Vec<JobEntry>> {
    let behind = transferred.iter().filter_map(|one| match &one.outcome {
        LetterOutcome::Behind { group, by } => Some((one.letter, group.clone(), *by)),
        _ => None,
    });
    let behind: Vec<_> = behind.collect();
    let heads = behind.iter().filter_map(|(.., by)| match by {
        Behind::Head(head) if queue.gives_up() => Some(*head),
        _ => None,
    });
    let Looked { found: heads, updates } = look_at(context, heads.collect()).await;
    let now = context.now();
    let lines = behind.into_iter().map(|(letter, group, by)| match by {
        Behind::Head(head) => queue.line(letter, group, heads.iter().find(|found| found.id == head), now),
        Behind::Turn(head) => {
            let note = head.map(|head| format!("behind letter {head}"));
            JobEntry { note, ..queue.line(letter, group, None, now) }
        }
    });
    Looked { found: lines.collect(), updates }
}

/// Letters that stand before those of a job that has planned as many as it may.
#[derive(Debug)]
pub(super) enum Ahead {
    /// Some that it means, too, and has not come to.
    ToPlan(Vec<LetterId>),
    /// None that it means.
    Unowned(BTreeSet<LetterId>),
}

/// Reads what stands before the letters of a job that has planned as many as it may.
pub(super) async fn ahead<P: ReplayPorts>(
    context: PairContext<'_, P>,
    queue: &GroupQueue,
    (job, open): (&Job, &[JobBatch]),
) -> Result<Ahead, Unavailable> {
    let mut unowned = BTreeSet::new();
    for few in queue.heads_ahead(open).chunks(READ) {
        let letters: Vec<Letter> = context.letters.read(few).await?.into_iter().flatten().collect();
        let own = GroupQueue::ahead_of(job, &letters);
        if !own.is_empty() {
            return Ok(Ahead::ToPlan(own));
        }
        unowned.extend(letters.iter().map(|letter| letter.id));
    }
    Ok(Ahead::Unowned(unowned))
}

/// Reads what stands first, after the ledger was asked about it. What could not be read is left out.
async fn look_at<P: ReplayPorts>(context: PairContext<'_, P>, ids: BTreeSet<LetterId>) -> Looked<Vec<GroupHead>> {
    let ids: Vec<_> = ids.into_iter().collect();
    let mut looked = Looked { found: Vec::with_capacity(ids.len()), updates: Vec::new() };
    let kept = context.pair.ledger.is_kept();
    for few in ids.chunks(READ) {
        let read = async {
            let letters: Vec<_> = context.letters.read(few).await?.into_iter().flatten().collect();
            let known = if kept { known(context, &letters).await? } else { Vec::new() };
            Ok::<_, Unavailable>((letters, known))
        };
        let (letters, known) = match read.await {
            Ok(read) => read,
            Err(error) => {
                warn!(%error, count = few.len(), "letters could not be read; those behind them wait");
                continue;
            }
        };
        let done = |place: usize| known.get(place).is_some_and(|known| known.effect.is_some());
        let pending_counts = letters.iter().enumerate().filter(|(place, _)| !done(*place));
        looked.found.extend(pending_counts.map(|(_, letter)| GroupHead::of(letter)));
        if kept {
            looked.updates.extend(found_out(context, letters.into_iter().zip(known).collect()).await);
        }
    }
    looked
}
