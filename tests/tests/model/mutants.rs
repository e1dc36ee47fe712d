//! Broken worlds: a proof counts only if it fails where it should. `-- --nocapture` shows how each of them breaks.

use std::time::Instant;

use crate::bounds::{Bounds, Mutant, RIVALS, Scene, TWINS};
use crate::proofs::{large, prove, shortest};
use crate::properties::{ACKNOWLEDGED, BEGINS, DEAD, FINAL, LATE, ONE_EFFECT, ONE_OWNER, RESOLVED, SOMEWHERE};

/// The world must break this promise, and it is told how.
fn caught(scene: Scene, mutant: Mutant, promise: &'static str) {
    if large() {
        prove("without the mutant", scene.clone(), &[]);
    }
    let begun = Instant::now();
    let Some(story) = shortest(&scene.but(mutant), promise) else {
        panic!("{mutant:?} was not found out; it should break: {promise}");
    };
    eprintln!("{mutant:?} breaks \"{promise}\" (found in {:.1} s):\n{story}", begun.elapsed().as_secs_f32());
}

/// Makes a scene of one message, with no reader of the dead-letter queue.
fn one(bounds: Bounds) -> Scene {
    Scene { indexers: 0, ..Scene::new(&TWINS[..1], bounds) }
}

fn twins(bounds: Bounds) -> Scene {
    Scene { indexers: 0, ..Scene::new(&TWINS, bounds) }
}

/// Messages that die of their first failure, and are indexed.
fn mortal(messages: &[(usize, usize)], bounds: Bounds) -> Scene {
    Scene { limit: 1, receives: 1, ..Scene::new(messages, bounds) }
}

#[test]
fn a_settlement_without_a_fence() {
    caught(one(Bounds::LEAST), Mutant::UnfencedSettle, LATE);
}

#[test]
fn resolved_without_the_hash() {
    caught(mortal(&RIVALS, Bounds::LEAST), Mutant::ResolvedWithoutTheHash, RESOLVED);
}

#[test]
fn acknowledged_after_a_rejected_settlement() {
    caught(one(Bounds::LEAST), Mutant::AcknowledgedAfterARejection, ACKNOWLEDGED);
}

#[test]
fn a_late_worker_that_acknowledges_what_another_did() {
    caught(one(Bounds::LEAST), Mutant::AcknowledgedAfterARejection, LATE);
}

#[test]
fn acknowledged_though_no_answer_was_read() {
    caught(one(Bounds { late: 1, ..Bounds::LEAST }), Mutant::AcknowledgedUnread, ACKNOWLEDGED);
}

#[test]
fn a_letter_written_whatever_stands_there() {
    let bounds = Bounds { failures: 1, crashes: 1, late: 1, ..Bounds::LEAST };
    caught(mortal(&TWINS, bounds), Mutant::UnconditionalLetterWrite, FINAL);
}

#[test]
fn a_dead_enqueue_that_may_claim() {
    caught(one(Bounds { failures: 1, ..Bounds::LEAST }), Mutant::DeadEnqueueMayClaim, DEAD);
}

#[test]
fn a_dead_enqueues_enqueue_that_may_claim() {
    let bounds = Bounds { failures: 1, crowds: 1, ..Bounds::LEAST };
    caught(Scene { crowd: 8, ..one(bounds) }, Mutant::DeadEnqueuesMayClaim, DEAD);
}

#[test]
fn a_version_that_comes_again_after_the_entry_expired() {
    let bounds = Bounds { crashes: 1, late: 1, expiries: 1, ..Bounds::LEAST };
    caught(mortal(&TWINS, bounds), Mutant::VersionAlone, LATE);
}

#[test]
fn a_live_lease_that_is_taken() {
    caught(one(Bounds::LEAST), Mutant::LiveLeaseIsTaken, ONE_OWNER);
}

#[test]
fn a_claim_held_without_a_slot_beyond_its_lease() {
    caught(Scene { holds: true, ..twins(Bounds::LEAST) }, Mutant::HeldBeyondItsLease, BEGINS);
}

#[test]
fn a_claim_written_whatever_stands_there() {
    caught(twins(Bounds::LEAST), Mutant::UnconditionalClaim, ONE_OWNER);
}

#[test]
fn a_completion_that_is_forgotten() {
    caught(twins(Bounds::LEAST), Mutant::CompletionIsForgotten, ONE_EFFECT);
}

#[test]
fn an_effect_written_beside_the_completion() {
    caught(one(Bounds::LEAST), Mutant::EffectBesideTheCompletion, ONE_EFFECT);
}

#[test]
fn a_message_deleted_before_its_letter_is_written() {
    let bounds = Bounds { failures: 1, ..Bounds::LEAST };
    caught(mortal(&TWINS[..1], bounds), Mutant::DeletedBeforeWritten, SOMEWHERE);
}

#[test]
fn another_payload_taken_for_a_duplicate() {
    caught(
        Scene { indexers: 0, ..Scene::new(&RIVALS, Bounds::LEAST) },
        Mutant::AnotherPayloadIsADuplicate,
        ACKNOWLEDGED,
    );
}
