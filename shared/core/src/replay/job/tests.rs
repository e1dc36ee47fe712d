use std::time::Duration;

use super::*;
use crate::ids::{JobId, LetterId, MessageId, QueueArn};
use crate::replay::Filter;

const NOW: Timestamp = Timestamp::from_millis(1_000_000);

fn at(seconds: u64) -> Timestamp {
    NOW.after(Duration::from_secs(seconds))
}

fn job(guard: Guard) -> Job {
    let selection = Selection::Filter(Filter { error_code: Some("c".to_owned()), ..Filter::default() });
    let asked = NewJob { id: None, selection, to: None, guard, by: "ann".to_owned(), why: None, edit: None };
    Job::new(JobId::from_random(1), asked, NOW)
}

fn letter(n: usize) -> LetterId {
    LetterId::derive(&QueueArn::new("q").unwrap(), &MessageId::new(format!("m-{n}")).unwrap())
}

/// The next batch of a job, with these fates.
fn batch(job: &Job, dispositions: &[Disposition]) -> JobBatch {
    let letters = (0..dispositions.len()).map(|n| JobEntry::planned(letter(n))).collect();
    let walk = JobCursor { at: job.walk.at + 1, ..JobCursor::default() };
    let batch = JobBatch::new(job.id, job.batches, letters, walk, NOW);
    let lines = batch.lines.iter().zip(dispositions).map(|(line, disposition)| line.with(*disposition)).collect();
    JobBatch { lines, ..batch }
}

/// A job that has planned a batch with these fates.
fn with(job: &Job, dispositions: &[Disposition]) -> (Job, JobBatch) {
    let batch = batch(job, dispositions);
    (steps::plan(job, &batch, NOW).unwrap(), batch)
}

fn quiet() -> Readings {
    Readings { backlog: Some(0), alarm: Some(AlarmState::Quiet) }
}

fn stop(job: &Job, dispositions: &[Disposition]) -> Option<Stop> {
    let (job, batch) = with(job, dispositions);
    match steps::judge(&job, &[batch], quiet(), NOW)?.state {
        JobState::Stopped { why } => Some(why),
        _ => None,
    }
}

#[test]
fn a_canary_goes_first_and_nothing_follows_until_all_of_it_is_known() {
    let guard = Guard { canary: 3, ..Guard::default() };
    let first = job(guard);
    assert_eq!(first.allowance(&[], NOW), 3);
    let (job, sent) = with(&first, &[Disposition::Sent, Disposition::ChangedMeanwhile, Disposition::Resolved]);
    assert_eq!(job.allowance(std::slice::from_ref(&sent), at(9)), 1, "a letter that was skipped is no canary");
    let (job, next) = with(&job, &[Disposition::Resolved]);
    assert_eq!(job.allowance(&[sent.clone(), next.clone()], at(9)), 0);
    assert_eq!(steps::judge(&job, &[sent, next.clone()], quiet(), at(9)), None);
    let known = JobBatch {
        n: 0,
        ..batch(&first, &[Disposition::Resolved, Disposition::ChangedMeanwhile, Disposition::Resolved])
    };
    let ramping = steps::judge(&job, &[known, next], quiet(), at(9)).unwrap();
    assert_eq!(ramping.state, JobState::Ramping { step: 0, since: at(9) });
}

#[test]
fn a_ramp_climbs_a_step_at_a_time_as_long_as_outcomes_keep_up() {
    let mut job = job(Guard { canary: 0, rate: 1_000, step_seconds: 60, ..Guard::default() });
    assert_eq!(job.state, JobState::Ramping { step: 0, since: NOW });
    assert_eq!(steps::judge(&job, &[], quiet(), at(59)), None);
    let (slow, batch) = with(&job, &[Disposition::Sent, Disposition::Sent, Disposition::Resolved]);
    assert_eq!(steps::judge(&slow, &[batch], quiet(), at(60)), None, "most of its outcomes are still to come");
    for (step, tenth) in [(1, 5), (2, 25), (3, 100)] {
        let since = at(60 * u64::from(step));
        job = steps::judge(&job, &[], quiet(), since).unwrap();
        assert_eq!(job.state, JobState::Ramping { step, since });
        assert_eq!(job.bucket.filled(job.rate(), since.after(Duration::from_millis(100))).whole(), tenth);
    }
    assert_eq!(steps::judge(&job, &[], quiet(), at(9_999)), None);
}

