//! Broken worlds: each must break the promise that it is about, or the simulator would not see such a fault in the
//! real code either.

use redrive_testkit::CallFault;

use crate::every_call::{late_copy_breaks, late_worker_breaks};
use crate::faulty_stores::Mutant;
use crate::invariants::Invariant;
use crate::plan::Plan;
use crate::run::run;
use crate::schedules::seeds;
use crate::search::{Search, breaks};

/// So many seeds a mutant may survive.
const SEEDS: u64 = 300;

/// Some seed shows the mutant, by one of these promises.
fn caught(mutant: Mutant, by: &[Invariant]) {
    caught_among(Plan::random, mutant, by);
}

fn caught_among(plan: fn(u64) -> Plan, mutant: Mutant, by: &[Invariant]) {
    let wrong = |run: &_| breaks(run, |invariant| by.contains(&invariant));
    let search = Search { mutant: Some(mutant), enough: 1, ..Search::of(SEEDS) };
    let failures = search.failures(plan, wrong);
    let Some(failure) = failures.first() else { panic!("{mutant:?} survived {SEEDS} seeds") };
    eprintln!("{mutant:?} is caught by seed {}: {}", failure.number, failure.what);
}

/// The story of the late worker shows the mutant, by one of these promises.
fn caught_late(mutant: Mutant, by: &[Invariant]) {
    let broken = late_worker_breaks(mutant, |invariant| by.contains(&invariant));
    let Some(broken) = broken else { panic!("{mutant:?} survived the late worker") };
    eprintln!("{mutant:?} is caught by the late worker: {broken}");
}

/// The small story shows the mutant when this mishap meets some call of it.
fn caught_by_call(mutant: Mutant, call_fault: CallFault, by: &[Invariant]) {
    let plan = |call| Plan::small(vec![(call, call_fault)]);
    let calls = run(&Plan::small(Vec::new()), None).calls;
    let writes = calls.iter().enumerate().filter(|(_, call)| !call.looks);
    let broken = writes
        .map(|(index, _)| run(&plan(index), Some(mutant)))
        .find_map(|run| breaks(&run, |invariant| by.contains(&invariant)));
    let Some(broken) = broken else { panic!("{mutant:?} survived {call_fault:?} at every call") };
    eprintln!("{mutant:?} is caught by {call_fault:?}: {broken}");
}

#[test]
fn an_unfenced_settle_is_caught() {
    let by = [Invariant::OnlyTheOwnerSettles, Invariant::OneEffect];
    caught_late(Mutant::UnfencedSettle, &by);
    caught(Mutant::UnfencedSettle, &by);
}

#[test]
fn resolved_without_the_hash_is_caught() {
    caught(Mutant::ResolvedWithoutTheHash, &[Invariant::ResolvedHasItsEffect]);
}

#[test]
fn acknowledging_after_a_rejected_settlement_is_caught() {
    caught_late(Mutant::AcknowledgedAfterARejection, &[Invariant::AcknowledgedIsCompleted]);
}

#[test]
fn acknowledging_after_an_unread_settlement_is_caught() {
    caught(Mutant::AcknowledgedUnread, &[Invariant::AcknowledgedIsCompleted]);
    caught(Mutant::AcknowledgedUnread, &[Invariant::ReadBeforeTold]);
}

#[test]
fn showing_a_message_after_an_unread_failure_is_caught() {
    caught(Mutant::FailureTakenForWritten, &[Invariant::ReadBeforeTold]);
}

#[test]
fn acting_on_what_nobody_was_shown_is_caught() {
    caught(Mutant::ActsOnWhatFitsByThen, &[Invariant::ShownIsTouched]);
}

#[test]
fn ignoring_which_queue_sqs_moved_a_message_from_is_caught() {
    caught_among(Plan::shared, Mutant::SourceIsIgnored, &[Invariant::UnlistedIsKept]);
    caught_among(Plan::shared, Mutant::SourceIsIgnored, &[Invariant::UnlistedIsNotSent]);
}

#[test]
fn taking_a_letters_own_time_for_that_of_its_write_is_caught() {
    caught_among(Plan::watched, Mutant::AsOfWithoutMargin, &[Invariant::ShownIsTouched]);
}

#[test]
fn a_refused_edit_that_is_kept_is_caught() {
    caught_among(Plan::edited, Mutant::RefusedEditIsKept, &[Invariant::RefusedIsUnedited]);
}

#[test]
fn an_unconditional_letter_write_is_caught() {
    caught(Mutant::UnconditionalLetterWrite, &[Invariant::Edges]);
    caught(Mutant::UnconditionalLetterWrite, &[Invariant::Monotone]);
}

#[test]
fn deleting_before_the_letter_is_known_to_be_written_is_caught() {
    caught(Mutant::LetterTakenForWritten, &[Invariant::NothingLost]);
}

