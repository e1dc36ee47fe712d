//! Redrive's ground floor: what a message, an attempt, a fault and a letter *are*, and every decision about them.
//!
//! Nothing here knows AWS, tokio, the environment or the clock: decisions are functions of what was read, and
//! the time is an argument. Whoever wants to know why a message was acknowledged, delayed or declared dead reads
//! this crate and nothing else.
//!
//! The way of a message, each stage consuming the type of the one before:
//! [`batch::Batch`] → [`envelope::Envelope`] → [`decode::Message`] or [`decode::Malformed`] →
//! [`ledger::Claim`] → [`ledger::Settlement`] → [`outcome::Outcome`] → [`batch::Response`].
//! A dead one goes on: [`admission::admit`] makes it a [`letter::Letter`], and [`replay`] sends it back.

pub mod admission;
pub mod backoff;
pub mod batch;
pub mod candidate;
pub mod cause;
pub mod decode;
pub mod doctor;
pub mod envelope;
pub mod error_type;
pub mod fault;
pub mod fingerprint;
pub mod foreign;
pub mod handler;
pub mod hashing;
pub mod ids;
pub mod job;
pub mod json;
pub mod key;
pub mod ledger;
pub mod letter;
pub mod mask;
pub mod message_type;
pub mod outcome;
pub mod pointer;
pub mod policy;
pub mod ports;
pub mod ramp;
pub mod reason;
pub mod redrive;
pub mod replay;
pub mod routes;
pub mod shape;
pub mod source;
mod text;
pub mod time;
pub mod wrapping;
