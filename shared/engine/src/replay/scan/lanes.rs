//! The walk through a listing: several walkers take its lanes from one another, and read each page by page.

use std::sync::atomic::{AtomicUsize, Ordering};

use redrive_core::letters::listing::{Cursor, Listing};
use redrive_core::ports::{Letters, Unavailable};
use redrive_core::processing::ledger::CLOCK_SKEW;
use redrive_core::replay::Candidate;
use redrive_core::time::Timestamp;

use crate::world::{World, roll};

/// Number of lanes that are walked at once: while some wait for an answer, the others work. They share no letter, and so are no
/// more to each other than several runs at the same time.
pub(crate) const AT_ONCE: usize = 4;

/// Number of candidates that are asked for at once.
pub(crate) const PAGE: usize = 500;

/// Number of letters of a lane about which the ledger is asked in every run; about those of a larger one when its turn
/// comes, or the price of letters for which nobody does anything would be theirs.
const FEW: usize = 20;

/// Lane, of so many, whose turn it is, by the minute. Of sixteen each comes within 20 runs that are a minute apart, and within
/// 70 that are up to an hour apart: the plain minute would never come to some lanes of a schedule of, say, sixteen minutes. The
/// factor was found by search.
fn turn(now: Timestamp, lanes: usize) -> usize {
    let minute = u32::try_from(now.as_secs() / 60).unwrap_or_default();
    let spread = u64::from(minute.wrapping_mul(0xC9E9_C617)) * u64::try_from(lanes).unwrap_or_default();
    usize::try_from(spread >> u32::BITS).unwrap_or_default()
}

/// Walk through a listing, and the next lane that nobody has taken. An index gives candidates only: every step reads the
/// letter itself and writes under a condition. The first lane is any, so that a run which always ends too early does not
/// always leave out the same ones.
#[derive(Debug)]
pub(crate) struct Scan<'a> {
    listing: Listing<'a>,
    lanes: Vec<Cursor>,
    first: usize,
    taken: AtomicUsize,
    /// Lane of which the ledger is asked about all letters, however many.
    turn: usize,
    begun: Timestamp,
}

/// A part of a lane, as the index shows it.
#[derive(Debug)]
pub(crate) struct LanePage {
    pub(crate) candidates: Vec<Candidate>,
    /// True if the ledger is asked about all of these that wait.
    pub(crate) turn: bool,
}

/// Lane of a listing, page by page.
#[derive(Debug)]
pub(crate) struct LanePages<'a> {
    listing: Listing<'a>,
    start: Cursor,
    turn: bool,
    next: Option<Cursor>,
}

impl<'a> Scan<'a> {
    pub(crate) fn new(listing: Listing<'a>, letters: &impl Letters, world: &impl World) -> Self {
        let lanes = letters.lanes();
        let count = u64::try_from(lanes.len()).unwrap_or(1).max(1);
        let first = usize::try_from(roll(world) % count).unwrap_or_default();
        let begun = world.now();
        let turn = turn(begun, lanes.len());
        Self { listing, lanes, first, taken: AtomicUsize::new(0), turn, begun }
    }

    /// Instant until which a letter must have failed: what was sent by this walk may die again, and come back to a later
    /// place of the same lane.
    pub(crate) fn by_then(&self) -> Timestamp {
        self.begun.after(CLOCK_SKEW)
    }

    /// Takes the next lane that nobody has taken; `None` if there is none.
    pub(crate) fn next_lane(&self) -> Option<LanePages<'a>> {
        let n = self.taken.fetch_add(1, Ordering::Relaxed);
        let lane = (self.first + n) % self.lanes.len().max(1);
        let start = *self.lanes.get(lane).filter(|_| n < self.lanes.len())?;
        Some(LanePages { listing: self.listing, start, turn: lane == self.turn, next: Some(start) })
    }
}

impl LanePages<'_> {
    /// Returns true if there may be another page.
    pub(crate) const fn has_more(&self) -> bool {
        self.next.is_some()
    }

    /// Reads the next page; an empty one if there is none.
    pub(crate) async fn read(&mut self, letters: &impl Letters) -> Result<LanePage, Unavailable> {
        let Some(from) = self.next else { return Ok(LanePage { candidates: Vec::new(), turn: false }) };
        let page = letters.scan(self.listing, from, PAGE).await?;
        let few = from == self.start && page.next.is_none() && page.candidates.len() <= FEW;
        self.next = page.next;
        Ok(LanePage { candidates: page.candidates, turn: few || self.turn })
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
