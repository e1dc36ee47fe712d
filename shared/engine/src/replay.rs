//! Replay: letters back to their queues.
//!
//! Three machines, joined by values: [`scan`] finds letters, [`transfer`] sends a set of them once, [`job`] decides when
//! which letters of a job go. Each answers with what became of each letter ([`letter_update`]); [`service`] knows the queue
//! pairs and folds the answers into a [`report`].

mod change;
mod context;
mod job;
mod letter_update;
mod pair_memory;
mod ports;
mod queue_pair;
mod reconcile;
mod remark;
mod report;
mod scan;
mod service;
mod transfer;

pub use ports::ReplayPorts;
pub use queue_pair::{Destination, QueuePair, ReplaySettings};
pub use report::{JobView, RefusedEdit, ReplayReport, TooLarge};
pub use scan::backlog::pending_counts;
pub use service::{ReplayError, Replayer, Reports};
