//! Limits of the queues that letters go to: 1 MiB is SQS's limit of a message, and not every queue's.

use redrive_core::letters::letter::Letter;
use redrive_core::ports::Gauges;
use redrive_core::replay::{Fit, MESSAGE_LIMIT, Outgoing};
use tracing::warn;

use super::request::Terms;
use crate::replay::context::PairContext;
use crate::replay::letter_update::{LetterOutcome, Stage};
use crate::replay::pair_memory::TargetQueue;
use crate::replay::ports::ReplayPorts;

/// The most bytes of a message that the destination takes.
pub(super) async fn limit<P: ReplayPorts>(context: PairContext<'_, P>, terms: Terms<'_>) -> usize {
    limit_of(context, TargetQueue::to(terms.to), context.pair.gauges_of(terms.to)).await
}

/// The most bytes of a message that a queue takes. What does not say is taken to take what SQS takes: then SQS itself refuses
/// what is too large.
async fn limit_of<P: ReplayPorts>(context: PairContext<'_, P>, queue: TargetQueue, gauges: &P::Gauges) -> usize {
    let limits = &context.memory.limits;
    if let Some(limit) = limits.recall(&queue) {
        return limit;
    }
    let limit = match gauges.limit().await {
        Ok(limit) => limit,
        Err(error) => {
            warn!(%error, "queue did not say how large a message may be; 1 MiB is taken for it");
            MESSAGE_LIMIT
        }
    };
    limits.keep(queue, limit);
    limit
}

/// Leaves out what the destination is too small for. What is edited is looked at as it will be.
pub(super) async fn fitting<P: ReplayPorts>(
    context: PairContext<'_, P>,
    terms: Terms<'_>,
    open: Vec<Letter>,
) -> Stage<Letter> {
    if open.is_empty() {
        return Stage::all(open);
    }
    let limit = limit(context, terms).await;
    if terms.editing().is_some() {
        return Stage::all(open);
    }
    let mut stage = Stage::with_room_for(open.len());
    for letter in open {
        match too_large(&letter, terms, limit) {
            None => stage.going.push(letter),
            Some(outcome) => stage.end(letter.id, outcome),
        }
    }
    stage
}

/// Outcome of a letter that cannot go there as itself, or as a new one where somebody takes that upon himself. `None` if it can.
pub(super) fn too_large(letter: &Letter, terms: Terms<'_>, limit: usize) -> Option<LetterOutcome> {
    // At the largest queues everything was asked that is to be asked.
    if limit >= MESSAGE_LIMIT {
        return None;
    }
    let fit = Outgoing::fit(letter, limit, terms.consent.as_new || terms.to.is_some());
    refused(letter, fit, &TargetQueue::to(terms.to), limit)
}

/// Leaves out what the dead-letter queue is too small for. Answers with the rest, and with what that queue takes.
pub(super) async fn fitting_back<P: ReplayPorts>(
    context: PairContext<'_, P>,
    gauges: &P::Gauges,
    open: Vec<Letter>,
) -> (Stage<Letter>, usize) {
    if open.is_empty() {
        return (Stage::all(open), MESSAGE_LIMIT);
    }
    let limit = limit_of(context, TargetQueue::DeadLetters, gauges).await;
    let mut stage = Stage::with_room_for(open.len());
    for letter in open {
        match refused(&letter, Outgoing::fit_to_eject(&letter, limit), &TargetQueue::DeadLetters, limit) {
            None => stage.going.push(letter),
            Some(outcome) => stage.end(letter.id, outcome),
        }
    }
    (stage, limit)
}

fn refused(letter: &Letter, fit: Fit, queue: &TargetQueue, limit: usize) -> Option<LetterOutcome> {
    match fit {
        Fit::Fits => None,
        Fit::NoSlot => Some(LetterOutcome::NoAttributeSlot),
        Fit::TooLarge { bytes } => {
            warn!(letter_id = %letter.id, bytes, limit, "letter was not sent: its message is too large for the queue");
            let name = queue.name();
            let mend = "raise its MaximumMessageSize, or export the letter";
            Some(LetterOutcome::TooLarge {
                why: format!("message has {bytes} bytes, and {name} takes {limit}: {mend}"),
            })
        }
    }
}
