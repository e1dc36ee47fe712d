//! A job's own account of its letters, from what became of them in a transfer.

use redrive_core::ids::LetterId;
use redrive_core::replay::job::{Disposition, JobBatch, JobEntry, Stop, TRIES};
use redrive_core::time::Timestamp;

use crate::replay::letter_update::{LetterOutcome, LetterUpdate};

/// Line of a letter, from what became of it; `None` if that says nothing to a job.
pub(super) fn line_of(update: &LetterUpdate) -> Option<JobEntry> {
    use LetterOutcome as Of;
    let (disposition, note) = match &update.outcome {
        Of::Sent | Of::InDoubt | Of::MovedOn | Of::SentBefore => (Disposition::Sent, None),
        Of::Refused { code } => (Disposition::Refused, Some(code)),
        Of::ReturnedInDoubt => (Disposition::InDoubt, None),
        Of::ResolvedBefore { .. } => (Disposition::ResolvedBefore, None),
        Of::ChangedMeanwhile => (Disposition::ChangedMeanwhile, None),
        Of::Unlisted => (Disposition::NotFound, None),
        Of::PolicyNever => (Disposition::PolicyNever, None),
        Of::NoDestination { note: note @ Some(_) } => (Disposition::PolicyNever, note.as_ref()),
        Of::Forgotten => (Disposition::Forgotten, None),
        Of::NoAttributeSlot => (Disposition::NoAttributeSlot, None),
        Of::TooLarge { why } => (Disposition::NoAttributeSlot, Some(why)),
        Of::NoBody { why } => (Disposition::NoBody, why.as_ref()),
        Of::TooManyEnqueues => (Disposition::TooManyEnqueues, None),
        Of::EditRefused { logged, .. } => (Disposition::EditFailed, Some(logged)),
        _ => return None,
    };
    Some(JobEntry { disposition, sent: update.send.clone(), note: note.cloned(), ..JobEntry::planned(update.letter) })
}

/// Letters of the lines that are looked for.
pub(super) fn ids(lines: &[JobEntry], which: impl Fn(&JobEntry) -> bool) -> Vec<LetterId> {
    lines.iter().filter(|line| which(line)).map(|line| line.letter).collect()
}

/// Puts what is known now in the place of what was known before; what is final stays, and so does how often it was refused.
pub(super) fn take_over(lines: &mut [JobEntry], known: Vec<JobEntry>, at: Timestamp) {
    for now in known {
        let Some(line) = lines.iter_mut().find(|line| line.letter == now.letter && !line.disposition.is_final()) else {
            continue;
        };
        *line = match now.disposition {
            // Not what may have been sent before: that is not for the job to send again.
            Disposition::Refused if now.sent.is_none() => line.refused(now.note, at),
            _ => JobEntry {
                sent: now.sent.or_else(|| line.sent.take()),
                refusals: line.refusals,
                shown: line.shown,
                ..now
            },
        };
    }
}

/// Reason to stop a job: a letter that SQS has refused so often that it does not go again.
pub(super) fn worn_out(before: &JobBatch, lines: &[JobEntry]) -> Option<Stop> {
    let was_open =
        |line: &&JobEntry| before.lines.iter().any(|old| old.letter == line.letter && !old.disposition.is_final());
    let worn = lines
        .iter()
        .filter(|line| line.disposition == Disposition::Refused && line.refusals >= TRIES)
        .find(was_open)?;
    Some(Stop::StillRefused { code: worn.note.clone().unwrap_or_default() })
}
