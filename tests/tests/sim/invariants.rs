//! Invariants that must hold after every step: the journal of a run, read event by event against the protocol's
//! promises.

mod acknowledgement;
mod destinations;
mod edits;
mod jobs;
mod ledger;
mod letters;
mod order;
mod rest;
mod runs;
mod sharing;
mod shown;

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::fmt;
use std::sync::Arc;

use redrive_core::ids::{Enqueue, LetterId, MessageId, OwnerToken, ReceiptHandle, ReplayNumber};
use redrive_core::letters::letter::{Edited, Letter};
use redrive_core::message::decode::{Inspected, Reading};
use redrive_core::message::envelope::Envelope;
use redrive_core::message::key::{LedgerKey, PayloadHash};
use redrive_core::processing::ledger::Entry;
use redrive_core::time::Timestamp;
use redrive_testkit::journal::{Actor, Event, What};
use redrive_testkit::queue::ModelMessage;

use crate::actors::{LATE, World, reading};
use crate::looking::Screens;
use crate::plan::{ELSEWHERE, Plan, QUEUE, UNLISTED};
use crate::replay_process::SERVES;

/// A promise of the protocol.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Invariant {
    /// Acknowledged implies COMPLETED with that hash.
    AcknowledgedIsCompleted,
    /// Acknowledged, or made visible, only after one's own settlement was read, or the completion was.
    ReadBeforeTold,
    /// At every instant a message is in at least one place.
    NothingLost,
    /// Never two unexpired owners.
    OneOwner,
    /// A run ends within its lease.
    LeaseCoversTheRun,
    /// Nobody runs a key that he does not hold, nor two at once.
    RunsAreGated,
    /// A dead enqueue does not run again, and no enqueue more often than its limit.
    DeadStaysDead,
    /// Only the owner settles, and COMPLETED is left by expiry only.
    OnlyTheOwnerSettles,
    /// A transactional effect happens at most once.
    OneEffect,
    /// RESOLVED implies an effect with this body's hash.
    ResolvedHasItsEffect,
    /// A letter moves only along the edges.
    Edges,
    /// A letter keeps its body until its end, and one that was erased has none for ever.
    BodyStays,
    /// Versions, numbers and deaths only grow, and the first two by one.
    Monotone,
    /// No send begins that was not claimed.
    SendsAreClaimed,
    /// REPLAYED implies that a copy with that number was sent.
    ReplayedIsSent,
    /// REPLAYED names the message of that very send.
    MarksNameTheirSends,
    /// A write that brings a message id to a letter has it lead to the letter.
    MessageIdsLead,
    /// An invocation answers before Lambda ends it.
    AnswersInTime,
    /// In the end every message is in one completion or one letter, and every letter final or a person's.
    Rest,
    /// In the end no letter is PENDING whose effect happened.
    Reconciled,
    /// On a FIFO queue no message runs before those of its group that came before it are done with.
    GroupsAreInOrder,
    /// Of a FIFO queue's group no letter is sent while an earlier one waits or is under way, if nobody asked for that.
    SendsAreInOrder,
    /// A send that SQS refused leaves the letter with the body that it had before.
    RefusedIsUnedited,
    /// A person's act and a job touch what was on the screen, as it was there, and nothing else.
    ShownIsTouched,
    /// Once an edit is claimed, no run and no effect of the body before it begins.
    OnlyTheEditedBody,
    /// A message of a queue that no pair lists stays where SQS puts it: in that queue, or in the dead-letter queue.
    UnlistedIsKept,
    /// A message of such a queue never goes to a listed queue, nor runs there.
    UnlistedIsNotSent,
    /// A copy that may be in another queue is sent again by nobody but a person.
    NothingInDoubtIsResent,
    /// A job claims a letter once, but to take over what ran out.
    OnceAJob,
    /// A job that has ended accounts for each of its letters, once and truly.
    JobsAccount,
}

/// Violation of a promise.
#[derive(Debug, Clone)]
pub(crate) struct Violation {
    /// Index of the event in the journal.
    pub(crate) event: usize,
    pub(crate) invariant: Invariant,
    pub(crate) what: String,
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?} broken at event {}: {}", self.invariant, self.event, self.what)
    }
}

/// Facts about a message that was ever sent.
struct SentMessage {
    seen: Inspected,
    entry: Option<LedgerKey>,
    /// The letters that may stand for it.
    letters: [Option<LetterId>; 2],
    by: Actor,
}

/// A claim that a process has read as its own.
struct Held {
    token: OwnerToken,
    enqueue: Enqueue,
    until: Timestamp,
}