#[test]
fn a_job_stops_when_too_many_fail_again_and_one_of_many_is_not_too_many() {
    use Disposition::{FailedAgain, Failing, Resolved, Sent};
    let job = job(Guard::default());
    assert_eq!(stop(&job, &[Failing, Sent, Sent, Sent, Sent, Sent, Sent, Sent, Sent, Sent]), None, "one of ten");
    let two = stop(&job, &[Failing, FailedAgain, Sent, Sent, Sent, Sent, Sent, Sent, Sent, Sent]);
    assert_eq!(two, Some(Stop::FailedAgain { failed: 2, of: 10 }), "as soon as it is known");
    assert_eq!(stop(&job, &[FailedAgain, Resolved]), Some(Stop::FailedAgain { failed: 1, of: 2 }), "there are no more");
    let forgiving = Guard { max_failed_percent: 100, ..Guard::default() };
    assert_eq!(stop(&super::tests::job(forgiving), &[FailedAgain; 10]), None);
    let strict = Guard { max_failed_percent: 0, ..Guard::default() };
    assert!(stop(&super::tests::job(strict), &[FailedAgain, Sent, Sent]).is_some());
}

#[test]
fn a_job_stops_for_the_unknown_for_a_backlog_and_for_its_alarm() {
    let job = job(Guard { max_backlog: Some(100), alarm: Some("a".to_owned()), ..Guard::default() });
    assert_eq!(stop(&job, &[Disposition::Unknown, Disposition::Resolved]), Some(Stop::Unknown { letters: 1 }));
    let why = |readings| match steps::judge(&job, &[], readings, NOW).map(|job| job.state) {
        Some(JobState::Stopped { why }) => Some(why),
        _ => None,
    };
    let backlog = |messages| Readings { backlog: Some(messages), alarm: None };
    assert_eq!((why(backlog(100)), why(backlog(101))), (None, Some(Stop::Backlog { messages: 101 })));
    let alarm = |state| Readings { backlog: None, alarm: Some(state) };
    assert_eq!(why(alarm(AlarmState::Ringing)), Some(Stop::Alarm));
    assert_eq!(why(alarm(AlarmState::Missing)), Some(Stop::NoSuchAlarm));
    assert_eq!(why(alarm(AlarmState::Quiet)), None);
}

#[test]
fn final_batches_are_counted_in_their_order_each_once() {
    let (job, first) = with(&job(Guard::default()), &[Disposition::Resolved, Disposition::Sent]);
    let (job, second) = with(&job, &[Disposition::FailedAgain]);
    assert_eq!(steps::count(&job, &[first.clone(), second.clone()]), None, "the first is not final");
    let first = JobBatch { lines: first.lines.iter().map(|line| line.with(Disposition::Resolved)).collect(), ..first };
    let counted = steps::count(&job, &[second.clone(), first.clone()]).unwrap();
    assert_eq!((counted.counted, counted.account.of(Disposition::Resolved), counted.account.total()), (2, 2, 3));
    assert_eq!(steps::count(&counted, &[first.clone(), second.clone()]), None);
    assert_eq!(counted.known(&[first, second]).total(), 3);
    let orphan = batch(&counted, &[Disposition::Resolved]);
    assert_eq!(steps::count(&counted, &[orphan]), None, "a batch that the head does not know is none");
}

