//! Reading of the installation beside its waiting letters.

use std::collections::BTreeMap;

use redrive_core::letters::spread::FailureSpread;
use redrive_core::ports::Unavailable;
use redrive_core::time::Timestamp;

use redrive_operator::acts::RecentAct;

use crate::installation::StackReadings;

/// Readings, and what the table says of resolved letters.
pub(crate) struct Read {
    pub(crate) at: Timestamp,
    pub(crate) readings: StackReadings,
    pub(crate) resolved: Result<Resolved, Unavailable>,
    /// Acts of persons on letters, of late.
    pub(crate) acts: Result<Vec<RecentAct>, Unavailable>,
    /// Depths as this console has read them, where CloudWatch has none.
    pub(crate) own: BTreeMap<String, Vec<(Timestamp, u64)>>,
}

/// Times from the first failure to the resolution.
#[derive(Default)]
pub(crate) struct Resolved {
    /// In milliseconds, the shortest first.
    pub(crate) took: Vec<u64>,
    pub(crate) spread: FailureSpread,
    pub(crate) first: Option<Timestamp>,
    pub(crate) is_cut: bool,
}
