//! The model as it is: no promise can be broken, and everything that makes this interesting is reachable.
//!
//! Each proof has two bounds: those of every run, and the full ones, which take minutes and gigabytes:
//! `MODEL=large cargo test --release -p redrive-tests --test model -- --nocapture --test-threads=1`.

use std::collections::BTreeSet;
use std::time::Instant;

use stateright::{Checker, Expectation, HasDiscoveries, Model};

use crate::bounds::{Bounds, RIVALS, STRANGERS, Scene, TWINS};
use crate::properties::{
    self, BOTH, DIED_AGAIN, DUPLICATE, FREED, HELD_TAKEOVER, KEY_REUSED, REDRIVEN, RENAMED, REOPENED, REPLAY,
    RESOLVED_LETTER, TAKEOVER, WORKER_LOST,
};
use crate::story::tell;
use crate::world::World;

/// No path that is told is longer.
const LONGEST: usize = 40;

/// Returns true if the full bounds are asked for.
pub(crate) fn large() -> bool {
    std::env::var("MODEL").is_ok_and(|size| size == "large")
}

/// The bounds of every run, or the full ones.
fn sized(usual: Scene, full: Scene) -> Scene {
    if large() { full } else { usual }
}

/// Looks at every state, and says how many there were.
pub(crate) fn prove(name: &str, scene: Scene, reachable: &[&'static str]) {
    let begun = Instant::now();
    let until = HasDiscoveries::AnyFailures;
    let checker = World::new(scene.clone()).checker().threads(2).finish_when(until).spawn_bfs().join();
    let seconds = begun.elapsed().as_secs_f32();
    let found = checker.discoveries();
    let (states, unique, depth) = (checker.state_count(), checker.unique_state_count(), checker.max_depth());
    let (asked, bounds) = (checker.model().core.questions(), scene.bounds);
    eprintln!(
        "{name}: {unique} states, {states} steps, depth {depth}, {seconds:.1} s; core decided {asked} cases\n  {bounds:?}"
    );
    for property in properties::all() {
        let broken = property.expectation == Expectation::Always && found.contains_key(property.name);
        assert!(!broken, "{name}: broken: {}\n{}", property.name, shortest(&scene, property.name).unwrap_or_default());
        let missed = reachable.contains(&property.name) && !found.contains_key(property.name);
        assert!(!missed, "{name}: never happens: {}", property.name);
    }
}

/// The shortest way to break a promise, told; `None` if there is none.
pub(crate) fn shortest(scene: &Scene, promise: &'static str) -> Option<String> {
    let told = |depth| {
        let until = HasDiscoveries::AllOf(BTreeSet::from([promise]));
        let checker = World::new(scene.clone()).checker().target_max_depth(depth).finish_when(until);
        let checker = checker.spawn_bfs().join();
        checker.discovery(promise).map(|path| tell(checker.model(), path))
    };
    (2..LONGEST).find_map(told)
}

#[test]
fn one_message_is_tried_until_it_succeeds_or_dies() {
    let usual = Scene::new(&TWINS[..1], Bounds { crashes: 2, failures: 2, ..Bounds::LEAST });
    let full = Scene::new(&TWINS[..1], Bounds { lost: 1, late: 1, ..usual.bounds });
    prove("one message", sized(usual, full), &[TAKEOVER, DUPLICATE, WORKER_LOST, RESOLVED_LETTER]);
}

#[test]
fn lost_answers_and_late_requests_change_nothing() {
    let bounds = Bounds { crashes: 1, failures: 1, lost: 1, late: 1, ..Bounds::LEAST };
    let usual = Scene { limit: 1, receives: 2, ..Scene::new(&TWINS[..1], bounds) };
    let full = Scene { indexers: 2, ..usual.clone() };
    prove("lost and late", sized(usual, full), &[DUPLICATE, WORKER_LOST, RESOLVED_LETTER]);
}

#[test]
fn two_enqueues_share_a_key() {
    let scene = |bounds| Scene { indexers: 0, ..Scene::new(&TWINS, bounds) };
    let usual = Bounds { crashes: 2, failures: 2, ..Bounds::LEAST };
    let full = scene(Bounds { deliveries: 4, lost: 1, ..usual });
    prove("two lives", sized(scene(usual), full), &[TAKEOVER, DUPLICATE, WORKER_LOST, REOPENED, BOTH]);
}

#[test]
fn claims_wait_for_a_slot() {
    let scene = |bounds| Scene { indexers: 0, holds: true, ..Scene::new(&TWINS, bounds) };
    let usual = Bounds { crashes: 1, failures: 2, ..Bounds::LEAST };
    let full = scene(Bounds { crashes: 2, lost: 1, late: 1, ..usual });
    prove("claims that wait", sized(scene(usual), full), &[TAKEOVER, HELD_TAKEOVER, DUPLICATE, BOTH]);
}

#[test]
fn two_enqueues_share_a_key_and_requests_come_late() {
    let scene = |bounds| Scene { indexers: 0, ..Scene::new(&TWINS, bounds) };
    let usual = Bounds { crashes: 1, failures: 1, late: 1, ..Bounds::LEAST };
    let full = scene(Bounds { crashes: 2, failures: 2, lost: 1, late: 2, ..usual });
    prove("two lives, late", sized(scene(usual), full), &[TAKEOVER, DUPLICATE, REOPENED, BOTH]);
}

#[test]
fn two_payloads_share_a_key() {
    let bounds = Bounds { deliveries: 2, crashes: 1, failures: 1, ..Bounds::LEAST };
    let usual = Scene { limit: 1, receives: 1, ..Scene::new(&RIVALS, bounds) };
    let full = Scene { receives: 2, ..usual.clone() };
    let full = Scene { bounds: Bounds { deliveries: 4, crashes: 2, failures: 2, ..bounds }, ..full };
    prove("two payloads", sized(usual, full), &[KEY_REUSED, REOPENED, RESOLVED_LETTER]);
}

#[test]
fn a_native_redrive_keeps_the_id_or_changes_it() {
    let bounds = Bounds { crashes: 1, failures: 1, redrives: 1, ..Bounds::LEAST };
    let usual = Scene { limit: 1, receives: 2, ..Scene::new(&TWINS[..1], bounds) };
    let full = Bounds { crashes: 2, failures: 2, ..bounds };
    let full = Scene { messages: TWINS.to_vec(), bounds: full, ..usual.clone() };
    prove("native redrive", sized(usual, full), &[REDRIVEN, RENAMED, REOPENED, RESOLVED_LETTER]);
}

#[test]
fn a_replay_completes_or_dies_again() {
    let bounds = Bounds { crashes: 1, failures: 2, replays: 1, ..Bounds::LEAST };
    let usual = Scene { limit: 1, receives: 1, ..Scene::new(&TWINS[..1], bounds) };
    let full = Scene { messages: TWINS.to_vec(), bounds: Bounds { failures: 1, ..bounds }, ..usual.clone() };
    prove("replay", sized(usual, full), &[REPLAY, DIED_AGAIN, RESOLVED_LETTER]);
}

#[test]
fn an_entry_expires_and_its_key_is_used_anew() {
    let bounds = Bounds { deliveries: 2, late: 1, expiries: 1, ..Bounds::LEAST };
    let usual = Scene { limit: 1, receives: 1, ..Scene::new(&TWINS, bounds) };
    let full = Bounds { deliveries: 3, crashes: 1, failures: 1, ..bounds };
    let full = Scene { bounds: full, ..usual.clone() };
    prove("expiry", sized(usual, full), &[TAKEOVER, BOTH]);
}

#[test]
fn two_keys_share_nothing() {
    let scene = |bounds| Scene { indexers: 0, ..Scene::new(&STRANGERS, bounds) };
    let usual = Bounds { crashes: 1, failures: 1, ..Bounds::LEAST };
    let full = scene(Bounds { deliveries: 4, crashes: 2, failures: 2, lost: 1, ..usual });
    prove("two keys", sized(scene(usual), full), &[TAKEOVER, BOTH]);
}

#[test]
fn a_key_whose_message_died_often_is_done_all_the_same() {
    let bounds = Bounds { crashes: 1, failures: 1, crowds: 1, ..Bounds::LEAST };
    let usual = Scene { indexers: 0, crowd: 8, ..Scene::new(&TWINS, bounds) };
    let full = Scene { bounds: Bounds { failures: 2, lost: 1, ..bounds }, ..usual.clone() };
    prove("a crowd of the dead", sized(usual, full), &[REOPENED, BOTH]);
}

#[test]
fn a_key_that_can_bear_no_more_is_freed_and_done_once() {
    let bounds = Bounds { failures: 1, redrives: 1, crowds: 1, frees: 1, ..Bounds::LEAST };
    let usual = Scene { limit: 1, receives: 2, crowd: 56, ..Scene::new(&TWINS[..1], bounds) };
    let full = Scene { bounds: Bounds { crashes: 1, late: 1, ..bounds }, ..usual.clone() };
    prove("a key that is full", sized(usual, full), &[KEY_REUSED, FREED, REOPENED]);
}
