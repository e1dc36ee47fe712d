//! Holders of letters: whoever acts next on them.

use redrive_core::replay::Candidate;
use redrive_operator::next_step::{NextStep, StepCounts};
use redrive_operator::policies::Policies;

/// Number of variants of [`Holder`].
pub(crate) const HOLDERS: usize = 5;

/// Party that acts next on a letter.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Holder {
    /// Nobody but a person: the policy never replays it.
    Person,
    /// Nobody but a person: the policy has replayed it as often as it may.
    Used,
    /// The policy, at its time.
    Itself,
    /// A run that sends it, or the consumer: it was sent, and its outcome is awaited.
    Underway,
    /// Nobody any more: the ledger says that it is done, and the letter is noted as RESOLVED within a minute.
    Done,
}

impl Holder {
    /// Every holder, in the order in which they matter to a person.
    pub(crate) const ALL: [Self; HOLDERS] = [Self::Person, Self::Used, Self::Itself, Self::Underway, Self::Done];

    /// Reads who acts from what the index says, and whether the ledger shows the letter as done.
    pub(crate) fn of(found: &Candidate, policies: &Policies, done: bool) -> Self {
        match NextStep::of(found, policies.of(&found.source), done) {
            NextStep::Person => Self::Person,
            NextStep::UsedUp { .. } => Self::Used,
            NextStep::Replay { .. } => Self::Itself,
            NextStep::UnderWay => Self::Underway,
            NextStep::Done | NextStep::Closed => Self::Done,
        }
    }

    /// Numbers of letters by their holders, in the order of [`Self::ALL`].
    pub(crate) const fn counts(steps: &StepCounts) -> [u64; HOLDERS] {
        [steps.person, steps.used_up, steps.schedule, steps.under_way, steps.done]
    }

    /// Name of its colour in the stylesheet.
    pub(crate) const fn class(self) -> &'static str {
        match self {
            Self::Person => "person",
            Self::Used => "used",
            Self::Itself => "itself",
            Self::Underway => "underway",
            Self::Done => "noted",
        }
    }

    pub(crate) const fn words(self) -> &'static str {
        match self {
            Self::Person => "wait for a person",
            Self::Used => "replays used up",
            Self::Itself => "come back by themselves",
            Self::Underway => "under way",
            Self::Done => "done, not yet noted",
        }
    }
}
