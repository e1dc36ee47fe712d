//! Page of one letter: why it died, what became of it, its body, and what the ledger says now.

mod timeline;

use askama::Template;
use axum::body::Body;
use axum::extract::{Path, State};
use axum::http::{HeaderValue, Response, StatusCode, Uri, header};
use axum::response::IntoResponse;
use redrive_core::ids::LetterId;
use redrive_core::letters::letter::{Body as LetterBody, Form, Letter, Status};
use redrive_core::message::envelope::AttributeValue;
use redrive_core::message::foreign::{ClaimCheck, Layer, Task, layers};
use redrive_core::ports::Letters;
use redrive_core::processing::ledger::{Entry, EntryState};
use redrive_core::time::Timestamp;
use redrive_operator::broker_view::BrokerView;
use redrive_operator::letter_view::{self, LedgerAnswer, LetterView};
use redrive_operator::text::{ago, count};

use crate::body::{BodyView, SHOWN};
use crate::fields::{Fields, query};
use crate::installation::InstallationPort;
use crate::page::{self, PageFrame, Tab, instant};
use crate::shown_text::ShownText;
use crate::state::Here;
use timeline::LetterMoment;

/// A named value of a list.
pub(crate) struct FactRow {
    pub(crate) name: &'static str,
    pub(crate) value: ShownText,
    /// Time that stands behind the value.
    pub(crate) at: Option<Timestamp>,
    /// Id of the element from which the value is copied, if people copy it.
    pub(crate) copied: Option<&'static str>,
}

impl FactRow {
    pub(crate) fn new(name: &'static str, value: &str) -> Self {
        Self { name, value: ShownText::of(value), at: None, copied: None }
    }

    pub(crate) fn at(name: &'static str, value: &str, at: Timestamp) -> Self {
        Self { at: Some(at), ..Self::new(name, value) }
    }

    fn copied(name: &'static str, value: &str, id: &'static str) -> Self {
        Self { copied: Some(id), ..Self::new(name, value) }
    }
}

/// Act that the page of a letter offers.
pub(crate) struct Offer {
    pub(crate) href: String,
    pub(crate) label: &'static str,
    pub(crate) class: &'static str,
}

#[derive(Template)]
#[template(path = "letter.html")]
struct LetterPage<'a> {
    frame: PageFrame<'a>,
    letter: &'a Letter,
    headline: ShownText,
    message: ShownText,
    cause: ShownText,
    same_cause: String,
    truth: Truth,
    facts: Vec<FactRow>,
    foreign: Vec<FactRow>,
    attributes: Vec<(ShownText, ShownText, ShownText)>,
    no_body: Option<ShownText>,
    bodies: Vec<BodyView>,
    whole: String,
    ledger: Vec<FactRow>,
    moments: Vec<LetterMoment>,
    offers: Vec<Offer>,
    command: ShownText,
}

/// State of a letter, joined with what the ledger says: one answer, and never two.
pub(crate) struct Truth {
    pub(crate) class: &'static str,
    pub(crate) word: &'static str,
    pub(crate) explanation: String,
}

/// Says who acts next on a letter, and when.
pub(crate) fn truth(letter: &Letter, ledger: &LedgerAnswer, now: Timestamp) -> Truth {
    let done = match ledger {
        LedgerAnswer::Records(found) => found.iter().any(|(_, entry)| {
            entry.state == EntryState::Completed && letter.is_effect(&entry.hash) && !entry.expired(now)
        }),
        LedgerAnswer::NotKept => false,
    };
    let of = |class, word, explanation: String| Truth { class, word, explanation };
    match letter.status {
        Status::Resolved => of("noted", "done", "Its effect happened.".to_owned()),
        Status::Discarded => of("gone", "discarded", "A person gave it up; it can be restored.".to_owned()),
        Status::Pending | Status::Replaying | Status::Replayed if done => {
            let text = "The ledger says that its effect happened; the letter is noted as RESOLVED within a minute.";
            of("noted", "done, not yet noted", text.to_owned())
        }
        Status::Replaying => {
            of("underway", "being sent", format!("A run is sending it; its claim ends {}.", ago(now, letter.due)))
        }
        Status::Replayed => {
            let text =
                format!("It was sent, and its outcome is awaited; none can come any more {}.", ago(now, letter.due));
            of("underway", "under way", text)
        }
        Status::Pending if letter.form == Form::NoMessage => of(
            "person",
            "waits for a person",
            "It has no message and is never sent: discard it once you have read it.".to_owned(),
        ),
        Status::Pending if letter.due == Timestamp::NEVER => {
            of("person", "waits for a person", "Nothing comes by itself: the policy leaves it to you.".to_owned())
        }
        Status::Pending => {
            of("itself", "comes back by itself", format!("The policy replays it {}.", ago(now, letter.due)))
        }
    }
}