#[test]
fn a_job_moves_along_its_own_edges_and_along_no_other() {
    let start = job(Guard::default());
    let states = [
        JobState::Canary,
        JobState::Ramping { step: 2, since: NOW },
        JobState::Paused { step: Some(2) },
        JobState::Cancelled,
        JobState::Stopped { why: Stop::Alarm },
        JobState::Done,
    ];
    let mut seen = Vec::new();
    for state in states {
        let job = Job { state, ..start.clone() };
        let batch = batch(&job, &[Disposition::Planned]);
        let all = [
            ("planned", steps::plan(&job, &batch, NOW).ok()),
            ("paused", steps::pause(&job, "x", None, NOW).ok()),
            ("resumed", steps::resume(&job, "x", None, NOW).ok()),
            ("cancelled", steps::cancel(&job, "x", None, NOW).ok()),
        ];
        for (name, next) in all.into_iter().filter_map(|(name, next)| Some((name, next?))) {
            assert_eq!(next.version, job.version + 1, "{name}: every write counts");
            seen.push((job.state.as_str(), name, next.state.as_str()));
        }
    }
    assert_eq!(
        seen,
        [
            ("CANARY", "planned", "CANARY"),
            ("CANARY", "paused", "PAUSED"),
            ("CANARY", "cancelled", "CANCELLED"),
            ("RAMPING", "planned", "RAMPING"),
            ("RAMPING", "paused", "PAUSED"),
            ("RAMPING", "cancelled", "CANCELLED"),
            ("PAUSED", "resumed", "RAMPING"),
            ("PAUSED", "cancelled", "CANCELLED"),
        ]
    );
}

#[test]
fn a_job_does_not_run_far_ahead_of_its_outcomes() {
    let job = job(Guard { canary: 0, rate: 10_000, ..Guard::default() });
    let one = || vec![batch(&job, &[Disposition::Sent])];
    let full = || vec![batch(&job, &[Disposition::Sent; BATCH])];
    let (batches, letters) = (vec![one().remove(0); 499], vec![full().remove(0); 49]);
    for ahead in [batches, letters] {
        assert_eq!(job.allowance(&ahead, at(60)), BATCH);
        assert_eq!(job.allowance(&[ahead.clone(), one()].concat(), at(60)) == 0, ahead.len() == 499);
        assert_eq!(job.allowance(&[ahead, full()].concat(), at(60)), 0);
    }
}

#[test]
fn letters_gather_for_a_quarter_of_a_second_before_a_batch_is_planned_and_a_canary_waits_for_no_more_than_itself() {
    let after = |millis| NOW.after(Duration::from_millis(millis));
    for (rate, batch) in [(1, 1), (10, 2), (100, 25), (1_000, BATCH)] {
        let guard = Guard { canary: 0, rate, step_seconds: 1, ..Guard::default() };
        let job = Job { state: JobState::Ramping { step: 3, since: NOW }, ..job(guard) };
        let job = Job { bucket: Bucket::empty(NOW), ..job };
        let wait = job.until_next(NOW);
        assert!(wait <= Duration::from_millis(250) || rate == 1, "{rate}: {wait:?}");
        assert_eq!(job.allowance(&[], NOW.after(wait - Duration::from_millis(1))), 0, "{rate}");
        assert_eq!(job.allowance(&[], NOW.after(wait)), batch, "{rate}");
        assert_eq!(job.until_next(NOW.after(wait)), Duration::ZERO, "{rate}");
    }
    let canary = job(Guard { canary: 3, rate: 1_000, ..Guard::default() });
    let canary = Job { bucket: Bucket::empty(NOW), ..canary };
    assert_eq!((canary.until_next(NOW), canary.allowance(&[], after(3))), (Duration::from_millis(3), 3));
}

#[test]
fn a_pause_saves_nothing_up() {
    let job = job(Guard { canary: 0, rate: 100, ..Guard::default() });
    let paused = steps::pause(&Job { bucket: Bucket::empty(NOW), ..job }, "ann", None, NOW).unwrap();
    let resumed = steps::resume(&paused, "ann", None, at(3_600)).unwrap();
    assert_eq!(resumed.allowance(&[], at(3_600)), 0);
    assert_eq!(resumed.allowance(&[], at(3_610)), 10);
}

