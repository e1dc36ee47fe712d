use std::time::Duration;

/// The most samples that are kept of one kind: as many as a metric takes in one line.
const SAMPLES: usize = 100;

/// Times that each of many things took: all of them counted, and an even choice of them kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Latencies {
    count: usize,
    every: usize,
    samples: Vec<Duration>,
}

impl Default for Latencies {
    fn default() -> Self {
        Self { count: 0, every: 1, samples: Vec::new() }
    }
}

impl Latencies {
    pub(crate) fn add(&mut self, took: Duration) {
        if self.count.is_multiple_of(self.every) {
            if self.samples.len() == SAMPLES {
                self.thin();
            }
            if self.count.is_multiple_of(self.every) {
                self.samples.push(took);
            }
        }
        self.count += 1;
    }

    /// Another's among these: both as coarse as the coarser of them.
    pub(crate) fn append(&mut self, other: &Self) {
        let mut theirs = other.clone();
        while self.every < theirs.every {
            self.thin();
        }
        while theirs.every < self.every {
            theirs.thin();
        }
        self.samples.append(&mut theirs.samples);
        self.count += theirs.count;
        while self.samples.len() > SAMPLES {
            self.thin();
        }
    }

    /// Keeps every second sample.
    fn thin(&mut self) {
        let mut places = 0..;
        self.samples.retain(|_| places.next().is_some_and(|place: usize| place.is_multiple_of(2)));
        self.every *= 2;
    }

    /// Number of things that were timed.
    #[must_use]
    pub const fn count(&self) -> usize {
        self.count
    }

    /// At most a hundred of them, evenly chosen.
    #[must_use]
    pub fn samples(&self) -> &[Duration] {
        &self.samples
    }
}

impl FromIterator<Duration> for Latencies {
    fn from_iter<I: IntoIterator<Item = Duration>>(all: I) -> Self {
        let mut latencies = Self::default();
        all.into_iter().for_each(|took| latencies.add(took));
        latencies
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn however_many_there_were_at_most_a_hundred_are_kept_and_they_are_spread_evenly() {
        let mut latencies = Latencies::default();
        for n in 0..10_000_u64 {
            latencies.add(Duration::from_millis(n));
        }
        let samples = latencies.samples();
        assert!(latencies.count() == 10_000 && (50..=SAMPLES).contains(&samples.len()));
        let steps: Vec<_> = samples.windows(2).map(|two| two[1] - two[0]).collect();
        assert!(steps.iter().all(|step| *step == steps[0]), "{steps:?}");
    }

    #[test]
    fn many_and_few_together_are_as_many_as_both_and_kept_alike() {
        let of = |count: u64| (0..count).map(Duration::from_millis).collect::<Latencies>();
        let (many, few) = (of(10_000), of(256));
        let (mut one, mut other) = (many.clone(), few.clone());
        one.append(&few);
        other.append(&many);
        for both in [one, other] {
            assert_eq!((both.count(), both.every), (10_256, many.every));
            assert_eq!(both.samples().len(), many.samples().len() + 256 / many.every, "{both:?}");
        }
        let mut more = many.clone();
        more.append(&many);
        assert!(more.count() == 20_000 && (50..=SAMPLES).contains(&more.samples().len()));
    }
}
