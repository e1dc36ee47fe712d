//! State of the world at one instant. Small and canonical: two instants that differ in nothing that matters are one
//! state.

use crate::bounds::Bounds;
use crate::tables::{NOTHING, Ref};

/// Number of messages in the world.
pub(crate) const MESSAGES: usize = 2;
/// Number of keys in the world.
pub(crate) const KEYS: usize = 2;
/// Limit of enqueues that a message may have: see [`Who`].
pub(crate) const ENQUEUES: usize = 4;

/// Enqueue of a message, by its number.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct Who(pub(crate) u8);

/// The enqueue that a producer's send began.
pub(crate) const SENT: u8 = 0;
/// After a native redrive that kept the id.
pub(crate) const REDRIVEN: u8 = 1;
/// After a native redrive that changed the id.
pub(crate) const RENAMED: u8 = 2;
/// After our own replay.
pub(crate) const REPLAYED: u8 = 3;

impl Who {
    pub(crate) fn new(message: usize, enqueue: u8) -> Self {
        Self(u8::try_from(message * ENQUEUES).expect("few messages") + enqueue)
    }

    pub(crate) fn message(self) -> usize {
        usize::from(self.0) / ENQUEUES
    }

    pub(crate) fn enqueue(self) -> u8 {
        self.0 % 4
    }

    pub(crate) fn bit(self) -> u8 {
        1 << self.0
    }
}

/// Receive of an enqueue, and so also the token with which its worker claims.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct Token(pub(crate) u8);

impl Token {
    pub(crate) fn new(who: Who, receive: u8) -> Self {
        Self(who.0 * 4 + receive)
    }

    pub(crate) fn who(self) -> Who {
        Who(self.0 / 4)
    }

    pub(crate) fn receive(self) -> u8 {
        self.0 % 4
    }

    pub(crate) fn bit(self) -> u32 {
        1 << self.0
    }
}

/// Place of a message in the world.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) enum Place {
    Main,
    Dlq,
    /// Deleted from the main queue.
    Acknowledged,
    /// Deleted from the dead-letter queue.
    Indexed,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct Message {
    pub(crate) place: Place,
    pub(crate) enqueue: u8,
    /// Of this enqueue. A message in the main queue may be received at any time: visibilities end early, and queues
    /// deliver twice.
    pub(crate) receives: u8,
}

/// Result to write about an attempt.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) enum How {
    Complete,
    FailRetryable,
    FailForGood,
    Release,
}

/// Phase of a worker's work.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) enum Phase {
    Idle,
    /// Asks the ledger to write a claim or a burial. `unknown`: an answer to this has been lost.
    Claim {
        put: Ref,
        unknown: bool,
    },
    /// Asks the ledger to write why a message that owns no key dies.
    Keyless {
        put: Ref,
        unknown: bool,
    },
    /// Holds the key, and waits for a slot.
    Hold {
        claimed: Ref,
    },
    /// Holds the key, by the entry as the claim left it.
    Run {
        claimed: Ref,
    },
    /// Asks the ledger to write what came of it.
    Settle {
        claimed: Ref,
        how: How,
        put: Ref,
        unknown: bool,
    },
    /// Has told Lambda to delete the message.
    Acknowledge,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct Worker {
    pub(crate) phase: Phase,
    pub(crate) token: Token,
}

impl Worker {
    pub(crate) const IDLE: Self = Self { phase: Phase::Idle, token: Token(0) };

    pub(crate) fn is_idle(&self) -> bool {
        self.phase == Phase::Idle
    }
}

/// Phase of an indexer's work. `found` are its findings: keyless entry, key's entry, named letter, own letter.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) enum Indexer {
    Idle,
    Write { who: Who, found: [Ref; 4], put: Ref, unknown: bool },
    Delete { who: Who },
}

