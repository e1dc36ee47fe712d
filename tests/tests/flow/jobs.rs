//! Replay jobs, in virtual time: how they ramp, stop, are steered and carried on, and what they account for.

use std::time::Duration;

use redrive_core::ids::{JobId, LetterId};
use redrive_core::letters::letter::Status;
use redrive_core::replay::job::{AlarmState, Disposition, Guard, JobState, NewJob, Stop};
use redrive_core::replay::{Change, Filter, Remark, Request, Selection};
use redrive_testkit::{Call, CallFault, Faults};

use crate::job_bench::{Does, JOB, JobBench, MINUTE, of_cause, of_code};

fn change(to: Change) -> Request {
    Request::Change { job: JOB, to, by: "bob".to_owned(), why: Some("lunch".to_owned()) }
}

fn stopped(state: JobState) -> Stop {
    match state {
        JobState::Stopped { why } => why,
        other => panic!("the job is {other:?}"),
    }
}

#[tokio::test(start_paused = true)]
async fn a_job_goes_canary_first_then_ramps_and_ends_with_an_account_of_every_letter() {
    let bench = JobBench::new(&Faults::none()).with_letters(900);
    bench.letters.force(bench.letter(1_000, "other"));
    bench.create(of_cause("PERMANENT/c"), Guard { rate: 20, ..Guard::default() }).await;
    // Nobody consumes: the canary is all that goes.
    bench.run("first", &Request::Work).await;
    assert_eq!((bench.count(Status::Replayed), bench.job().state), (10, JobState::Canary));
    bench.consume(|_| Does::Succeed);
    bench.run("second", &Request::Work).await;
    let job = bench.job();
    assert!(matches!(job.state, JobState::Ramping { step: 0, .. }), "{:?}", job.state);
    // A hundredth of 20 a second, for less than a minute.
    assert!((10..=22).contains(&bench.copies().0), "{:?}", bench.copies());
    let job = bench.until_closed().await;
    assert_eq!((job.state, job.account.of(Disposition::Resolved), job.account.total()), (JobState::Done, 900, 900));
    assert_eq!(bench.copies(), (900, 1));
    bench.run("reconciler", &Request::Schedule).await;
    assert_eq!((bench.count(Status::Resolved), bench.count(Status::Pending)), (900, 1), "the other cause waits");
    let steps: Vec<_> = job.history.iter().map(|event| event.became.as_str()).collect();
    assert_eq!(steps, ["CANARY", "RAMPING", "RAMPING", "RAMPING", "RAMPING", "DONE"]);
    assert_eq!((job.history[0].who.as_str(), job.why.as_deref()), ("ann", Some("fixed")));
}

#[tokio::test(start_paused = true)]
async fn a_job_of_named_letters_tells_what_became_of_each() {
    let bench = JobBench::new(&Faults::none()).with_letters(3);
    for (n, code) in [(10, "never"), (11, "never")] {
        bench.letters.force(bench.letter(n, code));
    }
    let gone = redrive_core::letters::letter::Letter { status: Status::Discarded, ..bench.letter(12, "c") };
    bench.letters.force(gone.clone());
    let id = |n| bench.letter(n, "c").id;
    let missing = id(99);
    bench.consume(|order| if order == "o-1" { Does::Fail } else { Does::Succeed });
    let ids = vec![id(0), id(1), id(2), id(10), gone.id, missing];
    bench.create(Selection::Ids(ids), Guard { max_failed_percent: 100, ..Guard::default() }).await;
    let job = bench.until_closed().await;
    let of = |disposition| job.account.of(disposition);
    assert_eq!(
        (
            of(Disposition::Resolved),
            of(Disposition::FailedAgain),
            of(Disposition::NotFound),
            of(Disposition::ChangedMeanwhile)
        ),
        (3, 1, 1, 1)
    );
    let shown = bench.run("ask", &Request::Show { job: JOB, from: 0 }).await;
    let disposition = |id: LetterId| shown.jobs[0].lines.iter().find(|line| line.letter == id).unwrap().disposition;
    assert_eq!(
        (disposition(id(10)), disposition(missing), disposition(id(1))),
        (Disposition::Resolved, Disposition::NotFound, Disposition::FailedAgain)
    );
    assert_eq!(bench.count(Status::Pending), 1, "the one that nobody named, and the policy never lets go");
}

#[tokio::test(start_paused = true)]
async fn a_selection_passes_over_what_the_policy_never_lets_go() {
    let bench = JobBench::new(&Faults::none());
    (0..4).for_each(|n| bench.letters.force(bench.letter(n, "never")));
    bench.consume(|_| Does::Succeed);
    bench.create(of_code("never"), Guard::default()).await;
    let job = bench.until_closed().await;
    assert_eq!((job.state, job.account.of(Disposition::PolicyNever), bench.copies().0), (JobState::Done, 4, 0));
}