/// The world as the events make it.
struct Checker {
    plan: Plan,
    reading: Reading,
    /// Name of the main queue.
    main: Arc<str>,
    event: usize,
    at: Timestamp,
    known: BTreeMap<MessageId, SentMessage>,
    entries: BTreeMap<LedgerKey, Arc<Entry>>,
    letters: BTreeMap<LetterId, Arc<Letter>>,
    /// Event since which each letter that waits or is under way does so.
    holding: BTreeMap<LetterId, usize>,
    /// Versions of each group's turn that a process has read, each with its event.
    turns_read: HashMap<(Actor, String), Vec<(u64, usize)>>,
    /// Event at which the turn was read by which a process may claim a letter.
    turns: HashMap<(Actor, LetterId), usize>,
    effects: HashMap<(LedgerKey, PayloadHash), u32>,
    /// Entries of each letter's keys. An erased letter keeps no key.
    keys: HashMap<LetterId, BTreeSet<LedgerKey>>,
    /// Under which number a letter was edited last.
    edits: BTreeMap<LetterId, ReplayNumber>,
    /// The edit that each letter had before its claim.
    unclaimed: BTreeMap<LetterId, Option<Edited>>,
    /// Messages that are in the main queue.
    waits: BTreeSet<MessageId>,
    /// Messages with another id now, by the former one.
    became: BTreeMap<MessageId, MessageId>,
    /// Lives whose message the processor itself has put into the dead-letter queue, with the payload.
    handed: BTreeSet<(Enqueue, String)>,
    /// Completions that a process has read.
    read: BTreeSet<(Actor, LedgerKey, String)>,
    /// Lives for which the tokens of claims stand.
    claimed: HashMap<String, Enqueue>,
    /// Failures that a process has read as written.
    failed: BTreeSet<(Actor, String)>,
    held: HashMap<(Actor, LedgerKey), Held>,
    running: HashMap<LedgerKey, Vec<Actor>>,
    starts: BTreeMap<Enqueue, u32>,
    /// Lives that each entry has shown dead.
    dead: BTreeMap<LedgerKey, BTreeSet<Enqueue>>,
    /// Screens of those who acted, as each was shown.
    screens: Screens,
    /// Requests that each process of the replay function has served, by their names.
    served: HashMap<Actor, Vec<String>>,
    /// Name of the queue that no pair lists, the ids that its messages have had, and their number.
    unlisted_queue: Arc<str>,
    unlisted: BTreeSet<MessageId>,
    unlisted_sent: usize,
    /// Payloads that are in the other queue.
    elsewhere: BTreeSet<String>,
    violations: Vec<Violation>,
}

/// Reads a run's journal. The first broken promise comes first.
pub(crate) fn check(events: &[Event], world: &World) -> Vec<Violation> {
    let mut checker = Checker {
        plan: world.plan.clone(),
        reading: reading(&world.plan),
        main: world.plan.named(QUEUE).into(),
        event: 0,
        at: Timestamp::from_millis(0),
        known: BTreeMap::new(),
        entries: BTreeMap::new(),
        letters: BTreeMap::new(),
        holding: BTreeMap::new(),
        turns_read: HashMap::new(),
        turns: HashMap::new(),
        effects: HashMap::new(),
        keys: HashMap::new(),
        edits: BTreeMap::new(),
        unclaimed: BTreeMap::new(),
        waits: BTreeSet::new(),
        became: BTreeMap::new(),
        handed: BTreeSet::new(),
        read: BTreeSet::new(),
        claimed: HashMap::new(),
        failed: BTreeSet::new(),
        held: HashMap::new(),
        running: HashMap::new(),
        starts: BTreeMap::new(),
        dead: BTreeMap::new(),
        screens: world.screens.lock().expect("screens").clone(),
        served: HashMap::new(),
        unlisted_queue: world.plan.named(UNLISTED).into(),
        unlisted: BTreeSet::new(),
        unlisted_sent: 0,
        elsewhere: BTreeSet::new(),
        violations: Vec::new(),
    };
    for (index, event) in events.iter().enumerate() {
        (checker.event, checker.at) = (index, event.at);
        checker.step(&event.actor, &event.what);
    }
    checker.rest(world);
    checker.violations
}

/// A message as whoever inspects it sees it.
pub(crate) fn envelope(message: &ModelMessage) -> Envelope {
    Envelope {
        message_id: message.id.clone(),
        receipt_handle: ReceiptHandle::new("any").expect("a handle"),
        body: message.body.clone(),
        sent_at: message.sent_at,
        receive_count: 1,
        group: message.group.clone(),
        sequence: message.sequence.map(|sequence| format!("{sequence:020}")),
        moved_from: message.from.as_ref().map(|from| from.as_str().to_owned()),
        deduplication: message.deduplication.clone(),
        trace: None,
        attributes: message.attributes.clone(),
        broker: None,
    }
}

