//! Journal of a model world: all that happened in it, in order. Invariants are checked against it, and a person reads
//! it when one is broken.

mod line;

use std::sync::{Arc, Mutex};
use std::time::Duration;

use redrive_core::ids::{Enqueue, MessageId, ReceiptHandle};
use redrive_core::letters::letter::Letter;
use redrive_core::message::key::{Key, LedgerKey};
use redrive_core::processing::ledger::Entry;
use redrive_core::replay::GroupTurn;
use redrive_core::time::Timestamp;

use crate::clock::VirtualClock;
use crate::faults::{Call, CallFault};
use crate::lock;
use crate::queue::ModelMessage;
use crate::store::Effects;
use line::Line;

/// Actor of an event: a process (one invocation, say), or the world itself.
pub type Actor = Arc<str>;

/// Event of the model world.
#[derive(Debug, Clone)]
pub struct Event {
    /// Time of the event, in true time.
    pub at: Timestamp,
    /// Actor that caused it.
    pub actor: Actor,
    /// Kind of the event.
    pub what: What,
}

/// Kinds of events in a model world.
#[derive(Debug, Clone)]
pub enum What {
    /// A call went wrong, as planned or by chance.
    CallFault {
        /// The call's index in the run.
        index: usize,
        /// Call that went wrong.
        call: Call,
        /// Fault of the call.
        call_fault: CallFault,
    },
    /// The process ended here, whatever it was doing.
    Died,
    /// A message came into a queue for the first time.
    Sent {
        /// Name of the queue.
        queue: Arc<str>,
        /// Message that was sent.
        message: Arc<ModelMessage>,
    },
    /// A message was handed out.
    Received {
        /// Name of the queue.
        queue: Arc<str>,
        /// Id of the message.
        id: MessageId,
        /// Receipt handle of this receive.
        handle: ReceiptHandle,
        /// Number of times it was handed out, this one included.
        count: u32,
    },
    /// A visibility was to be set.
    Hidden {
        /// Name of the queue.
        queue: Arc<str>,
        /// Id of the message.
        id: MessageId,
        /// Time for which it is hidden.
        delay: Duration,
        /// SQS's code, if it refused.
        refused: Option<&'static str>,
    },
    /// A consumer was told that the message is deleted.
    Deleted {
        /// Name of the queue.
        queue: Arc<str>,
        /// Id of the message.
        id: MessageId,
        /// True if it is really gone: a standard queue may deliver it once more.
        gone: bool,
    },
    /// SQS moved a message: the redrive policy to the dead-letter queue, or a move task back.
    Moved {
        /// Name of its former queue.
        from: Arc<str>,
        /// Name of its new queue.
        to: Arc<str>,
        /// Id of the message until now.
        id: MessageId,
        /// Message as it is from now on.
        message: Arc<ModelMessage>,
    },
    /// A message was kept for longer than its queue keeps messages.
    Expired {
        /// Name of the queue.
        queue: Arc<str>,
        /// Id of the message.
        id: MessageId,
    },
    /// The turn of a FIFO queue's group was read.
    TurnRead {
        /// Name of the message group.
        group: Arc<str>,
        /// Version that was read, 0 if there is none.
        version: u64,
    },
    /// The turn of a FIFO queue's group was written.
    TurnWritten {
        /// Turn as it is from now on.
        turn: Arc<GroupTurn>,
    },
    /// A ledger entry was written.
    EntryWritten {
        /// Key of the entry.
        key: LedgerKey,
        /// Entry before the write.
        before: Option<Arc<Entry>>,
        /// Entry after the write.
        after: Arc<Entry>,
        /// Effects that were committed with it.
        effects: Option<Effects>,
    },
    /// A worker read an entry before it claimed it.
    EntryRead {
        /// Key of the entry.
        key: LedgerKey,
        /// Entry that was there.
        found: Option<Arc<Entry>>,
    },
    /// A writer of the ledger read its answer.
    EntryAnswered {
        /// Key of the entry.
        key: LedgerKey,
        /// Entry that the writer meant to write.
        meant: Arc<Entry>,
        /// Answer that the writer got.
        answer: Answer,
    },
    /// A letter was written.
    LetterWritten {
        /// Letter before the write.
        before: Option<Arc<Letter>>,
        /// Letter after the write.
        after: Arc<Letter>,
    },
    /// A handler began to run.
    Started {
        /// Key of the message.
        key: Key,
        /// Enqueue of the message.
        enqueue: Enqueue,
        /// Number of the attempt, as the handler was told.
        attempt: u32,
    },
    /// A handler's run ended: by itself, or because it was dropped.
    Ended {
        /// Key of the message.
        key: Key,
        /// Enqueue of the message.
        enqueue: Enqueue,
        /// Result of the run in one word.
        how: &'static str,
    },
    /// Remark that belongs to the story.
    Note(String),
}

/// Answer that the writer of an entry got.
#[derive(Debug, Clone)]
pub enum Answer {
    /// The entry is written.
    Written,
    /// The condition failed; this was there instead.
    Condition(Option<Arc<Entry>>),
    /// The entry is not written: refused, or in conflict with another transaction.
    NotWritten,
    /// No answer came back.
    Unavailable,
}

/// The record of a run. Clones share it.
#[derive(Debug, Clone)]
pub struct Journal {
    clock: VirtualClock,
    events: Arc<Mutex<Vec<Event>>>,
}

impl Journal {
    /// An empty one; its times are those of `clock`.
    #[must_use]
    pub fn new(clock: VirtualClock) -> Self {
        Self { clock, events: Arc::default() }
    }

    /// Returns the clock of true time.
    #[must_use]
    pub const fn clock(&self) -> &VirtualClock {
        &self.clock
    }

    /// Writes down one event.
    pub fn record(&self, actor: &Actor, what: What) {
        let event = Event { at: self.clock.now(), actor: Arc::clone(actor), what };
        lock(&self.events).push(event);
    }

    /// Returns all events so far.
    #[must_use]
    pub fn events(&self) -> Vec<Event> {
        lock(&self.events).clone()
    }

    /// Returns the number of events so far.
    #[must_use]
    pub fn len(&self) -> usize {
        lock(&self.events).len()
    }

    /// Returns true if nothing has happened yet.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Returns the events so far as text, a line an event.
    #[must_use]
    pub fn story(&self) -> String {
        let start = crate::clock::ORIGIN;
        lock(&self.events).iter().enumerate().map(|(n, event)| format!("{n:4} {}\n", Line(event, start))).collect()
    }
}
