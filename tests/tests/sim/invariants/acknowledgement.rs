//! Acknowledgements: who may be told that a message is done, and where it is then.

use redrive_core::ids::{LetterId, MessageId};
use redrive_core::letters::letter::Letter;
use redrive_core::message::key::LedgerKey;
use redrive_core::processing::ledger::{Entry, EntryState};
use redrive_testkit::journal::{Actor, Answer};

use super::{Checker, Held, Invariant, SentMessage};

impl Checker {
    /// Notes what a process was told about a write of its own.
    pub(super) fn answered(&mut self, actor: &Actor, key: &LedgerKey, meant: &Entry, answer: &Answer) {
        let seen = match answer {
            Answer::Written => meant,
            Answer::Condition(Some(found)) => found,
            Answer::Condition(None) | Answer::NotWritten | Answer::Unavailable => return,
        };
        let own = seen.owner == meant.owner;
        match seen.state {
            EntryState::Completed => {
                self.read.insert((actor.clone(), key.clone(), seen.hash.to_string()));
            }
            EntryState::Failed if own => {
                self.failed.insert((actor.clone(), seen.owner.to_string()));
            }
            EntryState::InProgress if own && meant.state == EntryState::InProgress => {
                let Some(enqueue) = self.claimed.get(&meant.owner.to_string()).cloned() else { return };
                let held = Held { token: meant.owner, enqueue, until: meant.lease_until };
                self.held.insert((actor.clone(), key.clone()), held);
            }
            EntryState::Failed | EntryState::InProgress => {}
        }
    }

    /// Notes what a process saw before it claimed.
    pub(super) fn looked(&mut self, actor: &Actor, key: &LedgerKey, found: Option<&Entry>) {
        if let Some(done) = found.filter(|found| found.state == EntryState::Completed) {
            self.read.insert((actor.clone(), key.clone(), done.hash.to_string()));
        }
    }

    /// Lambda deletes a message from the main queue on behalf of a process.
    pub(super) fn acknowledged(&mut self, actor: &Actor, id: &MessageId) {
        let Some(known) = self.known.get(id) else { return };
        if self.is_handed_over(known) {
            return;
        }
        let Some(key) = known.entry.clone() else {
            return self.broken(Invariant::AcknowledgedIsCompleted, format!("{id} was acknowledged without a key"));
        };
        let hash = known.seen.hash.clone();
        self.must(self.is_completed(&key, &hash), Invariant::AcknowledgedIsCompleted, || {
            format!("{actor} acknowledged {id}, and {} is not completed with its payload", key.as_str())
        });
        let read = self.read.contains(&(actor.clone(), key.clone(), hash.to_string()));
        self.must(read, Invariant::ReadBeforeTold, || {
            format!("{actor} acknowledged {id}, and never read that {} is completed", key.as_str())
        });
    }

    /// A worker puts a message of its own into the dead-letter queue.
    pub(super) fn handed_over(&mut self, id: &MessageId) {
        let Some(known) = self.known.get(id) else { return };
        let died = known.seen.redrive.as_ref().and_then(|redrive| redrive.died.clone());
        // SQS's own redrive may take the word about it away.
        if let Some(enqueue) = &died {
            self.became.entry(enqueue.message_id.clone()).or_insert_with(|| id.clone());
        }
        self.handed.extend(died.map(|enqueue| (enqueue, known.seen.hash.to_string())));
    }

    pub(super) fn is_handed_over(&self, known: &SentMessage) -> bool {
        self.handed.contains(&(known.seen.envelope.enqueue(), known.seen.hash.to_string()))
    }

    /// A process sets a visibility.
    pub(super) fn hidden(&mut self, actor: &Actor, id: &MessageId) {
        let Some(known) = self.known.get(id) else { return };
        let Some(key) = known.entry.clone() else { return };
        let enqueue = known.seen.envelope.enqueue();
        let Some(held) = self.held.get(&(actor.clone(), key.clone())).filter(|held| held.enqueue == enqueue) else {
            return;
        };
        let settled = self.failed.contains(&(actor.clone(), held.token.to_string()));
        self.must(settled, Invariant::ReadBeforeTold, || {
            format!("{actor} set the visibility of {id} without having read that its failure was written")
        });
    }

    /// The indexer deletes a message from the dead-letter queue.
    pub(super) fn deleted(&mut self, id: &MessageId) {
        let Some(known) = self.known.get(id) else { return };
        let hash = &known.seen.hash;
        let stands = |letter: &LetterId| self.letters.get(letter).is_some_and(|letter| letter.is_effect(hash));
        let kept = known.letters.iter().flatten().any(stands);
        let completed = known.entry.as_ref().is_some_and(|key| self.is_completed(key, hash));
        self.must(kept || completed, Invariant::NothingLost, || {
            format!("{id} was deleted from the dead-letter queue, and no letter or completion has its payload")
        });
    }

    /// A message came into the main queue: if it claims to be a send, its letter must know it.
    pub(super) fn sent(&mut self, id: &MessageId) {
        let Some(known) = self.known.get(id) else { return };
        let Some(redrive) = known.seen.redrive.clone() else { return };
        // Producers forge the attribute; that is theirs to do.
        if &*known.by == "producer" {
            return;
        }
        let claimed = |letter: &Letter| {
            letter.number >= redrive.number && letter.sends.iter().any(|send| send.number == redrive.number)
        };
        let claimed = self.letters.get(&redrive.letter).is_some_and(|letter| claimed(letter));
        self.must(claimed, Invariant::SendsAreClaimed, || {
            format!("{id} was sent as number {}, and its letter does not know that", redrive.number)
        });
    }
}