/// Answers with the page of a letter.
pub(crate) async fn page<I: InstallationPort>(
    State(console): Here<I>,
    Path(id): Path<String>,
    uri: Uri,
) -> Response<Body> {
    let Some(id) = LetterId::parse(&id) else {
        return page::problem(&console, StatusCode::NOT_FOUND, "This is no letter's id", "A letter's id is a UUID.");
    };
    let here = &console.installation;
    let view = match letter_view::gather(here.letters(), here.ledger(), id).await {
        Ok(Some(view)) => view,
        Ok(None) => {
            let why = "It was deleted after its time, or never was. Find it by its order id, key or message id above.";
            return page::problem(&console, StatusCode::NOT_FOUND, "There is no such letter", why);
        }
        Err(why) => return page::unavailable(&console, &why),
    };
    let frame = PageFrame::new(&console, format!("Letter {id}"), Tab::None).refreshed(10);
    let limit = if Fields::of(&uri).is_ticked("whole") { usize::MAX } else { SHOWN };
    page::answer(&made(&view, frame, here.log_group(), limit))
}

fn made<'a>(view: &'a LetterView, frame: PageFrame<'a>, log_group: Option<&str>, limit: usize) -> LetterPage<'a> {
    let (letter, now) = (&view.letter, frame.now);
    let reason = &letter.reason;
    let code = reason.error_code.as_ref().map_or(String::new(), |code| format!(" {code}"));
    let region = frame.place.region.clone();
    LetterPage {
        headline: ShownText::of(&format!("{}{code}", reason.error_type.as_str())),
        message: ShownText::of(&reason.error_message),
        cause: ShownText::of(&letter.fingerprint),
        same_cause: query("/search", [("cause", letter.fingerprint.as_str())]),
        truth: truth(letter, &view.ledger, now),
        facts: facts(letter, now),
        foreign: foreign(letter, now),
        attributes: attributes(letter),
        no_body: no_body(letter),
        bodies: bodies(letter, limit),
        whole: format!("/letters/{}?whole=yes", letter.id),
        ledger: ledger(letter, &view.ledger, now),
        moments: timeline::of(letter, log_group.map(|group| (region.as_str(), group))),
        offers: offers(letter),
        command: ShownText::of(&format!("redrive show {}", letter.id)),
        frame,
        letter,
    }
}

fn facts(letter: &Letter, now: Timestamp) -> Vec<FactRow> {
    let reason = &letter.reason;
    let deaths = count(u64::from(letter.deaths), "time", "times");
    let attempts = count(u64::from(reason.attempt_count), "attempt", "attempts");
    let stable = if letter.key_is_stable { "" } else { "; a native redrive would change it" };
    let key = match &letter.key {
        Some(key) => format!("{} in scope {}{stable}", key.as_str(), letter.scope.as_str()),
        None => "none was found".to_owned(),
    };
    let mut facts = vec![
        FactRow::new("Key", &key),
        FactRow::at("First failed", &ago(now, reason.first_failed_at), reason.first_failed_at),
        FactRow::at("Last failed", &ago(now, reason.last_failed_at), reason.last_failed_at),
        FactRow::new("Died", &format!("{deaths}, after {attempts} of its last enqueue")),
        FactRow::new("Version", letter.history.function_version().unwrap_or("unknown")),
        FactRow::new("Queue", letter.source.as_str()),
        FactRow::at("Message", &format!("{}, sent", letter.origin), letter.sent_at),
    ];
    if let Some(trace) = &letter.trace {
        facts.push(FactRow::copied("Trace", &trace.trace_id_text(), "trace"));
        facts.push(FactRow::copied("Trace in X-Ray", &trace.xray_trace_id(), "trace-xray"));
        facts.push(FactRow::copied("Span", &trace.span_id_text(), "span"));
    }
    match BrokerView::of(letter) {
        Some(record) => facts.extend(record.facts.iter().map(|(name, value)| FactRow::new(name, value))),
        None if letter.moved_from.is_none() => {
            facts.push(FactRow::new("Source", "as configured: SQS did not say which queue moved it"));
        }
        None => {}
    }
    if let Some(group) = &letter.group {
        facts.push(FactRow::new("Group", group));
    }
    if let Some(note) = &letter.resolution_note {
        facts.push(FactRow::new("Note", note));
    }
    if let Some(expires) = letter.expires {
        facts.push(FactRow::at("Deleted", &ago(now, expires), expires));
    }
    facts
}

