//! Changes that a letter may go through.

use std::collections::BTreeSet;

use redrive_core::ids::MessageId;
use redrive_core::letters::letter::{Body, EventKind, Letter, LetterWrite, Status};
use redrive_core::message::key::LedgerKey;

use super::{Checker, Invariant, SentMessage};
use crate::actors::SKEW;

impl Checker {
    pub(super) fn letter_written(&mut self, before: Option<&Letter>, after: &Letter) {
        let name = format!("letter {} of {}", after.id, after.origin);
        let version = before.map_or(0, |before| before.version);
        self.must(after.version == version + 1, Invariant::Monotone, || {
            format!("{name} went from version {version} to {}", after.version)
        });
        if after.status == Status::Replayed {
            self.must(self.is_sent(after) || self.is_at_destination(after), Invariant::ReplayedIsSent, || {
                format!("{name} is REPLAYED, and nothing with number {} was sent", after.number)
            });
            let message = after.sends.last().and_then(|send| send.message_id.as_ref());
            let send = message.and_then(|id| self.known.get(id)?.seen.redrive.as_ref());
            // A message without the attribute says nothing of its letter.
            let own = send.is_none_or(|send| send.letter == after.id && send.number == after.number);
            self.must(own, Invariant::MarksNameTheirSends, || format!("{name} names the message of another send"));
        }
        self.message_ids_lead(&name, before, after);
        match before {
            None => self.must(matches!(after.status, Status::Pending | Status::Resolved), Invariant::Edges, || {
                format!("{name} was created as {}", after.status)
            }),
            Some(before) => self.letter_changed(&name, before, after),
        }
        if after.status == Status::Resolved && before.is_none_or(|before| before.status != Status::Resolved) {
            self.must(self.has_effect(after), Invariant::ResolvedHasItsEffect, || {
                format!("{name} is RESOLVED, and no effect with its payload ever happened")
            });
        }
    }

    fn message_ids_lead(&mut self, name: &str, before: Option<&Letter>, after: &Letter) {
        let ids = |letter: &Letter| -> BTreeSet<MessageId> {
            let sent = letter.sends.iter().filter_map(|send| send.message_id.clone());
            sent.chain([letter.enqueue.message_id.clone(), letter.origin.clone()]).collect()
        };
        let write = LetterWrite { letter: after.clone(), replaces: before.map(|before| before.version) };
        let led: BTreeSet<_> = write.new_message_ids().into_iter().cloned().collect();
        let known: BTreeSet<_> = before.map(ids).into_iter().flatten().chain([after.origin.clone()]).collect();
        let lost: Vec<_> = ids(after).into_iter().filter(|id| !known.contains(id) && !led.contains(id)).collect();
        self.must(lost.is_empty(), Invariant::MessageIdsLead, || format!("nothing leads from {lost:?} to {name}"));
    }

    /// Returns true if replay has put this number of the letter into the main queue.
    fn is_sent(&self, letter: &Letter) -> bool {
        let copy = |known: &SentMessage| {
            known.seen.send().is_some_and(|send| send.letter == letter.id && send.number == letter.number)
        };
        self.known.values().any(|known| &*known.by != "producer" && copy(known))
    }

    fn letter_changed(&mut self, name: &str, before: &Letter, after: &Letter) {
        let claims = after.status == Status::Replaying && after.number != before.number;
        self.body_stays(name, before, after);
        if is_refusal(before, after) {
            self.refused(name, after);
        }
        // A key is found at the claim, if at all; of an erased letter its mark stays.
        let same = before.hash == after.hash && before.origin == after.origin;
        let same_key = before.key == after.key || after.is_key(before.key.as_ref(), after.key.as_ref());
        self.must(same && (claims || same_key), Invariant::NothingLost, || format!("{name} became another one"));
        let grown = after.number.0 - before.number.0.min(after.number.0);
        let grows = after.number >= before.number && after.deaths >= before.deaths && grown == u32::from(claims);
        self.must(grows, Invariant::Monotone, || {
            let (from, to) = (before.number, after.number);
            format!("{name} went from number {from} to {to}, from {} deaths to {}", before.deaths, after.deaths)
        });
        if claims {
            self.claimed_with(before, after);
            self.claimed_for_a_job(name, before, after);
            self.claimed_to_send(name, before, after);
        }
        let died = after.deaths > before.deaths;
        let overdue = before.due < self.at.after(SKEW);
        let allowed = match (before.status, after.status) {
            (Status::Pending, Status::Replaying) => claims,
            (Status::Replaying, Status::Replaying) => {
                let noted = before.number == after.number && before.token == after.token;
                claims && overdue || !claims && (died || noted)
            }
            (Status::Replaying, Status::Replayed | Status::Pending) => true,
            (Status::Replaying, Status::Discarded) => before.is_ejecting() && after.history.has(EventKind::Ejected),
            (Status::Replayed, Status::Pending) => died || overdue && before.destination().is_none(),
            (Status::Pending | Status::Replayed, Status::Resolved) => true,
            (Status::Pending, Status::Discarded) => after.resolution_note.is_some(),
            (Status::Discarded, Status::Pending) => !died,
            (from, to) => from == to,
        };
        self.must(allowed, Invariant::Edges, || format!("{name} went from {} to {}", before.status, after.status));
    }

    /// Head and body exist together: an open letter has all of its body, one that was erased nothing of it ever again.
    fn body_stays(&mut self, name: &str, before: &Letter, after: &Letter) {
        let same = before.payload == after.payload && before.attributes == after.attributes;
        let ended = matches!(after.status, Status::Resolved | Status::Discarded);
        // What is sent in its place changes with a claim, and is taken back if SQS refuses that send, and at no other time.
        let claimed = after.edited.is_some() && after.number > before.number;
        let edit = before.edited == after.edited || claimed || is_refusal(before, after);
        let stays = match (&before.body, &after.body) {
            (Body::Kept { .. }, Body::Kept { until }) => same && edit && (ended || until.is_none()),
            (Body::Kept { .. }, Body::Erased { .. }) => {
                ended && after.payload.is_empty() && after.attributes.is_empty() && after.edited.is_none()
            }
            (Body::Erased { .. }, Body::Erased { .. }) => same && ended && before.body == after.body,
            _ => false,
        };
        self.must(stays, Invariant::BodyStays, || {
            format!(
                "{name} is {} with {:?}, and was {} with {:?}",
                after.status, after.body, before.status, before.body
            )
        });
    }

    /// A letter was written: keeps the entries of its keys, which are gone once it is erased.
    pub(super) fn keys_written(&mut self, letter: &Letter) {
        let keys = letter.key.iter().chain(letter.sends.iter().flat_map(|send| &send.key));
        let entries = keys.map(|key| LedgerKey::owned(&letter.scope, key));
        self.keys.entry(letter.id).or_default().extend(entries);
    }

    /// Returns true if one of the payloads that this letter stands for was ever completed under one of its keys.
    pub(super) fn has_effect(&self, letter: &Letter) -> bool {
        let Some(keys) = self.keys.get(&letter.id) else { return false };
        self.effects.keys().any(|(entry, hash)| keys.contains(entry) && letter.is_effect(hash))
    }
}

/// Returns true if a claim ended because SQS refused the send.
fn is_refusal(before: &Letter, after: &Letter) -> bool {
    let refused = after.history.last().is_some_and(|event| event.what == EventKind::NotSent);
    before.status == Status::Replaying && after.status == Status::Pending && refused
}
