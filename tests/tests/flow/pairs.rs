//! Installation for many queue pairs: each letter is of its own queue, and no queue waits for another.

use std::future::Future;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use redrive_core::ids::{JobId, MessageId, OwnerToken, QueueArn, ReceiptHandle, Scope};
use redrive_core::letters::edges::{self, ClaimTerms};
use redrive_core::letters::letter::{ErrorType, Status};
use redrive_core::message::decode::Reading;
use redrive_core::message::envelope::{Attributes, Record};
use redrive_core::ports::{DeadLetterQueue, Unavailable};
use redrive_core::replay::job::{Disposition, Guard, NewJob};
use redrive_core::replay::{Filter, ReplayOptions, Request, Selection};
use redrive_core::time::Timestamp;
use redrive_engine::{IndexSettings, Indexer, LANES, ReplayError, drain_all};
use redrive_testkit::clock::VirtualClock;
use redrive_testkit::handlers::Order;
use redrive_testkit::{CallFault, Faults, ModelLedger, ModelLetters, ModelQueue};
use tokio::time::{Instant, sleep};

use crate::house::{House, MINUTE, Pair, all_of, policy};

/// Ours, one without our ledger, and a FIFO queue, each with a dead message, indexed.
async fn three() -> House {
    let house = House::new(vec![Pair::new("orders"), Pair::new("mail").without_ledger(), Pair::fifo("steps.fifo")]);
    for (n, pair) in house.pairs.iter().enumerate() {
        pair.main.send_to("group", Order::body(&format!("o-{n}"), 5), Attributes::new());
        pair.dies().await;
    }
    let reports = house.drain().await;
    assert!(reports.iter().all(|report| report.as_ref().is_some_and(|report| report.created == 1)), "{reports:?}");
    house
}

fn by_ann(selection: Selection) -> Request {
    Request::Replay { selection, by: "ann".to_owned(), options: ReplayOptions::default() }
}

#[tokio::test(start_paused = true)]
async fn each_dead_message_becomes_a_letter_of_its_own_queue_and_returns_to_it() {
    let house = three().await;
    let kinds: Vec<_> = (0..3).map(|pair| house.letters_of(pair)[0].reason.error_type).collect();
    assert_eq!(kinds, [ErrorType::NeverRan, ErrorType::Unknown, ErrorType::NeverRan]);
    assert_eq!(house.letters_of(1)[0].due, Timestamp::NEVER, "without a ledger only a person replays");
    // The letter of a FIFO group rests for half a minute.
    tokio::time::advance(MINUTE).await;
    let reports = house.ask(&Request::Schedule).await.unwrap();
    assert_eq!(reports.pairs.iter().map(|report| report.sent).collect::<Vec<_>>(), [1, 0, 1]);
    assert_eq!(house.pairs.iter().map(|pair| pair.main.len()).collect::<Vec<_>>(), [1, 0, 1]);
    assert_eq!(house.pairs[2].main.messages()[0].group.as_deref(), Some("group"));
}

#[tokio::test(start_paused = true)]
async fn without_a_ledger_a_letter_goes_when_a_person_asks_and_is_then_final() {
    let house = three().await;
    let report = house.ask(&by_ann(all_of(&house.pairs[1].main))).await.unwrap();
    assert_eq!((report.together().considered, report.pairs[1].sent), (1, 1), "the others were not meant");
    let sent = house.pairs[1].main.messages();
    assert!(sent.len() == 1 && sent[0].attributes.contains_key("redrive"));
    house.pairs[1].main.receive_batch(10);
    tokio::time::advance(30 * 24 * 60 * MINUTE).await;
    let reports = house.ask(&Request::Schedule).await.unwrap();
    assert_eq!((reports.pairs[1].no_outcome, reports.pairs[1].sent), (0, 0));
    assert_eq!(house.letters_of(1)[0].status, Status::Replayed, "its deadline has passed long since");
}