/// Facts that the envelope of another framework states, and where a body stands that is not in the message.
fn foreign(letter: &Letter, now: Timestamp) -> Vec<FactRow> {
    let mut facts = Vec::new();
    if let Some(check) = ClaimCheck::of(letter.payload_now(), &letter.attributes) {
        facts.push(FactRow::new("Body in S3", &format!("bucket {}, key {}", check.bucket, check.key)));
        let gone =
            "The message only points there: the object may be gone before the letter, and an edit cannot reach it.";
        facts.push(FactRow::new("Mind", gone));
    }
    if let Some(task) = Task::of(letter.payload_now(), &letter.attributes) {
        facts.push(FactRow::new("Task", &task.description()));
        if let Some(expires) = task.expires {
            let what = if task.is_dropped(now) {
                "its worker drops it now, without a run"
            } else {
                "its worker drops it then"
            };
            facts.push(FactRow::at("Task expires", what, expires));
        }
        if let Some(eta) = task.eta {
            let what = if eta < now { "it runs at once" } else { "its worker holds it until then" };
            facts.push(FactRow::at("Task eta", what, eta));
        }
    }
    facts
}

fn attributes(letter: &Letter) -> Vec<(ShownText, ShownText, ShownText)> {
    let value = |value: &AttributeValue| match value {
        AttributeValue::Text(text) => text.clone(),
        AttributeValue::Binary(bytes) => count(bytes.len() as u64, "byte", "bytes"),
    };
    if let Some(record) = BrokerView::of(letter) {
        let header =
            |(name, value): &(String, String)| (ShownText::of(name), ShownText::of("header"), ShownText::of(value));
        return record.headers.iter().map(header).collect();
    }
    let one = |(name, attribute): (&String, &redrive_core::message::envelope::Attribute)| {
        (ShownText::of(name), ShownText::of(&attribute.data_type), ShownText::of(&value(&attribute.value)))
    };
    letter.attributes.iter().map(one).collect()
}

fn no_body(letter: &Letter) -> Option<ShownText> {
    match &letter.body {
        LetterBody::Kept { .. } => None,
        LetterBody::Erased { at, by, note } => Some(ShownText::of(&format!("Erased {} by {by}: {note}", instant(at)))),
        LetterBody::Missing { why, .. } => Some(ShownText::of(&format!("The body is not there: {why}"))),
    }
}

fn bodies(letter: &Letter, limit: usize) -> Vec<BodyView> {
    if !matches!(letter.body, LetterBody::Kept { .. }) {
        return Vec::new();
    }
    let key = letter.key.as_ref().map(|key| key.as_str());
    let mut views = Vec::new();
    let mut add = |title: String, name: &str, text: &str| {
        let address = format!("/letters/{}/body?of={name}", letter.id);
        views.push(BodyView::of(title, format!("body-{name}"), text, key, limit).with_download(address));
        for (n, Layer { what, text }) in layers(text).into_iter().enumerate() {
            views.push(BodyView::of(what.to_owned(), format!("body-{name}-{n}"), &text, key, limit));
        }
    };
    if let Some(edited) = letter.edited.as_ref().filter(|edited| edited.lost.is_none()) {
        let title = if letter.is_unwrapped() {
            "Message, out of the record below: this is what is sent".to_owned()
        } else {
            format!("Payload now, edited by {}", redrive_operator::text::shown(&edited.by))
        };
        add(title, "now", &edited.payload);
    }
    let title = match letter.form {
        Form::Record | Form::NoMessage => "Record",
        Form::Message if letter.edited.is_some() => "Payload at first",
        Form::Message => "Payload",
    };
    add(title.to_owned(), "first", &letter.payload);
    views
}

