//! Small story with every fault at every call.

use std::collections::BTreeSet;
use std::time::Duration;

use redrive_core::letters::letter::Status;
use redrive_core::processing::ledger::EntryState;
use redrive_core::processing::outcome::OutageBrake;
use redrive_testkit::CallFault;
use redrive_testkit::journal::What;

use crate::faulty_stores::Mutant;
use crate::invariants::Invariant;
use crate::plan::Plan;
use crate::run::{Run, run};
use crate::search::{Search, breaks, none, report, variable};

const CALL_FAULTS: [CallFault; 11] = [
    CallFault::Refused,
    CallFault::CrashBefore,
    // What only looks cannot tell the others apart from these.
    CallFault::LostAnswer,
    CallFault::CrashAfter,
    CallFault::Twice,
    CallFault::Conflict,
    CallFault::Partly(0b0101_0101),
    CallFault::Late(Duration::from_secs(3)),
    CallFault::Late(Duration::from_secs(40)),
    CallFault::Slow(Duration::from_secs(22)),
    CallFault::SlowAnswer(Duration::from_secs(22)),
];

/// A story with these mishaps.
type Story = fn(Vec<(usize, CallFault)>) -> Plan;

/// Every mishap that makes a difference, at every call of the undisturbed story.
fn plans(story: Story) -> Vec<Plan> {
    let calls = run(&story(Vec::new()), None).calls;
    let of = |(index, looks): (usize, bool)| {
        let count = if looks { 2 } else { CALL_FAULTS.len() };
        CALL_FAULTS[..count].iter().map(move |call_fault| story(vec![(index, *call_fault)]))
    };
    eprintln!("{} calls, {} of which only look", calls.len(), calls.iter().filter(|call| call.looks).count());
    calls.iter().map(|call| call.looks).enumerate().flat_map(of).collect()
}

/// Checks what must become of the small story's messages, whatever happens on the way.
fn ends_well(run: &Run) -> Result<(), String> {
    let charged: Vec<_> = run.charged.iter().map(|(key, times)| (key.as_str(), *times)).collect();
    if charged != [("dies", 1), ("good", 1), ("late", 1), ("refused", 0)] {
        return Err(format!("charged {charged:?}"));
    }
    // Written before its first letter, and once more if that did not succeed.
    if let Some(letter) = run.letters.iter().find(|letter| !run.causes.contains(&letter.fingerprint)) {
        return Err(format!("{} is no known cause", letter.fingerprint));
    }
    let waiting =
        |code: &str| run.letters.iter().filter(|letter| letter.reason.error_code.as_deref() == Some(code)).count();
    let waits = [waiting("scripted"), waiting("not-json"), waiting("key_reused")];
    let pending = run.letters.iter().filter(|letter| letter.status == Status::Pending).count();
    if pending == 3 && waits.iter().all(|count| *count >= 1) {
        Ok(())
    } else {
        Err(format!("{pending} letters are pending: {waits:?} were refused, not JSON, and reused their key"))
    }
}

/// Returns what went wrong with a run of the small story.
fn wrong(run: &Run) -> Option<String> {
    breaks(run, |_| true).or_else(|| ends_well(run).err())
}

#[test]
fn the_small_story_ends_well_when_nothing_happens() {
    let run = run(&Plan::small(Vec::new()), None);
    assert_eq!(wrong(&run), None, "{}", run.journal.story());
}

#[test]
fn every_call_fault_at_every_call_breaks_no_promise_and_ends_well() {
    let plans = plans(Plan::small);
    let plan = |number: u64| plans[usize::try_from(number).expect("a small number")].clone();
    none(&Search::of(plans.len() as u64).failures(plan, wrong), "RUN");
}

#[test]
fn two_indexers_at_once_break_no_promise_whatever_happens_to_a_call() {
    let plans = plans(Plan::two_indexers);
    let plan = |number: u64| plans[usize::try_from(number).expect("a small number")].clone();
    none(&Search::of(plans.len() as u64).failures(plan, wrong), "RUN_OF_TWO");
}

#[test]
fn two_indexers_have_the_same_messages_in_hand() {
    let run = run(&Plan::two_indexers(Vec::new()), None);
    assert_eq!(wrong(&run), None, "{}", run.journal.story());
    let story = run.journal.story();
    let of = |indexer: &str, what: &str| {
        let lines = story.lines().filter(|line| line.contains(indexer) && line.contains(what));
        lines.filter_map(|line| line.split(' ').find(|word| word.starts_with("orders-"))).collect::<BTreeSet<_>>()
    };
    let both = of("indexer-0.", " received ").intersection(&of("indexer-1.", " received ")).count();
    assert!(both >= 4, "only {both} messages were in both indexers' hands");
    let created = story.lines().filter(|line| line.contains("absent -> PENDING")).count();
    assert_eq!(created, run.letters.len());
}