#[tokio::test(start_paused = true)]
async fn a_job_stops_when_its_canary_fails_again_and_the_others_are_left_alone() {
    let bench = JobBench::new(&Faults::none()).with_letters(100);
    bench.consume(|_| Does::Fail);
    bench.create(of_code("c"), Guard::default()).await;
    let job = bench.until_closed().await;
    assert_eq!(stopped(job.state), Stop::FailedAgain { failed: 10, of: 10 });
    assert_eq!((job.account.of(Disposition::FailedAgain), job.account.total(), bench.copies().0), (10, 10, 10));
    assert_eq!(bench.count(Status::Pending), 90);
}

#[tokio::test(start_paused = true)]
async fn a_job_stops_when_nothing_is_heard_of_a_letter_until_the_end_of_the_window() {
    let bench = JobBench::new(&Faults::none()).with_letters(100);
    bench.consume(|_| Does::Lose);
    bench.create(of_code("c"), Guard { outcome_seconds: 300, ..Guard::default() }).await;
    let job = bench.until_closed().await;
    assert_eq!((stopped(job.state), job.account.of(Disposition::Unknown)), (Stop::Unknown { letters: 10 }, 10));
}

#[tokio::test(start_paused = true)]
async fn a_job_stops_for_a_backlog_for_its_alarm_and_for_an_alarm_that_is_not_there() {
    let guard = || Guard { rate: 5, max_backlog: Some(500), alarm: Some("errors".to_owned()), ..Guard::default() };
    for (backlog, alarm, expected) in [
        (501, AlarmState::Quiet, Stop::Backlog { messages: 501 }),
        (500, AlarmState::Ringing, Stop::Alarm),
        (0, AlarmState::Missing, Stop::NoSuchAlarm),
    ] {
        let bench = JobBench::new(&Faults::none()).with_letters(100);
        bench.gauges.set_alarm("errors", AlarmState::Quiet);
        bench.consume(|_| Does::Succeed);
        bench.create(of_code("c"), guard()).await;
        bench.run("first", &Request::Work).await;
        assert!(bench.job().state.runs());
        bench.gauges.set_backlog(backlog);
        bench.gauges.set_alarm("errors", alarm);
        let (job, sent) = (bench.until_closed().await, bench.copies().0);
        assert_eq!((stopped(job.state), job.account.of(Disposition::Resolved)), (expected, sent));
        assert!(sent >= 10 && bench.count(Status::Pending) == 100 - sent as usize);
    }
}

#[tokio::test(start_paused = true)]
async fn nothing_is_sent_while_the_guard_cannot_be_read() {
    let bench = JobBench::new(&Faults::none()).with_letters(5);
    bench.consume(|_| Does::Succeed);
    bench.create(of_code("c"), Guard::default()).await;
    bench.gauges.set_silent(true);
    bench.run("first", &Request::Work).await;
    assert_eq!((bench.count(Status::Pending), bench.job().state), (5, JobState::Canary));
    bench.gauges.set_silent(false);
    assert_eq!(bench.until_closed().await.account.of(Disposition::Resolved), 5);
}

#[tokio::test(start_paused = true)]
async fn a_paused_job_sends_nothing_and_goes_on_where_it_was() {
    let bench = JobBench::new(&Faults::none()).with_letters(60);
    bench.consume(|_| Does::Succeed);
    bench.create(of_code("c"), Guard { rate: 3, ..Guard::default() }).await;
    bench.run("first", &Request::Work).await;
    let report = bench.run("pause", &change(Change::Pause)).await;
    assert_eq!(report.jobs[0].job.state, JobState::Paused { step: Some(0) });
    tokio::time::sleep(Duration::from_secs(1)).await;
    let sent = bench.copies().0;
    assert!((10..50).contains(&sent), "{sent}");
    for minute in 0..5 {
        bench.run(&format!("paused-{minute}"), &Request::Schedule).await;
        tokio::time::sleep(MINUTE).await;
    }
    assert_eq!(bench.copies().0, sent);
    bench.run("resume", &change(Change::Resume)).await;
    let job = bench.until_closed().await;
    assert_eq!((job.state, job.account.of(Disposition::Resolved), bench.copies()), (JobState::Done, 60, (60, 1)));
    assert_eq!(
        bench.run("again", &change(Change::Pause)).await.refused.unwrap(),
        "job is DONE, and this cannot be done to it there"
    );
}

#[tokio::test(start_paused = true)]
async fn a_cancelled_job_sends_nothing_more_and_accounts_for_what_it_sent() {
    let bench = JobBench::new(&Faults::none()).with_letters(60);
    bench.create(of_code("c"), Guard::default()).await;
    bench.run("first", &Request::Work).await;
    bench.run("cancel", &change(Change::Cancel)).await;
    bench.consume(|_| Does::Succeed);
    let job = bench.until_closed().await;
    assert_eq!((job.state, job.account.of(Disposition::Resolved), job.account.total()), (JobState::Cancelled, 10, 10));
    assert_eq!((bench.copies(), bench.count(Status::Pending)), ((10, 1), 50));
}

