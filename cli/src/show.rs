//! Report on one letter: its times, its error, its payload, and the ledger's entry.

mod foreign;

use std::fmt::Write;

use redrive_core::letters::letter::{Body, Event, Form, Letter, Status};
use redrive_core::letters::policy::Policy;
use redrive_core::message::envelope::AttributeValue;
use redrive_core::processing::ledger::{Entry, EntryState};
use redrive_core::replay::Candidate;
use redrive_core::time::Timestamp;
use redrive_operator::broker_view::BrokerView;
use redrive_operator::letter_view::{LedgerAnswer, LetterView};
use redrive_operator::next_step::NextStep;
use redrive_operator::payload;
use serde_json::Value;

use crate::text::{ago, count, indented, instant, named, queue_name, shown};

/// Told of a record without its message.
const NO_MESSAGE: &str = "The record points to a payload and does not hold it, so it is never sent. Read the payload where it points, and \
    discard the letter.";

/// A text that grows by named lines, none of them too wide.
struct TextPage {
    text: String,
    width: usize,
}

impl TextPage {
    /// Column at which the values of fields begin.
    const COLUMN: usize = 13;

    fn heading(&mut self, name: &str) {
        let _ = writeln!(self.text, "\n{name}");
    }

    /// A line under another, in more lines if need be. `value` must be fit to be shown.
    fn under(&mut self, indent: usize, value: &str) {
        self.text.push_str(&indented(value, indent, self.width));
    }

    fn field(&mut self, name: &str, value: &str) {
        self.text.push_str(&named(name, value, Self::COLUMN, self.width));
    }
}

/// Renders the report in the order in which people ask: why, when, what, and what now.
pub(crate) fn render(view: &LetterView, policy: Option<&Policy>, now: Timestamp, width: usize) -> String {
    let letter = &view.letter;
    let mut page = TextPage { text: String::new(), width };
    let done = if view.is_done(now) { ", and done by the ledger: noted within a minute" } else { "" };
    page.under(0, &format!("Letter {} is {}{done}", letter.id, letter.status));
    let step = NextStep::of(&Candidate::of(letter), policy, view.is_done(now));
    facts(&mut page, letter, step, now);
    page.heading("HISTORY");
    letter.history.iter().for_each(|event| happened(&mut page, event));
    if !letter.sends.is_empty() {
        page.heading("SENDS");
        for send in &letter.sends {
            let id = send.message_id.as_ref().map_or("not confirmed by SQS".to_owned(), |id| format!("message {id}"));
            let edited = if send.edited.is_some() { ", edited" } else { "" };
            page.under(2, &format!("{}  number {}{edited}, {}", instant(send.at), send.number, shown(&id)));
            if let Some(job) = send.job {
                page.under(6, &format!("for job {job}"));
            }
            if let Some(to) = &send.to {
                page.under(6, &shown(&format!("to {to}")));
            }
        }
    }
    foreign::framework_remarks(&mut page, letter, now);
    message(&mut page, letter);
    page.heading("LEDGER NOW");
    ledger(&mut page, letter, &view.ledger, now);
    page.text
}

fn facts(page: &mut TextPage, letter: &Letter, step: NextStep, now: Timestamp) {
    let reason = &letter.reason;
    let code = reason.error_code.as_ref().map_or(String::new(), |code| format!(" {code}"));
    page.field("error", &shown(&format!("{}{code}", reason.error_type.as_str())));
    page.field("", &shown(&reason.error_message));
    page.field("cause", &shown(&letter.fingerprint));
    let (first, last) = (reason.first_failed_at, reason.last_failed_at);
    page.field("failed", &format!("first {} ({})", instant(first), ago(now, first)));
    page.field("", &format!("last  {} ({})", instant(last), ago(now, last)));
    let deaths = count(u64::from(letter.deaths), "time", "times");
    let attempts = count(u64::from(reason.attempt_count), "attempt", "attempts");
    page.field("died", &format!("{deaths}, after {attempts} of its last enqueue"));
    page.field("queue", &shown(&format!("{} ({})", queue_name(letter.source.as_str()), letter.source)));
    match BrokerView::of(letter) {
        Some(record) => record.facts.iter().for_each(|(name, value)| page.field(&name.to_lowercase(), &shown(value))),
        None if letter.moved_from.is_none() => {
            page.field("", "as configured: SQS did not say which queue moved it");
        }
        None => {}
    }
    if let Some(group) = &letter.group {
        page.field("group", &shown(group));
    }
    let stable = if letter.key_is_stable { "" } else { ", which a native redrive would change" };
    match &letter.key {
        Some(key) => page.field("key", &shown(&format!("{} in scope {}{stable}", key.as_str(), letter.scope.as_str()))),
        None => page.field("key", "none was found"),
    }
    page.field("message", &shown(&format!("{}, sent {}", letter.origin, instant(letter.sent_at))));
    if let Some(trace) = &letter.trace {
        page.field("trace", &trace.trace_id_text());
        page.field("span", &trace.span_id_text());
        page.field("in X-Ray", &trace.xray_trace_id());
    }
    let due = match letter.status {
        Status::Pending if letter.form == Form::NoMessage => Some(("replay", "never: it has no message".to_owned())),
        Status::Pending => Some(("replay", replay(letter, step, now))),
        Status::Replaying => Some(("claim", format!("ends {} ({})", instant(letter.due), ago(now, letter.due)))),
        Status::Replayed if letter.destination().is_some() => {
            Some(("outcome", "not known: it went to another queue".to_owned()))
        }
        Status::Replayed => Some(("outcome", format!("awaited until {}", instant(letter.due)))),
        Status::Resolved | Status::Discarded => None,
    };
    due.iter().for_each(|(name, value)| page.field(name, value));
    if let Some(note) = &letter.resolution_note {
        page.field("note", &shown(note));
    }
    if let Some(expires) = letter.expires {
        page.field("deleted", &format!("{} ({})", instant(expires), ago(now, expires)));
    }
}

