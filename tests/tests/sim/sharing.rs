//! A queue that no pair lists, whose redrive policy names the pair's dead-letter queue.

use std::sync::Arc;
use std::time::Duration;

use redrive_testkit::{Faults, ModelQueue};

use crate::actors::World;
use crate::plan::{Plan, UNLISTED};

/// Number of receives that its redrive policy allows.
const RECEIVES: u32 = 2;

/// Builds the queue, FIFO if the pair's queues are.
pub(crate) fn queue(plan: &Plan, dead: &ModelQueue, faults: &Faults) -> ModelQueue {
    let queue = ModelQueue::new(&plan.named(UNLISTED))
        .with_visibility(Duration::from_secs(3))
        .with_redrive_policy(dead, RECEIVES)
        .with_quirks(plan.seed ^ 7, plan.quirks)
        .with_faults(faults.of("unlisted"));
    if plan.fifo { queue.fifo() } else { queue }
}

impl World {
    /// Plays the queue's own consumer, of whom nothing is known: it fails with each message.
    pub(crate) async fn fail_unlisted(self: Arc<Self>) {
        let queue = self.unlisted.clone().with_faults(self.faults.of("unlisted-consumer"));
        loop {
            while !queue.wait(Duration::from_secs(86_400)).await {}
            queue.receive_batch(10);
        }
    }

    /// Number of messages in the dead-letter queue that are the pair's.
    pub(crate) fn own_dead(&self) -> usize {
        self.dead.len() - self.unlisted_dead()
    }

    /// Number of messages in the dead-letter queue that SQS has moved from the queue that no pair lists.
    pub(crate) fn unlisted_dead(&self) -> usize {
        let source = Some(self.unlisted.arn());
        self.dead.messages().iter().filter(|message| message.from == source).count()
    }
}
