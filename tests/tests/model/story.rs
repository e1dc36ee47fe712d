//! A path as a text that a person can read.

use std::fmt::Write;

use redrive_core::processing::ledger::EntryState as Stands;
use stateright::{Model, Path};

use crate::state::{Indexer, Phase, Place, State, Token, Who};
use crate::tables::NOTHING;
use crate::world::{Action, World};

/// Writes the path as text: one line a step, and what the tables show after it.
pub(crate) fn tell(world: &World, path: Path<State, Action>) -> String {
    let mut text = String::new();
    for (step, (before, action)) in path.into_vec().into_iter().enumerate() {
        let Some(action) = action else { break };
        let after = world.next_state(&before, action).unwrap_or(before);
        let _ =
            writeln!(text, "{:3}. {}{}", step + 1, event_kind(world, &before, action), changes(world, &before, &after));
    }
    text
}

fn who(who: Who) -> String {
    let enqueue = ["", " (redriven)", " (redriven under another id)", " (replayed)"][usize::from(who.enqueue())];
    format!("m{}{enqueue}", who.message())
}

/// A worker is known by what it received.
fn worker(s: &State, w: usize) -> String {
    name(s.workers[w].token)
}

fn name(token: Token) -> String {
    format!("the worker of {}, receive {}", who(token.who()), token.receive())
}

fn event_kind(world: &World, s: &State, action: Action) -> String {
    match action {
        Action::Receive(message) => {
            format!("a worker receives {}, for the {}. time", who(s.who(message)), s.messages[message].receives + 1)
        }
        Action::Deliver(w) => format!("{}: his {} is answered", worker(s, w), asking(world, s.workers[w].phase)),
        Action::LoseAnswer(w) => {
            format!("{}: his {} arrives, its answer is lost", worker(s, w), asking(world, s.workers[w].phase))
        }
        Action::Delay(w) => {
            format!("{}: his {} is held up on its way", worker(s, w), asking(world, s.workers[w].phase))
        }
        Action::GiveUp(w) => format!("{} gives up his {}", worker(s, w), asking(world, s.workers[w].phase)),
        Action::Begin(w) => format!("{}: a slot is free, and his handler begins", worker(s, w)),
        Action::Handle(w, how) => format!("{}: his handler ends: {how:?}", worker(s, w)),
        Action::Refuse(w) => format!("{}: the store refuses his effects", worker(s, w)),
        Action::Delete(w) => format!("{}: Lambda deletes his message", worker(s, w)),
        Action::Crash(w) => format!("{} crashes", worker(s, w)),
        Action::Arrive(late) => {
            let put = world.core.puts.thing(s.late[late]);
            let facts = world.core.facts(put.entry).expect("a write writes something");
            format!("late, a write of {:?} by {} arrives", facts.stands, name(facts.owner))
        }
        Action::Lapse(token) => format!("{}: his lease ends", name(token)),
        Action::Expire(key) => format!("the entry of k{key} expires"),
        Action::Crowd => format!("{} strangers die under k0", world.core.scene.crowd),
        Action::Free => "a person has the dead enqueues of k0 forgotten".to_owned(),
        Action::Move(message) => format!("SQS moves {} to the dead-letter queue", who(s.who(message))),
        Action::Redrive(message, enqueue) => {
            format!("somebody moves {} back: it is {} now", who(s.who(message)), who(Who::new(message, enqueue)))
        }
        Action::Index(_, message) => format!("an indexer receives {} and reads the tables", who(s.who(message))),
        Action::IndexWrite(i) => format!("{}: his letter's write is answered", indexer(s.indexers[i])),
        Action::IndexLose(i) => format!("{}: his letter's write arrives, its answer is lost", indexer(s.indexers[i])),
        Action::IndexDelay(i) => format!("{}: his letter's write is held up on its way", indexer(s.indexers[i])),
        Action::IndexGiveUp(i) => format!("{} gives up", indexer(s.indexers[i])),
        Action::IndexDelete(i) => format!("{} deletes the message", indexer(s.indexers[i])),
        Action::IndexCrash(i) => format!("{} crashes", indexer(s.indexers[i])),
        Action::ArriveLetter => "late, a letter's write arrives".to_owned(),
        Action::Reconcile(cell) => format!("the reconciler looks at letter {cell}"),
        Action::ReplayClaim(message) => format!("a replay claims the letter of {}", who(s.who(message))),
        Action::ReplaySend => "the replay sends it".to_owned(),
        Action::ReplayMark => "the replay marks it as sent".to_owned(),
        Action::ReplayCrash => "the replay crashes".to_owned(),
    }
}

fn asking(world: &World, phase: Phase) -> &'static str {
    match phase {
        Phase::Claim { put, .. } => {
            let facts = world.core.facts(world.core.puts.thing(put).entry);
            if facts.is_some_and(|facts| facts.stands == Stands::InProgress) { "claim" } else { "burial" }
        }
        Phase::Keyless { .. } => "record without an owner",
        Phase::Settle { .. } => "settlement",
        Phase::Idle | Phase::Hold { .. } | Phase::Run { .. } | Phase::Acknowledge => "nothing",
    }
}

fn indexer(indexer: Indexer) -> String {
    match indexer {
        Indexer::Idle => "an idle indexer".to_owned(),
        Indexer::Write { who: dead, .. } | Indexer::Delete { who: dead } => format!("the indexer of {}", who(dead)),
    }
}

/// Describes what a step changed in the tables and queues.
fn changes(world: &World, before: &State, after: &State) -> String {
    let mut text = String::new();
    for (cell, (old, new)) in before.ledger.iter().zip(&after.ledger).enumerate().filter(|(_, (old, new))| old != new) {
        let shown = match (world.core.facts(*new), world.core.entries.get(*new)) {
            (Some(facts), Some(entry)) => {
                let lease = if facts.stands == Stands::InProgress && !facts.live { ", lapsed" } else { "" };
                let dead = if facts.dead == 0 { "" } else { ", with a dead life" };
                let owner = who(facts.owner.who());
                format!(
                    "{:?}{lease}{dead}, version {}, by {owner}/{}",
                    facts.stands,
                    entry.version,
                    facts.owner.receive()
                )
            }
            _ => "absent".to_owned(),
        };
        let _ = write!(text, "\n       ledger[{cell}]: {shown}{}", if *old == NOTHING { " (new)" } else { "" });
    }
    for (cell, (old, new)) in before.letters.iter().zip(&after.letters).enumerate() {
        if let Some(letter) = world.core.letters.get(*new).filter(|_| old != new) {
            let _ = write!(text, "\n       letter[{cell}]: {}, {}", letter.status, letter.reason.error_type.as_str());
        }
    }
    for (message, (old, new)) in before.messages.iter().zip(&after.messages).enumerate() {
        if old.place != new.place && matches!(new.place, Place::Acknowledged | Place::Indexed) {
            let _ = write!(text, "\n       m{message}: {:?}", new.place);
        }
    }
    for (key, (old, new)) in before.effects.iter().zip(&after.effects).enumerate().filter(|(_, (old, new))| old != new)
    {
        let _ = write!(text, "\n       effects of k{key} by payload: {old:?} → {new:?}");
    }
    text
}
