//! Core, asked. The state's small numbers are turned into core's types, and its answers back; each different question
//! is asked once.

use std::time::Duration;

use redrive_core::fault::Fault;
use redrive_core::ids::{Enqueue, LetterId, MessageId, QueueArn, Scope};
use redrive_core::letters::admission::{Admission, Findings, admit, effect_of};
use redrive_core::letters::edges;
use redrive_core::letters::letter::Letter;
use redrive_core::letters::policy::Policy;
use redrive_core::message::decode::{Inspected, Reading};
use redrive_core::message::key::{LedgerKey, PayloadHash, Pointer};
use redrive_core::processing::ledger::{
    Claim, ClaimRefusal, ClaimRequest, ClaimStep, DeadEnqueues, Entry, EntryState as Stands, Expect, Freeing, Origin,
    Settlement, Settling, claim, free, settle,
};
use redrive_core::time::Timestamp;

use crate::answers::{Claimed, Facts, LetterPut, Plan, Put, Settled, envelope, owner};
use crate::bounds::{Mutant, Scene};
use crate::state::{ENQUEUES, How, MESSAGES, Token, Who, keyless, letter_of};
use crate::tables::{Memo, NOTHING, Ref, Table};

/// Present instant, which never changes: what ages is the lease.
pub(crate) const NOW: Timestamp = Timestamp::from_millis(1_000_000);
const LIVE: Timestamp = Timestamp::from_millis(1_010_000);
const LAPSED: Timestamp = Timestamp::from_millis(999_000);

pub(crate) struct Core {
    pub(crate) scene: Scene,
    pub(crate) entries: Table<Entry>,
    pub(crate) puts: Table<Put>,
    pub(crate) letters: Table<Letter>,
    pub(crate) letter_puts: Table<LetterPut>,
    seen: Vec<Inspected>,
    reading: Reading,
    pub(crate) policy: Policy,
    facts: Memo<Ref, Facts>,
    lapses: Memo<Ref, Ref>,
    crowds: Memo<Ref, Option<Ref>>,
    frees: Memo<Ref, Option<Ref>>,
    claims: Memo<(Ref, Token, bool), Claimed>,
    settlements: Memo<(Ref, Token, Ref, How), (Settled, u32)>,
    admissions: Memo<(Who, [Ref; 4]), Plan>,
    resolutions: Memo<(Ref, Ref), Option<Ref>>,
}

impl Core {
    pub(crate) fn new(scene: Scene) -> Self {
        let source = QueueArn::new("arn:aws:sqs:us-east-1:1:main").unwrap();
        let pointer = Some(Pointer::parse("/key").unwrap());
        let reading = Reading { pointer, ..Reading::new(source, Scope::new("main").unwrap()) };
        let enqueues = 0..u8::try_from(MESSAGES * ENQUEUES).unwrap();
        let day = Duration::from_secs(24 * 3600);
        Self {
            seen: enqueues.map(|who| Inspected::new(envelope(Who(who), &scene, &reading), &reading)).collect(),
            reading,
            policy: Policy {
                rules: Vec::new(),
                cool_down: day,
                max_deaths: 3,
                resolved_retention: day,
                body_retention: day,
                outcome_after: day,
            },
            scene,
            entries: Table::new(),
            puts: Table::new(),
            letters: Table::new(),
            letter_puts: Table::new(),
            facts: Memo::new(),
            lapses: Memo::new(),
            crowds: Memo::new(),
            frees: Memo::new(),
            claims: Memo::new(),
            settlements: Memo::new(),
            admissions: Memo::new(),
            resolutions: Memo::new(),
        }
    }

    /// Returns the number of different questions that core was asked.
    pub(crate) fn questions(&self) -> usize {
        self.claims.len()
            + self.crowds.len()
            + self.frees.len()
            + self.settlements.len()
            + self.admissions.len()
            + self.resolutions.len()
    }

    pub(crate) fn is(&self, mutant: Mutant) -> bool {
        self.scene.mutant == Some(mutant)
    }

