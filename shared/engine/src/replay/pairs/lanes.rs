//! The walk through an index: several shards at once.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};

use redrive_core::letters::letter::SHARDS;
use redrive_core::ports::{Clock, Unavailable};
use redrive_core::replay::{Candidate, Filter};
use redrive_core::time::Timestamp;

use super::{Listing, Reports, Step, Walk};
use crate::replay::Ports;
use crate::replay::walk::SKEW;
use crate::roll;

/// How many shards are walked at once: while one lane waits for an answer, the other works. They share no letter, and so are no
/// more to each other than two runs at the same time.
const LANES: usize = 2;

/// So many letters of a shard the ledger is asked about in every run; about those of a larger one when its turn comes, or the price
/// of letters for which nobody does anything would be theirs.
const FEW: usize = 20;

/// The shard whose turn it is, by the minute. Each comes within 20 runs that are a minute apart, and within 70 that are up to an hour
/// apart: the plain minute would never come to some shards of a schedule of, say, sixteen minutes. The factor was found by search.
fn turn(now: Timestamp) -> u8 {
    let minute = u32::try_from(now.as_secs() / 60).unwrap_or_default();
    let spread = minute.wrapping_mul(0xC9E9_C617) >> (u32::BITS - u32::from(SHARDS).ilog2());
    u8::try_from(spread).unwrap_or_default()
}

/// What every lane looks for, and which shard is the next that nobody has taken.
struct Search<'a> {
    listing: Listing<'a>,
    wanted: Option<&'a Filter>,
    step: Step<'a>,
    by_then: Timestamp,
    first: u8,
    taken: AtomicU8,
    /// The shard of which the ledger is asked about all letters, however many.
    turn: u8,
}

impl Search<'_> {
    fn next_shard(&self) -> Option<u8> {
        let n = self.taken.fetch_add(1, Ordering::Relaxed);
        (n < SHARDS).then(|| (self.first + n) % SHARDS)
    }
}

impl<P: Ports> Walk<'_, P> {
    /// Walks a part of an index, shard by shard and page by page, and takes the step with what fits. The index is
    /// only a list of candidates: every step reads the letter itself and writes under a condition. It starts anywhere, so
    /// that a run which always ends too early does not always leave out the same shards.
    pub(super) async fn each(
        &mut self,
        listing: Listing<'_>,
        wanted: Option<&Filter>,
        step: Step<'_>,
    ) -> Result<(), Unavailable> {
        let first = u8::try_from(roll(&self.first.world) % u64::from(SHARDS)).unwrap_or_default();
        let by_then = self.first.world.now().after(SKEW);
        let turn = turn(self.first.world.now());
        let search = Search { listing, wanted, step, by_then, first, taken: AtomicU8::new(0), turn };
        let mut lanes: Vec<_> = (0..LANES).map(|_| self.lane()).collect();
        let ended = futures_util::future::join_all(lanes.iter_mut().map(|lane| lane.shards(&search))).await;
        lanes.into_iter().for_each(|lane| self.join(lane));
        ended.into_iter().collect()
    }

    /// A lane of this walk, with an account of its own.
    fn lane(&self) -> Self {
        let mut reports = Reports::none(self.pairs.len());
        for (lane, walk) in reports.pairs.iter_mut().zip(&self.reports.pairs) {
            lane.tally = walk.tally.as_ref().map(|_| Default::default());
        }
        Self {
            reports,
            strangers: HashMap::new(),
            back: HashSet::new(),
            resting: Arc::clone(&self.resting),
            cut: false,
            ..*self
        }
    }

    /// Adds a lane's account.
    fn join(&mut self, lane: Self) {
        let Self { reports, strangers, cut, .. } = lane;
        self.reports.rest.add(&reports.rest);
        self.reports.pairs.iter_mut().zip(&reports.pairs).for_each(|(walk, lane)| walk.add(lane));
        self.strangers.extend(strangers);
        self.cut |= cut;
    }

    /// Walks shards until none is left.
    async fn shards(&mut self, search: &Search<'_>) -> Result<(), Unavailable> {
        while let Some(shard) = search.next_shard() {
            self.back.clear();
            let mut after = None;
            loop {
                if !self.first.time_left(self.deadline) {
                    self.reports.rest.more = true;
                    return Ok(());
                }
                let page = self.first.page(search.listing, shard, after).await?;
                let few = after.is_none() && page.next.is_none() && page.candidates.len() <= FEW;
                self.candidates(page.candidates, search, few || shard == search.turn).await;
                if self.reports.rest.more {
                    return Ok(());
                }
                if self.all_rest() {
                    self.cut = true;
                    return Ok(());
                }
                let Some(next) = page.next else { break };
                after = Some(next);
            }
        }
        Ok(())
    }

    /// Takes the step with what fits of one page.
    async fn candidates(&mut self, mut page: Vec<Candidate>, search: &Search<'_>, turn: bool) {
        let Search { wanted, step, by_then, .. } = *search;
        page.retain(|one| wanted.is_none_or(|filter| filter.fits(one)) && self.has_a_turn(one, step, by_then));
        for (place, chunk) in self.chunks(page, step, turn).await {
            if place.is_some_and(|place| self.rests(place)) {
                continue;
            }
            self.step(&chunk, step).await;
            if self.reports.rest.more {
                return;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn each_shard_has_its_turn_before_long_however_far_the_runs_are_apart() {
        let within = |runs: u64, minutes: u64| {
            for start in (0..4_096).step_by(61) {
                let at = |run: u64| Timestamp::from_millis((start + run * minutes) * 60_000);
                let turns: BTreeSet<_> = (0..runs).map(|run| turn(at(run))).collect();
                assert_eq!(turns.len(), usize::from(SHARDS), "{minutes} minutes, {runs} runs: {turns:?}");
            }
        };
        within(20, 1);
        (1..=60).for_each(|minutes| within(70, minutes));
    }
}
