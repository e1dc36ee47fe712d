use redrive_core::decode::{Inspected, Malformed, Message};
use redrive_core::fault::Fault;
use redrive_core::handler::Handler;
use redrive_core::ids::OwnerToken;
use redrive_core::ledger::{Claim, ClaimRequest, Entry, EntryWrite, Expect, Refusal, Step, claim};
use redrive_core::outcome::Outcome;
use redrive_core::ports::{Ledger, MainQueue, WriteError};
use redrive_core::time::Timestamp;
use tracing::warn;

use super::lines::Line;
use super::{End, Frame, Parts};
use crate::{ROUNDS, World};

type Claimed<M> = (Line<M>, Result<Claim, Outcome>);

impl<H, L, Q, W> Parts<H, L, Q, W>
where
    H: Handler,
    L: Ledger<H::Effects>,
    Q: MainQueue,
    W: World,
{
    /// Claims the heads of `lines` together.
    pub(super) async fn claim_all(&self, lines: Vec<Line<H::Message>>, frame: &Frame) -> Vec<Claimed<H::Message>> {
        // The lease is reckoned from before the claim is sent.
        let now = self.world.now();
        let mut ended = Vec::with_capacity(lines.len());
        let mut open: Vec<_> = lines
            .into_iter()
            .map(|line| {
                let request = self.request(line.head(), frame, now);
                let step = claim(None, &request, now);
                (line, request, step)
            })
            .collect();
        for _ in 0..ROUNDS {
            let (asked, writes) = self.sort(open, &mut ended, frame).await;
            if asked.is_empty() {
                return ended;
            }
            let answers = self.ledger.write(writes).await;
            let now = self.world.now();
            open = Vec::new();
            for ((line, request, goal), answer) in asked.into_iter().zip(answers) {
                match (answer, goal) {
                    (Ok(()), Goal::Claim(claim)) => ended.push((line, Ok(*claim))),
                    (Ok(()), Goal::Bury(refusal)) => {
                        let outcome = self.refuse(refusal, line.head(), frame).await;
                        ended.push((line, Err(outcome)));
                    }
                    (Err(WriteError::Condition(found)), _) => {
                        let step = claim(found.as_deref(), &request, now);
                        open.push((line, request, step));
                    }
                    (Err(WriteError::Unavailable(error)), _) => {
                        warn!(key = request.key.log_hash(), %error, "ledger could not be asked for a claim");
                        ended.push((line, Err(Outcome::LedgerOut)));
                    }
                }
            }
        }
        let contended = Outcome::Busy(self.world.now().after(self.settings.lease()));
        ended.extend(open.into_iter().map(|(line, ..)| (line, Err(contended.clone()))));
        ended
    }

    /// Parts what is decided already from what must be written first.
    async fn sort(
        &self,
        open: Vec<(Line<H::Message>, ClaimRequest, Step)>,
        ended: &mut Vec<Claimed<H::Message>>,
        frame: &Frame,
    ) -> (Vec<(Line<H::Message>, ClaimRequest, Goal)>, Vec<EntryWrite>) {
        let (mut asked, mut writes) = (Vec::new(), Vec::new());
        for (line, request, step) in open {
            match step {
                Step::Won(claim) => ended.push((line, Ok(*claim))),
                Step::Refused(refusal) => {
                    let outcome = self.refuse(refusal, line.head(), frame).await;
                    ended.push((line, Err(outcome)));
                }
                Step::Take(write, claim) => {
                    writes.push(*write);
                    asked.push((line, request, Goal::Claim(claim)));
                }
                Step::Bury(write, refusal) => {
                    writes.push(*write);
                    asked.push((line, request, Goal::Bury(refusal)));
                }
            }
        }
        (asked, writes)
    }

    fn request(&self, message: &Message<H::Message>, frame: &Frame, now: Timestamp) -> ClaimRequest {
        ClaimRequest {
            key: message.entry.clone(),
            life: message.life(),
            hash: message.inspected.hash.clone(),
            send: message.inspected.send(),
            token: OwnerToken::from_random(self.world.bits()),
            lease_until: now.after(self.settings.lease()),
            limit: self.settings.schedule.attempts(),
            expires: now.after(self.settings.retention),
            origin: frame.origin.clone(),
        }
    }

    async fn refuse(&self, refusal: Refusal, message: &Message<H::Message>, frame: &Frame) -> Outcome {
        match refusal {
            Refusal::Duplicate => Outcome::Duplicate,
            Refusal::Busy(until) => Outcome::Busy(until),
            Refusal::KeyReused => self.bury_reused(message, frame).await,
            Refusal::TooManyLives => {
                let text = "every life that the ledger remembers of this key is dead, and it holds no more";
                self.bury_ownerless(message, Fault::permanent("too-many-lives", text), frame).await
            }
            Refusal::Dead(last) => {
                let fault = last.map_or_else(
                    || Fault::permanent("dead", "this life is dead, and the ledger does not say why"),
                    |last| Fault::new(last.class, last.code, last.text),
                );
                Outcome::Dead { fault, attempt: 0, now: false }
            }
        }
    }

    pub(super) async fn bury_reused(&self, message: &Message<H::Message>, frame: &Frame) -> Outcome {
        let text = "this idempotency key was completed with another payload";
        self.bury_ownerless(message, Fault::permanent("key_reused", text), frame).await
    }

    async fn bury_ownerless(&self, message: &Message<H::Message>, fault: Fault, frame: &Frame) -> Outcome {
        let write = self.ownerless(&message.inspected, &fault, frame);
        let answer = tokio::time::timeout_at(frame.deadline, self.ledger.write(vec![write])).await;
        buried(fault, answer.unwrap_or_default().pop())
    }

    /// Records what can never run, so that the indexer can say why, and ends it.
    pub(super) async fn bury_malformed(&self, malformed: Vec<Malformed>, frame: &Frame) -> Vec<End> {
        let writes = malformed.iter().map(|bad| self.ownerless(&bad.inspected, &bad.fault, frame)).collect();
        if malformed.is_empty() {
            return Vec::new();
        }
        let answers = tokio::time::timeout_at(frame.deadline, self.ledger.write(writes)).await.unwrap_or_default();
        let ends = malformed.into_iter().zip(answers);
        ends.map(|(bad, answer)| End::of_malformed(&bad, buried(bad.fault.clone(), Some(answer)))).collect()
    }

    fn ownerless(&self, seen: &Inspected, fault: &Fault, frame: &Frame) -> EntryWrite {
        let now = self.world.now();
        let token = OwnerToken::from_random(self.world.bits());
        let entry = Entry::ownerless(
            seen.envelope.life(),
            seen.send(),
            seen.hash.clone(),
            fault,
            (token, frame.origin.clone()),
            now,
            now.after(self.settings.retention),
        );
        EntryWrite { key: seen.ownerless(), entry, expect: Expect::AbsentOrExpired(now) }
    }
}

/// What a claim's write was for.
enum Goal {
    Claim(Box<Claim>),
    Bury(Refusal),
}

/// The end of a message that owns no key: dead, once that is recorded.
fn buried(fault: Fault, answer: Option<Result<(), WriteError<Entry>>>) -> Outcome {
    match answer {
        Some(Ok(())) => Outcome::Dead { fault, attempt: 1, now: true },
        Some(Err(WriteError::Condition(_))) => Outcome::Dead { fault, attempt: 1, now: false },
        Some(Err(WriteError::Unavailable(error))) => {
            warn!(%error, code = &*fault.code, "ledger could not record why a message died");
            Outcome::LedgerOut
        }
        None => Outcome::LedgerOut,
    }
}
