use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// What became of a letter in a job.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Fate {
    /// It is meant to be sent. Not final.
    Planned,
    /// It was claimed, and perhaps sent; nothing is known yet. Not final.
    Sent,
    /// An attempt of it failed; the next may succeed. Not final, and counts as a failure until then.
    Failing,
    /// An earlier letter of its FIFO group is not done with: its turn comes after that. Not final.
    Behind,
    /// SQS refused it for now, throttled or without permission, and it goes again after a while. Not final.
    Retrying,
    /// Its effect happened.
    Resolved,
    /// Nothing came back within the job's window, and there is no ledger to ask: taken for a success.
    Assumed,
    /// It failed again.
    FailedAgain,
    /// Nothing was known of it until the job's window was over.
    Unknown,
    /// Its claim ran out, and nobody knows whether it was sent. It waits for a person.
    InDoubt,
    /// SQS refused it for what it is, or too often.
    Refused,
    /// Its effect had happened before it was sent.
    ResolvedBefore,
    /// It was not PENDING any more, or did not fit any more, when it came to it.
    ChangedMeanwhile,
    /// It has no room for redrive's own attribute, and no stable key.
    NoAttributeSlot,
    /// Its body was erased, has expired, or is lost.
    NoBody,
    /// What a person asked to be sent instead of its body does not fit it, or a copy of it cannot be withdrawn.
    EditFailed,
    /// The policy says never, and it was not named by its id.
    PolicyNever,
    /// It is older than the ledger's memory, which knows nothing of it.
    Forgotten,
    /// So many lives of its key are dead that a copy would be refused.
    TooManyLives,
    /// There is no such letter.
    NotFound,
    /// The job ended before it came to it.
    NotReached,
    /// An earlier letter of its FIFO group waits for somebody else, and there is nothing more that the job does about that.
    HeldUp,
}

impl Fate {
    /// Whether it can become another.
    #[must_use]
    pub const fn is_final(self) -> bool {
        !matches!(self, Self::Planned | Self::Sent | Self::Failing | Self::Behind | Self::Retrying)
    }

    /// Whether the letter was sent, or may have been, or will be next.
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
            | Self::TooManyLives
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

/// How many letters had which fate.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Account(BTreeMap<Fate, u32>);

impl Account {
    /// One more.
    pub fn add(&mut self, fate: Fate) {
        *self.0.entry(fate).or_default() += 1;
    }

    /// Both together.
    #[must_use]
    pub fn and(mut self, fates: impl IntoIterator<Item = Fate>) -> Self {
        fates.into_iter().for_each(|fate| self.add(fate));
        self
    }

    /// How many had this fate.
    #[must_use]
    pub fn of(&self, fate: Fate) -> u32 {
        self.0.get(&fate).copied().unwrap_or(0)
    }

    /// All of them.
    #[must_use]
    pub fn total(&self) -> u32 {
        self.count(|_| true)
    }

    /// Those that were sent, or will be.
    #[must_use]
    pub fn sent(&self) -> u32 {
        self.count(Fate::is_sent)
    }

    /// Those that failed again, or are failing.
    #[must_use]
    pub fn failed(&self) -> u32 {
        self.count(Fate::failed)
    }

    /// Those that succeeded, or are taken to have.
    #[must_use]
    pub fn succeeded(&self) -> u32 {
        self.count(Fate::succeeded)
    }

    /// Those whose outcome is still to come.
    #[must_use]
    pub fn awaited(&self) -> u32 {
        self.of(Fate::Planned) + self.of(Fate::Retrying) + self.of(Fate::Sent)
    }

    fn count(&self, which: fn(Fate) -> bool) -> u32 {
        self.0.iter().filter(|(fate, _)| which(**fate)).map(|(_, count)| count).sum()
    }
}
