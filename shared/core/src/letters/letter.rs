//! A dead message as a record: what it was, why it failed, and what was done about it.

mod attributes;
mod body;
mod copies;
mod edited;
mod form;
mod history;
mod message_ids;
mod send;
mod traces;

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::ids::{Enqueue, LetterId, MessageId, OwnerToken, QueueArn, ReplayNumber, Scope};
use crate::message::envelope::Attributes;
use crate::message::key::{Key, PayloadHash};
use crate::message::trace_context::TraceContext;
use crate::time::Timestamp;

pub use attributes::AttributesHash;
pub use body::{Body, NoBody};
pub use edited::Edited;
pub use form::Form;
pub use history::{Event, EventKind, FUNCTIONS, History, is_function};
pub use send::{Send, Sends};
pub use traces::{ERASED, Traces};

pub use crate::error_type::ErrorType;
pub use crate::letters::reason::Reason;

/// Limit of events, and of sends, that a letter remembers.
pub(super) const REMEMBERED: usize = 100;
/// Most bytes of a letter without its body, by a rough estimate. A store must take a head of this size; shared/aws checks that
/// DynamoDB's items do.
pub const HEAD_LIMIT: usize = 128 * 1024;

/// Status of a letter.
///
/// Rule R27 of docs/protocol.md.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum Status {
    /// Waits for the policy or for a person.
    Pending,
    /// A run is sending the letter back.
    Replaying,
    /// The letter was sent; its outcome is not known yet.
    Replayed,
    /// The effect of the letter happened.
    Resolved,
    /// A person decided that it shall not happen.
    Discarded,
}

impl Status {
    /// The word of the schema.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Pending => "PENDING",
            Self::Replaying => "REPLAYING",
            Self::Replayed => "REPLAYED",
            Self::Resolved => "RESOLVED",
            Self::Discarded => "DISCARDED",
        }
    }
}

impl fmt::Display for Status {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A letter, complete. Its status moves only along the edges, which are the functions of [`edges`](super::edges).
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Letter {
    /// Letter id, called `dlq_message_id` in the table.
    pub id: LetterId,
    /// Source queue, called `source_topic` in the table.
    pub source: QueueArn,
    /// `moved_from`: the queue whose redrive policy moved it when it first came, as SQS says. Absent if the message was sent to
    /// the dead-letter queue, if an emulator does not say it, and in letters from before this was kept.
    pub moved_from: Option<QueueArn>,
    /// `source_partition`: absent for SQS.
    pub partition: Option<String>,
    /// `source_offset`: absent for SQS.
    pub offset: Option<String>,
    /// `original_payload`, verbatim; empty if the body is not there.
    pub payload: String,
    /// The kind of that payload.
    pub form: Form,
    /// The message attributes as they first came, `redrive` apart; none if the body is not there.
    pub attributes: Attributes,
    /// Hash of these attributes; absent in letters from before this was kept.
    pub attributes_hash: Option<AttributesHash>,
    /// State of payload and attributes: kept, erased or missing.
    pub body: Body,
    /// Payload to send instead of the original, if a person edited it or it is a record around the message. The
    /// original stays.
    pub edited: Option<Edited>,
    /// Value of `MessageGroupId`, on a FIFO queue.
    pub group: Option<String>,
    /// `SequenceNumber`: its place in a FIFO queue, when it first came.
    pub sequence: Option<String>,
    /// The message id under which it first came.
    pub origin: MessageId,
    /// Time at which the message first came.
    pub sent_at: Timestamp,
    /// Trace in which the message was first sent, as it said: to be linked and shown, and nothing else. Absent if it was not
    /// traced, and in letters from before this was kept.
    ///
    /// Rule R43 of docs/protocol.md.
    pub trace: Option<TraceContext>,
    /// The enqueue that was indexed last.
    pub enqueue: Enqueue,
    /// Hash of the payload.
    pub hash: PayloadHash,
    /// `idempotency_key`: absent if none could be found.
    pub key: Option<Key>,
    /// True if the key survives a native redrive.
    pub key_is_stable: bool,
    /// Scope of the key in the ledger.
    pub scope: Scope,
    /// Reason of its last death.
    pub reason: Reason,
    /// Fingerprint of the cause.
    pub fingerprint: String,
    /// Status of the letter.
    pub status: Status,
    /// Note of an operator, called `resolution_note` in the table.
    pub resolution_note: Option<String>,
    /// Number, incremented by every replay claim.
    pub number: ReplayNumber,
    /// Number of deaths: 1 at first.
    pub deaths: u32,
    /// Last sends of the letter.
    pub sends: Sends,
    /// Last events of the letter.
    pub history: History,
    /// Token of the run that is sending it.
    pub token: Option<OwnerToken>,
    /// PENDING: when the policy may replay it. REPLAYING: when the claim ends. REPLAYED: when no outcome can come
    /// any more; never, if it went to another queue. Else: when it came to this status.
    pub due: Timestamp,
    /// Time of deletion: never, unless RESOLVED or DISCARDED.
    pub expires: Option<Timestamp>,
    /// Version, incremented by every write.
    pub version: u64,
}

impl Letter {
    /// Returns the time of the last change, notes apart: it was indexed, died again, or was moved along an edge.
    #[must_use]
    pub fn changed_at(&self) -> Timestamp {
        self.history.changed_at().unwrap_or(self.reason.last_failed_at)
    }

