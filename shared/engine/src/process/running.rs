//! A batch under way: claims go ahead of free slots, settlements come behind them, and none waits for another.

use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use redrive_core::ports::{DelayBy, MainQueue, WRITES_A_CALL};
use redrive_core::processing::outcome::Outcome;
use tokio::task::{JoinError, JoinSet};
use tokio::time::{Instant, sleep_until};
use tracing::{Instrument, warn};

use super::attempt::attempt;
use super::comparing::compare;
use super::held::{HeldClaims, release};
use super::lines::{self, KeyLane, KeyLanes, LaneHead, WaitingMessage};
use super::parked::ParkedLanes;
use super::parts::{End, Frame, Parts};
use super::ports::{PayloadOf, ProcessPorts};
use super::report::Counts;
use super::starting::{ClaimedLanes, claim_lanes};
use super::tasks::TaskResult;
use super::under_way::UnderWay;

/// Event that a batch goes on after.
enum Step<P> {
    Claimed(Result<ClaimedLanes<P>, JoinError>),
    Done(Result<TaskResult<P>, JoinError>),
    /// A slot is free, a claim has waited for too long, or a lane for long enough.
    Woken,
}

/// A batch under way.
struct BatchRun<'a, P: ProcessPorts> {
    parts: &'a Arc<Parts<P>>,
    frame: &'a Frame,
    counts: &'a mut Counts,
    /// Lanes that wait to be claimed.
    lanes: KeyLanes,
    /// Calls that claim, and the number of lanes in them.
    claims: JoinSet<ClaimedLanes<PayloadOf<P>>>,
    claiming: UnderWay,
    /// Claims that wait for a slot.
    held: HeldClaims<PayloadOf<P>>,
    /// Lanes that wait for their next attempt; none of a source that can delay.
    parked: ParkedLanes<PayloadOf<P>>,
    /// Slots that running handlers take.
    slots: UnderWay,
    /// Attempts until they are settled, and what else is to be waited for.
    tasks: JoinSet<TaskResult<PayloadOf<P>>>,
    ends: Vec<End>,
}

/// Runs the lanes: each lane's followers wait for its head without holding a slot. Whoever has no end by the deadline is
/// left out of the answer.
pub(super) async fn run<P: ProcessPorts>(
    parts: &Arc<Parts<P>>,
    lanes: KeyLanes,
    frame: &Frame,
    counts: &mut Counts,
) -> Vec<End> {
    let (claims, tasks, claiming, slots) = (JoinSet::new(), JoinSet::new(), UnderWay::default(), UnderWay::default());
    let held = HeldClaims::new(parts.settings.claim_hold, parts.last_start(frame));
    let parked = ParkedLanes::new(parts.last_start(frame));
    let ends = Vec::new();
    let mut batch = BatchRun { parts, frame, counts, lanes, claims, claiming, held, parked, slots, tasks, ends };
    let mut deadline = pin!(sleep_until(frame.deadline));
    loop {
        batch.advance();
        if batch.is_over() {
            break;
        }
        // Not by chance: a run must be the same for the same seed.
        tokio::select! {
            biased;
            step = batch.next() => batch.take(step),
            () = &mut deadline => {
                let (claiming, running) = (batch.claiming.now(), batch.tasks.len());
                warn!(claiming, running, "the deadline came before every message was settled");
                break;
            }
        }
    }
    batch.ends
}

