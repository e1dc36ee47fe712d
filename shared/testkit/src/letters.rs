//! Letters to begin a test with.

use redrive_core::ids::{Enqueue, LetterId, QueueArn, ReplayNumber, Scope};
use redrive_core::letters::letter::{Body, Form, History, Letter, Reason, Sends, Status};
use redrive_core::message::key::PayloadHash;
use redrive_core::time::Timestamp;

/// A letter as the indexer makes it of a message that died in its first enqueue: it waits for a person, without a key, attributes
/// or a history. Whatever a test is about is put in its place with `..waiting(..)`.
#[must_use]
pub fn waiting(source: QueueArn, scope: Scope, enqueue: Enqueue, payload: &str, reason: Reason) -> Letter {
    Letter {
        id: LetterId::derive(&source, &enqueue.message_id),
        source,
        moved_from: None,
        partition: None,
        offset: None,
        payload: payload.to_owned(),
        form: Form::Message,
        attributes: [].into(),
        attributes_hash: None,
        body: Body::default(),
        edited: None,
        group: None,
        sequence: None,
        origin: enqueue.message_id.clone(),
        sent_at: enqueue.sent_at,
        trace: None,
        enqueue,
        hash: PayloadHash::of_text(payload),
        key: None,
        key_is_stable: false,
        scope,
        fingerprint: reason.fingerprint(),
        reason,
        status: Status::Pending,
        resolution_note: None,
        number: ReplayNumber(0),
        deaths: 1,
        sends: Sends::default(),
        history: History::default(),
        token: None,
        due: Timestamp::NEVER,
        expires: None,
        version: 1,
    }
}