#[test]
fn a_job_is_done_when_it_has_seen_all_and_knows_all_and_closed_when_it_has_ended() {
    let policy = Policy {
        rules: Vec::new(),
        cool_down: Duration::ZERO,
        max_deaths: 3,
        resolved_retention: Duration::from_secs(60),
        body_retention: Duration::from_secs(60),
        outcome_after: Duration::from_secs(60),
    };
    let (job, batch) = with(&job(Guard::default()), &[Disposition::Sent]);
    let job = steps::walk(&job, JobCursor { ended: true, ..JobCursor::default() });
    assert_eq!(steps::judge(&job, std::slice::from_ref(&batch), quiet(), NOW), None);
    let cancelled = steps::cancel(&job, "ann", None, NOW).unwrap();
    assert_eq!(steps::close(&cancelled, &policy, NOW), None, "one outcome is still to come");
    let known = JobBatch { lines: batch.lines.iter().map(|line| line.with(Disposition::Resolved)).collect(), ..batch };
    let counted = steps::count(&job, &[known]).unwrap();
    let done = steps::judge(&counted, &[], quiet(), NOW).unwrap();
    assert_eq!(done.state, JobState::Done);
    let closed = steps::close(&done, &policy, NOW).unwrap();
    assert!(!closed.is_open() && closed.expires.is_some() && steps::close(&closed, &policy, NOW).is_none());
}

#[test]
fn a_job_survives_being_written_down() {
    let (job, batch) = with(&job(Guard::default()), &[Disposition::Sent, Disposition::Refused]);
    let job =
        steps::pause(&steps::stop(&job, Stop::FailedAgain { failed: 1, of: 2 }, NOW), "x", None, NOW).unwrap_or(job);
    let again: Job = serde_json::from_str(&serde_json::to_string(&job).unwrap()).unwrap();
    assert_eq!(again, job);
    let stopped = steps::stop(&job, Stop::Backlog { messages: u64::MAX }, NOW);
    let again: Job = serde_json::from_str(&serde_json::to_string(&stopped).unwrap()).unwrap();
    assert_eq!(again, stopped);
    let again: JobBatch = serde_json::from_str(&serde_json::to_string(&batch).unwrap()).unwrap();
    assert_eq!(again, batch);
}

#[test]
fn what_stands_behind_others_in_its_group_is_no_canary_and_pays_when_it_goes() {
    let guard = Guard { canary: 3, rate: 10, ..Guard::default() };
    let (job, behind) = with(&job(guard), &[Disposition::Sent, Disposition::Behind, Disposition::Behind]);
    let open = [behind.clone()];
    assert_eq!((job.allowance(&open, at(9)), job.may_send(&open, at(9))), (2, 2), "others go in their place");
    let went =
        JobBatch { lines: vec![behind.lines[0].clone(), behind.lines[1].with(Disposition::Sent)], ..behind.clone() };
    assert_eq!((went.since_behind(&behind), behind.since_behind(&behind)), (1, 0));
    let full = job.may_send(&[], at(9));
    assert_eq!((full, steps::pay(&job, 2, at(9)).may_send(&[], at(9))), (3, 3));
    let ramping = Job { state: JobState::Ramping { step: 3, since: NOW }, ..job };
    assert_eq!((ramping.may_send(&[], at(9)), steps::pay(&ramping, 7, at(9)).may_send(&[], at(9))), (10, 3));
}

