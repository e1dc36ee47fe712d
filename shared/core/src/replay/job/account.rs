use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// Outcome of a letter in a job.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Disposition {
    /// Planned to be sent. Not final.
    Planned,
    /// Claimed, and perhaps sent; nothing is known yet. Not final.
    Sent,
    /// An attempt of it failed; the next may succeed. Not final, and counts as a failure until then.
    Failing,
    /// An earlier letter of its FIFO group is not done with: its turn comes after that. Not final.
    Behind,
    /// SQS refused it for now, throttled or without permission, and it goes again after a while. Not final.
    Retrying,
    /// The effect of the letter happened.
    Resolved,
    /// The letter did not come back within the job's window, and there is no ledger to ask: taken for a success.
    Assumed,
    /// The letter failed again.
    FailedAgain,
    /// The outcome was not known until the job's window was over.
    Unknown,
    /// The claim ran out, and nobody knows if the letter was sent. It waits for a person.
    InDoubt,
    /// SQS refused it for what it is, or too often.
    Refused,
    /// The effect had happened before the letter was sent.
    ResolvedBefore,
    /// The letter was not PENDING any more, or no longer fitted, when its turn came.
    ChangedMeanwhile,
    /// No room for redrive's own attribute, and no stable key.
    NoAttributeSlot,
    /// The body was erased, has expired, or is lost.
    NoBody,
    /// The edit does not fit the body, or a copy of the letter cannot be withdrawn.
    EditFailed,
    /// The policy says never, and it was not named by its id.
    PolicyNever,
    /// The letter is older than the ledger's memory, which knows nothing of it.
    Forgotten,
    /// The key has so many dead enqueues that a copy would be refused.
    #[serde(rename = "too_many_lives")]
    TooManyEnqueues,
    /// No such letter exists.
    NotFound,
    /// The job ended before it came to it.
    NotReached,
    /// An earlier letter of its FIFO group waits for somebody else, and there is nothing more that the job does about that.
    HeldUp,
}

impl Disposition {
    /// Returns true if the outcome cannot change any more.
    #[must_use]
    pub const fn is_final(self) -> bool {
        !matches!(self, Self::Planned | Self::Sent | Self::Failing | Self::Behind | Self::Retrying)
    }

    /// Returns true if the letter was sent, or may have been, or will be next.
    #[must_use]
    pub const fn is_sent(self) -> bool {
        match self {
            Self::Planned | Self::Retrying | Self::Sent | Self::Failing | Self::Resolved | Self::Assumed => true,
            Self::FailedAgain | Self::Unknown | Self::InDoubt => true,
            Self::Refused | Self::ResolvedBefore | Self::ChangedMeanwhile | Self::NoAttributeSlot => false,
            Self::NoBody
            | Self::EditFailed
            | Self::PolicyNever
            | Self::Forgotten
            | Self::TooManyEnqueues
            | Self::NotFound
            | Self::NotReached
            | Self::Behind
            | Self::HeldUp => false,
        }
    }

    const fn failed(self) -> bool {
        matches!(self, Self::Failing | Self::FailedAgain)
    }

    const fn succeeded(self) -> bool {
        matches!(self, Self::Resolved | Self::Assumed)
    }
}

/// Number of letters by outcome.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Account(BTreeMap<Disposition, u32>);

impl Account {
    /// Counts one more letter with this outcome.
    pub fn add(&mut self, disposition: Disposition) {
        *self.0.entry(disposition).or_default() += 1;
    }

    /// Adds more outcomes to the account.
    #[must_use]
    pub fn and(mut self, dispositions: impl IntoIterator<Item = Disposition>) -> Self {
        dispositions.into_iter().for_each(|disposition| self.add(disposition));
        self
    }

    /// Returns the number of letters with this outcome.
    #[must_use]
    pub fn of(&self, disposition: Disposition) -> u32 {
        self.0.get(&disposition).copied().unwrap_or(0)
    }

    /// Hands out each outcome, and the number of its letters.
    pub fn iter(&self) -> impl Iterator<Item = (Disposition, u32)> {
        self.0.iter().map(|(disposition, count)| (*disposition, *count))
    }

    /// Returns the number of all letters.
    #[must_use]
    pub fn total(&self) -> u32 {
        self.count(|_| true)
    }

    /// Counts the letters that were sent, or will be.
    #[must_use]
    pub fn sent(&self) -> u32 {
        self.count(Disposition::is_sent)
    }

    /// Counts the letters that failed again, or are failing.
    #[must_use]
    pub fn failed(&self) -> u32 {
        self.count(Disposition::failed)
    }

    /// Counts the letters that succeeded, or are assumed to have.
    #[must_use]
    pub fn succeeded(&self) -> u32 {
        self.count(Disposition::succeeded)
    }

    /// Counts the letters whose outcome is still to come.
    #[must_use]
    pub fn awaited(&self) -> u32 {
        self.of(Disposition::Planned) + self.of(Disposition::Retrying) + self.of(Disposition::Sent)
    }

    fn count(&self, which: fn(Disposition) -> bool) -> u32 {
        self.0.iter().filter(|(disposition, _)| which(**disposition)).map(|(_, count)| count).sum()
    }
}
