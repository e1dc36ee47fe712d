//! Facts of a deployment, each known or not.

use thiserror::Error;

/// Fact that was looked for: its value, or why it is not known.
pub type Fact<T> = Result<T, Unread>;

/// Reason for which a fact is not known. An unknown fact never counts as healthy.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Error)]
pub enum Unread {
    /// The service says that there is no such thing.
    #[error("it is not there")]
    Absent,
    /// The read was refused, or no usable answer came.
    #[error("{0}")]
    Because(String),
}
