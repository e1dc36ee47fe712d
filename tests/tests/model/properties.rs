//! Properties that must hold in every state, and some that must be reachable, or the rest means nothing.

use redrive_core::letters::letter::Status;
use redrive_core::processing::ledger::EntryState as Stands;
use stateright::Property;

use crate::answers::Facts;
use crate::state::{KEYS, MESSAGES, Message, Phase, Place, REPLAYED, SENT, State, Who, broken, letter_of};
use crate::tables::NOTHING;
use crate::world::World;

pub(crate) const ACKNOWLEDGED: &str = "acknowledged only if completed with this payload";
pub(crate) const ONE_OWNER: &str = "who holds a lease that lives is the one owner";
pub(crate) const ONE_EFFECT: &str = "an effect happens at most once, and with its completion";
pub(crate) const LATE: &str = "a late worker writes nothing and acknowledges nothing";
pub(crate) const DEAD: &str = "a dead life never runs, dies once, and no life runs more often than its limit";
pub(crate) const RESOLVED: &str = "RESOLVED only if the effect happened with this payload";
pub(crate) const SOMEWHERE: &str = "a message is at every instant in a queue, a letter or a completion";
pub(crate) const EDGES: &str = "a letter moves along its edges only";
pub(crate) const FINAL: &str = "a RESOLVED letter stays RESOLVED";
pub(crate) const BEGINS: &str = "no handler begins after its lease has ended";
pub(crate) const STRANGERS: &str = "two keys share nothing";

pub(crate) const TAKEOVER: &str = "a lapsed lease is taken over";
pub(crate) const DUPLICATE: &str = "a duplicate is acknowledged";
pub(crate) const KEY_REUSED: &str = "a key is used for another payload";
pub(crate) const WORKER_LOST: &str = "a life is buried as worker-lost";
pub(crate) const HELD_TAKEOVER: &str = "a claim that waits for a slot is taken over once its lease has ended";
pub(crate) const REOPENED: &str = "another life runs where one died";
pub(crate) const RESOLVED_LETTER: &str = "a letter is resolved";
pub(crate) const REDRIVEN: &str = "a native redrive completes";
pub(crate) const RENAMED: &str = "a native redrive under another id completes";
pub(crate) const REPLAY: &str = "a replay completes and resolves its letter";
pub(crate) const DIED_AGAIN: &str = "a replay dies again";
pub(crate) const FREED: &str = "a message that its key could not bear completes after the key was freed";
pub(crate) const BOTH: &str = "both messages are acknowledged";

pub(crate) fn all() -> Vec<Property<World>> {
    let mut all = always();
    all.extend(sometimes());
    all
}

fn always() -> Vec<Property<World>> {
    vec![
        Property::always(ACKNOWLEDGED, |world, s: &State| {
            let told = s.workers.iter().filter(|worker| worker.phase == Phase::Acknowledge);
            let told = told.map(|worker| worker.token.who().message());
            let gone = messages(world).filter(|message| s.messages[*message].place == Place::Acknowledged);
            told.chain(gone).all(|message| s.done & world.core.effect(message) != 0)
        }),
        Property::always(ONE_OWNER, |world, s: &State| {
            s.workers.iter().filter(|worker| s.lapsed & worker.token.bit() == 0).all(|worker| {
                // Once a settlement is on its way, he may have given the key away himself.
                let holds = matches!(
                    worker.phase,
                    Phase::Hold { .. } | Phase::Run { .. } | Phase::Settle { unknown: false, .. }
                );
                let owner = entry(world, s, world.core.key(worker.token.who()));
                let is_he =
                    |facts: Facts| facts.stands == Stands::InProgress && facts.live && facts.owner == worker.token;
                !holds || owner.is_some_and(is_he)
            })
        }),
        Property::always(ONE_EFFECT, |world, s: &State| {
            (0..KEYS).all(|key| {
                let completed = entry(world, s, key).filter(|facts| facts.stands == Stands::Completed);
                let paid = completed.map(|facts| world.core.scene.messages[facts.payload].1);
                (0..2).all(|payload| s.effects[key][payload] == u8::from(paid == Some(payload)))
            })
        }),
        Property::always(LATE, |_, s: &State| s.broken & broken::LATE == 0),
        Property::always(DEAD, |_, s: &State| {
            s.broken & (broken::DEAD_RAN | broken::DIED_TWICE | broken::OVER_THE_LIMIT) == 0
        }),
        Property::always(RESOLVED, |world, s: &State| {
            letters(world, s)
                .all(|(message, status)| status != Status::Resolved || s.done & world.core.effect(message) != 0)
        }),
        Property::always(SOMEWHERE, |world, s: &State| messages(world).all(|message| somewhere(world, s, message))),
        Property::always(EDGES, |_, s: &State| s.broken & broken::NOT_AN_EDGE == 0),
        Property::always(FINAL, |_, s: &State| s.broken & broken::BROUGHT_BACK == 0),
        Property::always(BEGINS, |_, s: &State| s.broken & broken::BEGAN_LATE == 0),
        Property::always(STRANGERS, |world, s: &State| {
            (0..KEYS).all(|key| {
                entry(world, s, key).is_none_or(|facts| {
                    let own = messages(world).filter(|message| world.core.scene.messages[*message].0 == key);
                    let enqueues = own.flat_map(|message| (0..4).map(move |enqueue| Who::new(message, enqueue)));
                    facts.enqueues & !enqueues.fold(0, |enqueues, who| enqueues | who.bit()) == 0
                })
            })
        }),
    ]
}

