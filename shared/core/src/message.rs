//! A message, from the event of a queue to its key, type and hash. Knows no ledger and no letter.

pub mod batch;
pub mod broker_envelope;
pub mod broker_record;
pub mod decode;
pub mod envelope;
pub mod foreign;
pub mod hashing;
pub mod kafka_response;
pub mod key;
pub mod message_type;
pub mod pointer;
pub mod redrive;
mod redrive_name;
pub mod source;
pub mod stated_trace;
pub mod trace_context;
pub mod wrapping;
