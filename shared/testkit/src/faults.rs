//! Faults of calls, decided for every call of a run in one place.
//!
//! A request and its answer travel separately: a caller that is dropped, or whose process dies, does not recall what
//! it has sent.

#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::future::pending;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use redrive_core::ports::Unavailable;
use tokio::sync::Notify;

use crate::clock::VirtualClock;
use crate::journal::{Actor, Journal, What};
use crate::lock;
use crate::random_faults::{Chances, RandomFaults};

/// Fault of one call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CallFault {
    /// Throttled or denied: it does not happen, and the caller is told so.
    Refused,
    /// The call happens, and its answer is lost.
    LostAnswer,
    /// The call seems lost, and happens after this time.
    Late(Duration),
    /// The request takes this long to arrive.
    Slow(Duration),
    /// The answer takes this long to come back.
    SlowAnswer(Duration),
    /// The call happens, its answer is lost on the way, and the transport sends it once more: the caller reads the
    /// second answer.
    Twice,
    /// The entries of a batch whose bit is set are refused.
    Partly(u64),
    /// The call meets another transaction (only a commit minds).
    Conflict,
    /// The process dies before the call is sent.
    CrashBefore,
    /// The process dies after it happened, before the answer is read.
    CrashAfter,
}

/// Faults that a model applies while it carries out a call.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Trouble {
    refused: u64,
    pub(crate) conflict: bool,
}

impl Trouble {
    /// Returns true if the batch's entry of this index is refused.
    pub(crate) const fn refuses(self, index: usize) -> bool {
        self.refused >> (index % 64) & 1 == 1
    }
}

/// Decides what goes wrong, counts every call, and knows which processes have died. One for all models of a run;
/// clones share it, and [`Faults::of`] is the view of one process.
#[derive(Clone)]
pub struct Faults {
    shared: Arc<Shared>,
    actor: Actor,
}

struct Shared {
    journal: Journal,
    plan: Mutex<Plan>,
    calls: Mutex<Vec<Call>>,
    dead: Mutex<BTreeSet<Actor>>,
    /// Wakes in the order in which was waited: what wakes in any order makes another story of the same seed.
    death: Notify,
}

/// A call that was made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Call {
    /// Service that was called.
    pub service: &'static str,
    /// Action that was asked of it.
    pub action: &'static str,
    /// True if the call only reads: then it makes no difference if it happens.
    pub looks: bool,
}

enum Plan {
    Script(BTreeMap<usize, CallFault>, Duration),
    Random(Box<RandomFaults>),
}

/// Course of one call.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct CallCourse {
    pub(crate) call_fault: Option<CallFault>,
    /// Travel time of the request; that of its answer follows.
    pub(crate) there: Duration,
    pub(crate) back: Duration,
}

impl Default for Faults {
    fn default() -> Self {
        Self::none()
    }
}

impl fmt::Debug for Faults {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Faults").field("actor", &self.actor).finish_non_exhaustive()
    }
}

impl Faults {
    /// Makes a world in which nothing goes wrong, and every call takes no time.
    #[must_use]
    pub fn none() -> Self {
        Self::script([])
    }

    /// Lets these calls go wrong, counted from 0.
    #[must_use]
    pub fn script(call_faults: impl IntoIterator<Item = (usize, CallFault)>) -> Self {
        following(Plan::Script(call_faults.into_iter().collect(), Duration::ZERO))
    }

    /// Calls go wrong by chance, the same for the same seed.
    #[must_use]
    pub fn random(seed: u64, chances: Chances) -> Self {
        following(Plan::Random(Box::new(RandomFaults::new(seed, chances))))
    }

    /// Sets the time that every call of a script takes there, and as long back.
    #[must_use]
    pub fn with_latency(self, latency: Duration) -> Self {
        if let Plan::Script(_, each_way) = &mut *lock(&self.shared.plan) {
            *each_way = latency;
        }
        self
    }

    /// The same, as the process named `actor` sees it.
    #[must_use]
    pub fn of(&self, actor: &str) -> Self {
        Self { shared: Arc::clone(&self.shared), actor: actor.into() }
    }

    /// Returns the actor that has this view.
    #[must_use]
    pub const fn actor(&self) -> &Actor {
        &self.actor
    }

    /// Returns the journal of what happened so far.
    #[must_use]
    pub fn journal(&self) -> &Journal {
        &self.shared.journal
    }

    /// Returns the clock of true time.
    #[must_use]
    pub fn clock(&self) -> &VirtualClock {
        self.shared.journal.clock()
    }

    /// The calls so far: the index of one is where a script puts a mishap.
    #[must_use]
    pub fn calls(&self) -> Vec<Call> {
        lock(&self.shared.calls).clone()
    }

    /// Writes an event of this process into the journal.
    pub fn record(&self, what: What) {
        self.shared.journal.record(&self.actor, what);
    }

    /// Ends this process: no call of it returns any more.
    pub fn kill(&self) {
        let died = lock(&self.shared.dead).insert(Arc::clone(&self.actor));
        if died {
            self.shared.death.notify_waiters();
            self.record(What::Died);
        }
    }

    /// Returns true if this process has died.
    #[must_use]
    pub fn is_dead(&self) -> bool {
        lock(&self.shared.dead).contains(&self.actor)
    }

    /// Waits until this process has died. Whoever runs it drops it then.
    pub async fn died(&self) {
        loop {
            let mut next = std::pin::pin!(self.shared.death.notified());
            next.as_mut().enable();
            if self.is_dead() {
                return;
            }
            next.await;
        }
    }