/// Phase of the replay of a letter.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) enum Replay {
    Idle,
    /// Has claimed this message's letter.
    Send {
        message: u8,
    },
    /// Has read that it was sent.
    Mark {
        message: u8,
    },
}

/// A promise that a step broke.
pub(crate) mod broken {
    /// Somebody wrote who had lost the key, or acknowledged.
    pub(crate) const LATE: u8 = 1;
    pub(crate) const DEAD_RAN: u8 = 2;
    pub(crate) const DIED_TWICE: u8 = 4;
    pub(crate) const OVER_THE_LIMIT: u8 = 8;
    pub(crate) const NOT_AN_EDGE: u8 = 16;
    /// A letter was RESOLVED, and is no more.
    pub(crate) const BROUGHT_BACK: u8 = 32;
    /// A handler began after its lease had ended.
    pub(crate) const BEGAN_LATE: u8 = 64;
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct State {
    pub(crate) messages: [Message; MESSAGES],
    pub(crate) workers: [Worker; 2],
    pub(crate) indexers: [Indexer; 2],
    pub(crate) replay: Replay,
    /// First the keys' entries, then the keyless ones, by enqueue.
    pub(crate) ledger: [Ref; KEYS + MESSAGES * ENQUEUES],
    /// Three a message: under the id that it was sent with, was renamed to, was replayed with.
    pub(crate) letters: [Ref; MESSAGES * 3],
    /// Writes that are on their way though nobody waits for them.
    pub(crate) late: [Ref; 2],
    pub(crate) late_letter: Ref,
    /// Of the tokens that somebody still writes with: those whose lease has ended.
    pub(crate) lapsed: u32,
    /// Events that may still happen.
    pub(crate) left: Bounds,
    /// By key and payload: how often the effect happened, as long as the ledger retains it.
    pub(crate) effects: [[u8; 2]; KEYS],
    /// By key and payload: whether it ever happened.
    pub(crate) done: u8,
    /// Lives that the ledger ever showed dead, as long as it retains them.
    pub(crate) dead: u8,
    /// Bits of broken properties: see [`broken`].
    pub(crate) broken: u8,
}

impl State {
    pub(crate) fn new(left: Bounds, messages: usize) -> Self {
        let mut all = [Message { place: Place::Main, enqueue: SENT, receives: 0 }; MESSAGES];
        // A message that there is not counts as one whose effect is not asked for.
        all[messages..].fill(Message { place: Place::Acknowledged, enqueue: SENT, receives: 0 });
        Self {
            messages: all,
            workers: [Worker::IDLE; 2],
            indexers: [Indexer::Idle; 2],
            replay: Replay::Idle,
            ledger: [NOTHING; KEYS + MESSAGES * ENQUEUES],
            letters: [NOTHING; MESSAGES * 3],
            late: [NOTHING; 2],
            late_letter: NOTHING,
            lapsed: 0,
            left,
            effects: [[0; 2]; KEYS],
            done: 0,
            dead: 0,
            broken: 0,
        }
    }

    /// The enqueue that a message has now.
    pub(crate) fn who(&self, message: usize) -> Who {
        Who::new(message, self.messages[message].enqueue)
    }

    /// Returns true if this enqueue of its message is in that place.
    pub(crate) fn is_at(&self, who: Who, place: Place) -> bool {
        self.messages[who.message()].place == place && self.who(who.message()) == who
    }

    /// Puts those who cannot be told apart into one order.
    pub(crate) fn sort(&mut self) {
        self.workers.sort_unstable();
        self.indexers.sort_unstable();
        self.late.sort_unstable();
    }
}

/// Returns the cell of the keyless entry of an enqueue.
pub(crate) fn keyless(who: Who) -> usize {
    KEYS + usize::from(who.0)
}

/// Returns the cell of the letter with a message's id of that enqueue.
pub(crate) fn letter_of(who: Who) -> usize {
    who.message() * 3 + usize::from(who.enqueue().saturating_sub(1))
}
