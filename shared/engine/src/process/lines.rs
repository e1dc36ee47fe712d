//! Messages one behind the other: of one key, or of one FIFO group.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use redrive_core::message::decode::{Inspected, Message};
use redrive_core::message::key::LedgerKey;
use redrive_core::processing::outcome::Outcome;

use super::parts::End;
use super::settings::Order;

/// A message that waits for its turn. It is decoded when that comes: a batch may have ten thousand.
#[derive(Debug)]
pub(super) struct WaitingMessage {
    pub(super) inspected: Box<Inspected>,
    /// Ledger entry of the message.
    pub(super) entry: LedgerKey,
}

impl WaitingMessage {
    /// Keeps what was seen of a message, but for the tree of its content.
    pub(super) fn of(inspected: Inspected) -> Self {
        let entry = inspected.owned().unwrap_or_else(|| inspected.keyless());
        Self { inspected: Box::new(inspected.without_tree()), entry }
    }

    /// The message of a claim that was taken back.
    pub(super) fn again<P>(message: &Message<P>) -> Self {
        Self { inspected: Box::new(message.inspected.clone()), entry: message.entry.clone() }
    }

    /// The same message for another try: its entry is probably there, and is looked at first.
    pub(super) fn retried<P>(head: &LaneHead<P>) -> Self {
        let mut waiting = match head {
            LaneHead::Sound(message) => Self::again(message),
            LaneHead::Inspected(inspected) => Self::of((**inspected).clone()),
        };
        let count = &mut waiting.inspected.envelope.receive_count;
        *count = (*count).max(2);
        waiting
    }

    fn place(&self, order: Order) -> LaneKey {
        match (order, &self.inspected.envelope.group) {
            (Order::Groups, Some(group)) => LaneKey::Group(group.clone()),
            _ => LaneKey::Key(self.entry.clone()),
        }
    }

    pub(super) fn end(&self, outcome: Outcome) -> End {
        End {
            message_id: self.inspected.envelope.message_id.clone(),
            key_hash: self.entry.log_hash(),
            outcome,
            delay: None,
        }
    }
}

/// A message whose turn has come.
#[derive(Debug)]
pub(super) enum LaneHead<P> {
    /// Message that can be claimed.
    Sound(Arc<Message<P>>),
    /// Message that owns no key.
    Inspected(Box<Inspected>),
}

impl<P> LaneHead<P> {
    pub(super) fn inspected(&self) -> &Inspected {
        match self {
            Self::Sound(message) => &message.inspected,
            Self::Inspected(inspected) => inspected,
        }
    }

    pub(super) fn end(&self, outcome: Outcome, delay: Option<Duration>) -> End {
        let key_hash = match self {
            Self::Sound(message) => message.entry.log_hash(),
            Self::Inspected(_) => String::new(),
        };
        End { message_id: self.inspected().envelope.message_id.clone(), key_hash, outcome, delay }
    }
}

/// A message and those behind it: only the head may claim.
#[derive(Debug)]
pub(super) struct KeyLane<T> {
    pub(super) head: T,
    pub(super) followers: VecDeque<WaitingMessage>,
}

impl<T> KeyLane<T> {
    pub(super) fn alone(head: T) -> Self {
        Self { head, followers: VecDeque::new() }
    }

    pub(super) fn with<U>(self, head: impl FnOnce(T) -> U) -> KeyLane<U> {
        KeyLane { head: head(self.head), followers: self.followers }
    }
}

impl KeyLane<WaitingMessage> {
    pub(super) fn not_started(self) -> Vec<End> {
        std::iter::once(&self.head).chain(&self.followers).map(|waiting| waiting.end(Outcome::NotStarted)).collect()
    }
}

/// Key that a lane is found by.
#[derive(PartialEq, Eq, Hash)]
enum LaneKey {
    Key(LedgerKey),
    Group(String),
}

/// The lines that have not started, in the order in which their heads came.
#[derive(Debug)]
pub(super) struct KeyLanes(VecDeque<KeyLane<WaitingMessage>>);

