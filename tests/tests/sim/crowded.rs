//! Order that dies again and again, under more enqueues than an entry of the ledger can name.

use std::sync::Arc;

use redrive_core::letters::letter::{EventKind, Letter, Status};

use crate::plan::Plan;
use crate::run::{Run, run};
use crate::schedules::seeds;
use crate::search::{Search, breaks, none, report};

/// Every letter is resolved, and the order is charged once.
fn is_done_once(run: &Run) -> Result<(), String> {
    let open: Vec<_> = run.letters.iter().filter(|letter| letter.status != Status::Resolved).collect();
    let charged = run.charged["refused"];
    if open.is_empty() && charged == 1 {
        Ok(())
    } else {
        Err(format!("charged {charged}, {} letters are open", open.len()))
    }
}

fn ends(plan: &Plan) -> Run {
    let run = run(plan, None);
    let broken = breaks(&run, |_| true).or_else(|| is_done_once(&run).err());
    assert!(broken.is_none(), "{}", report(&run, &broken.unwrap_or_default(), ""));
    run
}

fn has(run: &Run, what: EventKind) -> bool {
    run.letters.iter().flat_map(|letter| &letter.history).any(|event| event.what == what)
}

#[test]
fn a_letter_that_was_replayed_in_vain_seven_times_is_done_by_its_edit() {
    let run = ends(&Plan::crowded(1, 8, 8));
    assert!(run.letters.len() == 1 && run.letters[0].edited.is_some() && run.letters[0].deaths == 8);
}

#[test]
fn an_order_that_was_sent_nine_times_before_its_row_came_is_done_once_by_all_nine() {
    let run = ends(&Plan::crowded(9, 9, u32::MAX));
    assert_eq!(run.letters.len(), 9);
    let refused = |letter: &Arc<Letter>| letter.reason.error_code.as_deref() == Some("too-many-enqueues");
    assert!(!run.letters.iter().any(refused), "none is refused for what the ledger remembers");
    assert!(!has(&run, EventKind::Freed));
}

#[test]
fn an_order_whose_key_can_bear_no_more_deaths_is_done_once_after_the_key_was_freed() {
    let run = ends(&Plan::crowded(60, 56, u32::MAX));
    assert!(has(&run, EventKind::Freed));
    assert!(run.ledger.values().all(|entry| entry.dead_enqueues() < 56), "what was forgotten is gone");
}

#[test]
fn orders_that_die_often_break_no_promise_and_are_done_once_in_any_weather() {
    let wrong = |run: &Run| breaks(run, |_| true).or_else(|| is_done_once(run).err());
    none(&Search::of(seeds() / 20).failures(Plan::crowded_by, wrong), "CROWDED=1 SEED");
}
