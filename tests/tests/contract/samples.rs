//! Keys, requests and entries that no other test has.

use std::sync::LazyLock;
use std::time::SystemTime;

use redrive_core::fault::Class;
use redrive_core::ids::{Enqueue, LetterId, MessageId, OwnerToken, QueueArn, ReplayNumber, Scope, SendId};
use redrive_core::message::key::{Key, LedgerKey, PayloadHash};
use redrive_core::ports::{CommitError, Ledger, LedgerReader as _, WriteError};
use redrive_core::processing::ledger::{
    Attempt, Changed, Claim, ClaimRequest, DeadEnqueues, EnqueueRecord, Entry, EntryWrite, Expect, LastFault, Origin,
};
use redrive_core::processing::ledger::{ClaimRefusal, ClaimStep, EntryState, Settlement, Settling, claim, settle};
use redrive_core::time::Timestamp;
use uuid::Uuid;

use crate::stores::Store;

pub(crate) type Written = Result<(), WriteError<Entry>>;

/// The start of the day after tomorrow: what expires in a test does so from then on, so that the stage's own clock
/// does not delete it meanwhile.
static START: LazyLock<u64> = LazyLock::new(|| {
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).expect("it is after 1970");
    (now.as_secs() / 86_400 + 2) * 86_400_000
});

/// So many milliseconds after the start of the test.
pub(crate) fn at(millis: u64) -> Timestamp {
    Timestamp::from_millis(*START + millis)
}

pub(crate) fn unique() -> String {
    Uuid::new_v4().to_string()
}

pub(crate) fn token() -> OwnerToken {
    OwnerToken::from_random(Uuid::new_v4().as_u128())
}

pub(crate) fn key() -> LedgerKey {
    LedgerKey::owned(&Scope::new("contract").expect("a scope"), &Key::new(unique()).expect("a key"))
}

pub(crate) fn enqueue() -> Enqueue {
    Enqueue { message_id: MessageId::new(unique()).expect("an id"), sent_at: at(1) }
}

pub(crate) fn queue() -> QueueArn {
    QueueArn::new("arn:aws:sqs:us-east-1:000000000000:contract").expect("an ARN")
}

/// An entry of version 1 that was just claimed.
pub(crate) fn entry() -> Entry {
    Entry {
        state: EntryState::InProgress,
        owner: token(),
        lease_until: at(10_000),
        hash: PayloadHash::of_text("body"),
        version: 1,
        enqueues: vec![EnqueueRecord { enqueue: enqueue(), attempts: 1, dead: false, withdrawn: false }],
        send: None,
        fault: None,
        history: Vec::new(),
        withdrawn: Vec::new(),
        dead_enqueues: DeadEnqueues::default(),
        expires: at(60_000),
    }
}

/// An entry with everything that can be in it.
pub(crate) fn full() -> Entry {
    let enqueue = enqueue();
    Entry {
        state: EntryState::Failed,
        lease_until: Timestamp::NEVER,
        send: Some(SendId { letter: LetterId::derive(&queue(), &enqueue.message_id), number: ReplayNumber(4) }),
        fault: Some(LastFault {
            class: Class::Schema,
            code: "no-key".to_owned(),
            text: "„ünïcode“ 🚚 \u{7f}".to_owned(),
        }),
        withdrawn: [2, 7]
            .map(|number| SendId {
                letter: LetterId::derive(&queue(), &enqueue.message_id),
                number: ReplayNumber(number),
            })
            .into(),
        history: vec![Attempt {
            enqueue,
            at: at(17),
            class: Class::Timeout,
            code: String::new(),
            text: String::new(),
            origin: Origin { request_id: "r".to_owned(), ..Origin::default() },
        }],
        ..entry()
    }
}

/// A write of `entry` where nothing is.
pub(crate) fn first(key: &LedgerKey, entry: &Entry) -> EntryWrite {
    let expect = Expect::AbsentOrExpired(at(0));
    EntryWrite { key: key.clone(), entry: entry.clone(), expect, changed: Changed::All }
}

