//! Replay, over a table that makes each letter when it is asked for it, and keeps only those that are claimed.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use redrive_core::ids::{Enqueue, JobId, LetterId, MessageId, OwnerToken, QueueArn, Scope};
use redrive_core::letters::cause::{Cause, Recorded};
use redrive_core::letters::edges::{self, ClaimTerms};
use redrive_core::letters::letter::{ErrorType, Letter, LetterWrite, Reason, Status};
use redrive_core::letters::listing::{Cursor, Listing, Page};
use redrive_core::letters::policy::Policy;
use redrive_core::letters::summary::{KeptSummary, WaitingSummary};
use redrive_core::message::decode::Reading;
use redrive_core::message::key::{Key, LedgerKey};
use redrive_core::ports::{
    Acts, Causes, Gauges, Jobs, LedgerMarker, LedgerReader, Letters, Outbox, Summaries, Turns, Unavailable, WriteError,
};
use redrive_core::processing::ledger::{DeadEnqueues, EnqueueRecord, Entry, EntryState, EntryWrite};
use redrive_core::replay::job::{AlarmState, Job, JobBatch, ListPart};
use redrive_core::replay::{ActRecord, Candidate, Filter, GroupTurn, Outgoing, ReplayOptions, Request, Selection};
use redrive_core::time::Timestamp;
use redrive_engine::{QueuePair, ReplayReport, ReplaySettings, Replayer};
use redrive_testkit::clock::{ORIGIN, VirtualClock, VirtualWorld};
use redrive_testkit::letters::waiting;
use tokio::runtime::Builder;
use tokio::time::{Instant, sleep};

use crate::{ALONE, MEMORY};

/// Every call takes this long, so that those that may overlap do.
const CALL: Duration = Duration::from_millis(5);
const HOUR: Duration = Duration::from_secs(3_600);

fn source() -> QueueArn {
    QueueArn::new("arn:aws:sqs:us-east-1:1:q").unwrap()
}

fn policy() -> Policy {
    Policy {
        rules: Vec::new(),
        cool_down: HOUR,
        max_deaths: 3,
        resolved_retention: HOUR,
        body_retention: HOUR,
        outcome_after: 400 * HOUR,
    }
}

/// State of a letter that nobody holds.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Stands {
    Pending,
    Replayed,
    Resolved,
}

struct Table {
    stands: Vec<Stands>,
    claimed: HashMap<usize, Letter>,
    /// Number of sends of each letter's message.
    sent: Vec<u8>,
}

/// A table, its ledger and the queue: one byte and one more for each letter.
#[derive(Clone)]
struct Endless {
    table: Arc<Mutex<Table>>,
}

fn id(n: usize) -> LetterId {
    LetterId::parse(&format!("00000000-0000-5000-8000-{n:012x}")).unwrap()
}

fn number(id: LetterId) -> usize {
    usize::from_str_radix(&id.to_string()[24..], 16).unwrap()
}

fn pending(n: usize) -> Letter {
    let numbers = vec!["1"; 250].join(",");
    let (payload, died) = (format!("{{\"order_id\":\"o-{n}\",\"numbers\":[{numbers}]}}"), ORIGIN);
    let reason = Reason {
        error_type: ErrorType::Transient,
        error_code: Some("later".to_owned()),
        error_message: "not yet".to_owned(),
        attempt_count: 1,
        first_failed_at: died,
        last_failed_at: died,
        attempts: Vec::new(),
    };
    let enqueue = Enqueue { message_id: MessageId::new(format!("m-{n}")).unwrap(), sent_at: died };
    Letter {
        id: id(n),
        key: Key::new(format!("o-{n}")).ok(),
        key_is_stable: true,
        due: died,
        ..waiting(source(), Scope::new("main").unwrap(), enqueue, &payload, reason)
    }
}

/// The same when it was sent once.
fn replayed(n: usize) -> Letter {
    let (letter, token) = (pending(n), OwnerToken::from_random(1));
    let key = letter.key.clone();
    let held = edges::claim(&letter, token, ClaimTerms { key, ..ClaimTerms::default() }, "once", HOUR, ORIGIN).unwrap();
    edges::mark_sent(&held, (token, held.number), MessageId::new("sent").unwrap(), "once", &policy(), ORIGIN).unwrap()
}

impl Endless {
    fn new(count: usize) -> Self {
        let table = Table { stands: vec![Stands::Pending; count], claimed: HashMap::new(), sent: vec![0; count] };
        Self { table: Arc::new(Mutex::new(table)) }
    }

    fn table(&self) -> MutexGuard<'_, Table> {
        self.table.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn count(&self, stands: Stands) -> usize {
        self.table().stands.iter().filter(|one| **one == stands).count()
    }
}

impl Table {
    fn letter(&self, n: usize) -> Option<Letter> {
        if let Some(letter) = self.claimed.get(&n) {
            return Some(letter.clone());
        }
        match self.stands.get(n)? {
            Stands::Pending => Some(pending(n)),
            Stands::Replayed => Some(replayed(n)),
            Stands::Resolved => None,
        }
    }

