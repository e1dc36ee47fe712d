//! Messages that waited for a key which is completed now: duplicates, or other payloads under the same key.

use std::collections::VecDeque;

use redrive_core::message::key::PayloadHash;
use redrive_core::processing::outcome::Outcome;

use super::claiming::{key_reused, mark_dead};
use super::handing_over::hand_over;
use super::lines::{KeyLane, LaneHead, WaitingMessage};
use super::parts::{End, Frame, Parts};
use super::ports::ProcessPorts;

/// Ends of what waited for a key that is completed now: a duplicate, or another payload that does not own the key.
pub(super) async fn compare<P: ProcessPorts>(
    parts: &Parts<P>,
    done: &PayloadHash,
    followers: VecDeque<WaitingMessage>,
    frame: &Frame,
) -> Vec<End> {
    let (mut ends, mut reused) = (Vec::new(), Vec::new());
    for waiting in followers {
        let end = waiting.end(Outcome::Duplicate);
        let inspected = waiting.inspected;
        // What no handler would be given is no duplicate of what one was.
        match inspected.unreadable() {
            None if inspected.hash.is_same(done) => ends.push(end),
            fault => {
                let fault = fault.unwrap_or_else(key_reused);
                reused.push((KeyLane::alone(LaneHead::Inspected(inspected)), fault));
            }
        }
    }
    let mut marked = mark_dead(parts, reused, frame).await;
    hand_over(parts, &mut marked, frame).await;
    ends.extend(marked.into_iter().map(|(line, outcome)| line.head.end(outcome, None)));
    ends
}