#[test]
fn a_head_without_its_body_is_caught() {
    caught(Mutant::HeadWithoutItsBody, &[Invariant::BodyStays]);
}

#[test]
fn an_erased_body_that_comes_back_is_caught() {
    caught(Mutant::ErasedBodyComesBack, &[Invariant::BodyStays]);
}

#[test]
fn sending_before_the_claim_is_known_to_be_written_is_caught() {
    caught(Mutant::LetterTakenForWritten, &[Invariant::SendsAreClaimed]);
}

#[test]
fn marking_what_was_refused_as_replayed_is_caught() {
    caught_by_call(Mutant::RefusalTakenForSent, CallFault::Partly(u64::MAX), &[Invariant::ReplayedIsSent]);
}

#[test]
fn a_message_id_that_no_write_has_lead_to_its_letter_is_caught() {
    caught(Mutant::ChangesAreTakenForNotes, &[Invariant::MessageIdsLead]);
}

#[test]
fn marking_letters_by_each_others_answers_is_caught() {
    caught(Mutant::MarksAreMixedUp, &[Invariant::MarksNameTheirSends]);
}

#[test]
fn acknowledging_what_the_dead_letter_queue_may_not_have_is_caught() {
    caught(Mutant::HandedOverUnread, &[Invariant::AcknowledgedIsCompleted]);
}

#[test]
fn a_deduplication_id_without_the_number_is_caught() {
    // What the queue drops is a replay's message, or one that a processor hands over.
    let by = [Invariant::ReplayedIsSent, Invariant::AcknowledgedIsCompleted, Invariant::NothingLost];
    caught_among(Plan::fifo, Mutant::DeduplicationWithoutTheNumber, &by);
}

#[test]
fn forgetting_where_a_letter_was_sent_is_caught() {
    caught(Mutant::DestinationIsForgotten, &[Invariant::SendsAreClaimed]);
}

#[test]
fn running_a_fifo_group_out_of_order_is_caught() {
    caught_among(Plan::fifo, Mutant::GroupsAreNotKept, &[Invariant::GroupsAreInOrder]);
}

#[test]
fn an_index_without_groups_breaks_no_order() {
    let wrong = |run: &_| breaks(run, |invariant| invariant == Invariant::SendsAreInOrder);
    // Every letter is asked for at every turn: a run takes half a second of processor time.
    let search = Search { mutant: Some(Mutant::GroupsAreNotIndexed), enough: 1, ..Search::of(seeds() / 33) };
    let failures = search.failures(Plan::fifo, wrong);
    assert!(failures.is_empty(), "an index proposes, and does not decide: {}", failures[0].what);
}

#[test]
fn sending_a_groups_letters_by_what_the_index_says_alone_is_caught() {
    caught_among(Plan::lagging, Mutant::TurnsAreForgotten, &[Invariant::SendsAreInOrder]);
}

/// Only a process that serves several requests shows it.
#[test]
fn going_by_what_an_earlier_request_has_read_of_the_ledger_is_caught() {
    caught(Mutant::EntriesAreRemembered, &[Invariant::Rest]);
}

#[test]
fn a_dead_enqueue_that_may_claim_is_caught() {
    caught(Mutant::DeadEnqueueMayClaim, &[Invariant::DeadStaysDead]);
}

#[test]
fn forgetting_dead_enqueues_that_an_entry_cannot_name_is_caught() {
    caught_among(Plan::crowded_by, Mutant::DeadEnqueuesAreForgotten, &[Invariant::DeadStaysDead]);
}

#[test]
fn taking_a_live_lease_is_caught() {
    caught(Mutant::LiveLeaseIsTaken, &[Invariant::OneOwner]);
    caught(Mutant::LiveLeaseIsTaken, &[Invariant::RunsAreGated]);
}

#[test]
fn holding_a_claim_without_a_slot_beyond_its_lease_is_caught() {
    let by = [Invariant::LeaseCoversTheRun];
    caught_among(Plan::queued_by, Mutant::HeldBeyondItsLease, &by);
}

#[test]
fn taking_what_is_not_completed_for_done_is_caught() {
    caught(Mutant::LookTakesAnyForCompleted, &[Invariant::AcknowledgedIsCompleted]);
    caught(Mutant::LookTakesAnyForCompleted, &[Invariant::ReadBeforeTold]);
}

#[test]
fn forgetting_a_completion_is_caught() {
    caught(Mutant::CompletionIsForgotten, &[Invariant::OnlyTheOwnerSettles]);
    caught(Mutant::CompletionIsForgotten, &[Invariant::OneEffect]);
}

#[test]
fn editing_without_withdrawing_the_former_copies_is_caught() {
    let minded = |invariant| invariant == Invariant::OnlyTheEditedBody;
    let broken = late_copy_breaks(Mutant::EditedWithoutWithdrawing, minded);
    eprintln!("it is caught by a copy that comes late: {}", broken.expect("it survived every late copy"));
}
