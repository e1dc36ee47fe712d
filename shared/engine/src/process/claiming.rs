//! Claims of messages in the ledger, many together, and the entries that say why a message without a key died.

use std::sync::Arc;

use redrive_core::fault::Fault;
use redrive_core::ids::{Enqueue, OwnerToken};
use redrive_core::message::decode::{Inspected, Message};
use redrive_core::ports::{Clock, DelayBy, Entropy, Ledger, MainQueue, WriteError};
use redrive_core::processing::ledger::{
    Changed, Claim, ClaimRefusal, ClaimRequest, ClaimStep, Entry, EntryWrite, Expect, claim, rests_until,
};
use redrive_core::processing::outcome::Outcome;
use redrive_core::time::Timestamp;
use tracing::warn;

use super::lines::{KeyLane, LaneHead};
use super::parts::{Frame, Parts};
use super::ports::{PayloadOf, ProcessPorts};
use crate::rounds::ROUNDS;

type Sound<P> = KeyLane<Arc<Message<P>>>;

/// Outcome of all claims made together.
pub(super) struct Claims<P> {
    /// Lanes whose heads may run.
    pub(super) won: Vec<(Sound<P>, Claim)>,
    /// Lanes whose heads are over for now.
    pub(super) ended: Vec<(KeyLane<LaneHead<P>>, Outcome)>,
    /// Lanes whose heads own no key: their fault is to be recorded first.
    pub(super) unfit: Vec<(KeyLane<LaneHead<P>>, Fault)>,
    /// Keys of which few enqueues are left, or none.
    pub(super) crowded: usize,
}

impl<P> Default for Claims<P> {
    fn default() -> Self {
        Self { won: Vec::new(), ended: Vec::new(), unfit: Vec::new(), crowded: 0 }
    }
}

impl<P> Claims<P> {
    fn add(&mut self, others: Self) {
        self.won.extend(others.won);
        self.ended.extend(others.ended);
        self.unfit.extend(others.unfit);
        self.crowded += others.crowded;
    }

    fn refuse(&mut self, line: Sound<P>, refusal: ClaimRefusal) {
        let line = line.with(LaneHead::Sound);
        let outcome = match refusal {
            ClaimRefusal::Duplicate => Outcome::Duplicate,
            ClaimRefusal::Busy(until) => Outcome::Busy(until),
            ClaimRefusal::KeyReused => return self.unfit.push((line, key_reused())),
            ClaimRefusal::TooManyEnqueues => {
                let text = "every enqueue that the ledger remembers of this key is dead, and it holds no more: see redrive free";
                warn!(
                    key = line.head.inspected().owned().map(|key| key.log_hash()),
                    "ledger has no room for more enqueues of this key; redrive free makes room"
                );
                self.crowded += 1;
                return self.unfit.push((line, Fault::permanent("too-many-enqueues", text)));
            }
            ClaimRefusal::Dead(last) => {
                let fault = last.map_or_else(
                    || Fault::permanent("dead", "this enqueue is dead, and the ledger does not say why"),
                    |last| Fault::new(last.class, last.code, last.text),
                );
                Outcome::Dead { fault, attempt: 0, now: false }
            }
        };
        self.ended.push((line, outcome));
    }
}

pub(super) fn key_reused() -> Fault {
    Fault::permanent("key_reused", "this idempotency key was completed with another payload")
}

/// A claim on its way to the ledger.
struct PendingClaim<P> {
    line: Sound<P>,
    request: ClaimRequest,
    goal: Goal,
}

/// Purpose of a claim's write.
enum Goal {
    Claim(Box<Claim>),
    MarkDead(ClaimRefusal),
}

/// Claims the heads of `lines` together. Of what was received before, the entry is probably there, and is looked at first.
pub(super) async fn claim_all<P: ProcessPorts>(
    parts: &Parts<P>,
    lines: Vec<Sound<PayloadOf<P>>>,
    frame: &Frame,
) -> Claims<PayloadOf<P>> {
    // The lease is reckoned from before the claim is sent.
    let now = parts.world.now();
    let (again, first): (Vec<_>, Vec<_>) =
        lines.into_iter().partition(|line| line.head.inspected.envelope.receive_count > 1);
    let with_request = |line: Sound<PayloadOf<P>>| (request(parts, &line.head, frame, now), line);
    let again = again.into_iter().map(with_request).collect();
    let supposed = first.into_iter().map(with_request).map(|(request, line)| {
        let step = claim(None, &request, now);
        (line, request, step)
    });
    let (mut claims, claimed_again) = tokio::join!(decide(parts, supposed.collect()), claim_again(parts, again));
    claims.add(claimed_again);
    claims
}

