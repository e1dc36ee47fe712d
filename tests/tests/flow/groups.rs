//! Letters of a FIFO queue: each group in the order of the queue, one at a time.

use std::time::Duration;

use redrive_core::ids::{LetterId, OwnerToken};
use redrive_core::letters::edges::{self, ClaimTerms};
use redrive_core::letters::letter::{Letter, Status};
use redrive_core::message::key::LedgerKey;
use redrive_core::ports::Jobs;
use redrive_core::replay::job::{Disposition, Guard, JobEntry, JobState};
use redrive_core::replay::{Change, Remark, ReplayOptions, Request, Selection};
use redrive_testkit::Faults;
use tokio::time::Instant;

use crate::job_bench::{DAY, Does, JOB, JobBench, MINUTE, of_code};

fn replay(selection: Selection) -> Request {
    Request::Replay { selection, by: "ann".to_owned(), options: ReplayOptions::default() }
}

/// Letters of one group of a FIFO queue, the last one first.
fn grouped(count: usize) -> JobBench {
    grouped_with(&Faults::none(), count)
}

fn grouped_with(faults: &Faults, count: usize) -> JobBench {
    let bench = JobBench { is_fifo: true, ..JobBench::new(faults) };
    for n in 0..count {
        let sequence = Some(format!("{}", 10_000 - n));
        bench.letters.force(Letter { group: Some("a".to_owned()), sequence, ..bench.letter(n, "c") });
    }
    bench
}

#[tokio::test(start_paused = true)]
async fn if_asked_for_the_next_of_a_group_goes_once_the_one_before_it_was_sent() {
    let bench = grouped(3);
    let asked = |after_replayed| {
        let options = ReplayOptions { after_replayed, ..ReplayOptions::default() };
        Request::Replay { selection: of_code("c"), by: "ann".to_owned(), options }
    };
    assert_eq!(bench.run("first", &asked(false)).await.sent, 1);
    assert_eq!(bench.run("unasked", &asked(false)).await.sent, 0, "nobody knows what became of the first");
    let mut sent = 1;
    for n in 0..2 {
        sent += bench.run(&format!("asked-{n}"), &asked(true)).await.sent;
    }
    assert_eq!(sent, 3);
    let bodies: Vec<_> = bench.queue.messages().iter().map(|message| message.body.clone()).collect();
    assert_eq!(bodies, [2, 1, 0].map(|n| bench.letter(n, "c").payload), "in the order of the queue");
}

#[tokio::test(start_paused = true)]
async fn if_asked_for_or_not_nothing_overtakes_what_is_not_known_to_be_sent() {
    let bench = grouped(2);
    let first = bench.letters.letter(bench.letter(1, "c").id).unwrap();
    let claimed = edges::claim(
        &first,
        OwnerToken::from_random(9),
        ClaimTerms::default(),
        "lost",
        MINUTE,
        bench.faults.clock().now(),
    )
    .unwrap();
    bench.letters.force(claimed);
    let options = ReplayOptions { after_replayed: true, ..ReplayOptions::default() };
    let request = Request::Replay { selection: of_code("c"), by: "ann".to_owned(), options };
    let report = bench.run("ann", &request).await;
    assert_eq!((report.sent, report.behind), (0, 1));
}

#[tokio::test(start_paused = true)]
async fn a_job_that_is_asked_to_sends_a_group_without_waiting_for_outcomes() {
    for (after_replayed, sent) in [(false, 1), (true, 5)] {
        let bench = grouped(5);
        bench.create(of_code("c"), Guard { after_replayed, ..Guard::default() }).await;
        bench.run("work", &Request::Work).await;
        let bodies: Vec<_> = bench.queue.messages().iter().map(|message| message.body.clone()).collect();
        let in_order: Vec<_> = (0..5).rev().map(|n| bench.letter(n, "c").payload).take(sent).collect();
        assert_eq!(bodies, in_order, "nobody consumes");
    }
}

