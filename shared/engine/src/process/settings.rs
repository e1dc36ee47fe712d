use std::time::Duration;

use redrive_core::message::decode::Reading;
use redrive_core::processing::mask::Masks;
use redrive_core::processing::outcome::{OutageBrake, Rules};

/// Order in which messages wait for each other.
///
/// Rule R25 of docs/protocol.md.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Order {
    /// A standard queue: messages of one key run one after the other, all others as they come.
    #[default]
    Keys,
    /// A FIFO queue: messages of one group run one after the other, and one that is not done holds up the rest.
    Groups,
}

/// Settings of the processor.
#[derive(Debug, Clone)]
pub struct ProcessSettings {
    /// Reading of the queue's messages.
    pub reading: Reading,
    /// Order in which messages wait.
    pub order: Order,
    /// The delays between attempts, and so how many there are; and the receives of the queue's redrive policy.
    pub rules: Rules,
    /// The most time that one attempt gets.
    pub handler_timeout: Duration,
    /// The longest time for which a claim may wait for a handler's free slot; its lease covers that, too.
    pub claim_hold: Duration,
    /// Masks of what is kept out of error texts.
    pub masks: Masks,
    /// Number of handlers that run at once.
    pub concurrency: usize,
    /// Time for which an entry is remembered after its last write.
    pub retention: Duration,
    /// Share of an invocation's time for settling after the last handler has ended.
    pub settle_reserve: Duration,
    /// By how much two workers' clocks may differ.
    pub clock_skew: Duration,
    /// Brake that an outage is answered with.
    pub brake: OutageBrake,
}

impl ProcessSettings {
    /// Returns how long a claim holds: its wait for a slot, its budget, the time to settle, and the skew of clocks. The
    /// queue's visibility timeout must be longer.
    ///
    /// Rule R16 of docs/protocol.md.
    #[must_use]
    pub fn lease(&self) -> Duration {
        self.claim_hold + self.handler_timeout + self.settle_reserve + self.clock_skew
    }
}
