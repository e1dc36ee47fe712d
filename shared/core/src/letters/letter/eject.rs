//! The way out: a letter goes back into its dead-letter queue, and is none of ours any more.

use std::time::Duration;

use super::edges::Edge;
use super::{EventKind, Letter, NotThisEdge, Status};
use crate::ids::{MessageId, Number, OwnerToken};
use crate::letters::policy::Policy;
use crate::time::Timestamp;

impl Letter {
    /// PENDING → REPLAYING, in order to put it back into the dead-letter queue: the number goes up, and no send is written
    /// down, for what goes there cannot complete.
    ///
    /// # Errors
    /// [`NotThisEdge`] in any other status, an expired claim included: what its holder sent is not known, and in the
    /// dead-letter queue nothing swallows a second copy. See [`Self::in_doubt`]. And for a letter without its body.
    pub fn claim_to_eject(&self, token: OwnerToken, who: &str, lease: Duration, now: Timestamp) -> Edge {
        self.check_kept().map_err(|_| NotThisEdge(self.status))?;
        let mut letter = self.only(&[Status::Pending])?;
        letter.status = Status::Replaying;
        letter.number = self.number.next();
        letter.token = Some(token);
        letter.due = now.after(lease);
        letter.note(now, EventKind::Claimed, who, Some("to eject it".to_owned()));
        Ok(letter.trimmed())
    }

    /// REPLAYING → DISCARDED, by whoever holds the claim, after SQS said that the dead-letter queue took the message.
    ///
    /// # Errors
    /// [`NotThisEdge`] for another's claim, and for one that was not made to eject it.
    pub fn ejected(
        &self,
        token: OwnerToken,
        number: Number,
        sent: &MessageId,
        who: &str,
        policy: &Policy,
        now: Timestamp,
    ) -> Edge {
        let mut letter = self.held_by(token, number)?;
        if !self.is_ejecting() {
            return Err(NotThisEdge(self.status));
        }
        let note = format!("ejected to the dead-letter queue as message {sent}");
        letter.status = Status::Discarded;
        letter.token = None;
        letter.due = now;
        letter.close(policy, now);
        letter.resolution_note = Some(note.clone());
        letter.note(now, EventKind::Ejected, who, Some(note));
        Ok(letter.trimmed())
    }
}
