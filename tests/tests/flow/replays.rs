//! Replay without a job: partial answers of SQS, claims that ran out, consumers without a ledger.

use std::time::Duration;

use redrive_core::ids::{LetterId, OwnerToken};
use redrive_core::letters::edges::{self, ClaimTerms};
use redrive_core::letters::letter::{EventKind, LetterWrite, Status};
use redrive_core::ports::{Acts, Letters};
use redrive_core::replay::job::{Disposition, Guard, JobState};
use redrive_core::replay::{Change, Remark, ReplayOptions, Request, Selection};
use redrive_core::time::Timestamp;
use redrive_testkit::{CallFault, Faults};

use crate::job_bench::{Does, JOB, JobBench, MINUTE, of_code};

fn replay(selection: Selection) -> Request {
    Request::Replay { selection, by: "ann".to_owned(), options: ReplayOptions::default() }
}

fn ids(bench: &JobBench, count: usize) -> Vec<LetterId> {
    (0..count).map(|n| bench.letter(n, "c").id).collect()
}

/// Index of the send among the calls of a replay of ten letters: letters are read, the ledger is asked, they are
/// claimed.
const SEND: usize = 4;

#[tokio::test(start_paused = true)]
async fn only_what_sqs_took_is_marked_in_every_combination_of_ten() {
    for refused in 0_u64..1 << 10 {
        let faults = Faults::script([(SEND, CallFault::Partly(refused))]);
        let bench = JobBench::new(&faults).with_letters(10);
        let report = bench.run("replay", &replay(Selection::Ids(ids(&bench, 10)))).await;
        assert_eq!(faults.calls()[SEND].action, "send messages");
        let all = refused.count_ones() as usize;
        assert_eq!((report.sent, report.not_sent, bench.queue.len()), (10 - all, all, 10 - all), "{refused:#b}");
        assert_eq!(report.stopped.is_some(), all == 10, "{refused:#b}");
        for (place, id) in ids(&bench, 10).into_iter().enumerate() {
            let letter = bench.letters.letter(id).unwrap();
            let taken = refused & (1 << place) == 0;
            let expected = if taken { Status::Replayed } else { Status::Pending };
            assert_eq!((letter.status, letter.sends.len()), (expected, usize::from(taken)), "{refused:#b}, {place}");
            assert!(letter.sends.iter().all(|send| send.message_id.is_some()), "{refused:#b}, {place}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_dry_run_touches_nothing_and_tells_what_would_go() {
    let bench = JobBench::new(&Faults::none()).with_letters(25);
    bench.letters.force(bench.letter(30, "never"));
    let before = bench.letters.all();
    let selection = Selection::Filter(redrive_core::replay::Filter {
        text: Some("REFUSED".to_owned()),
        ..redrive_core::replay::Filter::default()
    });
    let report = bench.run("look", &Request::DryRun { selection, options: ReplayOptions::default() }).await;
    assert_eq!((report.would_send, report.policy_never, report.sent), (25, 1, 0));
    assert_eq!((bench.letters.all(), bench.queue.len()), (before, 0));
}

#[tokio::test(start_paused = true)]
async fn what_was_discarded_is_restored_and_noted_by_who_and_why() {
    let bench = JobBench::new(&Faults::none()).with_letters(3);
    let remark = |note: &str| Remark { selection: of_code("c"), note: note.to_owned(), by: "ann".to_owned() };
    assert_eq!(bench.run("a", &Request::Discard(remark("not ours"))).await.discarded, 3);
    assert_eq!(bench.run("b", &replay(of_code("c"))).await.sent, 0);
    assert_eq!(bench.run("c", &Request::Restore(remark("ours after all"))).await.restored, 3);
    assert_eq!(bench.run("d", &Request::Note(remark("asked the producer"))).await.noted, 3);
    let letter = bench.letters.letter(ids(&bench, 1)[0]).unwrap();
    let told: Vec<_> = letter.history.iter().map(|event| (event.what, event.note.as_deref())).collect();
    let noted = (EventKind::Noted, Some("asked the producer"));
    assert_eq!(told, [(EventKind::Discarded, Some("not ours")), (EventKind::Restored, Some("ours after all")), noted]);
    // Screens show each act that changed something, with its number of letters: the look at what was discarded sent nothing.
    let acts = bench.letters.acts(Timestamp::from_millis(0), Timestamp::NEVER, 10).await.unwrap();
    let told: Vec<_> =
        acts.iter().map(|act| (act.action.as_str(), act.letters, act.who.as_str(), act.why.as_deref())).collect();
    for (action, why) in [("discard", "not ours"), ("restore", "ours after all"), ("note", "asked the producer")] {
        assert!(told.contains(&(action, 3, "ann", Some(why))), "{told:?}");
    }
    assert_eq!(told.len(), 3);
    assert!(letter.status == Status::Pending && letter.history.iter().all(|event| event.who == "ann"));
}

/// A letter whose claim ran out, for this job or for none.
async fn with_lapsed_claim(bench: &JobBench, n: usize, of_job: bool) -> LetterId {
    let (letter, lease) = (bench.letter(n, "c"), Duration::from_secs(5));
    bench.letters.force(letter.clone());
    let now = bench.faults.clock().now();
    let terms = ClaimTerms { job: of_job.then_some(JOB), ..ClaimTerms::default() };
    let claimed = edges::claim(&letter, OwnerToken::from_random(9), terms, "lost", lease, now).unwrap();
    bench.letters.write(vec![LetterWrite::change(claimed)]).await.pop().unwrap().unwrap();
    letter.id
}

#[tokio::test(start_paused = true)]
async fn a_claim_that_ran_out_is_taken_over_while_its_job_runs_and_else_waits_in_doubt() {
    for (steer, taken_over) in [(None, true), (Some(Change::Pause), false), (Some(Change::Cancel), false)] {
        let bench = JobBench::new(&Faults::none());
        let free = with_lapsed_claim(&bench, 0, false).await;
        let held = with_lapsed_claim(&bench, 1, true).await;
        bench.create(of_code("other"), Guard::default()).await;
        if let Some(to) = steer {
            bench.run("steer", &Request::Change { job: JOB, to, by: "bob".to_owned(), why: None }).await;
        }
        tokio::time::sleep(MINUTE).await;
        let report = bench.run("schedule", &Request::Schedule).await;
        assert_eq!(bench.letters.letter(free).unwrap().status, Status::Replayed, "the standing job always runs");
        let letter = bench.letters.letter(held).unwrap();
        if taken_over {
            assert_eq!((letter.status, letter.number.0, letter.sends.last_job()), (Status::Replayed, 2, Some(JOB)));
        } else {
            assert_eq!((letter.status, letter.number.0, letter.due), (Status::Pending, 1, Timestamp::NEVER));
            assert_eq!((letter.history.last().unwrap().what, report.returned_in_doubt), (EventKind::InDoubt, 1));
        }
    }
}

#[tokio::test(start_paused = true)]
async fn without_a_ledger_nothing_in_doubt_is_ever_sent_again_by_itself() {
    let bench = JobBench { has_ledger: false, ..JobBench::new(&Faults::none()) };
    let held = with_lapsed_claim(&bench, 0, false).await;
    tokio::time::sleep(MINUTE).await;
    for n in 0..5 {
        bench.run(&format!("schedule-{n}"), &Request::Schedule).await;
        tokio::time::sleep(MINUTE).await;
    }
    let letter = bench.letters.letter(held).unwrap();
    assert_eq!((letter.status, letter.due, bench.queue.len()), (Status::Pending, Timestamp::NEVER, 0));
    // A person may send it, knowing that.
    assert_eq!(bench.run("ann", &replay(Selection::Ids(vec![held]))).await.sent, 1);
}

#[tokio::test(start_paused = true)]
async fn without_a_ledger_replayed_is_final_and_success_is_assumed_and_labelled_so() {
    let bench = JobBench { has_ledger: false, ..JobBench::new(&Faults::none()) }.with_letters(12);
    bench.consume(|_| Does::Succeed);
    bench.create(of_code("c"), Guard { outcome_seconds: 120, ..Guard::default() }).await;
    let job = bench.until_closed().await;
    assert_eq!((job.state, job.account.of(Disposition::Assumed), job.account.total()), (JobState::Done, 12, 12));
    // Long after every deadline.
    tokio::time::sleep(Duration::from_secs(40 * 86_400)).await;
    bench.run("late", &Request::Schedule).await;
    assert_eq!(bench.count(Status::Replayed), 12);
}

#[tokio::test(start_paused = true)]
async fn a_letter_that_the_ledger_may_have_forgotten_goes_only_if_that_is_said() {
    let bench = JobBench::new(&Faults::none()).with_letters(1);
    tokio::time::sleep(Duration::from_secs(31 * 86_400)).await;
    let report = bench.run("ann", &replay(of_code("c"))).await;
    assert_eq!((report.sent, report.forgotten), (0, 1));
    let options = ReplayOptions { forgotten_ok: true, ..ReplayOptions::default() };
    let request = Request::Replay { selection: of_code("c"), by: "ann".to_owned(), options };
    assert_eq!(bench.run("ann-again", &request).await.sent, 1);
}
