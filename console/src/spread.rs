//! Counts over time that need little room: the longer the time, the wider their spans.

use std::collections::BTreeMap;

use redrive_core::time::Timestamp;

/// Number of spans that are kept; with more, every two become one.
const KEPT: usize = 256;
/// Number of bars of a curve.
pub(crate) const BARS: usize = 48;

/// Counts by spans of time, whose width doubles as often as it takes.
#[derive(Debug, Clone)]
pub(crate) struct FailureSpread {
    /// Width of a span in milliseconds: a minute, doubled so often.
    width: u64,
    counts: BTreeMap<u64, u64>,
}

impl Default for FailureSpread {
    fn default() -> Self {
        Self { width: 60_000, counts: BTreeMap::new() }
    }
}

impl FailureSpread {
    pub(crate) fn add(&mut self, at: Timestamp) {
        *self.counts.entry(at.as_millis() / self.width).or_default() += 1;
        self.fit();
    }

    pub(crate) fn join(&mut self, mut other: Self) {
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
        while self.counts.len() > KEPT {
            self.widen();
        }
    }

    fn widen(&mut self) {
        self.width *= 2;
        let mut wider = BTreeMap::new();
        std::mem::take(&mut self.counts).into_iter().for_each(|(span, n)| *wider.entry(span / 2).or_default() += n);
        self.counts = wider;
    }

    /// Returns the counts between two instants, one for each bar of a curve.
    pub(crate) fn bars(&self, from: Timestamp, to: Timestamp) -> Vec<u64> {
        let (from, to) = (from.as_millis(), to.as_millis().max(from.as_millis() + 1));
        let mut bars = vec![0; BARS];
        for (span, n) in &self.counts {
            let at = (span * self.width + self.width / 2).clamp(from, to - 1);
            let place = (at - from).saturating_mul(BARS as u64) / (to - from);
            if let Some(bar) = usize::try_from(place).ok().and_then(|place| bars.get_mut(place)) {
                *bar += n;
            }
        }
        bars
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn years_need_as_little_room_as_hours_and_nothing_is_lost() {
        let mut spread = FailureSpread::default();
        let at = |minute: u64| Timestamp::from_millis(1_700_000_000_000 + minute * 60_000);
        (0..50_000).for_each(|n| spread.add(at(n * 17)));
        assert!(spread.counts.len() <= KEPT);
        assert_eq!(spread.bars(at(0), at(50_000 * 17)).iter().sum::<u64>(), 50_000);
        let mut late = FailureSpread::default();
        late.add(at(3));
        late.join(spread);
        assert_eq!(late.bars(at(0), at(50_000 * 17)).iter().sum::<u64>(), 50_001);
    }

    #[test]
    fn a_moment_alone_is_one_bar() {
        let mut spread = FailureSpread::default();
        let at = Timestamp::from_millis(1_700_000_000_000);
        spread.add(at);
        assert_eq!(spread.bars(at, at).iter().filter(|n| **n > 0).count(), 1);
    }
}
