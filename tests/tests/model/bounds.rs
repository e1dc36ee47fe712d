//! Bounds of the model's world: its size, its actors, and its mutants.

/// Numbers of events that may still happen.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct Bounds {
    /// Receives from the main queue, by all.
    pub(crate) deliveries: u8,
    /// Of workers, indexers and replays.
    pub(crate) crashes: u8,
    /// Of the handler; and attempts that are taken back because there was no time to begin.
    pub(crate) failures: u8,
    /// Answers that are lost.
    pub(crate) lost: u8,
    /// Requests that arrive late, or twice.
    pub(crate) late: u8,
    /// Native redrives still to come.
    pub(crate) redrives: u8,
    /// Replays of ours still to come.
    pub(crate) replays: u8,
    /// Ledger entries that expire.
    pub(crate) expiries: u8,
    /// Crowds of strangers who die under the first key.
    pub(crate) crowds: u8,
    /// Keys that a person has freed.
    pub(crate) frees: u8,
}

impl Bounds {
    /// Nothing but three deliveries.
    pub(crate) const LEAST: Self = Self {
        deliveries: 3,
        crashes: 0,
        failures: 0,
        lost: 0,
        late: 0,
        redrives: 0,
        replays: 0,
        expiries: 0,
        crowds: 0,
        frees: 0,
    };
}

/// Scene of the model: messages, actors, and bounds.
#[derive(Debug, Clone)]
pub(crate) struct Scene {
    pub(crate) bounds: Bounds,
    /// Key and payload of each message.
    pub(crate) messages: Vec<(usize, usize)>,
    /// Attempts of an enqueue.
    pub(crate) limit: u32,
    /// Receives of an enqueue; then SQS moves it.
    pub(crate) receives: u8,
    /// Number of indexers that run beside each other; 0: the dead-letter queue fills.
    pub(crate) indexers: usize,
    /// Number of strangers in a crowd.
    pub(crate) crowd: usize,
    /// True if claims may wait for a slot before their handlers begin.
    pub(crate) holds: bool,
    pub(crate) mutant: Option<Mutant>,
}

/// Two messages with one key.
pub(crate) const TWINS: [(usize, usize); 2] = [(0, 0), (0, 0)];
/// Two messages with one key and two payloads.
pub(crate) const RIVALS: [(usize, usize); 2] = [(0, 0), (0, 1)];
/// Two messages that share nothing.
pub(crate) const STRANGERS: [(usize, usize); 2] = [(0, 0), (1, 1)];

impl Scene {
    pub(crate) fn new(messages: &[(usize, usize)], bounds: Bounds) -> Self {
        Self {
            bounds,
            messages: messages.to_vec(),
            limit: 2,
            receives: 3,
            indexers: 1,
            crowd: 0,
            holds: false,
            mutant: None,
        }
    }

    pub(crate) fn but(self, mutant: Mutant) -> Self {
        Self { mutant: Some(mutant), ..self }
    }
}

/// Mutant of the protocol, broken at one place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Mutant {
    /// A settlement is written whoever owns the key by now.
    UnfencedSettle,
    /// Indexer and reconciler take any completion of a key for this payload's.
    ResolvedWithoutTheHash,
    /// A completion that the ledger rejects is acknowledged.
    AcknowledgedAfterARejection,
    /// A completion whose answer is lost is acknowledged.
    AcknowledgedUnread,
    /// A letter is written whatever stands there.
    UnconditionalLetterWrite,
    /// Claims do not see that an enqueue is dead, nor its attempts.
    DeadEnqueueMayClaim,
    /// Claims do not see dead enqueues that an entry does not name in full.
    DeadEnqueuesMayClaim,
    /// A condition compares versions, and no owners.
    VersionAlone,
    /// Claims take a live lease for one that has ended.
    LiveLeaseIsTaken,
    /// A claim waits for a slot until after its lease.
    HeldBeyondItsLease,
    /// A claim is written whatever stands there.
    UnconditionalClaim,
    /// Claims take a completed key for a failed one.
    CompletionIsForgotten,
    /// An effect is written on its own, before the completion.
    EffectBesideTheCompletion,
    /// The indexer deletes a message first and writes its letter second.
    DeletedBeforeWritten,
    /// A message that owns no key is taken for a duplicate of the one that does.
    AnotherPayloadIsADuplicate,
}
