use proptest::prelude::*;

use super::*;
use crate::ids::{MessageId, QueueArn, ReplayNumber, Scope};
use crate::letters::letter::{ErrorType, Status};
use crate::message::key::Key;

const HOUR: u64 = 3_600_000;

fn at(millis: u64) -> Timestamp {
    Timestamp::from_millis(1_795_352_400_000 + millis)
}

/// Properties in which letters that wait differ.
#[derive(Debug, Clone, Copy)]
struct Draw {
    cause: u8,
    queue: u8,
    failed: u64,
    deaths: u32,
    never_due: bool,
    text: u8,
}

fn candidate(n: usize, draw: Draw) -> Candidate {
    let source = QueueArn::new(format!("arn:aws:sqs:us-east-1:1:q-{}", draw.queue)).unwrap();
    let error_type = if draw.cause.is_multiple_of(3) { ErrorType::Schema } else { ErrorType::Permanent };
    Candidate {
        id: LetterId::derive(&source, &MessageId::new(format!("m-{n}")).unwrap()),
        status: Status::Pending,
        due: if draw.never_due { Timestamp::NEVER } else { at(draw.failed + 60_000) },
        error_type,
        error_code: Some(format!("c-{}", draw.cause)),
        error_message: format!("the {} text of order {n}", ["first", "second", "third"][usize::from(draw.text)]),
        fingerprint: format!("{}/c-{}", error_type.as_str(), draw.cause),
        source,
        first_failed_at: at(draw.failed),
        last_failed_at: at(draw.failed + u64::from(draw.deaths) * HOUR),
        deaths: draw.deaths,
        number: ReplayNumber(0),
        function_version: Some(draw.queue.to_string()),
        group: None,
        sequence: None,
        key: (draw.text > 0).then(|| Key::new(format!("o-{n}")).unwrap()),
        scope: Scope::new("s").unwrap(),
    }
}

fn draws() -> impl Strategy<Value = Vec<(Draw, u8)>> {
    let draw = (0_u8..12, 0_u8..3, 0..400 * HOUR, 1_u32..4, any::<bool>(), 0_u8..3).prop_map(
        |(cause, queue, failed, deaths, never_due, text)| Draw { cause, queue, failed, deaths, never_due, text },
    );
    // Each with the lane in which it is met.
    prop::collection::vec((draw, 0_u8..4), 0..120)
}

/// Counts the letters lane by lane, and the lanes in the order in which they are given.
fn merged(limit: usize, letters: &[(Candidate, u8)], order: [u8; 4]) -> WaitingSummary {
    let lane = |lane: u8| {
        let mut tally = CauseTally::of_at_most(limit);
        letters.iter().filter(|(_, of)| *of == lane).for_each(|(one, _)| tally.add(one));
        tally
    };
    order.into_iter().map(lane).fold(CauseTally::of_at_most(limit), CauseTally::and).summary(at(0))
}

proptest! {
    #[test]
    fn lanes_merge_to_what_one_walk_counts_in_whatever_order(
        draws in draws(), order in Just([0_u8, 1, 2, 3]).prop_shuffle(),
    ) {
        let letters: Vec<_> = draws.iter().enumerate().map(|(n, (draw, lane))| (candidate(n, *draw), *lane)).collect();
        let mut whole = CauseTally::of_at_most(CAUSES);
        letters.iter().for_each(|(one, _)| whole.add(one));
        prop_assert_eq!(merged(CAUSES, &letters, order), whole.summary(at(0)));
    }

    #[test]
    fn a_cause_that_is_told_apart_is_counted_in_full_and_all_others_are_counted_together(
        draws in draws(), limit in 1_usize..8, order in Just([0_u8, 1, 2, 3]).prop_shuffle(),
    ) {
        let letters: Vec<_> = draws.iter().enumerate().map(|(n, (draw, lane))| (candidate(n, *draw), *lane)).collect();
        let (few, all) = (merged(limit, &letters, order), merged(CAUSES, &letters, order));
        prop_assert!(few.causes.len() <= limit);
        prop_assert_eq!(few.letters(), letters.len() as u64);
        prop_assert_eq!(few.causes.len() as u64 + few.others.causes, all.causes.len() as u64);
        for cause in &few.causes {
            prop_assert!(all.causes.contains(cause), "{:?}", cause);
        }
        let mut types: BTreeMap<String, u64> = BTreeMap::new();
        letters.iter().for_each(|(one, _)| *types.entry(one.error_type.as_str().to_owned()).or_default() += 1);
        let apart = few.causes.iter().map(|cause| (cause.error_type.as_str().to_owned(), cause.letters));
        let mut told = few.others.types.clone();
        apart.for_each(|(word, n)| *told.entry(word).or_default() += n);
        prop_assert_eq!(told, types);
        prop_assert_eq!(few.first_in_ledger, all.first_in_ledger);
    }

    #[test]
    fn a_summary_is_read_as_it_was_written(draws in draws(), limit in 1_usize..8) {
        let letters: Vec<_> = draws.iter().enumerate().map(|(n, (draw, lane))| (candidate(n, *draw), *lane)).collect();
        let summary = merged(limit, &letters, [0, 1, 2, 3]);
        let json = serde_json::to_string(&summary).unwrap();
        prop_assert_eq!(serde_json::from_str::<WaitingSummary>(&json).unwrap(), summary);
    }
}

#[test]
fn the_ledger_forgets_the_letter_first_that_ran_and_failed_longest_ago() {
    let draw = |failed, text, cause| Draw { cause, queue: 0, failed, deaths: 1, never_due: true, text };
    let letters = [
        candidate(0, draw(5, 1, 1)),
        candidate(1, draw(3, 1, 1)),
        // Without a key, and what could not be read: neither has an entry of its own.
        candidate(2, draw(1, 0, 1)),
        candidate(3, draw(2, 1, 3)),
    ];
    let mut tally = CauseTally::default();
    letters.iter().for_each(|one| tally.add(one));
    assert_eq!(tally.summary(at(0)).first_in_ledger, Some(letters[1].id));
    assert_eq!(CauseTally::default().summary(at(0)).first_in_ledger, None);
}

#[test]
fn a_summary_is_used_while_it_missed_one_run_and_never_after_a_quarter_of_an_hour() {
    let summary = CauseTally::default().summary(at(0));
    let usable = |every_minutes: u64, age_seconds: u64| {
        let before = Timestamp::from_millis(at(0).as_millis() - every_minutes * 60_000);
        let now = at(age_seconds * 1_000);
        KeptSummary { summary: summary.clone(), before }.is_usable(now)
    };
    assert!(usable(1, 180) && !usable(1, 181), "every minute: two runs and a minute");
    assert!(usable(0, 180) && !usable(0, 181), "the first of all");
    assert!(usable(5, 660) && !usable(5, 661), "every five minutes");
    assert!(usable(60, 900) && !usable(60, 901), "every hour");
}
