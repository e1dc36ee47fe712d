//! A body that is sent in the place of a letter's own: a person's edit, or the message in a record. The original is kept
//! beside it.

use super::{Body, EventKind, Letter};
use crate::ids::MessageId;
use crate::message::key::PayloadHash;
use crate::time::Timestamp;

/// Body to send instead of the original, since a person edited it, or since the indexer took it out of a record.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Edited {
    /// The body; empty if it is not there.
    pub payload: String,
    /// Hash of the edited body, as payloads are configured to be hashed.
    pub hash: PayloadHash,
    /// Hash of the whole edited body.
    pub whole: PayloadHash,
    /// Person who edited it, or function that took it out.
    pub by: String,
    /// Time of the edit.
    pub at: Timestamp,
    /// Description of the part that is missing in the table, if any is.
    pub lost: Option<String>,
}

impl Letter {
    /// The body that it is sent with: the edited one, if there is one.
    #[must_use]
    pub fn payload_now(&self) -> &str {
        self.edited.as_ref().map_or(&self.payload, |edited| &edited.payload)
    }

    /// Returns the hash of the body that would be sent now.
    #[must_use]
    pub fn hash_now(&self) -> &PayloadHash {
        self.edited.as_ref().map_or(&self.hash, |edited| &edited.hash)
    }

    /// The letter as it is to be claimed: with another body. Nothing of this is written before the claim is.
    #[must_use]
    pub fn with_edit(mut self, edited: Edited) -> Self {
        self.note(edited.at, EventKind::Edited, &edited.by, None);
        self.edited = Some(edited);
        self
    }

    /// The messages of it that carry no number: the one that it was at first, the one that was indexed last, and copies without
    /// redrive's own attribute (`bare` says which of its sends are).
    #[must_use]
    pub fn unnumbered(&self, bare: impl Fn(&super::Send) -> bool) -> Vec<MessageId> {
        let sent = self.sends.iter().filter(|send| bare(send)).filter_map(|send| send.message_id.clone());
        let mut all: Vec<_> = [self.origin.clone(), self.enqueue.message_id.clone()].into_iter().chain(sent).collect();
        all.sort_unstable();
        all.dedup();
        all
    }

    /// Forgets an edit that no send carries, and that it was made. One whose send may have arrived stays.
    pub(super) fn take_back_an_unsent_edit(&mut self) {
        let carries = |edited: &Edited| self.sends.iter().any(|send| send.edited.as_ref() == Some(&edited.whole));
        if let Some(unsent) = self.edited.take_if(|edited| !carries(edited)) {
            self.history.retain(|event| event.at != unsent.at || event.what != EventKind::Edited);
        }
    }

    /// The letter just put back, with the edit that it had before the claim that was refused.
    #[must_use]
    pub fn with_former_edit(mut self, former: Option<Edited>) -> Self {
        self.edited = self.edited.or(former);
        self
    }

    pub(super) fn strip_edit(&mut self) {
        if !matches!(self.body, Body::Kept { .. }) {
            self.edited = None;
        }
    }
}
