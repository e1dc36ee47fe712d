//! Message ids that lead to a letter, besides the one that its own id is made of.

use std::collections::BTreeSet;
use std::time::Duration;

use super::{EventKind, LetterWrite};
use crate::ids::MessageId;
use crate::time::Timestamp;

/// Time for which a message id leads to its letter without a search: longer than logs are usually kept, and than a letter stays
/// after its end.
const REMEMBERED_FOR: Duration = Duration::from_secs(400 * 86_400);

impl LetterWrite {
    /// Returns the message ids that this write is the first to bring: that of a send which SQS took, and that of a copy which died.
    /// The id under which the message first came is left out, because the letter's own id is made of it.
    ///
    /// Rule R8 of docs/protocol.md.
    #[must_use]
    pub fn new_message_ids(&self) -> BTreeSet<&MessageId> {
        let letter = &self.letter;
        let died = Some(&letter.enqueue.message_id);
        let sent = |number| letter.sends.iter().filter(move |send| number == send.number);
        let mut brought: BTreeSet<_> = match (self.replaces, letter.history.last().map(|event| event.what)) {
            (None, _) => letter.sends.iter().filter_map(|send| send.message_id.as_ref()).chain(died).collect(),
            (Some(_), Some(EventKind::Sent)) => {
                sent(letter.number).filter_map(|send| send.message_id.as_ref()).collect()
            }
            (Some(_), Some(EventKind::DiedAgain)) => died.into_iter().collect(),
            (Some(_), _) => BTreeSet::new(),
        };
        brought.remove(&letter.origin);
        brought
    }

    /// Returns the time until which the message ids that this write brings are kept beside the letter.
    #[must_use]
    pub fn message_ids_expire(&self) -> Timestamp {
        self.letter.changed_at().after(REMEMBERED_FOR)
    }
}