impl KeyLanes {
    pub(super) fn form(messages: Vec<WaitingMessage>, order: Order) -> Self {
        let mut places: HashMap<LaneKey, usize> = HashMap::with_capacity(messages.len());
        let mut lines: VecDeque<KeyLane<WaitingMessage>> = VecDeque::with_capacity(messages.len());
        for message in messages {
            let place = message.place(order);
            match places.get(&place).and_then(|place| lines.get_mut(*place)) {
                Some(line) => line.followers.push_back(message),
                None => {
                    places.insert(place, lines.len());
                    lines.push_back(KeyLane::alone(message));
                }
            }
        }
        Self(lines)
    }

    /// At most `count` lines from the front.
    pub(super) fn take(&mut self, count: usize) -> Vec<KeyLane<WaitingMessage>> {
        self.0.drain(..count.min(self.0.len())).collect()
    }

    /// Number of lanes that wait.
    pub(super) fn len(&self) -> usize {
        self.0.len()
    }

    /// Puts a lane back whose claim was released: it has waited longest.
    pub(super) fn put_first(&mut self, lane: KeyLane<WaitingMessage>) {
        self.0.push_front(lane);
    }

    /// A line whose head has ended without deciding anything for the others.
    pub(super) fn put_back(&mut self, mut followers: VecDeque<WaitingMessage>) {
        if let Some(head) = followers.pop_front() {
            self.0.push_back(KeyLane { head, followers });
        }
    }
}

/// Meaning of a head's end for those behind it.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum After {
    /// The key is completed: each follower is a duplicate, or has another payload.
    Compare,
    /// Followers end like this, without an attempt.
    Follow(Outcome),
    /// The next one may claim.
    Promote,
}

/// `ran` tells a head that was run from one that was only refused.
pub(super) fn after(order: Order, head: &Outcome, ran: bool, delay: Option<Duration>) -> After {
    match order {
        Order::Keys => behind_its_key(head, ran, delay),
        // Order is kept by nothing else than this: whoever is not done holds up all of its group.
        Order::Groups if head.acknowledged() => After::Promote,
        Order::Groups => After::Follow(Outcome::Behind(delay)),
    }
}

fn behind_its_key(head: &Outcome, ran: bool, delay: Option<Duration>) -> After {
    match head {
        Outcome::Completed | Outcome::Duplicate => After::Compare,
        // An earlier end of the head's own enqueue, or a key that was not its own.
        Outcome::Dead { .. } | Outcome::HandedOver { .. } if !ran => After::Promote,
        // The enqueue that ended was the head's alone.
        Outcome::HandedOver { .. } => After::Promote,
        Outcome::Retry { .. } | Outcome::Dead { .. } | Outcome::Busy(_) | Outcome::Behind(_) => {
            After::Follow(delay.map_or(Outcome::NotStarted, |delay| Outcome::Behind(Some(delay))))
        }
        Outcome::LedgerOut => After::Follow(Outcome::LedgerOut),
        Outcome::NotStarted | Outcome::Unsettled | Outcome::Unreadable => After::Follow(Outcome::NotStarted),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use redrive_core::fault::Fault;
    use redrive_core::time::Timestamp;

    #[test]
    fn in_a_group_only_what_is_acknowledged_lets_the_next_one_go() {
        let delay = Some(Duration::from_secs(7));
        let fault = || Fault::transient("t", "t");
        for held in [
            Outcome::Retry { fault: fault(), attempt: 1 },
            Outcome::Dead { fault: fault(), attempt: 1, now: false },
            Outcome::Busy(Timestamp::NEVER),
            Outcome::NotStarted,
            Outcome::LedgerOut,
        ] {
            assert_eq!(after(Order::Groups, &held, true, delay), After::Follow(Outcome::Behind(delay)), "{held:?}");
        }
        assert_eq!(after(Order::Groups, &Outcome::Unsettled, true, None), After::Follow(Outcome::Behind(None)));
        assert_eq!(after(Order::Groups, &Outcome::Duplicate, false, None), After::Promote);
    }
}
