//! Code that tests of more than one kind share.

#![allow(clippy::expect_used, clippy::unwrap_used, clippy::panic, reason = "this is tests' own code")]

mod forwarding;
#[cfg(feature = "aws")]
pub mod stage;
