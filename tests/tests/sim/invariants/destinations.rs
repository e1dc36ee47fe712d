//! Letters that a person sent to another queue.

use redrive_core::ids::MessageId;
use redrive_core::letters::letter::{Letter, Send, Status};

use super::{Checker, Invariant};

impl Checker {
    /// A message came into the other queue: a letter must be claimed for that, and the message stands for itself.
    pub(super) fn sent_to_destination(&mut self, id: &MessageId) {
        let Some(known) = self.known.get(id) else { return };
        let hash = known.seen.hash.clone();
        let bare = known.seen.redrive.is_none();
        let bound = |letter: &Letter| letter.sends.iter().any(|send| send.to.is_some() && send.hash == hash);
        let claimed = self.letters.values().any(|letter| bound(letter));
        self.elsewhere.insert(hash.to_string());
        self.must(claimed && bare, Invariant::SendsAreClaimed, || {
            format!("{id} was sent elsewhere, and no letter knows that, or it says that it is one's send")
        });
    }

    /// Returns true if replay has put a copy of the letter into the other queue.
    pub(super) fn is_at_destination(&self, letter: &Letter) -> bool {
        let sent = |send: &Send| send.to.is_some() && self.elsewhere.contains(&send.hash.to_string());
        letter.destination().is_some() && letter.sends.iter().any(sent)
    }

    /// A claim to send was made.
    pub(super) fn claimed_to_send(&mut self, name: &str, before: &Letter, after: &Letter) {
        let who = after.history.last().map_or("", |event| event.who.as_str()).to_owned();
        let taken_over = before.status == Status::Replaying;
        let by_a_person = who.contains("ann");
        // Who takes over what a person sent home goes on with what that person decided.
        let may =
            if taken_over { before.destination().is_none() } else { !before.sends.any_to_destination() || by_a_person };
        self.must(may && (after.destination().is_none() || by_a_person), Invariant::NothingInDoubtIsResent, || {
            format!("{name} may be elsewhere, and {who} claims it")
        });
    }
}
