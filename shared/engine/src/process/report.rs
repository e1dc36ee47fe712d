//! Report of a batch: what is answered to Lambda, and what is counted.

use redrive_core::fault::Class;
use redrive_core::message::batch::Response;
use redrive_core::processing::outcome::{Outage, Outcome};

use crate::latencies::Latencies;

/// Report of what Lambda is told, and what is measured.
#[derive(Debug, Clone)]
pub struct ProcessReport {
    /// Response to Lambda: which messages stay in the queue.
    pub response: Response,
    /// Counts of what became of them all.
    pub counts: Counts,
    /// Set if the batch looks like an outage: then the invocation should fail, where that is configured.
    pub outage: Option<Outage>,
}

/// Outcome of a batch. Every message is counted once among the outcomes; one that ended its enqueue and was handed over,
/// as both.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Counts {
    /// Messages in the batch, each id once.
    pub received: usize,
    /// Messages that are done now.
    pub completed: usize,
    /// Messages that were done before.
    pub duplicates: usize,
    /// Failed, with another attempt to follow.
    pub retries: usize,
    /// Ended their enqueue in this batch.
    pub dead: usize,
    /// Messages that come again as a copy, which waits elsewhere by now; they are counted among the others, too.
    pub put_off: usize,
    /// Waits within the invocation, of a source that cannot delay: for the next attempt, or for another worker.
    pub waits: usize,
    /// Dead ones that the dead-letter queue has now.
    pub handed_over: usize,
    /// Ended it earlier, and wait for SQS to move them.
    pub waiting_for_move: usize,
    /// Held by somebody else, or behind one that failed.
    pub busy: usize,
    /// Without the time to start.
    pub not_started: usize,
    /// Messages whose settlement was rejected or is not known.
    pub unsettled: usize,
    /// For whom the ledger could not be asked.
    pub ledger_out: usize,
    /// Without what every record has.
    pub unreadable: usize,
    /// Faults by class: TRANSIENT, PERMANENT, TIMEOUT, SCHEMA.
    pub faults: [usize; 4],
    /// Messages whose only key is their message id.
    pub unstable_keys: usize,
    /// Visibilities that could not be set.
    pub visibility_failures: usize,
    /// Dead messages that SQS should have moved by now: the queue lacks the redrive policy that is configured.
    pub past_their_move: usize,
    /// Claims of keys of which few more enqueues may die, and those that were refused because none may.
    pub crowded_keys: usize,
    /// 1 if so many messages were in flight that delays were shortened.
    pub crowded: usize,
    /// Runs of the handler: how long each took.
    pub handler: Latencies,
    /// Claims and settlements: how long the ledger took for each.
    pub ledger: Latencies,
}

impl Counts {
    pub(super) fn add(&mut self, outcome: &Outcome) {
        let counter = match outcome {
            Outcome::Completed => &mut self.completed,
            Outcome::Duplicate => &mut self.duplicates,
            Outcome::Retry { .. } => &mut self.retries,
            Outcome::Dead { now: true, .. } => &mut self.dead,
            Outcome::Dead { now: false, .. } => &mut self.waiting_for_move,
            Outcome::HandedOver { .. } => &mut self.handed_over,
            Outcome::Busy(_) | Outcome::Behind(_) => &mut self.busy,
            Outcome::NotStarted => &mut self.not_started,
            Outcome::Unsettled => &mut self.unsettled,
            Outcome::LedgerOut => &mut self.ledger_out,
            Outcome::Unreadable => &mut self.unreadable,
        };
        *counter += 1;
        self.dead += usize::from(matches!(outcome, Outcome::HandedOver { now: true, .. }));
        if let Some(class) = outcome.class() {
            self.faults[match class {
                Class::Transient => 0,
                Class::Permanent => 1,
                Class::Timeout => 2,
                Class::Schema => 3,
            }] += 1;
        }
    }
}
