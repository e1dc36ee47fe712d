//! The simulator: the real flows over the model world of `redrive-testkit`, in virtual time, every choice made by one
//! seed. Two workers, indexers, replay and an operator meet duplicated and malformed messages, lost answers, late
//! writes, crashes, skewed clocks and outages; after every step the protocol's invariants are checked.
//!
//! - [`sharing`]: a queue that no pair lists, and that shares the dead-letter queue.
//! - [`search`]: many runs at once, and what to tell of the ones that go wrong.
//! - [`plan`]: what a seed decides; [`actors`], [`operator`], [`editor`], [`replay_process`]: who plays it; [`run`]: one run from
//!   first send to rest.
//! - [`invariants`]: what must hold after every step, and at rest.
//! - [`schedules`]: random runs, and one seed again (`SEED=… cargo test -p redrive-tests --test sim -- --nocapture one_seed`).
//! - [`every_call`]: one small story with every mishap at every call.
//! - [`crowded`]: an order that dies more often than a ledger entry can name.
//! - [`mutants`]: broken worlds, each of which must be caught.

#![expect(clippy::expect_used, clippy::panic, reason = "all of this is a test")]

mod actors;
mod crowded;
mod editor;
mod every_call;
mod faulty_stores;
mod invariants;
mod looking;
mod mutants;
mod operator;
mod plan;
mod replay_process;
mod run;
mod schedules;
mod search;
mod sharing;
