//! AWS behind the ports of `redrive-core`: the only crate that calls it. It decides nothing: every condition that
//! it writes, and every question whether something may be tried again, is core's, put into the services' words.
//!
//! | to read | about |
//! |---|---|
//! | [`LedgerTable`] (`ledger.rs`) | the idempotency ledger; `ledger/item.rs` shows how an entry is stored, `ledger/statements.rs` how many entries share a call, `ledger/group.rs` how writes gather for it, `ledger/commit.rs` what a cancelled transaction means |
//! | [`Writes`], [`Table`] (`writes.rs`, `table.rs`) | what a handler hands over to be committed with its completion |
//! | [`LetterTable`] (`letters.rs`) | the dead-letter table; `letters/item.rs` shows how a letter is stored, `letters/statements.rs` how many new ones share a call, `letters/causes.rs` what is kept of their causes |
//! | [`SqsMainQueue`], [`SqsDeadLetterQueue`], [`SqsOutbox`] (`queues.rs`) | the three parts that a queue plays |
//! | `letters/jobs.rs` | how a replay job is stored, in the same table |
//! | [`AwsGauges`] (`gauges.rs`) | what a job's guard reads: the backlog, and an alarm |
//! | [`AwsEventBus`] (`event_bus.rs`) | the bus on which other systems are told of letters and jobs |
//! | [`AwsClients`] (`clients.rs`) | clients, time limits and retries |
//! | `failure.rs` | what an error of the SDK means |
//!
//! What is told of a failure is the service's code, status and request id, never anything of a message.
//! Types of the SDK end here: the ports' methods take and give core's types only; constructors and [`Writes`] take
//! the SDK's.

mod ages;
mod batch_get;
mod clients;
mod event_bus;
mod failure;
mod gauges;
mod http;
mod item;
mod ledger;
mod letters;
mod partiql;
mod queues;
mod table;
mod writes;

pub use ages::{Ages, QueueAges};
pub use clients::{AwsClients, TraceOf};
pub use event_bus::AwsEventBus;
pub use failure::describe;
pub use gauges::AwsGauges;
pub use ledger::LedgerTable;
pub use letters::LetterTable;
pub use queues::{SqsDeadLetterQueue, SqsMainQueue, SqsOutbox};
pub use table::{ItemUpdate, Table, TableError};
pub use writes::{Write, Writes};
