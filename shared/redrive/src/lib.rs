//! Redrive: a dead-letter queue as a place that messages leave. This is the one crate that a function depends on.
//!
//! You bring a message type and a [`Handler`]; partial batches, retries with backoff, idempotency, error classes,
//! deadlines and the record of every failure are given:
//!
//! ```no_run
//! use redrive::dynamodb::{Table, Writes};
//! use redrive::{Context, Fault, Handler, ResultExt};
//!
//! #[derive(serde::Deserialize)]
//! struct Charge {
//!     order_id: String,
//! }
//!
//! struct Charger {
//!     orders: Table,
//! }
//!
//! impl Handler for Charger {
//!     type Message = Charge;
//!     type Effects = Writes;
//!
//!     async fn handle(&self, charge: &Charge, _: &Context) -> Result<Writes, Fault> {
//!         let row = self.orders.get(&charge.order_id).await.transient("orders-read")?;
//!         row.ok_or_else(|| Fault::transient("no-row", "order has no row yet"))?;
//!         // Committed together with the message's completion: once, however often the message comes.
//!         Ok(Writes::one(self.orders.update(&charge.order_id).add("charges", 1)))
//!     }
//! }
//!
//! fn main() -> Result<(), redrive::Error> {
//!     redrive::run(|aws| Ok(Charger { orders: aws.table("ORDERS_TABLE_NAME", "order_id")? }))
//! }
//! ```
//!
//! # What an answer leads to
//!
//! | the handler says | what follows |
//! |---|---|
//! | `Ok(writes)` | the writes and the completion are committed in one transaction, and the message is acknowledged |
//! | a TRANSIENT [`Fault`] | tried again by the schedule, until no attempt is left |
//! | a PERMANENT [`Fault`] | never run again: on its way to the dead-letter queue, with its reason |
//! | nothing within its time | TIMEOUT: tried again |
//!
//! An error of one's own says its class by [`Classify`]; any other is classified on the spot by [`ResultExt`].
//! [`Context`] has the key to hand on to services outside of the transaction, and the time that is left.
//!
//! # Where to begin
//!
//! - [`run`] takes what makes the handler; [`Aws`] is what it is made of: tables, settings, the SDK's configuration.
//! - [`dynamodb`] has the writes that are committed with a completion.
//! - The module `testing` (feature `testing`) runs a handler under every fault, in memory and in virtual time.
//!
//! # Features
//!
//! None is on by default.
//!
//! | feature | for |
//! |---|---|
//! | `kafka` | functions that take Kafka's records: `run_kafka`, and the client for the dead letter topic |
//! | `managed-instances` | functions on Lambda Managed Instances, where several invocations at once share one process |
//! | `rabbitmq` | functions that take RabbitMQ's messages: `run_rabbitmq`, and the client for delay queues and the dead letter queue |
//! | `testing` | tests of handlers; belongs among the `dev-dependencies`, since it brings tokio's paused time |
//!
//! # Limits
//!
//! A handler's effects are at most 99 writes. An error's text keeps 256 bytes, its code 48. A body is read to a depth of 127. Types of
//! AWS's SDK stand in [`dynamodb`], and in what [`Aws::dynamodb`] and [`Aws::config`] return, for clients of other services.
//!
//! # Several types, and the other functions
//!
//! Several types of messages in one queue go through [`Routes`]. Where a message says its type is configuration
//! (`MESSAGE_TYPE_AT`, `MESSAGE_TYPES`), since the indexer must know it without your code.
//!
//! It joins the three rooms that do not know each other: the flows (`redrive-engine`), the adapters (`redrive-aws`)
//! and the shell (`redrive-lambda`). [`run`] is the processor, [`run_indexer`] and [`run_replay`] are the other two
//! functions, which need nothing of yours. `run_kafka` (feature `kafka`) is the processor of a Kafka topic, with the same handler, and
//! `run_kafka_indexer` and `run_kafka_replay` are the indexer of its dead letter topic and the replay to the topic. `run_rabbitmq` (feature
//! `rabbitmq`) is the processor of a RabbitMQ queue, with `run_rabbitmq_indexer` and `run_rabbitmq_replay` beside it.

mod ages;
mod announcing;
mod aws;
#[cfg(any(feature = "kafka", feature = "rabbitmq"))]
mod broker_letters;
#[cfg(any(feature = "kafka", feature = "rabbitmq"))]
mod broker_settings;
mod error;
mod indexer;
#[cfg(feature = "kafka")]
mod kafka;
mod meter;
mod processor;
#[cfg(feature = "rabbitmq")]
mod rabbitmq;
mod replay;
#[cfg(any(test, feature = "testing"))]
pub mod testing;
mod traced;

pub use aws::Aws;
pub use error::Error;
pub use indexer::run_indexer;
#[cfg(feature = "kafka")]
pub use kafka::{run_kafka, run_kafka_indexer, run_kafka_replay};
pub use processor::run;
#[cfg(feature = "rabbitmq")]
pub use rabbitmq::{run_rabbitmq, run_rabbitmq_indexer, run_rabbitmq_replay};
pub use replay::run_replay;

/// The trace header of the message's invocation, for calls that a handler makes with clients of its own: where a process has several
/// invocations at once, the environment does not say it. The SDK's clients of [`Aws`] send it by themselves.
pub use redrive_engine::trace::current as trace_header;

pub use redrive_core::fault::{Class, Classify, Fault, ResultExt};
pub use redrive_core::message::trace_context::TraceContext;
pub use redrive_core::processing::handler::{Context, Dispatch, Handler};
pub use redrive_core::processing::mask::{Masks, Redaction};
pub use redrive_core::processing::routes::Routes;

/// Writes that happen together with a message's completion, and the tables that they go to.
pub mod dynamodb {
    pub use aws_sdk_dynamodb as sdk;
    pub use redrive_aws::{ItemUpdate, Table, TableError, Write, Writes};
}

/// Rust of the pages, compiled with the doctests.
#[cfg(doctest)]
mod pages {
    #[doc = include_str!("../../../README.md")]
    struct Readme;

    #[doc = include_str!("../../../docs/handler.md")]
    struct WriteYourHandler;

    #[cfg(feature = "testing")]
    #[doc = include_str!("../../../docs/testing.md")]
    struct TestYourHandler;
}
