use super::super::steps;
use super::*;
use crate::ids::{JobId, MessageId, QueueArn};
use crate::replay::consent::tests::letter as any;
use crate::replay::job::{Guard, JobCursor, NewJob};
use crate::replay::{Candidate, Filter, Selection};

const NOW: Timestamp = Timestamp::from_millis(1_000_000);

fn letter(n: usize) -> Letter {
    let letter = any(Timestamp::from_millis(1), "c");
    let source = QueueArn::new("arn:aws:sqs:us-east-1:1:orders.fifo").unwrap();
    let origin = MessageId::new(format!("m-{n}")).unwrap();
    let id = LetterId::derive(&source, &origin);
    Letter { id, origin, source, group: Some("g".to_owned()), sequence: Some(n.to_string()), ..letter }
}

fn id(n: usize) -> LetterId {
    letter(n).id
}

/// A job that has planned these letters, all of which stand behind others; `ended`: it has looked through its selection.
fn job(letters: &[usize], ended: bool) -> (Job, Vec<JobBatch>) {
    let selection = Selection::Filter(Filter { error_code: Some("c".to_owned()), ..Filter::default() });
    let guard = Guard { canary: 0, outcome_seconds: 60, ..Guard::default() };
    let asked = NewJob { id: None, selection, to: None, guard, by: "ann".to_owned(), why: None, edit: None };
    let job = Job::new(JobId::from_random(1), asked, NOW);
    let walk = JobCursor { ended, ..JobCursor::default() };
    let batch = JobBatch::new(job.id, 0, letters.iter().map(|n| JobEntry::planned(id(*n))).collect(), walk, NOW);
    let behind =
        |line: &JobEntry| JobEntry { disposition: Disposition::Behind, group: Some("g".to_owned()), ..line.clone() };
    let batch = JobBatch { lines: batch.lines.iter().map(behind).collect(), ..batch };
    (steps::plan(&job, &batch, NOW).unwrap(), vec![batch])
}

fn heads(letters: &[usize]) -> Option<Arc<GroupLeaders>> {
    let mut heads = GroupLeaders::default();
    letters.iter().for_each(|n| heads.add(&Candidate::of(&letter(*n))));
    Some(Arc::new(heads))
}

fn queue(letters: &[usize], ended: bool, shown: &[usize]) -> (Job, Vec<JobBatch>, GroupQueue) {
    let (job, open) = job(letters, ended);
    let queue = GroupQueue::of(&job, &open, heads(shown));
    (job, open, queue)
}

fn disposition(queue: &GroupQueue, head: &Letter) -> Disposition {
    queue.line(id(2), Some("g".to_owned()), Some(&GroupHead::of(head)), NOW).disposition
}

#[test]
fn heads_are_read_only_while_the_job_runs_and_a_letter_of_it_stands_behind_another() {
    let (job, open) = job(&[2], true);
    assert!(GroupQueue::needs_heads(&job, &open));
    assert!(!GroupQueue::needs_heads(&job, &[]));
    assert!(!GroupQueue::needs_heads(&steps::pause(&job, "ann", None, NOW).unwrap(), &open));
}

#[test]
fn the_ledger_is_asked_about_heads_that_do_not_stand_behind_others_themselves() {
    let (_, open) = job(&[2, 3], true);
    let asked = |shown: &[usize]| GroupQueue::heads_to_ask(&open, &heads(shown).unwrap());
    assert_eq!(asked(&[1, 2, 3]), BTreeSet::from([id(1)]));
    assert_eq!(asked(&[2, 3]), BTreeSet::new(), "2 has its turn by now");
}

#[test]
fn a_letter_has_its_turn_once_it_is_the_head_of_its_group_or_nobody_is() {
    let (job, open, queue) = queue(&[2, 3], false, &[2, 3]);
    let lines = &open[0].lines;
    assert!(queue.has_its_turn(&lines[0]));
    assert!(!queue.has_its_turn(&lines[1]));
    assert!(GroupQueue { heads: heads(&[]), ..queue.clone() }.has_its_turn(&lines[1]));
    let sent = lines[0].with(Disposition::Sent);
    assert!(!queue.has_its_turn(&sent), "only what stood behind another has to pay for its turn");
    assert!(queue.concerns(&lines[0], &job, true));
    assert!(!queue.concerns(&lines[0], &job, false), "the job may send none");
    assert!(!queue.concerns(&lines[1], &job, true));
}

