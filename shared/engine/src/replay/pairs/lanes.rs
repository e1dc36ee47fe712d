//! The walk through a listing: several lanes of it at once.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use redrive_core::letters::listing::{Cursor, Listing};
use redrive_core::ports::{Clock, Letters, Unavailable};
use redrive_core::replay::{Candidate, Filter};
use redrive_core::time::Timestamp;

use super::{Reports, Step, Walk};
use crate::replay::walk::SKEW;
use crate::replay::{PAGE, Ports};
use crate::roll;

/// Number of lanes that are walked at once: while one waits for an answer, the other works. They share no letter, and so are no
/// more to each other than two runs at the same time.
const AT_ONCE: usize = 2;

/// So many letters of a lane the ledger is asked about in every run; about those of a larger one when its turn comes, or the price
/// of letters for which nobody does anything would be theirs.
const FEW: usize = 20;

/// The one of so many lanes whose turn it is, by the minute. Of sixteen each comes within 20 runs that are a minute apart, and within
/// 70 that are up to an hour apart: the plain minute would never come to some lanes of a schedule of, say, sixteen minutes. The factor
/// was found by search.
fn turn(now: Timestamp, lanes: usize) -> usize {
    let minute = u32::try_from(now.as_secs() / 60).unwrap_or_default();
    let spread = u64::from(minute.wrapping_mul(0xC9E9_C617)) * u64::try_from(lanes).unwrap_or_default();
    usize::try_from(spread >> u32::BITS).unwrap_or_default()
}

/// What every walker looks for, and which lane is the next that nobody has taken.
struct Search<'a> {
    listing: Listing<'a>,
    wanted: Option<&'a Filter>,
    step: Step<'a>,
    by_then: Timestamp,
    lanes: Vec<Cursor>,
    first: usize,
    taken: AtomicUsize,
    /// The lane of which the ledger is asked about all letters, however many.
    turn: usize,
}

impl Search<'_> {
    /// Start of the next lane, and whether its turn has come.
    fn next_lane(&self) -> Option<(Cursor, bool)> {
        let n = self.taken.fetch_add(1, Ordering::Relaxed);
        let lane = (self.first + n) % self.lanes.len().max(1);
        let start = self.lanes.get(lane).filter(|_| n < self.lanes.len())?;
        Some((*start, lane == self.turn))
    }
}

impl<P: Ports> Walk<'_, P> {
    /// Walks a listing, lane by lane and page by page, and takes the step with what fits. An index gives candidates
    /// only: every step reads the letter itself and writes under a condition. The first lane is any, so
    /// that a run which always ends too early does not always leave out the same ones.
    pub(super) async fn each(
        &mut self,
        listing: Listing<'_>,
        wanted: Option<&Filter>,
        step: Step<'_>,
    ) -> Result<(), Unavailable> {
        let starts = self.first.letters.lanes();
        let count = u64::try_from(starts.len()).unwrap_or(1).max(1);
        let first = usize::try_from(roll(&self.first.world) % count).unwrap_or_default();
        let by_then = self.first.world.now().after(SKEW);
        let turn = turn(self.first.world.now(), starts.len());
        let search = Search { listing, wanted, step, by_then, lanes: starts, first, taken: AtomicUsize::new(0), turn };
        let mut lanes: Vec<_> = (0..AT_ONCE).map(|_| self.lane()).collect();
        let ended = futures_util::future::join_all(lanes.iter_mut().map(|lane| lane.walk(&search))).await;
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

    /// Walks lanes until none is left.
    async fn walk(&mut self, search: &Search<'_>) -> Result<(), Unavailable> {
        while let Some((start, has_its_turn)) = search.next_lane() {
            self.back.clear();
            let mut next = Some(start);
            while let Some(from) = next {
                if !self.first.time_left(self.deadline) {
                    self.reports.rest.more = true;
                    return Ok(());
                }
                let page = self.first.letters.scan(search.listing, from, PAGE).await?;
                let few = from == start && page.next.is_none() && page.candidates.len() <= FEW;
                self.candidates(page.candidates, search, few || has_its_turn).await;
                if self.reports.rest.more {
                    return Ok(());
                }
                if self.all_rest() {
                    self.cut = true;
                    return Ok(());
                }
                next = page.next;
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
    fn each_lane_has_its_turn_before_long_however_far_the_runs_are_apart() {
        let within = |runs: u64, minutes: u64| {
            for start in (0..4_096).step_by(61) {
                let at = |run: u64| Timestamp::from_millis((start + run * minutes) * 60_000);
                let turns: BTreeSet<_> = (0..runs).map(|run| turn(at(run), 16)).collect();
                assert_eq!(turns.len(), 16, "{minutes} minutes, {runs} runs: {turns:?}");
            }
        };
        within(20, 1);
        (1..=60).for_each(|minutes| within(70, minutes));
    }
}