    pub(crate) fn seen(&self, who: Who) -> &Inspected {
        &self.seen[usize::from(who.0)]
    }

    pub(crate) fn key(&self, who: Who) -> usize {
        self.scene.messages[who.message()].0
    }

    /// The bit of a message's key and payload.
    pub(crate) fn effect(&self, message: usize) -> u8 {
        let (key, payload) = self.scene.messages[message];
        1 << (key * 2 + payload)
    }

    fn enqueues(&self) -> impl Iterator<Item = Who> {
        (0..self.scene.messages.len() * ENQUEUES).map(|who| Who(u8::try_from(who).unwrap()))
    }

    pub(crate) fn facts(&self, entry: Ref) -> Option<Facts> {
        (entry != NOTHING).then(|| self.facts.answer(entry, |entry| self.read(&self.entries.thing(*entry))))
    }

    fn read(&self, entry: &Entry) -> Facts {
        let bits = |which: &dyn Fn(&Enqueue) -> bool| {
            self.enqueues()
                .filter(|who| which(&self.seen(*who).envelope.enqueue()))
                .fold(0, |bits, who| bits | who.bit())
        };
        let payload = |message: &usize| self.seen(Who::new(*message, 0)).hash.is_same(&entry.hash);
        Facts {
            stands: entry.state,
            owner: (0..32).map(Token).find(|token| owner(*token) == entry.owner).expect("one of our tokens"),
            payload: (0..self.scene.messages.len()).find(payload).expect("one of our payloads"),
            live: entry.lease_until >= NOW,
            enqueues: bits(&|enqueue| entry.knows(enqueue)),
            dead: bits(&|enqueue| entry.is_dead(enqueue)),
            attempts: entry.enqueues.iter().map(|record| record.attempts).max().unwrap_or(0),
            worker_lost: entry.fault.as_ref().is_some_and(|fault| fault.code == "worker-lost"),
        }
    }

    /// The same entry after its lease has ended.
    pub(crate) fn lapse(&self, entry: Ref) -> Ref {
        self.lapses.answer(entry, |entry| {
            let entry = Entry::clone(&self.entries.thing(*entry));
            self.entries.name(Entry { lease_until: LAPSED, ..entry })
        })
    }

    /// The first key's entry after a crowd of strangers died under it, as many as it could bear; `None` while somebody holds it.
    pub(crate) fn crowd(&self, entry: Ref) -> Option<Ref> {
        self.crowds.answer(entry, |entry| {
            let mut entry = self.entries.get(*entry).map(|entry| Entry::clone(&entry));
            if entry.as_ref().is_some_and(|entry| entry.state != Stands::Failed) {
                return None;
            }
            let token = Token(31);
            for n in 0..self.scene.crowd {
                let message_id = MessageId::new(format!("stranger-{n}")).unwrap();
                let enqueue = Enqueue { message_id, sent_at: Timestamp::from_millis(1) };
                let stranger = ClaimRequest {
                    enqueue,
                    hash: self.seen(Who(0)).hash.clone(),
                    ..self.request_of(Who(0), token, false)
                };
                let ClaimStep::Claim(write, claim) = claim(entry.as_ref(), &stranger, NOW) else { break };
                let failed = Settlement::Fail(Fault::permanent("no", "a stranger's"));
                let Settling::Write(write) = settle(Some(&write.entry), &claim, &failed, NOW, Timestamp::NEVER) else {
                    break;
                };
                entry = Some(write.entry);
            }
            entry.map(|entry| self.entries.name(entry))
        })
    }

    /// The entry after a person had its dead enqueues forgotten.
    pub(crate) fn free(&self, entry: Ref) -> Option<Ref> {
        self.frees.answer(entry, |name| {
            let entry = self.entries.get(*name)?;
            let key = LedgerKey::owned(&self.reading.scope, self.seen(Who(0)).key.as_ref().ok()?);
            match free(Some(&entry), &key, &self.reading.source, NOW) {
                Freeing::Write(write, _) => Some(self.entries.name(write.entry)),
                Freeing::Nothing | Freeing::Waits => None,
            }
        })
    }

