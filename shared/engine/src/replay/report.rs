//! The report of a run: a fold over what became of its letters and jobs.

use std::collections::BTreeSet;

use redrive_core::ids::{LetterId, QueueArn};
use redrive_core::letters::cause::PendingCounts;
use redrive_core::replay::job::{Account, Job, JobBatch, JobEntry};
use serde::Serialize;

use super::letter_update::{LetterOutcome, LetterUpdate};
use crate::latencies::Latencies;

/// The report is what is counted and the rest: what is counted is named once.
macro_rules! report {
    ($($(#[$doc:meta])+ $count:ident,)+) => {
        /// Outcome of the letters of one run.
        #[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
        pub struct ReplayReport {
            $($(#[$doc])+ pub $count: usize,)+
            /// Time ran out before the end of the selection.
            pub more: bool,
            /// SQS refused a whole batch with this code, and the run ended there.
            #[serde(skip_serializing_if = "Option::is_none")]
            pub stopped: Option<String>,
            /// Of a selection by a filter: the instant as of which its letters were looked at (RFC 3339). Who asks again with
            /// it means the same letters.
            #[serde(skip_serializing_if = "Option::is_none")]
            pub as_of: Option<String>,
            /// Reason why what was asked of a job was not done.
            #[serde(skip_serializing_if = "Option::is_none")]
            pub refused: Option<String>,
            /// Reason why the first letters of those whose edit failed were not sent.
            #[serde(skip_serializing_if = "Vec::is_empty")]
            pub refused_edits: Vec<RefusedEdit>,
            /// Reasons of the first letters that were not sent because they are too large for a queue.
            #[serde(skip_serializing_if = "Vec::is_empty")]
            pub too_large_letters: Vec<TooLarge>,
            /// Of which queues the letters are that were left alone because theirs is not configured; some of them, if there are many.
            #[serde(skip_serializing_if = "BTreeSet::is_empty")]
            pub unlisted_sources: BTreeSet<QueueArn>,
            /// Letters that came to RESOLVED: how long since the first failure of each.
            #[serde(skip)]
            pub took: Latencies,
            /// Counts of what the schedule found PENDING when it had sent what was due, as far as it saw it.
            #[serde(skip)]
            pub pending_counts: Option<PendingCounts>,
            /// The jobs that were worked on or asked for, as they stand.
            #[serde(skip_serializing_if = "Vec::is_empty")]
            pub jobs: Vec<JobView>,
        }

        impl ReplayReport {
            fn count(&mut self, other: &Self) {
                $(self.$count += other.$count;)+
            }
        }
    };
}

report! {
    /// Letters that were looked at in order to be sent, discarded, restored, noted or erased.
    considered,
    /// Sent, and marked so.
    sent,
    /// Of these: claims of somebody else that had run out.
    taken_over,
    /// Refused by SQS, and PENDING again.
    not_sent,
    /// Claimed, and perhaps sent: the next run finds out, or sends them again under the next number.
    in_doubt,
    /// Claims that had run out and that nobody takes over: PENDING again, and in doubt.
    returned_in_doubt,
    /// Not ejected, because they may be in the dead-letter queue already: only by id.
    left_in_doubt,
    /// Put back into the dead-letter queue, and DISCARDED with an account of it.
    ejected,
    /// Not ejected: the indexer empties their dead-letter queue, and would bring them back.
    in_custody,
    /// Not sent: no destination is configured for their queue.
    no_destination,
    /// Of a queue that is not configured: not sent, and left alone.
    unlisted,
    /// Found done in the ledger instead of being sent.
    resolved_instead,
    /// Replayed earlier, and found done now.
    resolved,
    /// Replayed earlier, with no outcome until their deadline.
    no_outcome,
    /// Letters that were discarded.
    discarded,
    /// Letters that were restored.
    restored,
    /// Letters that were noted.
    noted,
    /// Without their body from now on.
    erased,
    /// Open jobs that keep their patch for other letters: it can be erased once they are closed.
    edits_kept,
    /// Not where they would have to stand for it any more when it came to it.
    changed_meanwhile,
    /// Without room for redrive's own attribute, and without a stable key.
    no_attribute_slot,
    /// Not sent: the queue takes less than their messages have (`MaximumMessageSize`).
    too_large,
    /// Letters whose body was erased, has expired, is lost, or never came: it cannot be sent.
    no_body,
    /// Of a cause that the policy never lets go, and not named by their ids.
    policy_never,
    /// Older than the ledger's memory, which knows nothing of them.
    forgotten,
    /// Not sent: so many enqueues of their keys are dead that a copy would be refused, or that the policy leaves them to a person.
    #[serde(rename = "too_many_lives")]
    too_many_enqueues,
    /// Letters whose key's dead enqueues are forgotten from now on.
    freed,
    /// Not freed yet: somebody runs the key.
    free_waits,
    /// Not freed: nothing is remembered of their keys that could be forgotten.
    nothing_to_free,
    /// Of a FIFO queue's group in which an earlier letter is not final: its turn comes after that.
    behind,
    /// Claimed with an edited body.
    edited,
    /// Not sent: the edit does not fit them, or a former copy of them cannot be withdrawn.
    edit_failed,
    /// Not edited yet: somebody runs or holds them.
    edit_waits,
    /// Asked for by id, and not there.
    not_found,
    /// Not touched: a table did not answer.
    unavailable,
    /// A dry run: these would have been sent.
    would_send,
    /// Of what was sent, or would be: bodies that stand in S3, where the object may be gone by now.
    in_s3,
    /// Of what was sent, or would be: Celery's tasks whose `expires` has passed, which a worker drops without a run.
    expired_tasks,
}

/// Number of refused edits that are told of.
const REFUSED_EDITS: usize = 100;

/// Reason why a letter was not sent with another body.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct RefusedEdit {
    /// Letter that was not sent.
    pub letter: LetterId,
    /// Reason; of its body nothing but its key.
    pub why: String,
}

/// Reason of a letter that was not sent to a queue that takes less.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct TooLarge {
    /// Id of the letter.
    pub letter: LetterId,
    /// Size of its message, what the queue takes, and the mend.
    pub why: String,
}

/// A job as it is told.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct JobView {
    /// Head of the job, without the body or patch of an edit: whoever asks how a job stands need not see it.
    #[serde(flatten)]
    pub job: Job,
    /// True if its letters are edited.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub edits: bool,
    /// Account of all its letters, those included that are not counted yet.
    pub known: Account,
    /// Letters of the job, if they were asked for.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub lines: Vec<JobEntry>,
}

impl JobView {
    pub(crate) fn new(job: Job, open: &[JobBatch]) -> Self {
        let (known, edits) = (job.known(open), job.edit.is_some());
        Self { job: Job { edit: None, ..job }, edits, known, lines: Vec::new() }
    }
}

impl ReplayReport {
    /// Returns both reports together.
    #[must_use]
    pub fn and(mut self, other: &Self) -> Self {
        self.add(other);
        self
    }

    /// Another's counts among this one's.
    pub(crate) fn add(&mut self, other: &Self) {
        self.count(other);
        self.more |= other.more;
        self.stopped = self.stopped.take().or_else(|| other.stopped.clone());
        self.as_of = self.as_of.take().or_else(|| other.as_of.clone());
        self.refused = self.refused.take().or_else(|| other.refused.clone());
        self.refused_edits.extend_from_slice(&other.refused_edits);
        self.refused_edits.truncate(REFUSED_EDITS);
        self.too_large_letters.extend_from_slice(&other.too_large_letters);
        self.too_large_letters.truncate(REFUSED_EDITS);
        self.unlisted_sources.extend(other.unlisted_sources.iter().cloned());
        self.took.append(&other.took);
        self.pending_counts = both(self.pending_counts.take(), &other.pending_counts);
        other.jobs.iter().for_each(|view| self.show(view.clone()));
    }

    /// Counts what became of letters.
    pub(crate) fn fold(&mut self, dispositions: Vec<LetterUpdate>) {
        for LetterUpdate { letter, outcome, .. } in dispositions {
            if let LetterOutcome::Resolved { took } | LetterOutcome::ResolvedBefore { took } = outcome {
                self.took.add(took);
            }
            if let Some(count) = self.counter(&outcome) {
                *count += 1;
            }
            match outcome {
                LetterOutcome::EditRefused { explanation, .. } if self.refused_edits.len() < REFUSED_EDITS => {
                    self.refused_edits.push(RefusedEdit { letter, why: explanation });
                }
                LetterOutcome::TooLarge { why } if self.too_large_letters.len() < REFUSED_EDITS => {
                    self.too_large_letters.push(TooLarge { letter, why });
                }
                _ => {}
            }
        }
    }

    /// Counter of an outcome, if it has one.
    const fn counter(&mut self, outcome: &LetterOutcome) -> Option<&mut usize> {
        use LetterOutcome as Of;
        Some(match outcome {
            Of::Considered => &mut self.considered,
            Of::NotFound => &mut self.not_found,
            Of::Unlisted => &mut self.unlisted,
            Of::Unavailable => &mut self.unavailable,
            Of::NoDestination { .. } => &mut self.no_destination,
            Of::Behind { .. } => &mut self.behind,
            Of::ChangedMeanwhile | Of::NotClaimed | Of::MovedOn => &mut self.changed_meanwhile,
            Of::SentBefore => return None,
            Of::ResolvedBefore { .. } | Of::FoundDone => &mut self.resolved_instead,
            Of::PolicyNever => &mut self.policy_never,
            Of::Forgotten => &mut self.forgotten,
            Of::NoAttributeSlot => &mut self.no_attribute_slot,
            Of::TooLarge { .. } => &mut self.too_large,
            Of::NoBody { .. } => &mut self.no_body,
            Of::TooManyEnqueues => &mut self.too_many_enqueues,
            Of::EditRefused { .. } => &mut self.edit_failed,
            Of::EditWaits => &mut self.edit_waits,
            Of::WouldSend => &mut self.would_send,
            Of::TakenOver => &mut self.taken_over,
            Of::Edited => &mut self.edited,
            Of::InS3 => &mut self.in_s3,
            Of::ExpiredTask => &mut self.expired_tasks,
            Of::ClaimUnanswered | Of::InDoubt => &mut self.in_doubt,
            Of::ReturnedInDoubt => &mut self.returned_in_doubt,
            Of::Sent => &mut self.sent,
            Of::Refused { .. } => &mut self.not_sent,
            Of::Ejected => &mut self.ejected,
            Of::InCustody => &mut self.in_custody,
            Of::LeftInDoubt => &mut self.left_in_doubt,
            Of::Resolved { .. } => &mut self.resolved,
            Of::NoOutcome => &mut self.no_outcome,
            Of::Discarded => &mut self.discarded,
            Of::Restored => &mut self.restored,
            Of::Noted => &mut self.noted,
            Of::Erased => &mut self.erased,
            Of::Freed => &mut self.freed,
            Of::FreeWaits => &mut self.free_waits,
            Of::NothingToFree => &mut self.nothing_to_free,
        })
    }

    /// Shows a job as it stands last.
    pub(crate) fn show(&mut self, view: JobView) {
        match self.jobs.iter_mut().find(|shown| shown.job.id == view.job.id) {
            Some(shown) => *shown = view,
            None => self.jobs.push(view),
        }
    }
}

fn both(mine: Option<PendingCounts>, theirs: &Option<PendingCounts>) -> Option<PendingCounts> {
    match (mine, theirs.clone()) {
        (Some(mine), Some(theirs)) => Some(mine.and(theirs)),
        (mine, theirs) => mine.or(theirs),
    }
}
