//! Passes over letters, in several lanes: over an index, or over those that are named.

use std::sync::atomic::{AtomicUsize, Ordering};

use redrive_core::ids::LetterId;
use redrive_core::ports::Unavailable;
use redrive_core::replay::Filter;

use super::lane::{Lane, STEP};
use super::task::{Pass, Passed};
use crate::replay::ports::ReplayPorts;
use crate::replay::scan::lanes::{AT_ONCE, Scan};
use redrive_core::letters::listing::Listing;

/// Walks a part of an index, shard by shard and page by page, and takes the step with what fits. With what was done until the index
/// did not answer, if it did not.
pub(super) async fn over_index<P: ReplayPorts>(
    pass: Pass<'_, P>,
    listing: Listing<'_>,
    wanted: Option<&Filter>,
) -> (Passed, Result<(), Unavailable>) {
    let scan = Scan::new(listing, &pass.pairs.letters, &pass.pairs.world);
    let mut lanes: Vec<_> = (0..AT_ONCE).map(|_| Lane::new(pass)).collect();
    let ended = futures_util::future::join_all(lanes.iter_mut().map(|lane| lane.lanes(&scan, wanted))).await;
    let nothing = Passed::nothing(pass.pairs.pairs.len());
    let passed = lanes.into_iter().map(Lane::account).fold(nothing, Passed::and);
    (passed, ended.into_iter().collect())
}

/// Takes the step with these letters, in as many lanes as they fill.
pub(super) async fn over_ids<P: ReplayPorts>(pass: Pass<'_, P>, ids: &[LetterId]) -> Passed {
    let (chunks, taken): (Vec<_>, _) = (ids.chunks(STEP).collect(), AtomicUsize::new(0));
    let next = || chunks.get(taken.fetch_add(1, Ordering::Relaxed)).copied();
    let mut lanes: Vec<_> = chunks.iter().take(AT_ONCE).map(|_| Lane::new(pass)).collect();
    futures_util::future::join_all(lanes.iter_mut().map(|lane| lane.ids(next))).await;
    let nothing = Passed::nothing(pass.pairs.pairs.len());
    lanes.into_iter().map(Lane::account).fold(nothing, Passed::and)
}
