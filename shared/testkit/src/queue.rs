//! An SQS queue, standard or FIFO, with what its documentation allows it to do and hardly anybody expects.

mod event_source;
mod locked;
mod message;
mod moves;
mod ports;
#[cfg(test)]
mod tests;

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use redrive_core::ids::{MessageId, QueueArn};
use redrive_core::message::envelope::Attributes;
use redrive_core::time::Timestamp;
use tokio::sync::Notify;

use locked::LockedQueue;
use message::Held;
pub use message::ModelMessage;

use crate::faults::Faults;
use crate::lock;

/// SQS hides a message for at most twelve hours from its receive.
const LONGEST: Duration = Duration::from_secs(12 * 3600);

/// Chances that a standard queue does what it may, each in a thousand.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Quirks {
    /// A message that was handed out is handed out once more within five seconds, though it is in flight.
    pub delivered_twice: u32,
    /// A delete is confirmed, and the message comes again.
    pub delete_does_not_stick: u32,
    /// A delete by an older handle than the newest one works.
    pub stale_delete_works: u32,
    /// The message gets a new id on its way to the dead-letter queue.
    pub new_id_on_move: u32,
    /// The message keeps its id on its way back, which SQS's documentation denies.
    pub same_id_on_return: u32,
    /// Messages are handed out in any order.
    pub shuffled: bool,
}

/// A queue. Clones share it.
///
/// A consumer's process takes its own view of it by [`Self::with_faults`].
#[derive(Debug, Clone)]
pub struct ModelQueue {
    name: Arc<str>,
    state: Arc<Mutex<State>>,
    news: Arc<Notify>,
    faults: Faults,
}

#[derive(Debug)]
struct State {
    visibility: Duration,
    retention: Duration,
    /// `MaximumMessageSize`: body and attributes.
    largest: usize,
    redrive: Option<(ModelQueue, u32)>,
    quirks: Quirks,
    random: StdRng,
    held: Vec<Held>,
    sent: u64,
    receives: u64,
    fifo: bool,
    /// Messages that a FIFO queue has taken lately, by deduplication id.
    taken: HashMap<String, (MessageId, Timestamp)>,
    /// Error codes with which calls that send are refused as a whole, and each one's chance in a thousand.
    refusals: Vec<(&'static str, u32)>,
    refusing: StdRng,
}

impl State {
    fn refusal(&mut self) -> Option<&'static str> {
        let Self { refusals, refusing, .. } = self;
        refusals.iter().find(|(_, chance)| refusing.random_ratio(*chance, 1_000)).map(|(code, _)| *code)
    }
}

impl ModelQueue {
    /// An empty queue: visibility timeout 30 s, retention 4 days, no redrive policy, no quirks.
    #[must_use]
    pub fn new(name: &str) -> Self {
        let state = State {
            visibility: Duration::from_secs(30),
            retention: Duration::from_secs(4 * 86_400),
            largest: 1024 * 1024,
            redrive: None,
            quirks: Quirks::default(),
            random: StdRng::seed_from_u64(0),
            held: Vec::new(),
            sent: 0,
            receives: 0,
            fifo: false,
            taken: HashMap::new(),
            refusals: Vec::new(),
            refusing: StdRng::seed_from_u64(0),
        };
        Self { name: name.into(), state: Arc::new(Mutex::new(state)), news: Arc::default(), faults: Faults::none() }
    }

    /// Sets the time for which a message that was handed out is hidden.
    #[must_use]
    pub fn with_visibility(self, visibility: Duration) -> Self {
        lock(&self.state).visibility = visibility;
        self
    }

    /// Sets the time for which a message is kept from its first send on.
    #[must_use]
    pub fn with_retention(self, retention: Duration) -> Self {
        lock(&self.state).retention = retention;
        self
    }

    /// Sets the limit of a message's bytes, its attributes among them.
    #[must_use]
    pub fn with_largest(self, largest: usize) -> Self {
        lock(&self.state).largest = largest;
        self
    }

    /// Sends a message to `dead_letters` after `max_receives`, instead of handing it out again.
    #[must_use]
    pub fn with_redrive_policy(self, dead_letters: &Self, max_receives: u32) -> Self {
        lock(&self.state).redrive = Some((dead_letters.clone(), max_receives));
        self
    }

