//! Answers of core in the model's own small terms, and the names by which core knows the model's things.

use redrive_core::ids::{LetterId, MessageId, OwnerToken, ReceiptHandle, ReplayNumber};
use redrive_core::message::decode::Reading;
use redrive_core::message::envelope::{Attribute, Envelope};
use redrive_core::message::key::Key;
use redrive_core::message::redrive::{self, Redrive};
use redrive_core::processing::ledger::{EntryState as Stands, Expect};
use redrive_core::time::Timestamp;

use crate::bounds::Scene;
use crate::state::{RENAMED, REPLAYED, Token, Who};
use crate::tables::Ref;

/// A conditional write of an entry.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct Put {
    pub(crate) cell: usize,
    pub(crate) entry: Ref,
    pub(crate) expect: Expect,
}

/// A conditional write of a letter.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct LetterPut {
    pub(crate) cell: usize,
    pub(crate) letter: Ref,
    pub(crate) replaces: Option<u64>,
}

/// Answer of core to a claim.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Claimed {
    /// Write this, a claim or a burial.
    Put(Ref),
    /// The answer was lost; this entry is the claim's.
    Won(Ref),
    Duplicate,
    Dead,
    Busy,
    /// The message owns no key: write this.
    Keyless(Ref),
}

/// Answer of core to a settlement.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Settled {
    Put(Ref),
    Done,
    Rejected,
}

/// Answer of core about a dead message.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Plan {
    Put(Ref),
    Delete,
    Leave,
}

/// Facts about an entry that the model needs at a glance.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Facts {
    pub(crate) stands: Stands,
    pub(crate) owner: Token,
    /// Index of the message that has the payload.
    pub(crate) payload: usize,
    pub(crate) live: bool,
    /// Lives that it knows, and those that it shows dead.
    pub(crate) enqueues: u8,
    pub(crate) dead: u8,
    /// The most attempts that an enqueue of it has had.
    pub(crate) attempts: u32,
    pub(crate) worker_lost: bool,
}

/// Returns the token of a worker as core has it.
pub(crate) fn owner(token: Token) -> OwnerToken {
    OwnerToken::from_random(u128::from(token.0) + 1)
}

pub(crate) fn envelope(who: Who, scene: &Scene, reading: &Reading) -> Envelope {
    let (key, payload) = scene.messages.get(who.message()).copied().unwrap_or((who.message(), 0));
    let origin = MessageId::new(format!("m{}", who.message())).unwrap();
    let message_id = match who.enqueue() {
        RENAMED => MessageId::new(format!("{origin}-renamed")).unwrap(),
        REPLAYED => MessageId::new(format!("{origin}-replayed")).unwrap(),
        _ => origin.clone(),
    };
    let mut envelope = Envelope {
        message_id,
        receipt_handle: ReceiptHandle::new("any").unwrap(),
        body: format!(r#"{{"key":"k{key}","payload":{payload}}}"#),
        sent_at: Timestamp::from_millis(1_000 * (u64::from(who.enqueue()) + 1)),
        receive_count: 1,
        group: None,
        sequence: None,
        moved_from: None,
        deduplication: None,
        trace: None,
        attributes: std::collections::BTreeMap::new(),
        broker: None,
    };
    if who.enqueue() == REPLAYED {
        let text = Redrive {
            letter: LetterId::derive(&reading.source, &origin),
            number: ReplayNumber(1),
            key: Some(Key::new(format!("k{key}")).unwrap()),
            scope: reading.scope.clone(),
            origin,
            sent_at: Timestamp::from_millis(1_000),
            died: None,
            trace: None,
        };
        envelope.attributes.insert(redrive::ATTRIBUTE.to_owned(), Attribute::text(text.encode()));
    }
    envelope
}