/// A write of what follows `entry` as it was read.
pub(crate) fn next(key: &LedgerKey, entry: &Entry) -> EntryWrite {
    let expect = Expect::Unchanged { version: entry.version, owner: entry.owner };
    let entry = Entry { version: entry.version + 1, ..entry.clone() };
    EntryWrite { key: key.clone(), entry, expect, changed: Changed::All }
}

pub(crate) async fn write<S: Store>(store: &S, writes: Vec<EntryWrite>) -> Vec<Written> {
    Ledger::<S::Effects>::write(store.ledger(), writes).await
}

pub(crate) async fn write_one<S: Store>(store: &S, one: EntryWrite) -> Written {
    write(store, vec![one]).await.pop().expect("one answer")
}

pub(crate) async fn read_one<S: Store>(store: &S, key: &LedgerKey) -> Option<Entry> {
    store.ledger().read(std::slice::from_ref(key)).await.expect("the ledger answers").pop().expect("one answer")
}

/// Returns the entry that stood there instead of the expected one.
pub(crate) fn instead(written: Written) -> Option<Entry> {
    match written {
        Err(WriteError::Condition(found)) => found.map(|entry| *entry),
        other => panic!("expected a failed condition, got {other:?}"),
    }
}

/// The wish of a new worker to run `body` under `key`, for another enqueue than any before.
pub(crate) fn request(key: &LedgerKey, body: &str, now: Timestamp) -> ClaimRequest {
    ClaimRequest {
        key: key.clone(),
        enqueue: enqueue(),
        hash: PayloadHash::of_text(body),
        send: None,
        token: token(),
        lease_until: Timestamp::from_millis(now.as_millis() + 10_000),
        limit: 2,
        expires: at(3_600_000),
        origin: Origin { request_id: unique(), function_version: "7".to_owned(), log_stream: "stream".to_owned() },
    }
}

/// Claims as a processor does: decides, writes, and decides again with what was found.
pub(crate) async fn run_claim<S: Store>(
    store: &S,
    request: &ClaimRequest,
    now: Timestamp,
) -> Result<Claim, ClaimRefusal> {
    let mut found = None;
    for _ in 0..20 {
        let (write, answer) = match claim(found.as_ref(), request, now) {
            ClaimStep::Claim(write, claim) => (write, Ok(*claim)),
            ClaimStep::MarkDead(write, refusal) => (write, Err(refusal)),
            ClaimStep::Won(claim) => return Ok(*claim),
            ClaimStep::Refused(refusal) => return Err(refusal),
        };
        match write_one(store, *write).await {
            Ok(()) => return answer,
            other => found = instead(other),
        }
    }
    panic!("the claim finds no end")
}

/// End of a settlement, as the store answered.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Ended {
    Written,
    AlreadyDone,
    Rejected,
}

/// Settles as a processor does, first against what the claim left.
pub(crate) async fn run_settle<S: Store>(
    store: &S,
    claim: &Claim,
    settlement: &Settlement,
    effects: S::Effects,
) -> Ended {
    let mut found = Some(claim.entry().clone());
    for _ in 0..20 {
        let write = match settle(found.as_ref(), claim, settlement, at(1_000), at(3_600_000)) {
            Settling::Write(write) => *write,
            Settling::Done => return Ended::AlreadyDone,
            Settling::Rejected => return Ended::Rejected,
        };
        let written = match settlement {
            Settlement::Complete => store.ledger().commit(write, &effects).await,
            Settlement::Fail(_) | Settlement::Release => write_one(store, write).await.map_err(|error| match error {
                WriteError::Condition(found) => CommitError::Condition(found),
                WriteError::Unavailable(why) => CommitError::Unavailable(why),
            }),
        };
        match written {
            Ok(()) => return Ended::Written,
            Err(CommitError::Condition(instead)) => found = instead.map(|entry| *entry),
            Err(CommitError::Conflict) => {}
            Err(error) => panic!("{error}"),
        }
    }
    panic!("the settlement finds no end")
}
