//! The shell around the flows: what Lambda looks like, and nothing of what is decided.
//!
//! - [`event`] reads a batch as the event source mapping sends it, [`kafka_event`] and [`rabbitmq_event`] those of other sources,
//!   [`dead_topic_event`] one of a dead letter topic, [`doorbell`] whatever wakes the indexer;
//! - [`config`] is the only place where the environment is read, once, into core's types;
//! - [`telemetry`] writes log lines, [`metrics`] one line of numbers an invocation;
//! - [`run`] is the loop: an [`run::Invocation`] in, JSON or a [`run::InvocationFailure`] out, before the deadline.
//!
//! Knows neither the flows nor AWS's SDK: the facade `redrive` joins them.

pub mod config;
pub mod dead_queue_event;
pub mod dead_topic_event;
pub mod doorbell;
pub mod event;
pub mod kafka_event;
pub mod metrics;
pub mod rabbitmq_event;
pub mod run;
mod system;
pub mod telemetry;

pub use system::System;