#[tokio::test(start_paused = true)]
async fn two_runs_at_once_send_every_letter_once() {
    for seed in 0..20 {
        let faults = Faults::none().with_latency(Duration::from_millis(3 + seed));
        let bench = JobBench::new(&faults).with_letters(80);
        bench.consume(|_| Does::Succeed);
        bench.create(of_code("c"), Guard { rate: 1_000, step_seconds: 1, ..Guard::default() }).await;
        for round in 0..20 {
            let (one, two) = (format!("one-{seed}-{round}"), format!("two-{seed}-{round}"));
            tokio::join!(bench.run(&one, &Request::Schedule), bench.run(&two, &Request::Work));
            if !bench.job().is_open() {
                break;
            }
        }
        let job = bench.job();
        assert_eq!(
            (job.state, job.account.total(), job.account.of(Disposition::Resolved)),
            (JobState::Done, 80, 80),
            "{seed}"
        );
        assert_eq!(bench.copies(), (80, 1), "seed {seed}");
    }
}

/// The next runs carry a job on, whatever happens at any one call of it: nothing is lost, nothing has two effects, and
/// every letter is accounted for once.
#[tokio::test(start_paused = true)]
async fn a_job_is_carried_on_after_any_call_fault_at_any_call() {
    async fn story(call_fault: Option<(usize, CallFault)>) -> (JobBench, Vec<Call>) {
        let faults = Faults::script(call_fault).with_latency(Duration::from_millis(5));
        let bench = JobBench::new(&faults).with_letters(14);
        bench.consume(|order| if order == "o-3" { Does::Fail } else { Does::Succeed });
        let guard = Guard { canary: 4, max_failed_percent: 50, rate: 1_000, step_seconds: 5, ..Guard::default() };
        bench.create(of_code("c"), guard).await;
        bench.until_closed().await;
        let calls = faults.calls();
        // What is claimed still runs out: its job has ended, so it waits in doubt, and is found done.
        for n in 0..2 {
            tokio::time::sleep(MINUTE).await;
            bench.run(&format!("reconciler-{n}"), &Request::Schedule).await;
        }
        (bench, calls)
    }
    let calls = story(None).await.1;
    assert!(calls.len() > 60, "only {} calls", calls.len());
    let late = Duration::from_secs(20);
    let call_faults = [
        CallFault::Refused,
        CallFault::CrashBefore,
        CallFault::LostAnswer,
        CallFault::CrashAfter,
        CallFault::Twice,
        CallFault::Late(late),
    ];
    for (index, call) in calls.iter().enumerate() {
        // What only looks cannot tell the others apart.
        let count = if call.looks { 2 } else { call_faults.len() };
        for call_fault in call_faults.into_iter().take(count) {
            let (bench, _) = story(Some((index, call_fault))).await;
            let (job, told) = (bench.job(), format!("{call_fault:?} at call {index}"));
            assert_eq!(job.state, JobState::Done, "{told}");
            let of = |disposition| job.account.of(disposition);
            assert_eq!(
                (of(Disposition::Resolved), of(Disposition::FailedAgain), job.account.total()),
                (13, 1, 14),
                "{told}"
            );
            let (sum, most) = bench.copies();
            assert!((14..=24).contains(&sum) && most <= 2, "{told}: {sum} copies, {most} of one letter");
            let waiting = bench.count(Status::Replayed) + bench.count(Status::Pending);
            assert_eq!((bench.count(Status::Resolved), waiting), (13, 1), "{told}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_running_job_is_worked_on_and_listed_however_many_younger_ones_are_paused() {
    let bench = JobBench::new(&Faults::none()).with_letters(3);
    bench.consume(|_| Does::Succeed);
    bench.create(of_code("c"), Guard::default()).await;
    for n in 0..120 {
        tokio::time::sleep(Duration::from_millis(10)).await;
        let id = JobId::from_random(1_000 + n);
        let (guard, selection) = (Guard::default(), of_code("other"));
        let asked = NewJob { id: Some(id), selection, to: None, guard, by: "bob".to_owned(), why: None, edit: None };
        bench.run("create", &Request::Job(Box::new(asked))).await;
        let pause = Request::Change { job: id, to: Change::Pause, by: "bob".to_owned(), why: None };
        bench.run("pause", &pause).await;
    }
    let listed = bench.run("list", &Request::Jobs { open: true }).await.jobs;
    assert_eq!((listed.len(), listed[0].job.id), (100, JOB), "what runs comes first");
    bench.run("schedule", &Request::Schedule).await;
    assert_eq!(bench.until_closed().await.account.of(Disposition::Resolved), 3);
}

#[tokio::test(start_paused = true)]
async fn a_selection_whose_end_is_still_to_come_and_nothing_else_chooses_nothing() {
    let bench = JobBench::new(&Faults::none()).with_letters(3);
    let until = |at| Selection::Filter(Filter { until: Some(at), ..Filter::default() });
    let now = bench.faults.clock().now();
    let remark = |selection| Remark { selection, note: "n".to_owned(), by: "ann".to_owned() };
    bench.run("ann", &Request::Discard(remark(until(now.after(Duration::from_secs(1)))))).await;
    assert_eq!(bench.count(Status::Pending), 3);
    tokio::time::sleep(Duration::from_secs(1)).await;
    bench.run("bob", &Request::Discard(remark(until(now.after(Duration::from_secs(1)))))).await;
    assert_eq!(bench.count(Status::Discarded), 3);
}
