use std::sync::atomic::{AtomicUsize, Ordering};

use redrive_core::fault::Fault;
use redrive_core::ids::{Enqueue, MessageId, OwnerToken, Scope};
use redrive_core::message::key::{Key, LedgerKey, PayloadHash};
use redrive_core::ports::WriteError;
use redrive_core::processing::ledger::{Changed, Entry, Expect, Origin};
use redrive_core::time::Timestamp;
use tokio::time::Instant;

use super::*;

/// Takes 10 ms a call, notes its keys, and finds under each key an entry whose version is the number in the key;
/// panics at the key 666 and never answers at the key 999.
#[derive(Default)]
struct Slow {
    calls: Mutex<Vec<Vec<u64>>>,
    under_way: AtomicUsize,
    widest: AtomicUsize,
}

fn number_of(write: &EntryWrite) -> u64 {
    write.key.as_str().rsplit('#').next().unwrap().parse().unwrap()
}

impl Carrier for Arc<Slow> {
    async fn carry(&self, writes: Vec<EntryWrite>) -> Vec<EntryResult> {
        let numbers: Vec<_> = writes.iter().map(number_of).collect();
        self.calls.lock().unwrap().push(numbers.clone());
        self.widest.fetch_max(self.under_way.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
        if numbers.contains(&999) {
            std::future::pending::<()>().await;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
        assert!(!numbers.contains(&666), "as it was told to");
        self.under_way.fetch_sub(1, Ordering::SeqCst);
        writes.iter().map(|write| Err(WriteError::Condition(Some(Box::new(found(number_of(write))))))).collect()
    }
}

fn found(version: u64) -> Entry {
    let enqueue = Enqueue { message_id: MessageId::new("m").unwrap(), sent_at: Timestamp::from_millis(1) };
    let (at, by) = (Timestamp::from_millis(1), (OwnerToken::from_random(1), Origin::default()));
    let entry = Entry::keyless(enqueue, None, PayloadHash::of_text(""), &Fault::permanent("c", "t"), by, at, at);
    Entry { version, ..entry }
}

fn write(number: u64, state: EntryState) -> EntryWrite {
    let key = LedgerKey::owned(&Scope::new("s").unwrap(), &Key::new(number.to_string()).unwrap());
    let expect = Expect::AbsentOrExpired(Timestamp::from_millis(0));
    EntryWrite { key, entry: Entry { state, ..found(1) }, expect, changed: Changed::All }
}

fn group() -> (Group<Arc<Slow>>, Arc<Slow>) {
    let slow = Arc::new(Slow::default());
    (Group::new(Arc::clone(&slow)), slow)
}

async fn settle(group: &Group<Arc<Slow>>, number: u64) -> EntryResult {
    group.write(vec![write(number, EntryState::Completed)]).await.pop().unwrap()
}

fn version(written: &EntryResult) -> u64 {
    match written {
        Err(WriteError::Condition(Some(entry))) => entry.version,
        other => panic!("not the carrier's answer: {other:?}"),
    }
}

fn sizes(slow: &Slow) -> Vec<usize> {
    slow.calls.lock().unwrap().iter().map(Vec::len).collect()
}

#[tokio::test(start_paused = true)]
async fn a_write_alone_goes_at_once() {
    let (group, slow) = group();
    let start = Instant::now();
    assert_eq!(version(&settle(&group, 7).await), 7);
    assert_eq!((start.elapsed(), sizes(&slow)), (Duration::from_millis(10), vec![1]));
}

#[tokio::test(start_paused = true)]
async fn what_comes_while_a_call_is_under_way_shares_the_next_one_and_each_has_its_own_answer() {
    let (group, slow) = group();
    let settlements = (0..12).map(async |number| {
        tokio::time::sleep(Duration::from_micros(number * 100)).await;
        (number, version(&settle(&group, number).await))
    });
    for (number, answered) in futures_util::future::join_all(settlements).await {
        assert_eq!(number, answered);
    }
    assert_eq!(sizes(&slow), [1, 11]);
}

#[tokio::test(start_paused = true)]
async fn settlements_of_one_claim_wait_a_moment_for_each_other_and_the_last_one_does_not() {
    let (group, slow) = group();
    let start = Instant::now();
    group.shared.pending().running = 3;
    let settlements = [7, 8, 9].map(async |number| {
        tokio::time::sleep(Duration::from_micros((number - 7) * 300)).await;
        settle(&group, number).await
    });
    futures_util::future::join_all(settlements).await;
    assert_eq!(sizes(&slow), [3]);
    assert!(start.elapsed() <= Duration::from_millis(12), "{:?}", start.elapsed());
    group.shared.pending().running = 2;
    let start = Instant::now();
    assert_eq!(version(&settle(&group, 1).await), 1);
    assert!(start.elapsed() <= LINGER + Duration::from_millis(11), "the other never came: {:?}", start.elapsed());
    assert_eq!(group.shared.pending().running, 0, "nor is it expected any more");
}

#[tokio::test(start_paused = true)]
async fn many_writes_go_side_by_side_in_full_calls() {
    let (group, slow) = group();
    let start = Instant::now();
    let writes: Vec<_> = (1_000..2_010).map(|number| write(number, EntryState::InProgress)).collect();
    for (number, answer) in (1_000..).zip(&group.write(writes).await) {
        assert_eq!(version(answer), number);
    }
    let sizes = sizes(&slow);
    assert_eq!((sizes.len(), sizes.iter().max()), (41, Some(&WRITES_A_CALL)));
    assert_eq!((start.elapsed(), slow.widest.load(Ordering::SeqCst)), (Duration::from_millis(10), 41));
}

#[tokio::test(start_paused = true)]
async fn no_call_names_a_key_twice() {
    let (group, slow) = group();
    let writes = [1, 2, 1, 3, 1, 2].map(|number| write(number, EntryState::InProgress)).into();
    let answered: Vec<_> = group.write(writes).await.iter().map(version).collect();
    assert_eq!(answered, [1, 2, 1, 3, 1, 2]);
    let mut calls = slow.calls.lock().unwrap().clone();
    calls.sort();
    assert_eq!(calls, [vec![1], vec![1, 2], vec![1, 2, 3]]);
}

#[tokio::test(start_paused = true)]
async fn a_caller_that_goes_takes_nobody_elses_write_along() {
    let (group, slow) = group();
    let first = tokio::spawn({
        let group = group.clone();
        async move { settle(&group, 1).await }
    });
    tokio::time::sleep(Duration::from_millis(2)).await;
    let hasty = tokio::time::timeout(Duration::from_millis(3), settle(&group, 2));
    let (hasty, patient) = tokio::join!(hasty, settle(&group, 3));
    assert!(hasty.is_err());
    assert_eq!((version(&first.await.unwrap()), version(&patient)), (1, 3));
    assert_eq!(*slow.calls.lock().unwrap(), [vec![1], vec![3]], "who goes before the call is not written");
    let (hasty, patient) = tokio::join!(
        tokio::time::timeout(Duration::from_millis(3), group.write(vec![write(4, EntryState::InProgress)])),
        settle(&group, 5)
    );
    assert!(hasty.is_err());
    assert_eq!(version(&patient), 5, "nor does one who goes during the call");
}

#[tokio::test(start_paused = true)]
async fn a_panic_is_no_answer_for_its_own_call_and_wedges_nothing() {
    let (group, _) = group();
    let writes = [1, 666].map(|number| write(number, EntryState::InProgress)).into();
    assert_eq!(group.write(writes).await, [Err(lost().into()), Err(lost().into())]);
    assert_eq!(version(&settle(&group, 2).await), 2);
}

#[tokio::test(start_paused = true)]
async fn a_call_without_an_answer_holds_up_nobody_elses_for_long() {
    let (group, _) = group();
    let stuck = tokio::spawn({
        let group = group.clone();
        async move { settle(&group, 999).await }
    });
    tokio::time::sleep(Duration::from_millis(1)).await;
    let start = Instant::now();
    assert_eq!(version(&settle(&group, 1).await), 1);
    assert!(start.elapsed() <= PATIENCE + Duration::from_millis(11), "{:?}", start.elapsed());
    stuck.abort();
}

#[test]
fn what_waits_when_a_runtime_ends_is_told_so_and_the_next_one_works() {
    let runtime = || tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let (group, _) = group();
    let first = runtime();
    let mut receivers = first.block_on(async {
        let mut receivers = group.offer(vec![write(999, EntryState::InProgress)]);
        tokio::task::yield_now().await;
        receivers.extend(group.offer(vec![write(1, EntryState::Completed)]));
        receivers
    });
    drop(first);
    assert!(receivers.iter_mut().all(|receiver| receiver.try_recv().is_err()));
    assert_eq!(version(&runtime().block_on(settle(&group, 2))), 2);
}