#[tokio::test(start_paused = true)]
async fn what_waits_is_counted_by_queue_where_none_keeps_a_ledger() {
    let house = House::new(vec![Pair::new("mail").without_ledger(), Pair::new("steps").without_ledger()]);
    let pair = &house.pairs[0];
    pair.main.send(Order::body("o-1", 5), Attributes::new());
    pair.dies().await;
    house.drain().await;
    let reports = house.ask(&Request::Schedule).await.unwrap();
    let counted: Vec<_> = reports.pairs.iter().map(|report| report.pending_counts.as_ref().unwrap().total()).collect();
    assert_eq!(
        counted.iter().map(|waiting| (waiting.pending, waiting.for_a_person)).collect::<Vec<_>>(),
        [(1, 1), (0, 0)]
    );
    assert_eq!(reports.together().considered, 0, "counting reads no letter");
}

#[tokio::test(start_paused = true)]
async fn what_the_schedule_finds_done_is_resolved_and_measured() {
    let house = three().await;
    let letter = house.letters_of(0).remove(0);
    house.ask(&Request::Schedule).await.unwrap();
    house.complete(&letter);
    tokio::time::advance(MINUTE).await;
    let report = house.ask(&Request::Schedule).await.unwrap().together();
    assert_eq!((report.resolved, house.letters_of(0)[0].status), (1, Status::Resolved));
    assert_eq!(report.took.samples(), [house.clock.now().since(letter.reason.first_failed_at)]);
}

