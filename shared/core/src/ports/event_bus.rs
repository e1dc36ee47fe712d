use std::future::Future;

use super::Unavailable;
use crate::integration_event::IntegrationEvent;

/// Number of events that one call to a bus carries: EventBridge's limit of entries in a `PutEvents`.
pub const EVENTS_A_CALL: usize = 10;

/// Bus on which other systems are told of letters and jobs.
pub trait EventBus: Send + Sync + 'static {
    /// Puts at most [`EVENTS_A_CALL`] events on the bus. One answer for each, in order: the bus's code for refusing it.
    /// `Unavailable` if nothing is known: each may be on the bus.
    fn put(
        &self,
        events: &[IntegrationEvent],
    ) -> impl Future<Output = Result<Vec<Result<(), String>>, Unavailable>> + Send;
}