    /// Returns true if a claim ran out, so that nobody knows if the letter was sent.
    #[must_use]
    pub fn is_lapsed(&self, now: Timestamp) -> bool {
        self.status == Status::Replaying && self.due < now
    }

    /// The other queue that its claim sends it to, or its last one did.
    #[must_use]
    pub fn destination(&self) -> Option<&QueueArn> {
        self.sends.last().filter(|send| send.number == self.number)?.to.as_ref()
    }

    /// Returns true if the present claim puts the letter back into the dead-letter queue. An ejection is no send, so
    /// none is written down with it.
    #[must_use]
    pub fn is_ejecting(&self) -> bool {
        self.status == Status::Replaying && self.sends.last().is_none_or(|send| send.number != self.number)
    }

    /// Returns true if the letter waits because nobody knows what became of its last claim.
    #[must_use]
    pub fn waits_in_doubt(&self) -> bool {
        // A note says something about it, and changes nothing.
        let last = self.history.iter().rev().find(|event| event.what != EventKind::Noted);
        self.status == Status::Pending && last.is_some_and(|event| event.what == EventKind::InDoubt)
    }

    /// Roughly how many bytes its item has, the body apart.
    #[must_use]
    pub fn head_bytes(&self) -> usize {
        let key = self.key.as_ref().map_or(0, |key| key.as_str().len());
        let text = self.reason.error_message.len() + self.fingerprint.len() * 2;
        let to = |send: &Send| send.to.as_ref().map_or(0, |to| to.as_str().len() + 10);
        let from = self.moved_from.as_ref().map_or(0, |from| from.as_str().len());
        let sends = self.sends.iter().map(|send| key + 300 + to(send)).sum::<usize>();
        let note = self.resolution_note.as_ref().map_or(0, String::len);
        let body = match &self.body {
            Body::Kept { .. } | Body::Missing { .. } => 150,
            Body::Erased { by, note, .. } => by.len() + note.len() + 80,
        };
        let history: usize = self
            .history
            .iter()
            .map(|event| {
                let words = event.who.len() + event.note.as_ref().map_or(0, String::len);
                words + if event.attempt.is_some() { 480 } else { 120 }
            })
            .sum();
        let edited = self.edited.as_ref().map_or(0, |edited| edited.by.len() + 400);
        let trace = if self.trace.is_some() { 80 } else { 0 };
        key + text + note + sends + body + edited + history + from + trace + 1_600
    }
}

/// A whole letter, to be put under a condition.
#[derive(Debug, Clone)]
pub struct LetterWrite {
    /// Letter to write; its version is already one more than what it replaces.
    pub letter: Letter,
    /// The version that must still be there; `None`: there must be no such letter.
    pub replaces: Option<u64>,
}

impl LetterWrite {
    /// A letter that must not exist yet.
    #[must_use]
    pub const fn create(letter: Letter) -> Self {
        Self { letter, replaces: None }
    }

    /// The next version of a letter that was read. Its body stays as it is in the table, unless this one is without.
    #[must_use]
    pub const fn change(letter: Letter) -> Self {
        let replaces = Some(letter.version.saturating_sub(1));
        Self { letter, replaces }
    }

    /// Returns true if `found` meets the condition. Every store behind the port must behave like this.
    #[must_use]
    pub fn holds(&self, found: Option<&Letter>) -> bool {
        found.map(|letter| letter.version) == self.replaces
    }
}