/// Claims what was received before, by what its entries show. What is done already needs no write.
async fn claim_again<P: ProcessPorts>(
    parts: &Parts<P>,
    again: Vec<(ClaimRequest, Sound<PayloadOf<P>>)>,
) -> Claims<PayloadOf<P>> {
    if again.is_empty() {
        return Claims::default();
    }
    let keys: Vec<_> = again.iter().map(|(request, _)| request.key.clone()).collect();
    let looked = parts.ledger.look(&keys).await;
    let now = parts.world.now();
    match looked {
        Ok(found) => {
            parts.outages.ledger_answered();
            let read = again.into_iter().zip(found).map(|((request, line), found)| {
                let step = step(parts, found.as_ref(), &request, now);
                (line, request, step)
            });
            decide(parts, read.collect()).await
        }
        Err(error) => {
            warn!(%error, count = again.len(), "ledger could not be asked for messages that were received before");
            parts.outages.ledger_is_out(now);
            let end = |(request, line): (ClaimRequest, Sound<PayloadOf<P>>)| {
                (line.with(LaneHead::Sound), without_an_answer(parts, &request.enqueue))
            };
            Claims { ended: again.into_iter().map(end).collect(), ..Claims::default() }
        }
    }
}

/// Decides claims and has them written, until each is won or refused.
async fn decide<P: ProcessPorts>(
    parts: &Parts<P>,
    mut open: Vec<(Sound<PayloadOf<P>>, ClaimRequest, ClaimStep)>,
) -> Claims<PayloadOf<P>> {
    let mut claims = Claims::default();
    for _ in 0..ROUNDS {
        let (asking, writes) = sort(open, &mut claims);
        if asking.is_empty() {
            return claims;
        }
        let answers = parts.ledger.write(writes).await;
        let now = parts.world.now();
        heard(parts, &answers, now);
        open = Vec::new();
        for (PendingClaim { line, request, goal }, answer) in asking.into_iter().zip(answers) {
            match (answer, goal) {
                (Ok(()), Goal::Claim(claim)) => {
                    claims.crowded += usize::from(is_crowded(parts, &claim, now));
                    claims.won.push((line, *claim));
                }
                (Ok(()), Goal::MarkDead(refusal)) => claims.refuse(line, refusal),
                (Err(WriteError::Condition(found)), _) => {
                    let step = step(parts, found.as_deref(), &request, now);
                    open.push((line, request, step));
                }
                (Err(WriteError::Unavailable(error)), _) => {
                    warn!(key = request.key.log_hash(), %error, "ledger could not be asked for a claim");
                    claims.ended.push((line.with(LaneHead::Sound), without_an_answer(parts, &request.enqueue)));
                }
            }
        }
    }
    let contended = Outcome::Busy(parts.world.now().after(parts.settings.lease()));
    claims.ended.extend(open.into_iter().map(|(line, ..)| (line.with(LaneHead::Sound), contended.clone())));
    claims
}

/// Decides a claim. A source that cannot delay delivers at once what has failed: there the ledger's last attempt says how long a message
/// rests, whichever process made it.
fn step<P: ProcessPorts>(parts: &Parts<P>, found: Option<&Entry>, request: &ClaimRequest, now: Timestamp) -> ClaimStep {
    let rest = found.filter(|_| P::Queue::DELAY == DelayBy::Waiting);
    let until = rest.and_then(|entry| rests_until(entry, &request.enqueue, &parts.settings.rules.schedule));
    match (claim(found, request, now), until.filter(|until| *until > now)) {
        (ClaimStep::Claim(..), Some(until)) => ClaimStep::Refused(ClaimRefusal::Busy(until)),
        (step, _) => step,
    }
}

/// Notes what answers say about the ledger's being there.
fn heard<P: ProcessPorts>(parts: &Parts<P>, answers: &[Result<(), WriteError<Entry>>], now: Timestamp) {
    let out = |answer: &Result<(), WriteError<Entry>>| matches!(answer, Err(WriteError::Unavailable(_)));
    if answers.is_empty() || answers.iter().any(out) {
        parts.outages.ledger_is_out(now);
    } else {
        parts.outages.ledger_answered();
    }
}

/// The end of a message of which the ledger could not be asked. That an enqueue is dead needs no asking twice.
fn without_an_answer<P: ProcessPorts>(parts: &Parts<P>, enqueue: &Enqueue) -> Outcome {
    match parts.outages.death_of(enqueue) {
        Some(last) => Outcome::Dead { fault: Fault::new(last.class, last.code, last.text), attempt: 0, now: false },
        None => Outcome::LedgerOut,
    }
}