    fn request_of(&self, who: Who, token: Token, lapsed: bool) -> ClaimRequest {
        ClaimRequest { token: owner(token), ..self.request(Token::new(who, 0), lapsed) }
    }

    fn request(&self, token: Token, lapsed: bool) -> ClaimRequest {
        let seen = self.seen(token.who());
        ClaimRequest {
            key: LedgerKey::owned(&self.reading.scope, seen.key.as_ref().expect("every message has a key")),
            enqueue: seen.envelope.enqueue(),
            hash: seen.hash.clone(),
            send: seen.send(),
            token: owner(token),
            lease_until: if lapsed { LAPSED } else { LIVE },
            limit: self.scene.limit,
            expires: Timestamp::NEVER,
            origin: Origin::default(),
        }
    }

    pub(crate) fn claim(&self, found: Ref, token: Token, lapsed: bool) -> Claimed {
        self.claims.answer((found, token, lapsed), |_| {
            let found = self.entries.get(found).map(|entry| self.bent(&entry));
            match claim(found.as_ref(), &self.request(token, lapsed), NOW) {
                ClaimStep::Claim(write, _) => self.put(self.key(token.who()), write.entry, write.expect, Claimed::Put),
                ClaimStep::MarkDead(write, _) => {
                    self.put(self.key(token.who()), write.entry, write.expect, Claimed::Put)
                }
                ClaimStep::Won(claim) => Claimed::Won(self.entries.name(claim.entry().clone())),
                ClaimStep::Refused(ClaimRefusal::KeyReused) if self.is(Mutant::AnotherPayloadIsADuplicate) => {
                    Claimed::Duplicate
                }
                ClaimStep::Refused(ClaimRefusal::KeyReused) => self.keyless(token, "key_reused"),
                ClaimStep::Refused(ClaimRefusal::TooManyEnqueues) => self.keyless(token, "too-many-enqueues"),
                ClaimStep::Refused(ClaimRefusal::Duplicate) => Claimed::Duplicate,
                ClaimStep::Refused(ClaimRefusal::Dead(_)) => Claimed::Dead,
                ClaimStep::Refused(ClaimRefusal::Busy(_)) => Claimed::Busy,
            }
        })
    }

    /// Returns the entry that a mutant's claim sees instead of the one that was found.
    fn bent(&self, found: &Entry) -> Entry {
        let mut entry = found.clone();
        let free = Timestamp::from_millis(0);
        if self.is(Mutant::DeadEnqueueMayClaim) {
            entry.enqueues.iter_mut().for_each(|enqueue| (enqueue.dead, enqueue.attempts) = (false, 0));
        }
        if self.is(Mutant::DeadEnqueuesMayClaim) {
            entry.dead_enqueues = DeadEnqueues::default();
        }
        if self.is(Mutant::LiveLeaseIsTaken) && entry.state == Stands::InProgress {
            entry.lease_until = free;
        }
        if self.is(Mutant::CompletionIsForgotten) && entry.state == Stands::Completed {
            (entry.state, entry.lease_until) = (Stands::Failed, free);
        }
        entry
    }

    fn put<T>(&self, cell: usize, entry: Entry, expect: Expect, answer: impl Fn(Ref) -> T) -> T {
        answer(self.puts.name(Put { cell, entry: self.entries.name(entry), expect }))
    }

    fn keyless(&self, token: Token, code: &'static str) -> Claimed {
        let seen = self.seen(token.who());
        let (enqueue, by) = (seen.envelope.enqueue(), (owner(token), Origin::default()));
        let fault = Fault::permanent(code, "owns no key");
        let entry = Entry::keyless(enqueue, seen.send(), seen.hash.clone(), &fault, by, NOW, Timestamp::NEVER);
        self.put(keyless(token.who()), entry, Expect::AbsentOrExpired(NOW), Claimed::Keyless)
    }

