//! Group commit: writes that come while a call is under way gather, and share the next one.
//!
//! Whoever finds nobody at it starts the pump, which sends what waits, in calls of a task each, and waits until one
//! of them ends or has taken too long to be waited for. So a write alone goes at once, and a slow call holds up
//! nobody else's for long.
//!
//! An answer goes to whoever asked for it, through a channel of its own, and to nobody else: a caller that is
//! dropped loses its answer and leaves the others theirs, and a call that panics leaves its callers without one,
//! which is what [`Unavailable`] means: their writes may have happened.

use std::collections::{HashSet, VecDeque};
use std::fmt;
use std::future::Future;
use std::pin::pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use redrive_core::message::key::LedgerKey;
use redrive_core::ports::{Unavailable, WRITES_A_CALL};
use redrive_core::processing::ledger::{EntryState, EntryWrite};
use tokio::sync::{Notify, Semaphore, oneshot};
use tokio::time::Instant;

use super::{EntryResult, SERVICE};

/// Limit of calls that are under way at once.
const CALLS: usize = 64;
/// Longest wait of gathered writes for a call: some times what DynamoDB usually takes.
const PATIENCE: Duration = Duration::from_millis(25);
/// Wait of settlements for another one that is expected, and the longest for all of a call. It delays no invocation that has
/// nothing else to do: the last one never waits.
const LINGER: Duration = Duration::from_millis(5);
const LONGEST_LINGER: Duration = Duration::from_millis(25);

/// Carrier of the writes of one group, no two of them to the same key.
pub(super) trait Carrier: Send + Sync + 'static {
    /// Carries out the writes. Returns one answer for each, in order.
    fn carry(&self, writes: Vec<EntryWrite>) -> impl Future<Output = Vec<EntryResult>> + Send;
}

/// Writes from everywhere on their way to one carrier.
pub(super) struct Group<C> {
    shared: Arc<GroupCommit<C>>,
}

struct GroupCommit<C> {
    carrier: C,
    calls: Arc<Semaphore>,
    changed: Notify,
    pending: Mutex<PendingWrites>,
}

#[derive(Default)]
struct PendingWrites {
    /// Claims, which wait for no others, and take settlements along.
    claims: VecDeque<PendingWrite>,
    /// Settlements, which wait a moment for each other.
    settlements: VecDeque<PendingWrite>,
    /// A pump is at it.
    pumped: bool,
    /// A call ended since the pump last sent some.
    ended: bool,
    /// Number of entries that were claimed and are not settled. It is a guess, by which settlements only decide if they
    /// wait a moment for each other: who claimed may be gone.
    running: usize,
}

struct PendingWrite {
    write: EntryWrite,
    answer: oneshot::Sender<EntryResult>,
    /// Instant at which it came.
    since: Instant,
}

/// The error of a write whose call was lost.
pub(super) fn lost() -> Unavailable {
    Unavailable { service: SERVICE, action: "write an entry", why: "the call was given up".to_owned() }
}

impl<C: Carrier> Group<C> {
    pub(super) fn new(carrier: C) -> Self {
        let (calls, changed, pending) = (Arc::new(Semaphore::new(CALLS)), Notify::new(), Mutex::default());
        Self { shared: Arc::new(GroupCommit { carrier, calls, changed, pending }) }
    }

    /// Writes entries, each under its own condition. One answer for each, in order.
    pub(super) async fn write(&self, writes: Vec<EntryWrite>) -> Vec<EntryResult> {
        let claims: Vec<bool> = writes.iter().map(is_claim).collect();
        let receivers = self.offer(writes);
        let mut answers = Vec::with_capacity(receivers.len());
        for receiver in receivers {
            answers.push(receiver.await.unwrap_or_else(|_| Err(lost().into())));
        }
        self.shared.pending().running +=
            claims.iter().zip(&answers).filter(|(claim, ok)| **claim && ok.is_ok()).count();
        answers
    }

    /// Counts entries that were settled in another way.
    pub(super) fn settled(&self, count: usize) {
        let mut pending = self.shared.pending();
        pending.running = pending.running.saturating_sub(count);
        if pending.running == 0 {
            self.shared.changed.notify_one();
        }
    }

    fn offer(&self, writes: Vec<EntryWrite>) -> Vec<oneshot::Receiver<EntryResult>> {
        let (mut pending, since) = (self.shared.pending(), Instant::now());
        let mut receivers = Vec::with_capacity(writes.len());
        for write in writes {
            let (answer, receiver) = oneshot::channel();
            let claims = is_claim(&write);
            let one = PendingWrite { write, answer, since };
            if claims {
                pending.claims.push_back(one);
            } else {
                pending.running = pending.running.saturating_sub(1);
                pending.settlements.push_back(one);
            }
            receivers.push(receiver);
        }
        if pending.is_due(since) {
            self.shared.changed.notify_one();
        }
        let starts = !pending.is_empty() && !std::mem::replace(&mut pending.pumped, true);
        drop(pending);
        if starts {
            tokio::spawn(Pump { shared: Arc::clone(&self.shared), done: false }.run());
        }
        receivers
    }
}

fn is_claim(write: &EntryWrite) -> bool {
    write.entry.state == EntryState::InProgress
}

impl PendingWrites {
    fn is_empty(&self) -> bool {
        self.claims.is_empty() && self.settlements.is_empty()
    }