    /// Asks a model something. A question that nobody waits for changes nothing, so it need not arrive.
    pub(crate) async fn ask<T>(
        &self,
        service: &'static str,
        action: &'static str,
        look: impl FnOnce() -> T + Send,
    ) -> Result<T, Unavailable> {
        let course = self.question(service, action).await;
        pause(course.there).await;
        let answer = look();
        pause(course.back).await;
        self.answer(service, action, course, answer).await
    }

    /// Asks for something that is out of date anyway: in one go.
    pub(crate) async fn ask_an_index<T>(
        &self,
        service: &'static str,
        action: &'static str,
        look: impl FnOnce() -> T + Send,
    ) -> Result<T, Unavailable> {
        let course = self.question(service, action).await;
        pause(course.there + course.back).await;
        self.answer(service, action, course, look()).await
    }

    async fn question(&self, service: &'static str, action: &'static str) -> CallCourse {
        if self.is_dead() {
            return pending().await;
        }
        let course = self.course(Call { service, action, looks: true });
        if let Some(CallFault::CrashBefore | CallFault::CrashAfter) = course.call_fault {
            self.kill();
            return pending().await;
        }
        course
    }

    async fn answer<T>(
        &self,
        service: &'static str,
        action: &'static str,
        course: CallCourse,
        answer: T,
    ) -> Result<T, Unavailable> {
        match course.call_fault {
            _ if self.is_dead() => pending().await,
            Some(CallFault::Refused | CallFault::LostAnswer | CallFault::Late(_)) => {
                self.unavailable(service, action, "timed out").await
            }
            _ => Ok(answer),
        }
    }

    /// Sends a call to a model. `happen` is what it does there.
    pub(crate) async fn call<T, F>(
        &self,
        service: &'static str,
        action: &'static str,
        happen: F,
    ) -> Result<T, Unavailable>
    where
        T: Send + 'static,
        F: Fn(Trouble) -> T + Send + 'static,
    {
        if self.is_dead() {
            return pending().await;
        }
        let course = self.course(Call { service, action, looks: false });
        let mut trouble = Trouble::default();
        match course.call_fault {
            Some(CallFault::CrashBefore) => {
                self.kill();
                return pending().await;
            }
            Some(CallFault::Refused) => {
                pause(course.there + course.back).await;
                return self.unavailable(service, action, "throttled").await;
            }
            Some(CallFault::Late(by)) => {
                drop(tokio::spawn(async move {
                    tokio::time::sleep(by).await;
                    happen(trouble)
                }));
                pause(course.there + course.back).await;
                return self.unavailable(service, action, "timed out").await;
            }
            Some(CallFault::Partly(refused)) => trouble.refused = refused,
            Some(CallFault::Conflict) => trouble.conflict = true,
            _ => {}
        }
        let twice = course.call_fault == Some(CallFault::Twice);
        let answer = travel(course, move || {
            if twice {
                happen(trouble);
                happen(trouble)
            } else {
                happen(trouble)
            }
        })
        .await;
        if course.call_fault == Some(CallFault::CrashAfter) {
            self.kill();
        }
        if self.is_dead() {
            return pending().await;
        }
        match course.call_fault {
            Some(CallFault::LostAnswer) => self.unavailable(service, action, "connection closed").await,
            _ => Ok(answer),
        }
    }

    fn course(&self, call: Call) -> CallCourse {
        let index = {
            let mut calls = lock(&self.shared.calls);
            calls.push(call);
            calls.len() - 1
        };
        let mut course = match &mut *lock(&self.shared.plan) {
            Plan::Script(call_faults, each_way) => {
                CallCourse { call_fault: call_faults.get(&index).copied(), there: *each_way, back: *each_way }
            }
            Plan::Random(random_faults) => random_faults.course(call.service, self.clock().now()),
        };
        match course.call_fault {
            Some(CallFault::Slow(time)) => course.there = time,
            Some(CallFault::SlowAnswer(time)) => course.back = time,
            _ => {}
        }
        if let Some(call_fault) = course.call_fault {
            self.record(What::CallFault { index, call, call_fault });
        }
        course
    }

    async fn unavailable<T>(&self, service: &'static str, action: &'static str, why: &str) -> Result<T, Unavailable> {
        if self.is_dead() {
            return pending().await;
        }
        Err(Unavailable { service, action, why: why.to_owned() })
    }
}

/// Faults as the plan says, in a world of their own.
fn following(plan: Plan) -> Faults {
    let journal = Journal::new(VirtualClock::new());
    let (plan, calls, dead, death) = (Mutex::new(plan), Mutex::default(), Mutex::default(), Notify::new());
    let shared = Shared { journal, plan, calls, dead, death };
    Faults { shared: Arc::new(shared), actor: "world".into() }
}

async fn pause(time: Duration) {
    if !time.is_zero() {
        tokio::time::sleep(time).await;
    }
}

/// Carries a request there and its answer back. It arrives even if nobody waits any more.
async fn travel<T: Send + 'static>(course: CallCourse, happen: impl FnOnce() -> T + Send + 'static) -> T {
    if (course.there + course.back).is_zero() {
        return happen();
    }
    let trip = tokio::spawn(async move {
        pause(course.there).await;
        let answer = happen();
        pause(course.back).await;
        answer
    });
    match trip.await {
        Ok(answer) => answer,
        Err(error) if error.is_panic() => std::panic::resume_unwind(error.into_panic()),
        Err(_) => pending().await,
    }
}
