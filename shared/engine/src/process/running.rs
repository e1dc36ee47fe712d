use std::collections::VecDeque;
use std::sync::Arc;

use redrive_core::message::decode::Inspected;
use redrive_core::message::key::PayloadHash;
use redrive_core::processing::handler::Dispatch;
use redrive_core::processing::outcome::Outcome;
use tokio::task::JoinSet;
use tokio::time::Instant;
use tracing::{Instrument, warn};

use super::attempt::{Finished, attempt};
use super::claiming::{claim_all, key_reused, mark_dead};
use super::handing_over::hand_over;
use super::lines::{self, KeyLane, KeyLanes, LaneHead, WaitingMessage};
use super::parts::{End, Frame, Parts};
use super::ports::{PayloadOf, ProcessPorts};
use super::report::Counts;

/// Lines whose heads have ended, and how.
type ClosedLanes<P> = Vec<(KeyLane<LaneHead<P>>, Outcome)>;

/// Runs the lines: claims as many heads as there are free slots, together; each line's followers wait for its
/// head without holding a slot.
pub(super) async fn run<P: ProcessPorts>(
    parts: &Arc<Parts<P>>,
    mut lines: KeyLanes,
    frame: &Frame,
    counts: &mut Counts,
) -> Vec<End> {
    let mut ends = Vec::new();
    let mut running = JoinSet::new();
    loop {
        let free = parts.settings.concurrency.saturating_sub(running.len());
        let starters = lines.take(free);
        if !starters.is_empty() {
            if parts.budget(frame).is_none() {
                ends.extend(starters.into_iter().flat_map(KeyLane::not_started));
                continue;
            }
            for (line, outcome) in start(parts, starters, &mut running, frame, counts).await {
                close(parts, line, outcome, false, &mut lines, &mut ends, frame).await;
            }
            continue;
        }
        match tokio::time::timeout_at(frame.deadline, running.join_next()).await {
            Ok(None) => break,
            Ok(Some(Ok(finished))) => {
                finished.handled_in.into_iter().for_each(|took| counts.handler.add(took));
                counts.ledger.add(finished.settled_in);
                close(parts, finished.line, finished.outcome, true, &mut lines, &mut ends, frame).await;
            }
            // The message of a lost task has no end, and so is returned as unsettled.
            Ok(Some(Err(_))) => warn!("a message's task was lost"),
            Err(_) => {
                warn!(running = running.len(), "the deadline came before every message was settled");
                running.abort_all();
                break;
            }
        }
    }
    ends
}

/// Decodes and claims heads together, and runs those that were won; returns the others.
async fn start<P: ProcessPorts>(
    parts: &Arc<Parts<P>>,
    starters: Vec<KeyLane<WaitingMessage>>,
    running: &mut JoinSet<Finished<PayloadOf<P>>>,
    frame: &Frame,
    counts: &mut Counts,
) -> ClosedLanes<PayloadOf<P>> {
    let (mut sound, mut unfit) = (Vec::with_capacity(starters.len()), Vec::new());
    for KeyLane { head, followers } in starters {
        let seen = Inspected::new(head.envelope, &parts.settings.reading);
        match seen.decode(|message_type, body| parts.handler.decode(message_type, body)) {
            Ok(message) => sound.push(KeyLane { head: Arc::new(message), followers }),
            Err(bad) => unfit.push((KeyLane { head: LaneHead::Seen(Box::new(bad.inspected)), followers }, bad.fault)),
        }
    }
    // A budget is reckoned like the lease: from before the claim was sent.
    let claimed_at = Instant::now();
    let claiming = tokio::time::timeout_at(frame.deadline, claim_all(parts, sound, frame));
    let (claims, mut ended) = tokio::join!(claiming, mark_dead(parts, unfit, frame));
    counts.ledger.add(claimed_at.elapsed());
    match claims {
        Ok(claims) => {
            counts.crowded_keys += claims.crowded;
            for (line, claim) in claims.won {
                let (parts, frame) = (Arc::clone(parts), frame.clone());
                let attempt = async move { attempt(parts, line, claim, claimed_at, &frame).await };
                running.spawn(crate::trace::carried(attempt.in_current_span()));
            }
            ended.extend(mark_dead(parts, claims.unfit, frame).await);
            ended.extend(claims.ended);
        }
        Err(_) => warn!("the deadline came before the ledger answered every claim"),
    }
    hand_over(parts, &mut ended, frame).await;
    ended
}

/// Ends a line's head and decides what its followers may do.
async fn close<P: ProcessPorts>(
    parts: &Parts<P>,
    line: KeyLane<LaneHead<PayloadOf<P>>>,
    outcome: Outcome,
    ran: bool,
    lines: &mut KeyLanes,
    ends: &mut Vec<End>,
    frame: &Frame,
) {
    let KeyLane { head, followers } = line;
    let delay = parts.delay(&outcome, head.seen().envelope.receive_count);
    if !followers.is_empty() {
        match lines::after(parts.settings.order, &outcome, ran, delay) {
            lines::After::Promote => lines.put_back(followers),
            lines::After::Follow(outcome) => {
                ends.extend(followers.iter().map(|waiting| waiting.end(outcome.clone())));
            }
            lines::After::Compare => ends.extend(compare(parts, &head.seen().hash, followers, frame).await),
        }
    }
    ends.push(head.end(outcome, delay));
}

/// Ends of what waited for a key that is completed now: a duplicate, or another payload that does not own the key.
async fn compare<P: ProcessPorts>(
    parts: &Parts<P>,
    done: &PayloadHash,
    followers: VecDeque<WaitingMessage>,
    frame: &Frame,
) -> Vec<End> {
    let (mut ends, mut reused) = (Vec::new(), Vec::new());
    for waiting in followers {
        let end = waiting.end(Outcome::Duplicate);
        let seen = Inspected::new(waiting.envelope, &parts.settings.reading);
        // What no handler would be given is no duplicate of what one was.
        match seen.unreadable() {
            None if seen.hash.is_same(done) => ends.push(end),
            fault => {
                let fault = fault.unwrap_or_else(key_reused);
                reused.push((KeyLane::alone(LaneHead::Seen(Box::new(seen))), fault));
            }
        }
    }
    let mut marked = mark_dead(parts, reused, frame).await;
    hand_over(parts, &mut marked, frame).await;
    ends.extend(marked.into_iter().map(|(line, outcome)| line.head.end(outcome, None)));
    ends
}
