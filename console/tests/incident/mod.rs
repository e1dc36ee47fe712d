//! An incident in memory: dead letters of several causes, the real replay over model tables, and a consumer that does as it is told.

#![allow(dead_code, reason = "each test uses its part of it")]

use std::sync::Arc;
use std::time::Duration;

use redrive_console::{
    AskError, Changes, Console, InstallationPort, StackAlarm, StackFinding, StackPlace, StackReadings,
};
use redrive_core::fault::Class;
use redrive_core::ids::{Enqueue, MessageId, OwnerToken, QueueArn, Scope, SendId};
use redrive_core::letters::edges;
use redrive_core::letters::letter::{AttributesHash, Event, EventKind, Letter, Reason, Status};
use redrive_core::letters::policy::Policy;
use redrive_core::message::batch::Response;
use redrive_core::message::decode::Reading;
use redrive_core::message::envelope::{Attribute, Record};
use redrive_core::message::key::{Key, LedgerKey, PayloadHash, Pointer};
use redrive_core::message::redrive::{ATTRIBUTE, Redrive};
use redrive_core::message::wrapping::Wrapping;
use redrive_core::processing::ledger::{Attempt, DeadEnqueues, EnqueueRecord, Entry, EntryState, LastFault, Origin};
use redrive_core::replay::Request;
use redrive_core::time::Timestamp;
use redrive_engine::{QueuePair, ReplaySettings, Replayer};
use redrive_operator::board::QueueStatus;
use redrive_operator::policies::Policies;
use redrive_operator::readings::Depths;
use redrive_testkit::clock::VirtualWorld;
use redrive_testkit::letters::waiting;
use redrive_testkit::{Faults, ModelGauges, ModelLedger, ModelLetters, ModelQueue, VirtualClock};
use serde_json::{Value, json};
use tokio::time::Instant;

pub const DAY: Duration = Duration::from_secs(86_400);
pub const MINUTE: Duration = Duration::from_secs(60);

/// Result of the consumer's work on an order.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Does {
    Succeed,
    Fail,
}

/// Tables, queue and replay of one installation; each operator has a view of it.
#[derive(Clone)]
pub struct Incident {
    pub clock: VirtualClock,
    pub faults: Faults,
    pub queue: ModelQueue,
    pub letters: ModelLetters,
    pub ledger: ModelLedger,
    pub gauges: ModelGauges,
    pub place: StackPlace,
    pub changes: Changes,
    pub policies: Policies,
}

pub fn source() -> QueueArn {
    QueueArn::new("arn:aws:sqs:eu-central-1:123456789012:orders").unwrap()
}

/// A way in which orders die.
pub struct Dying {
    pub class: Class,
    pub code: &'static str,
    pub text: &'static str,
    pub version: &'static str,
}

impl Incident {
    /// An empty installation, whose clock shows this time.
    pub fn at(now: Timestamp) -> Self {
        let faults = Faults::none();
        let ahead = now.as_millis() as i64 - faults.clock().now().as_millis() as i64;
        Self {
            clock: faults.clock().skewed(ahead),
            queue: ModelQueue::new("orders").with_retention(14 * DAY).with_faults(faults.of("sqs")),
            letters: ModelLetters::new().with_faults(faults.of("letters")),
            ledger: ModelLedger::new().with_faults(faults.of("ledger")),
            gauges: ModelGauges::new().with_faults(faults.of("gauges")),
            faults,
            place: StackPlace {
                stack: "orders-prod".to_owned(),
                account: "123456789012".to_owned(),
                region: "eu-central-1".to_owned(),
                by: "ann".to_owned(),
            },
            changes: Changes::Allowed,
            policies: Policies::only(Self::policy()),
        }
    }

    /// The same installation, as another operator sees it.
    pub fn seen_by(&self, by: &str) -> Self {
        Self { place: StackPlace { by: by.to_owned(), ..self.place.clone() }, ..self.clone() }
    }

    pub fn read_only(self) -> Self {
        Self { changes: Changes::ReadOnly, ..self }
    }

    pub fn console(&self, port: u16) -> Arc<Console<Self>> {
        Console::new(self.clone(), port)
    }

    pub fn now(&self) -> Timestamp {
        self.clock.now()
    }

