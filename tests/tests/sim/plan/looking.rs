//! Letters that come all the time while somebody looks and acts by filters.

use std::time::Duration;

use redrive_testkit::handlers::Play;

use super::Plan;

impl Plan {
    /// Random plan whose messages come over six minutes and die of one cause, with late indexes, and with operators who come by all
    /// the time.
    pub(crate) fn watched(seed: u64) -> Self {
        let mut plan = Self { index_lag: Duration::from_secs(25), ..Self::random(seed) };
        plan.postings.iter_mut().for_each(|posting| posting.at *= 6);
        plan.scripts
            .iter_mut()
            .for_each(|(_, plays)| *plays = [vec![Play::Permanent; 2], vec![Play::Succeed]].concat());
        Self { operators: 900, edits: 0, natives: 0, ..plan }
    }
}
