//! Timeline of a letter: attempts, deaths, sends and the acts of operators, the latest first.

use redrive_core::letters::letter::{ErrorType, Event, EventKind, Letter, Send};
use redrive_core::time::Timestamp;

use crate::shown_text::ShownText;

/// Something that happened to a letter.
pub(crate) struct LetterMoment {
    pub(crate) at: Timestamp,
    pub(crate) class: &'static str,
    pub(crate) what: &'static str,
    pub(crate) who: ShownText,
    pub(crate) note: Option<ShownText>,
    pub(crate) error: Option<ShownText>,
    /// Request and version of an attempt.
    pub(crate) origin: Option<ShownText>,
    pub(crate) stream: Option<ShownText>,
    /// Address of the log stream in the AWS console.
    pub(crate) log: Option<String>,
}

/// Lists what happened, the latest first; sends stand between the events.
pub(crate) fn of(letter: &Letter, log: Option<(&str, &str)>) -> Vec<LetterMoment> {
    let events = letter.history.iter().map(|event| happened(event, log));
    let mut all: Vec<_> = events.chain(letter.sends.iter().map(sent)).collect();
    // Of one instant the order stays as it was written.
    all.sort_by_key(|moment| moment.at);
    all.reverse();
    all
}

fn happened(event: &Event, log: Option<(&str, &str)>) -> LetterMoment {
    let (what, class) = word(event.what);
    let attempt = event.attempt.as_ref();
    let error = attempt.map(|attempt| {
        let class = ErrorType::from(attempt.class).as_str();
        let code = if attempt.code.is_empty() { String::new() } else { format!(" {}", attempt.code) };
        ShownText::of(&format!("{class}{code}: {}", attempt.text))
    });
    let origin = attempt.map(|attempt| &attempt.origin).filter(|origin| !origin.request_id.is_empty());
    let stream = origin.map(|origin| origin.log_stream.as_str()).filter(|stream| !stream.is_empty());
    LetterMoment {
        at: event.at,
        class,
        what,
        // A failed attempt is written down by whoever finds it: it was the consumer's.
        who: if attempt.is_some() { ShownText::of("the consumer") } else { ShownText::of(&event.who) },
        note: event.note.as_deref().map(ShownText::of),
        error,
        origin: origin.map(|origin| {
            ShownText::of(&format!("request {}, version {}", origin.request_id, origin.function_version))
        }),
        stream: stream.map(ShownText::of),
        log: stream.and_then(|stream| log.map(|(region, group)| address(region, group, stream))),
    }
}

fn sent(send: &Send) -> LetterMoment {
    let message = send.message_id.as_ref().map_or("not confirmed by SQS".to_owned(), |id| format!("message {id}"));
    let edited = if send.edited.is_some() { ", edited" } else { "" };
    let to = send.to.as_ref().map_or(String::new(), |to| format!(", to {to}"));
    let job = send.job.map_or(String::new(), |job| format!(", for job {job}"));
    LetterMoment {
        at: send.at,
        class: "underway",
        what: "Send",
        who: ShownText::of(&format!("number {}{edited}: {message}{to}{job}", send.number)),
        note: None,
        error: None,
        origin: None,
        stream: None,
        log: None,
    }
}

const fn word(what: EventKind) -> (&'static str, &'static str) {
    match what {
        EventKind::AttemptFailed => ("Attempt failed", "used"),
        EventKind::Indexed => ("Became a letter", "gone"),
        EventKind::DiedAgain => ("Died again", "used"),
        EventKind::Claimed => ("Claimed, to be sent", "underway"),
        EventKind::TakenOver => ("Claim taken over", "underway"),
        EventKind::Sent => ("Sent", "underway"),
        EventKind::NotSent => ("Refused by SQS", "used"),
        EventKind::InDoubt => ("In doubt: perhaps sent", "used"),
        EventKind::Ejected => ("Ejected into the dead-letter queue", "gone"),
        EventKind::NoOutcome => ("No outcome was seen", "used"),
        EventKind::Resolved => ("Resolved", "noted"),
        EventKind::Edited => ("Edited", "person"),
        EventKind::Discarded => ("Discarded", "person"),
        EventKind::Restored => ("Restored", "person"),
        EventKind::Erased => ("Erased", "person"),
        EventKind::Noted => ("Noted", "person"),
        EventKind::Freed => ("Key freed", "person"),
        EventKind::HeldBack => ("Held back for a person", "person"),
    }
}

/// The address of a log stream: the AWS console wants its parts encoded twice, with a dollar for each percent.
fn address(region: &str, group: &str, stream: &str) -> String {
    let twice = |part: &str| {
        let once: String = form_urlencoded::byte_serialize(part.as_bytes()).collect();
        let twice: String = form_urlencoded::byte_serialize(once.as_bytes()).collect();
        twice.replace('%', "$")
    };
    let (group, stream) = (twice(group), twice(stream));
    format!(
        "https://{region}.console.aws.amazon.com/cloudwatch/home?region={region}#logsV2:log-groups/log-group/{group}/log-events/{stream}"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_log_streams_address_is_encoded_as_the_aws_console_reads_it() {
        let told = address("eu-central-1", "/aws/lambda/orders", "2026/11/30/[41]ab");
        let end = "#logsV2:log-groups/log-group/$252Faws$252Flambda$252Forders/log-events/2026$252F11$252F30$252F$255B41$255Dab";
        assert!(told.ends_with(end), "{told}");
    }
}
