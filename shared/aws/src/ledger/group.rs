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

use redrive_core::ports::Unavailable;
use redrive_core::processing::ledger::{EntryWrite, State};
use tokio::sync::{Notify, Semaphore, oneshot};

use super::{SERVICE, Written};

/// DynamoDB's limit of statements a call.
const FULL: usize = 25;
/// Limit of calls that are under way at once.
const CALLS: usize = 64;
/// Longest wait of gathered writes for a call: some times what DynamoDB usually takes.
const PATIENCE: Duration = Duration::from_millis(25);
/// Wait of settlements for others of the same claim. It delays no invocation that has nothing else to do: the last one
/// never waits.
const LINGER: Duration = Duration::from_millis(1);

/// Carrier of the writes of one group, no two of them to the same key.
pub(super) trait Carrier: Send + Sync + 'static {
    /// Carries out the writes. Returns one answer for each, in order.
    fn carry(&self, writes: Vec<EntryWrite>) -> impl Future<Output = Vec<Written>> + Send;
}

/// Writes from everywhere on their way to one carrier.
pub(super) struct Group<C> {
    shared: Arc<Shared<C>>,
}

struct Shared<C> {
    carrier: C,
    calls: Arc<Semaphore>,
    changed: Notify,
    desk: Mutex<Desk>,
}

#[derive(Default)]
struct Desk {
    waiting: VecDeque<Waiting>,
    /// A pump is at it.
    pumped: bool,
    /// A call ended since the pump last sent some.
    ended: bool,
    /// Number of entries that were claimed last and are not settled. It is a guess, by which settlements only decide if
    /// they wait a moment for each other.
    running: usize,
}

struct Waiting {
    write: EntryWrite,
    answer: oneshot::Sender<Written>,
}

/// The error of a write whose call was lost.
pub(super) fn lost() -> Unavailable {
    Unavailable { service: SERVICE, action: "write an entry", why: "the call was given up".to_owned() }
}

impl<C: Carrier> Group<C> {
    pub(super) fn new(carrier: C) -> Self {
        let (calls, changed, desk) = (Arc::new(Semaphore::new(CALLS)), Notify::new(), Mutex::default());
        Self { shared: Arc::new(Shared { carrier, calls, changed, desk }) }
    }

    /// Writes entries, each under its own condition. One answer for each, in order.
    pub(super) async fn write(&self, writes: Vec<EntryWrite>) -> Vec<Written> {
        let claims: Vec<bool> = writes.iter().map(is_claim).collect();
        let receivers = self.offer(writes);
        let mut answers = Vec::with_capacity(receivers.len());
        for receiver in receivers {
            answers.push(receiver.await.unwrap_or_else(|_| Err(lost().into())));
        }
        if claims.contains(&true) {
            self.shared.desk().running =
                claims.iter().zip(&answers).filter(|(claim, ok)| **claim && ok.is_ok()).count();
        }
        answers
    }

    /// Counts entries that were settled in another way.
    pub(super) fn settled(&self, count: usize) {
        let mut desk = self.shared.desk();
        desk.running = desk.running.saturating_sub(count);
        if desk.running == 0 {
            self.shared.changed.notify_one();
        }
    }

    fn offer(&self, writes: Vec<EntryWrite>) -> Vec<oneshot::Receiver<Written>> {
        let mut desk = self.shared.desk();
        let mut receivers = Vec::with_capacity(writes.len());
        for write in writes {
            let (answer, receiver) = oneshot::channel();
            // A claim is not kept waiting for settlements, nor does it make them wait.
            desk.running = if is_claim(&write) { 0 } else { desk.running.saturating_sub(1) };
            desk.waiting.push_back(Waiting { write, answer });
            receivers.push(receiver);
        }
        if desk.is_due() {
            self.shared.changed.notify_one();
        }
        let starts = !desk.waiting.is_empty() && !std::mem::replace(&mut desk.pumped, true);
        drop(desk);
        if starts {
            tokio::spawn(Pump { shared: Arc::clone(&self.shared), done: false }.run());
        }
        receivers
    }
}

fn is_claim(write: &EntryWrite) -> bool {
    write.entry.state == State::InProgress
}

impl Desk {
    /// Returns true if waiting for more writes gains nothing.
    fn is_due(&self) -> bool {
        self.running == 0 || self.is_full()
    }

    fn is_full(&self) -> bool {
        self.waiting.len() >= FULL
    }

    /// The first writes for one call: DynamoDB refuses a call that names a key twice. Whoever has gone is left out.
    fn next_group(&mut self) -> Vec<Waiting> {
        let (mut group, mut twins, mut keys) = (Vec::new(), Vec::new(), HashSet::new());
        while group.len() < FULL && twins.len() < FULL {
            match self.waiting.pop_front() {
                Some(gone) if gone.answer.is_closed() => {}
                Some(next) if keys.insert(next.write.key.clone()) => group.push(next),
                Some(twin) => twins.push(twin),
                None => break,
            }
        }
        for twin in twins.into_iter().rev() {
            self.waiting.push_front(twin);
        }
        group
    }
}

impl<C> Shared<C> {
    /// Locks the state. A panic under the lock left it whole, because each change of it is a single one.
    fn desk(&self) -> MutexGuard<'_, Desk> {
        self.desk.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits until `ready`, but no longer than that.
    async fn wait(&self, longest: Duration, ready: fn(&Desk) -> bool) {
        let mut end = pin!(tokio::time::sleep(longest));
        while !ready(&self.desk()) {
            tokio::select! {
                () = self.changed.notified() => {}
                () = &mut end => return,
            }
        }
    }
}

/// Sends until nothing waits. If it is dropped or panics, whoever waits is told that there is no answer, and the
/// next write starts another.
struct Pump<C> {
    shared: Arc<Shared<C>>,
    done: bool,
}

impl<C: Carrier> Pump<C> {
    async fn run(mut self) {
        while !self.done {
            self.shared.wait(LINGER, Desk::is_due).await;
            let sent = self.send().await;
            if sent > 0 {
                self.shared.wait(PATIENCE, |desk| desk.ended || desk.is_full()).await;
            }
            let mut desk = self.shared.desk();
            self.done = desk.waiting.is_empty();
            desk.pumped = !self.done;
        }
    }

    /// Sends all that waits now; how many calls that took.
    async fn send(&self) -> usize {
        self.shared.desk().ended = false;
        let mut sent = 0;
        loop {
            let permit = Arc::clone(&self.shared.calls).acquire_owned().await;
            let group = self.shared.desk().next_group();
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
            let mut desk = self.shared.desk();
            desk.pumped = false;
            let waiting = std::mem::take(&mut desk.waiting);
            drop(desk);
            drop(waiting);
        }
    }
}

/// Call that is under way; its end is noted however it ends.
struct Call<C> {
    shared: Arc<Shared<C>>,
}

impl<C: Carrier> Call<C> {
    async fn make(self, group: Vec<Waiting>) {
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
        self.shared.desk().ended = true;
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
        let desk = self.shared.desk();
        f.debug_struct("Group").field("waiting", &desk.waiting.len()).field("pumped", &desk.pumped).finish()
    }
}

#[cfg(test)]
mod tests;
