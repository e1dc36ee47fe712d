//! Letters, a ledger and jobs that look like an incident, always the same.
#![allow(
    clippy::unwrap_used,
    clippy::missing_panics_doc,
    reason = "samples that do not hold fail the tests that use them"
)]

use std::time::Duration;

use redrive_core::fault::Class;
use redrive_core::ids::{Enqueue, JobId, LetterId, MessageId, OwnerToken, QueueArn, ReplayNumber, Scope};
use redrive_core::letters::edges;
use redrive_core::letters::exact_message::{EXACT_MESSAGE, ExactMessage};
use redrive_core::letters::exact_record::{EXACT, ExactRecord};
use redrive_core::letters::letter::{
    AttributesHash, Edited, ErrorType, Event, EventKind, Form, Letter, Reason, Send, Status,
};
use redrive_core::letters::policy::Policy;
use redrive_core::message::broker_record::{
    AmqpTable, AmqpValue, KafkaHeader, KafkaPosition, KafkaRecord, RabbitProperties,
};
use redrive_core::message::envelope::{Attribute, AttributeValue};
use redrive_core::message::key::{Key, LedgerKey, PayloadHash};
use redrive_core::message::trace_context::TraceContext;
use redrive_core::ports::Jobs;
use redrive_core::processing::ledger::{Attempt, DeadEnqueues, EnqueueRecord, Entry, EntryState, LastFault, Origin};
use redrive_core::replay::job::{
    Account, Disposition, Guard, Job, JobBatch, JobCursor, JobEntry, JobEvent, JobState, NewJob, SentLetter, Stop,
};
use redrive_core::replay::{Filter, Selection};
use redrive_core::time::Timestamp;
use redrive_testkit::letters::waiting;
use redrive_testkit::{ModelLedger, ModelLetters};

use crate::acts::{ActMatter, RecentAct};
use crate::jobs::JobOverview;

/// Time at which everything is looked at: 2026-11-22 13:00 UTC.
pub const NOW: Timestamp = Timestamp::from_millis(1_795_352_400_000);

/// Makes the default policy.
pub fn policy() -> Policy {
    let day = Duration::from_secs(86_400);
    Policy {
        rules: Vec::new(),
        cool_down: Duration::from_secs(300),
        max_deaths: 3,
        resolved_retention: 90 * day,
        body_retention: 90 * day,
        outcome_after: 19 * day,
    }
}

/// ARN of another queue.
pub const REFUNDS: &str = "arn:aws:sqs:eu-west-1:123456789012:refunds";

fn before(minutes: u64) -> Timestamp {
    Timestamp::from_millis(NOW.as_millis() - minutes * 60_000)
}

fn enqueue(n: u64, at: Timestamp) -> Enqueue {
    Enqueue { message_id: MessageId::new(format!("00000000-0000-4000-8000-{n:012}")).unwrap(), sent_at: at }
}

fn origin(n: u64) -> Origin {
    Origin {
        request_id: format!("11111111-1111-4111-8111-{n:012}"),
        function_version: "41".to_owned(),
        log_stream: format!("2026/11/22/[41]{n:032x}"),
    }
}