    /// A letter for an order, which died so many minutes ago.
    pub fn dead(&self, order: &str, payload: &str, how: &Dying, minutes: u64) -> Letter {
        let ago = |minutes: u64| Timestamp::from_millis(self.now().as_millis() - minutes * 60_000);
        let id = uuid::Uuid::new_v5(&uuid::Uuid::NAMESPACE_OID, order.as_bytes()).to_string();
        let enqueue = Enqueue { message_id: MessageId::new(id.clone()).unwrap(), sent_at: ago(minutes + 1) };
        let origin = Origin {
            request_id: uuid::Uuid::new_v5(&uuid::Uuid::NAMESPACE_URL, order.as_bytes()).to_string(),
            function_version: how.version.to_owned(),
            log_stream: format!("2026/11/30/[{}]{}", how.version, id.replace('-', "")),
        };
        let attempt = |minutes| Attempt {
            enqueue: enqueue.clone(),
            at: ago(minutes),
            class: how.class,
            code: how.code.to_owned(),
            text: how.text.to_owned(),
            origin: origin.clone(),
        };
        let event = |at, what, who: &str| Event { at, what, who: who.to_owned(), note: None, attempt: None };
        let failed = |minutes| Event {
            attempt: Some(attempt(minutes)),
            ..event(ago(minutes), EventKind::AttemptFailed, "processor")
        };
        let reason = Reason {
            error_type: how.class.into(),
            error_code: Some(how.code.to_owned()),
            error_message: how.text.to_owned(),
            attempt_count: 1,
            first_failed_at: ago(minutes),
            last_failed_at: ago(minutes),
            attempts: Vec::new(),
        };
        let attributes = [("type".to_owned(), Attribute::text("charge"))].into();
        let hash = payload.parse().map_or_else(|_| PayloadHash::of_text(payload), |json| PayloadHash::of_json(&json));
        Letter {
            moved_from: Some(source()),
            attributes_hash: Some(AttributesHash::of(&attributes)),
            attributes,
            hash,
            key: Key::new(order).ok(),
            key_is_stable: true,
            history: vec![failed(minutes), event(ago(minutes.saturating_sub(1)), EventKind::Indexed, "indexer")].into(),
            ..waiting(source(), Scope::new("charge").unwrap(), enqueue, payload, reason)
        }
    }

    /// Puts a letter for an order of this number into the table, with what the ledger has of it.
    pub fn put(&self, n: u64, currency: &str, how: &Dying, minutes: u64) -> Letter {
        let order = format!("o-{n:05}");
        let payload = format!(
            r#"{{"order_id":"{order}","customer_id":"c-{}","amount_minor":{},"currency":"{currency}"}}"#,
            n % 97,
            1_250 + n * 37 % 9_000
        );
        let letter = self.dead(&order, &payload, how, minutes);
        self.put_letter(letter.clone());
        letter
    }

    pub fn put_letter(&self, letter: Letter) {
        if let Some(key) = &letter.key {
            let fault = LastFault {
                class: Class::Permanent,
                code: letter.reason.error_code.clone().unwrap_or_default(),
                text: letter.reason.error_message.clone(),
            };
            let enqueue = EnqueueRecord { enqueue: letter.enqueue.clone(), attempts: 1, dead: true, withdrawn: false };
            let entry = Entry {
                enqueues: vec![enqueue],
                fault: Some(fault),
                ..self.entry(EntryState::Failed, letter.hash.clone())
            };
            self.ledger.force(LedgerKey::owned(&letter.scope, key), entry);
        }
        self.letters.force(letter);
    }

    fn entry(&self, state: EntryState, hash: PayloadHash) -> Entry {
        Entry {
            state,
            owner: OwnerToken::from_random(1),
            lease_until: Timestamp::NEVER,
            hash,
            version: 1,
            enqueues: Vec::new(),
            send: None,
            fault: None,
            history: Vec::new(),
            withdrawn: Vec::new(),
            dead_enqueues: DeadEnqueues::default(),
            expires: self.now().after(30 * DAY),
        }
    }

    pub fn policy() -> Policy {
        Policy {
            rules: Vec::new(),
            cool_down: MINUTE,
            max_deaths: 3,
            resolved_retention: 90 * DAY,
            body_retention: 90 * DAY,
            outcome_after: 19 * DAY,
        }
    }

    /// Runs the replay function once.
    pub async fn replay(&self, request: &Request) -> Result<Value, AskError> {
        let reading = Reading {
            pointer: Pointer::parse("/order_id").ok(),
            ..Reading::new(source(), Scope::new("charge").unwrap())
        };
        let pair =
            QueuePair::new(reading, Self::policy(), self.queue.clone(), Some(self.ledger.clone()), self.gauges.clone());
        let world = VirtualWorld::new(self.clock.clone(), self.now().as_millis());
        let settings = ReplaySettings { lease: MINUTE, ledger_retention: 30 * DAY, reserve: Duration::from_secs(3) };
        let replayer = Replayer::new(self.letters.clone(), world, settings, vec![pair]);
        let reports = replayer.run(request, Instant::now() + Duration::from_secs(55)).await;
        let reports = reports.map_err(|why| AskError::Refused(why.to_string()))?;
        Ok(json!(reports.together()))
    }

    /// Lets the consumer take all that is in the queue; a letter that fails comes back as one that died again.
    pub fn consume(&self, does: impl Fn(&str) -> Does) {
        let batch = self.queue.receive_batch(10);
        batch.iter().for_each(|record| self.handle(record, &does));
        self.queue.apply_response(&batch, &Response::default());
    }