#[tokio::test(start_paused = true)]
async fn of_a_fifo_queues_group_one_letter_is_under_way_at_a_time_in_the_order_of_the_queue() {
    let bench = JobBench { is_fifo: true, ..JobBench::new(&Faults::none()) };
    for n in 0..6 {
        let group = Some(["a", "b"][n % 2].to_owned());
        let sequence = Some(format!("{}", 1_000 - n));
        bench.letters.force(Letter { group, sequence, ..bench.letter(n, "c") });
    }
    let report = bench.run("ann", &replay(of_code("c"))).await;
    assert_eq!((report.sent, report.behind), (2, 4), "one of each group");
    assert_eq!(bench.run("ann-again", &replay(of_code("c"))).await.sent, 0, "the first ones are under way");
    bench.consume(|_| Does::Succeed);
    bench.create(of_code("c"), Guard::default()).await;
    let job = bench.until_closed().await;
    assert_eq!((job.state, job.account.of(Disposition::Resolved), bench.copies()), (JobState::Done, 4, (6, 1)));
    let came = bench.came.lock().unwrap().clone();
    for group in [["o-4", "o-2", "o-0"], ["o-5", "o-3", "o-1"]] {
        let in_order: Vec<_> = came.iter().filter(|order| group.contains(&order.as_str())).collect();
        assert_eq!(in_order, group.each_ref(), "{came:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_restored_letter_holds_up_what_stands_behind_it_before_the_index_shows_it() {
    let mut bench = grouped(2);
    let (first, second) = (bench.letter(1, "c").id, bench.letter(0, "c").id);
    let remark = Remark { selection: Selection::Ids(vec![first]), note: "a mistake".to_owned(), by: "ann".to_owned() };
    assert_eq!(bench.run("discard", &Request::Discard(remark.clone())).await.discarded, 1);
    tokio::time::sleep(MINUTE).await;
    bench.letters = bench.letters.with_index_lag(1, DAY);
    assert_eq!(bench.run("restore", &Request::Restore(remark)).await.restored, 1);
    assert_eq!(bench.letters.indexed(Status::Pending), [second], "the index is behind");
    let report = bench.run("replay", &replay(Selection::Ids(vec![second]))).await;
    assert_eq!((report.sent, report.behind), (0, 1));
}

/// The letters of a job that have this fate.
async fn with_disposition(bench: &JobBench, disposition: Disposition) -> Vec<JobEntry> {
    let batches = bench.letters.batches(JOB, 0).await.unwrap();
    batches.into_iter().flat_map(|batch| batch.lines).filter(|line| line.disposition == disposition).collect()
}

#[tokio::test(start_paused = true)]
async fn a_job_finds_the_first_of_a_group_wherever_it_stands_and_ends_with_all_of_it_in_order() {
    let bench = grouped(40);
    bench.consume(|_| Does::Succeed);
    let begun = Instant::now();
    // What is found first in the index is not what goes first: a canary of it would wait for ever.
    bench.create(of_code("c"), Guard { canary: 2, step_seconds: 1, ..Guard::default() }).await;
    let job = bench.until_closed().await;
    assert_eq!((job.state, job.account.of(Disposition::Resolved), bench.copies()), (JobState::Done, 40, (40, 1)));
    let in_order: Vec<_> = (0..40).rev().map(|n| format!("o-{n}")).collect();
    assert_eq!(*bench.came.lock().unwrap(), in_order);
    assert!(
        begun.elapsed() < 5 * MINUTE,
        "the next one goes when the ledger knows of the last, not when the schedule comes"
    );
}

#[tokio::test(start_paused = true)]
async fn a_job_that_is_held_up_by_somebody_elses_letter_ends_and_says_by_which() {
    let bench = grouped(5);
    let first = bench.letter(4, "c").id;
    let others: Vec<LetterId> = (0..4).map(|n| bench.letter(n, "c").id).collect();
    bench.create(Selection::Ids(others), Guard::default()).await;
    let job = bench.until_closed().await;
    assert_eq!((job.state, job.account.of(Disposition::HeldUp), bench.queue.len()), (JobState::Done, 4, 0));
    let notes: Vec<_> =
        with_disposition(&bench, Disposition::HeldUp).await.into_iter().filter_map(|line| line.note).collect();
    assert_eq!(notes, vec![format!("behind letter {first}, which is PENDING"); 4]);
}

#[tokio::test(start_paused = true)]
async fn a_letter_that_fails_again_holds_up_the_rest_of_its_group_and_no_other_group() {
    let bench = JobBench { is_fifo: true, ..JobBench::new(&Faults::none()) };
    for n in 0..12 {
        let (group, sequence) = (Some(["a", "b"][n % 2].to_owned()), Some(format!("{}", 1_000 + n)));
        bench.letters.force(Letter { group, sequence, ..bench.letter(n, "c") });
    }
    bench.consume(|order| if order == "o-4" { Does::Fail } else { Does::Succeed });
    bench.create(of_code("c"), Guard { step_seconds: 1, ..Guard::default() }).await;
    // Nobody indexes what died again here: a person would find it PENDING.
    bench.run("work", &Request::Work).await;
    let dispositions = [Disposition::Resolved, Disposition::FailedAgain, Disposition::Behind];
    let mut counts = [0; 3];
    for (count, disposition) in counts.iter_mut().zip(dispositions) {
        *count = with_disposition(&bench, disposition).await.len();
    }
    assert_eq!(counts, [8, 1, 3], "two of its group, and all six of the other");
    // Its window over, the job does not wait for the schedule of the indexer.
    let job = bench.until_closed().await;
    assert_eq!((job.account.of(Disposition::Resolved), job.account.of(Disposition::HeldUp)), (8, 3));
    assert_eq!(bench.count(Status::Pending), 3);
}

#[tokio::test(start_paused = true)]
async fn a_paused_job_does_not_wait_for_those_that_stand_behind_others() {
    let bench = grouped(3);
    bench.consume(|_| Does::Succeed);
    let others: Vec<LetterId> = (0..2).map(|n| bench.letter(n, "c").id).collect();
    bench.create(Selection::Ids(others), Guard::default()).await;
    let claimed = bench.letters.letter(bench.letter(2, "c").id).unwrap();
    let claimed = edges::claim(
        &claimed,
        OwnerToken::from_random(9),
        ClaimTerms::default(),
        "ben",
        MINUTE,
        bench.faults.clock().now(),
    )
    .unwrap();
    bench.letters.force(claimed);
    bench.run("work", &Request::Work).await;
    assert_eq!(with_disposition(&bench, Disposition::Behind).await.len(), 2, "the first one is under way");
    let pause = Request::Change { job: JOB, to: Change::Pause, by: "ann".to_owned(), why: None };
    bench.run("pause", &pause).await;
    let begun = Instant::now();
    bench.run("idle", &Request::Work).await;
    assert!(begun.elapsed() < Duration::from_secs(1), "there is nothing to wait for");
    let resume = Request::Change { job: JOB, to: Change::Resume, by: "ann".to_owned(), why: None };
    bench.run("resume", &resume).await;
    let job = bench.until_closed().await;
    assert_eq!((job.account.of(Disposition::Resolved), bench.copies()), (2, (3, 1)));
}

#[tokio::test(start_paused = true)]
async fn looking_for_the_first_of_each_group_takes_a_small_part_of_the_time() {
    let latency = Duration::from_millis(5);
    let bench = grouped_with(&Faults::script([]).with_latency(latency), 40);
    bench.consume(|_| Does::Succeed);
    tokio::time::sleep(MINUTE).await;
    let begun = Instant::now();
    bench.create(of_code("c"), Guard { step_seconds: 1, ..Guard::default() }).await;
    let job = bench.until_closed().await;
    assert_eq!((job.state, job.account.of(Disposition::Resolved)), (JobState::Done, 40));
    let looks = bench.faults.calls().iter().filter(|call| call.action == "query the status index").count();
    let share = (latency * u32::try_from(looks).unwrap()).as_secs_f64() / begun.elapsed().as_secs_f64();
    assert!(share < 0.25, "{looks} looks, {share:.2} of {:?}", begun.elapsed());
}

#[tokio::test(start_paused = true)]
async fn without_a_ledger_what_was_sent_is_not_sent_again_and_holds_up_its_group_until_nothing_can_return() {
    let bench = JobBench { has_ledger: false, ..grouped(2) };
    assert_eq!(bench.run("first", &replay(of_code("c"))).await.sent, 1);
    assert_eq!(bench.run("second", &replay(of_code("c"))).await.behind, 1);
    let guard = || Guard { outcome_seconds: 60, ..Guard::default() };
    bench.create(of_code("c"), guard()).await;
    let job = bench.until_closed().await;
    assert_eq!(
        (job.state, job.account.of(Disposition::HeldUp)),
        (JobState::Done, 1),
        "nobody will say what became of the first"
    );
    tokio::time::sleep(20 * DAY).await;
    assert_eq!(bench.run("later", &replay(of_code("c"))).await.sent, 1);
    let bodies: Vec<_> = bench.queue.messages().iter().map(|message| message.body.clone()).collect();
    assert_eq!(bodies, [1, 0].map(|n| bench.letter(n, "c").payload), "each once");
    assert_eq!(bench.count(Status::Replayed), 2);
}

#[tokio::test(start_paused = true)]
async fn a_letter_that_is_done_already_does_not_hold_up_a_job() {
    let bench = grouped(3);
    let first = bench.letter(2, "c");
    bench.ledger.force(LedgerKey::owned(&first.scope, first.key.as_ref().unwrap()), bench.done(first.hash.clone()));
    bench.consume(|_| Does::Succeed);
    let others: Vec<LetterId> = (0..2).map(|n| bench.letter(n, "c").id).collect();
    bench.create(Selection::Ids(others), Guard::default()).await;
    bench.run("work", &Request::Work).await;
    let found = bench.letters.letter(first.id).unwrap();
    assert_eq!((bench.job().account.of(Disposition::Resolved), found.status, found.number.0), (2, Status::Resolved, 0));
}

#[tokio::test(start_paused = true)]
async fn more_letters_than_a_job_plans_ahead_go_in_the_order_of_their_groups_to_the_end() {
    let (groups, each) = (550, 10);
    let faults = Faults::script([]).with_latency(Duration::from_millis(5));
    let bench = JobBench { is_fifo: true, ..JobBench::new(&faults) };
    for n in 0..groups * each {
        let (group, sequence) = (Some(format!("{}", n % groups)), Some(format!("{}", 10_000 - n)));
        bench.letters.force(Letter { group, sequence, ..bench.letter(n, "c") });
    }
    bench.consume(|_| Does::Succeed);
    let guard = Guard { rate: 10_000, step_seconds: 1, max_backlog: None, ..Guard::default() };
    bench.create(of_code("c"), guard).await;
    let job = bench.until_closed().await;
    assert_eq!((job.state, job.account.of(Disposition::Resolved), bench.copies()), (JobState::Done, 5_500, (5_500, 1)));
    let came = bench.came.lock().unwrap().clone();
    for group in 0..groups {
        let of_it = |order: &&String| order[2..].parse::<usize>().unwrap() % groups == group;
        let in_order: Vec<_> = (0..each).rev().map(|n| format!("o-{}", n * groups + group)).collect();
        assert_eq!(came.iter().filter(of_it).cloned().collect::<Vec<_>>(), in_order);
    }
}
