//! Jobs and their batches under their conditions.
//!
//! No job here is open and running: on a stage at work the replay function would take it.

use std::time::Duration;

use redrive_core::ids::{JobId, LetterId, MessageId};
use redrive_core::letters::listing::Place;
use redrive_core::ports::{Jobs, Turns, WriteError};
use redrive_core::replay::job::{
    Disposition, Guard, Job, JobBatch, JobCursor, JobEntry, JobState, ListPart, NewJob, Stop, steps,
};
use redrive_core::replay::{Filter, GroupTurn, Selection};
use redrive_core::time::Timestamp;
use uuid::Uuid;

use crate::samples::{at, queue, unique};
use crate::stores::Store;

crate::contract! {
    a_job_is_created_once_and_the_second_time_shows_the_first,
    a_job_changes_only_from_the_version_that_was_read,
    a_job_keeps_everything_that_can_be_in_it,
    batches_are_written_under_their_own_conditions_and_read_in_order_from_any_of_them,
    a_part_of_a_jobs_list_is_written_once_and_read_as_it_was_written,
    the_list_of_jobs_has_the_open_ones_until_they_are_closed,
    a_groups_turn_is_read_as_it_was_written_and_taken_by_one_of_two,
}

/// A job that nobody works on.
fn job() -> Job {
    let selection = Selection::Filter(Filter { error_code: Some(unique()), ..Filter::default() });
    let asked =
        NewJob { id: None, selection, to: None, guard: Guard::default(), by: "ann".to_owned(), why: None, edit: None };
    let now = Timestamp::from_millis(std::time::SystemTime::UNIX_EPOCH.elapsed().unwrap().as_secs() * 1_000);
    Job { state: JobState::Paused { step: None }, ..Job::new(JobId::from_random(Uuid::new_v4().as_u128()), asked, now) }
}

fn letter() -> LetterId {
    LetterId::derive(&queue(), &MessageId::new(unique()).unwrap())
}

fn batch(job: &Job, n: u32) -> JobBatch {
    let walk = JobCursor { at: n, after: Some(Place { id: letter(), due: Timestamp::NEVER }), ended: false };
    let lines = vec![JobEntry::planned(letter()), JobEntry { shown: Some(3), ..JobEntry::planned(letter()) }];
    JobBatch::new(job.id, n, lines, walk, at(4_000_000_000_000))
}

fn instead<T: std::fmt::Debug>(written: Result<(), WriteError<T>>) -> Option<T> {
    match written {
        Err(WriteError::Condition(found)) => found.map(|found| *found),
        other => panic!("expected a failed condition, got {other:?}"),
    }
}

fn changed(job: &Job, why: &str) -> Job {
    Job { version: job.version + 1, why: Some(why.to_owned()), ..job.clone() }
}

async fn a_groups_turn_is_read_as_it_was_written_and_taken_by_one_of_two<S: Store>(store: &S) {
    let group = format!("group#{}", unique());
    assert_eq!(store.letters().turn(&queue(), &group).await, Ok(None));
    let under_way = vec![(letter(), "00000000000000000007".to_owned())];
    let expires = at(4_000_000_000_000).whole_seconds();
    let first = GroupTurn { source: queue(), group: group.clone(), under_way, expires, version: 1 };
    assert_eq!(store.letters().write_turn(first.clone()).await, Ok(()));
    assert_eq!(store.letters().turn(&queue(), &group).await, Ok(Some(first.clone())));
    assert_eq!(store.letters().turn(&queue(), "another").await, Ok(None));
    let next = |n: u32| GroupTurn { under_way: vec![(letter(), n.to_string())], version: 2, ..first.clone() };
    let (one, other) = (next(8), next(9));
    assert_eq!(store.letters().write_turn(one.clone()).await, Ok(()));
    assert_eq!(instead(store.letters().write_turn(other).await), Some(one));
}

async fn a_job_is_created_once_and_the_second_time_shows_the_first<S: Store>(store: &S) {
    let first = job();
    assert_eq!(store.letters().job(first.id).await, Ok(None));
    assert_eq!(store.letters().write_job(first.clone()).await, Ok(()));
    let second = Job { by: "bob".to_owned(), ..first.clone() };
    assert_eq!(instead(store.letters().write_job(second).await), Some(first.clone()));
    assert_eq!(store.letters().job(first.id).await, Ok(Some(first)));
}

