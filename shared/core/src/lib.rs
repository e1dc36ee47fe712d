//! Redrive's ground floor: what a message, an attempt, a fault and a letter *are*, and every decision about them.
//!
//! Nothing here knows AWS, tokio, the environment or the clock: decisions are functions of what was read, and
//! the time is an argument. Whoever wants to know why a message was acknowledged, delayed or declared dead reads
//! this crate and nothing else.
//!
//! The way of a message, each stage consuming the type of the one before:
//! [`message::batch::Batch`] → [`message::envelope::Envelope`] → [`message::decode::Message`] or [`message::decode::Malformed`] →
//! [`processing::ledger::Claim`] → [`processing::ledger::Settlement`] → [`processing::outcome::Outcome`] → [`message::batch::Response`].
//! A dead one goes on: [`letters::admission::admit`] makes it a [`letters::letter::Letter`], and [`replay`] sends it back.

pub mod error_type;
pub mod fault;
pub mod fixture;
mod hex;
pub mod ids;
pub mod integration_event;
pub mod json;
pub mod kafka_security;
pub mod letters;
pub mod login;
pub mod message;
pub mod ports;
pub mod processing;
pub mod rabbit_endpoint;
pub mod replay;
pub mod settings;
mod text;
pub mod time;
