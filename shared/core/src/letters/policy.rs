//! Policy for replays by schedule. It is data: rules that are tried in order, and a default.

mod parse;

use std::time::Duration;

use crate::error_type::ErrorType;
use crate::letters::fingerprint::family;
use crate::letters::reason::{Reason, other_name};
use crate::time::Timestamp;

pub use parse::BadPolicy;

/// The policy of one queue pair.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Policy {
    /// Asked in order; the first that fits a letter's reason decides. If none fits, the default does: NEVER_RAN,
    /// TRANSIENT and TIMEOUT may go by themselves, everything else is asked for.
    pub rules: Vec<PolicyRule>,
    /// Rest of a letter after its first death, where its rule does not say; doubled with each further one.
    pub cool_down: Duration,
    /// A letter with more deaths than this waits for a person, where its rule does not say.
    pub max_deaths: u32,
    /// Retention of RESOLVED and DISCARDED letters.
    pub resolved_retention: Duration,
    /// Retention of the bodies of RESOLVED and DISCARDED letters, if that is shorter.
    pub body_retention: Duration,
    /// Time after which a replayed message can neither be running nor dead any more: main retention, DLQ retention and
    /// a margin.
    pub outcome_after: Duration,
}

/// Rule for the letters that match it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PolicyRule {
    /// Letters that the rule is about.
    pub fits: Match,
    /// Verdict on these letters.
    pub verdict: Verdict,
}

/// Conditions of a rule. All the given ones must fit; without any, every letter fits.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Match {
    /// Value that `error_type` must have.
    pub error_type: Option<ErrorType>,
    /// Pattern for the `error_code`.
    pub error_code: Option<Glob>,
    /// Pattern for the cause's fingerprint.
    pub fingerprint: Option<Glob>,
}

/// A text, or with a `*` at its end everything that begins so.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Glob {
    /// Matches this very text.
    Exactly(String),
    /// Matches every text that begins so.
    Beginning(String),
}

impl Glob {
    fn fits(&self, text: &str) -> bool {
        match self {
            Self::Exactly(whole) => text == whole,
            Self::Beginning(start) => text.starts_with(start.as_str()),
        }
    }
}

impl Glob {
    /// Returns true if the pattern matches an error code, or the name that it had or has got.
    fn is_code(&self, code: &str) -> bool {
        self.fits(code) || other_name(code).is_some_and(|other| self.fits(other))
    }

    /// Returns true if the pattern matches a cause, or its family.
    fn names(&self, fingerprint: &str) -> bool {
        self.fits(fingerprint) || family(fingerprint).is_some_and(|family| self.fits(family))
    }
}

/// Permission to replay a letter.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// Neither the schedule replays it, nor a selection that it happens to fit. Only somebody who names it by its id
    /// gets it replayed: that person has looked at it.
    Never,
    /// Replayed when a person asks.
    Ask,
    /// Replayed by the schedule, after a rest.
    Auto {
        /// Rest after the first death; doubled with each further one.
        cool_down: Duration,
        /// Limit of deaths, above which it waits for a person.
        max_deaths: u32,
    },
}

impl Match {
    fn fits(&self, error_type: ErrorType, code: Option<&str>, fingerprint: impl FnOnce() -> String) -> bool {
        self.error_type.is_none_or(|wanted| wanted == error_type)
            && self.error_code.as_ref().is_none_or(|wanted| wanted.is_code(code.unwrap_or_default()))
            && self.fingerprint.as_ref().is_none_or(|wanted| wanted.names(&fingerprint()))
    }
}

impl Policy {
    /// Returns the verdict on letters that died of this.
    #[must_use]
    pub fn verdict(&self, reason: &Reason) -> Verdict {
        self.judge(reason.error_type, reason.error_code.as_deref(), || reason.fingerprint())
    }

    /// Returns the verdict on what an index shows of a reason: the same as on the reason.
    #[must_use]
    pub fn verdict_on(&self, error_type: ErrorType, code: Option<&str>, fingerprint: &str) -> Verdict {
        self.judge(error_type, code, || fingerprint.to_owned())
    }

    fn judge(&self, error_type: ErrorType, code: Option<&str>, fingerprint: impl Fn() -> String) -> Verdict {
        if let Some(rule) = self.rules.iter().find(|rule| rule.fits.fits(error_type, code, &fingerprint)) {
            return rule.verdict;
        }
        match error_type {
            ErrorType::NeverRan | ErrorType::Transient | ErrorType::Timeout => {
                Verdict::Auto { cool_down: self.cool_down, max_deaths: self.max_deaths }
            }
            ErrorType::Permanent | ErrorType::Schema | ErrorType::Unknown => Verdict::Ask,
        }
    }

    /// The same policy for a consumer without our ledger: only a person may replay.
    #[must_use]
    pub fn asking(&self) -> Self {
        let by_hand = |rule: &PolicyRule| match rule.verdict {
            Verdict::Auto { .. } => PolicyRule { verdict: Verdict::Ask, ..rule.clone() },
            Verdict::Never | Verdict::Ask => rule.clone(),
        };
        Self { rules: self.rules.iter().map(by_hand).collect(), max_deaths: 0, ..self.clone() }
    }

    /// Returns the time at which a letter that became PENDING at `since` may be replayed; [`Timestamp::NEVER`] if only
    /// a person may.
    ///
    /// A letter without a single attempt does not rest the first time, and so is the first to go.
    #[must_use]
    pub fn due(&self, reason: &Reason, deaths: u32, since: Timestamp) -> Timestamp {
        let Verdict::Auto { cool_down, max_deaths } = self.verdict(reason) else { return Timestamp::NEVER };
        if deaths > max_deaths {
            return Timestamp::NEVER;
        }
        let doublings = match reason.error_type {
            ErrorType::NeverRan if deaths <= 1 => return since,
            ErrorType::NeverRan => deaths - 2,
            _ => deaths.saturating_sub(1),
        };
        since.after(cool_down.saturating_mul(1 << doublings.min(16)))
    }
}

#[cfg(test)]
mod tests;
