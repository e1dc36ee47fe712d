//! A message of the dead-letter queue while it is being indexed.

use redrive_core::letters::admission::Findings;
use redrive_core::message::decode::Inspected;

/// A dead message and what the tables say of it.
pub(super) struct Dead {
    /// Place of its queue among the sources.
    pub(super) source: usize,
    pub(super) inspected: Inspected,
    pub(super) found: Findings,
}
