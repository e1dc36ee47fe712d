//! Rules that a mutant breaks.

/// Mutant: a rule of the protocol that is broken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Mutant {
    /// A settlement is written whoever owns the key by now.
    UnfencedSettle,
    /// The indexer takes any completion of a key for that of the body before it.
    ResolvedWithoutTheHash,
    /// A completion that the ledger rejects is taken for written.
    AcknowledgedAfterARejection,
    /// A completion whose answer is lost is taken for written.
    AcknowledgedUnread,
    /// A failure whose answer is lost is taken for written.
    FailureTakenForWritten,
    /// A letter is written whatever stands there.
    UnconditionalLetterWrite,
    /// A letter whose write was not answered is taken for written, and its message deleted.
    LetterTakenForWritten,
    /// Edges write a letter's head without its body.
    HeadWithoutItsBody,
    /// A writer of an erased letter brings back the body that it knew.
    ErasedBodyComesBack,
    /// Letters that are marked together get each other's messages.
    MarksAreMixedUp,
    /// Marks and deaths are written as if somebody had only noted something.
    ChangesAreTakenForNotes,
    /// A message that SQS refused is taken for sent.
    RefusalTakenForSent,
    /// A message that the dead-letter queue may not have taken is acknowledged.
    HandedOverUnread,
    /// The indexer does not mind which queue SQS has moved a message from.
    SourceIsIgnored,
    /// The deduplication id of a replay is the same for every number.
    DeduplicationWithoutTheNumber,
    /// Letters do not keep where they were sent.
    DestinationIsForgotten,
    /// Messages of a FIFO queue run as they come.
    GroupsAreNotKept,
    /// The index does not know of groups, and so nobody knows whose turn it is.
    GroupsAreNotIndexed,
    /// Nobody remembers who was sent in a group: only the index tells.
    TurnsAreForgotten,
    /// Claims do not see that an enqueue is dead.
    DeadEnqueueMayClaim,
    /// Dead enqueues that an entry does not name in full are forgotten.
    DeadEnqueuesAreForgotten,
    /// Claims do not see that a lease is live.
    LiveLeaseIsTaken,
    /// Claims wait for a slot for long, and their lease does not count that.
    HeldBeyondItsLease,
    /// Claims do not see that a key is completed.
    CompletionIsForgotten,
    /// A look before a claim takes any entry for a completion.
    LookTakesAnyForCompleted,
    /// An operator who was shown letters acts on those that fit by then.
    ActsOnWhatFitsByThen,
    /// An operator who was shown letters names an instant so late that a write may have been on its way at that look.
    AsOfWithoutMargin,
    /// A letter keeps the edit whose send SQS has refused.
    RefusedEditIsKept,
    /// An edit leaves the letter's former copies as they are.
    EditedWithoutWithdrawing,
    /// A process goes by what it has read of a ledger entry before, for as long as it lives.
    EntriesAreRemembered,
}
