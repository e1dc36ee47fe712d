//! Checks that a request may be carried out at all, before anything is touched.

use std::collections::BTreeSet;

use redrive_core::ids::QueueArn;
use redrive_core::replay::Selection;

use super::error::ReplayError;
use super::queue_pairs::QueuePairs;
use crate::replay::ports::{PairOf, ReplayPorts};

/// Pairs whose letters a selection may mean.
fn pairs_of<'a, P: ReplayPorts>(
    pairs: &'a QueuePairs<P>,
    source: Option<&'a QueueArn>,
) -> impl Iterator<Item = &'a PairOf<P>> {
    pairs.pairs.iter().filter(move |pair| source.is_none_or(|source| source == pair.source()))
}

/// Checks that the destination is listed for any of the pairs that may be meant. The letters of those for which it is not are left
/// alone, and counted.
pub(super) fn may_send<P: ReplayPorts>(
    pairs: &QueuePairs<P>,
    selection: &Selection,
    to: Option<&QueueArn>,
) -> Result<(), ReplayError> {
    let Some(to) = to else { return Ok(()) };
    let source = selection.source();
    let outboxes: Vec<_> = pairs_of(pairs, source).map(|pair| pair.outbox_to(Some(to))).collect();
    // Of a queue that is not configured something else is said.
    let may = outboxes.is_empty() || outboxes.iter().any(Option::is_some);
    if may { Ok(()) } else { Err(not_a_destination(pairs, source)) }
}

/// Checks that any of the pairs that may be meant has its dead-letter queue to itself.
pub(super) fn may_eject<P: ReplayPorts>(pairs: &QueuePairs<P>, selection: &Selection) -> Result<(), ReplayError> {
    let source = selection.source();
    let listed = source.is_none_or(|source| pairs.place_of(source).is_some());
    let may = pairs_of(pairs, source).any(|pair| pair.dead_letters.is_some());
    if may || !listed { Ok(()) } else { Err(ReplayError::InCustody) }
}

/// Refusal of a request for letters of a queue that is not configured.
pub(super) fn not_listed<P: ReplayPorts>(pairs: &QueuePairs<P>) -> ReplayError {
    ReplayError::NotListed(pairs.pairs.iter().map(|pair| pair.source().clone()).collect())
}

/// Refusal of letters that are to go to another queue, of this source or of any.
pub(super) fn not_a_destination<P: ReplayPorts>(pairs: &QueuePairs<P>, source: Option<&QueueArn>) -> ReplayError {
    let others = pairs_of(pairs, source).flat_map(|pair| &pair.destinations).map(|other| other.arn.clone());
    let unique: BTreeSet<_> = others.collect();
    ReplayError::NotADestination(unique.into_iter().collect())
}