impl<P: ProcessPorts> BatchRun<'_, P> {
    fn is_over(&self) -> bool {
        let nothing_waits = self.lanes.len() == 0 && self.held.len() == 0 && self.parked.is_empty();
        nothing_waits && self.claims.is_empty() && self.tasks.is_empty()
    }

    async fn next(&mut self) -> Step<PayloadOf<P>> {
        let release_at = self.held.release_at().into_iter().chain(self.parked.next_at()).min();
        tokio::select! {
            biased;
            Some(ended) = self.tasks.join_next(), if !self.tasks.is_empty() => Step::Done(ended),
            Some(claimed) = self.claims.join_next(), if !self.claims.is_empty() => Step::Claimed(claimed),
            () = self.slots.ended() => Step::Woken,
            () = sleep_until(release_at.unwrap_or(self.frame.deadline)), if release_at.is_some() => Step::Woken,
        }
    }

    /// Notes an event. What can begin because of it begins in [`Self::advance`].
    fn take(&mut self, step: Step<PayloadOf<P>>) {
        match step {
            Step::Claimed(Ok(claimed)) => {
                self.counts.ledger.add(claimed.took);
                self.counts.crowded_keys += claimed.crowded;
                self.held.add(claimed.won);
                claimed.ended.into_iter().for_each(|(lane, outcome)| self.close(lane, outcome, false));
            }
            Step::Done(Ok(TaskResult::Finished(finished))) => {
                finished.handled_in.into_iter().for_each(|took| self.counts.handler.add(took));
                self.counts.ledger.add(finished.settled_in);
                self.close(finished.line, finished.outcome, true);
            }
            Step::Done(Ok(TaskResult::Released(lane))) => self.lanes.put_first(lane),
            Step::Done(Ok(TaskResult::Compared(ends))) => self.ends.extend(ends),
            // The messages of a lost task have no end, and so are returned as unsettled.
            Step::Claimed(Err(_)) | Step::Done(Err(_)) => warn!("a message's task was lost"),
            Step::Woken => {}
        }
    }

    /// Begins whatever can begin now.
    fn advance(&mut self) {
        while self.slots.now() < self.concurrency()
            && let Some(held) = self.held.next()
        {
            let (parts, frame, slot) = (Arc::clone(self.parts), self.frame.clone(), self.slots.begin(1));
            self.spawn(async move { TaskResult::Finished(attempt(parts, held, slot, &frame).await) });
        }
        let now = Instant::now();
        while let Some(held) = self.held.next_stale(now) {
            self.parts.pace.note(self.parts.settings.claim_hold);
            let (parts, frame) = (Arc::clone(self.parts), self.frame.clone());
            self.spawn(async move { release(&parts, held, &frame).await });
        }
        while let Some((parked, in_time)) = self.parked.next_due(now) {
            if in_time {
                self.lanes.put_first(parked.lane.with(|head| WaitingMessage::retried(&head)));
            } else {
                self.end(parked.lane, parked.outcome, true, Some(parked.delay));
            }
        }
        self.claim();
    }

    /// Has lanes claimed, as many together as one call carries.
    fn claim(&mut self) {
        if self.parts.budget(self.frame).is_none() {
            let late = self.lanes.take(self.lanes.len());
            self.ends.extend(late.into_iter().flat_map(KeyLane::not_started));
            return;
        }
        let mut room = self.room();
        while room > 0 {
            let lanes = self.lanes.take(room.min(WRITES_A_CALL));
            room -= lanes.len();
            let (parts, frame, share) = (Arc::clone(self.parts), self.frame.clone(), self.claiming.begin(lanes.len()));
            let claim = async move {
                let claimed = claim_lanes(&parts, lanes, &frame).await;
                drop(share);
                claimed
            };
            self.claims.spawn(crate::trace::carried(claim.in_current_span()));
        }
    }

    /// Number of lanes to claim now: those that a slot is free for, and some more if handlers are quick. Whole calls are
    /// made of the latter.
    fn room(&self) -> usize {
        let (waiting, slots) = (self.lanes.len(), self.concurrency());
        if waiting == 0 {
            return 0;
        }
        let begins_late = Instant::now() + self.parts.settings.claim_hold >= self.parts.last_start(self.frame);
        let ahead = if begins_late { 0 } else { self.parts.pace.ahead(slots, self.parts.settings.claim_hold) };
        let claimed = self.claiming.now() + self.held.len();
        // What is only to be settled takes no slot, but memory.
        let unsettled = (2 * (slots + ahead)).saturating_sub(claimed + self.tasks.len());
        let room = (slots + ahead).saturating_sub(claimed + self.slots.now()).min(unsettled);
        let free = slots.saturating_sub(claimed + self.slots.now()).min(unsettled);
        if room >= waiting { waiting } else { free.max(room - room % WRITES_A_CALL) }
    }

    fn concurrency(&self) -> usize {
        self.parts.settings.concurrency.max(1)
    }

    /// Begins a task. Its kilobytes are boxed here, so that they are not moved at each step into the runtime.
    fn spawn(&mut self, task: impl Future<Output = TaskResult<PayloadOf<P>>> + Send + 'static) {
        self.tasks.spawn(crate::trace::carried(Box::pin(task).in_current_span()));
    }

    /// Ends a lane's head and decides what its followers may do.
    fn close(&mut self, lane: KeyLane<LaneHead<PayloadOf<P>>>, outcome: Outcome, ran: bool) {
        let delay = self.parts.delay(&outcome, lane.head.inspected().envelope.receive_count);
        match delay {
            Some(delay) if P::Queue::DELAY == DelayBy::Waiting && ParkedLanes::<PayloadOf<P>>::takes(&outcome) => {
                self.counts.waits += 1;
                self.parked.add(lane, outcome, delay);
            }
            _ => self.end(lane, outcome, ran, delay),
        }
    }

    fn end(&mut self, lane: KeyLane<LaneHead<PayloadOf<P>>>, outcome: Outcome, ran: bool, delay: Option<Duration>) {
        let KeyLane { head, followers } = lane;
        if !followers.is_empty() {
            match lines::after(self.parts.settings.order, &outcome, ran, delay) {
                lines::After::Promote => self.lanes.put_back(followers),
                lines::After::Follow(outcome) => {
                    self.ends.extend(followers.iter().map(|waiting| waiting.end(outcome.clone())));
                }
                lines::After::Compare => {
                    let (parts, frame, done) =
                        (Arc::clone(self.parts), self.frame.clone(), head.inspected().hash.clone());
                    self.spawn(async move { TaskResult::Compared(compare(&parts, &done, followers, &frame).await) });
                }
            }
        }
        self.ends.push(head.end(outcome, delay));
    }
}
