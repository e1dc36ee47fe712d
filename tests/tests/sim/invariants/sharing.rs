//! Messages of a queue that no pair lists, and that shares the dead-letter queue.

use redrive_core::message::redrive::{ATTRIBUTE, Redrive};
use redrive_testkit::journal::{Actor, What};
use redrive_testkit::queue::ModelMessage;

use super::{Checker, Invariant};
use crate::actors::World;

impl Checker {
    /// Judges an event, and returns true if it is the unlisted queue's matter alone.
    pub(super) fn unlisted(&mut self, actor: &Actor, what: &What) -> bool {
        match what {
            What::Sent { queue, message } if *queue == self.unlisted_queue => {
                self.unlisted.insert(message.id.clone());
                self.unlisted_sent += 1;
                true
            }
            What::Moved { to, id, message, .. } if self.unlisted.contains(id) => {
                self.unlisted.insert(message.id.clone());
                self.must(*to != self.main, Invariant::UnlistedIsNotSent, || format!("{id} was moved to {to}"));
                true
            }
            What::Deleted { queue, id, .. } if self.unlisted.contains(id) => {
                self.broken(Invariant::UnlistedIsKept, format!("{actor} deleted {id} from {queue}"));
                true
            }
            What::Sent { queue, message } => {
                let sent = self.is_send_of_unlisted(message);
                self.must(!sent, Invariant::UnlistedIsNotSent, || {
                    format!("{actor} sent {} to {queue}, which stands for a message of no listed queue", message.id)
                });
                false
            }
            What::Started { enqueue, .. } => {
                let ours = !self.unlisted.contains(&enqueue.message_id);
                self.must(ours, Invariant::UnlistedIsNotSent, || format!("{actor} runs {enqueue}, of no listed queue"));
                false
            }
            What::LetterWritten { after, .. } => {
                let ours = !self.unlisted.contains(&after.origin);
                self.must(ours, Invariant::UnlistedIsKept, || {
                    format!("{actor} wrote letter {} of {}, of no listed queue", after.id, after.origin)
                });
                false
            }
            _ => false,
        }
    }

    /// Returns true if a message says that it is the send of a letter that stands for a message of the unlisted queue.
    fn is_send_of_unlisted(&self, message: &ModelMessage) -> bool {
        let carried = message.attributes.get(ATTRIBUTE).and_then(|attribute| attribute.as_text());
        let redrive = carried.and_then(|text| Redrive::decode(text, &self.reading.source));
        let letter = redrive.and_then(|redrive| self.letters.get(&redrive.letter));
        letter.is_some_and(|letter| self.unlisted.contains(&letter.origin))
    }

    /// Requires each message at rest to be in its queue, or in the dead-letter queue.
    pub(super) fn unlisted_rests(&mut self, world: &World) {
        let (there, dead, sent) = (world.unlisted.len(), world.unlisted_dead(), self.unlisted_sent);
        self.must(there + dead == sent, Invariant::UnlistedIsKept, || {
            format!("of {sent} messages of no listed queue {there} are in it, and {dead} in the dead-letter queue")
        });
    }
}