/// Returns true if few more enqueues of a key may die; said before it is too late.
fn is_crowded<P: ProcessPorts>(parts: &Parts<P>, claim: &Claim, now: Timestamp) -> bool {
    let Some(left) = claim.entry().few_enqueues_left(now, parts.settings.retention) else { return false };
    warn!(key = claim.request().key.log_hash(), left, "few more enqueues of a key may die; redrive free makes room");
    true
}

fn request<P: ProcessPorts>(
    parts: &Parts<P>,
    message: &Message<PayloadOf<P>>,
    frame: &Frame,
    now: Timestamp,
) -> ClaimRequest {
    ClaimRequest {
        key: message.entry.clone(),
        enqueue: message.enqueue(),
        hash: message.inspected.hash.clone(),
        send: message.inspected.send(),
        token: OwnerToken::from_random(parts.world.bits()),
        lease_until: now.after(parts.settings.lease()),
        limit: parts.settings.rules.schedule.attempts(),
        expires: now.after(parts.settings.retention),
        origin: frame.origin.clone(),
    }
}

/// Records why heads end that own no key, in entries of their own, so that the indexer can say it.
pub(super) async fn mark_dead<P: ProcessPorts>(
    parts: &Parts<P>,
    unfit: Vec<(KeyLane<LaneHead<PayloadOf<P>>>, Fault)>,
    frame: &Frame,
) -> Vec<(KeyLane<LaneHead<PayloadOf<P>>>, Outcome)> {
    if unfit.is_empty() {
        return Vec::new();
    }
    let writes = unfit.iter().map(|(line, fault)| keyless(parts, line.head.inspected(), fault, frame)).collect();
    let answers = tokio::time::timeout_at(frame.deadline, parts.ledger.write(writes)).await.unwrap_or_default();
    heard(parts, &answers, parts.world.now());
    let answers = answers.into_iter().map(Some).chain(std::iter::repeat_with(|| None));
    let marked = |((line, fault), answer): ((KeyLane<LaneHead<PayloadOf<P>>>, Fault), _)| {
        let known = marked(fault, answer);
        let outcome = known.unwrap_or_else(|| without_an_answer(parts, &line.head.inspected().envelope.enqueue()));
        (line, outcome)
    };
    unfit.into_iter().zip(answers).map(marked).collect()
}

fn keyless<P: ProcessPorts>(parts: &Parts<P>, inspected: &Inspected, fault: &Fault, frame: &Frame) -> EntryWrite {
    let now = parts.world.now();
    let token = OwnerToken::from_random(parts.world.bits());
    let entry = Entry::keyless(
        inspected.envelope.enqueue(),
        inspected.send(),
        inspected.hash.clone(),
        fault,
        (token, frame.origin.clone()),
        now,
        now.after(parts.settings.retention),
    );
    EntryWrite { key: inspected.keyless(), entry, expect: Expect::AbsentOrExpired(now), changed: Changed::All }
}

/// Parts what is decided already from what must be written first.
fn sort<P>(
    open: Vec<(Sound<P>, ClaimRequest, ClaimStep)>,
    claims: &mut Claims<P>,
) -> (Vec<PendingClaim<P>>, Vec<EntryWrite>) {
    let (mut asking, mut writes) = (Vec::new(), Vec::new());
    for (line, request, step) in open {
        match step {
            ClaimStep::Won(claim) => claims.won.push((line, *claim)),
            ClaimStep::Refused(refusal) => claims.refuse(line, refusal),
            ClaimStep::Claim(write, claim) => {
                writes.push(*write);
                asking.push(PendingClaim { line, request, goal: Goal::Claim(claim) });
            }
            ClaimStep::MarkDead(write, refusal) => {
                writes.push(*write);
                asking.push(PendingClaim { line, request, goal: Goal::MarkDead(refusal) });
            }
        }
    }
    (asking, writes)
}

/// The end of a message that owns no key: dead, once that is recorded. `None`: nobody knows whether it is.
fn marked(fault: Fault, answer: Option<Result<(), WriteError<Entry>>>) -> Option<Outcome> {
    match answer? {
        Ok(()) => Some(Outcome::Dead { fault, attempt: 1, now: true }),
        Err(WriteError::Condition(_)) => Some(Outcome::Dead { fault, attempt: 1, now: false }),
        Err(WriteError::Unavailable(error)) => {
            warn!(%error, code = &*fault.code, "ledger could not record why a message died");
            None
        }
    }
}
