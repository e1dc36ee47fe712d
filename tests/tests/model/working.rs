//! A worker's way with a message, as the engine goes it: claim, handler, settlement, answer.

use redrive_core::fault::Fault;
use redrive_core::processing::ledger::EntryState as Stands;
use redrive_core::processing::outcome::Outcome;

use crate::answers::{Claimed, Settled};
use crate::bounds::Mutant;
use crate::decisions::{Core, NOW};
use crate::state::{How, Phase, Place, State, Token, Worker, broken};
use crate::tables::{NOTHING, Ref};
use crate::world::{Action, World};

impl World {
    pub(crate) fn work_actions(&self, s: &State, out: &mut Vec<Action>) {
        for (w, worker) in s.workers.iter().enumerate() {
            match worker.phase {
                Phase::Idle => continue,
                Phase::Claim { put, unknown }
                | Phase::Keyless { put, unknown }
                | Phase::Settle { put, unknown, .. } => {
                    out.push(Action::Deliver(w));
                    if s.left.lost > 0 {
                        out.push(Action::LoseAnswer(w));
                    }
                    if s.left.late > 0 && put != NOTHING {
                        out.push(Action::Delay(w));
                    }
                    if unknown {
                        out.push(Action::GiveUp(w));
                    }
                    if matches!(worker.phase, Phase::Settle { how: How::Complete, .. }) && s.left.failures > 0 {
                        out.push(Action::Refuse(w));
                    }
                }
                Phase::Hold { .. } => {
                    // A budget is reckoned from before the claim was sent.
                    if s.lapsed & worker.token.bit() == 0 || self.core.is(Mutant::HeldBeyondItsLease) {
                        out.push(Action::Begin(w));
                    }
                    if s.left.failures > 0 {
                        out.push(Action::Handle(w, How::Release));
                    }
                }
                Phase::Run { .. } => {
                    out.push(Action::Handle(w, How::Complete));
                    if s.left.failures > 0 {
                        let fails = [How::FailRetryable, How::FailForGood, How::Release];
                        out.extend(fails.map(|how| Action::Handle(w, how)));
                    }
                }
                Phase::Acknowledge => out.push(Action::Delete(w)),
            }
            if s.left.crashes > 0 {
                out.push(Action::Crash(w));
            }
        }
    }

    pub(crate) fn work(&self, s: &mut State, action: Action) {
        match action {
            Action::Deliver(w) => {
                let written = self.write(s, asked(&s.workers[w]));
                self.answered(s, w, written);
            }
            Action::LoseAnswer(w) => {
                s.left.lost -= 1;
                self.write(s, asked(&s.workers[w]));
                s.workers[w].phase = unanswered(s.workers[w].phase);
            }
            Action::Delay(w) => {
                s.left.late -= 1;
                let free = s.late.iter_mut().find(|late| **late == NOTHING).expect("no more than there is room for");
                *free = asked(&s.workers[w]);
                s.workers[w].phase = unanswered(s.workers[w].phase);
            }
            Action::GiveUp(w) => {
                let completes = matches!(s.workers[w].phase, Phase::Settle { how: How::Complete, .. });
                let read = completes && self.core.is(Mutant::AcknowledgedUnread);
                let unsettled = matches!(s.workers[w].phase, Phase::Settle { .. });
                let outcome = if unsettled { Outcome::Unsettled } else { Outcome::LedgerOut };
                self.end(s, w, if read { &Outcome::Completed } else { &outcome });
            }
            Action::Begin(w) => self.begin(s, w),
            Action::Handle(w, how) => self.settle(s, w, how),
            Action::Refuse(w) => self.refuse(s, w),
            Action::Delete(w) => {
                let who = s.workers[w].token.who();
                if s.is_at(who, Place::Main) {
                    s.messages[who.message()].place = Place::Acknowledged;
                }
                s.workers[w] = Worker::IDLE;
            }
            Action::Crash(w) => {
                s.left.crashes -= 1;
                s.workers[w] = Worker::IDLE;
            }
            _ => unreachable!("no worker's action"),
        }
    }

    /// A slot is free for a claim that waited for it.
    fn begin(&self, s: &mut State, w: usize) {
        let Worker { phase: Phase::Hold { claimed }, token } = s.workers[w] else { return };
        starts(s, token, &self.core, claimed);
        if s.lapsed & token.bit() != 0 {
            s.broken |= broken::BEGAN_LATE;
        }
        s.workers[w].phase = Phase::Run { claimed };
    }

    /// The handler has ended, or never began.
    fn settle(&self, s: &mut State, w: usize, how: How) {
        let Worker { phase: Phase::Run { claimed } | Phase::Hold { claimed }, token } = s.workers[w] else { return };
        if how != How::Complete {
            s.left.failures -= 1;
        }
        if how == How::Complete && self.core.is(Mutant::EffectBesideTheCompletion) {
            self.take_effect(s, token.who());
        }
        self.settling(s, w, claimed, how, claimed, false);
    }

    /// The store refuses the effects: the attempt failed, unless an earlier try of the same write may have happened.
    fn refuse(&self, s: &mut State, w: usize) {
        let Phase::Settle { claimed, unknown, .. } = s.workers[w].phase else { return };
        s.left.failures -= 1;
        if unknown {
            self.end(s, w, &Outcome::Unsettled);
        } else {
            self.settling(s, w, claimed, How::FailRetryable, claimed, false);
        }
    }