fn ledger(letter: &Letter, answer: &LedgerAnswer, now: Timestamp) -> Vec<FactRow> {
    match answer {
        LedgerAnswer::NotKept => vec![FactRow::new("Ledger", "There is none: this consumer keeps no ledger.")],
        LedgerAnswer::Records(found) if found.is_empty() => {
            vec![FactRow::new("Ledger", "Knows nothing of this letter.")]
        }
        LedgerAnswer::Records(found) => found.iter().flat_map(|one| record(letter, one, now)).collect(),
    }
}

fn record(letter: &Letter, (place, entry): &(&'static str, Entry), now: Timestamp) -> Vec<FactRow> {
    let whose = if letter.is_effect(&entry.hash) { "this payload" } else { "another payload" };
    let state = match entry.state {
        EntryState::InProgress => "IN_PROGRESS",
        EntryState::Completed => "COMPLETED",
        EntryState::Failed => "FAILED",
    };
    let mut facts = vec![FactRow::new("State", &format!("{state} with {whose}, under {place}"))];
    for record in &entry.enqueues {
        let dead = if record.dead { ", dead" } else { "" };
        let attempts = count(u64::from(record.attempts), "attempt", "attempts");
        facts.push(FactRow::new("Message", &format!("{}: {attempts}{dead}", record.enqueue.message_id)));
    }
    if let Some(fault) = &entry.fault {
        let class = redrive_core::letters::letter::ErrorType::from(fault.class).as_str();
        facts.push(FactRow::new("Last failure", &format!("{class} {}: {}", fault.code, fault.text)));
    }
    let expired = if entry.expired(now) { "it has expired" } else { "it is forgotten then" };
    facts.push(FactRow::at("Remembered", expired, entry.expires));
    facts
}

fn offers(letter: &Letter) -> Vec<Offer> {
    let id = letter.id.to_string();
    let to = |what| query("/act", [("what", what), ("id", id.as_str())]);
    let offer = |what, label, class| Offer { href: to(what), label, class };
    match letter.status {
        Status::Pending => vec![
            offer("replay", "Replay…", "primary"),
            offer("edit", "Edit and replay…", ""),
            offer("discard", "Discard…", "danger"),
            offer("note", "Note…", ""),
        ],
        Status::Discarded => vec![offer("restore", "Restore…", "primary"), offer("note", "Note…", "")],
        Status::Replaying | Status::Replayed | Status::Resolved => vec![offer("note", "Note…", "")],
    }
}

/// Answers with a body as it is, to be saved or copied.
pub(crate) async fn body<I: InstallationPort>(
    State(console): Here<I>,
    Path(id): Path<String>,
    uri: Uri,
) -> Response<Body> {
    let missing = || {
        page::problem(
            &console,
            StatusCode::NOT_FOUND,
            "There is no such body",
            "The letter, or its body, is not there.",
        )
    };
    let Some(id) = LetterId::parse(&id) else { return missing() };
    let letter = match console.installation.letters().read(&[id]).await {
        Ok(mut found) => found.pop().flatten(),
        Err(why) => return page::unavailable(&console, &why),
    };
    let Some(letter) = letter.filter(|letter| letter.check_body().is_ok()) else { return missing() };
    let text = if Fields::of(&uri).get("of") == Some("now") { letter.payload_now().to_owned() } else { letter.payload };
    let name = format!("attachment; filename=\"{id}.txt\"");
    let mut answer =
        ([(header::CONTENT_TYPE, HeaderValue::from_static("text/plain; charset=utf-8"))], text).into_response();
    if let Ok(name) = HeaderValue::from_str(&name) {
        answer.headers_mut().insert(header::CONTENT_DISPOSITION, name);
    }
    answer
}