/// `RUN=7 cargo test -p redrive-tests --test sim -- --nocapture one_call` tells the whole story of such a run.
#[test]
fn one_call() {
    let Some(number) = variable("RUN") else { return };
    let run = run(&plans(Plan::small)[usize::try_from(number).expect("a small number")], None);
    eprintln!("{}", run.journal.story());
    assert_eq!(wrong(&run), None);
}

/// The edited body is charged, unless the other one was before it could be edited.
fn is_charged_once(run: &Run) -> Result<(), String> {
    let letters: Vec<_> = run.letters.iter().map(|letter| (letter.status, letter.edited.is_some())).collect();
    let by_the_edit = run.charged["refused"] == 1 && letters.iter().all(|(status, _)| *status == Status::Resolved);
    if by_the_edit { Ok(()) } else { Err(format!("charged {:?}, letters {letters:?}", run.charged)) }
}

#[test]
fn an_edited_letter_is_charged_once_and_by_its_new_body_whatever_happens_to_a_call() {
    let calm = run(&Plan::amended(Vec::new()), None);
    let edited = |letter: &redrive_core::letters::letter::Letter| letter.edited.is_some() && letter.deaths == 2;
    assert!(calm.letters.len() == 1 && edited(&calm.letters[0]), "{}", calm.journal.story());
    let wrong = |run: &Run| breaks(run, |_| true).or_else(|| is_charged_once(run).err());
    assert_eq!(wrong(&calm), None, "{}", calm.journal.story());
    let plans = plans(Plan::amended);
    let plan = |number: u64| plans[usize::try_from(number).expect("a small number")].clone();
    none(&Search::of(plans.len() as u64).failures(plan, wrong), "RUN_OF_EDIT");
}

/// The replay before the edit is answered by nothing, and its copy comes late: before the edit, or while the edited body is
/// tried again and again.
fn late_copies() -> Vec<Plan> {
    let calls = run(&Plan::amended_slowly(Vec::new()), None).calls;
    let send = calls.iter().position(|call| call.action == "send messages").expect("it is replayed");
    let late = |seconds| Plan::amended_slowly(vec![(send, CallFault::Late(Duration::from_secs(seconds)))]);
    (60..220).step_by(4).map(late).collect()
}

#[test]
fn a_copy_that_comes_after_the_edit_does_not_run() {
    let mut edited = 0;
    for plan in late_copies() {
        let run = run(&plan, None);
        let broken = breaks(&run, |_| true).or_else(|| is_charged_once(&run).err());
        assert!(broken.is_none(), "{}", report(&run, &broken.unwrap_or_default(), ""));
        edited += usize::from(run.letters.iter().any(|letter| letter.edited.is_some()));
    }
    assert!(edited > 30, "only {edited} were edited");
}

/// Returns the promise that a copy breaks when it comes after an edit in a broken world.
pub(crate) fn late_copy_breaks(mutant: Mutant, minds: impl Fn(Invariant) -> bool + Copy) -> Option<String> {
    late_copies().iter().find_map(|plan| breaks(&run(plan, Some(mutant)), minds))
}

/// Both that died have their letters, with reasons and attributes; the one behind them is charged.
fn is_freed(run: &Run) -> Result<(), String> {
    let mut codes: Vec<_> = run.letters.iter().map(|letter| letter.reason.error_code.as_deref()).collect();
    codes.sort_unstable();
    let whole = run.letters.iter().all(|letter| letter.attributes.len() == 10 && letter.status == Status::Pending);
    let own = run.letters.iter().all(|letter| letter.enqueue.message_id == letter.origin);
    let good = codes == [Some("not-json"), Some("scripted")] && whole && own && run.charged["good"] == 1;
    if good { Ok(()) } else { Err(format!("letters {codes:?}, whole {whole}, own {own}, charged {:?}", run.charged)) }
}

