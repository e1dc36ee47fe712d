//! Steps that can happen next: those of the actors, and those of the world itself, such as queues, time and requests on
//! their way.

use redrive_core::processing::ledger::EntryState as Stands;
use stateright::{Model, Property};

use crate::bounds::Scene;
use crate::decisions::Core;
use crate::properties;
use crate::state::{
    How, Indexer, KEYS, MESSAGES, Message, Phase, Place, REDRIVEN, RENAMED, SENT, State, Token, Worker,
};
use crate::tables::NOTHING;

/// Step of the world.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Action {
    /// A worker receives this message.
    Receive(usize),
    /// The request of this worker is carried out and answered.
    Deliver(usize),
    /// The request is carried out, and the answer is lost: the worker will ask again, or give up.
    LoseAnswer(usize),
    /// The request is held up: the worker will ask again, or give up; it may still arrive.
    Delay(usize),
    /// The worker gives up a request without an answer.
    GiveUp(usize),
    /// A slot is free for his handler.
    Begin(usize),
    /// His handler ends like this.
    Handle(usize, How),
    /// The store refuses his handler's effects.
    Refuse(usize),
    /// Lambda deletes his message.
    Delete(usize),
    /// The worker forgets everything, as in a crash.
    Crash(usize),
    /// A request that was held up arrives.
    Arrive(usize),
    /// The lease that was claimed with this token ends.
    Lapse(Token),
    /// The entry of this key expires.
    Expire(usize),
    /// A crowd of strangers dies under the first key.
    Crowd,
    /// A person has the dead enqueues of the first key forgotten.
    Free,
    /// SQS moves this message to the dead-letter queue.
    Move(usize),
    /// Somebody moves it back; its id is kept, or changed.
    Redrive(usize, u8),
    /// An indexer receives this dead message and reads the tables.
    Index(usize, usize),
    /// His letter is written and answered, or not.
    IndexWrite(usize),
    IndexLose(usize),
    IndexDelay(usize),
    IndexGiveUp(usize),
    /// The indexer deletes the message.
    IndexDelete(usize),
    IndexCrash(usize),
    /// His letter arrives late.
    ArriveLetter,
    /// The reconciler looks at this letter.
    Reconcile(usize),
    /// A replay claims this message's letter.
    ReplayClaim(usize),
    /// Replay sends the letter.
    ReplaySend,
    /// Replay marks the letter as sent.
    ReplayMark,
    ReplayCrash,
}

pub(crate) struct World {
    pub(crate) core: Core,
}

impl World {
    pub(crate) fn new(scene: Scene) -> Self {
        Self { core: Core::new(scene) }
    }

    fn queue_actions(&self, s: &State, out: &mut Vec<Action>) {
        let idle = s.workers.iter().any(Worker::is_idle);
        for (message, Message { place, enqueue, receives }) in s.messages.iter().enumerate() {
            match place {
                Place::Main if *receives >= self.core.scene.receives => out.push(Action::Move(message)),
                Place::Main if idle && s.left.deliveries > 0 && !self.is_second_twin(s, message) => {
                    out.push(Action::Receive(message));
                }
                Place::Dlq => {
                    if *enqueue == SENT && s.left.redrives > 0 {
                        out.extend([REDRIVEN, RENAMED].map(|enqueue| Action::Redrive(message, enqueue)));
                    }
                    let busy = s.indexers.iter().filter(|at| **at != Indexer::Idle).count();
                    let free = s.indexers.iter().position(|at| *at == Indexer::Idle);
                    let free = free.filter(|_| busy < self.core.scene.indexers);
                    out.extend(free.map(|indexer| Action::Index(indexer, message)));
                }
                _ => {}
            }
        }
    }

    /// Of two messages that nothing tells apart, the one that is received first is called the first.
    fn is_second_twin(&self, s: &State, message: usize) -> bool {
        let fresh = |message: usize| s.messages[message].enqueue == SENT && s.messages[message].receives == 0;
        message == 1 && self.core.scene.messages[0] == self.core.scene.messages[1] && fresh(0) && fresh(1)
    }

    fn time_actions(&self, s: &State, out: &mut Vec<Action>) {
        let mut leases = self.waiting(s) & !s.lapsed;
        for entry in &s.ledger[..KEYS] {
            leases |= self
                .core
                .facts(*entry)
                .filter(|facts| facts.stands == Stands::InProgress && facts.live)
                .map_or(0, |facts| facts.owner.bit());
        }
        out.extend((0..32).map(Token).filter(|token| leases & token.bit() != 0).map(Action::Lapse));
        out.extend((0..s.late.len()).filter(|late| s.late[*late] != NOTHING).map(Action::Arrive));
        if s.late_letter != NOTHING {
            out.push(Action::ArriveLetter);
        }
        if s.left.crowds > 0 && self.core.crowd(s.ledger[0]).is_some() {
            out.push(Action::Crowd);
        }
        if s.left.frees > 0 && self.core.free(s.ledger[0]).is_some() {
            out.push(Action::Free);
        }
        if s.left.expiries > 0 {
            out.extend((0..KEYS).filter(|key| self.may_expire(s, *key)).map(Action::Expire));
        }
    }

    /// An entry outlives the longest redelivery: no enqueue that it knows, or that held it last, is still in a queue or
    /// with a worker.
    fn may_expire(&self, s: &State, key: usize) -> bool {
        let Some(facts) = self.core.facts(s.ledger[key]) else { return false };
        let known = facts.enqueues | facts.owner.who().bit();
        let queued = (0..MESSAGES).filter(|message| matches!(s.messages[*message].place, Place::Main | Place::Dlq));
        let queued = queued.fold(0, |enqueues, message| enqueues | s.who(message).bit());
        let idle = s.workers.iter().all(Worker::is_idle) && s.indexers == [Indexer::Idle; 2];
        queued & known == 0 && idle
    }