/// Describes when a waiting letter is replayed, and by whom.
fn replay(letter: &Letter, step: NextStep, now: Timestamp) -> String {
    match step {
        NextStep::UsedUp { replays } => format!("only when a person asks: its {replays} replays are used up"),
        NextStep::Replay { replay, of: Some(of), .. } => {
            format!("by policy from {} ({}), replay {replay} of {of}", instant(letter.due), ago(now, letter.due))
        }
        NextStep::Replay { .. } => format!("by policy from {} ({})", instant(letter.due), ago(now, letter.due)),
        NextStep::Done => "none: it is done".to_owned(),
        NextStep::Person | NextStep::UnderWay | NextStep::Closed => "only when a person asks".to_owned(),
    }
}

fn happened(page: &mut TextPage, event: &Event) {
    let what = serde_json::to_value(event.what).ok();
    let what = what.as_ref().and_then(Value::as_str).unwrap_or_default();
    page.under(2, &format!("{}  {what} by {}", instant(event.at), shown(&event.who)));
    if let Some(note) = &event.note {
        page.under(6, &shown(note));
    }
    let Some(attempt) = &event.attempt else { return };
    let class = redrive_core::letters::letter::ErrorType::from(attempt.class).as_str();
    page.under(6, &shown(&failure(class, &attempt.code, &attempt.text)));
    let origin = &attempt.origin;
    page.under(6, &shown(&format!("request {}, version {}", origin.request_id, origin.function_version)));
    page.under(6, &shown(&format!("log stream {}", origin.log_stream)));
}

/// A consumer that is not ours may name no code.
fn failure(class: &str, code: &str, text: &str) -> String {
    let code = if code.is_empty() { String::new() } else { format!(" {code}") };
    format!("{class}{code}: {text}")
}

fn message(page: &mut TextPage, letter: &Letter) {
    match &letter.body {
        Body::Kept { .. } => {}
        Body::Erased { at, by, note } => {
            page.heading("BODY");
            page.under(2, &shown(&format!("erased {} by {by}: {note}", instant(*at))));
            return;
        }
        Body::Missing { why, .. } => {
            page.heading("BODY");
            page.under(2, &shown(&format!("is not there: {why}")));
            return;
        }
    }
    let record = BrokerView::of(letter);
    if let Some(BrokerView { headers, .. }) = record.as_ref().filter(|record| !record.headers.is_empty()) {
        page.heading("HEADERS");
        headers.iter().for_each(|(name, value)| page.under(2, &shown(&format!("{name}: {value}"))));
    }
    let attributes = letter.attributes.iter().filter(|_| record.is_none());
    if attributes.clone().next().is_some() {
        page.heading("ATTRIBUTES");
    }
    for (name, attribute) in attributes {
        let value = match &attribute.value {
            AttributeValue::Text(text) => text.clone(),
            AttributeValue::Binary(bytes) => count(bytes.len() as u64, "byte", "bytes"),
        };
        page.under(2, &shown(&format!("{name} ({}): {value}", attribute.data_type)));
    }
    if let Some(edited) = &letter.edited {
        let (name, by) = if letter.is_unwrapped() {
            ("MESSAGE", "from the record below; this is what is sent".to_owned())
        } else {
            ("PAYLOAD NOW", shown(&format!("edited {} by {}", instant(edited.at), edited.by)))
        };
        page.heading(&format!("{name}: {} BYTES", edited.payload.len()));
        page.under(2, &by);
        match &edited.lost {
            None => {
                body(page, &edited.payload);
                foreign::decoded(page, &edited.payload);
            }
            Some(why) => page.under(2, &shown(&format!("is not there: {why}"))),
        }
    }
    let name = match letter.form {
        Form::Record | Form::NoMessage => "RECORD",
        Form::Message if letter.edited.is_some() => "PAYLOAD AT FIRST",
        Form::Message => "PAYLOAD",
    };
    page.heading(&format!("{name}: {} BYTES", letter.payload.len()));
    if letter.form == Form::NoMessage {
        page.under(2, NO_MESSAGE);
    }
    body(page, &letter.payload);
    foreign::decoded(page, &letter.payload);
}

