//! Cost of letters for which nobody does anything: the schedule walks them every minute, counts all, and asks the
//! ledger about some. `make cost-of-waiting` prints the table.

use redrive_core::letters::letter::{Letter, Status};
use redrive_core::replay::Request;
use redrive_testkit::Faults;
use tokio::time::sleep;

use crate::job_bench::{JobBench, MINUTE};

/// On-demand, us-east-1, as commonly published: dollars for a million read units. A unit is 4 KB read consistently, or 8 KB eventually.
const MILLION_UNITS: f64 = 0.125;
/// Rough size of a letter in an index: mostly its error's text and names.
const INDEXED_BYTES: f64 = 600.0;
const MINUTES: f64 = 43_800.0;

/// So many letters that only a person sends.
fn waiting(count: usize) -> JobBench {
    let bench = JobBench::new(&Faults::none());
    (0..count).for_each(|n| bench.letters.force(bench.letter(n, "never")));
    bench
}

/// The keys that so many runs of the schedule ask the ledger about, and how many letters the last one counts.
async fn runs(bench: &JobBench, count: u64) -> (f64, u64) {
    let mut counted = 0;
    let before = bench.ledger.reads();
    for run in 0..count {
        let report = bench.run(&format!("schedule-{run}"), &Request::Schedule).await;
        counted = report
            .pending_counts
            .map_or(0, |pending_counts| pending_counts.types.values().map(|waiting| waiting.pending as u64).sum());
        sleep(MINUTE).await;
    }
    let after = bench.ledger.reads();
    assert_eq!(after.consistently, before.consistently, "nothing is to be done, and nothing is read twice");
    #[expect(clippy::cast_precision_loss, reason = "a price")]
    let a_run = (after.eventually - before.eventually) as f64 / count as f64;
    (a_run, counted)
}

#[tokio::test(start_paused = true)]
#[expect(clippy::print_stdout, reason = "`make cost-of-waiting` shows the table")]
async fn the_cost_of_waiting_letters_is_that_of_a_sixteenth_of_them_and_all_are_counted_every_minute() {
    println!("letters  keys a run  ledger $/month  index $/month");
    for count in [100_u32, 1_000, 2_000] {
        let bench = waiting(count as usize);
        let (keys, counted) = runs(&bench, 16).await;
        assert_eq!(counted, u64::from(count), "the last run saw all of them");
        let letters = f64::from(count);
        let expected = if count <= 100 { letters } else { letters / 16.0 };
        assert!((keys - expected).abs() <= expected * 0.35, "{count}: {keys} keys a run");
        let (ledger, index) = (keys * 0.5 * MINUTES, letters * INDEXED_BYTES / 8_192.0 * MINUTES);
        let [ledger, index] = [ledger, index].map(|units: f64| units / 1e6 * MILLION_UNITS);
        println!("{count:>7}  {keys:>10.0}  {ledger:>14.2}  {index:>13.2}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_waiting_letter_among_many_that_is_done_by_now_is_found_within_half_an_hour() {
    let bench = waiting(1_000);
    for n in [3, 500, 999] {
        let letter = bench.letter(n, "never");
        let key = redrive_core::message::key::LedgerKey::owned(&letter.scope, letter.key.as_ref().unwrap());
        bench.ledger.force(key, bench.done(letter.hash));
    }
    for run in 0..32 {
        bench.run(&format!("schedule-{run}"), &Request::Schedule).await;
        sleep(MINUTE).await;
    }
    assert_eq!(bench.count(Status::Resolved), 3);
}

#[tokio::test(start_paused = true)]
async fn what_was_just_sent_is_asked_about_in_every_run_however_much_waits() {
    let bench = waiting(1_000);
    let ids: Vec<_> = (0..10).map(|n| bench.letter(n, "never").id).collect();
    let options = redrive_core::replay::ReplayOptions::default();
    let selection = redrive_core::replay::Selection::Ids(ids.clone());
    bench.run("ann", &Request::Replay { selection, by: "ann".to_owned(), options }).await;
    bench.consume(|_| crate::job_bench::Does::Succeed);
    sleep(MINUTE).await;
    bench.run("schedule", &Request::Schedule).await;
    let of = |id| bench.letters.letter(id).map(|letter: std::sync::Arc<Letter>| letter.status);
    assert!(ids.into_iter().all(|id| of(id) == Some(Status::Resolved)));
}