fn letter(n: u64, class: Class, code: Option<&str>, message: &str, minutes: u64) -> Letter {
    let source = QueueArn::new("arn:aws:sqs:eu-west-1:123456789012:orders").unwrap();
    let enqueue = enqueue(n, before(minutes + 1));
    let failed = before(minutes);
    let attempt = Attempt {
        enqueue: enqueue.clone(),
        at: failed,
        class,
        code: code.unwrap_or_default().to_owned(),
        text: message.to_owned(),
        origin: origin(n),
    };
    let event = |at, what, who: &str| Event { at, what, who: who.to_owned(), note: None, attempt: None };
    let failure = Event { attempt: Some(attempt), ..event(failed, EventKind::AttemptFailed, "processor") };
    let reason = Reason {
        error_type: class.into(),
        error_code: code.map(str::to_owned),
        error_message: message.to_owned(),
        attempt_count: 1,
        first_failed_at: failed,
        last_failed_at: failed,
        attempts: Vec::new(),
    };
    let payload = format!(r#"{{"order_id":"o-{n}","customer_id":"c-1","amount_minor":1250,"currency":"CHF"}}"#);
    let attributes = [("type".to_owned(), Attribute::text("charge"))].into();
    Letter {
        moved_from: Some(source.clone()),
        attributes_hash: Some(AttributesHash::of(&attributes)),
        attributes,
        key: Key::new(format!("o-{n}")).ok(),
        key_is_stable: true,
        history: vec![failure, event(before(minutes.saturating_sub(1)), EventKind::Indexed, "indexer")].into(),
        ..waiting(source, Scope::new("main").unwrap(), enqueue, &payload, reason)
    }
}

/// A whole incident: several causes, among them one from a foreign consumer without codes, and hostile texts.
pub fn letters() -> Vec<Letter> {
    let mut all: Vec<_> = (0..37)
        .map(|n| letter(n, Class::Permanent, Some("currency"), "Currency CHF is not supported", 180 - n * 4))
        .collect();
    let hostile = "expected value at line 1 column 1 \u{1b}[2J\u{7}\u{202e}evil";
    all.extend((100..112).map(|n| letter(n, Class::Schema, Some("not-json"), hostile, n)));
    all.extend(
        (200..203).map(|n| letter(n, Class::Timeout, None, "deadline of 30 s was over — 決済 did not answer", n)),
    );
    let code = "a-code-that-somebody-made-far-too-long-for-any-table-of-eighty-columns";
    all.push(letter(300, Class::Transient, Some(code), &"no row yet, ".repeat(30), 90_000));
    all.push(letter(301, Class::Permanent, Some("amount"), "", 2));
    for (n, code) in [(302, "c-1"), (303, "c-2")] {
        all.push(letter(n, Class::Permanent, Some(code), "one of many", 5));
    }
    all.push(Letter { status: Status::Discarded, ..letter(400, Class::Schema, Some("not-json"), "x", 9) });
    all.push(Letter { status: Status::Replayed, ..letter(401, Class::Timeout, None, "slow", 9) });
    all
}

/// Makes more letters of one cause than a page of every shard holds.
pub fn many(letters: u64) -> impl Iterator<Item = Letter> {
    (1_000..1_000 + letters).map(|n| letter(n, Class::Permanent, Some("currency"), "Currency JPY is not supported", 7))
}

/// A letter of a Kafka topic: its key is no text, and one of its headers is there twice.
#[must_use]
pub fn of_topic() -> Letter {
    let position = KafkaPosition { topic: "orders".to_owned(), partition: 3, offset: 17 };
    let header =
        |name: &str, value: Option<&[u8]>| KafkaHeader { name: name.to_owned(), value: value.map(<[u8]>::to_vec) };
    let headers = vec![header("trace", Some(b"t-1")), header("trace", Some(&[0xff])), header("tenant", None)];
    let letter = letter(7, Class::Permanent, Some("currency"), "Currency CHF is not supported", 200);
    let value = Some(letter.payload.clone().into_bytes());
    let record = KafkaRecord { key: Some(vec![0xfe, 1]), value, headers, ..KafkaRecord::at(position.clone()) };
    let source = QueueArn::new("kafka://shop/orders").unwrap();
    let origin = position.message_id();
    Letter {
        id: LetterId::derive(&source, &origin),
        partition: Some("3".to_owned()),
        offset: Some("17".to_owned()),
        attributes: [(EXACT.to_owned(), ExactRecord::of(&record).to_attribute())].into(),
        source,
        origin,
        ..letter
    }
}

/// A letter of a RabbitMQ queue that another consumer has rejected.
#[must_use]
pub fn of_rabbitmq() -> Letter {
    let table = |entries: Vec<(&str, AmqpValue)>| {
        AmqpTable(entries.into_iter().map(|(name, value)| (name.to_owned(), value)).collect())
    };
    let death = table(vec![
        ("count", AmqpValue::Int(2)),
        ("exchange", AmqpValue::text("shop")),
        ("queue", AmqpValue::text("orders")),
        ("reason", AmqpValue::text("rejected")),
        ("routing-keys", AmqpValue::Array(vec![AmqpValue::text("placed")])),
    ]);
    let deaths = AmqpValue::Array(vec![AmqpValue::Table(death)]);
    let headers = table(vec![("seal", AmqpValue::Bytes(vec![0xff])), ("x-death", deaths)]);
    let properties = RabbitProperties { message_id: Some("m-1".to_owned()), ..RabbitProperties::default() };
    let letter = letter(8, Class::Permanent, Some("currency"), "Currency CHF is not supported", 200);
    let exact = ExactMessage { properties, headers, is_text: true };
    let source = QueueArn::new("rabbitmq://shop/orders").unwrap();
    let origin = MessageId::new("m-1~00").unwrap();
    Letter {
        id: LetterId::derive(&source, &origin),
        attributes: [(EXACT_MESSAGE.to_owned(), exact.to_attribute())].into(),
        source,
        origin,
        ..letter
    }
}

/// A letter with everything that can be in it.
pub fn full() -> Letter {
    let mut letter = letter(7, Class::Permanent, Some("currency"), "Currency CHF is not supported", 200);
    let job = JobId::from_random(9);
    let send = |number, message_id: Option<&str>, job| Send {
        number: ReplayNumber(number),
        key: letter.key.clone(),
        hash: letter.hash.clone(),
        message_id: message_id.and_then(MessageId::new),
        at: before(100),
        job,
        to: None,
        edited: None,
    };
    let destination = Send { to: QueueArn::parse(REFUNDS), ..send(2, None, Some(job)) };
    letter.sends = vec![send(1, Some("00000000-0000-4000-8000-000000000999"), None), destination].into();
    let attributes = [
        ("type".to_owned(), Attribute::text("charge")),
        ("weird\u{1b}]0;title\u{7}".to_owned(), Attribute::text("a\tb")),
        (
            "trace".to_owned(),
            Attribute { data_type: "Binary.png".to_owned(), value: AttributeValue::Binary(vec![0, 159, 255]) },
        ),
    ];
    letter.attributes = attributes.into();
    letter.attributes_hash = Some(AttributesHash::of(&letter.attributes));
    letter.deaths = 2;
    letter.number = ReplayNumber(2);
    letter.trace = TraceContext::parse("00-6937f5c94bf92f3577b34da6a3ce929d-00f067aa0ba902b7-01");
    letter.resolution_note = Some("producer told\u{7}".to_owned());
    letter.group = Some("customer-1".to_owned());
    let noted = Event {
        at: before(10),
        what: EventKind::Noted,
        who: "ann@desk".to_owned(),
        note: Some("waits for version 42, see the long account of it that somebody wrote down in the wiki".to_owned()),
        attempt: None,
    };
    letter.history.push(noted);
    letter
}

/// The same, edited since.
pub fn edited(lost: Option<String>) -> Letter {
    let mut letter = full();
    let payload = if lost.is_some() { "" } else { &*letter.payload.replace("CHF", "EUR\u{1b}[2J") };
    let (hash, whole) = (PayloadHash::of_text("its hashed places"), PayloadHash::of_text("all of it"));
    letter.sends[1].edited = Some(whole.clone());
    let edited = Edited { payload: payload.to_owned(), hash, whole, by: "ann@desk".to_owned(), at: before(100), lost };
    edges::prepare_edit(letter, edited)
}

/// Makes the ledger entry of a letter.
pub fn entry(letter: &Letter) -> Entry {
    Entry {
        state: EntryState::Failed,
        owner: OwnerToken::from_random(1),
        lease_until: Timestamp::NEVER,
        hash: letter.hash.clone(),
        version: 3,
        enqueues: vec![EnqueueRecord { enqueue: letter.enqueue.clone(), attempts: 1, dead: true, withdrawn: false }],
        send: None,
        fault: Some(LastFault {
            class: Class::Permanent,
            code: "currency".to_owned(),
            text: "Currency CHF is not supported".to_owned(),
        }),
        history: Vec::new(),
        withdrawn: Vec::new(),
        dead_enqueues: DeadEnqueues::default(),
        expires: NOW.after(Duration::from_secs(14 * 86_400)),
    }
}

/// A job in some state, with the fates of its letters.
pub fn job(n: u128, state: JobState, dispositions: &[(Disposition, u32)]) -> JobOverview {
    let filter = Filter { error_type: Some(ErrorType::Permanent), ..Filter::default() };
    let request = NewJob {
        id: None,
        selection: Selection::Filter(filter),
        to: None,
        guard: Guard::default(),
        by: "arn:aws:sts::123456789012:assumed-role/on-call/ann".to_owned(),
        why: Some("fixed in 42".to_owned()),
        edit: None,
    };
    let mut job = Job::new(JobId::from_random(n), request, before(30));
    let why = if let JobState::Stopped { why } = &state { Some(why.to_string()) } else { None };
    let event = JobEvent { at: before(20), became: state.as_str().to_owned(), who: job.name(), why, version: 0 };
    job.history.push(event);
    job.closed_at = (!state.runs()).then(|| before(10));
    job.state = state;
    job.letters = Some(2_980);
    job.walk.ended = matches!(job.state, JobState::Done);
    let known =
        dispositions.iter().fold(Account::default(), |sum, (disposition, n)| sum.and((0..*n).map(|_| *disposition)));
    JobOverview { job, known }
}

/// Acts of the last hour, the latest first.
pub fn acts() -> Vec<RecentAct> {
    let act = |minutes, who: &str, action: &str, letters, why: &str| RecentAct {
        at: before(minutes),
        who: who.to_owned(),
        what: ActMatter::Letters(action.to_owned(), letters),
        why: Some(why.to_owned()),
    };
    let paused = ActMatter::Job(JobId::from_random(1), "PAUSED".to_owned());
    vec![
        act(3, "bob", "restore", 2, "ours after all"),
        RecentAct { at: before(7), who: "ann".to_owned(), what: paused, why: Some("the bank is down".to_owned()) },
        act(12, "arn:aws:sts::123456789012:assumed-role/on-call/ann", "discard", 230, "test orders"),
        act(40, "bob", "note", 1, "waits for version 42"),
    ]
}

/// Jobs of every kind of end.
pub fn jobs() -> Vec<JobOverview> {
    let mut jobs = vec![
        job(1, JobState::Canary, &[(Disposition::Sent, 6), (Disposition::Resolved, 4)]),
        job(
            2,
            JobState::Ramping { step: 2, since: before(5) },
            &[(Disposition::Resolved, 812), (Disposition::Failing, 3)],
        ),
        job(3, JobState::Done, &[(Disposition::Resolved, 36), (Disposition::ResolvedBefore, 1)]),
        job(
            4,
            JobState::Stopped { why: Stop::FailedAgain { failed: 4, of: 10 } },
            &[(Disposition::FailedAgain, 4), (Disposition::Resolved, 6), (Disposition::NotReached, 27)],
        ),
    ];
    jobs[2].job.to = QueueArn::parse(REFUNDS);
    jobs[3].job.letters = Some(37);
    jobs
}

/// A job that stopped, with its letters: some that are done, some that failed again, of which one is not back, and one that SQS
/// refused.
pub async fn stopped(store: &ModelLetters, letters: &[Letter]) -> JobOverview {
    let why = Stop::FailedAgain { failed: 5, of: 10 };
    let JobOverview { job, .. } = job(6, JobState::Stopped { why }, &[]);
    let away = Letter { status: Status::Replayed, ..letters[37].clone() };
    store.force(away.clone());
    let line = |n: usize, disposition| JobEntry { disposition, ..JobEntry::planned(letters[n].id) };
    let sent = SentLetter {
        number: ReplayNumber(1),
        scope: away.scope.clone(),
        key: away.key.clone(),
        hash: away.hash.clone(),
        at: before(20),
    };
    let mut lines: Vec<_> = (0..4).map(|n| line(n, Disposition::FailedAgain)).collect();
    lines.extend((4..9).map(|n| line(n, Disposition::Resolved)));
    lines.push(JobEntry { sent: Some(sent), ..line(37, Disposition::FailedAgain) });
    let note = Some("InvalidMessageContents".to_owned());
    lines.push(JobEntry { note, ..line(10, Disposition::Refused) });
    lines.push(line(11, Disposition::NotReached));
    let planned = JobBatch::new(job.id, 0, Vec::new(), JobCursor::default(), NOW);
    let batch = JobBatch { lines, ..planned };
    store.write_batch(batch.clone()).await.unwrap();
    let job = Job { batches: 1, letters: Some(37), ..job };
    JobOverview { known: job.known(&[batch]), job }
}

/// Ledger that knows why the send of a letter failed.
pub fn ledger_of(letter: &Letter) -> ModelLedger {
    let ledger = ModelLedger::new();
    let fault =
        LastFault { class: Class::Transient, code: "no-row".to_owned(), text: "order has no row yet".to_owned() };
    let key = LedgerKey::owned(&letter.scope, letter.key.as_ref().unwrap());
    ledger.force(key, Entry { fault: Some(fault), ..entry(letter) });
    ledger
}

/// A task of Celery's under kombu's base64, whose `expires` has passed when everything is looked at.
pub const CELERY: &str = concat!(
    "eyJib2R5IjogIlcxc2lieTB4SWwwc0lIc2lZVzF2ZFc1MElqb2dOWDFkIiwgImNvbnRlbnQtdHlwZSI6ICJhcHBsaWNhdGlvbi9q",
    "c29uIiwgImhlYWRlcnMiOiB7InRhc2siOiAic2hvcC5jaGFyZ2UiLCAiaWQiOiAiYzRjODQ1NjktMGNlMS00YmI3LTgzNTAtYzc1",
    "YzIwOTdmOTVlIiwgImV0YSI6ICIyMDI2LTExLTIyVDEyOjMwOjAwKzAwOjAwIiwgImV4cGlyZXMiOiAiMjAyNi0xMS0yMlQxMjo1",
    "OTowMCswMDowMCJ9LCAicHJvcGVydGllcyI6IHsiYm9keV9lbmNvZGluZyI6ICJiYXNlNjQifX0=",
);

/// A record around its message, and one without.
pub fn records() -> [Letter; 2] {
    let record = |form, payload: &str| Letter { form, payload: payload.to_owned(), key: None, ..letters().remove(50) };
    let message = r#"{"order_id":"o-1"}"#;
    let hash = PayloadHash::of_text(message);
    let edited = Edited {
        payload: message.to_owned(),
        hash: hash.clone(),
        whole: hash,
        by: "indexer".to_owned(),
        at: before(9),
        lost: None,
    };
    let around = record(Form::Record, &format!(r#"{{"version":"1.0","requestPayload":{message}}}"#));
    let place = r#"{"version":"1.0","KinesisBatchInfo":{"batchSize":500,"shardId":"shardId-1"}}"#;
    [Letter { edited: Some(edited), ..around }, record(Form::NoMessage, place)]
}