#[test]
fn nothing_is_given_up_while_the_job_has_others_to_plan() {
    let (_, _, moving) = queue(&[2], false, &[1]);
    assert!(!moving.gives_up());
}

#[test]
fn what_waits_behind_anothers_letter_is_given_up_when_nothing_else_of_the_job_is_left() {
    let (job, open, queue) = queue(&[2, 3], true, &[1]);
    assert!(queue.gives_up());
    assert!(!queue.is_jammed(&job), "it has looked through its selection");
    assert!(open[0].lines.iter().all(|line| queue.concerns(line, &job, false)));
    assert_eq!(disposition(&queue, &letter(1)), Disposition::HeldUp);
    assert_eq!(disposition(&queue, &letter(3)), Disposition::Behind, "3 is the job's own");
    let note = queue.line(id(2), None, Some(&GroupHead::of(&letter(1))), NOW).note;
    assert_eq!(note, Some(format!("behind letter {}, which is PENDING", id(1))));
    assert_eq!(queue.line(id(2), None, None, NOW).disposition, Disposition::Behind, "its head could not be read");
}

#[test]
fn a_letter_waits_behind_a_sent_one_for_as_long_as_its_outcome_may_come() {
    let (_, _, queue) = queue(&[2], true, &[1]);
    let head = |sent, status| GroupHead { id: id(1), status, sent };
    let disposition = |head| queue.line(id(2), None, Some(&head), NOW).disposition;
    let (old, young) = (Timestamp::from_millis(1_000_000 - 60_001), Timestamp::from_millis(1_000_000 - 60_000));
    assert_eq!(disposition(head(Some(young), Status::Replayed)), Disposition::Behind);
    assert_eq!(disposition(head(Some(old), Status::Replayed)), Disposition::HeldUp);
    assert_eq!(disposition(head(None, Status::Replaying)), Disposition::HeldUp);
    assert_eq!(disposition(head(None, Status::Resolved)), Disposition::Behind, "its turn has come");
}

/// A job that has planned as many batches as it may, and has not looked through its selection.
fn jammed() -> (Job, Vec<JobBatch>) {
    let (mut job, open) = job(&[2], false);
    let mut batches = open.clone();
    while !job.is_held_up(&batches) {
        let batch = JobBatch { n: job.batches, ..open[0].clone() };
        job = steps::plan(&job, &batch, NOW).unwrap();
        batches.push(batch);
        assert!(batches.len() < 10_000, "a job plans only so far ahead");
    }
    (job, batches)
}

#[test]
fn a_jammed_job_plans_its_own_letters_that_stand_before_others_out_of_turn() {
    let (job, open) = jammed();
    let queue = GroupQueue::of(&job, &open, heads(&[1, 2]));
    assert!(queue.is_jammed(&job));
    assert_eq!(queue.heads_ahead(&open), [id(1)]);
    let known = |letter: Letter| Letter { fingerprint: "c".to_owned(), ..letter };
    assert_eq!(GroupQueue::ahead_of(&job, &[known(letter(1))]), [id(1)]);
    let later = Letter { sent_at: NOW, ..letter(1) };
    let reason = crate::letters::letter::Reason { last_failed_at: NOW.after(CLOCK_SKEW * 2), ..later.reason.clone() };
    assert!(GroupQueue::ahead_of(&job, &[Letter { reason, ..later }]).is_empty(), "it died after the job was made");
    let done = Letter { status: Status::Replayed, ..letter(1) };
    assert!(GroupQueue::ahead_of(&job, &[done]).is_empty());
}

#[test]
fn a_jammed_job_is_held_up_only_by_heads_that_were_read_and_are_not_its_own() {
    let (job, open) = jammed();
    let queue = GroupQueue::of(&job, &open, heads(&[1])).behind_unowned(BTreeSet::from([id(1)]));
    assert!(queue.gives_up());
    assert!(!queue.is_jammed(&job));
    assert_eq!(disposition(&queue, &letter(1)), Disposition::HeldUp);
    assert_eq!(disposition(&queue, &letter(9)), Disposition::Behind, "nobody has looked whose 9 is");
}

#[test]
fn letters_that_were_just_planned_are_never_given_up() {
    let (job, _) = job(&[2], true);
    let queue = GroupQueue::planned(&job);
    assert!(!queue.gives_up());
    assert_eq!(queue.line(id(2), None, None, NOW).disposition, Disposition::Behind);
}
