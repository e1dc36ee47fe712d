//! Failures over time in little room: the longer the time, the wider the spans in which they are counted.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::time::Timestamp;

/// Limit of spans from the first to the last; beyond it every two become one.
const KEPT: u64 = 256;
/// Width in milliseconds of the narrowest span.
const NARROWEST: u64 = 60_000;

/// Counts by spans of time, whose width doubles as often as it takes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "StoredSpread", into = "StoredSpread")]
pub struct FailureSpread {
    /// Width of a span in milliseconds: a minute, doubled so often.
    width: u64,
    counts: BTreeMap<u64, u64>,
}

/// Spread as it is stored: the width, the first span, and the counts of all spans from there on.
#[derive(Serialize, Deserialize)]
struct StoredSpread(u64, u64, Vec<u64>);

impl From<FailureSpread> for StoredSpread {
    fn from(FailureSpread { width, counts }: FailureSpread) -> Self {
        let (first, last) = ends(&counts).unwrap_or((1, 0));
        Self(width, first, (first..=last).map(|span| counts.get(&span).copied().unwrap_or(0)).collect())
    }
}

impl From<StoredSpread> for FailureSpread {
    fn from(StoredSpread(width, first, counts): StoredSpread) -> Self {
        let counts = counts.into_iter().enumerate().filter(|(_, n)| *n > 0);
        let counts = counts.map(|(place, n)| (first.saturating_add(place as u64), n)).collect();
        Self { width: width.max(NARROWEST), counts }
    }
}

impl Default for FailureSpread {
    fn default() -> Self {
        Self { width: NARROWEST, counts: BTreeMap::new() }
    }
}

fn ends(counts: &BTreeMap<u64, u64>) -> Option<(u64, u64)> {
    Some((*counts.first_key_value()?.0, *counts.last_key_value()?.0))
}

impl FailureSpread {
    /// Makes the spread of one failure.
    #[must_use]
    pub fn of(at: Timestamp) -> Self {
        Self { width: NARROWEST, counts: [(at.as_millis() / NARROWEST, 1)].into() }
    }

    /// Counts a failure at this instant.
    pub fn add(&mut self, at: Timestamp) {
        *self.counts.entry(at.as_millis() / self.width).or_default() += 1;
        self.fit();
    }

    /// Adds other failures to these.
    pub fn join(&mut self, mut other: Self) {
        while self.width < other.width {
            self.widen();
        }
        while other.width < self.width {
            other.widen();
        }
        other.counts.into_iter().for_each(|(span, n)| *self.counts.entry(span).or_default() += n);
        self.fit();
    }

    fn fit(&mut self) {
        while ends(&self.counts).is_some_and(|(first, last)| last - first >= KEPT) {
            self.widen();
        }
    }

    fn widen(&mut self) {
        self.width *= 2;
        let mut wider = BTreeMap::new();
        std::mem::take(&mut self.counts).into_iter().for_each(|(span, n)| *wider.entry(span / 2).or_default() += n);
        self.counts = wider;
    }

    /// Returns the counts between two instants, one for each of so many bars of a curve.
    #[must_use]
    pub fn bars(&self, from: Timestamp, to: Timestamp, bars: usize) -> Vec<u64> {
        let (from, to) = (from.as_millis(), to.as_millis().max(from.as_millis() + 1));
        let mut all = vec![0; bars];
        for (span, n) in &self.counts {
            let at = (span * self.width + self.width / 2).clamp(from, to - 1);
            let place = (at - from).saturating_mul(bars as u64) / (to - from);
            if let Some(bar) = usize::try_from(place).ok().and_then(|place| all.get_mut(place)) {
                *bar += n;
            }
        }
        all
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const BARS: usize = 48;

    fn at(minute: u64) -> Timestamp {
        Timestamp::from_millis(1_700_000_000_000 + minute * 60_000)
    }

    #[test]
    fn years_need_as_little_room_as_hours_and_nothing_is_lost() {
        let mut spread = FailureSpread::default();
        (0..50_000).for_each(|n| spread.add(at(n * 17)));
        assert!(spread.counts.len() as u64 <= KEPT);
        assert_eq!(spread.bars(at(0), at(50_000 * 17), BARS).iter().sum::<u64>(), 50_000);
        assert!(spread.bars(at(0), at(50_000 * 17), BARS).iter().all(|n| *n > 0), "no gap where there was none");
        let mut late = FailureSpread::of(at(3));
        late.join(spread);
        assert_eq!(late.bars(at(0), at(50_000 * 17), BARS).iter().sum::<u64>(), 50_001);
    }

    #[test]
    fn a_moment_alone_is_one_bar() {
        let spread = FailureSpread::of(at(0));
        assert_eq!(spread.bars(at(0), at(0), BARS).iter().filter(|n| **n > 0).count(), 1);
    }

    proptest! {
        #[test]
        fn parts_join_to_the_whole_in_any_order_and_are_read_as_they_were_written(
            minutes in prop::collection::vec((0_u64..100_000, any::<bool>()), 0..60),
        ) {
            let of = |parts: &[bool]| {
                parts.iter().fold(FailureSpread::default(), |mut all, part| {
                    let mut spread = FailureSpread::default();
                    minutes.iter().filter(|(_, of)| of == part).for_each(|(minute, _)| spread.add(at(*minute)));
                    all.join(spread);
                    all
                })
            };
            let mut whole = FailureSpread::default();
            minutes.iter().for_each(|(minute, _)| whole.add(at(*minute)));
            prop_assert_eq!(&of(&[true, false]), &whole);
            prop_assert_eq!(&of(&[false, true]), &whole);
            let json = serde_json::to_string(&whole).unwrap();
            prop_assert_eq!(serde_json::from_str::<FailureSpread>(&json).unwrap(), whole);
        }
    }
}