#[test]
fn a_job_is_held_up_once_it_looks_no_further_and_all_that_is_left_stands_behind_others() {
    let (job, batch) = with(&job(Guard::default()), &[Disposition::Resolved, Disposition::Behind]);
    assert!(!job.is_held_up(std::slice::from_ref(&batch)), "the one before it may be found yet");
    let job = Job { walk: JobCursor { ended: true, ..job.walk }, ..job };
    assert!(job.is_held_up(std::slice::from_ref(&batch)));
    for disposition in [Disposition::Planned, Disposition::Sent, Disposition::Failing] {
        let under_way =
            JobBatch { lines: vec![batch.lines[1].clone(), batch.lines[1].with(disposition)], ..batch.clone() };
        assert!(!job.is_held_up(&[under_way]), "{disposition:?} may yet be done with");
    }
    assert!(batch.rests() && !batch.is_final(), "a pause leaves it is");
    assert!(Disposition::HeldUp.is_final() && !Disposition::HeldUp.is_sent());
}

#[test]
fn a_walk_goes_on_where_it_was_noted_down_also_by_older_functions() {
    let noted = format!(r#"{{"at":3,"after":{{"id":"{}","due":7}},"ended":false}}"#, letter(1));
    let walk: JobCursor = serde_json::from_str(&noted).unwrap();
    let place = Place { due: Timestamp::from_millis(7), id: letter(1) };
    assert_eq!(walk, JobCursor { at: 3, after: Some(place), ended: false });
    assert_eq!((walk.cursor(), JobCursor::default().cursor()), (Cursor::resumed(3, Some(place)), Cursor::START));
    let behind = Place { due: Timestamp::from_millis(8), id: letter(2) };
    assert_eq!(walk.on(Some(walk.cursor().behind(behind))), JobCursor { after: Some(behind), ..walk });
    assert_eq!(walk.on(Some(Cursor::resumed(4, None))), JobCursor { at: 4, after: None, ended: false });
    assert!(walk.on(None).ended);
}

#[test]
fn a_small_job_has_no_more_letters_under_way_than_have_succeeded() {
    let small = job(Guard::default()).counting(Some(60), NOW);
    assert!(small.goes_by_outcomes(), "the slow steps send 930 letters at 50 a second");
    let (canary, known) = with(&small, &[Disposition::Resolved; 10]);
    let ramping = steps::judge(&canary, std::slice::from_ref(&known), quiet(), NOW).unwrap();
    assert!(matches!(ramping.state, JobState::Ramping { step: 3, .. }), "{:?}", ramping.state);
    assert_eq!(ramping.may_send(std::slice::from_ref(&known), at(2)), 10, "as many again");
    let (ramping, sent) = with(&ramping, &[Disposition::Sent; 10]);
    assert_eq!(ramping.may_send(&[known.clone(), sent.clone()], at(2)), 0);
    let done =
        JobBatch { lines: sent.lines.iter().map(|line| line.with(Disposition::Resolved)).collect(), ..sent.clone() };
    assert_eq!(ramping.may_send(&[known.clone(), done], at(2)), 20);
    assert_eq!(ramping.may_send(&[known, sent], at(42)), 11, "never slower than the first step of the ramp");
}

#[test]
fn a_job_of_many_letters_or_of_an_unknown_number_climbs_by_time() {
    for (letters, step) in [(Some(930), 3), (Some(931), 0), (None, 0)] {
        let (job, known) = with(&job(Guard::default()).counting(letters, NOW), &[Disposition::Resolved; 10]);
        let ramping = steps::judge(&job, std::slice::from_ref(&known), quiet(), NOW).unwrap();
        assert_eq!(ramping.state, JobState::Ramping { step, since: NOW }, "{letters:?}");
    }
    let guard = || Guard { canary: 0, ..Guard::default() };
    assert_eq!(job(guard()).counting(Some(60), NOW).allowance(&[], NOW), 10);
    assert_eq!(job(guard()).counting(Some(60), NOW).state, JobState::Ramping { step: 3, since: NOW });
}

#[test]
fn a_job_of_an_older_version_is_read_without_its_number_of_letters() {
    let mut written = serde_json::to_value(job(Guard::default()).counting(Some(7), NOW)).unwrap();
    assert_eq!(written["letters"], 7);
    written.as_object_mut().unwrap().remove("letters");
    assert_eq!(serde_json::from_value::<Job>(written).unwrap(), job(Guard::default()));
}
