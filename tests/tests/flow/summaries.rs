//! Summary of the waiting letters that the schedule's walk keeps for screens.

use std::time::Duration;

use redrive_core::ids::{Enqueue, MessageId, QueueArn, Scope};
use redrive_core::letters::letter::{Letter, Status};
use redrive_core::letters::listing::{Cursor, Listing};
use redrive_core::letters::summary::{CauseTally, KEPT_FROM, WaitingSummary};
use redrive_core::ports::{Letters, Summaries};
use redrive_core::replay::{Remark, Request, Selection};
use redrive_core::time::Timestamp;
use redrive_testkit::Faults;
use redrive_testkit::faults::CallFault;
use redrive_testkit::letters::waiting;
use tokio::time::{Instant, sleep};

use crate::job_bench::{JobBench, MINUTE};

const TIME: Duration = Duration::from_secs(55);

/// Letters of several causes, some of which the schedule sends one day, and some of a queue that is not listed.
async fn incident(faults: &Faults, letters: usize) -> JobBench {
    let bench = JobBench::new(faults);
    for n in 0..letters {
        if n % 500 == 0 {
            sleep(Duration::from_secs(1_700)).await;
        }
        let mut letter = bench.letter(n, ["never", "currency", "amount", "rare"][(n % 7).min(3)]);
        letter.reason.error_message = format!("order {n} was refused, {}", ["at once", "at last"][n % 2]);
        letter.deaths = 1 + u32::try_from(n % 3).unwrap();
        if n % 5 == 0 {
            letter.due = bench.faults.clock().now().after(MINUTE * 1_000);
        }
        let letter = if n % 11 == 0 { of_another_queue(letter) } else { letter };
        bench.letters.force(letter);
    }
    bench
}

fn of_another_queue(letter: Letter) -> Letter {
    let source = QueueArn::new("arn:aws:sqs:us-east-1:000000000000:unlisted").unwrap();
    let Letter { enqueue, payload, reason, deaths, due, key, .. } = letter;
    let enqueue =
        Enqueue { message_id: MessageId::new(format!("u-{}", enqueue.message_id.as_str())).unwrap(), ..enqueue };
    Letter { deaths, due, key, ..waiting(source, Scope::new("main").unwrap(), enqueue, &payload, reason) }
}

/// Counts every waiting letter, as somebody does who reads all.
async fn full_read(bench: &JobBench, as_of: Timestamp) -> WaitingSummary {
    let mut tally = CauseTally::default();
    bench.letters.scan_all(Listing::all(Status::Pending), Cursor::START, 1_000, |one| tally.add(&one)).await.unwrap();
    tally.summary(as_of)
}

#[tokio::test(start_paused = true)]
async fn the_schedules_walk_keeps_what_a_full_read_says_at_that_moment() {
    let bench = incident(&Faults::none().with_latency(Duration::from_millis(5)), 2_600).await;
    let now = bench.faults.clock().now();
    bench.run("schedule", &Request::Schedule).await;
    let kept = bench.letters.summary().await.unwrap().expect("a summary is kept");
    let as_of = kept.summary.as_of;
    assert!(now <= as_of && as_of.since(now) < Duration::from_secs(5), "{as_of:?} is not when the walk began, {now:?}");
    assert_eq!(kept.summary, full_read(&bench, as_of).await);
    assert_eq!((kept.summary.letters(), kept.summary.causes.len()), (2_600, 4));
    assert!(kept.is_usable(bench.faults.clock().now()));
}

#[tokio::test(start_paused = true)]
async fn what_was_kept_goes_once_few_letters_wait_and_of_few_none_is_kept() {
    let bench = incident(&Faults::none(), usize::try_from(KEPT_FROM).unwrap()).await;
    let replayer = bench.replayer("schedule");
    let run = async || drop(replayer.run(&Request::Schedule, Instant::now() + TIME).await.unwrap());
    run().await;
    assert!(bench.letters.summary().await.unwrap().is_some());
    let one = bench.letters.all().into_iter().find(|letter| letter.status == Status::Pending).unwrap();
    bench.letters.force(Letter { status: Status::Discarded, ..Letter::clone(&one) });
    run().await;
    assert_eq!(bench.letters.summary().await.unwrap(), None);
    run().await;
    let writes = bench.faults.calls().iter().filter(|call| call.action.ends_with("a summary") && !call.looks).count();
    assert_eq!(writes, 2, "it is kept once and dropped once");
}

#[tokio::test(start_paused = true)]
async fn a_walk_that_did_not_see_all_keeps_nothing_and_leaves_the_earlier_summary_alone() {
    let kept = |bench: &JobBench| bench.faults.calls().iter().any(|call| call.action == "keep a summary");
    let bench = incident(&Faults::none(), 2_500).await;
    bench.run("schedule", &Request::Schedule).await;
    assert!(kept(&bench));
    let calls = bench.faults.calls();
    let last = calls.iter().rposition(|call| call.action == "query the status index").unwrap();
    // The same run again, whose last page of the waiting letters does not come.
    let cut = incident(&Faults::script([(last, CallFault::Refused)]), 2_500).await;
    cut.run("schedule", &Request::Schedule).await;
    assert_eq!(cut.faults.calls()[last].action, "query the status index");
    assert!(!kept(&cut));
    assert_eq!(cut.letters.summary().await.unwrap(), None);
}

#[tokio::test(start_paused = true)]
async fn an_erasure_takes_the_summary_away_and_the_next_one_lacks_the_letters_words() {
    let bench = incident(&Faults::none(), 2_500).await;
    let mut letter = bench.letter(9_999, "secret");
    letter.reason.error_message = "jane's card was refused".to_owned();
    bench.letters.force(letter.clone());
    let quoted = async || {
        let kept = bench.letters.summary().await.unwrap();
        kept.map(|kept| serde_json::to_string(&kept.summary).unwrap().contains("jane"))
    };
    bench.run("schedule", &Request::Schedule).await;
    assert_eq!(quoted().await, Some(true));
    let selection = Selection::Ids(vec![letter.id]);
    let remark = Remark { selection, note: "asked for by Jane".to_owned(), by: "ann".to_owned() };
    bench.run("ann", &Request::Erase(remark)).await;
    assert_eq!(quoted().await, None);
    sleep(MINUTE).await;
    bench.run("schedule-2", &Request::Schedule).await;
    assert_eq!(quoted().await, Some(false));
}
