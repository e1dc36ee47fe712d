//! What must hold in the end.

use std::sync::Arc;

use redrive_core::ids::MessageId;
use redrive_core::letter::{Letter, Status};
use redrive_core::time::Timestamp;

use super::{Checker, Invariant, Known};
use crate::cast::World;

impl Checker {
    pub(super) fn rest(&mut self, world: &World) {
        self.event += 1;
        let (main, dead) = (world.main.len(), world.dead.len());
        self.must(main + dead == 0, Invariant::Rest, || {
            format!("{main} messages are still in the main queue, {dead} in the dead-letter queue")
        });
        let letters: Vec<Arc<Letter>> = self.letters.values().cloned().collect();
        for letter in &letters {
            self.letter_rests(letter);
        }
        self.jobs_rest(world);
        let sent: Vec<MessageId> =
            self.known.iter().filter(|(_, known)| &*known.by == "producer").map(|(id, _)| id.clone()).collect();
        for id in sent {
            self.message_rests(&id);
        }
        for ((key, _), count) in self.effects.clone() {
            let charged =
                world.ledger.inner.counter(&format!("charged:{}", key.as_str().rsplit('#').next().unwrap_or_default()));
            self.must(charged == u64::from(count) && count == 1, Invariant::OneEffect, || {
                format!("{} was charged {charged} times by {count} completions", key.as_str())
            });
        }
    }

    fn letter_rests(&mut self, letter: &Letter) {
        let name = format!("letter {} of {}", letter.id, letter.origin);
        let rests = match letter.status {
            Status::Resolved | Status::Discarded => true,
            Status::Pending => letter.due == Timestamp::NEVER,
            Status::Replayed => letter.elsewhere().is_some(),
            Status::Replaying => false,
        };
        self.must(rests, Invariant::Rest, || format!("{name} is still {}", letter.status));
        let done = letter.status == Status::Pending && self.has_effect(letter);
        self.must(!done, Invariant::Reconciled, || format!("{name} is PENDING, and its effect happened"));
    }

    /// In one completion or one letter.
    fn message_rests(&mut self, id: &MessageId) {
        let Some(known) = self.known.get(id) else { return };
        let hash = &known.seen.hash;
        let completed = known.entry.as_ref().is_some_and(|key| self.is_completed(key, hash));
        let letters = known.letters.iter().flatten().filter_map(|letter| self.letters.get(letter));
        // The dead-letter queue may have given it another id, and so another letter.
        let renamed = self.letters.values().filter(|letter| letter.sent_at == known.seen.envelope.sent_at);
        // And the processor may have put it there under another.
        let told_of = |copy: &&Known| {
            let died = copy.seen.redrive.as_ref().and_then(|redrive| redrive.died.as_ref());
            died.is_some_and(|life| life.message_id == *id)
        };
        let copies = self.known.values().filter(told_of).flat_map(|copy| copy.letters.iter().flatten());
        let copies = copies.filter_map(|letter| self.letters.get(letter));
        let kept = letters.chain(renamed).chain(copies).any(|letter| letter.is_effect(hash));
        self.must(completed || kept, Invariant::Rest, || format!("{id} is neither completed nor in a letter"));
    }
}
