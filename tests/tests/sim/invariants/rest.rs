//! Invariants that must hold in the end.

use std::collections::BTreeSet;
use std::sync::Arc;

use redrive_core::ids::MessageId;
use redrive_core::letters::letter::{Letter, Status};
use redrive_core::replay::{Candidate, GroupLeaders};
use redrive_core::time::Timestamp;

use super::{Checker, Invariant};
use crate::actors::{World, is_open};

impl Checker {
    pub(super) fn rest(&mut self, world: &World) {
        self.event += 1;
        let (main, dead) = (world.main.len(), world.own_dead());
        self.must(main + dead == 0, Invariant::Rest, || {
            format!("{main} messages are still in the main queue, {dead} in the dead-letter queue")
        });
        let letters: Vec<Arc<Letter>> = self.letters.values().cloned().collect();
        let mut heads = GroupLeaders::default();
        letters.iter().filter(|letter| is_open(letter)).for_each(|letter| heads.add(&Candidate::of(letter)));
        for letter in &letters {
            // Whatever stands before it in its group must itself be at rest.
            let held_up = world.plan.fifo && !heads.lets(letter);
            self.letter_rests(letter, held_up);
        }
        self.jobs_rest(world);
        self.unlisted_rests(world);
        let sent: Vec<MessageId> =
            self.known.iter().filter(|(_, known)| &*known.by == "producer").map(|(id, _)| id.clone()).collect();
        // Whoever got another id is looked at under that.
        for id in sent.into_iter().filter(|id| !self.became.contains_key(id)).collect::<Vec<_>>() {
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

    fn letter_rests(&mut self, letter: &Letter, held_up: bool) {
        let name = format!("letter {} of {}", letter.id, letter.origin);
        let rests = match letter.status {
            Status::Resolved | Status::Discarded => true,
            Status::Pending => letter.due == Timestamp::NEVER || held_up,
            Status::Replayed => letter.destination().is_some(),
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
        let mut ids = BTreeSet::from([id.clone()]);
        let letters = |id: &MessageId| self.known.get(id).into_iter().flat_map(|known| known.letters.iter().flatten());
        while let Some(next) = self.known.keys().find(|next| !ids.contains(next) && self.follows(&ids, next)) {
            ids.insert(next.clone());
        }
        let mut letters = ids.iter().flat_map(letters).filter_map(|letter| self.letters.get(letter));
        let kept = letters.any(|letter| letter.is_effect(hash));
        self.must(completed || kept, Invariant::Rest, || format!("{id} is neither completed nor in a letter"));
    }

    /// Returns true if a message stands for one of these: SQS gave it another id, or the processor put it into the
    /// dead-letter queue itself.
    fn follows(&self, ids: &BTreeSet<MessageId>, next: &MessageId) -> bool {
        let died = self.known.get(next).and_then(|known| known.seen.redrive.as_ref()?.died.as_ref());
        died.is_some_and(|enqueue| ids.contains(&enqueue.message_id))
            || ids.iter().any(|id| self.became.get(id) == Some(next))
    }
}