impl Checker {
    fn broken(&mut self, invariant: Invariant, what: impl Into<String>) {
        self.violations.push(Violation { event: self.event, invariant, what: what.into() });
    }

    /// Holds a promise against what happened.
    fn must(&mut self, holds: bool, invariant: Invariant, what: impl FnOnce() -> String) {
        if !holds {
            self.broken(invariant, what());
        }
    }

    fn step(&mut self, actor: &Actor, what: &What) {
        if self.unlisted(actor, what) {
            return;
        }
        match what {
            What::Sent { queue, message } => {
                self.learn(message, actor, *queue == self.main);
                if *queue == self.main {
                    self.sent(&message.id);
                    self.waits.insert(message.id.clone());
                } else if &**queue == ELSEWHERE {
                    self.sent_to_destination(&message.id);
                } else {
                    self.handed_over(&message.id);
                }
            }
            What::Moved { to, id, message, .. } => self.moved(id, message, *to == self.main),
            What::Deleted { queue, id, gone } if *queue == self.main => {
                self.acknowledged(actor, id);
                if *gone {
                    self.waits.remove(id);
                }
            }
            What::Deleted { id, .. } => self.deleted(id),
            What::Expired { id, .. } => self.broken(Invariant::NothingLost, format!("{id} expired in its queue")),
            What::Hidden { queue, id, .. } if *queue == self.main => self.hidden(actor, id),
            What::EntryWritten { key, before, after, effects } => {
                self.entry_written(key, before.as_deref(), after, effects.as_ref());
                self.entries.insert(key.clone(), Arc::clone(after));
            }
            What::EntryRead { key, found } => self.looked(actor, key, found.as_deref()),
            What::EntryAnswered { key, meant, answer } => self.answered(actor, key, meant, answer),
            What::LetterWritten { before, after } => {
                self.keys_written(after);
                self.letter_written(before.as_deref(), after);
                self.touched(actor, before.as_deref(), after);
                if let Some(before) = before {
                    self.claimed_in_order(actor, before, after);
                }
                self.holds_up(after);
                self.letters.insert(after.id, Arc::clone(after));
            }
            What::TurnRead { group, version } => self.turn_read(actor, group, *version),
            What::TurnWritten { turn } => self.turn_written(actor, turn),
            What::Started { key, enqueue, attempt } => self.started(actor, key, enqueue, *attempt),
            What::Ended { key, enqueue, .. } => self.ended(actor, key, enqueue),
            What::Died => self.running.values_mut().for_each(|actors| actors.retain(|other| other != actor)),
            What::Note(note) if note.starts_with(SERVES) => {
                let act = note.trim_start_matches(SERVES).to_owned();
                self.served.entry(Arc::clone(actor)).or_default().push(act);
            }
            What::Note(note) if note == LATE => self.broken(Invariant::AnswersInTime, format!("{actor} was {note}")),
            _ => {}
        }
    }

    /// A message, as whoever takes it from the main queue sees it, or the indexer.
    fn learn(&mut self, message: &ModelMessage, by: &Actor, main: bool) {
        let envelope = envelope(message);
        let seen =
            if main { Inspected::new(envelope, &self.reading) } else { Inspected::of_dead(envelope, &self.reading) };
        let entry = seen.key.as_ref().ok().map(|key| LedgerKey::owned(&self.reading.scope, key));
        let letters = [
            Some(LetterId::derive(&self.reading.source, &message.id)),
            seen.redrive.as_ref().map(|redrive| redrive.letter),
        ];
        self.known.insert(message.id.clone(), SentMessage { seen, entry, letters, by: Arc::clone(by) });
    }

    /// SQS moves a message by itself, perhaps under another id.
    fn moved(&mut self, id: &MessageId, message: &ModelMessage, back: bool) {
        let by = self.known.get(id).map_or_else(|| "nobody".into(), |known| Arc::clone(&known.by));
        self.learn(message, &by, back);
        self.waits.remove(id);
        if back {
            self.waits.insert(message.id.clone());
        }
        if *id != message.id {
            self.became.insert(id.clone(), message.id.clone());
        }
    }

    fn is_completed(&self, key: &LedgerKey, hash: &PayloadHash) -> bool {
        self.entries.get(key).is_some_and(|entry| {
            entry.state == redrive_core::processing::ledger::EntryState::Completed
                && entry.hash.is_same(hash)
                && !entry.expired(self.at)
        })
    }
}
