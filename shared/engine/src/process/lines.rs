//! Messages of one key, one behind the other.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use redrive_core::decode::Message;
use redrive_core::key::LedgerKey;
use redrive_core::outcome::Outcome;

use super::End;

/// The messages of one key: only the head may claim.
#[derive(Debug)]
pub(super) struct Line<M> {
    head: Arc<Message<M>>,
    followers: VecDeque<Message<M>>,
}

impl<M> Line<M> {
    pub(super) fn alone(head: Message<M>) -> Self {
        Self { head: Arc::new(head), followers: VecDeque::new() }
    }

    pub(super) const fn head(&self) -> &Arc<Message<M>> {
        &self.head
    }

    pub(super) fn split(self) -> (Arc<Message<M>>, VecDeque<Message<M>>) {
        (self.head, self.followers)
    }

    pub(super) fn not_started(self) -> Vec<End> {
        let (head, followers) = self.split();
        std::iter::once(&*head).chain(&followers).map(|message| End::of(message, Outcome::NotStarted)).collect()
    }
}

/// The lines that have not started, in the order in which their heads came.
#[derive(Debug)]
pub(super) struct Lines<M>(VecDeque<Line<M>>);

impl<M> Lines<M> {
    pub(super) fn by_key(messages: Vec<Message<M>>) -> Self {
        let mut places: HashMap<LedgerKey, usize> = HashMap::with_capacity(messages.len());
        let mut lines: VecDeque<Line<M>> = VecDeque::with_capacity(messages.len());
        for message in messages {
            match places.get(&message.entry).and_then(|place| lines.get_mut(*place)) {
                Some(line) => line.followers.push_back(message),
                None => {
                    places.insert(message.entry.clone(), lines.len());
                    lines.push_back(Line::alone(message));
                }
            }
        }
        Self(lines)
    }

    /// At most `count` lines from the front.
    pub(super) fn take(&mut self, count: usize) -> Vec<Line<M>> {
        self.0.drain(..count.min(self.0.len())).collect()
    }

    /// A line whose head has ended without deciding anything for the others.
    pub(super) fn put_back(&mut self, mut followers: VecDeque<Message<M>>) {
        if let Some(head) = followers.pop_front() {
            self.0.push_back(Line { head: Arc::new(head), followers });
        }
    }
}

/// What the end of a head means for those behind it.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum After {
    /// The key is completed: each follower is a duplicate, or has another payload.
    Compare,
    /// They end like this, without an attempt.
    Follow(Outcome),
    /// The head's end was its own matter: the next one may claim.
    Promote,
}

/// `ran` tells a head that was run from one that was only refused.
pub(super) fn after(head: &Outcome, ran: bool, delay: Option<Duration>) -> After {
    match head {
        Outcome::Completed | Outcome::Duplicate => After::Compare,
        // An earlier end of the head's own life, or a key that was not its own.
        Outcome::Dead { .. } if !ran => After::Promote,
        Outcome::Retry { .. } | Outcome::Dead { .. } | Outcome::Busy(_) | Outcome::Behind(_) => {
            After::Follow(delay.map_or(Outcome::NotStarted, Outcome::Behind))
        }
        Outcome::LedgerOut => After::Follow(Outcome::LedgerOut),
        Outcome::NotStarted | Outcome::Unsettled | Outcome::Unreadable => After::Follow(Outcome::NotStarted),
    }
}
