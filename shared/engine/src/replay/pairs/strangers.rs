//! Letters of queues that are not configured, or not any more.

use std::collections::BTreeSet;
use std::time::Duration;

use redrive_core::ids::QueueArn;
use redrive_core::letters::policy::Policy;

use super::{ReplayError, Walk};
use crate::replay::{Ports, Replayer};

/// So many queues that are not configured are named in an answer.
const UNLISTED_SOURCES: usize = 20;

impl<P: Ports> Walk<'_, P> {
    /// How long letters of no pair are kept once they have ended: as long as those of the pair that keeps them longest.
    pub(super) fn longest_kept(&self) -> Policy {
        let of = |kept: fn(&Policy) -> Duration| self.pairs.iter().map(|pair| kept(&pair.settings.policy)).max();
        let policy = self.first.settings.policy.clone();
        Policy {
            resolved_retention: of(|policy| policy.resolved_retention).unwrap_or(policy.resolved_retention),
            body_retention: of(|policy| policy.body_retention).unwrap_or(policy.body_retention),
            ..policy
        }
    }

    /// Counts what was left alone, and says of which queues it is.
    pub(super) fn tell_of_strangers(&mut self) {
        self.reports.rest.unlisted += self.strangers.len();
        self.reports.rest.unlisted_sources.extend(std::mem::take(&mut self.strangers).into_values());
        while self.reports.rest.unlisted_sources.len() > UNLISTED_SOURCES {
            self.reports.rest.unlisted_sources.pop_last();
        }
    }

    pub(super) fn not_listed(&self) -> ReplayError {
        ReplayError::NotListed(self.pairs.iter().map(|pair| pair.settings.reading.source.clone()).collect())
    }

    /// What is said of letters that are to go to another queue, of this source or of any.
    pub(super) fn not_a_destination(&self, source: Option<&QueueArn>) -> ReplayError {
        let of_source = |pair: &&Replayer<P>| source.is_none_or(|source| pair.settings.reading.source == *source);
        let others = self.pairs.iter().filter(of_source).flat_map(|pair| &pair.destinations);
        let others = others.map(|other| other.arn.clone());
        let unique: BTreeSet<_> = others.collect();
        ReplayError::NotADestination(unique.into_iter().collect())
    }
}
