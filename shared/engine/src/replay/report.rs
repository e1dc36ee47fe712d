use std::time::Duration;

use redrive_core::cause::Standing;
use redrive_core::job::{Account, Batch, Job, Line};
use serde::Serialize;

/// What became of the letters of one run.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct ReplayReport {
    /// Letters that were looked at in order to be sent, discarded, restored, noted or erased.
    pub considered: usize,
    /// Sent, and marked so.
    pub sent: usize,
    /// Of these: claims of somebody else that had run out.
    pub taken_over: usize,
    /// Refused by SQS, and PENDING again.
    pub not_sent: usize,
    /// Claimed, and perhaps sent: the next run finds out, or sends them again under the next number.
    pub in_doubt: usize,
    /// Claims that had run out and that nobody takes over: PENDING again, and in doubt.
    pub returned_in_doubt: usize,
    /// Not ejected, because they may be in the dead-letter queue already: only by id.
    pub left_in_doubt: usize,
    /// Put back into the dead-letter queue, and DISCARDED with an account of it.
    pub ejected: usize,
    /// Not ejected: the indexer empties their dead-letter queue, and would bring them back.
    pub in_custody: usize,
    /// Not sent: no destination is configured for their queue.
    pub no_destination: usize,
    /// Of a queue that is not configured: left alone.
    pub unlisted: usize,
    /// Found done in the ledger instead of being sent.
    pub resolved_instead: usize,
    /// Replayed earlier, and found done now.
    pub resolved: usize,
    /// Replayed earlier, with no outcome until their deadline.
    pub no_outcome: usize,
    /// Discarded.
    pub discarded: usize,
    /// Restored.
    pub restored: usize,
    /// Noted.
    pub noted: usize,
    /// Without their body from now on.
    pub erased: usize,
    /// Not where they would have to stand for it any more when it came to it.
    pub changed_meanwhile: usize,
    /// Without room for redrive's own attribute, and without a stable key.
    pub no_attribute_slot: usize,
    /// Whose body was erased, has expired, or is lost: it cannot be sent.
    pub no_body: usize,
    /// Of a cause that the policy never lets go, and not named by their ids.
    pub policy_never: usize,
    /// Older than the ledger's memory, which knows nothing of them.
    pub forgotten: usize,
    /// Of a FIFO queue's group in which an earlier letter is not final: its turn comes after that.
    pub behind: usize,
    /// Asked for by id, and not there.
    pub not_found: usize,
    /// Not touched: a table did not answer.
    pub unavailable: usize,
    /// A dry run: these would have been sent.
    pub would_send: usize,
    /// Time ran out before the end of the selection.
    pub more: bool,
    /// SQS refused a whole batch with this code, and the run ended there.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub stopped: Option<String>,
    /// Why what was asked of a job was not done.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub refused: Option<String>,
    /// Of the letters that came to RESOLVED, the time since the first failure of each.
    #[serde(skip)]
    pub took: Vec<Duration>,
    /// What the schedule found PENDING when it had sent what was due, if it saw all of it.
    #[serde(skip)]
    pub standing: Option<Standing>,
    /// The same while it is counted.
    #[serde(skip)]
    pub(super) tally: Option<Standing>,
    /// The jobs that were worked on or asked for, as they stand.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub jobs: Vec<JobView>,
}

/// A job as it is told.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct JobView {
    /// Its head.
    #[serde(flatten)]
    pub job: Job,
    /// What is known of all its letters, those included that are not counted yet.
    pub known: Account,
    /// Its letters, if they were asked for.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub lines: Vec<Line>,
}

impl JobView {
    pub(super) fn new(job: Job, open: &[Batch]) -> Self {
        let known = job.known(open);
        Self { job, known, lines: Vec::new() }
    }
}

impl ReplayReport {
    /// Both together.
    #[must_use]
    pub fn and(mut self, other: &Self) -> Self {
        let mut theirs = other.clone();
        self.counts_mut().into_iter().zip(theirs.counts_mut()).for_each(|(mine, theirs)| *mine += *theirs);
        self.more |= theirs.more;
        self.stopped = self.stopped.or(theirs.stopped);
        self.refused = self.refused.or(theirs.refused);
        self.took.append(&mut theirs.took);
        self.standing = match (self.standing, theirs.standing) {
            (Some(mine), Some(theirs)) => Some(mine.and(theirs)),
            (mine, theirs) => mine.or(theirs),
        };
        theirs.jobs.into_iter().for_each(|view| self.show(view));
        self
    }

    fn counts_mut(&mut self) -> [&mut usize; 27] {
        let Self {
            considered,
            sent,
            taken_over,
            not_sent,
            in_doubt,
            returned_in_doubt,
            left_in_doubt,
            ejected,
            in_custody,
            no_destination,
            unlisted,
            resolved_instead,
            resolved,
            no_outcome,
            discarded,
            restored,
            noted,
            erased,
            changed_meanwhile,
            no_attribute_slot,
            no_body,
            policy_never,
            forgotten,
            behind,
            not_found,
            unavailable,
            would_send,
            more: _,
            stopped: _,
            refused: _,
            took: _,
            standing: _,
            tally: _,
            jobs: _,
        } = self;
        [
            considered,
            sent,
            taken_over,
            not_sent,
            in_doubt,
            returned_in_doubt,
            left_in_doubt,
            ejected,
            in_custody,
            no_destination,
            unlisted,
            resolved_instead,
            resolved,
            no_outcome,
            discarded,
            restored,
            noted,
            erased,
            changed_meanwhile,
            no_attribute_slot,
            no_body,
            policy_never,
            forgotten,
            behind,
            not_found,
            unavailable,
            would_send,
        ]
    }

    /// Shows a job as it stands last.
    pub(super) fn show(&mut self, view: JobView) {
        match self.jobs.iter_mut().find(|shown| shown.job.id == view.job.id) {
            Some(shown) => *shown = view,
            None => self.jobs.push(view),
        }
    }
}