#[test]
fn a_poison_with_ten_attributes_frees_its_group_and_keeps_its_reason_whatever_happens_to_a_call() {
    let calm = run(&Plan::poisoned(Vec::new()), None);
    let wrong = |run: &Run| breaks(run, |_| true).or_else(|| is_freed(run).err());
    assert_eq!(wrong(&calm), None, "{}", calm.journal.story());
    let events = calm.journal.events();
    let (begun, charged) =
        (events[0].at, events.iter().find(|event| is_charge(&event.what)).expect("it is charged").at);
    assert!(charged.since(begun) < Duration::from_secs(5), "its group waits for {:?}", charged.since(begun));
    let plans = plans(Plan::poisoned);
    let plan = |number: u64| plans[usize::try_from(number).expect("a small number")].clone();
    none(&Search::of(plans.len() as u64).failures(plan, wrong), "RUN_OF_POISON");
}

fn is_charge(what: &What) -> bool {
    matches!(what, What::EntryWritten { effects: Some(effects), .. } if !effects.adds.is_empty())
}

/// Returns how many of a dozen orders become letters while a dependency of the handler is down for a while.
fn letters_of_an_outage(slows: bool, brake: OutageBrake) -> usize {
    let run = run(&Plan::down(slows, brake), None);
    let broken = breaks(&run, |_| true);
    assert!(broken.is_none(), "{}", report(&run, &broken.unwrap_or_default(), ""));
    assert!(run.charged.values().all(|times| *times == 1), "{:?}", run.charged);
    run.letters.len()
}

#[test]
fn a_short_outage_kills_no_message_whether_pollers_slow_down_or_not() {
    for (slows, brake) in [(false, OutageBrake::Quiet), (false, OutageBrake::Signal), (true, OutageBrake::Signal)] {
        assert_eq!(letters_of_an_outage(slows, brake), 0, "slows {slows}, {brake:?}");
    }
    assert_eq!(letters_of_an_outage(false, OutageBrake::Off), 12, "else each uses up its attempts");
}

#[test]
fn a_late_worker_changes_nothing_and_never_acknowledges() {
    let mut late = 0;
    for plan in late_workers() {
        let run = run(&plan, None);
        let broken = breaks(&run, |_| true);
        assert!(broken.is_none(), "{}", report(&run, &broken.unwrap_or_default(), ""));
        assert_eq!(run.charged["late"], 1);
        late += usize::from(first_is_rejected(&run));
    }
    assert!(late >= 5, "only {late} of the workers were late");
}

/// Returns true if the first worker was told that somebody else had completed the key.
fn first_is_rejected(run: &Run) -> bool {
    let told = |line: &str| {
        line.contains("worker-0.0") && line.contains("told of") && line.contains("no, there was COMPLETED")
    };
    run.journal.story().lines().any(told)
}

/// From a worker that is in time to one that Lambda has ended long since.
fn late_workers() -> impl Iterator<Item = Plan> {
    (0..120).map(|quarters| Plan::late_worker(Duration::from_millis(10_000 + quarters * 250)))
}

/// Each order is charged once.
fn is_each_charged_once(run: &Run) -> Result<(), String> {
    let once = run.charged.len() == 10 && run.charged.values().all(|times| *times == 1);
    if once { Ok(()) } else { Err(format!("charged {:?}", run.charged)) }
}

#[test]
fn claims_that_wait_for_a_slot_break_no_promise_whatever_happens_to_a_call() {
    let wrong = |run: &Run| breaks(run, |_| true).or_else(|| is_each_charged_once(run).err());
    let calm = run(&Plan::queued(Vec::new()), None);
    assert_eq!(wrong(&calm), None, "{}", calm.journal.story());
    assert!(releases(&calm) >= 3, "claims were taken back, and made again: {}", calm.journal.story());
    let plans = plans(Plan::queued);
    let plan = |number: u64| plans[usize::try_from(number).expect("a small number")].clone();
    none(&Search::of(plans.len() as u64).failures(plan, wrong), "RUN_OF_QUEUED");
}

/// Returns the number of claims that were taken back before an attempt began.
fn releases(run: &Run) -> usize {
    let events = run.journal.events();
    let taken_back = |what: &What| {
        matches!(what, What::EntryWritten { before: Some(before), after, .. }
            if before.state == EntryState::InProgress && after.state == EntryState::Failed && after.history == before.history)
    };
    events.iter().filter(|event| taken_back(&event.what)).count()
}

/// Returns the promise that a late worker breaks in a broken world.
pub(crate) fn late_worker_breaks(mutant: Mutant, minds: impl Fn(Invariant) -> bool + Copy) -> Option<String> {
    late_workers().find_map(|plan| breaks(&run(&plan, Some(mutant)), minds))
}