    /// The claim that left this entry: whoever shows its token is told that it is his.
    fn claim_of(&self, claimed: Ref, token: Token) -> Claim {
        match claim(self.entries.get(claimed).as_deref(), &self.request(token, false), NOW) {
            ClaimStep::Won(claim) => *claim,
            other => panic!("a claim's own entry names its owner: {other:?}"),
        }
    }

    /// Returns core's answer about a settlement, and the number of the attempt that it settles.
    pub(crate) fn settle(&self, found: Ref, token: Token, claimed: Ref, how: How) -> (Settled, u32) {
        self.settlements.answer((found, token, claimed, how), |_| {
            let claim = self.claim_of(claimed, token);
            let settlement = match how {
                How::Complete => Settlement::Complete,
                How::FailRetryable => Settlement::Fail(Fault::transient("again", "may pass")),
                How::FailForGood => Settlement::Fail(Fault::permanent("no", "will not pass")),
                How::Release => Settlement::Release,
            };
            let found = self.entries.get(found);
            let settled = match settle(found.as_deref(), &claim, &settlement, NOW, Timestamp::NEVER) {
                Settling::Write(write) => self.put(self.key(token.who()), write.entry, write.expect, Settled::Put),
                Settling::Done => Settled::Done,
                Settling::Rejected => Settled::Rejected,
            };
            (settled, claim.attempt())
        })
    }

    pub(crate) fn admit(&self, who: Who, found: [Ref; 4]) -> Plan {
        self.admissions.answer((who, found), |_| {
            let dead = self.seen(who);
            let [keyless, owned, named, own] = found;
            let entry = |name| self.entries.get(name).map(|entry| Entry::clone(&entry));
            let letter = |name| self.letters.get(name).map(|letter| Letter::clone(&letter));
            let owned = entry(owned).map(|entry| self.misread(entry, &dead.hash));
            let (keyless, named, own) = (entry(keyless), letter(named), letter(own));
            let found = Findings { keyless, owned, named, own, ..Findings::default() };
            match admit(dead, &found, &self.reading, &self.policy, NOW) {
                Admission::Create(letter) => Plan::Put(self.letter_put(*letter, true)),
                Admission::Change(letter) => Plan::Put(self.letter_put(*letter, false)),
                Admission::Delete => Plan::Delete,
                Admission::Leave(_) => Plan::Leave,
            }
        })
    }

    /// Returns the entry that a mutant's indexer takes a completed entry for.
    fn misread(&self, entry: Entry, hash: &PayloadHash) -> Entry {
        let blind = self.is(Mutant::ResolvedWithoutTheHash) && entry.state == Stands::Completed;
        if blind { Entry { hash: hash.clone(), ..entry } } else { entry }
    }

    pub(crate) fn letter_put(&self, letter: Letter, new: bool) -> Ref {
        let cells = self.enqueues().filter(|who| letter.id == self.letter_id(*who)).map(letter_of);
        let cell = cells.min().expect("the letter of one of our messages");
        let replaces = (!new).then(|| letter.version - 1);
        self.letter_puts.name(LetterPut { cell, letter: self.letters.name(letter), replaces })
    }

    fn letter_id(&self, who: Who) -> LetterId {
        LetterId::derive(&self.reading.source, &self.seen(who).envelope.message_id)
    }

    /// The letter as the reconciler would write it: RESOLVED, if the ledger shows its effect.
    pub(crate) fn resolve(&self, letter: Ref, owned: Ref) -> Option<Ref> {
        self.resolutions.answer((letter, owned), |_| {
            let letter = self.letters.get(letter)?;
            let owned = self.entries.get(owned).map(|entry| self.misread(Entry::clone(&entry), &letter.hash));
            let effect = effect_of(&letter, owned.as_ref(), NOW)?;
            let resolved = edges::resolve(&letter, &effect, "done", "reconciler", &self.policy, NOW).ok()?;
            Some(self.letter_put(resolved, false))
        })
    }
}