fn body(page: &mut TextPage, payload: &str) {
    let (body, more) = payload::lines_of(payload);
    body.iter().for_each(|line| page.under(2, line));
    if let Some(remark) = payload::remark(payload) {
        page.under(2, &remark);
    }
    if more > 0 {
        page.under(2, &format!("… and {}: `redrive show --json` has all", count(more as u64, "byte", "bytes")));
    }
}

fn ledger(page: &mut TextPage, letter: &Letter, answer: &LedgerAnswer, now: Timestamp) {
    match answer {
        LedgerAnswer::NotKept => page.under(2, "there is none: this consumer keeps no ledger"),
        LedgerAnswer::Records(found) if found.is_empty() => page.under(2, "knows nothing of it"),
        LedgerAnswer::Records(found) => {
            found.iter().for_each(|(place, entry)| record(page, letter, (place, entry), now))
        }
    }
}

fn record(page: &mut TextPage, letter: &Letter, (place, entry): (&str, &Entry), now: Timestamp) {
    let whose = if letter.is_effect(&entry.hash) { "this payload" } else { "another payload" };
    let state = match entry.state {
        EntryState::InProgress => format!("IN_PROGRESS with {whose}, until {}", instant(entry.lease_until)),
        EntryState::Completed => format!("COMPLETED with {whose}"),
        EntryState::Failed => format!("FAILED with {whose}"),
    };
    let expired = if entry.expired(now) { " It has expired." } else { "" };
    page.under(2, &format!("of {place}: {state}; forgotten {}.{expired}", instant(entry.expires)));
    for record in &entry.enqueues {
        let dead = if record.dead { ", dead" } else { "" };
        let attempts = count(u64::from(record.attempts), "attempt", "attempts");
        page.under(2, &shown(&format!("message {}: {attempts}{dead}", record.enqueue.message_id)));
    }
    if !entry.dead_enqueues.is_empty() {
        page.under(2, &format!("{} before, dead", count(entry.dead_enqueues.len() as u64, "enqueue", "enqueues")));
    }
    if let Some(left) = entry.few_enqueues_left(now, entry.expires.since(now)) {
        let room = count(left as u64, "more may die", "more may die");
        page.under(2, &format!("many enqueues of this key are dead, and {room}: `redrive free` makes room"));
    }
    if let Some(fault) = &entry.fault {
        let class = redrive_core::letters::letter::ErrorType::from(fault.class).as_str();
        page.under(2, &shown(&format!("last failure {}", failure(class, &fault.code, &fault.text))));
    }
}

#[cfg(test)]
mod tests {
    use redrive_operator::letter_view::{document, gather, records};
    use redrive_testkit::{ModelLedger, ModelLetters};

    use super::*;
    use redrive_operator::samples::{self, NOW};

    #[tokio::test]
    async fn a_record_is_shown_wherever_the_ledger_keeps_it() {
        let letter = samples::full();
        let (letters, ledger) = (ModelLetters::new(), ModelLedger::new());
        letters.force(letter.clone());
        let (_, under_the_send) = records(&letter).swap_remove(1);
        ledger.force(under_the_send, samples::entry(&letter));
        let view = gather(&letters, &ledger, letter.id).await.unwrap().unwrap();
        let text = render(&view, None, NOW, 80);
        assert!(text.contains("of its last send: FAILED with this payload"), "{text}");
        assert_eq!(document(&view, NOW)["ledger_records"][0]["of"], "its last send");
        let view = gather(&letters, &ModelLedger::new(), letter.id).await.unwrap().unwrap();
        assert!(render(&view, None, NOW, 80).contains("knows nothing of it"));
    }

    #[test]
    fn a_waiting_letter_says_which_replay_comes_or_that_they_are_used_up() {
        let policy = samples::policy();
        let page = |deaths: u32| {
            let mut letter = samples::full();
            letter.reason.error_type = redrive_core::letters::letter::ErrorType::Transient;
            letter.deaths = deaths;
            letter.due = policy.due(&letter.reason, deaths, NOW);
            let view = LetterView { letter, ledger: LedgerAnswer::NotKept };
            render(&view, Some(&policy), NOW, 100)
        };
        assert!(page(2).contains("(in 10m), replay 2 of 3"), "{}", page(2));
        assert!(page(4).contains("only when a person asks: its 3 replays are used up"), "{}", page(4));
    }
}