    /// The tokens whose lease still matters to somebody who holds them, or to a request on its way.
    fn waiting(&self, s: &State) -> u32 {
        let holds =
            |worker: &&Worker| !matches!(worker.phase, Phase::Idle | Phase::Keyless { .. } | Phase::Acknowledge);
        let held = s.workers.iter().filter(holds).fold(0, |tokens, worker| tokens | worker.token.bit());
        let late = s.late.iter().filter(|put| **put != NOTHING).filter_map(|put| {
            let facts = self.core.facts(self.core.puts.thing(*put).entry)?;
            (facts.stands == Stands::InProgress).then(|| facts.owner.bit())
        });
        late.fold(held, |tokens, token| tokens | token)
    }

    /// Forgets what can make no difference any more, and so makes one state of many.
    fn forget(&self, s: &mut State) {
        // Versions grow: a write that is refused now is refused for ever, unless an entry expires.
        if self.core.scene.mutant.is_none() && s.left.expiries == 0 {
            for late in 0..s.late.len() {
                if s.late[late] != NOTHING && !self.holds(s, &self.core.puts.thing(s.late[late])) {
                    s.late[late] = NOTHING;
                }
            }
        }
        let busy = s.left.deliveries > 0 || s.workers.iter().any(|worker| !worker.is_idle());
        if !busy {
            s.left.failures = 0;
        }
        if !busy && self.core.scene.indexers == 0 {
            (s.left.crashes, s.left.lost, s.left.late) = (0, 0, 0);
        }
        s.lapsed &= self.waiting(s);
        s.sort();
    }

    fn receive(s: &mut State, message: usize, core: &Core) {
        let worker = s.workers.iter().position(Worker::is_idle).expect("asked for before");
        s.left.deliveries -= 1;
        s.messages[message].receives += 1;
        let token = Token::new(s.who(message), s.messages[message].receives);
        s.workers[worker].token = token;
        // The first decision supposes that there is no entry.
        Self::claiming(s, worker, core.claim(NOTHING, token, false), core);
    }

    fn lapse(&self, s: &mut State, token: Token) {
        s.lapsed |= token.bit();
        for key in 0..KEYS {
            let facts = self.core.facts(s.ledger[key]);
            if facts.is_some_and(|facts| facts.stands == Stands::InProgress && facts.live && facts.owner == token) {
                s.ledger[key] = self.core.lapse(s.ledger[key]);
            }
        }
    }

    fn expire(&self, s: &mut State, key: usize) {
        s.left.expiries -= 1;
        if let Some(facts) = self.core.facts(s.ledger[key]) {
            s.dead &= !facts.enqueues;
        }
        s.ledger[key] = NOTHING;
        s.effects[key] = [0; 2];
    }

    fn crowd(&self, s: &mut State) {
        s.left.crowds -= 1;
        s.ledger[0] = self.core.crowd(s.ledger[0]).unwrap_or(s.ledger[0]);
    }

    /// Frees the key, so that dead enqueues that were forgotten may run again.
    fn free(&self, s: &mut State) {
        s.left.frees -= 1;
        let dead = |s: &State| self.core.facts(s.ledger[0]).map_or(0, |facts| facts.dead);
        let before = dead(s);
        s.ledger[0] = self.core.free(s.ledger[0]).unwrap_or(s.ledger[0]);
        s.dead &= !(before & !dead(s));
    }

    fn redrive(s: &mut State, message: usize, enqueue: u8) {
        s.left.redrives -= 1;
        s.messages[message] = Message { place: Place::Main, enqueue, receives: 0 };
    }
}

impl Model for World {
    type State = State;
    type Action = Action;

    fn init_states(&self) -> Vec<State> {
        vec![State::new(self.core.scene.bounds, self.core.scene.messages.len())]
    }

    fn actions(&self, s: &State, out: &mut Vec<Action>) {
        self.queue_actions(s, out);
        self.time_actions(s, out);
        self.work_actions(s, out);
        self.index_actions(s, out);
        self.replay_actions(s, out);
    }

    fn next_state(&self, old: &State, action: Action) -> Option<State> {
        let mut s = *old;
        match action {
            Action::Receive(message) => Self::receive(&mut s, message, &self.core),
            Action::Lapse(token) => self.lapse(&mut s, token),
            Action::Arrive(late) => {
                let put = std::mem::take(&mut s.late[late]);
                self.write(&mut s, put);
            }
            Action::Expire(key) => self.expire(&mut s, key),
            Action::Crowd => self.crowd(&mut s),
            Action::Free => self.free(&mut s),
            Action::Move(message) => s.messages[message].place = Place::Dlq,
            Action::Redrive(message, enqueue) => Self::redrive(&mut s, message, enqueue),
            Action::Deliver(_)
            | Action::LoseAnswer(_)
            | Action::Delay(_)
            | Action::GiveUp(_)
            | Action::Begin(_)
            | Action::Handle(..)
            | Action::Refuse(_)
            | Action::Delete(_)
            | Action::Crash(_) => self.work(&mut s, action),
            Action::ReplayClaim(_) | Action::ReplaySend | Action::ReplayMark | Action::ReplayCrash => {
                self.replay(&mut s, action);
            }
            _ => self.index(&mut s, action),
        }
        self.forget(&mut s);
        (s != *old).then_some(s)
    }

    fn properties(&self) -> Vec<Property<Self>> {
        properties::all()
    }
}
