//! Speed of replay in virtual time: calls take as long as is said, and nothing else takes any. Figures are exact, the same on
//! every machine: what they hold is how many calls there are, and how many of them wait for others.

use std::collections::BTreeMap;
use std::time::Duration;

use redrive_core::ids::LetterId;
use redrive_core::letters::letter::Status;
use redrive_core::ports::{DeadLetterQueue, Outbox};
use redrive_core::replay::job::{Guard, JobState};
use redrive_core::replay::{Outgoing, ReplayOptions, Request, Selection};
use redrive_testkit::{Faults, ModelQueue};
use tokio::time::Instant;

use crate::job_bench::{DAY, Does, JobBench, of_code};

/// A world in which each call takes so many milliseconds, an even number: the clock counts whole ones, there and back.
fn world(call: u64) -> Faults {
    Faults::none().with_latency(Duration::from_millis(call / 2))
}

/// Calls by their names.
fn counted(faults: &Faults) -> BTreeMap<&'static str, usize> {
    let mut calls = BTreeMap::new();
    faults.calls().iter().for_each(|call| *calls.entry(call.action).or_default() += 1);
    calls
}

/// Time that a mover of ten a call needs: receive ten, send ten, delete ten, again and again.
async fn mover(messages: usize, call: u64) -> Duration {
    let faults = world(call);
    let [dead, main] =
        ["dead", "main"].map(|name| ModelQueue::new(name).with_retention(14 * DAY).with_faults(faults.clone()));
    (0..messages).for_each(|n| drop(dead.send(format!("{{\"order_id\":\"o-{n}\"}}"), Default::default())));
    let start = Instant::now();
    for _ in 0..messages.div_ceil(10) {
        let ten = dead.receive(Duration::ZERO).await.unwrap();
        let outgoing = |body: &String| Outgoing {
            letter: LetterId::parse("9f1b3c1e-8a51-5c65-9d3e-111111111111").unwrap(),
            number: redrive_core::ids::ReplayNumber(1),
            body: body.clone(),
            attributes: Default::default(),
            group: None,
            deduplication: String::new(),
            record: None,
        };
        let sent =
            Outbox::send(&main, ten.iter().filter_map(|one| one.body.as_ref()).map(outgoing).collect()).await.unwrap();
        assert!(sent.iter().all(Result::is_ok));
        let ids = |text: &Option<String>| redrive_core::ids::MessageId::new(text.clone().unwrap()).unwrap();
        let handle = |text: &Option<String>| redrive_core::ids::ReceiptHandle::new(text.clone().unwrap()).unwrap();
        let gone = ten.iter().map(|one| (ids(&one.message_id), handle(&one.receipt_handle))).collect();
        assert!(dead.delete(gone).await.is_empty());
    }
    assert_eq!((dead.len(), main.len()), (0, messages));
    start.elapsed()
}

/// Time that a replay needs for so many letters, and its calls.
async fn replay(letters: usize, call: u64, selection: Option<Selection>) -> (Duration, BTreeMap<&'static str, usize>) {
    let faults = world(call);
    let bench = JobBench::new(&faults).with_letters(letters);
    let selection = selection.unwrap_or_else(|| of_code("c"));
    let request = Request::Replay { selection, by: "ann".to_owned(), options: ReplayOptions::default() };
    let start = Instant::now();
    let report = bench.run("replay", &request).await;
    assert_eq!((report.sent, report.more, bench.queue.len()), (letters, false, letters));
    assert_eq!(bench.count(Status::Replayed), letters);
    (start.elapsed(), counted(&faults))
}

