//! An exhaustive model: every interleaving of a few messages, workers, crashes and lost answers, within bounds.
//!
//! What is checked is the code that runs in production: each decision of the model is an answer of `core`'s own
//! functions (`ledger::claim` and `settle`, `admission::admit`, the edges of a letter). The model adds only the world
//! around them: queues, tables, requests on their way, time, and workers that forget.
//!
//! - [`state`]: what the world is at one instant; [`bounds`]: how large it may become.
//! - [`decisions`]: the state's small numbers turned into core's types, core asked, its [`answers`] turned back.
//! - [`world`]: what can happen next; [`storing`], [`working`], [`indexing`], [`replaying`]:
//!   how it happens.
//! - [`properties`]: what must hold in every state, and what must be reachable for that to mean anything.
//! - [`story`]: a path as a text that a person can read.
//! - [`proofs`]: the model as it is; `MODEL=large` for the full bounds. [`mutants`]: broken worlds, each found out.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "all of this is a test")]

mod answers;
mod bounds;
mod decisions;
mod indexing;
mod mutants;
mod proofs;
mod properties;
mod replaying;
mod state;
mod storing;
mod story;
mod tables;
mod working;
mod world;
