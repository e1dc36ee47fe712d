//! Text form of events, by which a run reads as a story.

use std::fmt;

use redrive_core::ids::OwnerToken;
use redrive_core::letters::letter::Letter;
use redrive_core::processing::ledger::{Entry, EntryState};
use redrive_core::time::Timestamp;

use super::{Answer, Event, What};

/// An event as text, its time counted from the start.
pub(super) struct Line<'a>(pub(super) &'a Event, pub(super) Timestamp);

impl fmt::Display for Line<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self(event, start) = self;
        let millis = event.at.since(*start).as_millis();
        write!(f, "{:>6}.{:03} {:<12} ", millis / 1000, millis % 1000, event.actor)?;
        event.what.describe(f, *start)
    }
}

impl What {
    fn describe(&self, f: &mut fmt::Formatter<'_>, start: Timestamp) -> fmt::Result {
        match self {
            Self::CallFault { index, call, call_fault } => {
                write!(f, "!! call {index} ({}: {}) {call_fault:?}", call.service, call.action)
            }
            Self::Died => f.write_str("!! died"),
            Self::Sent { queue, message } => write!(f, "{queue}: {} sent: {}", message.id, message.body),
            Self::Received { queue, id, handle, count } => write!(f, "{queue}: {id} received ({count}) as {handle}"),
            Self::Hidden { queue, id, delay, refused } => {
                write!(f, "{queue}: {id} hidden for {} s", delay.as_secs())?;
                refused.map_or(Ok(()), |code| write!(f, ", refused: {code}"))
            }
            Self::Deleted { queue, id, gone } => {
                write!(f, "{queue}: {id} deleted{}", if *gone { "" } else { ", but it will come again" })
            }
            Self::Moved { from, to, id, message } => write!(f, "{from}: {id} moved to {to} as {}", message.id),
            Self::Expired { queue, id } => write!(f, "{queue}: {id} expired"),
            Self::EntryWritten { key, before, after, effects } => {
                write!(
                    f,
                    "ledger {}: {} -> {}",
                    key.as_str(),
                    brief(before.as_deref(), start),
                    brief(Some(after), start)
                )?;
                effects.as_ref().map_or(Ok(()), |effects| write!(f, " with {effects}"))
            }
            Self::EntryRead { key, found } => write!(f, "  sees {} {}", key.as_str(), brief(found.as_deref(), start)),
            Self::EntryAnswered { key, meant, answer } => {
                write!(f, "  told of {} {}: ", key.as_str(), brief(Some(meant), start))?;
                match answer {
                    Answer::Written => f.write_str("written"),
                    Answer::Condition(found) => write!(f, "no, there was {}", brief(found.as_deref(), start)),
                    Answer::NotWritten => f.write_str("not written"),
                    Answer::Unavailable => f.write_str("nothing"),
                }
            }
            Self::LetterWritten { before, after } => {
                let stood = |letter: &Letter| {
                    format!("{} v{} number {} deaths {}", letter.status, letter.version, letter.number, letter.deaths)
                };
                let before = before.as_deref().map_or_else(|| "absent".to_owned(), stood);
                write!(f, "letter {} of {}: {before} -> {}", after.id, after.origin, stood(after))
            }
            Self::TurnRead { group, version } => write!(f, "turn of {group} read in version {version}"),
            Self::TurnWritten { turn } => {
                write!(
                    f,
                    "turn of {} written in version {}, letters: {}",
                    turn.group,
                    turn.version,
                    turn.under_way.len()
                )
            }
            Self::Started { key, enqueue, attempt } => {
                write!(f, "handler starts {} for {enqueue}, attempt {attempt}", key.as_str())
            }
            Self::Ended { key, enqueue, how } => write!(f, "handler ends {} for {enqueue}: {how}", key.as_str()),
            Self::Note(text) => f.write_str(text),
        }
    }
}

fn brief(entry: Option<&Entry>, start: Timestamp) -> String {
    let Some(entry) = entry else { return "absent".to_owned() };
    let state = match entry.state {
        EntryState::InProgress => "IN_PROGRESS",
        EntryState::Completed => "COMPLETED",
        EntryState::Failed => "FAILED",
    };
    let lease = match entry.lease_until {
        Timestamp::NEVER => "held for good".to_owned(),
        at if at.as_millis() == 0 => "free".to_owned(),
        at => format!("held to {:.3}", at.since(start).as_secs_f64()),
    };
    let enqueues: Vec<_> = entry
        .enqueues
        .iter()
        .map(|record| {
            format!("{}:{}{}", record.enqueue.message_id, record.attempts, if record.dead { " dead" } else { "" })
        })
        .collect();
    format!("{state} v{} by {} [{}] {lease}", entry.version, short(entry.owner), enqueues.join(", "))
}

fn short(owner: OwnerToken) -> String {
    owner.to_string().chars().take(6).collect()
}
