//! Batches of a job that are sent side by side: what they must keep, and a mutant that breaks each of it. Calls take some time, so
//! that a batch is planned while earlier ones are under way.

use std::collections::BTreeSet;
use std::time::Duration;

use redrive_core::replay::Request;
use redrive_core::replay::job::{Guard, JobState};
use redrive_core::time::Timestamp;
use redrive_testkit::Faults;

use crate::faulty_jobs::JobMutant;
use crate::job_bench::{Does, JOB, JobBench, of_code};

/// Messages a second of a job whose rate is counted.
const RATE: u32 = 100;
/// Time of a call that is slow, and of one that is quick.
const SLOW: Duration = Duration::from_millis(50);
const QUICK: Duration = Duration::from_millis(10);
/// Calls that four batches of a hundred letters send: as many are under way at once.
const CALLS_UNDER_WAY: usize = 4 * 10;

fn bench(mutant: Option<JobMutant>, letters: usize, call: Duration) -> JobBench {
    let world = Faults::none().with_latency(call / 2);
    JobBench { mutant, ..JobBench::new(&world).with_letters(letters) }
}

fn guard(rate: u32) -> Guard {
    Guard { canary: 0, rate, step_seconds: 1, ..Guard::default() }
}

fn sends(bench: &JobBench) -> usize {
    bench.faults.calls().iter().filter(|call| call.action == "send messages").count()
}

/// Times at which letters were claimed to be sent, in their order.
fn claims(bench: &JobBench) -> Vec<Timestamp> {
    let letters = bench.letters.all();
    let mut times: Vec<_> = letters.iter().filter_map(|letter| letter.sends.last()).map(|send| send.at).collect();
    times.sort_unstable();
    times
}

/// Most letters that went within five seconds.
async fn most_in_five_seconds(mutant: Option<JobMutant>) -> u32 {
    let bench = bench(mutant, 1_500, QUICK);
    bench.consume(|_| Does::Succeed);
    bench.create(of_code("c"), guard(RATE)).await;
    bench.run("work", &Request::Work).await;
    let times = claims(&bench);
    assert!(times.len() > 800, "{} letters were sent", times.len());
    let within = |from, until| times.iter().filter(|at| (from..until).contains(*at)).count();
    let most = times.iter().map(|at| within(*at, at.after(Duration::from_secs(5)))).max();
    most.and_then(|most| u32::try_from(most).ok()).unwrap()
}

#[tokio::test(start_paused = true)]
async fn the_rate_holds_for_all_batches_together() {
    // Of a bucket that is full, which holds what a second brings.
    let kept = most_in_five_seconds(None).await;
    assert!(kept <= 6 * RATE, "{kept} went within five seconds");
    let broken = most_in_five_seconds(Some(JobMutant::BudgetIsNotPaid)).await;
    assert!(broken > 7 * RATE, "the mutant survived: {broken} within five seconds");
}

/// Calls that send after SQS began to refuse a running job for good.
async fn calls_after_a_refusal(mutant: Option<JobMutant>) -> usize {
    let bench = bench(mutant, 2_000, SLOW);
    bench.consume(|_| Does::Succeed);
    bench.create(of_code("c"), guard(300)).await;
    let refusing = bench.clone();
    let refused = tokio::spawn(async move {
        tokio::time::sleep(Duration::from_secs(8)).await;
        refusing.queue.refuse_sends(1, &[("QueueDoesNotExist", 1_000)]);
        sends(&refusing)
    });
    bench.run("work", &Request::Work).await;
    let before = refused.await.unwrap();
    assert!(before > 10 && (mutant.is_some() || matches!(bench.job().state, JobState::Stopped { .. })));
    sends(&bench) - before
}

#[tokio::test(start_paused = true)]
async fn a_batch_that_stops_its_job_holds_back_all_but_those_that_are_under_way() {
    let kept = calls_after_a_refusal(None).await;
    assert!((1..=CALLS_UNDER_WAY).contains(&kept), "{kept} calls after the refusal");
    let broken = calls_after_a_refusal(Some(JobMutant::StopIsNotWritten)).await;
    assert!(broken > CALLS_UNDER_WAY, "the mutant survived: {broken} calls after the refusal");
}

/// Letters that stand in two lines of a job as sent, and most copies of a letter that came to the consumer.
async fn planned_twice(mutant: Option<JobMutant>) -> (usize, u32) {
    let bench = bench(mutant, 1_000, SLOW);
    bench.consume(|_| Does::Succeed);
    bench.create(of_code("c"), guard(300)).await;
    bench.run("work", &Request::Work).await;
    let lines: Vec<_> = bench.letters.all_batches(JOB).into_iter().flat_map(|batch| batch.lines).collect();
    let sent: Vec<_> = lines.iter().filter(|line| line.disposition.is_sent()).map(|line| line.letter).collect();
    assert!(sent.len() > 500, "{} were sent", sent.len());
    (sent.len() - sent.iter().collect::<BTreeSet<_>>().len(), bench.copies().1)
}

#[tokio::test(start_paused = true)]
async fn a_letter_stands_in_one_batch_and_goes_once_even_if_it_stands_in_two() {
    assert_eq!(planned_twice(None).await, (0, 1));
    let (twice, copies) = planned_twice(Some(JobMutant::LetterIsPlannedTwice)).await;
    assert!(twice > 0, "the mutant survived");
    assert_eq!(copies, 1, "the claim lets one batch have it");
}

/// Letters that a canary of 250 sends before any outcome has come.
async fn canaries(mutant: Option<JobMutant>) -> usize {
    let bench = bench(mutant, 1_000, SLOW);
    bench.create(of_code("c"), Guard { canary: 250, ..guard(300) }).await;
    bench.run("work", &Request::Work).await;
    bench.queue.len()
}

#[tokio::test(start_paused = true)]
async fn a_canary_of_several_batches_is_not_exceeded_by_batches_under_way() {
    assert_eq!(canaries(None).await, 250);
    let broken = canaries(Some(JobMutant::BatchesUnderWayAreNotCounted)).await;
    assert!(broken > 250, "the mutant survived: {broken} went");
}