async fn a_job_changes_only_from_the_version_that_was_read<S: Store>(store: &S) {
    let first = job();
    assert_eq!(instead(store.letters().write_job(changed(&first, "absent")).await), None);
    store.letters().write_job(first.clone()).await.unwrap();
    let [mine, theirs] = ["mine", "theirs"].map(|why| changed(&first, why));
    assert_eq!(store.letters().write_job(mine.clone()).await, Ok(()));
    assert_eq!(instead(store.letters().write_job(theirs).await), Some(mine.clone()));
    assert_eq!(store.letters().write_job(changed(&mine, "next")).await, Ok(()));
}

async fn a_job_keeps_everything_that_can_be_in_it<S: Store>(store: &S) {
    let base = job();
    let full = Job {
        selection: Selection::Ids((0..1_000).map(|_| letter()).collect()),
        why: Some("„fixed“ in 42\n🚚".to_owned()),
        guard: Guard { alarm: Some("errors".to_owned()), max_backlog: Some(u64::MAX), ..Guard::default() },
        walk: JobCursor { at: 15, after: Some(Place { id: letter(), due: at(7) }), ended: true },
        account: base.account.clone().and([Disposition::Resolved, Disposition::Resolved, Disposition::PolicyNever]),
        ..steps::stop(&base, Stop::FailedAgain { failed: 2, of: 3 }, at(9))
    };
    let full = Job { version: 1, closed_at: Some(at(10)), expires: Some(at(4_000_000_000_000)), ..full };
    store.letters().write_job(full.clone()).await.unwrap();
    assert_eq!(store.letters().job(full.id).await, Ok(Some(full)));
}

async fn a_part_of_a_jobs_list_is_written_once_and_read_as_it_was_written<S: Store>(store: &S) {
    let job = job();
    assert_eq!(store.letters().list_part(job.id, 0).await, Ok(None));
    let part = |n, letters: u64| {
        let letters = (0..letters).map(|version| (letter(), version)).collect();
        ListPart { job: job.id, n, letters, expires: at(4_000_000_000_000).whole_seconds() }
    };
    let (first, second) = (part(0, 500), part(1, 3));
    store.letters().write_list_part(first.clone()).await.unwrap();
    store.letters().write_list_part(second.clone()).await.unwrap();
    assert_eq!(store.letters().list_part(job.id, 0).await, Ok(Some(first.clone())));
    assert_eq!(store.letters().list_part(job.id, 1).await, Ok(Some(second)));
    assert_eq!(instead(store.letters().write_list_part(part(0, 500)).await), Some(first));
    assert_eq!(store.letters().batches(job.id, 0).await, Ok(Vec::new()), "no batch of the job");
}

async fn batches_are_written_under_their_own_conditions_and_read_in_order_from_any_of_them<S: Store>(store: &S) {
    let job = job();
    let batches: Vec<_> = (0..12).map(|n| batch(&job, n)).collect();
    // Another job's are not mixed in.
    store.letters().write_batch(batch(&self::job(), 3)).await.unwrap();
    for batch in batches.iter().rev() {
        store.letters().write_batch(batch.clone()).await.unwrap();
    }
    assert_eq!(store.letters().batches(job.id, 0).await, Ok(batches.clone()));
    assert_eq!(store.letters().batches(job.id, 9).await, Ok(batches[9..].to_vec()));
    assert_eq!(store.letters().batches(job.id, 12).await, Ok(Vec::new()));
    assert_eq!(instead(store.letters().write_batch(batch(&job, 9)).await), Some(batches[9].clone()));
    let lines =
        batches[9].lines.iter().map(|line| JobEntry { note: Some("n".to_owned()), ..line.with(Disposition::Refused) });
    let next = batches[9].with(lines.collect(), at(4_000_000_001_000)).unwrap();
    assert_eq!(store.letters().write_batch(next.clone()).await, Ok(()));
    assert_eq!(instead(store.letters().write_batch(next.clone()).await), Some(next.clone()));
    assert_eq!(store.letters().batches(job.id, 9).await.unwrap()[0], next);
}

async fn the_list_of_jobs_has_the_open_ones_until_they_are_closed<S: Store>(store: &S) {
    let job = job();
    store.letters().write_job(job.clone()).await.unwrap();
    assert!(is_listed(store, true, job.id).await);
    let closed = Job { closed_at: Some(job.created_at), ..changed(&job, "closed") };
    store.letters().write_job(closed).await.unwrap();
    assert!(is_listed(store, false, job.id).await);
    assert!(!store.letters().jobs(true, 100).await.unwrap().contains(&job.id));
}

/// An index follows its table in its own time.
async fn is_listed<S: Store>(store: &S, open: bool, id: JobId) -> bool {
    for _ in 0..100 {
        if store.letters().jobs(open, 100).await.expect("the index answers").contains(&id) {
            return true;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    false
}