    /// Returns true if waiting for more writes gains nothing.
    fn is_due(&self, now: Instant) -> bool {
        let lingered = self.lingers_until().is_some_and(|until| self.running == 0 || until <= now);
        !self.claims.is_empty() || self.settlements.len() >= WRITES_A_CALL || lingered
    }

    /// Returns true if a call is full with what waits.
    fn is_full(&self) -> bool {
        self.claims.len() >= WRITES_A_CALL || self.settlements.len() >= WRITES_A_CALL
    }

    /// Returns the instant at which settlements have waited for each other, if some wait.
    fn lingers_until(&self) -> Option<Instant> {
        let (oldest, newest) = (self.settlements.front()?, self.settlements.back()?);
        Some((oldest.since + LONGEST_LINGER).min(newest.since + LINGER))
    }

    /// Returns true if settlements have waited, and no other came: then fewer are expected.
    fn lingers_in_vain(&self, now: Instant) -> bool {
        self.settlements.back().is_some_and(|newest| newest.since + LINGER <= now)
    }

    /// Writes for one call, claims first. Nothing if nothing is due.
    fn next_group(&mut self, now: Instant) -> Vec<PendingWrite> {
        let (mut group, mut keys) = (Vec::new(), HashSet::new());
        if self.is_due(now) {
            fill(&mut group, &mut keys, &mut self.claims);
            if self.lingers_in_vain(now) {
                self.running /= 2;
            }
            fill(&mut group, &mut keys, &mut self.settlements);
        }
        group
    }
}

/// Fills a call with the first of what waits: DynamoDB refuses a call that names a key twice. Whoever has gone is left out.
fn fill(group: &mut Vec<PendingWrite>, keys: &mut HashSet<LedgerKey>, waiting: &mut VecDeque<PendingWrite>) {
    let mut twins = Vec::new();
    while group.len() < WRITES_A_CALL && twins.len() < WRITES_A_CALL {
        match waiting.pop_front() {
            Some(gone) if gone.answer.is_closed() => {}
            Some(next) if keys.insert(next.write.key.clone()) => group.push(next),
            Some(twin) => twins.push(twin),
            None => break,
        }
    }
    for twin in twins.into_iter().rev() {
        waiting.push_front(twin);
    }
}

impl<C> GroupCommit<C> {
    /// Locks the state. A panic under the lock left it whole, because each change of it is a single one.
    fn pending(&self) -> MutexGuard<'_, PendingWrites> {
        self.pending.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits until `ready`, but no longer than until that instant.
    async fn wait(&self, until: Instant, ready: impl Fn(&PendingWrites) -> bool) {
        let mut end = pin!(tokio::time::sleep_until(until));
        while !ready(&self.pending()) {
            tokio::select! {
                biased;
                () = self.changed.notified() => {}
                () = &mut end => return,
            }
        }
    }
}

/// Sends until nothing waits. If it is dropped or panics, whoever waits is told that there is no answer, and the
/// next write starts another.
struct Pump<C> {
    shared: Arc<GroupCommit<C>>,
    done: bool,
}

impl<C: Carrier> Pump<C> {
    async fn run(mut self) {
        while !self.done {
            let lingers_until = self.shared.pending().lingers_until();
            if let Some(until) = lingers_until {
                self.shared.wait(until, |pending| pending.is_due(Instant::now())).await;
            }
            if self.send().await > 0 {
                let patient = Instant::now() + PATIENCE;
                self.shared.wait(patient, |pending| pending.ended || pending.is_full()).await;
            }
            let mut pending = self.shared.pending();
            self.done = pending.is_empty();
            pending.pumped = !self.done;
        }
    }

    /// Sends all that is due now; how many calls that took.
    async fn send(&self) -> usize {
        self.shared.pending().ended = false;
        let mut sent = 0;
        loop {
            let permit = Arc::clone(&self.shared.calls).acquire_owned().await;
            let group = self.shared.pending().next_group(Instant::now());
            if group.is_empty() {
                return sent;
            }
            let call = Call { shared: Arc::clone(&self.shared) };
            tokio::spawn(async move {
                call.make(group).await;
                drop(permit);
            });
            sent += 1;
        }
    }
}

impl<C> Drop for Pump<C> {
    fn drop(&mut self) {
        if !self.done {
            let mut pending = self.shared.pending();
            pending.pumped = false;
            let waiting = (std::mem::take(&mut pending.claims), std::mem::take(&mut pending.settlements));
            drop(pending);
            drop(waiting);
        }
    }
}

/// Call that is under way; its end is noted however it ends.
struct Call<C> {
    shared: Arc<GroupCommit<C>>,
}

impl<C: Carrier> Call<C> {
    async fn make(self, group: Vec<PendingWrite>) {
        let (writes, answers): (Vec<_>, Vec<_>) = group.into_iter().map(|one| (one.write, one.answer)).unzip();
        let written = self.shared.carrier.carry(writes).await;
        for (answer, written) in answers.into_iter().zip(written) {
            // Who asked may have gone.
            answer.send(written).ok();
        }
    }
}

impl<C> Drop for Call<C> {
    fn drop(&mut self) {
        self.shared.pending().ended = true;
        self.shared.changed.notify_one();
    }
}

impl<C> Clone for Group<C> {
    fn clone(&self) -> Self {
        Self { shared: Arc::clone(&self.shared) }
    }
}

impl<C> fmt::Debug for Group<C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let pending = self.shared.pending();
        let (claims, settlements) = (pending.claims.len(), pending.settlements.len());
        f.debug_struct("Group").field("claims", &claims).field("settlements", &settlements).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
