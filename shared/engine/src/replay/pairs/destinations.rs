//! Whether letters may be sent where somebody wants them.

use redrive_core::ids::QueueArn;
use redrive_core::replay::Selection;

use super::{ReplayError, Walk};
use crate::replay::Ports;

impl<P: Ports> Walk<'_, P> {
    /// Whether the destination is listed for any of the pairs that may be meant. The letters of those for which it is not are left
    /// alone, and counted.
    pub(super) fn may_send(&self, selection: &Selection, to: Option<&QueueArn>) -> Result<(), ReplayError> {
        let Some(to) = to else { return Ok(()) };
        let source = selection.source();
        let meant =
            self.pairs.iter().filter(|pair| source.is_none_or(|source| *source == pair.settings.reading.source));
        let outboxes: Vec<_> = meant.map(|pair| pair.outbox(Some(to))).collect();
        // Of a queue that is not configured something else is said.
        let may = outboxes.is_empty() || outboxes.iter().any(Option::is_some);
        if may { Ok(()) } else { Err(self.not_a_destination(source)) }
    }
}
