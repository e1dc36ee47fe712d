//! Partitions of a topic, as the processor changes them: not at all.

use redrive_core::ids::MessageId;
use redrive_core::ports::{DelayBy, MainQueue, VisibilityChange};

/// Main queue of a Kafka source. A record that is not done blocks its partition, and the invocation waits with it.
#[derive(Debug, Clone, Copy, Default)]
pub struct Partitions;

impl MainQueue for Partitions {
    const DELAY: DelayBy = DelayBy::Waiting;

    async fn change_visibility(&self, _: Vec<VisibilityChange>) -> Vec<(MessageId, String)> {
        Vec::new()
    }
}