fn sometimes() -> Vec<Property<World>> {
    vec![
        Property::sometimes(TAKEOVER, |world, s: &State| {
            s.workers.iter().any(|worker| {
                let late = matches!(worker.phase, Phase::Run { .. }) && s.lapsed & worker.token.bit() != 0;
                let owner = entry(world, s, world.core.key(worker.token.who()));
                late && owner.is_some_and(|facts| facts.stands == Stands::InProgress && facts.owner != worker.token)
            })
        }),
        Property::sometimes(HELD_TAKEOVER, |world, s: &State| {
            s.workers.iter().any(|worker| {
                let owner = entry(world, s, world.core.key(worker.token.who()));
                matches!(worker.phase, Phase::Hold { .. }) && owner.is_some_and(|facts| facts.owner != worker.token)
            })
        }),
        Property::sometimes(DUPLICATE, |world, s: &State| {
            s.workers.iter().any(|worker| {
                let done = entry(world, s, world.core.key(worker.token.who()));
                worker.phase == Phase::Acknowledge && done.is_some_and(|facts| facts.owner != worker.token)
            })
        }),
        Property::sometimes(KEY_REUSED, |_, s: &State| s.ledger[KEYS..].iter().any(|dead_mark| *dead_mark != NOTHING)),
        Property::sometimes(WORKER_LOST, |world, s: &State| {
            any(world, s, |facts| facts.worker_lost && facts.dead != 0)
        }),
        Property::sometimes(REOPENED, |world, s: &State| {
            any(world, s, |facts| facts.stands == Stands::InProgress && facts.dead != 0)
        }),
        Property::sometimes(RESOLVED_LETTER, |world, s: &State| {
            letters(world, s).any(|(_, status)| status == Status::Resolved)
        }),
        Property::sometimes(REDRIVEN, |_, s: &State| acknowledged_as(s, crate::state::REDRIVEN)),
        Property::sometimes(RENAMED, |_, s: &State| acknowledged_as(s, crate::state::RENAMED)),
        Property::sometimes(REPLAY, |world, s: &State| {
            (0..MESSAGES).any(|message| {
                let cell = letter_of(Who::new(message, SENT));
                let letter = world.core.letters.get(s.letters[cell]);
                let resolved = letter.is_some_and(|letter| letter.status == Status::Resolved && letter.number.0 > 0);
                resolved
                    && s.messages[message] == Message { place: Place::Acknowledged, enqueue: REPLAYED, receives: 1 }
            })
        }),
        Property::sometimes(DIED_AGAIN, |world, s: &State| {
            let deaths = |cell: &u16| {
                world.core.letters.get(*cell).is_some_and(|letter| letter.number.0 > 0 && letter.deaths > 1)
            };
            s.letters.iter().any(deaths)
        }),
        Property::sometimes(FREED, |world, s: &State| {
            let refused = |message: &usize| s.ledger[crate::state::keyless(Who::new(*message, SENT))] != NOTHING;
            let done = |message: &usize| s.messages[*message].place == Place::Acknowledged;
            let freed = world.core.scene.bounds.frees > s.left.frees;
            freed && messages(world).any(|message| refused(&message) && done(&message))
        }),
        Property::sometimes(BOTH, |_, s: &State| s.messages.iter().all(|message| message.place == Place::Acknowledged)),
    ]
}

fn messages(world: &World) -> impl Iterator<Item = usize> {
    0..world.core.scene.messages.len()
}

fn entry(world: &World, s: &State, key: usize) -> Option<Facts> {
    world.core.facts(s.ledger[key])
}

fn any(world: &World, s: &State, which: impl Fn(Facts) -> bool) -> bool {
    (0..KEYS).any(|key| entry(world, s, key).is_some_and(&which))
}

fn acknowledged_as(s: &State, enqueue: u8) -> bool {
    s.messages.iter().any(|message| message.place == Place::Acknowledged && message.enqueue == enqueue)
}

/// Each letter's message and status.
fn letters(world: &World, s: &State) -> impl Iterator<Item = (usize, Status)> {
    let there = s.letters.iter().enumerate();
    there.filter_map(|(cell, letter)| world.core.letters.get(*letter).map(|letter| (cell / 3, letter.status)))
}

fn somewhere(world: &World, s: &State, message: usize) -> bool {
    let letter = |who| s.letters[letter_of(who)] != NOTHING;
    match s.messages[message].place {
        Place::Main | Place::Dlq => true,
        Place::Acknowledged | Place::Indexed if s.done & world.core.effect(message) != 0 => true,
        Place::Acknowledged => false,
        // A replay's letter is the one that it came from.
        Place::Indexed => {
            letter(s.who(message)) || (s.who(message).enqueue() == REPLAYED && letter(Who::new(message, SENT)))
        }
    }
}