#[tokio::test(start_paused = true)]
async fn a_claim_that_ran_out_is_not_taken_over_where_no_ledger_swallows_a_second_copy() {
    let house = three().await;
    let letter = house.letters_of(1).remove(0);
    let token = OwnerToken::from_random(9);
    house.letters.force(edges::claim(&letter, token, ClaimTerms::default(), "ann", MINUTE, house.clock.now()).unwrap());
    tokio::time::advance(2 * MINUTE).await;
    let reports = house.ask(&Request::Schedule).await.unwrap();
    assert_eq!((reports.pairs[1].returned_in_doubt, reports.pairs[1].sent), (1, 0));
    let now = house.letters_of(1).remove(0);
    assert!(now.waits_in_doubt() && now.due == Timestamp::NEVER && house.pairs[1].main.is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_copy_that_dies_again_returns_to_its_letter_without_a_ledger_too() {
    let house = three().await;
    house.ask(&by_ann(all_of(&house.pairs[1].main))).await.unwrap();
    house.pairs[1].dies().await;
    let reports = house.drain().await;
    assert_eq!(reports[1].as_ref().unwrap().changed, 1);
    let letter = house.letters_of(1).remove(0);
    assert_eq!((letter.status, letter.deaths, letter.due), (Status::Pending, 2, Timestamp::NEVER));
}

#[tokio::test(start_paused = true)]
async fn a_pair_in_trouble_waits_for_the_next_run_and_the_others_go_on() {
    let house = House::new(vec![Pair::new("orders"), Pair::new("refunds")]);
    for pair in &house.pairs {
        (0..30).for_each(|n| drop(pair.main.send(Order::body(&format!("o-{n}"), 5), Attributes::new())));
        pair.dies().await;
    }
    house.drain().await;
    let mut pairs = house.replayed_pairs(&policy(), None);
    // Every call to the first pair's queue hangs for ten seconds and is not answered.
    let deaf =
        Faults::script((0..1_000).map(|call| (call, CallFault::LostAnswer))).with_latency(Duration::from_secs(5));
    let first = House::new(vec![Pair { main: house.pairs[0].main.clone().with_faults(deaf), ..Pair::new("orders") }]);
    let first =
        House { letters: house.letters.clone(), ledger: house.ledger.clone(), clock: house.clock.clone(), ..first };
    pairs[0] = first.replayed_pairs(&policy(), None).remove(0);
    let replayer = house.replayer_of(pairs, None);
    let reports = replayer.run(&Request::Schedule, Instant::now() + MINUTE).await.unwrap();
    assert_eq!(reports.pairs[1].sent, 30, "{reports:?}");
    assert!((1..=10).contains(&reports.pairs[0].in_doubt), "{reports:?}");
}

#[tokio::test(start_paused = true)]
async fn a_pair_without_a_destination_keeps_its_letters() {
    let house = three().await;
    let mut pairs = house.replayed_pairs(&policy(), None);
    pairs[0].outbox = None;
    let replayer = house.replayer_of(pairs, None);
    tokio::time::advance(MINUTE).await;
    let reports = replayer.run(&Request::Schedule, Instant::now() + MINUTE).await.unwrap();
    assert_eq!((reports.pairs[0].no_destination, reports.pairs[0].sent, reports.pairs[2].sent), (1, 0, 1));
    assert_eq!(house.letters_of(0)[0].status, Status::Pending);
}

fn not_listed(house: &House) -> ReplayError {
    ReplayError::NotListed(house.pairs.iter().map(|pair| pair.main.arn()).collect())
}

fn job(id: u128, selection: Selection) -> Request {
    let guard = Guard { outcome_seconds: 30, ..Guard::default() };
    let (id, by) = (Some(JobId::from_random(id)), "ann".to_owned());
    Request::Job(Box::new(NewJob { id, selection, to: None, guard, by, why: None, edit: None }))
}

#[tokio::test(start_paused = true)]
async fn a_job_is_of_one_queue_and_worked_on_by_its_pair() {
    let house = three().await;
    let ids = |pairs: &[usize]| Selection::Ids(pairs.iter().map(|pair| house.letters_of(*pair)[0].id).collect());
    let by_type = Filter { error_type: Some(ErrorType::NeverRan), ..Filter::default() };
    for (n, selection) in [(1, Selection::Filter(by_type)), (2, ids(&[0, 1]))] {
        let refused = house.ask(&job(n, selection)).await.unwrap().together().refused.unwrap();
        assert!(refused.contains("a job is of one queue"), "{refused}");
    }
    let stranger = Pair::new("stranger").main.arn();
    let unlisted = Selection::Filter(Filter { source_topic: Some(stranger.clone()), ..Filter::default() });
    assert_eq!(house.ask(&job(3, unlisted)).await, Err(not_listed(&house)));
    assert!(house.letters.all().iter().all(|letter| letter.status == Status::Pending));
    house.ask(&job(4, all_of(&house.pairs[0].main))).await.unwrap();
    house.ask(&job(5, ids(&[1]))).await.unwrap();
    let reports = house.ask(&Request::Work).await.unwrap();
    assert_eq!(reports.pairs.iter().map(|report| report.sent).collect::<Vec<_>>(), [1, 1, 0]);
    assert_eq!(house.pairs.iter().map(|pair| pair.main.len()).collect::<Vec<_>>(), [1, 1, 0]);
    house.ask(&Request::Work).await.unwrap();
    let shown = house.ask(&Request::Jobs { open: false }).await.unwrap().together().jobs;
    let disposition = |n: u128| {
        let view = shown.iter().find(|view| view.job.id == JobId::from_random(n)).unwrap();
        assert_eq!(view.known.total(), 1);
        [Disposition::Unknown, Disposition::Assumed].map(|disposition| view.known.of(disposition))
    };
    // Nobody consumes: without a ledger, silence is taken for a success.
    assert_eq!((disposition(4), disposition(5)), ([1, 0], [0, 1]));
}

#[tokio::test(start_paused = true)]
async fn a_job_of_a_queue_that_is_not_listed_any_more_waits_until_it_is_again() {
    let mut house = three().await;
    let ids = Selection::Ids(vec![house.letters_of(0)[0].id]);
    house.ask(&job(1, all_of(&house.pairs[0].main))).await.unwrap();
    house.ask(&job(2, ids)).await.unwrap();
    let gone = house.pairs.remove(0);
    // With one pair left, and with several.
    let last = house.pairs.pop().unwrap();
    assert_eq!(house.ask(&Request::Work).await.unwrap().together().sent, 0);
    house.pairs.push(last);
    assert_eq!(house.ask(&Request::Work).await.unwrap().together().sent, 0);
    assert!(gone.main.is_empty() && house.pairs.iter().all(|pair| pair.main.is_empty()));
    house.pairs.insert(0, gone);
    let reports = house.ask(&Request::Work).await.unwrap();
    assert_eq!((reports.pairs[0].sent, house.pairs[0].main.len()), (1, 1));
}

/// A queue that is never empty, or gives a few messages; every receive takes a second.
#[derive(Clone)]
struct Slow {
    name: String,
    left: Arc<AtomicUsize>,
}

impl DeadLetterQueue for Slow {
    async fn receive(&self, _: Duration) -> Result<Vec<Record>, Unavailable> {
        sleep(Duration::from_secs(1)).await;
        let left = self.left.fetch_sub(self.left.load(Ordering::SeqCst).min(1), Ordering::SeqCst);
        let record = || Record {
            message_id: Some(format!("{}-{left}", self.name)),
            receipt_handle: Some("handle".to_owned()),
            body: Some("{}".to_owned()),
            system: [("SentTimestamp".to_owned(), "5".to_owned())].into(),
            ..Record::default()
        };
        Ok((left > 0).then(record).into_iter().collect())
    }

    fn delete(&self, _: Vec<(MessageId, ReceiptHandle)>) -> impl Future<Output = Vec<(MessageId, String)>> + Send {
        std::future::ready(Vec::new())
    }
}

fn slow_indexer(n: usize, messages: usize) -> Indexer<Slow, Option<ModelLedger>, ModelLetters, VirtualClock> {
    let source = QueueArn::new(format!("arn:aws:sqs:us-east-1:1:q{n}")).unwrap();
    let settings = IndexSettings {
        reading: Reading::new(source, Scope::new("s").unwrap()),
        policy: policy(),
        pollers: 2,
        wait: Duration::from_secs(1),
        reserve: Duration::from_secs(3),
    };
    let queue = Slow { name: format!("q{n}"), left: Arc::new(AtomicUsize::new(messages)) };
    Indexer::new(queue, None, ModelLetters::new(), VirtualClock::new(), settings)
}

#[tokio::test(start_paused = true)]
async fn queues_that_are_never_empty_starve_none_and_share_the_time() {
    const FULL: usize = LANES * 2;
    let messages = |n: usize| if n < FULL { 1_000_000 } else { 3 };
    for first in [0, 3, FULL] {
        let indexers: Vec<_> = (0..FULL + 3).map(|n| slow_indexer(n, messages(n))).collect();
        let deadline = Instant::now() + MINUTE;
        let reports = drain_all(&indexers, first, deadline).await;
        let created: Vec<_> = reports.iter().map(|report| report.as_ref().map_or(0, |report| report.created)).collect();
        assert_eq!(created[FULL..], [3, 3, 3], "from {first}: {created:?}");
        let (least, most) = (created[..FULL].iter().min().unwrap(), created[..FULL].iter().max().unwrap());
        assert!(*least >= 10 && least * 3 >= *most, "from {first}: {created:?}");
        assert!(Instant::now() <= deadline);
    }
}

/// A queue that gives out one message again and again, which SQS moved from a queue that is not listed.
struct Stays;

impl DeadLetterQueue for Stays {
    async fn receive(&self, _: Duration) -> Result<Vec<Record>, Unavailable> {
        sleep(Duration::from_secs(1)).await;
        let from = "arn:aws:sqs:us-east-1:1:another".to_owned();
        Ok(vec![Record {
            message_id: Some("m".to_owned()),
            receipt_handle: Some("handle".to_owned()),
            system: [("SentTimestamp".to_owned(), "5".to_owned()), ("DeadLetterQueueSourceArn".to_owned(), from)]
                .into(),
            ..Record::default()
        }])
    }

    fn delete(&self, _: Vec<(MessageId, ReceiptHandle)>) -> impl Future<Output = Vec<(MessageId, String)>> + Send {
        std::future::ready(Vec::new())
    }
}

#[tokio::test(start_paused = true)]
async fn a_run_looks_into_its_only_queue_again_and_again_and_never_for_longer_than_a_message_stays_hidden() {
    let settings = IndexSettings {
        reading: Reading::new(QueueArn::new("arn:aws:sqs:us-east-1:1:q").unwrap(), Scope::new("s").unwrap()),
        policy: policy(),
        pollers: 1,
        wait: Duration::from_secs(1),
        reserve: Duration::from_secs(3),
    };
    let ledger: Option<ModelLedger> = None;
    let indexer = Indexer::new(Stays, ledger, ModelLetters::new(), VirtualClock::new(), settings);
    let start = Instant::now();
    let report = drain_all(&[indexer], 0, start + Duration::from_secs(100)).await.remove(0).unwrap();
    assert_eq!(report.unlisted, 5, "each look of 22 s, and the rest, meets it once: {report:?}");
    assert!(start.elapsed() > Duration::from_secs(90), "the last look ends with the run");
}

#[tokio::test(start_paused = true)]
async fn what_waits_is_at_least_what_a_walk_saw_that_did_not_get_through() {
    let house = House::new(vec![Pair::new("mail").without_ledger()]);
    let pair = &house.pairs[0];
    (0..40).for_each(|n| drop(pair.main.send(Order::body(&format!("o-{n}"), 5), Attributes::new())));
    pair.dies().await;
    house.drain().await;
    // Each page of the index takes five seconds.
    let slow = Faults::script([]).with_latency(Duration::from_secs(5));
    let count = async |time: Duration| {
        let replayer = house.replayer(&policy(), Some(&slow));
        let reports = replayer.run(&Request::Schedule, Instant::now() + time).await.unwrap();
        reports.pairs[0].pending_counts.clone()
    };
    let cut = count(MINUTE).await.expect("the least that waits");
    assert!(cut.at_least && (1..40).contains(&cut.total().pending), "{cut:?}");
    let whole = count(60 * MINUTE).await.unwrap();
    assert_eq!((whole.at_least, whole.total().pending), (false, 40));
    assert_eq!(count(Duration::from_secs(20)).await, None, "a walk that saw nothing says nothing");
}

#[tokio::test(start_paused = true)]
async fn what_there_was_no_time_for_is_said_and_another_start_reaches_it() {
    let looked_at = async |first: usize| -> Vec<bool> {
        let indexers: Vec<_> = (0..40).map(|n| slow_indexer(n, 1_000_000)).collect();
        let reports = drain_all(&indexers, first, Instant::now() + Duration::from_secs(20)).await;
        reports.iter().map(Option::is_some).collect()
    };
    let (early, late) = (looked_at(0).await, looked_at(20).await);
    assert!(early[0] && !early[39] && late[20] && late[21], "{early:?} {late:?}");
    assert!(drain_all(&Vec::<crate::house::AnIndexer>::new(), 7, Instant::now() + MINUTE).await.is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_queue_without_custody_is_not_touched() {
    let house = House::new(vec![Pair::new("orders").without_custody(), Pair::new("refunds")]);
    for pair in &house.pairs {
        pair.main.send(Order::body("o-1", 5), Attributes::new());
        pair.dies().await;
    }
    let queues: Vec<&ModelQueue> = house.pairs.iter().map(|pair| &pair.dead).collect();
    assert_eq!(house.drain().await.len(), 1);
    assert_eq!((queues[0].len(), queues[1].len(), house.letters.all().len()), (1, 0, 1));
}
