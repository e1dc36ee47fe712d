use std::sync::Arc;
use std::time::Duration;

use redrive_core::ids::MessageId;
use redrive_core::ports::Clock;
use redrive_core::processing::ledger::Origin;
use redrive_core::processing::outcome::Outcome;
use tokio::runtime::Handle;
use tokio::time::Instant;

use super::outages::Outages;
use super::pace::HandlerPace;
use super::ports::ProcessPorts;
use super::settings::ProcessSettings;
use crate::world::roll;

/// Parts that a processor is made of.
pub(super) struct Parts<P: ProcessPorts> {
    pub(super) handler: Arc<P::Handler>,
    pub(super) ledger: P::Ledger,
    pub(super) queue: P::Queue,
    /// Dead-letter queue, if the processor itself sends the dead there.
    pub(super) direct: Option<P::DeadLetters>,
    pub(super) world: P::World,
    pub(super) settings: ProcessSettings,
    pub(super) handlers: Handle,
    pub(super) outages: Outages,
    pub(super) pace: HandlerPace,
}

/// Frame of one invocation.
#[derive(Debug, Clone)]
pub(super) struct Frame {
    pub(super) origin: Origin,
    /// Instant by which everything must be settled. What is left until the invocation's own deadline is for visibilities.
    pub(super) deadline: Instant,
}

/// End of one message.
#[derive(Debug)]
pub(super) struct End {
    pub(super) message_id: MessageId,
    pub(super) key_hash: String,
    pub(super) outcome: Outcome,
    /// Visibility that is set, where it is somebody else's too.
    pub(super) delay: Option<Duration>,
}

impl<P: ProcessPorts> Parts<P> {
    /// Visibility that a message of this outcome gets.
    pub(super) fn delay(&self, outcome: &Outcome, receive_count: u32) -> Option<Duration> {
        let out = self.outages.ledger_out_for();
        outcome.visibility(&self.settings.rules, receive_count, out, self.world.now(), roll(&self.world))
    }

    /// The last instant at which an attempt may start.
    pub(super) fn last_start(&self, frame: &Frame) -> Instant {
        // With less than half of its time it would rather fail than finish: such an attempt is not worth its count.
        let least = self.settings.settle_reserve + self.settings.handler_timeout / 2;
        frame.deadline.checked_sub(least).unwrap_or(frame.deadline)
    }

    /// Time that an attempt which starts now may take; `None` if it should not start.
    pub(super) fn budget(&self, frame: &Frame) -> Option<Duration> {
        let left =
            frame.deadline.saturating_duration_since(Instant::now()).saturating_sub(self.settings.settle_reserve);
        (left >= self.settings.handler_timeout / 2).then(|| left.min(self.settings.handler_timeout))
    }

    /// The same for the attempt of a claim that was sent at that instant: it ends within the claim's lease.
    pub(super) fn budget_of(&self, claimed_at: Instant, frame: &Frame) -> Option<Duration> {
        let (timeout, spent) = (self.settings.handler_timeout, claimed_at.elapsed());
        let covered = (self.settings.claim_hold + timeout).saturating_sub(spent);
        self.budget(frame).map(|budget| budget.min(covered)).filter(|budget| *budget >= timeout / 2)
    }
}
