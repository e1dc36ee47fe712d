//! Everything that happened in a model world, in order: what invariants are checked against, and what a person
//! reads when one is broken.

mod line;

use std::sync::{Arc, Mutex};
use std::time::Duration;

use redrive_core::ids::{Life, MessageId, ReceiptHandle};
use redrive_core::key::{Key, LedgerKey};
use redrive_core::ledger::Entry;
use redrive_core::letter::Letter;
use redrive_core::time::Timestamp;

use crate::clock::VirtualClock;
use crate::faults::{Call, Mishap};
use crate::lock;
use crate::queue::ModelMessage;
use crate::store::Effects;
use line::Line;

/// Who did it: a process (one invocation, say), or the world itself.
pub type Actor = Arc<str>;

/// One step.
#[derive(Debug, Clone)]
pub struct Event {
    /// When, in true time.
    pub at: Timestamp,
    /// Who.
    pub actor: Actor,
    /// What.
    pub what: What,
}

/// What can happen in a model world.
#[derive(Debug, Clone)]
pub enum What {
    /// Something went wrong with a call, as planned or by chance.
    Mishap {
        /// The call's index in the run.
        index: usize,
        /// The call.
        call: Call,
        /// What went wrong.
        mishap: Mishap,
    },
    /// The process ended here, whatever it was doing.
    Died,
    /// A message came into a queue for the first time.
    Sent {
        /// Which queue.
        queue: Arc<str>,
        /// The message.
        message: Arc<ModelMessage>,
    },
    /// A message was handed out.
    Received {
        /// Which queue.
        queue: Arc<str>,
        /// Which message.
        id: MessageId,
        /// With which handle.
        handle: ReceiptHandle,
        /// How often it has been handed out, this time included.
        count: u32,
    },
    /// A visibility was to be set.
    Hidden {
        /// Which queue.
        queue: Arc<str>,
        /// Which message.
        id: MessageId,
        /// For how long.
        delay: Duration,
        /// SQS's code, if it refused.
        refused: Option<&'static str>,
    },
    /// A consumer was told that the message is deleted.
    Deleted {
        /// Which queue.
        queue: Arc<str>,
        /// Which message.
        id: MessageId,
        /// Whether it is really gone: a standard queue may deliver it once more.
        gone: bool,
    },
    /// SQS moved a message: the redrive policy to the dead-letter queue, or a move task back.
    Moved {
        /// From which queue.
        from: Arc<str>,
        /// To which.
        to: Arc<str>,
        /// Its id until now.
        id: MessageId,
        /// What it is from now on.
        message: Arc<ModelMessage>,
    },
    /// A message was kept for longer than its queue keeps messages.
    Expired {
        /// Which queue.
        queue: Arc<str>,
        /// Which message.
        id: MessageId,
    },
    /// A ledger entry was written.
    EntryWritten {
        /// Where.
        key: LedgerKey,
        /// What stood there.
        before: Option<Arc<Entry>>,
        /// What stands there now.
        after: Arc<Entry>,
        /// What was committed with it.
        effects: Option<Effects>,
    },
    /// A writer of the ledger read its answer.
    EntryAnswered {
        /// Where it wrote.
        key: LedgerKey,
        /// What it wanted to stand there.
        meant: Arc<Entry>,
        /// What it was told.
        answer: Answer,
    },
    /// A letter was written.
    LetterWritten {
        /// What stood there.
        before: Option<Arc<Letter>>,
        /// What stands there now.
        after: Arc<Letter>,
    },
    /// A handler began to run.
    Started {
        /// For which key.
        key: Key,
        /// For which life.
        life: Life,
        /// Which attempt of that life it was told to be.
        attempt: u32,
    },
    /// A handler's run ended: by itself, or because it was dropped.
    Ended {
        /// For which key.
        key: Key,
        /// For which life.
        life: Life,
        /// How.
        how: &'static str,
    },
    /// Anything else that belongs to the story.
    Note(String),
}

/// What the writer of an entry was told.
#[derive(Debug, Clone)]
pub enum Answer {
    /// It is written.
    Written,
    /// The condition failed; this was there instead.
    Condition(Option<Arc<Entry>>),
    /// Not written: refused, or in conflict with another transaction.
    NotWritten,
    /// Nothing.
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

    /// True time.
    #[must_use]
    pub const fn clock(&self) -> &VirtualClock {
        &self.clock
    }

    /// Writes down one event.
    pub fn record(&self, actor: &Actor, what: What) {
        let event = Event { at: self.clock.now(), actor: Arc::clone(actor), what };
        lock(&self.events).push(event);
    }

    /// Everything so far.
    #[must_use]
    pub fn events(&self) -> Vec<Event> {
        lock(&self.events).clone()
    }

    /// How many events there are so far.
    #[must_use]
    pub fn len(&self) -> usize {
        lock(&self.events).len()
    }

    /// Whether nothing has happened yet.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Everything so far as text, a line an event.
    #[must_use]
    pub fn story(&self) -> String {
        let start = crate::clock::ORIGIN;
        lock(&self.events).iter().enumerate().map(|(n, event)| format!("{n:4} {}\n", Line(event, start))).collect()
    }
}