    /// Asks core for a settlement, by what was `found`.
    fn settling(&self, s: &mut State, w: usize, claimed: Ref, how: How, found: Ref, unknown: bool) {
        let token = s.workers[w].token;
        let (settled, attempt) = self.core.settle(found, token, claimed, how);
        let fault = || Fault::transient("t", "t");
        match settled {
            Settled::Put(put) => s.workers[w].phase = Phase::Settle { claimed, how, put, unknown },
            Settled::Rejected if how == How::Complete && self.core.is(Mutant::AcknowledgedAfterARejection) => {
                self.end(s, w, &Outcome::Completed);
            }
            Settled::Rejected => self.end(s, w, &Outcome::Unsettled),
            Settled::Done => match how {
                How::Complete => self.end(s, w, &Outcome::Completed),
                How::Release => self.end(s, w, &Outcome::NotStarted),
                How::FailRetryable => self.end(s, w, &Outcome::Retry { fault: fault(), attempt }),
                How::FailForGood => self.end(s, w, &Outcome::Dead { fault: fault(), attempt, now: true }),
            },
        }
    }

    /// An answer was read.
    fn answered(&self, s: &mut State, w: usize, written: bool) {
        let Worker { phase, token } = s.workers[w];
        let found = s.ledger[self.core.key(token.who())];
        match phase {
            Phase::Claim { put, .. } if written => {
                let entry = self.core.puts.thing(put).entry;
                let claims = self.core.facts(entry).is_some_and(|facts| facts.stands == Stands::InProgress);
                Self::claiming(s, w, if claims { Claimed::Won(entry) } else { Claimed::Dead }, &self.core);
            }
            Phase::Claim { .. } => {
                let step = self.core.claim(found, token, s.lapsed & token.bit() != 0);
                Self::claiming(s, w, step, &self.core);
            }
            // Written, or written before: the first such outcome stays.
            Phase::Keyless { .. } => {
                self.end(s, w, &Outcome::Dead { fault: Fault::permanent("k", "k"), attempt: 1, now: written })
            }
            Phase::Settle { claimed, how, .. } if written => self.settled(s, w, claimed, how),
            Phase::Settle { claimed, how, unknown, .. } => self.settling(s, w, claimed, how, found, unknown),
            Phase::Idle | Phase::Hold { .. } | Phase::Run { .. } | Phase::Acknowledge => {}
        }
    }

    /// A settlement was read as written.
    fn settled(&self, s: &mut State, w: usize, claimed: Ref, how: How) {
        let Phase::Settle { put, .. } = s.workers[w].phase else { return };
        let written = self.core.puts.thing(put).entry;
        self.settling(s, w, claimed, how, written, false);
    }

    /// Moves a worker on after core's answer to a claim.
    pub(crate) fn claiming(s: &mut State, w: usize, step: Claimed, core: &Core) {
        let phase = match step {
            Claimed::Put(put) => Phase::Claim { put, unknown: false },
            Claimed::Keyless(put) => Phase::Keyless { put, unknown: false },
            Claimed::Won(claimed) if core.scene.holds => Phase::Hold { claimed },
            Claimed::Won(claimed) => {
                starts(s, s.workers[w].token, core, claimed);
                Phase::Run { claimed }
            }
            Claimed::Duplicate if Outcome::Duplicate.acknowledged() => Phase::Acknowledge,
            Claimed::Duplicate => Phase::Idle,
            Claimed::Dead => {
                let dead = Outcome::Dead { fault: Fault::permanent("d", "d"), attempt: 0, now: false };
                if dead.acknowledged() { Phase::Acknowledge } else { Phase::Idle }
            }
            Claimed::Busy if Outcome::Busy(NOW).acknowledged() => Phase::Acknowledge,
            Claimed::Busy => Phase::Idle,
        };
        s.workers[w] = if phase == Phase::Idle { Worker::IDLE } else { Worker { phase, ..s.workers[w] } };
    }

    /// Ends an invocation with what Lambda is told.
    fn end(&self, s: &mut State, w: usize, outcome: &Outcome) {
        if !outcome.acknowledged() {
            s.workers[w] = Worker::IDLE;
            return;
        }
        let token = s.workers[w].token;
        let facts = self.core.facts(s.ledger[self.core.key(token.who())]);
        // An entry that is gone has expired.
        if facts.is_some_and(|facts| facts.stands != Stands::Completed || facts.owner != token) {
            s.broken |= broken::LATE;
        }
        s.workers[w].phase = Phase::Acknowledge;
    }
}

/// A handler is about to run.
fn starts(s: &mut State, token: Token, core: &Core, claimed: Ref) {
    if s.dead & token.who().bit() != 0 {
        s.broken |= broken::DEAD_RAN;
    }
    if core.facts(claimed).is_some_and(|facts| facts.attempts > core.scene.limit) {
        s.broken |= broken::OVER_THE_LIMIT;
    }
}

/// Returns the entry that a worker asks to be written.
fn asked(worker: &Worker) -> Ref {
    match worker.phase {
        Phase::Claim { put, .. } | Phase::Keyless { put, .. } | Phase::Settle { put, .. } => put,
        Phase::Idle | Phase::Hold { .. } | Phase::Run { .. } | Phase::Acknowledge => unreachable!("asks for nothing"),
    }
}

fn unanswered(phase: Phase) -> Phase {
    match phase {
        Phase::Claim { put, .. } => Phase::Claim { put, unknown: true },
        Phase::Keyless { put, .. } => Phase::Keyless { put, unknown: true },
        Phase::Settle { claimed, how, put, .. } => Phase::Settle { claimed, how, put, unknown: true },
        other => other,
    }
}