    /// Sets what a standard queue may do, by chance.
    #[must_use]
    pub fn with_quirks(self, seed: u64, quirks: Quirks) -> Self {
        let mut state = lock(&self.state);
        state.quirks = quirks;
        state.random = StdRng::seed_from_u64(seed);
        drop(state);
        self
    }

    /// Refuses whole calls that send by chance from now on, as a queue does that throttles or a policy that denies:
    /// each code so often in a thousand.
    pub fn refuse_sends(&self, seed: u64, refusals: &[(&'static str, u32)]) {
        let mut state = lock(&self.state);
        (state.refusals, state.refusing) = (refusals.to_vec(), StdRng::seed_from_u64(seed));
    }

    /// A FIFO queue: a group in order and one batch of it at a time, messages of one deduplication id once in five minutes,
    /// and a new `SentTimestamp` on the way to the dead-letter queue. Of the quirks only those about ids are left.
    #[must_use]
    pub fn fifo(self) -> Self {
        let mut state = lock(&self.state);
        state.fifo = true;
        let Quirks { new_id_on_move, same_id_on_return, .. } = state.quirks;
        state.quirks = Quirks { new_id_on_move, same_id_on_return, ..Quirks::default() };
        drop(state);
        self
    }

    /// The same queue, as the process of `faults` sees it.
    #[must_use]
    pub fn with_faults(self, faults: Faults) -> Self {
        Self { faults, ..self }
    }

    /// Returns the ARN of the queue.
    ///
    /// # Panics
    ///
    /// Never, as the name is a valid one.
    #[must_use]
    #[expect(clippy::expect_used, reason = "the text is not empty")]
    pub fn arn(&self) -> QueueArn {
        QueueArn::new(format!("arn:aws:sqs:us-east-1:000000000000:{}", self.name)).expect("an ARN")
    }

    /// A producer sends a message.
    pub fn send(&self, body: impl Into<String>, attributes: Attributes) -> MessageId {
        self.locked().accept(body.into(), attributes, None, None)
    }

    /// A producer sends a message of a group; a FIFO queue takes each only once.
    pub fn send_to(&self, group: &str, body: impl Into<String>, attributes: Attributes) -> MessageId {
        self.locked().accept(body.into(), attributes, Some(group.to_owned()), None)
    }

    /// Returns every message that the queue still has, in flight or not.
    #[must_use]
    pub fn messages(&self) -> Vec<Arc<ModelMessage>> {
        lock(&self.state).held.iter().map(|held| Arc::clone(&held.message)).collect()
    }

    /// Returns the number of its messages.
    #[must_use]
    pub fn len(&self) -> usize {
        lock(&self.state).held.len()
    }

    /// Returns true if it has no message.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    fn locked(&self) -> LockedQueue<'_> {
        LockedQueue { queue: self, state: lock(&self.state) }
    }
}

impl State {
    /// Groups of which a message is in flight: a FIFO queue hands out none of the others.
    fn blocked(&self, now: Timestamp) -> HashSet<&str> {
        let in_flight = self.held.iter().filter(|held| self.fifo && held.visible_at > now);
        in_flight.filter_map(|held| held.message.group.as_deref()).collect()
    }

    /// Returns the time at which the next message can be handed out, as far as is known now.
    fn next_visible(&self, now: Timestamp) -> Option<Timestamp> {
        let blocked = self.blocked(now);
        let visible_at = |held: &Held| {
            let behind = held.message.group.as_deref().is_some_and(|group| blocked.contains(group));
            // A group is free when the last of it that is in flight comes back, or is gone: that is news.
            let group = |other: &&Held| other.message.group == held.message.group && other.visible_at > now;
            let free_at = self.held.iter().filter(group).map(|other| other.visible_at).max();
            if behind { free_at.unwrap_or(held.visible_at) } else { held.visible_at }
        };
        self.held.iter().map(visible_at).min()
    }

    fn chance(&mut self, in_a_thousand: u32) -> bool {
        in_a_thousand > 0 && self.random.random_range(0..1_000) < in_a_thousand
    }
}
