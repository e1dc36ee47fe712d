//! Kafka behind core's ports: the dead letter topic, and partitions that can delay nothing.
//!
//! The client is `krafka`, which is young and by one author: so its version is pinned, and its types never leave this crate.
//!
//! - [`Partitions`] is the main queue of a topic: nothing there has a visibility;
//! - `DeadLetterTopic` writes a dead record and reads the answer: acks by all replicas, idempotent (feature `client`);
//! - `SourceTopic` takes letters back, by their keys, and says of which nothing is known (feature `client`);
//! - `Brokers` says how the cluster is reached (feature `client`).

#[cfg(feature = "client")]
mod brokers;
#[cfg(feature = "client")]
mod dead_letter_topic;
mod partitions;
#[cfg(feature = "client")]
mod source_topic;
#[cfg(feature = "client")]
mod topic_writer;

#[cfg(feature = "client")]
pub use brokers::Brokers;
#[cfg(feature = "client")]
pub use dead_letter_topic::DeadLetterTopic;
pub use partitions::Partitions;
#[cfg(feature = "client")]
pub use source_topic::{NullKey, SourceTopic};

/// Broker in process, which loses answers on demand: for tests alone.
#[cfg(feature = "test-broker")]
pub mod testing {
    pub use krafka::error::ErrorCode;
    pub use krafka::testing::{ApiKey, Control, FakeBroker};
}