    fn write(&mut self, write: LetterWrite) -> Result<(), WriteError<Letter>> {
        let n = number(write.letter.id);
        let found = self.letter(n);
        if !write.holds(found.as_ref()) {
            return Err(WriteError::Condition(found.map(Box::new)));
        }
        self.claimed.remove(&n);
        self.stands[n] = match write.letter.status {
            Status::Replaying => {
                self.claimed.insert(n, write.letter);
                return Ok(());
            }
            Status::Replayed => Stands::Replayed,
            Status::Resolved => Stands::Resolved,
            other => panic!("nothing makes it {other:?}"),
        };
        Ok(())
    }
}

/// Number of lanes of a listing, as many as the real table has.
const LANES: u8 = 16;

impl Letters for Endless {
    async fn read(&self, ids: &[LetterId]) -> Result<Vec<Option<Letter>>, Unavailable> {
        sleep(CALL).await;
        let table = self.table();
        Ok(ids.iter().map(|id| table.letter(number(*id))).collect())
    }

    async fn write(&self, writes: Vec<LetterWrite>) -> Vec<Result<(), WriteError<Letter>>> {
        sleep(CALL).await;
        let mut table = self.table();
        writes.into_iter().map(|write| table.write(write)).collect()
    }

    async fn scan(&self, listing: Listing<'_>, from: Cursor, limit: usize) -> Result<Page, Unavailable> {
        sleep(CALL).await;
        let wanted = match listing {
            Listing::Status { status: Status::Pending, .. } => Stands::Pending,
            Listing::Status { status: Status::Replayed, .. } => Stands::Replayed,
            _ => return Ok(Page::default()),
        };
        let (table, lanes) = (self.table(), usize::from(LANES));
        let first = from.after().map_or(usize::from(from.lane()), |after| number(after.id) + lanes);
        let of_lane = (first..table.stands.len()).step_by(lanes);
        let found = of_lane.filter(|n| table.stands[*n] == wanted && !table.claimed.contains_key(n));
        let letter = |n| if wanted == Stands::Pending { pending(n) } else { replayed(n) };
        let candidates: Vec<_> = found.map(|n| Candidate::of(&letter(n))).take(limit).collect();
        let more = candidates.len() == limit;
        Ok(Page::new(listing, from, candidates, more, LANES))
    }

    fn lanes(&self) -> Vec<Cursor> {
        (0..LANES).map(Cursor::of_lane).collect()
    }
}

/// Store without any cause.
impl Causes for Endless {
    async fn record(&self, sightings: Vec<Cause>, _: Timestamp) -> Vec<Result<Recorded, Unavailable>> {
        vec![Ok(Recorded::Known); sightings.len()]
    }

    async fn erase_example(&self, _: &QueueArn, _: &str, _: LetterId) -> Result<(), Unavailable> {
        Ok(())
    }

    async fn causes(&self, _: &QueueArn, _: Option<String>, _: usize) -> Result<(Vec<Cause>, bool), Unavailable> {
        Ok((Vec::new(), false))
    }
}

impl Turns for Endless {
    async fn turn(&self, _: &QueueArn, _: &str) -> Result<Option<GroupTurn>, Unavailable> {
        Ok(None)
    }

    async fn write_turn(&self, _: GroupTurn) -> Result<(), WriteError<GroupTurn>> {
        Ok(())
    }
}

/// Store that keeps no act.
impl Acts for Endless {
    async fn keep_act(&self, _: ActRecord) -> Result<(), Unavailable> {
        Ok(())
    }

    async fn acts(&self, _: Timestamp, _: Timestamp, _: usize) -> Result<Vec<ActRecord>, Unavailable> {
        Ok(Vec::new())
    }
}

/// Store that keeps no summary.
impl Summaries for Endless {
    async fn keep_summary(&self, _: WaitingSummary) -> Result<(), Unavailable> {
        Ok(())
    }

    async fn drop_summary(&self) -> Result<(), Unavailable> {
        Ok(())
    }

    async fn summary(&self) -> Result<Option<KeptSummary>, Unavailable> {
        Ok(None)
    }
}

/// Store without any job.
impl Jobs for Endless {
    async fn job(&self, _: JobId) -> Result<Option<Job>, Unavailable> {
        Ok(None)
    }

    async fn batches(&self, _: JobId, _: u32) -> Result<Vec<JobBatch>, Unavailable> {
        Ok(Vec::new())
    }

    async fn jobs(&self, _: bool, _: usize) -> Result<Vec<JobId>, Unavailable> {
        Ok(Vec::new())
    }

    async fn write_job(&self, _: Job) -> Result<(), WriteError<Job>> {
        Ok(())
    }

    async fn write_batch(&self, _: JobBatch) -> Result<(), WriteError<JobBatch>> {
        Ok(())
    }

    async fn list_part(&self, _: JobId, _: u32) -> Result<Option<ListPart>, Unavailable> {
        Ok(None)
    }

    async fn write_list_part(&self, _: ListPart) -> Result<(), WriteError<ListPart>> {
        Ok(())
    }
}

