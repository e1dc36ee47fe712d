use std::time::Duration;

use redrive_core::ids::QueueArn;
use redrive_core::letters::letter::Letter;
use redrive_core::letters::policy::Policy;
use redrive_core::message::decode::Reading;

/// Settings of a replay, of all its queue pairs.
#[derive(Debug, Clone)]
pub struct ReplaySettings {
    /// Time that a claim holds: longer than it takes to send and mark a batch.
    pub lease: Duration,
    /// Time that the ledger remembers.
    pub ledger_retention: Duration,
    /// Time that must be left for a batch to start.
    pub reserve: Duration,
}

/// A main queue and its dead letters, as replay knows them: plain data.
#[derive(Debug)]
pub struct QueuePair<O, R, G> {
    /// Reading of the queue's messages; its `source` is the queue that letters come from and go back to.
    pub reading: Reading,
    /// Policy by which a letter may be replayed without being asked for.
    pub policy: Policy,
    /// Way back to the queue. `None`: nothing is sent there; its letters can still be discarded, erased and ejected.
    pub outbox: Option<O>,
    /// Dead-letter queue that letters are ejected into, and its measurements: only while no indexer empties it.
    pub dead_letters: Option<(O, G)>,
    /// Other queues that a person may have letters sent to. The schedule never uses them.
    pub destinations: Vec<Destination<O, G>>,
    /// Ledger of the queue's consumer.
    pub ledger: R,
    /// Measurements of the queue, for a job's guard.
    pub gauges: G,
}

/// Another queue that letters may be sent to, by an allow-list and because a person says so.
#[derive(Debug)]
pub struct Destination<O, G> {
    /// Queue that letters may go to.
    pub arn: QueueArn,
    /// Way to the queue.
    pub outbox: O,
    /// Measurements of the queue, for a job's guard.
    pub gauges: G,
}

impl<O, R, G> QueuePair<O, R, G> {
    /// Pair whose letters go back to their queue, and nowhere else.
    pub fn new(reading: Reading, policy: Policy, outbox: O, ledger: R, gauges: G) -> Self {
        let (dead_letters, destinations) = (None, Vec::new());
        Self { reading, policy, outbox: Some(outbox), dead_letters, destinations, ledger, gauges }
    }

    /// Queue that letters come from.
    pub const fn source(&self) -> &QueueArn {
        &self.reading.source
    }

    /// Returns true if a letter is of this queue.
    pub fn owns(&self, letter: &Letter) -> bool {
        letter.source == *self.source()
    }

    /// Destination as it is meant: `None` for the letters' own queue, by whichever way it is named.
    pub fn other<'a>(&self, to: Option<&'a QueueArn>) -> Option<&'a QueueArn> {
        to.filter(|to| *to != self.source())
    }

    /// Way to where letters go; `None`: nothing may be sent there.
    pub fn outbox_to(&self, to: Option<&QueueArn>) -> Option<&O> {
        match self.other(to) {
            Some(to) => self.listed(to).map(|destination| &destination.outbox),
            None => self.outbox.as_ref(),
        }
    }

    /// Measurements of the queue where letters go.
    pub fn gauges_of(&self, to: Option<&QueueArn>) -> &G {
        let listed = self.other(to).and_then(|to| self.listed(to));
        listed.map_or(&self.gauges, |destination| &destination.gauges)
    }

    fn listed(&self, to: &QueueArn) -> Option<&Destination<O, G>> {
        self.destinations.iter().find(|destination| destination.arn == *to)
    }
}
