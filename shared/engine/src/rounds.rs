//! Decisions that are made again.

/// Number of times that a decision is made anew because what it was made from had changed. Each round loses only to
/// somebody else's success, so a handful is far more than ever happens.
pub const ROUNDS: usize = 8;