    fn handle(&self, record: &Record, does: impl Fn(&str) -> Does) {
        let body = record.body.clone().unwrap_or_default();
        let parsed: Value = serde_json::from_str(&body).unwrap_or_default();
        let order = parsed["order_id"].as_str().unwrap_or_default();
        let carried = record.attributes.get(ATTRIBUTE).and_then(|attribute| attribute.as_text());
        let Some(redrive) = carried.and_then(|text| Redrive::decode(text, &source())) else { return };
        let Ok(key) = Key::new(order) else { return };
        let key = LedgerKey::owned(&Scope::new("charge").unwrap(), &key);
        let hash = body.parse().map_or_else(|_| PayloadHash::of_text(&body), |json| PayloadHash::of_json(&json));
        let message_id = record.message_id.clone().and_then(MessageId::new).unwrap();
        let enqueue = Enqueue { message_id, sent_at: self.now() };
        let failed = does(&body) == Does::Fail;
        let fault = LastFault {
            class: Class::Permanent,
            code: "limit".to_owned(),
            text: format!("Credit limit of customer {} is used up", parsed["customer_id"].as_str().unwrap_or("?")),
        };
        let entry = Entry {
            version: self.ledger.entry(&key).map_or(1, |before| before.version + 1),
            enqueues: vec![EnqueueRecord { enqueue: enqueue.clone(), attempts: 1, dead: failed, withdrawn: false }],
            send: Some(SendId { letter: redrive.letter, number: redrive.number }),
            fault: failed.then(|| fault.clone()),
            ..self.entry(if failed { EntryState::Failed } else { EntryState::Completed }, hash)
        };
        self.ledger.force(key, entry);
        let Some(letter) = self.letters.letter(redrive.letter).filter(|_| failed) else { return };
        let reason = Reason {
            error_type: fault.class.into(),
            error_code: Some(fault.code),
            error_message: fault.text,
            last_failed_at: self.now(),
            ..letter.reason.clone()
        };
        if let Ok(letter) = edges::add_death(&letter, &enqueue, reason, "indexer", &Self::policy(), self.now()) {
            self.letters.force(letter);
        }
    }

    pub fn count(&self, status: Status) -> usize {
        self.letters.all().iter().filter(|letter| letter.status == status).count()
    }
}

impl InstallationPort for Incident {
    type Letters = ModelLetters;
    type Ledger = ModelLedger;

    fn place(&self) -> &StackPlace {
        &self.place
    }

    fn changes(&self) -> Changes {
        self.changes.clone()
    }

    fn now(&self) -> Timestamp {
        self.clock.now()
    }

    fn letters(&self) -> &ModelLetters {
        &self.letters
    }

    fn ledger(&self) -> &ModelLedger {
        &self.ledger
    }

    async fn ask(&self, request: &Value) -> Result<Value, AskError> {
        let request = Request::read(&request.to_string()).map_err(|why| AskError::Refused(why.to_string()))?;
        self.replay(&request).await
    }

    async fn wake(&self) {
        // The function is woken, and not waited for.
        let woken = self.clone();
        tokio::spawn(async move { woken.replay(&Request::Work).await });
    }

    fn policies(&self) -> &Policies {
        &self.policies
    }

    fn sources(&self) -> Vec<QueueArn> {
        vec![source()]
    }

    fn wrapping(&self, _: &QueueArn) -> Wrapping {
        Wrapping::None
    }

    fn log_group(&self) -> Option<&str> {
        Some("/aws/lambda/orders-processor")
    }

    async fn readings(&self) -> StackReadings {
        let visible = Some(self.queue.len() as u64);
        let queue = |role, name: &str, visible| QueueStatus {
            role,
            name: name.to_owned(),
            depths: Depths { visible, in_flight: Some(0), delayed: Some(0), retention: Some(14 * DAY) },
        };
        let alarm = |name: &str, state: &str, step: &str| StackAlarm {
            name: name.to_owned(),
            state: state.to_owned(),
            step: step.to_owned(),
        };
        StackReadings {
            queues: vec![queue("main_queue", "orders", visible), queue("dead_letter_queue", "orders-dlq", Some(0))],
            alarms: Some(vec![
                alarm(
                    "OldestPending",
                    "ALARM",
                    "A letter has waited for a person for over 12 hours. Find it: redrive list --oldest",
                ),
                alarm(
                    "NewFingerprint",
                    "ALARM",
                    "A cause that nobody has seen before. See it: redrive causes --since 1h",
                ),
                alarm("Depth", "OK", ""),
            ]),
            findings: Some(vec![StackFinding {
                severity: "warning".to_owned(),
                subject: "orders".to_owned(),
                what: "its visibility timeout is below six times the timeout of its consumer".to_owned(),
                mend: "Set VisibilityTimeout to 180 or more.".to_owned(),
            }]),
            ..StackReadings::default()
        }
    }
}
