//! Erasure of a letter: the body goes, and everything else that was taken from the message or may repeat a part of it.
//! Hashes stay, and who did what, when and why.

use std::collections::BTreeSet;

use super::{Body, EventKind, Letter, NotThisEdge, Status, edges::Edge};
use crate::ids::{JobId, LetterId};
use crate::letters::fingerprint::fingerprint;
use crate::letters::letter::ErrorType;
use crate::letters::policy::Policy;
use crate::message::key::Key;
use crate::time::Timestamp;

/// Placeholder for an erased text.
pub const ERASED: &str = "(erased)";

/// Other places in the dead-letter table with something of a letter's message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Traces {
    /// Id of the letter.
    pub letter: LetterId,
    /// The causes of which it may be the example.
    pub causes: BTreeSet<String>,
    /// The jobs that sent it: their batches name its key, and their heads what it was edited with.
    pub jobs: BTreeSet<JobId>,
}

impl Traces {
    /// Lists the traces, as far as the letter remembers them.
    #[must_use]
    pub fn of(letter: &Letter) -> Self {
        let attempts = letter.history.iter().filter_map(|event| event.attempt.as_ref());
        let died = attempts.map(|attempt| {
            let class = ErrorType::from(attempt.class);
            fingerprint(class.as_str(), Some(&attempt.code), &attempt.text)
        });
        Self {
            letter: letter.id,
            causes: died.chain([letter.fingerprint.clone()]).collect(),
            jobs: letter.sends.iter().filter_map(|send| send.job).collect(),
        }
    }
}

impl Letter {
    /// RESOLVED and DISCARDED stay, PENDING → DISCARDED: its body is removed at once and for ever, and so are its attributes,
    /// its edit, its group, and the texts of its errors. Of its key a mark stays, and of its body the hash: a copy that dies
    /// later is still known. Who did it, when and why stays with the letter.
    ///
    /// # Errors
    /// [`NotThisEdge`] while it is REPLAYING or REPLAYED, since a copy is under way that may come back to it; and if it was
    /// erased before.
    pub fn erased(&self, note: &str, who: &str, policy: &Policy, now: Timestamp) -> Edge {
        // A version before this one took the body alone: what it left goes now, and who erased it first stays.
        let again = matches!(self.body, Body::Erased { .. });
        if again && self.reason.error_message == ERASED {
            return Err(NotThisEdge(self.status));
        }
        let mut letter = if self.status == Status::Pending {
            self.discarded(note, who, policy, now)?
        } else {
            self.only(&[Status::Resolved, Status::Discarded])?
        };
        if !again {
            letter.strip(Body::Erased { at: now, by: who.to_owned(), note: note.to_owned() });
        }
        letter.strip_head();
        letter.note(now, EventKind::Erased, who, None);
        Ok(letter.trimmed())
    }

    /// Returns true if a message brings the key that stands here. Of an erased letter only the key's mark is known.
    #[must_use]
    pub fn is_key(&self, brought: Option<&Key>, here: Option<&Key>) -> bool {
        let marked = || brought.map(|key| key.erased(self.id));
        brought == here || matches!(self.body, Body::Erased { .. }) && marked().as_ref() == here
    }

    /// Takes its body away.
    fn strip(&mut self, body: Body) {
        self.payload.clear();
        self.attributes.clear();
        self.body = body;
        self.strip_edit();
    }

    fn strip_head(&mut self) {
        let id = self.id;
        let keys = self.sends.iter_mut().map(|send| &mut send.key).chain([&mut self.key]);
        keys.flatten().for_each(|key| *key = key.erased(id));
        self.group = None;
        self.reason.error_message = ERASED.to_owned();
        self.reason.attempts.clear();
        for attempt in self.history.iter_mut().filter_map(|event| event.attempt.as_mut()) {
            attempt.text = ERASED.to_owned();
        }
    }
}