/// The consumer has completed whatever was sent.
impl LedgerMarker for Endless {
    async fn withdraw(&self, writes: Vec<EntryWrite>) -> Vec<Result<(), WriteError<Entry>>> {
        writes.iter().map(|_| Ok(())).collect()
    }
}

impl LedgerReader for Endless {
    async fn read(&self, keys: &[LedgerKey]) -> Result<Vec<Option<Entry>>, Unavailable> {
        sleep(CALL).await;
        let table = self.table();
        let entry = |key: &LedgerKey| {
            let n: usize = key.as_str().rsplit_once("o-")?.1.parse().ok()?;
            (table.sent[n] > 0).then(|| {
                let letter = pending(n);
                Entry {
                    state: EntryState::Completed,
                    owner: OwnerToken::from_random(1),
                    lease_until: Timestamp::NEVER,
                    hash: letter.hash,
                    version: 2,
                    enqueues: vec![EnqueueRecord {
                        enqueue: letter.enqueue,
                        attempts: 1,
                        dead: false,
                        withdrawn: false,
                    }],
                    send: None,
                    fault: None,
                    history: Vec::new(),
                    withdrawn: Vec::new(),
                    dead_enqueues: DeadEnqueues::default(),
                    expires: ORIGIN.after(10_000 * HOUR),
                }
            })
        };
        Ok(keys.iter().map(entry).collect())
    }
}

impl Outbox for Endless {
    async fn send(&self, messages: Vec<Outgoing>) -> Result<Vec<Result<MessageId, String>>, Unavailable> {
        sleep(CALL).await;
        let mut table = self.table();
        messages.iter().for_each(|message| table.sent[number(message.letter)] += 1);
        Ok(messages.iter().map(|_| Ok(MessageId::new("sent").unwrap())).collect())
    }
}

impl Gauges for Endless {
    async fn backlog(&self) -> Result<u64, Unavailable> {
        Ok(0)
    }

    async fn alarm(&self, _: &str) -> Result<AlarmState, Unavailable> {
        Ok(AlarmState::Quiet)
    }
}

/// Returns the peak of memory above the table that replaying so many letters needs: by the schedule, until all are
/// found done, or as somebody asked for all of a kind.
fn replayed_peak(count: usize, by_schedule: bool) -> usize {
    let (lease, reserve) = (Duration::from_secs(90), Duration::from_secs(10));
    let settings = ReplaySettings { lease, ledger_retention: 9_000 * HOUR, reserve };
    let reading = Reading::new(source(), Scope::new("main").unwrap());
    let filter = Filter { error_code: Some("later".to_owned()), ..Filter::default() };
    let asked = Request::Replay {
        selection: Selection::Filter(filter),
        by: "ann".to_owned(),
        options: ReplayOptions::default(),
    };
    let request = if by_schedule { Request::Schedule } else { asked };
    let runtime = Builder::new_current_thread().enable_time().start_paused(true).build().unwrap();
    runtime.block_on(async {
        let table = Endless::new(count);
        let (world, all) = (VirtualWorld::new(VirtualClock::new(), 7), table.clone());
        let pair = QueuePair::new(reading, policy(), table.clone(), table.clone(), table.clone());
        let replayer = Replayer::new(table.clone(), world, settings, vec![pair]);
        sleep(Duration::from_secs(60)).await;
        let (mut told, mut runs) = (ReplayReport::default(), 0);
        let before = MEMORY.current_usage();
        MEMORY.reset_peak_usage();
        while all.count(Stands::Pending) > 0 || by_schedule && all.count(Stands::Replayed) > 0 {
            let report = replayer.run(&request, Instant::now() + Duration::from_secs(900)).await.unwrap();
            told = told.and(&report.together());
            runs += 1;
            assert!(runs <= 3 + count / 10_000, "{told:?}");
        }
        let peak = MEMORY.peak_usage().saturating_sub(before);
        assert_eq!((told.sent, told.in_doubt, told.unavailable), (count, 0, 0), "{told:?}");
        assert_eq!(told.resolved, if by_schedule { count } else { 0 }, "{told:?}");
        assert!(all.table().sent.iter().all(|copies| *copies == 1), "each was sent once");
        peak
    })
}

/// `LETTERS=1000000 cargo test --release -p redrive-tests --test memory -- --nocapture replay` asks for as many.
fn many() -> usize {
    std::env::var("LETTERS").map_or(20_000, |letters| letters.parse().unwrap())
}

fn flat(by_schedule: bool) {
    let _alone = ALONE.lock().unwrap_or_else(PoisonError::into_inner);
    let full = 100 * usize::from(LANES);
    let [few, step, more] = [1_000, full, many()].map(|count| replayed_peak(count, by_schedule));
    eprintln!("replaying 1,000: {few} bytes at the peak; {full}, a full step of each lane: {step}; {}: {more}", many());
    assert!(more < step + step / 4, "{step} bytes at the peak of {full} letters, and {more} of {}", many());
}

#[test]
fn a_schedules_replay_of_many_letters_needs_no_more_than_that_of_a_thousand() {
    flat(true);
}

#[test]
fn a_replay_of_many_letters_on_request_needs_no_more_than_that_of_a_thousand() {
    flat(false);
}
