//! Reason of a death, by what the ledger and the message itself say.

use super::Leave;
use crate::fault::TEXT_LIMIT;
use crate::ids::Enqueue;
use crate::letters::letter::{ErrorType, Reason};
use crate::message::decode::Inspected;
use crate::message::foreign::{self, ReasonSource, StatedReason, Task};
use crate::processing::ledger::{Entry, EntryState};
use crate::text::capped;
use crate::time::Timestamp;

/// Returns the reason of a death: from the entry of this very send or enqueue, else from the key's entry, else from the
/// message itself.
///
/// Rule R32 of docs/protocol.md.
pub(super) fn reason(
    dead: &Inspected,
    enqueue: &Enqueue,
    stated: Option<&StatedReason>,
    keyless: Option<&Entry>,
    owned: Option<&Entry>,
    now: Timestamp,
) -> Result<Reason, Leave> {
    if let Some(entry) = keyless {
        return Ok(from_entry(entry, enqueue, now));
    }
    let why = match owned {
        None => "no attempt was recorded",
        Some(entry) if entry.state == EntryState::InProgress && entry.lease_until >= now => {
            return Err(Leave::LeaseLive);
        }
        Some(entry) if entry.was_attempted(enqueue) => return Ok(from_entry(entry, enqueue, now)),
        Some(_) => "all receives were used up before an attempt could start",
    };
    Ok(match stated {
        // Nobody has seen it: that much is known, and no more is said.
        Some(stated) if stated.by == ReasonSource::Sns => never_ran(&stated.text, now),
        Some(stated) => Reason::stated(stated, dead.envelope.sent_at, now),
        None => never_ran(why, now),
    })
}

fn from_entry(entry: &Entry, enqueue: &Enqueue, now: Timestamp) -> Reason {
    let attempts: Vec<_> = entry.history.iter().filter(|attempt| attempt.enqueue == *enqueue).cloned().collect();
    // An attempt that was started and never reported: its worker is lost. A dead enqueue did report, even if the line of
    // it was forgotten since.
    let reported = u32::try_from(attempts.len()).unwrap_or(u32::MAX);
    let open = entry.state == EntryState::InProgress || attempts.is_empty();
    let lost = open && !entry.is_dead(enqueue) && reported < entry.attempts(enqueue);
    let fault = if lost { None } else { entry.fault_of(enqueue) };
    Reason {
        error_type: fault.as_ref().map_or(ErrorType::Timeout, |fault| fault.class.into()),
        error_code: Some(fault.as_ref().map_or("worker-lost", |fault| &fault.code).to_owned()),
        error_message: fault.map_or_else(|| "the last attempt never reported back".to_owned(), |fault| fault.text),
        attempt_count: entry.attempts(enqueue).max(reported),
        first_failed_at: attempts.first().map_or(now, |attempt| attempt.at),
        last_failed_at: attempts.last().map_or(now, |attempt| attempt.at),
        attempts,
    }
}

pub(super) fn never_ran(why: &str, now: Timestamp) -> Reason {
    Reason {
        error_type: ErrorType::NeverRan,
        error_code: Some("no-attempt".to_owned()),
        error_message: why.to_owned(),
        attempt_count: 0,
        first_failed_at: now,
        last_failed_at: now,
        attempts: Vec::new(),
    }
}

/// Returns UNKNOWN, because the entry of this send holds the outcome of another payload: nobody knows whether this one
/// ran.
pub(super) fn hidden(now: Timestamp) -> Reason {
    let why = "another payload's outcome is recorded under this send, so its own is not known";
    Reason { error_type: ErrorType::Unknown, error_code: Some("other-outcome".to_owned()), ..never_ran(why, now) }
}

/// Returns the reason where nobody stated one. The name of a framework's task is told, and is a cause of its own.
pub(super) fn unknown(dead: &Inspected, now: Timestamp) -> Reason {
    let why = "this queue has no ledger, and the message does not say why it failed";
    let plain = "no-reason".to_owned();
    let Some(task) = Task::of(&dead.envelope.body, &dead.envelope.attributes) else {
        return Reason { error_type: ErrorType::Unknown, error_code: Some(plain), ..never_ran(why, now) };
    };
    let code = foreign::code(&format!("{plain}:{}", task.name)).unwrap_or(plain);
    let why = capped(&format!("{}; {why}", task.description()), TEXT_LIMIT);
    Reason { error_type: ErrorType::Unknown, error_code: Some(code), ..never_ran(&why, now) }
}