#[tokio::test(start_paused = true)]
#[expect(clippy::print_stdout, reason = "these are the figures of docs/benchmarks.md")]
async fn replay_is_many_times_as_fast_as_a_mover_of_ten_a_call_with_half_as_many_calls() {
    println!("ms a call  letters  mover ms  replay ms");
    for (call, letters, times) in [(6, 1_000, 12), (6, 2_000, 14)] {
        let (theirs, (ours, calls)) = (mover(letters, call).await, replay(letters, call, None).await);
        println!("{call:>9}  {letters:>7}  {:>8}  {:>9}", theirs.as_millis(), ours.as_millis());
        assert!(ours * times <= theirs, "{call} ms: {theirs:?} against {ours:?}");
        let of = |action| calls.get(action).copied().unwrap_or(0);
        let sqs = of("send messages") + of("say how large a message may be");
        let tables = ["query the status index", "read letters", "read entries", "write letters"].map(of);
        assert_eq!(sqs + tables.iter().sum::<usize>(), calls.values().sum::<usize>(), "{calls:?}");
        println!("  {calls:?}");
        let (sqs, tables) = (sqs * 1_000 / letters, tables.iter().sum::<usize>() * 1_000 / letters);
        assert!(
            sqs <= 110 && tables <= 150,
            "{sqs} calls to SQS and {tables} to the tables, of a thousand letters: {calls:?}"
        );
    }
}

#[tokio::test(start_paused = true)]
async fn letters_that_are_named_go_as_fast_as_those_that_an_index_finds() {
    let ids = (0..1_000).map(|n| JobBench::new(&Faults::none()).letter(n, "c").id).collect();
    let (time, calls) = replay(1_000, 6, Some(Selection::Ids(ids))).await;
    assert!(time <= Duration::from_millis(120), "{time:?}: {calls:?}");
    assert_eq!((calls["send messages"], calls["write letters"]), (100, 80), "{calls:?}");
}

/// Sends a second of a job with this rate, once it has come to its last step, and the most that went within one second.
async fn rate_of(rate: u32, call: u64) -> (f64, usize) {
    const SECONDS: u32 = 10;
    let bench = JobBench::new(&world(call)).with_letters((rate * (SECONDS + 12)) as usize);
    bench.consume(|_| Does::Succeed);
    let guard = Guard { canary: 0, rate, step_seconds: 1, ..Guard::default() };
    bench.create(of_code("c"), guard).await;
    bench.run("work", &Request::Work).await;
    let job = bench.job();
    assert!(matches!(job.state, JobState::Ramping { step: 3, .. } | JobState::Done), "{:?}", job.state);
    let last = job.history.iter().rfind(|event| event.became == "RAMPING").unwrap().at;
    let letters = bench.letters.all();
    let mut sends: Vec<_> = letters.iter().filter_map(|letter| letter.sends.last()).map(|send| send.at).collect();
    sends.sort_unstable();
    let (from, until) = (last.after(Duration::from_secs(2)), last.after(Duration::from_secs(2 + u64::from(SECONDS))));
    assert!(sends.last().is_some_and(|last| *last > until), "all were sent before {SECONDS} seconds were over");
    let within = |from, until| sends.iter().filter(|at| (from..until).contains(*at)).count();
    let most = sends.iter().map(|at| within(*at, at.after(Duration::from_secs(1)))).max().unwrap_or(0);
    let sent = u32::try_from(within(from, until)).unwrap();
    (f64::from(sent) / f64::from(SECONDS), most)
}

#[tokio::test(start_paused = true)]
#[expect(clippy::print_stdout, reason = "these are the figures of docs/benchmarks.md")]
async fn a_job_reaches_its_rate_however_long_calls_take_and_never_goes_beyond_it() {
    println!("ms a call   rate  messages a second");
    for (call, rate) in [(6, 100), (50, 10), (50, 100), (50, 300)] {
        let (reached, most) = rate_of(rate, call).await;
        println!("{call:>9}  {rate:>5}  {reached:>17.1}");
        assert!(reached >= f64::from(rate) * 0.95, "{reached} of {rate} a second at {call} ms a call");
        // A bucket holds what a second brings, and fills meanwhile.
        assert!(most <= 2 * rate.max(10) as usize, "{most} within a second at a rate of {rate}");
    }
}
