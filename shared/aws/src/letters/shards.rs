//! Partitions of the indexes, over which letters of one status or one cause are spread: an item names its own, and a listing walks
//! all of them.

use redrive_core::ids::LetterId;
use redrive_core::letters::letter::Status;

/// Number of partitions of an index over which letters of one status, or of one cause, are spread.
pub(super) const SHARDS: u8 = 16;

/// Partition of the status index in which a letter stands.
pub(super) fn status_shard(status: Status, id: LetterId) -> String {
    status_partition(status, id.part(SHARDS))
}

/// Partition of the index by cause in which a letter stands.
pub(super) fn fingerprint_shard(fingerprint: &str, id: LetterId) -> String {
    cause_partition(fingerprint, id.part(SHARDS))
}

/// Partition of the status index in which open jobs stand, or the closed ones: no status of a letter is called so.
pub(super) const fn job_shard(open: bool) -> &'static str {
    if open { "JOB#OPEN" } else { "JOB#CLOSED" }
}

/// Partition of the status index, by its number.
pub(super) fn status_partition(status: Status, shard: u8) -> String {
    format!("{status}#{shard:02}")
}

/// Partition of the index by cause, by its number.
pub(super) fn cause_partition(fingerprint: &str, shard: u8) -> String {
    format!("{fingerprint}#{shard:02}")
}
