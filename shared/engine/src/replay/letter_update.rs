//! Outcome of letters, as values: every step returns these, and the report is a fold over them.

use std::time::Duration;

use redrive_core::ids::LetterId;
use redrive_core::replay::job::SentLetter;

/// Something that became of one letter. A step may say several things of a letter, in their order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct LetterUpdate {
    pub(crate) letter: LetterId,
    pub(crate) outcome: LetterOutcome,
    /// The send that it is about, if the letter was claimed in the name of a job.
    pub(crate) send: Option<SentLetter>,
}

/// Group order that a letter's turn was decided by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Behind {
    /// Head of the group, as the index shows it.
    Head(LetterId),
    /// Turn of the group, read consistently: somebody else of the group is under way, this one if that is known.
    Turn(Option<LetterId>),
}

/// Thing that can become of a letter.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum LetterOutcome {
    /// Looked at in order to do what was asked for.
    Considered,
    /// No such letter is there.
    NotFound,
    /// Of another queue than those that are worked on.
    Unlisted,
    /// Not touched: a table did not answer.
    Unavailable,

    /// Not sent: nothing may be sent there, as the note says; without one, somebody else's claim of it ran out.
    NoDestination {
        note: Option<String>,
    },
    /// Not sent: its turn in its group has not come.
    Behind {
        group: Option<String>,
        by: Behind,
    },
    /// Not where it would have to stand any more.
    ChangedMeanwhile,
    /// Not claimed: it left the edge between two readings.
    NotClaimed,
    /// Under way, or back already, by somebody else's or by an earlier step.
    MovedOn,
    /// Sent by this job before, and held by another.
    SentBefore,
    /// Found done instead of being sent. With the time since its first failure.
    ResolvedBefore {
        took: Duration,
    },
    /// Not sent: the policy never lets its cause go.
    PolicyNever,
    /// Not sent: it is older than the ledger's memory.
    Forgotten,
    /// Not sent: no room for redrive's own attribute, and no stable key.
    NoAttributeSlot,
    /// Not sent: its message is too large for the queue, as the note says.
    TooLarge {
        why: String,
    },
    /// Not sent: it has no body, as the note says.
    NoBody {
        why: Option<String>,
    },
    /// Not sent: too many enqueues of its key are dead.
    TooManyEnqueues,
    /// Not sent: the edit does not fit. What is told to whoever asked may name its keys, what is logged may not.
    EditRefused {
        logged: String,
        explanation: String,
    },
    /// Not edited yet: somebody runs or holds it.
    EditWaits,
    /// A dry run: it would have been found done.
    FoundDone,
    /// A dry run: it would have been sent.
    WouldSend,

    /// Claimed, in place of somebody whose claim ran out.
    TakenOver,
    /// Claimed with an edited body.
    Edited,
    /// Sent, or to be sent, with a body that stands in S3.
    InS3,
    /// Sent, or to be sent, though a Celery worker drops it: its `expires` has passed.
    ExpiredTask,
    /// Perhaps claimed: the claim was not answered.
    ClaimUnanswered,
    /// Claimed, and perhaps sent.
    InDoubt,
    /// Waits in doubt for a person: a claim of it ran out.
    ReturnedInDoubt,
    /// Sent, and marked so.
    Sent,
    /// Refused by SQS with this code, and PENDING again.
    Refused {
        code: String,
    },
    /// Put back into the dead-letter queue.
    Ejected,
    /// Not ejected: the indexer would bring it back.
    InCustody,
    /// Not ejected: it may be in the dead-letter queue already.
    LeftInDoubt,

    /// Found done after it was sent, or while it waited. With the time since its first failure.
    Resolved {
        took: Duration,
    },
    /// Sent, and nothing was heard of it until its deadline.
    NoOutcome,

    Discarded,
    Restored,
    Noted,
    Erased,
    /// Dead enqueues of its key are forgotten.
    Freed,
    /// Key that is not free yet: somebody runs it.
    FreeWaits,
    /// Nothing is remembered of its keys that could be forgotten.
    NothingToFree,
}

impl LetterUpdate {
    pub(crate) const fn of(letter: LetterId, outcome: LetterOutcome) -> Self {
        Self { letter, outcome, send: None }
    }

    /// The same with the send that it is about.
    pub(crate) fn about(self, send: Option<SentLetter>) -> Self {
        Self { send, ..self }
    }

    /// Returns true if the letter waits for the next run because something did not answer.
    pub(crate) const fn is_trouble(&self) -> bool {
        use LetterOutcome::{ClaimUnanswered, InDoubt, Unavailable};
        matches!(self.outcome, Unavailable | ClaimUnanswered | InDoubt)
    }
}

/// Says the same of each of these letters.
pub(crate) fn each(letters: impl IntoIterator<Item = LetterId>, outcome: &LetterOutcome) -> Vec<LetterUpdate> {
    letters.into_iter().map(|letter| LetterUpdate::of(letter, outcome.clone())).collect()
}

/// Letters after one step: those that go on, and what became of the others.
#[derive(Debug)]
pub(crate) struct Stage<T> {
    pub(crate) going: Vec<T>,
    pub(crate) ended: Vec<LetterUpdate>,
}

impl<T> Stage<T> {
    pub(crate) fn with_room_for(letters: usize) -> Self {
        Self { going: Vec::with_capacity(letters), ended: Vec::new() }
    }

    pub(crate) const fn all(going: Vec<T>) -> Self {
        Self { going, ended: Vec::new() }
    }

    pub(crate) fn end(&mut self, letter: LetterId, outcome: LetterOutcome) {
        self.ended.push(LetterUpdate::of(letter, outcome));
    }
}
